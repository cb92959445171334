"""KuCoin's own trades in futures: `/api/v1/fills` of the futures host, of one contract or of all.

Source: docs.kucoin.com, Futures Trading. A position that ended by expiry is a trade of the type `settlement` there.
"""

from simulator.exchange.model import BUY, SELL, Fill, FundingPayment
from simulator.venues.kucoin_futures_orders import FUTURES
from simulator.venues.kucoin_futures_rows import fill_row, read_id, settlement_row
from simulator.venues.kucoin_private import Call, page_of, span
from simulator.venues.kucoin_wire import Row


def fills(call: Call) -> Row:
    """List own trades and settlements at expiry, newest first, in pages."""
    given, symbol = call.given, call.narrowed(FUTURES)
    order_id = read_id(str(given["orderId"])) if given.get("orderId") else None
    start_ms, end_ms = span(given, call.now_ms)
    found: list[Fill | FundingPayment] = [
        *call.exchange.fills(call.account, call.now_ms, product=FUTURES, native_id=symbol, order_id=order_id)
    ]
    if not order_id:
        found += call.exchange.deliveries(call.account, call.now_ms, product=FUTURES, native_id=symbol)
        found = [each for each in found if start_ms <= each.time_ms <= end_ms]
    found = [each for each in found if given.get("side") in (None, "", _side(each))]
    rows = sorted(found, key=lambda each: (each.time_ms, each.number), reverse=True)
    return page_of(rows, given, lambda each: _row(call, each), 1_000)


def _side(done: Fill | FundingPayment) -> str:
    if isinstance(done, Fill):
        return done.side
    return SELL if done.size > 0 else BUY


def _row(call: Call, done: Fill | FundingPayment) -> Row:
    listing = call.venue.by_id[(FUTURES, done.native_id)]
    if isinstance(done, FundingPayment):
        return settlement_row(done, listing)
    order = call.exchange.find(call.account, call.now_ms, order_id=done.order_id)
    assert order is not None
    return fill_row(done, order, listing)
