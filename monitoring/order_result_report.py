"""The answer to `position show`: what one order earned, as JSON and as a table."""

from typing import TYPE_CHECKING, Any

from domain.exit_codes import ExitCode
from domain.money import plain
from domain.time import rfc3339
from market_data.figures import heading, places_text, size_text
from monitoring.accounting.exact import ZERO, times
from monitoring.marks import Opener, Seen, look
from monitoring.order_result import OPENED, OrderResult, Part, order_result
from utils.rendering import Report, Table
from utils.symbols.parts import DOLLARS

if TYPE_CHECKING:
    from market_data.conversion import Rate
    from monitoring.ledger.store import Ledger
    from monitoring.marks import Mark
    from monitoring.order_result import OrderKnown

_UNKNOWN = frozenset({"unknown", "intended"})
_NEVER = {
    "rejected": "The venue rejected it",
    "not_sent": "It was never sent",
    "absent": "It is proved that the venue never had it",
}
_FIGURES = ("realized", "fees", "funding", "unrealized")


def order_result_report(
    ledger: "Ledger", known: "OrderKnown", numeraire: str, environment: str, open_run: Opener
) -> Report:
    """Work out what one order earned, and report it. Venues are asked where a part is open, or a rate is needed.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    result = order_result(ledger, known)
    books = [result.book] if result.left and result.book is not None else []
    needed = [(result.contract.currency, known.venue)] if result.contract and result.parts else []
    seen = look(open_run, numeraire, books, needed, ledger.instruments(), balances=False)
    mark = seen.marks.get((known.venue, known.symbol))
    result.value_at(mark.price if mark else None)
    rate = seen.rate(result.contract.currency, known.venue) if result.contract else None
    said = _said(result)
    incomplete = [lack.text for lack in result.lacks]
    if mark is not None and mark.price is None:
        incomplete.append(f"What is open has no mark: {mark.reason}.")
    if result.parts and rate is None and result.contract is not None:
        incomplete.append(f"No market tells what {result.contract.currency} is worth in {numeraire}.")
    record = {
        "environment": environment,
        **_record(result, seen, rate),
        "mark_price": mark.price if mark else None,
        "mark_source": mark.source if mark else None,
        "note": said,
        "incomplete": incomplete,
    }
    return Report(
        record,
        [_table(result, environment)] if result.parts else [],
        _summary(result, said, mark, rate, numeraire, incomplete),
        seen.notes,
        _exit_code(result, mark),
    )


def _record(result: OrderResult, seen: Seen, rate: "Rate | None") -> dict[str, Any]:
    known, contract = result.known, result.contract
    main = result.parts[0] if result.parts else None
    figures = {name: result.sum(name) for name in _FIGURES}
    net = result.sum("net")
    if not result.parts and _doubtful(result):
        net, figures = None, dict.fromkeys(_FIGURES)
    return {
        "connector_name": known.venue,
        "pair_name": known.symbol,
        "order_id": min(known.ids, default=None),
        "client_id": known.client_id,
        "status": known.status,
        "side": known.side or result.side,
        **_part_record(main, result),
        "NetPnL": net,
        "NetPnL_currency": contract.currency if contract else None,
        **figures,
        "numeraire": seen.numeraire,
        "rate": rate.record() if rate else None,
        "NetPnL_numeraire": times(net, rate.price) if net is not None and rate is not None else None,
        **{
            f"{name}_numeraire": times(value, rate.price) if value is not None and rate is not None else None
            for name, value in figures.items()
        },
        "size": known.size,
        "filled": result.filled,
        "parts": [
            {
                "kind": part.kind,
                **_part_record(part, result),
                "size": part.size,
                "open_size": part.left,
                "exit_price": part.exit_price(contract) if contract else None,
                "NetPnL": part.net,
                **{name: getattr(part, name) for name in _FIGURES},
            }
            for part in result.parts
        ],
    }


def _part_record(part: Part | None, result: OrderResult) -> dict[str, Any]:
    contract = result.contract
    if part is None or contract is None:
        names = ("entry_timestamp", "entry_timestamp_ms", "entry_price", "position_side")
        return {**dict.fromkeys(names), "quantity": None if _doubtful(result) else ZERO}
    return {
        "entry_timestamp": None if part.entry_ms is None else rfc3339(part.entry_ms),
        "entry_timestamp_ms": part.entry_ms,
        "entry_price": part.entry_price(contract),
        "quantity": part.quantity(contract),
        "position_side": part.side,
    }


def _doubtful(result: OrderResult) -> bool:
    return result.known.status in _UNKNOWN


def _said(result: OrderResult) -> str:
    """Say in one sentence how far the figures go."""
    known = result.known
    if known.status is None:
        return "It is not in the journal: what is known of it are its trades."
    if known.status in _UNKNOWN:
        what = f"{plain(result.filled)} is known to be filled" if result.filled else "nothing is known to be filled"
        return f"Its outcome is unknown, {what}; settle it with: order resolve {known.client_id}."
    if known.status in _NEVER:
        return f"{_NEVER[known.status]}{f' ({known.reason})' if known.reason else ''}: it traded nothing."
    doubt = "" if known.settled else f" Not settled: order resolve {known.client_id}."
    if known.filled is not None and known.filled > result.filled:
        return (
            f"The journal knows of {plain(known.filled)} filled, the ledger of trades of {plain(result.filled)}: "
            f"position sync reads them.{doubt}"
        )
    if not result.filled:
        return f"It is {known.status} and has not been filled: it earned nothing.{doubt}"
    if known.size is not None and result.filled < known.size:
        return f"It is {known.status}, {plain(result.filled)} of {plain(known.size)} filled.{doubt}"
    return f"It is {known.status}.{doubt}"


def _table(result: OrderResult, environment: str) -> Table:
    known, contract = result.known, result.contract
    assert contract is not None
    headers = ("part", "position", "entered (UTC)", "quantity", "entry price", "exit price", "open", "realized",
               "fees", "funding", "unrealized", "net")  # fmt: skip
    places = _places(contract.currency)
    rows = []
    for part in result.parts:
        entered = None if part.entry_ms is None else rfc3339(part.entry_ms)[:19].replace("T", " ")
        prices = (size_text(price) for price in (part.entry_price(contract), part.exit_price(contract)))
        figures = (places_text(getattr(part, name), places) for name in (*_FIGURES, "net"))
        rows.append(
            [part.kind, part.side, entered, size_text(part.quantity(contract)), *prices, size_text(part.left), *figures]
        )
    name = known.client_id or min(known.ids, default="")
    title = f"Order {name} · {known.venue} {known.symbol} · figures in {contract.currency}"
    return Table(headers, rows, heading(title, environment), "lll" + "r" * 9)


def _summary(
    result: OrderResult,
    said: str,
    mark: "Mark | None",
    rate: "Rate | None",
    numeraire: str,
    incomplete: list[str],
) -> list[str]:
    lines = [said]
    net = result.sum("net")
    if result.parts and result.contract is not None:
        currency = result.contract.currency
        text = "not known" if net is None else f"{places_text(net, _places(currency))} {currency}"
        if net is not None and rate is not None and currency != numeraire:
            text += f" = {places_text(times(net, rate.price), _places(numeraire))} {numeraire}"
        lines.append(f"Net PnL {text}.")
    if any(part.kind != OPENED for part in result.parts):
        lines.append("Of what it closed, the entry is that of the trades that had opened it, first in, first out.")
    if rate is not None and rate.currency != rate.numeraire:
        lines.append(f"Rate: {rate.text}")
    if mark is not None and mark.price is not None:
        lines.append(f"Mark: {plain(mark.price)}  ({mark.source})")
    return lines + [f"* {text}" for text in incomplete]


def _places(currency: str) -> int:
    return 4 if currency in DOLLARS else 8


def _exit_code(result: OrderResult, mark: "Mark | None") -> ExitCode:
    if _doubtful(result):
        return ExitCode.OUTCOME_UNKNOWN
    if mark is not None and mark.price is None:
        return ExitCode.PARTIAL
    return ExitCode.OK
