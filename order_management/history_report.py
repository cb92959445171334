"""The full story of one order: every intent, request, answer and fill, with times."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from domain.money import plain
from domain.time import NS_PER_MS, rfc3339
from order_management.order_report import fees_text, order_record, status_text
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from order_management.journal import Journal, JournalOrder
    from order_management.order_states import Event

_WORDS = {
    "intended": "written down, before it was sent",
    "not_sent": "not sent",
    "accepted": "the venue accepted it",
    "refused": "the venue refused it",
    "unknown": "no usable answer: the outcome is unknown",
    "absent": "proved: the venue never had it",
    "seen": "the venue says",
    "fill": "filled",
    "cancel_intended": "a cancel was written down, before it was sent",
    "cancel_accepted": "the venue took the cancel",
    "cancel_refused": "the venue refused the cancel",
    "cancel_not_sent": "the cancel was not sent, or never arrived",
    "cancel_unknown": "no usable answer to the cancel",
    "amend_intended": "a change was written down, before it was sent",
    "amend_accepted": "the venue took the change",
    "amend_refused": "the venue refused the change",
    "amend_not_sent": "the change was not sent, or never arrived",
    "amend_unknown": "no usable answer to the change",
    "adopted": "found at the venue, and taken into the journal",
    "vanished": "the venue no longer has it",
    "noted": "looked up",
}


def history_report(journal: "Journal", order: "JournalOrder", environment: str) -> Report:
    """Report every event of an order, oldest first."""
    record, state = order.record, order.state
    events = journal.events(record.client_id)
    rows = [[_time(event), _WORDS.get(event.kind, event.kind), _detail(event)] for event in events]
    title = f"Order {record.client_id} · {record.venue} {record.symbol} · {status_text(order)} [{environment}]"
    asked = {name: value for name, value in record.asked.items() if name != "facts"}
    summary = [f"Asked  {_pairs(asked)}"] if asked else []
    if state.order_id:
        summary.append(f"The venue's id: {state.order_id}")
    if state.fees:
        summary.append(f"Paid   {fees_text(state.fees)}")
    if not state.settled:
        summary.append(f"Not settled. Settle it with: order resolve {record.client_id}")
    story = [
        {"kind": event.kind, "time_ms": event.at_ns // NS_PER_MS, "time": _time(event), **_plain(event.data)}
        for event in events
    ]
    return Report(
        {**order_record(order, environment), "asked": dict(record.asked), "events": story},
        [Table(("time (UTC)", "what", "details"), rows, title, "lll")],
        summary,
    )


def _time(event: "Event") -> str:
    return rfc3339(event.at_ns // NS_PER_MS)


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": dict(data)}


def _detail(event: "Event") -> str:
    data = dict(event.data)
    if event.kind == "intended" and isinstance(data.get("spec"), Mapping):
        return _pairs({name: value for name, value in data["spec"].items() if name != "client_id"})
    if event.kind == "noted" or event.kind in ("absent", "vanished"):
        return "; ".join(data.get("asked") or [])
    if event.kind == "fill":
        fee = f", fee {data['fee']} {data.get('fee_currency', '')}" if data.get("fee") is not None else ""
        return f"{data.get('size')} at {data.get('price')}{fee}, trade {data.get('trade_id')}"
    if event.kind == "seen" and data.get("how"):
        return f"found {data['how']}: {_report(data)}"
    if event.kind in ("seen", "accepted", "adopted", "amend_accepted"):
        return _report(data)
    if "reason" in data:
        return str(data["reason"])
    return _pairs({name: value for name, value in data.items() if name not in ("client_id", "venue", "symbol")})


def _report(data: Mapping[str, Any]) -> str:
    names = ("order_id", "status", "size", "price", "stop_price", "filled", "average_price", "reason")
    return _pairs({name: data[name] for name in names if data.get(name) is not None}) or "acknowledged"


def _pairs(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in data.items())


def _text(value: Any) -> str:
    return plain(value) if hasattr(value, "as_tuple") else str(value)
