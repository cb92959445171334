"""Orders, reports and fills as the tests of this package use them."""

from decimal import Decimal
from typing import Any

from domain.orders import BUY, LIMIT, Fill, OrderReport, OrderSpec
from order_management.event_data import fill_data, report_data, spec_data
from order_management.journal import OrderRecord
from order_management.lifecycle import Event
from order_management.order_states import INTENDED

VENUE, SYMBOL = "somewhere", "BTC/USDT"


def spec(client_id: str = "c1", size: str = "10", price: str | None = "100") -> OrderSpec:
    return OrderSpec(client_id, BUY, LIMIT, Decimal(size), None if price is None else Decimal(price))


def record(client_id: str = "c1", **other: Any) -> OrderRecord:
    values = {"venue": VENUE, "symbol": SYMBOL, "environment": "sim", "spec": spec(client_id), **other}
    return OrderRecord(client_id, **values)


def report(status: str | None = None, order_id: str | None = "v1", **other: Any) -> OrderReport:
    names = ("size", "filled", "price", "average_price")
    money = {name: Decimal(other.pop(name)) for name in names if name in other}
    return OrderReport(VENUE, SYMBOL, order_id, "c1", status=status, **money, **other)


def fill(trade_id: str, size: str = "1", price: str = "100", fee: str | None = "0.1", **other: Any) -> Fill:
    values: dict[str, Any] = {"order_id": "v1", "client_id": None, "time_ms": 1_000, **other}
    money = None if fee is None else Decimal(fee)
    return Fill(
        VENUE,
        values.pop("symbol", SYMBOL),
        trade_id,
        side=BUY,
        price=Decimal(price),
        size=Decimal(size),
        fee=money,
        fee_currency=None if fee is None else "USDT",
        maker=True,
        **values,
    )


def intended(inverse: bool = False, **other: Any) -> Event:
    return Event(INTENDED, 1, {"spec": spec_data(spec(**other)), **({"inverse": True} if inverse else {})})


def shown(kind: str, *args: Any, **other: Any) -> Event:
    return Event(kind, 2, report_data(report(*args, **other)))


def trade(*args: Any, **other: Any) -> Event:
    return Event("fill", 3, fill_data(fill(*args, **other)))
