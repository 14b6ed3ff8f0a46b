"""Pictures as SVG: text stays text, ink takes the page's colour, nothing refers outside the file."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from recdiff.errors import UsageError
from recdiff.extras import install_with
from recdiff.studies.page.findings import Figure
from recdiff.studies.page.wording import short

# Told apart by people with any kind of colour vision, and readable on white as on near-black.
COLOURS = ("#0f7fbf", "#d9730d", "#1d9a6c", "#b5489a", "#8a7500", "#c43c3c", "#4f9fd8", "#6e6adf", "#7b8794")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
# Stands for the page's ink while matplotlib draws.
_INK, _FAINT = "#010203", "#040506"
_STYLE = {
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 10,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "axes.titlecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "grid.alpha": 0.18,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
INSTALL = install_with("study")


class Canvas:
    """A matplotlib figure with its axes, drawn without a screen.

    Attributes:
        axes: (rows, columns) of matplotlib axes, flattened.
    """

    def __init__(self, figure: Any, axes: list[Any]) -> None:
        self.figure = figure
        self.axes = axes

    def figure_of(self, name: str, caption: str) -> Figure:
        """Return the finished picture."""
        sink = io.StringIO()
        unsaid = {"Date": None, "Creator": None, "Format": None, "Type": None}
        self.figure.savefig(sink, format="svg", bbox_inches="tight", pad_inches=0.06, metadata=unsaid)
        return Figure(name, caption, clean_svg(sink.getvalue(), name))


def require_matplotlib() -> None:
    """Raise where pictures cannot be drawn, before any work is done.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(f"studies draw with matplotlib, which is not installed; install it with: {INSTALL}") from error


@contextmanager
def canvas(
    name: str, rows: int = 1, columns: int = 1, size: tuple[float, float] = (7.0, 3.6), **shared: Any
) -> Iterator[Canvas]:
    """Yield an empty picture; the style holds inside the block only.

    Args:
        name: of the picture; makes the ids inside the file unlike those of others.
        size: width and height in inches.
        shared: ``sharex`` and ``sharey`` as matplotlib has them.
    """
    require_matplotlib()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        drawing = Drawing(figsize=size, layout="constrained")
        FigureCanvasAgg(drawing)
        axes = drawing.subplots(rows, columns, squeeze=False, **shared)
        yield Canvas(drawing, list(axes.ravel()))


def clean_svg(svg: str, name: str) -> str:
    """Return ``svg`` without prologue, with the page's ink and with ids that no other picture has."""
    body = svg[svg.index("<svg") :]
    body = body.replace(_INK, "currentColor").replace(_FAINT, "currentColor")
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"font: ([^;\"]*?)'?sans-serif'?", r"font: \1sans-serif", body)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", body))
    body = re.sub(r"\sid=\"([^\"]+)\"", lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r"href=\"#([^\"]+)\"", rf'href="#{name}-\1"', body)
    return body.strip() + "\n"


def bars(
    axis: Any, labels: Sequence[str], *, values: Sequence[float], low: Sequence[float], high: Sequence[float], ours: int
) -> None:
    """Draw horizontal values with intervals, one row per label, the first on top; row ``ours`` stands out."""
    place = list(range(len(labels)))
    for row in place:
        colour = COLOURS[0] if row == ours else COLOURS[8]
        axis.plot([low[row], high[row]], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
        axis.plot([values[row]], [row], marker="o", color=colour, markersize=6)
    axis.set_yticks(place, labels)
    axis.set_ylim(len(labels) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    axis.locator_params(axis="x", nbins=5)


def lines(axis: Any, series: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, markers: bool = True) -> None:
    """Draw one line per named (x, y), each with a colour and a sign of its own."""
    for place, (label, (x, y)) in enumerate(series.items()):
        marker = MARKERS[place % len(MARKERS)] if markers else None
        axis.plot(x, y, label=label, color=COLOURS[place % len(COLOURS)], marker=marker)


def round_ticks(axis: Any) -> None:
    """Label a logarithmic x or y axis at 1, 2, 5, 10, ... and nowhere else."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: short(value))


def legend_below(shape: Canvas, axis: Any, columns: int = 4) -> None:
    """Put one legend, taken from ``axis``, below all axes."""
    handles, labels = axis.get_legend_handles_labels()
    shape.figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, max(1, len(labels))))
