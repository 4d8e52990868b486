"""The figure: the spectrum as used, and the prediction with its band (extra ``[plot]``)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError, OutputError
from ..files import replace_when_done
from ..pipeline import Prediction
from ..spectrum import FloatArray

__all__ = ["CURVE", "MAX_ROWS", "SPECTRUM", "curve_limits", "plot_predictions", "refuse"]

MAX_ROWS = 12
# Okabe and Ito's colours, which colour-blind readers can tell apart.
SPECTRUM, CURVE = "#0072B2", "#D55E00"


def plot_predictions(predictions: Sequence[Prediction], path: Path) -> None:
    """Draw predictions, one row each, to a file.

    Parameters
    ----------
    predictions : sequence of Prediction
        At most `MAX_ROWS`.
    path : Path
        The figure; its suffix sets the format (png, svg, pdf).

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If there is nothing to draw, or too much, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            'figures need matplotlib; install it with: pip install "xnet-onnx[plot]"'
        ) from error
    if not 0 < len(predictions) <= MAX_ROWS:
        raise OutputError(
            f"{len(predictions)} predictions to draw in {path}; expected 1 to {MAX_ROWS}: draw fewer "
            "files at a time"
        )
    figure = Figure(figsize=(8.0, 2.8 * len(predictions) + 0.2), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(len(predictions), 2, squeeze=False)
    for (left, right), prediction in zip(grid, predictions, strict=True):
        left.plot(prediction.energy, prediction.spectrum, color=SPECTRUM, lw=1.5)
        left.axhline(1.0, color="0.8", lw=0.8, zorder=0)
        e0 = float(prediction.preprocessing["e0"])
        left.axvline(e0, color="0.6", lw=0.8, ls=":")
        left.annotate(
            f"$E_0$ = {e0:.1f} eV",
            (e0, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=8,
            color="0.35",
        )
        left.set_xlabel("energy (eV)")
        left.set_ylabel(r"normalised $\mu(E)$")
        left.set_title(_short(prediction.label), fontsize=9, loc="left")

        mean, verdict = prediction.mean, prediction.confidence
        if prediction.lower is None or prediction.upper is None or verdict is None:
            lower, upper = mean - 2 * prediction.sigma, mean + 2 * prediction.sigma
            band = r"$\pm 2\sigma$ of the members"
        else:
            lower, upper = prediction.lower, prediction.upper
            band = f"{100 * verdict.interval_level:g} % interval"
            right.set_title(f"confidence: {verdict.level}", fontsize=9, loc="right")
            if verdict.level == "outside" and prediction.first_shell is None:
                refuse(right, verdict.reasons)
                continue
        right.fill_between(prediction.r, lower, upper, color=CURVE, alpha=0.25, lw=0, label=band)
        right.plot(
            prediction.r,
            mean - 2 * prediction.sigma,
            color=CURVE,
            lw=0.7,
            ls="--",
            label=r"$\pm 2\sigma$ of the members",
        )
        right.plot(prediction.r, mean + 2 * prediction.sigma, color=CURVE, lw=0.7, ls="--")
        right.plot(prediction.r, mean, color=CURVE, lw=1.5, label="mean")
        right.axhline(0.0, color="0.8", lw=0.8, zorder=0)
        for peak in prediction.peaks:
            right.annotate(
                f"{peak.r:.2f}",
                (peak.r, peak.height),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        right.set_ylim(*curve_limits(mean, prediction.sigma))
        right.set_xlim(float(prediction.r[0]), float(prediction.r[-1]))
        right.set_xlabel(r"distance $r$ ($\mathrm{\AA}$)")
        right.set_ylabel(r"$G^2$ (wACSF)")
        right.set_title(_shell_title(prediction), fontsize=9, loc="left")
        right.legend(fontsize=7, frameon=False, loc="upper right")
    try:
        with replace_when_done(path) as temporary:
            canvas.print_figure(str(temporary), dpi=150)
    except ValueError as error:
        raise OutputError(
            f"{path.name!r} names no figure format ({error}); expected a name ending in .png, .svg or .pdf"
        ) from error


def _shell_title(prediction: Prediction) -> str:
    shell = prediction.first_shell
    if shell is None:
        return "no peak"
    if shell.lower is None or shell.upper is None:
        return rf"first shell {shell.r:.2f} $\pm$ {shell.r_sigma:.2f} $\mathrm{{\AA}}$"
    return rf"first shell {shell.r:.2f} ({shell.lower:.2f} to {shell.upper:.2f}) $\mathrm{{\AA}}$"


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
        f"outside the domain of the model\n\n{text}",
        ha="center",
        va="center",
        fontsize=8,
        transform=axes.transAxes,
    )


def _short(label: str, length: int = 48) -> str:
    return label if len(label) <= length else f"...{label[-length + 3 :]}"
