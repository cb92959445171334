"""Which of a venue's instruments a symbol means, and in which units it must be shown to be comparable."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import UnknownSymbol
from domain.instruments import Instrument
from utils.symbols.parts import DOLLARS, canonical

if TYPE_CHECKING:
    from connectors.market_cache import MarketCache

NUMERAIRES = ("USDT", "USDC", "USD")
ONE = Decimal(1)


class Listed(NamedTuple):
    """A venue's instrument and the factors that express it per asked base unit (`1000PEPE` shown per `PEPE`)."""

    instrument: Instrument
    price_factor: Decimal = ONE
    size_factor: Decimal = ONE

    @property
    def rescaled(self) -> bool:
        """Say whether the venue counts in other units than were asked for."""
        return self.price_factor != 1


class Target:
    """What was asked for, at whom: `listed` by venue, `near` (the same thing against another dollar) where not.

    `also` are the books in other dollars, where a numeraire was asked for.
    """

    def __init__(
        self,
        symbol: str,
        asset: str,
        multiplier: int,
        listed: Mapping[str, Listed],
        near: Mapping[str, str],
        also: Sequence[Listed],
        notes: Sequence[str],
    ) -> None:
        self.symbol = symbol
        self.asset = asset
        self.multiplier = multiplier
        self.quote = symbol.partition("/")[2].partition(":")[0]
        self.listed = listed
        self.near = near
        self.also = also
        self.notes = notes


def locate(lists: "MarketCache", names: Sequence[str], text: str, *, other_dollars: bool = False) -> Target:
    """Find the instrument that a text (canonical symbol or native id) means at each venue.

    The same instrument has the same asset, quote, settlement, expiry, strike and type; its multiplier may differ.

    Raises:
        UnknownSymbol: when no venue lists it (with near matches and the nearest symbols).
        AmbiguousSymbol: when the text fits several instruments (with the candidates).
    """
    symbol, notes = _meaning(lists, names, text)
    exact = lists.find_everywhere(list(names), symbol)
    base, _, tail = symbol.partition("/")
    known = next(iter(exact.values()), None)
    multiplier, asset = (known.multiplier, known.asset) if known else _split(base)
    listed = {name: _listed(instrument, multiplier) for name, instrument in exact.items()}
    near: dict[str, str] = {}
    also: list[Listed] = []
    for name in names:
        if name in listed and not other_dollars:
            continue
        instruments = lists.by_asset(name, asset)
        if name not in listed and (same := _closest_unit((i for i in instruments if _tail(i) == tail), multiplier)):
            listed[name] = _listed(same, multiplier)
        others = _in_other_dollars(instruments, tail)
        if other_dollars:
            also += [_listed(i, multiplier) for i in others if i.quote in NUMERAIRES]
        if name not in listed and others:
            near[name] = others[0].symbol
    ordered = {name: listed[name] for name in names if name in listed}
    return Target(symbol, asset, multiplier, ordered, near, also, notes)


def unknown(lists: "MarketCache", names: Sequence[str], target: Target) -> UnknownSymbol:
    """Build the error for a symbol that no asked venue lists."""
    from utils.symbols.language import nearest

    close = list(dict.fromkeys(target.near.values()))
    if not close:
        close = nearest(target.symbol, {symbol for name in names for symbol in lists.symbols(name)})
    where = names[0] if len(names) == 1 else "No venue that was asked"
    verb = "does not list" if len(names) == 1 else "lists"
    return UnknownSymbol(f"{where} {verb} {target.symbol}.", nearest=close, venue=names[0] if len(names) == 1 else None)


def _meaning(lists: "MarketCache", names: Sequence[str], text: str) -> tuple[str, list[str]]:
    if symbol := canonical(text):
        return symbol, []
    from utils.symbols.language import read

    exact = [i for name in names for i in lists.by_native(name, text.strip())]
    match = read(text, exact or [i for name in names for i in lists.all(name)])
    notes = [f"{text} was read as {match.symbol}."]
    if match.also:
        notes.append(f"The same id also names {', '.join(match.also)}.")
    return match.symbol, notes


def _split(base: str) -> tuple[int, str]:
    from utils.symbols.multipliers import split_multiplier

    return split_multiplier(base)


def _listed(instrument: Instrument, multiplier: int) -> Listed:
    if instrument.multiplier == multiplier:
        return Listed(instrument)
    return Listed(instrument, Decimal(multiplier) / instrument.multiplier, Decimal(instrument.multiplier) / multiplier)


def _closest_unit(instruments: Iterable[Instrument], multiplier: int) -> Instrument | None:
    return min(instruments, key=lambda i: (i.multiplier != multiplier, i.multiplier), default=None)


def _tail(instrument: Instrument) -> str:
    return instrument.symbol.partition("/")[2]


def _in_other_dollars(instruments: Iterable[Instrument], tail: str) -> list[Instrument]:
    """List the same thing against other dollars, the likeliest first; nothing where no dollar was asked for."""
    quote, _, settled = tail.partition(":")
    if quote not in DOLLARS:
        return []
    settle, _, rest = settled.partition("-")
    found = []
    for instrument in instruments:
        if instrument.quote not in DOLLARS or _tail(instrument) == tail:
            continue
        other_settle, _, other_rest = _tail(instrument).partition(":")[2].partition("-")
        if bool(settle) == bool(other_settle) and rest == other_rest:
            found.append(instrument)
    order = {quote: -1} | {currency: place for place, currency in enumerate(NUMERAIRES)}
    return sorted(found, key=lambda i: (i.inverse, order.get(i.quote, 9), i.symbol))
