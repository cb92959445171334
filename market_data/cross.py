"""What two venues whose prices cross would earn, after both taker fees."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from market_data.quotes import VenueRow, able_asks, able_bids, best_ask, best_bid


class Cross(NamedTuple):
    """Buy at one venue, sell at the other. Money is in quote; `net_…` is None where a fee is unknown."""

    buy_venue: str
    buy_symbol: str
    sell_venue: str
    sell_symbol: str
    buy_price: Decimal
    sell_price: Decimal
    gross_per_unit: Decimal
    net_per_unit: Decimal | None
    size: Decimal | None
    net: Decimal | None

    def record(self) -> dict[str, Any]:
        """Return the cross as it stands in JSON."""
        return self._asdict()


def find_cross(rows: Sequence[VenueRow]) -> Cross | None:
    """Find the crossing that earns most among tops of books (raw prices), or None where no two venues cross.

    The pair that earns most after both fees is told; where a fee is unknown, the pair with the widest crossing.
    """
    bid, ask = best_bid(rows), best_ask(rows)
    if bid is None or ask is None or bid.bid is None or ask.ask is None or bid.bid <= ask.ask:
        return None
    pairs = [
        _pair(buy, sell)
        for buy in able_asks(rows)
        for sell in able_bids(rows)
        if buy.ask and sell.bid and sell.bid > buy.ask
    ]
    known = [pair for pair in pairs if pair.net_per_unit is not None]
    if known:
        return max(known, key=lambda pair: pair.net_per_unit or Decimal(0))
    return max(pairs, key=lambda pair: pair.gross_per_unit)


def cross_of_sized(bid: VenueRow | None, ask: VenueRow | None) -> Cross | None:
    """Tell what crossing two prices for a size earns, or None where they do not cross after fees."""
    if bid is None or ask is None or bid.bid is None or ask.ask is None or bid.bid <= ask.ask:
        return None
    high, low = bid.extra["bid_before_fee"], ask.extra["ask_before_fee"]
    size = min(bid.bid_size or Decimal(0), ask.ask_size or Decimal(0))
    net = bid.bid - ask.ask
    return Cross(ask.venue, ask.symbol, bid.venue, bid.symbol, low, high, high - low, net, size, net * size)


def _pair(buy: VenueRow, sell: VenueRow) -> Cross:
    low, high = buy.ask or Decimal(0), sell.bid or Decimal(0)
    gross = high - low
    net = None
    if buy.taker_fee is not None and sell.taker_fee is not None:
        net = high * (1 - sell.taker_fee) - low * (1 + buy.taker_fee)
    size = None if buy.ask_size is None or sell.bid_size is None else min(buy.ask_size, sell.bid_size)
    earned = None if net is None or size is None else net * size
    return Cross(buy.venue, buy.symbol, sell.venue, sell.symbol, low, high, gross, net, size, earned)
