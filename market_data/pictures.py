"""From answers to pictures. Each function writes a PNG file and returns a sentence about it."""

from domain.errors import UsageError
from domain.time import rfc3339
from market_data.book import BookAnswer
from market_data.carry import COMMON_H
from market_data.figures import size_text
from market_data.funding import FundingAnswer, comparable_history, interval_of
from market_data.impact import ImpactAnswer, curve_slippage_bps
from market_data.impact_report import mid_at
from market_data.walking import BASE
from utils.plotting.charts import depth_chart, history_chart, impact_chart


def plot_depth(answer: BookAnswer, environment: str, path: str) -> str:
    """Draw the depth of the one book that is shown.

    Raises:
        UsageError: there is none, or there are several.
    """
    if len(answer.views) != 1:
        found = "no book could be read" if not answer.views else f"{len(answer.views)} books are shown"
        raise UsageError(f"A depth chart shows one book; {found}.", hint="Name one --venue, or use --consolidated.")
    view = answer.views[0]
    base, _, tail = answer.symbol.partition("/")
    who = view.venue or ", ".join(sorted({name for level in (*view.bids, *view.asks) for name in level.venues}))
    bids, asks = (
        [(float(level.price), float(level.size)) for level in side] for side in (view.bids, view.asks)
    )  # fmt: skip
    title = f"{answer.symbol} depth" + ("" if view.venue else ", all venues in one book")
    subtitle = f"{who} · {answer.depth} levels a side · {_stamp(environment)}"
    depth_chart(path, title, subtitle, bids, asks, (base, tail.partition(":")[0]))
    return f"The depth chart is in {path}."


def plot_impact(answer: ImpactAnswer, environment: str, path: str) -> str:
    """Draw each venue's slippage over sizes; a line ends where its book does."""
    curves = {}
    for name, impacts in answer.curve.items():
        mid = mid_at(answer, name)
        points = []
        for impact in impacts:
            slippage = curve_slippage_bps(impact, mid, buying=answer.order.buying) if mid else None
            if slippage is not None and not impact.unfilled:
                points.append((impact.size, slippage))
        curves[name if len(points) == len(impacts) else f"{name} (book ends)"] = points
    base, _, tail = answer.symbol.partition("/")
    unit = base if answer.order.unit == BASE else tail.partition(":")[0]
    title = f"{answer.symbol}: what {answer.order.side}ing a size moves the price"
    impact_chart(path, title, f"before fees · {_stamp(environment)}", curves, f"size ({unit})")
    return f"The impact curve is in {path}."


def plot_funding(answer: FundingAnswer, environment: str, path: str) -> str:
    """Draw the settled rates of every perpetual, annualised, so that intervals do not matter."""
    series = {}
    for row in answer.rows:
        points = sorted(answer.history.get(f"{row.venue} {row.symbol}", ()), key=lambda point: point.time_ms)
        rates = comparable_history(points, interval_of(row))
        if len(rates) == len(points) and points:
            yearly = [float(rate * 8760 / COMMON_H) * 100 for rate in rates]
            name = row.venue if row.symbol == answer.symbol else f"{row.venue} {row.symbol}"
            every = "continuous" if row.continuous else f"{size_text(row.interval_h, 4)} h"
            series[f"{name} ({every})"] = [
                (float(point.time_ms), rate) for point, rate in zip(points, yearly, strict=True)
            ]  # fmt: skip
    title = f"Funding of {answer.symbol}"
    history_chart(path, title, f"settled rates, last {answer.span} · {_stamp(environment)}", series, "APR (%)")
    return f"The funding history is in {path}."


def _stamp(environment: str) -> str:
    import time

    return f"{environment} · {rfc3339(time.time_ns() // 1_000_000)[:19]}Z"
