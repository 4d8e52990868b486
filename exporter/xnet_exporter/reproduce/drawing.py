"""One look for all figures: readable at column width, colour-blind safe, vector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xnet_onnx.files import replace_when_done
from xnet_onnx.spectrum import FloatArray

__all__ = [
    "COLUMN",
    "DISTANCE",
    "ENERGY",
    "G2",
    "PAGE",
    "PRESET_COLOURS",
    "PRESET_NAMES",
    "SHADES",
    "TRUTH",
    "canvas",
    "letter",
    "plain_ticks",
    "scatter_step",
]

#: Widths of a column and of a page, in inches (8.5 and 17.5 cm).
COLUMN, PAGE = 8.5 / 2.54, 17.5 / 2.54
TRUTH = "black"
# Okabe and Ito's colours, which colour-blind readers can tell apart.
PRESET_COLOURS = {"paper": "#0072B2", "default": "#D55E00"}
PRESET_NAMES = {"paper": "preset paper", "default": "preset default"}
#: An original and its three changes, or two on either side.
SHADES = ("black", "#0072B2", "#56B4E9", "#E69F00", "#D55E00")
ENERGY = r"energy (eV)"
DISTANCE = r"$r$ ($\mathrm{\AA}$)"
G2 = r"$G^2$"
STYLE: dict[Any, Any] = {
    "font.size": 7,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.borderaxespad": 0.3,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "patch.linewidth": 0.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "xnet-onnx",
}


@contextmanager
def canvas(out: Path, stem: str, width: float, height: float) -> Iterator[Any]:
    """A figure that is saved as PNG and SVG when the block ends.

    Parameters
    ----------
    out : Path
        Folder of the report.
    stem : str
    width, height : float
        In inches.

    Yields
    ------
    matplotlib.figure.Figure
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03))
        made = FigureCanvasAgg(figure)
        yield figure
        for suffix, metadata in ((".png", {}), (".svg", {"Date": None})):
            with replace_when_done(out / "figures" / f"{stem}{suffix}") as temporary:
                made.print_figure(str(temporary), dpi=200, metadata=metadata)
            # The layout takes as long as the drawing, and is the same for both.
            figure.set_layout_engine("none")


def letter(axes: Any, name: str, title: str = "") -> None:
    """Name a panel above its upper left corner."""
    axes.set_title(f"({name}) {title}".rstrip(), loc="left")


def plain_ticks(axis: Any) -> None:
    """Write the ticks of a logarithmic axis as plain numbers: 0.1, 0.2, 0.5, 1."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def scatter_step(values: FloatArray) -> float:
    """Size of the points of a scatter plot, smaller the more there are."""
    return 9.0 if len(values) < 500 else 3.0
