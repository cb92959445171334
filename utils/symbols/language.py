"""Reading the symbols that people and venues write, against what the venues list. Pure: no venue, no wire.

Canonical symbols are ccxt's unified ones: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC-261225`,
`BTC/USD:BTC-261225-100000-C`. Native ids are accepted too, in any case, with or without separators.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.errors import AmbiguousSymbol, UnknownSymbol, UsageError
from domain.instruments import SPOT, Instrument
from utils.symbols.parts import MAX_LENGTH, canonical, respelled

_SEPARATORS = re.compile(r"[-_/:\s]+")


@dataclass(frozen=True)
class Match:
    """What a text means: a canonical symbol, and other instruments that venues give the very same id."""

    symbol: str
    also: tuple[str, ...] = ()


def squeezed(text: str) -> str:
    """Drop case and separators, for comparing ids: `btc-usdt` and `BTC_USDT` are both `BTCUSDT`."""
    return _SEPARATORS.sub("", text).upper()


def read(text: str, instruments: Iterable[Instrument]) -> Match:
    """Find which canonical symbol a text means among these instruments.

    A canonical symbol is itself. A native id, written exactly, comes next; then an id or symbol without its
    separators; a bare asset is ambiguous. Where one venue gives spot and a derivative the very same id, spot is
    meant and the others are named in `also`.

    Raises:
        AmbiguousSymbol: with the candidates, when several instruments fit.
        UnknownSymbol: with the nearest, when none does.
        UsageError: for empty or overlong text.
    """
    if not text.strip() or len(text) > MAX_LENGTH:
        raise UsageError(f"A symbol has 1 to {MAX_LENGTH} characters.", hint="For example BTC/USDT.")
    listed = list(instruments)
    wanted = canonical(text)
    if wanted and any(instrument.symbol == wanted for instrument in listed):
        return Match(wanted)
    for fits in (
        [i for i in listed if i.native_id == text.strip()],
        [i for i in listed if squeezed(i.native_id) == squeezed(text)],
        [i for i in listed if i.kind == SPOT and squeezed(i.symbol) == squeezed(text)],
    ):
        if fits:
            return _choose(text, fits)
    if respelled(text.strip()) != text.strip():
        return read(respelled(text.strip()), listed)
    assets = sorted({i.symbol for i in listed if squeezed(text) in (i.asset, i.base)})
    if assets:
        spots = [s for s in assets if ":" not in s]
        raise AmbiguousSymbol(f"'{text}' is an asset, not an instrument.", candidates=(spots or assets)[:12])
    raise UnknownSymbol(f"No venue that was asked lists '{text}'.", nearest=nearest(text, {i.symbol for i in listed}))


def nearest(text: str, symbols: Iterable[str], count: int = 5) -> list[str]:
    """List the symbols closest to a text, the closest first."""
    import difflib

    plain = {squeezed(symbol): symbol for symbol in sorted(symbols, reverse=True)}
    found = difflib.get_close_matches(squeezed(text), plain, n=count, cutoff=0.5)
    return [plain[name] for name in found]


def _choose(text: str, fits: Sequence[Instrument]) -> Match:
    symbols = list(dict.fromkeys(i.symbol for i in fits))
    if len(symbols) == 1:
        return Match(symbols[0])
    spots = [s for s in symbols if ":" not in s]
    same_id = all(len({i.native_id for i in fits if i.venue == venue}) == 1 for venue in {i.venue for i in fits})
    if len(spots) == 1 and same_id:
        return Match(spots[0], also=tuple(s for s in symbols if s not in spots))
    raise AmbiguousSymbol(f"'{text}' names several instruments.", candidates=symbols[:12])
