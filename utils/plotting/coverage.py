"""The chart of what a recording covers: a line a series, time to the right, colour by the share of good seconds."""

from collections.abc import Mapping
from datetime import UTC

from domain.time import MS_PER_DAY
from utils.plotting.canvas import INK, MUTED, picture

_TALLEST_IN = 40.0


def coverage_chart(
    path: str, title: str, subtitle: str, shares: Mapping[str, Mapping[int, float]], slot_ms: int
) -> None:
    """Draw a heat map; `shares` are, by line, the share (0 to 1) of each slot that something was expected in.

    A slot has its number since 1970 and is `slot_ms` wide. Where nothing was expected the picture stays empty.

    Raises:
        UsageError: the file cannot be written.
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    slots = sorted({slot for line in shares.values() for slot in line})
    first, last = slots[0], slots[-1] + 1
    grid = [[line.get(slot, float("nan")) for slot in range(first, last)] for line in shares.values()]
    shades = LinearSegmentedColormap.from_list("coverage", ("#B2182B", "#F4A582", "#FDE9C4", "#A6CEE3", "#0072B2"))
    shades.set_bad("#FFFFFF")
    with picture(path, title, subtitle) as axes:
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_size_inches(10, min(_TALLEST_IN, max(2.4, 1.5 + 0.3 * len(shares))))
        # matplotlib counts time in days since 1970.
        across = (first * slot_ms / MS_PER_DAY, last * slot_ms / MS_PER_DAY)
        drawn = axes.imshow(
            grid, cmap=shades, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=(*across, len(shares), 0)
        )
        axes.set_yticks([place + 0.5 for place in range(len(shares))], list(shares), fontsize=8, color=INK)
        axes.grid(False)
        axes.hlines(range(1, len(shares)), *across, color="#FFFFFF", linewidth=1.5)
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis_date(tz=UTC)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_xlabel("UTC")
        bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02)
        bar.set_label("seconds with a book", fontsize=9, color=INK)
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
