"""Where a store keeps the order books of a series and day: keys of files and manifests, and the way back.

    order_books/2026-11-21/BTCUSDT-PERP/okx-130000.parquet      rows from 13:00:00 UTC on
    order_books/2026-11-21/BTCUSDT-PERP/okx-000000.c1.parquet   the day's files made one, for the first time
    order_books/2026-11-21/BTCUSDT-PERP/okx.manifest.json       what there is of that series and day

Symbols and folder names are one to one. The readable form is taken where it reads back as the same symbol; any other
symbol is percent-encoded as a whole (`BTC%2FUSTD`). That rule and `QUOTES` are part of the format: they never change.
"""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from domain.snapshots import SECOND_NS, Series
from utils.symbols.parts import Parts, parts_of

ROOT = "order_books"
DAY_S = 86_400
DAY_NS = DAY_S * SECOND_NS
QUOTES = (
    "FDUSD", "PYUSD", "USDT", "USDC", "USDE", "USD", "EUR", "BTC", "ETH", "BNB", "DAI", "GBP", "JPY", "AUD", "TRY",
    "BRL", "KRW", "CHF", "CAD", "SOL", "XRP", "EURC",
)  # fmt: skip
"""Quotes that a name may end with, unseparated; the first that fits is meant. `TUSD` is none: `DOTUSD` is DOT/USD."""
_FILE = re.compile(r"(?P<venue>.+)-(?P<start>[0-9]{6})(\.c(?P<compaction>[1-9][0-9]*))?\.parquet")
_PLAIN = re.compile(r"[A-Z0-9_][A-Z0-9._]*")
_MANIFEST = ".manifest.json"
_SLASH = "%2F"


class FileName(NamedTuple):
    """What the key of a file of rows says. `start` is HHMMSS; `compaction` counts (0: as it was published)."""

    series: Series
    day: str
    start: str
    compaction: int


def name_of(symbol: str) -> str:
    """Name the folder of a canonical symbol.

    >>> [name_of(each) for each in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC", "BTC/USD:BTC-261225-100000-C")]
    ['BTCUSDT', 'BTCUSDT-PERP', 'BTCUSD-BTC-PERP', 'BTCUSD-BTC-261225-100000-C']
    >>> name_of("BTC/USTD:USTD")
    'BTC%2FUSTD%3AUSTD'

    Raises:
        ValueError: it has no `/`, so it is no symbol.
    """
    if "/" not in symbol:
        raise ValueError(f"not a canonical symbol: {symbol!r}")
    parts = parts_of(symbol)
    readable = _readable(parts) if parts else None
    if readable is not None and _parsed(readable) == symbol:
        return readable
    return _encoded(symbol)


def symbol_of(name: str) -> str | None:
    """Read a folder's name back as the canonical symbol; None when it is no name of ours.

    >>> symbol_of("1000PEPEUSDT-PERP"), symbol_of("R_100USD"), symbol_of("BTC%2FUSTD"), symbol_of("notes")
    ('1000PEPE/USDT:USDT', 'R_100/USD', 'BTC/USTD', None)
    """
    symbol = unquote(name) if _SLASH in name else _parsed(name)
    # One to one: a name that we would not have given is somebody else's.
    return symbol if symbol is not None and name_of(symbol) == name else None


def day_of(time_ns: int) -> str:
    """Name the UTC day of an instant (ns since the epoch): `2026-11-21`."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%d")


def is_day(text: str) -> bool:
    """Tell whether a text is a day as keys write it."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def folder_key(series: Series, day: str) -> str:
    """Return the prefix of a symbol's folder in a day, with its `/`; files of other venues are there, too."""
    return f"{ROOT}/{day}/{name_of(series.symbol)}/"


def file_key(series: Series, first_ns: int, compaction: int = 0) -> str:
    """Return the key of the file whose first row is for that second.

    A day's files made one file are told apart by `compaction`, which counts from 1: the first of them begins at the
    same second.
    """
    start = datetime.fromtimestamp(first_ns // SECOND_NS, UTC).strftime("%H%M%S")
    again = f".c{compaction}" if compaction else ""
    return f"{folder_key(series, day_of(first_ns))}{_encoded(series.venue)}-{start}{again}.parquet"


def manifest_key(series: Series, day: str) -> str:
    """Return the key of a series' manifest of a day."""
    return f"{folder_key(series, day)}{_encoded(series.venue)}{_MANIFEST}"


def read_manifest_key(key: str) -> tuple[Series, str] | None:
    """Tell the series and day whose manifest has this key; None when it is no manifest's."""
    place = _place(key)
    if place is None or not place[2].endswith(_MANIFEST):
        return None
    day, symbol, file = place
    venue = _decoded(file.removesuffix(_MANIFEST))
    return (Series(venue, symbol), day) if venue else None


def read_file_key(key: str) -> FileName | None:
    """Tell what a file of rows holds by its key; None when it is no key of ours."""
    place = _place(key)
    found = _FILE.fullmatch(place[2]) if place else None
    if place is None or found is None:
        return None
    venue = _decoded(found["venue"])
    return FileName(Series(venue, place[1]), place[0], found["start"], int(found["compaction"] or 0)) if venue else None


def _place(key: str) -> tuple[str, str, str] | None:
    parts = key.split("/")
    if len(parts) != 4 or parts[0] != ROOT or not is_day(parts[1]):
        return None
    symbol = symbol_of(parts[2])
    return (parts[1], symbol, parts[3]) if symbol else None


def _readable(parts: Parts) -> str:
    pieces = [parts.base + parts.quote]
    if parts.settle is None:
        return pieces[0]
    if parts.settle != parts.quote:
        pieces.append(parts.settle)
    pieces += [parts.expiry or "PERP", *(piece for piece in (parts.strike, parts.option) if piece)]
    return "-".join(pieces)


def _parsed(name: str) -> str | None:
    """Read the readable form, whatever comes out of it; None when nothing does."""
    pair, *tail = name.split("-")
    quoted = next((each for each in QUOTES if pair.endswith(each) and pair != each), None)
    if quoted is None or not _PLAIN.fullmatch(pair):
        return None
    symbol = f"{pair.removesuffix(quoted)}/{quoted}"
    if tail:
        length = 1 if tail[-1] == "PERP" or len(tail) < 3 else 3
        settle = tail[:-length] or [quoted]
        if len(settle) != 1:
            return None
        contract = [] if tail[-1] == "PERP" else tail[-length:]
        symbol = f"{symbol}:{'-'.join(settle + contract)}"
    return symbol if parts_of(symbol) else None


def _encoded(text: str) -> str:
    """Percent-encode; a dot in front would hide the file."""
    encoded = quote(text, safe="")
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def _decoded(name: str) -> str | None:
    text = unquote(name)
    return text if text and _encoded(text) == name else None
