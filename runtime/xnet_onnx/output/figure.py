"""Figures: the spectra as used, and the predictions with their bands (extra ``[plot]``)."""

from __future__ import annotations

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import MissingExtraError, OutputError
from ..files import replace_when_done
from ..prediction import Prediction
from ..spectrum import FloatArray
from .text import headline, uncertain_peaks

__all__ = [
    "CURVE",
    "MAX_ROWS",
    "SPECTRUM",
    "VERDICT_COLOURS",
    "Drawing",
    "Plot",
    "check_figure",
    "curve_limits",
    "draw_curve",
    "draw_predictions",
    "leave_room",
    "new_figure",
    "refuse",
    "save_pages",
    "short_label",
]

#: Predictions on a page (A4).
MAX_ROWS = 4
MAX_PAGES = 250
# Okabe and Ito's colours, which colour-blind readers can tell apart.
SPECTRUM, CURVE = "#0072B2", "#D55E00"
#: From good to bad.
VERDICT_COLOURS = {"high": "#0072B2", "medium": "#56B4E9", "low": "#F0E442", "outside": "#D55E00"}


Drawn = TypeVar("Drawn")


class Drawing(ABC, Generic[Drawn]):
    """A figure that predictions are put into one by one, and that is saved at the end.

    Attributes
    ----------
    capacity : int
        How many it has room for.
    left_out : int
        How many had no place.
    """

    capacity: int

    def __init__(self) -> None:
        self.kept: list[Drawn] = []
        self.left_out = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.kept)

    def add(self, prediction: Prediction) -> None:
        """Put in a prediction.

        Parameters
        ----------
        prediction : Prediction
        """
        if self.count < self.capacity:
            self.kept.append(self.drawn_of(prediction))
        else:
            self.left_out += 1

    def save(self, path: Path) -> None:
        """Draw all of them.

        Parameters
        ----------
        path : Path
            Its suffix sets the format (png, svg, pdf); more than a page needs a PDF.

        Raises
        ------
        OutputError
            As `save_pages`.
        """
        save_pages(self.pages(), path)

    @abstractmethod
    def drawn_of(self, prediction: Prediction) -> Drawn:
        """What is kept of a prediction."""

    @abstractmethod
    def pages(self) -> list[Callable[[], Any]]:
        """The pages, each drawn when it is asked for."""


def check_figure(path: Path) -> None:
    """Refuse a figure that cannot be drawn, before the long work.

    Parameters
    ----------
    path : Path

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If the name ends in no format, or there is no such folder.
    """
    if path.suffix.lower().lstrip(".") not in _canvas().get_supported_filetypes():
        raise OutputError(
            f"{path.name!r} names no figure format; expected a name ending in .png, .svg or .pdf"
        )
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}; make it first")


def _canvas() -> Any:
    """The class of matplotlib's canvases that need no window."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise MissingExtraError(
            'figures need matplotlib; install it with: pip install "xnet-onnx[plot]"'
        ) from error
    return FigureCanvasAgg


def new_figure(width: float, height: float) -> Any:
    """An empty figure with a canvas.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    canvas = _canvas()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    canvas(figure)
    return figure


def save_pages(pages: Sequence[Callable[[], Any]], path: Path) -> None:
    """Draw a page after the other into one file.

    Parameters
    ----------
    pages : sequence of callable
        Each gives a matplotlib figure.
    path : Path
        Its suffix sets the format; several pages need a PDF.

    Raises
    ------
    OutputError
        If the file cannot be written, or there are more pages than it can hold.
    """
    pdf = path.suffix.lower() == ".pdf"
    if len(pages) > 1 and not pdf:
        raise OutputError(
            f"{path} holds one page; there are {len(pages)} to draw: give a name ending in .pdf"
        )
    try:
        with replace_when_done(path) as temporary:
            if pdf:
                from matplotlib.backends.backend_pdf import PdfPages

                with PdfPages(temporary) as file:
                    for page in pages:
                        file.savefig(page())
            else:
                (page,) = pages
                page().savefig(temporary, dpi=150)
    except ValueError as error:
        raise OutputError(
            f"{path.name!r} names no figure format ({error}); expected a name ending in .png, .svg or .pdf"
        ) from error


class Plot(Drawing[Prediction]):
    """Predictions one below the other, a few on a page."""

    capacity = MAX_PAGES * MAX_ROWS

    def drawn_of(self, prediction: Prediction) -> Prediction:
        """All of it."""
        return prediction

    def pages(self) -> list[Callable[[], Any]]:
        """`MAX_ROWS` on each."""
        return [
            partial(draw_predictions, self.kept[i : i + MAX_ROWS]) for i in range(0, self.count, MAX_ROWS)
        ]


def draw_predictions(predictions: Sequence[Prediction]) -> Any:
    """Draw predictions, one row each.

    Parameters
    ----------
    predictions : sequence of Prediction
        At most `MAX_ROWS`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If there is nothing to draw, or too much.
    """
    if not 0 < len(predictions) <= MAX_ROWS:
        raise OutputError(
            f"{len(predictions)} predictions to draw; expected 1 to {MAX_ROWS}: draw fewer files at a time"
        )
    figure = new_figure(8.3, 2.8 * len(predictions) + 0.2)
    grid = figure.subplots(len(predictions), 2, squeeze=False)
    for (left, right), prediction in zip(grid, predictions, strict=True):
        _draw_spectrum(left, prediction)
        draw_curve(right, prediction)
    return figure


def _draw_spectrum(axes: Any, prediction: Prediction) -> None:
    axes.plot(prediction.energy, prediction.spectrum, color=SPECTRUM, lw=1.5)
    axes.axhline(1.0, color="0.8", lw=0.8, zorder=0)
    e0 = float(prediction.preprocessing["e0"])
    axes.axvline(e0, color="0.6", lw=0.8, ls=":")
    axes.annotate(
        f"$E_0$ = {e0:.1f} eV",
        (e0, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        fontsize=8,
        color="0.35",
    )
    axes.set_xlabel("energy (eV)")
    axes.set_ylabel(r"normalised $\mu(E)$")
    axes.set_title(short_label(prediction.label), fontsize=9, loc="left")


def draw_curve(axes: Any, prediction: Prediction) -> None:
    """Draw G2 with its band and its peaks.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    prediction : Prediction
    """
    mean, verdict, shell = prediction.mean, prediction.confidence, prediction.first_shell
    if shell is None and verdict is not None and verdict.verdict == "outside":
        refuse(axes, verdict.reasons)
        return
    spread = r"$\pm 2\sigma$ of the members, not the error"
    low, high = mean - 2 * prediction.sigma, mean + 2 * prediction.sigma
    if prediction.lower is not None and prediction.upper is not None and verdict is not None:
        band = f"{100 * verdict.interval_level:g} % interval"
        axes.fill_between(
            prediction.r, prediction.lower, prediction.upper, color=CURVE, alpha=0.25, lw=0, label=band
        )
    axes.plot(prediction.r, low, color=CURVE, lw=0.7, ls="--", label=spread)
    axes.plot(prediction.r, high, color=CURVE, lw=0.7, ls="--")
    axes.plot(prediction.r, mean, color=CURVE, lw=1.5, label="mean")
    axes.axhline(0.0, color="0.8", lw=0.8, zorder=0)
    for peak, doubt in zip(prediction.peaks, uncertain_peaks(prediction), strict=True):
        axes.annotate(
            f"{peak.r:.2f}{'?' if doubt else ''}",
            (peak.r, peak.height),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color="0.5" if doubt else "black",
        )
    leave_room(axes, mean, prediction.sigma)
    axes.set_xlim(float(prediction.r[0]), float(prediction.r[-1]))
    axes.set_xlabel(r"distance $r$ ($\mathrm{\AA}$)")
    axes.set_ylabel(r"$G^2$ (wACSF)")
    title = headline(prediction).replace(" A (", r" $\mathrm{\AA}$ (")
    axes.set_title(f"first shell {title}", fontsize=9, loc="left")


def leave_room(axes: Any, mean: FloatArray, sigma: FloatArray) -> None:
    """Limit the axis of G2, and put the legend above the curve.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    mean, sigma : ndarray of float64, shape (n,)
    """
    low, high = curve_limits(mean, sigma)
    axes.set_ylim(low, 1.2 * high)
    axes.legend(fontsize=7, edgecolor="none", framealpha=0.8, loc="upper right")


def curve_limits(mean: FloatArray, sigma: FloatArray) -> tuple[float, float]:
    """Limits of the axis of G2; the band of outer shells can be far higher, and may leave the figure.

    Parameters
    ----------
    mean, sigma : ndarray of float64, shape (n,)

    Returns
    -------
    low, high : float
    """
    top = max(float((mean + 2 * sigma).max()), 1.5 * float(mean.max()), 0.5)
    return min(0.0, float((mean - 2 * sigma).min())) - 0.05 * top, 1.1 * top


def refuse(axes: Any, reasons: Sequence[str]) -> None:
    """Say in an empty panel why there is no curve.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    reasons : sequence of str
    """
    axes.set_xticks([])
    axes.set_yticks([])
    text = "\n".join(line for reason in reasons for line in textwrap.wrap(reason, 52))
    axes.text(
        0.5,
        0.5,
        f"outside what the model knows: no distance\n\n{text}",
        ha="center",
        va="center",
        fontsize=8,
        transform=axes.transAxes,
        parse_math=False,
    )


def short_label(label: str, length: int = 48) -> str:
    """A label that fits over a panel, as matplotlib shows it letter by letter.

    Parameters
    ----------
    label : str
    length : int

    Returns
    -------
    str
    """
    short = label if len(label) <= length else f"...{label[-length + 3 :]}"
    return short.replace("$", r"\$")
