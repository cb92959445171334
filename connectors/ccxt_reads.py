"""ccxt's unified answers as ours. Pure; raises what a parser raises on an unexpected shape."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.books import REST, Book, Levels
from domain.funding import Funding, FundingPoint, check_rate
from domain.instruments import Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.quotes import Quote
from domain.time import NS_PER_MS, read_ms

Raw = Mapping[str, Any]
_HOURS = {"m": Decimal(1) / 60, "h": Decimal(1), "d": Decimal(24)}


def read_book(raw: Raw, item: Instrument, received_at_ns: int) -> Book:
    """Read `fetch_order_book`. ccxt has sorted prices that are text as text, so they are sorted again here."""
    moment, sequence = raw.get("timestamp"), raw.get("nonce")
    return Book(
        venue=item.venue,
        symbol=item.symbol,
        bids=_levels(raw["bids"], item, falling=True),
        asks=_levels(raw["asks"], item, falling=False),
        received_at_ns=received_at_ns,
        venue_time_ns=None if moment is None else read_ms(moment) * NS_PER_MS,
        sequence=None if sequence is None else int(sequence),
        source=REST,
    )


def read_ticker(raw: Raw, item: Instrument, received_at_ns: int) -> Quote:
    """Read the best bid and ask of `fetch_ticker`."""
    moment = raw.get("timestamp")
    bid, ask = to_decimal_or_none(raw.get("bid")), to_decimal_or_none(raw.get("ask"))
    return Quote(
        venue=item.venue,
        symbol=item.symbol,
        bid=bid,
        bid_size=_base_size(raw.get("bidVolume"), bid, item),
        ask=ask,
        ask_size=_base_size(raw.get("askVolume"), ask, item),
        received_at_ns=received_at_ns,
        venue_time_ns=None if moment is None else read_ms(moment) * NS_PER_MS,
        source=REST,
    )


def read_funding(raw: Raw, item: Instrument, received_at_ns: int) -> Funding:
    """Read `fetch_funding_rate`; an interval that the exchange does not declare stays None.

    Some classes give the last settlement's time instead of the next one's: what has passed is not coming.
    """
    moment = raw.get("fundingTimestamp")
    coming = None if moment is None or read_ms(moment) * NS_PER_MS < received_at_ns else read_ms(moment)
    found = Funding(
        venue=item.venue,
        symbol=item.symbol,
        current=to_decimal_or_none(raw.get("fundingRate")),
        predicted=to_decimal_or_none(raw.get("nextFundingRate")),
        interval_h=read_interval(raw.get("interval")),
        next_time_ms=coming,
        continuous=False,
        mark_price=to_decimal_or_none(raw.get("markPrice")),
        index_price=to_decimal_or_none(raw.get("indexPrice")),
        received_at_ns=received_at_ns,
    )
    check_rate(found.current, found.interval_h)
    check_rate(found.predicted, None)
    return found


def read_point(raw: Raw) -> FundingPoint:
    """Read one row of `fetch_funding_rate_history`."""
    found = FundingPoint(time_ms=read_ms(raw["timestamp"]), rate=to_decimal(raw["fundingRate"]))
    check_rate(found.rate, None)
    return found


def read_interval(text: object) -> Decimal | None:
    """Read ccxt's `8h`, `30m` or `1d` as hours."""
    if not isinstance(text, str) or text[-1:] not in _HOURS:
        return None
    return to_decimal(text[:-1]) * _HOURS[text[-1]]


def _levels(rows: Sequence[Sequence[Any]], item: Instrument, *, falling: bool) -> Levels:
    numbers = [(to_decimal(row[0]), to_decimal(row[1])) for row in rows]
    numbers.sort(key=lambda level: level[0], reverse=falling)
    return Levels(numbers, unit_size=item.unit_size, inverse=item.inverse)


def _base_size(size: object, price: Decimal | None, item: Instrument) -> Decimal | None:
    number = to_decimal_or_none(size)
    if number is None or price is None or price <= 0:
        return None
    return number * item.unit_size / price if item.inverse else number * item.unit_size
