"""Orders, reports and fills as JSON-able data and back, exactly: decimals as plain text, what is absent left out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.money import plain
from domain.orders import GTC, REGULAR, Fill, OrderReport, OrderSpec

_SPEC_MONEY = ("price", "stop_price")
_REPORT_MONEY = ("size", "filled", "price", "stop_price", "average_price")
_REPORT_REST = (
    *("order_id", "client_id", "status", "side", "type", "tif", "post_only", "reduce_only"),
    *("created_ms", "updated_ms", "reason"),
)
_FILL_REST = ("venue", "symbol", "trade_id", "order_id", "client_id", "side", "fee_currency", "maker", "time_ms")


def spec_data(spec: OrderSpec) -> dict[str, Any]:
    """Write an order as it is to be sent; what is as usual (good till cancelled, no flags) is left out."""
    data: dict[str, Any] = {
        "client_id": spec.client_id,
        "side": spec.side,
        "type": spec.type,
        "size": plain(spec.size),
    }
    _put_money(data, spec, _SPEC_MONEY)
    if spec.tif != GTC:
        data["tif"] = spec.tif
    if spec.post_only:
        data["post_only"] = True
    if spec.reduce_only:
        data["reduce_only"] = True
    return data


def spec_of(data: Mapping[str, Any]) -> OrderSpec:
    """Read what `spec_data` wrote."""
    return OrderSpec(
        client_id=data["client_id"],
        side=data["side"],
        type=data["type"],
        size=Decimal(data["size"]),
        price=_money(data, "price"),
        stop_price=_money(data, "stop_price"),
        tif=data.get("tif", GTC),
        post_only=data.get("post_only", False),
        reduce_only=data.get("reduce_only", False),
    )


def report_data(report: OrderReport) -> dict[str, Any]:
    """Write what a venue said about an order."""
    data: dict[str, Any] = {"venue": report.venue, "symbol": report.symbol}
    for name in _REPORT_REST:
        value = getattr(report, name)
        if value is not None:
            data[name] = value
    _put_money(data, report, _REPORT_MONEY)
    if report.family != REGULAR:
        data["family"] = report.family
    return data


def report_of(data: Mapping[str, Any]) -> OrderReport:
    """Read what `report_data` wrote; other keys of `data` are left alone."""
    rest: dict[str, Any] = {name: data.get(name) for name in _REPORT_REST}
    money: dict[str, Any] = {name: _money(data, name) for name in _REPORT_MONEY}
    family = data.get("family", REGULAR)
    return OrderReport(venue=data["venue"], symbol=data["symbol"], family=family, **rest, **money)


def fill_data(fill: Fill) -> dict[str, Any]:
    """Write one own trade."""
    data: dict[str, Any] = {}
    for name in _FILL_REST:
        value = getattr(fill, name)
        if value is not None:
            data[name] = value
    _put_money(data, fill, ("price", "size", "fee"))
    return data


def fill_of(data: Mapping[str, Any]) -> Fill:
    """Read what `fill_data` wrote."""
    rest: dict[str, Any] = {name: data.get(name) for name in _FILL_REST}
    return Fill(price=Decimal(data["price"]), size=Decimal(data["size"]), fee=_money(data, "fee"), **rest)


def _put_money(data: dict[str, Any], source: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(source, name)
        if value is not None:
            data[name] = plain(value)


def _money(data: Mapping[str, Any], name: str) -> Decimal | None:
    text = data.get(name)
    return None if text is None else Decimal(text)
