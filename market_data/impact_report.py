"""The answer to `impact` as JSON and as tables."""

from decimal import Decimal
from typing import Any

from domain.money import plain
from market_data.absent import PLAINLY_ABSENT
from market_data.figures import bps_text, heading, places_text, price_text, size_text
from market_data.impact import Cost, ImpactAnswer, curve_slippage_bps
from market_data.quotes import VenueRow, mid_of, priced_in_text, rounded_like
from market_data.sweep import Impact
from market_data.walking import BASE
from utils.rendering import Report, Table

SPLIT = "best split"


def impact_report(answer: ImpactAnswer, environment: str) -> Report:
    """Put the answer into a report."""
    tables = [_table(answer, environment)]
    if answer.curve:
        tables.append(_curve_table(answer))
    return Report(_record(answer, environment), tables, _summary(answer), answer.notes, answer.exit_code)


def _record(answer: ImpactAnswer, environment: str) -> dict[str, Any]:
    order = answer.order
    record: dict[str, Any] = {
        "environment": environment,
        "symbol": answer.symbol,
        "side": order.side,
        "size": order.size,
        "unit": order.unit,
        "mid": answer.mid,
        "venues": [_venue_record(row, answer.costs.get(row.venue)) for row in answer.rows],
        "split": None,
    }
    if answer.split:
        parts = [{"venue": name, **cost.record()} for name, cost in answer.parts.items()]
        record["split"] = answer.split.record() | {"parts": parts, "left_out": answer.left_out}
    if answer.curve:
        record["curve"] = {name: [_point(answer, name, one) for one in line] for name, line in answer.curve.items()}
    return record


def _venue_record(row: VenueRow, cost: Cost | None) -> dict[str, Any]:
    fixed = ("venue", "symbol", "status", "reason", "bid", "ask", "taker_fee_bps", "age_ms", "latency_ms", "source")
    known = {key: getattr(row, key) for key in fixed} | row.extra
    return known | (cost.record() if cost else dict.fromkeys(Cost.__annotations__))


def _point(answer: ImpactAnswer, venue: str, impact: Impact) -> dict[str, Any]:
    mid = mid_at(answer, venue)
    slippage = curve_slippage_bps(impact, mid, buying=answer.order.buying) if mid else None
    return {
        "size": _number(impact.size),
        "average_price": _number(impact.average),
        "worst_price": _number(impact.worst),
        "levels": impact.levels,
        "slippage_bps": None if slippage is None else places_text(slippage, 3),
        "unfilled": _number(impact.unfilled),
    }


def _table(answer: ImpactAnswer, environment: str) -> Table:
    headers = ("venue", "average", "worst", "levels", "slip bps", "fee", "total", "cost bps", "filled", "unfilled",
               "status")  # fmt: skip
    rows, ticks = [], {row.venue: row.tick_size for row in answer.rows if row.tick_size}
    for row in answer.rows:
        cells = _cells(answer, answer.costs.get(row.venue), row.tick_size)
        rows.append([row.venue, *cells, row.status])
    rows += [[f"{name} part", *_cells(answer, cost, ticks.get(name)), ""] for name, cost in answer.parts.items()]
    if answer.split:
        cells = _cells(answer, answer.split, min(ticks.values(), default=None))
        rows.append([SPLIT, *cells, ""])
    order = answer.order
    base, _, tail = answer.symbol.partition("/")
    unit = base if order.unit == BASE else tail.partition(":")[0]
    title = heading(
        f"{order.side} {plain(order.size)} {unit} of {answer.symbol}{priced_in_text(answer.rows)}", environment
    )
    return Table(headers, rows, title, "lrrrrrrrrrl")


def _cells(answer: ImpactAnswer, cost: Cost | None, tick_size: Decimal | None) -> list[Any]:
    if cost is None:
        return [None] * 9
    in_base = answer.order.unit == BASE
    filled = cost.filled_base if in_base else cost.filled_quote
    average, worst = cost.average_price, cost.worst_price
    if average is not None and worst is not None:
        # The table is for reading; the JSON has more digits.
        average = rounded_like(average, worst, tick_size, 2)
    return [
        price_text(average, tick_size),
        price_text(worst, tick_size),
        cost.levels,
        bps_text(cost.slippage_bps),
        places_text(cost.fee, 2),
        places_text(cost.total, 2),
        bps_text(cost.cost_bps),
        size_text(filled, 6 if in_base else 2),
        size_text(cost.unfilled, 6 if in_base else 2),
    ]


def _curve_table(answer: ImpactAnswer) -> Table:
    names = list(answer.curve)
    lines = []
    for place, first in enumerate(answer.curve[names[0]] if names else ()):
        cells: list[Any] = [size_text(Decimal(repr(first.size)))]
        for name in names:
            impact, mid = answer.curve[name][place], mid_at(answer, name)
            slippage = curve_slippage_bps(impact, mid, buying=answer.order.buying) if mid else None
            short = f" (lacks {impact.unfilled / impact.size:.0%})" if impact.unfilled else ""
            cells.append(None if slippage is None else f"{places_text(slippage, 2)}{short}")
        lines.append(cells)
    return Table((f"size ({answer.order.unit})", *names), lines, "Slippage against mid in bps", "r" * (len(names) + 1))


def _summary(answer: ImpactAnswer) -> list[str]:
    lines = [f"{row.venue}: {row.reason}" for row in answer.rows if row.reason and row.reason != PLAINLY_ABSENT]
    order = answer.order
    unit, places = ("base", 8) if order.unit == BASE else ("quote", 2)
    known = {name: cost for name, cost in answer.costs.items() if cost.cost_bps is not None and not cost.unfilled}
    if known:
        name, cost = min(known.items(), key=lambda item: item[1].cost_bps or Decimal(0))
        lines.append(f"One venue: {name} is cheapest, {bps_text(cost.cost_bps)} bps from its mid with the fee.")
    if answer.split:
        amounts = ", ".join(
            f"{name} {size_text(part.filled_base if order.unit == BASE else part.filled_quote, places)}"
            for name, part in answer.parts.items()
        )
        lines.append(f"Best split: {amounts} ({unit}); {bps_text(answer.split.cost_bps)} bps from the common mid.")
        if answer.split.unfilled:
            lines.append(
                f"NOT FILLED: {size_text(answer.split.unfilled, places)} ({unit}) is more than all books together hold."
            )
    for name, cost in answer.costs.items():
        if cost.unfilled:
            rest = size_text(cost.unfilled, places)
            lines.append(f"{name}: {rest} ({unit}) stays unfilled: the {cost.levels} levels it shows hold no more.")
    lines += [f"{name} is left out of the split: {reason}." for name, reason in answer.left_out.items()]
    return lines


def mid_at(answer: ImpactAnswer, venue: str) -> float | None:
    """Return the mid that a venue's slippage is measured against: its own, else the common one."""
    row = next(row for row in answer.rows if row.venue == venue)
    mid = mid_of(row.bid, row.ask) or answer.mid
    return None if mid is None else float(mid)


def _number(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.12g}")
