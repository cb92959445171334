"""Deribit's transaction log: trades, daily settlements and deliveries, each with what it changed in the cash balance.

Source: docs.deribit.com (private/get_transaction_log). `change` of a trade is its fee, and the premium of an option;
of a settlement the session's gains with its funding (`interest_pl` since the entry before, `total_interest_pl` of the
session). Deposits are entries, too.
"""

from collections.abc import Iterator

from simulator.exchange.exchange import Exchange
from simulator.exchange.model import BUY, Fill
from simulator.exchange.terms import ZERO, Terms
from simulator.market.known import known
from simulator.market.model import OPTION, PERPETUAL, SPOT, Listing
from simulator.venues import deribit_order_shapes as shapes
from simulator.venues.deribit_order_shapes import exact
from simulator.venues.deribit_orders import Catalogue
from simulator.venues.deribit_rpc import Call, Row, integer_of, invalid, text_of
from simulator.venues.deribit_sessions import DELIVERY, NOW, TRADE, History, Step

_MOST = 250


class TransactionLog:
    """private/get_transaction_log."""

    def __init__(self, exchange: Exchange, catalogue: Catalogue, currencies: list[str]) -> None:
        self._exchange = exchange
        self._catalogue = catalogue
        self._currencies = currencies

    def page(self, call: Call) -> object:
        """List the entries of a currency, newest first; a continuation is the next entry's id."""
        currency = text_of(call.params, "currency", self._currencies)
        start_ms, end_ms = integer_of(call.params, "start_timestamp"), integer_of(call.params, "end_timestamp")
        count = integer_of(call.params, "count", 100)
        if not 1 <= count <= _MOST:
            raise invalid("count", f"must be between 1 and {_MOST}")
        words = str(call.params.get("query") or "").split()
        rows = [
            row
            for row in self._entries(call, currency)
            if start_ms <= _whole(row["timestamp"]) <= end_ms and all(_speaks_of(row, word) for word in words)
        ]
        rows.sort(key=lambda row: (_whole(row["timestamp"]), _whole(row["id"])), reverse=True)
        first = integer_of(call.params, "continuation", 0)
        place = next((at for at, row in enumerate(rows) if row["id"] == first), 0 if not first else len(rows))
        following = rows[place + count : place + count + 1]
        return {
            "logs": rows[place : place + count],
            "continuation": following[0]["id"] if following else None,
        }

    def _entries(self, call: Call, currency: str) -> Iterator[Row]:
        for moved in self._exchange.transfers(call.caller, call.now_ms):
            if moved.currency == currency:
                entry: Row = {"id": _wire_id(moved.time_ms, moved.id), "type": moved.kind, "timestamp": moved.time_ms}
                entry |= {"currency": currency, "side": "-", "user_role": "-", "instrument_name": None}
                yield entry | {"commission": 0, "change": exact(moved.amount), "cashflow": exact(moved.amount)}
        history = History(self._exchange, call.caller, self._catalogue.by_name, call.now_ms)
        for listing in history.listings():
            if not self._catalogue.settled_in(listing, currency):
                continue
            for step in history.steps(listing):
                if isinstance(step.what, Fill) and step.kind == TRADE:
                    yield _trade(listing, step.what, step, currency)
                elif step.kind == DELIVERY:
                    yield _delivery(listing, step, self._index(listing, step.at_ms))
                elif step.kind != NOW:
                    yield _settlement(listing, step)

    def _index(self, listing: Listing, at_ms: int) -> str | None:
        return known(lambda: self._exchange.market.index_price(listing, at_ms))


def _trade(listing: Listing, fill: Fill, step: Step, currency: str) -> Row:
    opens = not step.size or abs(step.size) >= fill.size
    signed = fill.size if fill.side == BUY else -fill.size
    value = Terms(listing, "").value(fill.size, fill.price)
    flow = step.gained
    if listing.kind == SPOT:
        flow = signed if currency == listing.base else -value if fill.side == BUY else value
    elif listing.kind == OPTION:
        flow = -value if fill.side == BUY else value
    fee = fill.fee if currency == fill.fee_currency else ZERO
    moved = flow if listing.kind in (SPOT, OPTION) else ZERO
    row: Row = {
        "id": fill.number * 1000 + (currency == listing.base and listing.kind == SPOT),
        "type": TRADE,
        "timestamp": fill.time_ms,
        "instrument_name": listing.native_id,
        "currency": currency,
        "trade_id": shapes.trade_id(fill, listing),
        "order_id": shapes.plain_id(fill.order_id, listing),
        "side": f"{'open' if opens else 'close'} {fill.side}",
        "amount": shapes.number(fill.size),
        "price": shapes.number(fill.price),
        "position": shapes.number(step.size),
        "commission": exact(fee),
        "change": exact(moved - fee),
        "cashflow": exact(flow),
        "user_role": "maker" if fill.maker else "taker",
    }
    return row | (_interest(step) if listing.kind == PERPETUAL else {})


def _settlement(listing: Listing, step: Step) -> Row:
    row: Row = {
        "id": _wire_id(step.at_ms, listing.native_id),
        "type": step.kind,
        "timestamp": step.at_ms,
        "instrument_name": listing.native_id,
        "currency": listing.settle,
        "side": "long" if step.size > 0 else "short" if step.size < 0 else "-",
        "position": shapes.number(step.size),
        "amount": shapes.number(abs(step.size)),
        "price": shapes.number(step.price),
        "change": exact(step.gained + step.open_gain + step.funding),
        "cashflow": exact(step.gained + step.open_gain + step.funding),
        "session_rpl": exact(step.gained + step.funding),
        "session_upl": exact(step.open_gain),
        "commission": None,
        "trade_id": None,
        "order_id": None,
        "user_role": "-",
    }
    return row | (_interest(step) if listing.kind == PERPETUAL else {})


def _delivery(listing: Listing, step: Step, index: str | None) -> Row:
    """Write how a position ended: of an option what it is worth, of a future what it gained since the settlement."""
    paid = step.gained + step.open_gain
    if listing.kind == OPTION:
        worth = Terms(listing, "").value(abs(step.size), step.price)
        paid = worth if step.size > 0 else -worth
    return _settlement(listing, step) | {
        "side": "close sell" if step.size > 0 else "close buy",
        "position": 0.0,
        "commission": 0.0,
        "change": exact(paid),
        "cashflow": exact(paid),
        "settlement_price": shapes.number(step.price),
        "index_price": None if index is None else float(index),
    }


def _interest(step: Step) -> Row:
    return {"interest_pl": exact(step.interest), "total_interest_pl": exact(step.funding)}


def _wire_id(at_ms: int, name: str) -> int:
    """Number an entry by its moment and what it is about, alike each time it is asked for."""
    return at_ms * 1000 + sum(place * letter for place, letter in enumerate(name.encode(), 1)) % 997


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _speaks_of(row: Row, word: str) -> bool:
    return word in (row["type"], row["user_role"]) or word in str(row["side"]).split()
