"""Deribit's rows of an account, read into the project's terms: orders, trades, positions, balances.

Sources: docs.deribit.com (private/get_order_state, get_user_trades_*, get_positions, get_account_summaries). ccxt drops
the label, the trigger price and the state `triggered`, and has no size of linear positions that is sure to be in coins,
so the rows are read here.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from domain.instruments import FUTURE, PERPETUAL, Instrument
from domain.money import to_decimal, to_decimal_or_none
from domain.orders import (
    BUY,
    CANCELLED,
    FILLED,
    FOK,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    OPEN,
    REGULAR,
    REJECTED,
    SELL,
    STOP,
    STOP_LIMIT,
    TRIGGER,
    Balance,
    Fill,
    KeyPermissions,
    OrderReport,
    Position,
)
from domain.time import read_ms

Row = Mapping[str, Any]

TRIGGERED_STATE = "triggered"
"""A trigger order that has made its order: what happens to that is said by a row with `trigger_order_id`."""
TIFS = {GTC: "good_til_cancelled", IOC: "immediate_or_cancel", FOK: "fill_or_kill"}
TYPES = {LIMIT: "limit", MARKET: "market", STOP: "stop_market", STOP_LIMIT: "stop_limit"}
_STATUSES = {
    "open": OPEN,
    "untriggered": OPEN,
    "filled": FILLED,
    "cancelled": CANCELLED,
    "rejected": REJECTED,
}
_TIF_OF = {name: tif for tif, name in TIFS.items()}
_TYPE_OF = {name: kind for kind, name in TYPES.items()}


def read_order(row: Row, instrument: Instrument) -> OrderReport:
    """Read an order. A state that says nothing final or open (`triggered`, `archive`) is None.

    Raises ValueError where there is no order id, or the row is about another instrument.
    """
    if not row.get("order_id") or row["instrument_name"] != instrument.native_id:
        raise ValueError("an order without id, or of another instrument")
    state = str(row["order_state"]).partition(":")[0]
    kind = _TYPE_OF.get(str(row.get("original_order_type") or row.get("order_type")))
    stop_price = to_decimal_or_none(row.get("trigger_price"))
    price = row.get("price")
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=str(row["order_id"]),
        client_id=str(row["label"]) if row.get("label") else None,
        status=_STATUSES.get(state),
        side=_side(row),
        type=kind,
        family=REGULAR if stop_price is None else TRIGGER,
        size=to_decimal_or_none(row.get("amount")),
        filled=to_decimal_or_none(row.get("filled_amount")),
        price=to_decimal(price) if kind in (LIMIT, STOP_LIMIT) and price not in (None, "market_price") else None,
        stop_price=stop_price,
        average_price=to_decimal_or_none(row.get("average_price")) or None,
        tif=_TIF_OF.get(str(row.get("time_in_force"))),
        post_only=row.get("post_only"),
        reduce_only=row.get("reduce_only"),
        created_ms=_ms(row.get("creation_timestamp")),
        updated_ms=_ms(row.get("last_update_timestamp")),
        reason=_reason(row),
    )


def read_trigger_entry(row: Row, instrument: Instrument) -> OrderReport:
    """Read what the trigger history says of a trigger order that ended without making an order."""
    order_id = row.get("trigger_order_id") or row.get("order_id")
    times = {"last_update_timestamp": row.get("last_update_timestamp") or row.get("timestamp")}
    return read_order({"filled_amount": 0, **row, **times, "order_id": order_id}, instrument)


def from_trades(rows: Iterable[Row], instrument: Instrument) -> OrderReport | None:
    """Say what trades tell about an order that no list has any more: its ids and what was filled, not its state."""
    found = [read_fill(row, instrument) for row in rows]
    if not found:
        return None
    filled = sum((fill.size for fill in found), Decimal(0))
    worth = sum(
        (fill.size / fill.price if instrument.inverse else fill.size * fill.price for fill in found), Decimal(0)
    )
    return OrderReport(
        venue=instrument.venue,
        symbol=instrument.symbol,
        order_id=found[0].order_id,
        client_id=found[0].client_id,
        side=found[0].side,
        filled=filled,
        average_price=filled / worth if instrument.inverse else worth / filled,
        updated_ms=max(fill.time_ms for fill in found),
        reason="known by its trades only",
    )


def read_fill(row: Row, instrument: Instrument) -> Fill:
    """Read an own trade; `fee` is positive where paid."""
    return Fill(
        venue=instrument.venue,
        symbol=instrument.symbol,
        trade_id=str(row["trade_id"]),
        order_id=str(row["order_id"]) if row.get("order_id") else None,
        client_id=str(row["label"]) if row.get("label") else None,
        side=_side(row),
        price=to_decimal(row["price"]),
        size=to_decimal(row["amount"]),
        fee=to_decimal_or_none(row.get("fee")),
        fee_currency=row.get("fee_currency"),
        maker=None if row.get("liquidity") is None else row["liquidity"] == "M",
        time_ms=read_ms(row["timestamp"]),
    )


def read_position(row: Row, instrument: Instrument) -> Position | None:
    """Read a position; None where it is flat. Sizes are signed and never multiplied by the contract size.

    `size` is USD on inverse futures and coins of options; of linear futures `size_currency` is what the documentation
    calls "position size in base currency".
    """
    linear = instrument.kind in (PERPETUAL, FUTURE) and not instrument.inverse
    size = to_decimal(row["size_currency"] if linear else row["size"])
    if not size:
        return None
    if row["direction"] == SELL:
        size = -abs(size)
    return Position(
        venue=instrument.venue,
        symbol=instrument.symbol,
        size=size,
        entry_price=to_decimal_or_none(row.get("average_price")) or None,
        mark_price=to_decimal_or_none(row.get("mark_price")) or None,
        liquidation_price=to_decimal_or_none(row.get("estimated_liquidation_price")) or None,
        leverage=to_decimal_or_none(row.get("leverage")),
        margin_mode="cross",
        # `floating_profit_loss` counts from the last daily settlement, `realized_profit_loss` as well.
        unrealized=to_decimal_or_none(row.get("total_profit_loss")),
    )


def session_funding(row: Row) -> Decimal:
    """Read what of a position's funding has come to in this session; it is in the equity, and not paid yet."""
    return to_decimal_or_none(row.get("realized_funding")) or Decimal(0)


def read_balance(row: Row, venue: str, accrued: Decimal) -> Balance | None:
    """Read a currency's summary; None where there is nothing. With cross collateral what is free is shared by all.

    Equity is `balance` (cash after the last daily settlement, which pays open gains, too), the session's gains of
    futures, and `options_value`. `futures_pl` is what open futures have gained since they were opened.

    Args:
        accrued: the funding of the running session, which is in the equity.
    """
    total, free = to_decimal(row["equity"]), to_decimal_or_none(row.get("available_funds"))
    if not total and not free:
        return None
    shared = bool(row.get("cross_collateral_enabled"))
    used = None if free is None or shared else total - free
    value = sum((to_decimal(row.get(name) or 0) for name in ("futures_pl", "options_value")), accrued)
    return Balance(venue, str(row["currency"]), free, used, total, positions_value=value)


def read_scope(scope: str) -> KeyPermissions:
    """Read what a key's scope allows: `trade:read_write` to trade, `wallet:read_write` to withdraw."""
    levels = dict(word.partition(":")[::2] for word in scope.split())
    reads = {"read", "read_write"}
    return KeyPermissions(
        read=levels.get("account") in reads and levels.get("trade") in reads,
        trade=levels.get("trade") == "read_write",
        withdraw=levels.get("wallet") == "read_write",
    )


def _side(row: Row) -> str:
    side = row["direction"]
    if side not in (BUY, SELL):
        raise ValueError("neither buy nor sell")
    return str(side)


def _reason(row: Row) -> str | None:
    """Give the venue's own word for the end, or say that an order has left its trigger order."""
    if row["order_state"] == TRIGGERED_STATE:
        return "triggered"
    rejected = str(row["order_state"]).partition(":")[2]
    return row.get("cancel_reason") or rejected or None


def _ms(value: object) -> int | None:
    return None if value is None else read_ms(value)
