"""What every picture shares: the canvas, its colours, and writing the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8B5A2B", "#4D4D4D", "#7F3C8D", "#A5AA99")
"""Okabe and Ito's palette and a few more: told apart by colour-blind eyes, too."""
LINES = ("-", "--", ":")
BID_COLOUR, ASK_COLOUR = "#009E73", "#D55E00"
INK = "#222222"
MUTED = "#666666"


@contextmanager
def picture(path: str, title: str, subtitle: str) -> Iterator["Axes"]:
    """Give axes to draw on, then write them to `path` as PNG.

    Raises:
        UsageError: the file cannot be written, or its name does not end in `.png`.
    """
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise UsageError(f"Pictures are PNG files, not {target.name}.", hint="Name it FILE.png.")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=22)
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, fontsize=9, color=MUTED, va="bottom")
    yield axes
    if len(axes.get_legend_handles_labels()[0]) > 0:
        # Beside the axes, where it can hide nothing.
        figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    try:
        figure.savefig(target, format="png")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


def look(place: int) -> tuple[str, str]:
    """Return colour and line style of the n-th line; no two of the first thirty look alike."""
    return COLOURS[place % len(COLOURS)], LINES[place // len(COLOURS) % len(LINES)]
