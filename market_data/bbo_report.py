"""The answer to `bbo` as JSON and as a table."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.exit_codes import ExitCode
from domain.money import plain
from domain.quotes import OK
from market_data.bbo import Bbo
from market_data.figures import bps_text, cut, heading, places_text, price_text, size_text
from market_data.quotes import VenueRow, priced_in_text
from utils.rendering import Report, Table

if TYPE_CHECKING:
    from market_data.cross import Cross

REASON_WIDTH = 40
"""A longer reason is cut in the table and stands in full below it."""


def bbo_report(answers: Sequence[Bbo], environment: str) -> Report:
    """Put the answers into one report: an object for one symbol, an array for several, and the worst exit code."""
    records = [_record(answer, environment) for answer in answers]
    tables = [_table(answer, environment, named=len(answers) > 1) for answer in answers]
    summary = [line for answer in answers for line in _summary(answer, len(answers) > 1)]
    notes = [note for answer in answers for note in answer.notes]
    return Report(
        records[0] if len(records) == 1 else records,
        tables,
        summary,
        notes,
        _together([answer.exit_code for answer in answers]),
    )


def _together(codes: Sequence[ExitCode]) -> ExitCode:
    different = set(codes)
    return codes[0] if len(different) == 1 else ExitCode.PARTIAL


def _record(answer: Bbo, environment: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "environment": environment,
        "symbol": answer.symbol,
        "best_bid": _best(answer.best_bid, "bid"),
        "best_ask": _best(answer.best_ask, "ask"),
        "mid": answer.mid,
        "spread_bps": answer.spread_bps,
        "crossed": answer.crossed,
        "venues": [row.record() for row in answer.rows],
        "cross": answer.cross.record() if answer.cross else None,
    }
    if answer.wanted.amount is not None:
        record["size" if answer.wanted.size is not None else "quote_size"] = answer.wanted.amount
    if answer.wanted.numeraire:
        record["numeraire"] = answer.wanted.numeraire
        record["basis"] = [rate.record() for rate in answer.rates]
    if answer.reference:
        record["reference"] = answer.reference.record()
    return record


def _best(row: VenueRow | None, side: str) -> dict[str, Any] | None:
    if row is None:
        return None
    best = {"venue": row.venue, "price": getattr(row, side), "size": getattr(row, f"{side}_size")}
    return best | ({"symbol": row.symbol} if "quote" in row.extra else {})


def _table(answer: Bbo, environment: str, *, named: bool) -> Table:
    several = named or any(row.symbol != answer.symbol for row in answer.rows)
    sized = answer.wanted.amount is not None
    headers = ["venue", "bid", "bid size", "ask", "ask size", "fee bps", "age ms", "took ms", "status", "reason"]
    rows = [_cells(row, sized) for row in answer.rows]
    align = "lrrrrrrrll"
    if several:
        headers.insert(1, "symbol")
        align = "ll" + align[1:]
        rows = [[cells[0], row.symbol, *cells[1:]] for cells, row in zip(rows, answer.rows, strict=True)]
    return Table(headers, rows, heading(_what(answer), environment), align)


def _cells(row: VenueRow, sized: bool) -> list[Any]:
    reason = row.reason
    if unit := row.extra.get("unit"):
        reason = f"{unit}; {reason}" if reason else str(unit)
    digits = 8 if not sized else 6
    return [
        row.venue,
        price_text(row.bid, row.tick_size),
        size_text(row.bid_size, digits),
        price_text(row.ask, row.tick_size),
        size_text(row.ask_size, digits),
        bps_text(row.taker_fee_bps),
        row.age_ms,
        places_text(row.latency_ms, 1),
        row.status,
        cut(reason, REASON_WIDTH),
    ]


def _what(answer: Bbo) -> str:
    wanted = answer.wanted
    what = f"{answer.symbol}{priced_in_text(answer.rows)}"
    base, _, tail = answer.symbol.partition("/")
    money = wanted.numeraire or tail.partition(":")[0]
    if wanted.numeraire:
        what += f" in {wanted.numeraire}"
    if wanted.size is not None:
        what += f", prices for {plain(wanted.size)} {base} after the taker fee"
    elif wanted.quote_size is not None:
        what += f", prices for {plain(wanted.quote_size)} {money} after the taker fee"
    return what


def _summary(answer: Bbo, named: bool) -> list[str]:
    bid, ask = answer.best_bid, answer.best_ask
    lines = [f"{row.venue}: {row.reason}" for row in answer.rows if len(row.reason or "") > REASON_WIDTH]
    before = f"{answer.symbol}: " if named else ""
    if bid or ask:
        best = [f"best {name} {_place(row, name)}" for name, row in (("bid", bid), ("ask", ask)) if row]
        text = ", ".join(best)
        lines.append(f"{before}{text[0].upper()}{text[1:]}." if not before else f"{before}{text}.")
    if answer.mid is not None:
        mid, spread = plain(answer.mid), plain(answer.spread_bps or Decimal(0))
        crossing = "" if answer.crossed else "; no two venues cross"
        lines.append(f"{before}{'mid' if before else 'Mid'} {mid}, spread {spread} bps{crossing}.")
    if answer.cross:
        lines.append(f"{before}{_crossing(answer.cross)}.")
    lines += [f"{before}Basis: {rate.sentence()}." for rate in answer.rates]
    if not any(row.status == OK for row in answer.rows):
        lines.append(f"{before}No venue gave a usable price.")
    if answer.reference:
        lines.append(before + answer.reference.sentence())
    return lines


def _place(row: VenueRow, side: str) -> str:
    price, size = (row.bid, row.bid_size) if side == "bid" else (row.ask, row.ask_size)
    book = f" {row.symbol}" if "quote" in row.extra else ""
    amount = "" if size is None else f" ({size_text(size)})"
    return f"{price_text(price, row.tick_size)} at {row.venue}{book}{amount}"


def _crossing(cross: "Cross") -> str:
    pair = f"buy at {cross.buy_venue}, sell at {cross.sell_venue}"
    if cross.net_per_unit is None:
        return f"CROSSED: {pair}; {price_text(cross.gross_per_unit)} a unit before fees, of which one is unknown"
    verb = "earns" if cross.net_per_unit > 0 else "loses"
    amount = size_text(abs(cross.net_per_unit))
    total = "" if cross.net is None or cross.size is None else (
        f", {size_text(abs(cross.net), 4)} for the {size_text(cross.size)} that cross"
    )  # fmt: skip
    return f"CROSSED: {pair}; {verb} {amount} a unit after both taker fees{total}"
