"""A look of the watch as one JSON object: a line of the stream, and what a web hook is told."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from domain.time import rfc3339
from monitoring.statement import FIGURES, NET

if TYPE_CHECKING:
    from domain.orders import OrderReport
    from monitoring.alerts import Firing
    from monitoring.positions import PositionRow
    from monitoring.watching import Look


def look_record(look: "Look") -> dict[str, Any]:
    """Describe a look; what is not known is null, and a venue that did not answer says so in `venues`."""
    return {
        "environment": look.environment,
        "time": rfc3339(look.time_ms),
        "time_ms": look.time_ms,
        "look": look.number,
        "numeraire": look.earnings.asked.numeraire,
        "pnl": {name: look.figures[name, None] for name in ("net_pnl" if each == NET else each for each in FIGURES)},
        "equity": look.equity.value,
        "incomplete": [lack.text for lack in look.earnings.lacks],
        "venues": [venue._asdict() for venue in look.venues],
        "positions": [_position(row) for row in look.rows],
        "open_orders": [_order(order) for orders in look.orders.values() for order in orders or ()],
        "quotes": [quote._asdict() for quote in look.quotes],
        "alerts": [firing_record(firing) for firing in look.firings],
        "alerts_unknown": list(look.unknown),
        "notes": list(look.notes),
    }


def firing_record(firing: "Firing") -> dict[str, Any]:
    """Describe an alert that has become true."""
    return {
        "alert": firing.alert.text.strip(),
        "metric": firing.alert.metric,
        "venue": firing.alert.venue,
        "value": firing.value,
        "limit": firing.alert.limit,
        "time": rfc3339(firing.time_ms),
        "time_ms": firing.time_ms,
    }


def _position(row: "PositionRow") -> Mapping[str, Any]:
    names = (
        "venue", "symbol", "side", "size", "size_unit", "quantity", "ours", "at_venue", "difference", "entry_price",
        "liquidation_price", "leverage", "unrealized", "funding", "currency", "opened_ms", "known", "reason",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names} | {"mark_price": row.mark.price if row.mark else None}


def _order(order: "OrderReport") -> Mapping[str, Any]:
    names = ("venue", "symbol", "order_id", "client_id", "side", "type", "size", "filled", "price", "stop_price")
    return {name: getattr(order, name) for name in names}
