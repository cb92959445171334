"""The charts: depth of a book, impact of sizes, history of funding, earnings. Data in, file out; venues unknown."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from domain.time import MS_PER_DAY
from utils.plotting.canvas import ASK_COLOUR, BID_COLOUR, INK, MUTED, look, picture

Line = Sequence[tuple[float, float]]


def depth_chart(path: str, title: str, subtitle: str, bids: Line, asks: Line, labels: tuple[str, str]) -> None:
    """Draw cumulated size against price; `bids` and `asks` are (price, size) best first, `labels` (base, quote)."""
    with picture(path, title, subtitle) as axes:
        for levels, tint, name in ((bids, BID_COLOUR, "bids"), (asks, ASK_COLOUR, "asks")):
            if not levels:
                continue
            prices, sizes, total = [levels[0][0]], [0.0], 0.0
            for price, size in levels:
                prices += [price, price]
                sizes += [total, total + size]
                total += size
            axes.plot(prices, sizes, color=tint, linewidth=1.8, label=f"{name}\n{total:,.6g} {labels[0]}")
            axes.fill_between(prices, sizes, color=tint, alpha=0.15, linewidth=0)
        if bids and asks:
            mid = (bids[0][0] + asks[0][0]) / 2
            axes.axvline(mid, color=MUTED, linewidth=0.9, linestyle="--")
            axes.annotate(f"mid {mid:,.10g}", (mid, 1), xycoords=("data", "axes fraction"), xytext=(4, -10),
                          textcoords="offset points", fontsize=9, color=INK)  # fmt: skip
        axes.set_xlabel(f"price ({labels[1]})")
        axes.set_ylabel(f"cumulated size ({labels[0]})")
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="x", useOffset=False, style="plain")


def impact_chart(path: str, title: str, subtitle: str, curves: Mapping[str, Line], size_label: str) -> None:
    """Draw slippage (basis points) against size, on a logarithmic size axis, a line a venue."""
    from matplotlib.ticker import FuncFormatter

    with picture(path, title, subtitle) as axes:
        for place, (name, points) in enumerate(curves.items()):
            tint, dashes = look(place)
            if points:
                sizes, slippages = zip(*points, strict=True)
                axes.plot(
                    sizes, slippages, marker="o", markersize=4, linewidth=1.7, label=name, color=tint, linestyle=dashes
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_xlabel(size_label)
        axes.set_ylabel("slippage against mid (bps)")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))


def history_chart(path: str, title: str, subtitle: str, series: Mapping[str, Line], label: str) -> None:
    """Draw values over time, a step line each; points are (epoch milliseconds, value)."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    with picture(path, title, subtitle) as axes:
        for place, (name, points) in enumerate(series.items()):
            tint, dashes = look(place)
            # matplotlib counts time in days since 1970.
            moments = [moment / MS_PER_DAY for moment, _ in points]
            values = [value for _, value in points]
            axes.step(moments, values, where="pre", linewidth=1.3, label=name, color=tint, linestyle=dashes)
        axes.axhline(0, color=MUTED, linewidth=0.9)
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_xlabel("settlement (UTC)")
        axes.set_ylabel(label)


def earnings_chart(path: str, title: str, subtitle: str, series: Mapping[str, Line], now_ms: float, label: str) -> None:
    """Draw what was earned so far over time, a step line each; points are (epoch milliseconds, value).

    The last point of a line is at `now_ms` and marked: what is open counts there, and only there.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    with picture(path, title, subtitle) as axes:
        for place, (name, points) in enumerate(series.items()):
            tint, dashes = look(place)
            moments = [moment / MS_PER_DAY for moment, _ in points]
            values = [value for _, value in points]
            axes.step(moments, values, where="post", linewidth=1.5, label=name, color=tint, linestyle=dashes)
            axes.plot(moments[-1:], values[-1:], marker="o", markersize=5, color=tint)
        axes.axhline(0, color=MUTED, linewidth=0.9)
        axes.axvline(now_ms / MS_PER_DAY, color=MUTED, linewidth=0.9, linestyle="--")
        axes.annotate("now", (now_ms / MS_PER_DAY, 1), xycoords=("data", "axes fraction"), xytext=(-4, -10),
                      textcoords="offset points", fontsize=9, color=INK, ha="right")  # fmt: skip
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_xlabel("UTC")
        axes.set_ylabel(label)


def periods_chart(
    path: str,
    title: str,
    subtitle: str,
    starts: Sequence[float],
    width_ms: float,
    lines: Mapping[str, Sequence[float | None]],
    label: str,
) -> None:
    """Draw values of periods as steps; `starts` are epoch milliseconds, and a line breaks where a period is missing."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    with picture(path, title, subtitle) as axes:
        for place, (name, values) in enumerate(lines.items()):
            tint, dashes = look(place)
            moments: list[float] = []
            heights: list[float] = []
            for start, value in zip(starts, values, strict=True):
                known = float("nan") if value is None else value
                if moments and moments[-1] * MS_PER_DAY < start - width_ms / 2:
                    moments.append(moments[-1])
                    heights.append(float("nan"))
                moments += [start / MS_PER_DAY, (start + width_ms) / MS_PER_DAY]
                heights += [known, known]
            axes.plot(moments, heights, linewidth=1.5, label=name, color=tint, linestyle=dashes)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_xlabel("UTC")
        axes.set_ylabel(label)
