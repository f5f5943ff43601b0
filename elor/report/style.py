"""One look for all figures: colours that colour-blind people can tell apart, units, n and method below each figure."""

import textwrap
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from cycler import cycler
from matplotlib import rc_context
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from elor.files import replacing

HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito, "Color universal design", 2008."""

INK, SOFT, LINE, FAINT = "#1c2430", "#5b6675", "#dde2e8", "#c3cad3"

SIGNED = LinearSegmentedColormap.from_list("signed", ["#004f7c", "#56b4e9", "#d3d7dc", "#f0975a", "#a33c00"])
"""Blue speaks against the class, orange for it, grey for neither."""

STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=HUES),
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text stays text, which a paper's editor can change
    "svg.hashsalt": "elor",  # the same figure, the same bytes
}

SMALL_PER_INCH, BOLD_PER_INCH = 15.5, 10.0
"""Characters of the caption and of the title that fit into an inch."""

MARGIN = 0.1
"""Inches beside what stands furthest left or right."""


def style() -> AbstractContextManager[None]:
    """A context in which figures are drawn and saved."""
    return rc_context(STYLE)


def new_figure(
    width: float, height: float, title: str, caption: str, below_title: str = "", arranged: bool = True
) -> Figure:
    """A figure with its title above, and below what n and the method are.

    Args:
        width, height: in inches, of what is drawn; titles and caption come on top of the height.
        title: set bold.
        caption: set small.
        below_title: a line of its own below the title.
        arranged: whether axes find their places by their labels; else margins fit a single column, which is faster.
    """
    heading, lines = (
        textwrap.wrap(title, int(width * BOLD_PER_INCH)),
        textwrap.wrap(caption, int(width * SMALL_PER_INCH)),
    )
    above = 0.2 * len(heading) + 0.18 * bool(below_title) + 0.1
    below = 0.17 * len(lines) + 0.1
    whole = height + above + below
    inside = (0.0, below / whole, 1.0, height / whole)
    layout = ConstrainedLayoutEngine(rect=inside, w_pad=0.06, h_pad=0.06) if arranged else None
    figure = Figure(figsize=(width, whole), layout=layout)
    left = 0.1 / width
    figure.text(left, 1 - 0.07 / whole, "\n".join(heading), va="top", weight="bold", size=11, color=INK)
    figure.text(left, 1 - (0.09 + 0.2 * len(heading)) / whole, below_title, va="top", size=9, color=INK)
    figure.text(left, 0.08 / whole, "\n".join(lines), va="bottom", size=8, color=SOFT, linespacing=1.25)
    if not arranged:
        figure.subplots_adjust(0.85 / width, (below + 0.42) / whole, 1 - 0.2 / width, 1 - (above + 0.1) / whole)
    return figure


def make_room(figure: Figure) -> None:
    """Make axes in one column as narrow as what stands beside them, such as the numbers of a colour bar, needs."""
    boxes, width = [axes.get_tightbbox() for axes in figure.axes], figure.bbox.width
    first, last = min(box.x0 for box in boxes) / width, max(box.x1 for box in boxes) / width
    margin, now = MARGIN / figure.get_figwidth(), figure.subplotpars
    figure.subplots_adjust(left=round(now.left - first + margin, 3), right=round(now.right - last + 1 - margin, 3))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the path's suffix says, the same bytes each time."""
    kind = path.suffix[1:]
    with replacing(path) as part, style():
        settle(figure)
        figure.savefig(part, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})


def settle(figure: Figure) -> None:
    """Let axes find their places, once for all formats, and round these.

    The solver of layouts goes through its constraints in an order that depends on where they lie in memory, so that the
    last digits of its solution differ from run to run, and with them the names of clip paths in an SVG.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position([round(float(value), 6) for value in axes.get_position(original=True).bounds])
