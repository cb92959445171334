"""The form of a canonical symbol. Light on purpose: every command that names a symbol reads one."""

from typing import NamedTuple

MAX_LENGTH = 64
DOLLARS = frozenset({"USD", "USDT", "USDC", "DAI", "FDUSD", "TUSD", "PYUSD", "USDE"})
"""Currencies that aim at one US dollar: near matches, never the same thing."""


class Parts(NamedTuple):
    """A canonical symbol taken apart, as text: `BTC/USD:BTC-261225-100000-C`; what it lacks is None."""

    base: str
    quote: str
    settle: str | None = None
    expiry: str | None = None
    strike: str | None = None
    option: str | None = None


def parts_of(symbol: str) -> Parts | None:
    """Take a canonical symbol apart, or return None when the text does not have that form."""
    if len(symbol) > MAX_LENGTH or not symbol.isascii():
        return None
    base, slash, rest = symbol.partition("/")
    quote, colon, tail = rest.partition(":")
    if not (slash and _is_code(quote) and base and _is_code(base.translate(_ALLOWED_IN_BASE))):
        return None
    if not colon:
        return Parts(base, quote)
    settle, *more = tail.split("-")
    dated = bool(more) and len(more[0]) == 6 and more[0].isdigit()
    option = len(more) == 3 and _is_strike(more[1]) and more[2] in ("C", "P")
    if not _is_code(settle) or (more and not (dated and (len(more) == 1 or option))):
        return None
    return Parts(base, quote, settle, *more)


def canonical(text: str) -> str | None:
    """Return a text in canonical form when it has that form (any case), else None.

    >>> canonical("xbt/usdt"), canonical("kPEPE/USDT:USDT"), canonical("BTCUSDT")
    ('BTC/USDT', '1000PEPE/USDT:USDT', None)
    """
    text = respelled(text.strip()).upper()
    return text if parts_of(text) else None


def respelled(text: str) -> str:
    """Write the code that a text begins with as canonical symbols do: `XBT…` as `BTC…`, `kPEPE…` as `1000PEPE…`."""
    code = _OTHER_CODES.get(text[:3].upper())
    if code:
        return code + text[3:]
    thousands = text[:1] == "k" and len(text) > 2 and text[1:3].isalpha() and text[1:3].isupper()
    return f"1000{text[1:]}" if thousands else text


_OTHER_CODES = {"XBT": "BTC", "XDG": "DOGE"}  # X for what is no country's money (ISO 4217); some venues keep to it
_ALLOWED_IN_BASE = str.maketrans("", "", "._$-")


def _is_code(text: str) -> bool:
    return 0 < len(text) <= 40 and text.isalnum() and text == text.upper()


def _is_strike(text: str) -> bool:
    whole, point, fraction = text.partition(".")
    return whole.isdigit() and (not point or fraction.isdigit())
