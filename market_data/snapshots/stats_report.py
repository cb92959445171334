"""The answer to `snapshot stats` as JSON, as a table and as CSV, and its picture."""

from collections.abc import Iterator
from typing import Any

from domain.errors import UsageError
from domain.snapshots import SECOND_NS, Series
from domain.time import MS_PER_DAY, NS_PER_MS, rfc3339
from market_data.snapshots.coverage import share_text
from market_data.snapshots.stats import DEPTH, IMPACT, Asked, Period, StatsAnswer
from utils.rendering import Report, Table

ALL = "all"
NS_PER_MINUTE = 60 * SECOND_NS


def stats_report(answer: StatsAnswer) -> Report:
    """Put an answer into a report: a row a period, and one of all together."""
    asked, (_, quote) = answer.asked, answer.currencies
    headers = ["from (UTC)", "seconds", "good", "mid", "spread bps", "median", "p95"]
    if DEPTH in asked.measures:
        headers += [f"bids {quote}", f"asks {quote}", "imbalance"]
    if IMPACT in asked.measures:
        headers += ["buy bps", "sell bps"]
    rows = [_cells(answer, period) for period in _periods(answer)]
    title = f"{answer.facts.venue} {answer.facts.symbol}"
    table = Table(headers, rows, title, "l" + "r" * (len(headers) - 1))
    return Report(record(answer), [table], _summary(answer), answer.notes)


def stats_csv(answer: StatsAnswer) -> Report:
    """Put an answer into a report whose table is for machines: the JSON's fields as columns (`spread_bps.mean`)."""
    rows = [dict(_flat(_period_record(answer, period))) for period in _periods(answer)]
    rows = [row if row["from"] else row | {"from": ALL} for row in rows]
    return Report(record(answer), [Table(list(rows[0]) if rows else [], [list(row.values()) for row in rows])])


def nothing_report(series: Series, asked: Asked) -> Report:
    """Say that there is nothing of that time."""
    found = {
        "venue": series.venue,
        "symbol": series.symbol,
        "per_s": asked.per_ns // SECOND_NS,
        "periods": [],
        "total": None,
    }
    return Report(found, [], ["Nothing was recorded in that time."])


def record(answer: StatsAnswer) -> dict[str, Any]:
    """Write an answer for machines: doubles as numbers, for they are statistics."""
    facts, asked, (base, quote) = answer.facts, answer.asked, answer.currencies
    return {
        "venue": facts.venue,
        "symbol": facts.symbol,
        "base": base,
        "quote": quote,
        "per_s": asked.per_ns // SECOND_NS,
        "measures": list(asked.measures),
        "within_bps": asked.bps,
        "size_quote": asked.quote,
        "periods": [_period_record(answer, period) for period in answer.periods],
        "total": _period_record(answer, answer.total),
    }


def plot_stats(answer: StatsAnswer, path: str) -> str:
    """Draw spread and impact over time, and say where it is.

    Raises:
        UsageError: there is nothing to draw, or the file cannot be written.
    """
    from utils.plotting.charts import periods_chart

    width_ms = answer.asked.per_ns / NS_PER_MS
    lines = {
        "spread, mean": [period.spread_mean for period in answer.periods],
        "spread, 95 %": [period.spread_p95 for period in answer.periods],
    }
    if IMPACT in answer.asked.measures:
        size = f"{answer.asked.quote:,.10g} {answer.currencies[1]}"
        lines[f"buying {size}"] = [period.buy_bps for period in answer.periods]
        lines[f"selling {size}"] = [period.sell_bps for period in answer.periods]
    drawn = {name: line for name, line in lines.items() if any(value is not None for value in line)}
    starts = [(period.start_ns or 0) / NS_PER_MS for period in answer.periods]
    if not drawn:
        raise UsageError("There is nothing to draw: no second has a good book.")
    facts = answer.facts
    subtitle = f"{facts.venue} · good books only · a step is {_span(width_ms)}"
    periods_chart(path, f"{facts.symbol}: what trading cost", subtitle, starts, width_ms, drawn, "bps of the mid")
    left_out = [name for name in lines if name not in drawn]
    return f"The picture is in {path}." + (f" Nothing to draw: {', '.join(left_out)}." if left_out else "")


def _periods(answer: StatsAnswer) -> list[Period]:
    return [*answer.periods, answer.total] if answer.periods else []


def _flat(record: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name}.")
        else:
            yield f"{within}{name}", value


def _cells(answer: StatsAnswer, period: Period) -> list[Any]:
    asked = answer.asked
    digits = 16 if asked.per_ns % NS_PER_MINUTE == 0 else 19
    cells: list[Any] = [
        ALL if period.start_ns is None else rfc3339(period.start_ns // NS_PER_MS)[:digits].replace("T", " "),
        period.rows,
        share_text(period.ok, period.rows),
        _number(period.mid_last, 8),
        *(_number(value, 4) for value in (period.spread_mean, period.spread_median, period.spread_p95)),
    ]
    if DEPTH in asked.measures:
        for (_, quote), cut in zip((period.bids, period.asks), period.cut, strict=True):
            cells.append(_marked(_number(quote, 5), "*" if cut else ""))
        cells.append(None if period.imbalance is None else f"{period.imbalance:+.3f}")
    if IMPACT in asked.measures:
        for bps, short in zip((period.buy_bps, period.sell_bps), period.short, strict=True):
            cells.append(_marked(_number(bps, 4), "†" if short else ""))
    return cells


def _marked(text: str | None, mark: str) -> str | None:
    return text if text is None else text + mark


def _summary(answer: StatsAnswer) -> list[str]:
    asked, total, (_, quote) = answer.asked, answer.total, answer.currencies
    lines = []
    if not answer.periods:
        return ["Nothing was recorded in that time."]
    if DEPTH in asked.measures:
        lines.append(
            f"Depth is what lies within {asked.bps:g} bps of the mid, on average; imbalance is (bids − asks) / both."
        )
        if any(total.cut):
            shares = (share_text(cut, total.ok) for cut in total.cut)
            lines.append(
                f"* The recorded levels ended before that in {' of bids and '.join(map(str, shares))} of asks: "
                "the depth was at least this."
            )
    if IMPACT in asked.measures:
        lines.append(
            f"Buy and sell: what an order of {asked.quote:,.10g} {quote} costs against the mid on average, before fees."
        )
        if any(total.short):
            lines.append(
                f"† In {total.short[0]} seconds (buying) and {total.short[1]} (selling) the recorded levels "
                "do not hold that much; they are left out."
            )
    return lines


def _period_record(answer: StatsAnswer, period: Period) -> dict[str, Any]:
    asked = answer.asked
    found: dict[str, Any] = {
        "from": None if period.start_ns is None else f"{rfc3339(period.start_ns // NS_PER_MS)[:19]}Z",
        "seconds": period.rows,
        "good": period.ok,
        "mid_first": period.mid_first,
        "mid_last": period.mid_last,
        "spread_bps": {"mean": period.spread_mean, "median": period.spread_median, "p95": period.spread_p95},
    }
    if DEPTH in asked.measures:
        for side, (base, quote), cut in zip(("bids", "asks"), (period.bids, period.asks), period.cut, strict=True):
            found[side] = {"base": base, "quote": quote, "cut_seconds": cut}
        found["imbalance"] = period.imbalance
    if IMPACT in asked.measures:
        for side, bps, short in zip(("buy", "sell"), (period.buy_bps, period.sell_bps), period.short, strict=True):
            found[side] = {"impact_bps": bps, "short_seconds": short}
    return found


def _number(value: float | None, digits: int) -> str | None:
    """Write a number with so many significant digits, and all before the point."""
    if value is None:
        return None
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return text if "e" not in text else f"{value:.12f}".rstrip("0").rstrip(".")


def _span(ms: float) -> str:
    for unit, length in (("d", MS_PER_DAY), ("h", 3_600_000), ("m", 60_000)):
        if ms % length == 0:
            return f"{ms / length:g} {unit}"
    return f"{ms / 1000:g} s"
