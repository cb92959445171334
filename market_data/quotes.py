"""One venue's row of prices, and the rules that decide whether it may win "best"."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from domain.instruments import OPTION, Instrument
from domain.money import rounded
from domain.quotes import CROSSED, EMPTY, OK, STALE, Quote
from domain.time import NS_PER_MS

BPS = Decimal(10_000)


class VenueRow:
    """One line of the answer. Prices are quote per asked base unit, sizes in asked base units, fees in basis points.

    `bid` and `ask` are what is compared between venues: the top of the book, or the price for the asked size after the
    taker fee. `bid_wins` and `ask_wins` say whether a side may be called best. `extra` are further keys of the JSON.
    """

    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    venue_time_ms: int | None = None
    received_at_ms: int | None = None
    age_ms: int | None = None
    latency_ms: float | None = None
    source: str | None = None
    bid_wins: bool = False
    ask_wins: bool = False
    tick_size: Decimal | None = None

    # No dataclass: making one of this size takes a millisecond of every start.
    def __init__(
        self,
        venue: str,
        symbol: str,
        status: str = OK,
        reason: str | None = None,
        *,
        taker_fee_bps: Decimal | None = None,
        maker_fee_bps: Decimal | None = None,
    ) -> None:
        self.venue = venue
        self.symbol = symbol
        self.status = status
        self.reason = reason
        self.taker_fee_bps = taker_fee_bps
        self.maker_fee_bps = maker_fee_bps
        self.extra: dict[str, Any] = {}

    def record(self) -> dict[str, Any]:
        """Return the row as it stands in JSON; `extra` keys follow the fixed ones."""
        keys = (
            "venue", "symbol", "status", "reason", "bid", "bid_size", "ask", "ask_size", "taker_fee_bps",
            "venue_time_ms", "received_at_ms", "age_ms", "latency_ms", "source", "maker_fee_bps",
        )  # fmt: skip
        return {key: getattr(self, key) for key in keys} | self.extra

    @property
    def taker_fee(self) -> Decimal | None:
        """The taker fee as a fraction."""
        return None if self.taker_fee_bps is None else self.taker_fee_bps / BPS


def fees_bps(instrument: Instrument, taker_bps: Decimal | None, maker_bps: Decimal | None) -> tuple[Any, Any]:
    """Return (taker, maker) in basis points: the user's own tier first, then what the venue publishes, else None.

    Options have none: venues charge a share of the underlying, capped by the premium, which is no share of the price.
    """
    if instrument.kind == OPTION:
        return None, None
    taker = taker_bps if taker_bps is not None else _bps(instrument.taker_fee)
    maker = maker_bps if maker_bps is not None else _bps(instrument.maker_fee)
    return taker, maker


def age_ms(venue_time_ns: int | None, received_at_ns: int, now_ns: int, clock_offset_ms: int) -> int:
    """Return how old data is: by the venue's time on our clock, and at least the time since it was received.

    `clock_offset_ms` is the venue's clock minus ours (0 where it was never measured). Without a venue time, the time
    since receipt is all we know.
    """
    since_receipt = now_ns - received_at_ns
    if venue_time_ns is None:
        return max(0, since_receipt) // NS_PER_MS
    by_venue = now_ns - (venue_time_ns - clock_offset_ms * NS_PER_MS)
    return max(0, since_receipt, by_venue) // NS_PER_MS


def fill_row(row: VenueRow, quote: Quote, *, now_ns: int, stale_after_ms: int, clock_offset_ms: int) -> None:
    """Put a quote into a row and judge it. A price without size behind it is no price."""
    row.bid, row.bid_size = _side(quote.bid, quote.bid_size)
    row.ask, row.ask_size = _side(quote.ask, quote.ask_size)
    row.venue_time_ms = None if quote.venue_time_ns is None else quote.venue_time_ns // NS_PER_MS
    row.received_at_ms = quote.received_at_ns // NS_PER_MS
    row.age_ms = age_ms(quote.venue_time_ns, quote.received_at_ns, now_ns, clock_offset_ms)
    row.source = quote.source
    row.status, row.reason = judged(row.bid, row.ask, row.age_ms, stale_after_ms)
    if row.status == OK:
        row.bid_wins, row.ask_wins = row.bid is not None, row.ask is not None
        if row.reason is None and row.bid_size is None and row.ask_size is None:
            row.reason = "indicative, no size"


def judged(bid: Decimal | None, ask: Decimal | None, age: int, stale_after_ms: int) -> tuple[str, str | None]:
    """Return (status, reason) of a top of book: empty, crossed in itself, stale, or ok.

    One side alone is ok, and wins on that side only. Bid equal to ask is ok: some venues quote without a spread.
    """
    if bid is None and ask is None:
        return EMPTY, "the book is empty"
    if bid is not None and ask is not None and bid > ask:
        return CROSSED, "its bid is above its ask"
    if age > stale_after_ms:
        return STALE, f"{age / 1000:.1f} s old, {stale_after_ms / 1000:g} s allowed"
    if bid is None:
        return OK, "no bids"
    if ask is None:
        return OK, "no asks"
    return OK, None


def able_bids(rows: Sequence[VenueRow]) -> list[VenueRow]:
    """List the rows whose bid may win. A price without a size is an indication: only where no venue shows a size."""
    able = [row for row in rows if row.bid_wins and row.bid is not None]
    return [row for row in able if row.bid_size is not None] or able


def able_asks(rows: Sequence[VenueRow]) -> list[VenueRow]:
    """List the rows whose ask may win, as `able_bids` does."""
    able = [row for row in rows if row.ask_wins and row.ask is not None]
    return [row for row in able if row.ask_size is not None] or able


def best_bid(rows: Sequence[VenueRow]) -> VenueRow | None:
    """Return the row with the highest bid that may win; the larger size decides between equal prices."""
    return max(able_bids(rows), key=lambda row: (row.bid, row.bid_size or 0), default=None)


def best_ask(rows: Sequence[VenueRow]) -> VenueRow | None:
    """Return the row with the lowest ask that may win; the larger size decides between equal prices."""
    return min(able_asks(rows), key=lambda row: (row.ask, -(row.ask_size or 0)), default=None)


def decimals_of(price: Decimal, tick_size: Decimal | None) -> int:
    """Return how many decimals a venue's price really has: those of its tick, or more where the price shows more.

    Zeros that a venue appends beyond its tick size (93905.70000000 where the tick is 0.01) do not count.
    """
    shown = price.normalize().as_tuple().exponent
    tick = tick_size.normalize().as_tuple().exponent if tick_size else 0
    return max(0, -shown if isinstance(shown, int) else 0, -tick if isinstance(tick, int) else 0)


def rounded_like(price: Decimal, model: Decimal | None, tick_size: Decimal | None, more: int) -> Decimal:
    """Round a worked-out price to `more` decimals than the venue's own prices have (8 where there is no model)."""
    places = 8 if model is None else decimals_of(model, tick_size) + more
    return rounded(price, places)


def mid_of(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """Return the middle of two prices, None unless both are there."""
    return None if bid is None or ask is None else (bid + ask) / 2


def spread_bps(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    """Return (ask - bid) / mid in basis points, to a thousandth; negative when the prices cross."""
    mid = mid_of(bid, ask)
    if not mid or bid is None or ask is None:
        return None
    return ((ask - bid) / mid * BPS).quantize(Decimal("0.001"))


def _side(price: Decimal | None, size: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    return (None, None) if size is not None and size <= 0 else (price, size)


def _bps(fee: Decimal | None) -> Decimal | None:
    return None if fee is None else fee * BPS


def priced_in(instrument: Instrument) -> str:
    """Tell the currency of an instrument's prices: the coin itself on options that settle in it."""
    coin = instrument.kind == OPTION and instrument.settle == instrument.base
    return instrument.base if coin else instrument.quote


def priced_in_text(rows: Sequence[VenueRow]) -> str:
    """Say for a heading what prices are in, where that is not the quote currency."""
    found = dict.fromkeys(row.extra["priced_in"] for row in rows if "priced_in" in row.extra)
    return f" (priced in {', '.join(found)})" if found else ""
