"""What fees in a third currency were worth when they were paid, by the venue's own market in that minute."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import CrossbookError, Refused
from domain.instruments import SPOT, Instrument
from domain.time import MS_PER_DAY, rfc3339
from monitoring.accounting.contract import Contract
from monitoring.accounting.exact import quotient, times
from monitoring.ledger.rows import RATE, Gap, KnownRate

if TYPE_CHECKING:
    from connectors.base import Connector
    from connectors.registry import Venues
    from monitoring.ledger.store import Ledger

MINUTE_MS = 60_000
BACK_MS = 60 * MINUTE_MS
"""How old the last price may be where nothing was traded in the minute itself."""
_BETWEEN = "USDT"
_ONE = Decimal(1)


class Leg(NamedTuple):
    """One market on the way from a currency to another; `inverted`: it prices the second in the first."""

    instrument: Instrument
    inverted: bool


class Found(NamedTuple):
    """What was found: how many new rates, what is missing, and what kept us from looking."""

    new: int
    gaps: list[Gap]
    error: CrossbookError | None = None


def read_rates(venues: "Venues", ledger: "Ledger", venue: str, tell: Callable[[str], None]) -> Found:
    """Find the rates that the ledger lacks for fees and funding in a third currency."""
    contracts = [Contract.of(item) for (at, _), item in ledger.instruments().items() if at == venue]
    own = {item.symbol: _own(item) for item in contracts}
    into = {item.symbol: item.currency for item in contracts}
    wanted: dict[tuple[str, str], set[int]] = {}
    for (symbol, currency), minutes in ledger.foreign_minutes(venue, own).items():
        wanted.setdefault((currency, into[symbol]), set()).update(minutes)
    if not wanted:
        return Found(0, [])
    known = ledger.rates()
    new, gaps = 0, []
    for (currency, target), times_wanted in sorted(wanted.items()):
        left = sorted(minute for minute in times_wanted if (venue, currency, target, minute) not in known)
        if not left:
            continue
        tell(f"reading what {currency} was worth in {target}")
        legs = route(venues, venue, currency, target)
        try:
            found = _rates(venues.connector(venue), legs, currency, target, left) if legs else []
        except Refused as error:
            gaps.append(_gap(venue, currency, target, left, error.message))
            continue
        except CrossbookError as error:
            return Found(new, gaps, error)
        new += ledger.add_rates(found)
        rest = sorted(set(left) - {rate.minute_ms for rate in found})
        if rest:
            why = "no price is known of that time" if legs else "there is no market that tells"
            gaps.append(_gap(venue, currency, target, rest, why))
    return Found(new, gaps)


def route(venues: "Venues", venue: str, currency: str, into: str) -> list[Leg]:
    """Find the markets that lead from a currency to another: one, or two over the usual dollar, or none."""
    direct = _leg(venues, venue, currency, into)
    if direct is not None:
        return [direct]
    first, second = _leg(venues, venue, currency, _BETWEEN), _leg(venues, venue, _BETWEEN, into)
    return [first, second] if first is not None and second is not None else []


def _own(contract: Contract) -> frozenset[str]:
    return frozenset({contract.currency, *([contract.base] if contract.kind == SPOT else [])})


def _leg(venues: "Venues", venue: str, currency: str, into: str) -> Leg | None:
    for symbol, inverted in ((f"{currency}/{into}", False), (f"{into}/{currency}", True)):
        found = venues.cache.find(venue, symbol)
        if found is not None:
            return Leg(found, inverted)
    return None


def _rates(
    connector: "Connector", legs: Sequence[Leg], currency: str, into: str, minutes: Sequence[int]
) -> list[KnownRate]:
    rates = []
    for _, day in groupby(minutes, lambda minute: minute // MS_PER_DAY):
        asked = list(day)
        closes = [connector.fetch_closes(leg.instrument, asked[0] - BACK_MS, asked[-1]) for leg in legs]
        for minute in asked:
            prices = [_last(found, minute) for found in closes]
            rate, words = _ONE, list[str]()
            for leg, at in zip(legs, prices, strict=True):
                if at is None or not (price := closes[len(words)][at]):
                    break
                rate = quotient(rate, price) if leg.inverted else times(rate, price)
                moment = "" if at == minute else f" of {rfc3339(at)[11:16]}Z"
                words.append(f"{leg.instrument.symbol} close{moment}")
            else:
                rates.append(KnownRate(connector.venue, currency, into, minute, quotient(rate, _ONE), ", ".join(words)))
    return rates


def _last(closes: Iterable[int], minute: int) -> int | None:
    """Find the last minute with a price, up to the one that is wanted."""
    return max((at for at in closes if minute - BACK_MS <= at <= minute), default=None)


def _gap(venue: str, currency: str, into: str, minutes: Sequence[int], why: str) -> Gap:
    text = f"What {currency} was worth in {into} is not known ({why}): fees or funding in {currency} have no value."
    return Gap(venue, None, RATE, text, minutes[0], minutes[-1])
