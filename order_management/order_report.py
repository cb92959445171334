"""Orders as JSON and as tables: what was asked, what was sent, what it costs, and what became of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.exit_codes import ExitCode
from domain.instruments import Instrument
from domain.money import plain, rounded
from domain.orders import TRIGGERED
from domain.time import NS_PER_MS, rfc3339
from order_management.order_states import Phase
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from domain.orders import OrderReport
    from order_management.amending import Amended
    from order_management.desk import Desk
    from order_management.journal import JournalOrder
    from order_management.listing import OpenAt
    from order_management.placing import Placed, Prepared
    from order_management.settling import Verdict

_EXIT = {Phase.UNKNOWN: ExitCode.OUTCOME_UNKNOWN, Phase.INTENDED: ExitCode.OUTCOME_UNKNOWN}
_REFUSED = {Phase.REJECTED: ExitCode.REFUSED, Phase.ABSENT: ExitCode.UNAVAILABLE}


def order_record(order: "JournalOrder", environment: str) -> dict[str, Any]:
    """Describe one order for machines; sizes are in the instrument's lot unit (base, or quote where inverse)."""
    record, state, spec = order.record, order.state, order.record.spec
    created_ms = record.created_ns // NS_PER_MS
    return {
        "environment": environment,
        "id": record.client_id,
        "order_id": state.order_id,
        "venue": record.venue,
        "symbol": record.symbol,
        "side": spec.side,
        "type": spec.type,
        "status": state.phase.value,
        "settled": state.settled,
        "size": state.size if state.size is not None else spec.size,
        "filled": state.filled,
        "price": state.price if state.price is not None else spec.price,
        "stop_price": spec.stop_price,
        "average_price": state.average_price,
        "tif": spec.tif,
        "post_only": spec.post_only,
        "reduce_only": spec.reduce_only,
        "fees": dict(state.fees),
        "cancel": state.cancel,
        "amend": state.amend,
        "reason": state.reason,
        "origin": record.origin,
        "created_ms": created_ms,
        "created": rfc3339(created_ms),
    }


HEADERS = ("id", "venue", "symbol", "side", "type", "size", "price", "filled", "avg price", "status", "created (UTC)")
ALIGN = "lllllrrrrll"


def order_row(order: "JournalOrder") -> list[Any]:
    """Describe one order as a table's row."""
    record, state, spec = order.record, order.state, order.record.spec
    price = state.price if state.price is not None else spec.price
    shown = plain(price) if price is not None else None
    if spec.stop_price is not None:
        shown = f"{shown or 'market'} @ {plain(spec.stop_price)}"
    return [
        record.client_id,
        record.venue,
        record.symbol,
        spec.side,
        spec.type,
        state.size if state.size is not None else spec.size,
        shown,
        state.filled,
        _short(state.average_price),
        status_text(order),
        rfc3339(record.created_ns // NS_PER_MS)[:19].replace("T", " "),
    ]


def status_text(order: "JournalOrder") -> str:
    """Say an order's state in a word or two."""
    state = order.state
    text = state.phase.value
    if state.phase is Phase.OPEN and state.filled:
        text = "partly filled"
    if state.cancel is not None:
        text += f", cancel {state.cancel}"
    if state.amend is not None:
        text += f", amend {state.amend}"
    return text


def orders_report(orders: Sequence["JournalOrder"], environment: str, title: str, **more: Any) -> Report:
    """Report a list of orders."""
    records = [order_record(order, environment) for order in orders]
    table = Table(HEADERS, [order_row(order) for order in orders], f"{title} [{environment}]", ALIGN)
    summary = [] if orders else ["No orders."]
    return Report({"environment": environment, "orders": records, **more}, [table] if orders else [], summary)


def preview_report(desk: "Desk", prepared: "Prepared", objection: str | None = None) -> Report:
    """Report what would be sent, and why the policy would not let it pass if it would not; nothing was sent."""
    lines = [*_asked_lines(prepared), *([objection] if objection else []), "Preview: nothing was sent."]
    record = {"environment": desk.environment, "outcome": "preview", "denial": objection, **prepared_record(prepared)}
    return Report(record, [], [f"Order preview [{desk.environment}]", *lines])


def placed_report(desk: "Desk", placed: "Placed") -> Report:
    """Report an order that was sent, and what became of it."""
    order = placed.order
    phase = order.state.phase
    record = {
        **order_record(order, desk.environment),
        "outcome": "known" if placed.again else phase.value,
        **prepared_record(placed.prepared),
        "notes": list(placed.notes),
    }
    verb = "Known already" if placed.again else "Placed" if order.state.settled else "Outcome unknown"
    table = Table(HEADERS, [order_row(order)], f"{verb} [{desk.environment}]", ALIGN)
    summary = _asked_lines(placed.prepared) + _outcome_lines(order)
    code = _EXIT.get(phase) or _REFUSED.get(phase) or ExitCode.OK
    return Report(record, [table], summary, placed.notes, code)


def prepared_record(prepared: "Prepared") -> dict[str, Any]:
    """Describe what was asked, what is sent, and what it costs, for machines."""
    ticket, found, cost = prepared.ticket, prepared.sized, prepared.cost
    spec = found.spec
    return {
        "asked": {
            "amount": ticket.amount,
            "unit": ticket.unit,
            "price": ticket.price,
            "stop_price": ticket.stop_price,
            "notional": found.asked_notional,
        },
        "sent": {
            "id": spec.client_id,
            "venue": prepared.instrument.venue,
            "symbol": prepared.instrument.symbol,
            "side": spec.side,
            "type": spec.type,
            "size": spec.size,
            "size_unit": _unit(prepared.instrument),
            "base": found.sent_base,
            "price": spec.price,
            "stop_price": spec.stop_price,
            "tif": spec.tif,
            "post_only": spec.post_only,
            "reduce_only": spec.reduce_only,
            "notional": found.sent_notional,
            "rounding_bps": found.change_bps,
        },
        "cost": cost._asdict(),
    }


def _asked_lines(prepared: "Prepared") -> list[str]:
    ticket, found, instrument = prepared.ticket, prepared.sized, prepared.instrument
    spec, quote = found.spec, instrument.quote
    asked = f"Asked  {ticket.side} {plain(ticket.amount)} {_asked_unit(prepared)} of {instrument.symbol}"
    asked += f" at {instrument.venue}" + (f", price {plain(ticket.price)}" if ticket.price is not None else "")
    sent = f"Sent   {spec.type} {spec.side} {plain(spec.size)} {_unit(instrument)}"
    if instrument.unit_size != 1:
        sent += f" = {plain(spec.size / instrument.unit_size)} contracts"
    sent += f" at {plain(spec.price)}" if spec.price is not None else ""
    sent += f", stop {plain(spec.stop_price)}" if spec.stop_price is not None else ""
    flags = [spec.tif] * (spec.price is not None) + ["post-only"] * spec.post_only + ["reduce-only"] * spec.reduce_only
    sent += f" ({', '.join(flags)})" if flags else ""
    sent += f", worth {_money(found.sent_notional)} {quote}"
    if found.change_bps:
        less = "less" if found.sent_notional < found.asked_notional else "more"
        sent += f" ({_short(found.change_bps)} bps {less} than asked, by tick and lot)"
    return [asked, sent, *_cost_lines(prepared)]


def _cost_lines(prepared: "Prepared") -> list[str]:
    cost, quote = prepared.cost, prepared.instrument.quote
    fee = "fee unknown"
    if cost.fee_quote is not None and cost.fee_bps is not None:
        fee = f"fee {_money(cost.fee_quote)} {quote} ({plain(cost.fee_bps)} bps)"
    if prepared.sized.spec.type in TRIGGERED:
        return [f"Cost   waits for its stop price; {fee} when it fires"]
    if cost.price is None or not cost.takes:
        return [f"Cost   rests in the book; {fee}" if prepared.look else f"Cost   {fee}"]
    line = f"Cost   {_short(cost.takes)} at {_short(cost.price)} on average = {_money(cost.quote)} {quote}, {fee}"
    if cost.impact_bps is not None:
        line += f", impact {_short(cost.impact_bps)} bps from the middle"
    if cost.missing > 0:
        line += f"; the book lacks {_short(cost.missing)}"
    return [line]


def _outcome_lines(order: "JournalOrder") -> list[str]:
    state, client_id = order.state, order.record.client_id
    lines = []
    if state.fees:
        lines.append(f"Paid   {fees_text(state.fees)}")
    if state.reason and state.phase is not Phase.OPEN and state.phase is not Phase.FILLED:
        lines.append(f"Reason {state.reason}")
    if not state.settled:
        lines.append(f"The outcome is unknown. Do not send it again; settle it with: order resolve {client_id}")
    return lines


def fees_text(fees: Mapping[str, Decimal]) -> str:
    """Write fees by currency; negative ones are rebates."""
    return ", ".join(f"{plain(amount)} {currency}" for currency, amount in sorted(fees.items()))


def _asked_unit(prepared: "Prepared") -> str:
    unit, instrument = prepared.ticket.unit, prepared.instrument
    return {"base": instrument.base, "quote": instrument.quote}.get(unit, unit)


def _unit(instrument: Instrument) -> str:
    return instrument.quote if instrument.inverse else instrument.base


def _money(number: Decimal) -> str:
    return f"{rounded(number, 2):,f}" if abs(number) >= 1 else _short(number) or "0"


def _short(number: Decimal | None) -> str | None:
    if number is None:
        return None
    places = max(2, 6 - max(number.adjusted(), 0)) if number else 0
    return plain(rounded(number, min(places, 12)))


def status_report(desk: "Desk", verdict: "Verdict") -> Report:
    """Report one order as the venue has it now."""
    order = verdict.order
    table = Table(HEADERS, [order_row(order)], f"Order [{desk.environment}]", ALIGN)
    record = {**order_record(order, desk.environment), "how": verdict.how}
    summary = [f"Looked up: {verdict.how}.", *_outcome_lines(order)]
    return Report(record, [table], summary, exit_code=_EXIT.get(order.state.phase) or ExitCode.OK)


def amended_report(desk: "Desk", amended: "Amended") -> Report:
    """Report an order whose price or size was changed."""
    order = amended.order
    table = Table(HEADERS, [order_row(order)], f"Amended [{desk.environment}]", ALIGN)
    notes = [amended.note] if amended.note else []
    code = ExitCode.OK if order.state.settled else ExitCode.OUTCOME_UNKNOWN
    return Report({**order_record(order, desk.environment), "notes": notes}, [table], notes, exit_code=code)


def resolved_report(desk: "Desk | None", verdicts: "Sequence[Verdict]") -> Report:
    """Report what became of orders whose outcome was unknown; exit 9 while any of them still is."""
    environment = desk.environment if desk else None
    if desk is None:
        return Report({"environment": environment, "orders": []}, [], ["Every order of the journal is settled."])
    records = [{**order_record(v.order, desk.environment), "how": v.how, "again_in_s": v.again_in_s} for v in verdicts]
    rows = [
        [v.order.record.client_id, v.order.record.venue, v.order.record.symbol, status_text(v.order), v.how]
        for v in verdicts
    ]
    left = [verdict for verdict in verdicts if not verdict.settled]
    summary = [f"{len(verdicts) - len(left)} of {len(verdicts)} settled."]
    if left:
        waits = [verdict.again_in_s for verdict in left if verdict.again_in_s is not None]
        when = f" in {max(waits):.0f} s" if waits else ""
        summary.append(f"{len(left)} not settled: run order resolve again{when}. Do not send them again.")
    return Report(
        {"environment": desk.environment, "orders": records},
        [Table(("id", "venue", "symbol", "status", "how"), rows, f"Resolved [{desk.environment}]", "lllll")],
        summary,
        exit_code=ExitCode.OUTCOME_UNKNOWN if left else ExitCode.OK,
    )


OPEN_HEADERS = (
    "venue",
    "symbol",
    "side",
    "type",
    "size",
    "price",
    "filled",
    "family",
    "id",
    "venue's id",
    "created (UTC)",
)


def open_report(desk: "Desk", found: "Sequence[OpenAt]") -> Report:
    """Report what is open at the venues; a venue that could not be asked has its reason, and exit 8 (all: its own)."""
    rows, records, reasons = [], [], []
    for item in found:
        if item.error is not None:
            reasons.append(f"{item.venue}: {item.error.message}")
        for report in item.reports:
            rows.append(_open_row(report))
            records.append(_open_record(report))
    failed = [item.error for item in found if item.error is not None]
    code = ExitCode.OK
    if failed:
        code = ExitCode.PARTIAL if len(failed) < len(found) else failed[0].exit_code
    venues = [
        {
            "venue": item.venue,
            "open": len(item.reports) if item.error is None else None,
            "error": item.error.category if item.error else None,
            "message": item.error.message if item.error else None,
        }
        for item in found
    ]
    table = Table(OPEN_HEADERS, rows, f"Open orders [{desk.environment}]", "llllrrrllll")
    summary = ([] if rows else ["No open orders."]) + reasons
    record = {"environment": desk.environment, "orders": records, "venues": venues}
    return Report(record, [table] if rows else [], summary, exit_code=code)


def _open_row(report: "OrderReport") -> list[Any]:
    shown = plain(report.price) if report.price is not None else None
    if report.stop_price is not None:
        shown = f"{shown or 'market'} @ {plain(report.stop_price)}"
    created = None if report.created_ms is None else rfc3339(report.created_ms)[:19].replace("T", " ")
    return [
        report.venue, report.symbol, report.side, report.type, report.size, shown, report.filled, report.family,
        report.client_id, report.order_id, created,
    ]  # fmt: skip


def _open_record(report: "OrderReport") -> dict[str, Any]:
    names = (
        "venue", "symbol", "order_id", "status", "side", "type", "family", "size", "filled", "price", "stop_price",
        "average_price", "tif", "post_only", "reduce_only", "created_ms", "updated_ms",
    )  # fmt: skip
    return {"id": report.client_id, **{name: getattr(report, name) for name in names}}
