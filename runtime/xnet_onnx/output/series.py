"""A series of scans in one figure: distance against scan, and the spectra as a map (extra ``[plot]``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..prediction import Prediction
from ..spectrum import FloatArray
from .figure import SPECTRUM, VERDICT_COLOURS, Drawing, new_figure, short_label

__all__ = ["Scan", "Series", "draw_series"]

MAX_SCANS = 20_000
#: Up to so many spectra are drawn as lines one above the other, more as a map.
WATERFALL = 24
#: The map has at most so many columns; more scans than that are thinned out.
MAP_COLUMNS = 2000
MARKERS = {"high": "o", "medium": "s", "low": "D", "outside": "X"}


@dataclass(frozen=True, eq=False)
class Scan:
    """What is drawn of a prediction.

    Parameters
    ----------
    label : str
    r : float or None
        First-shell distance in Angstrom.
    lower, upper : float or None
        Its interval.
    level : float or None
        Coverage of the interval.
    verdict : str or None
    energy, spectrum : ndarray, shape (n,)
        In eV, and normalised.
    """

    label: str
    r: float | None
    lower: float | None
    upper: float | None
    level: float | None
    verdict: str | None
    energy: FloatArray
    spectrum: FloatArray


class Series(Drawing[Scan]):
    """Scans in the order they come."""

    capacity = MAX_SCANS

    def drawn_of(self, prediction: Prediction) -> Scan:
        """Its distance and its spectrum."""
        shell, verdict = prediction.first_shell, prediction.confidence
        return Scan(
            label=prediction.label,
            r=None if shell is None else shell.r,
            lower=None if shell is None else shell.lower,
            upper=None if shell is None else shell.upper,
            level=None if verdict is None else verdict.interval_level,
            verdict=None if verdict is None else verdict.verdict,
            energy=prediction.energy,
            spectrum=prediction.spectrum,
        )

    def pages(self) -> list[Callable[[], Any]]:
        """One with all of them."""
        return [partial(draw_series, self.kept)]


def draw_series(scans: Sequence[Scan]) -> Any:
    """Draw the first-shell distance against the scan, and the spectra below.

    Parameters
    ----------
    scans : sequence of Scan
        At least one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(8.3, 7.2)
    top, bottom = figure.subplots(2, 1, height_ratios=(1.0, 1.1))
    _draw_distances(top, scans)
    if len(scans) <= WATERFALL:
        _draw_waterfall(bottom, scans)
    else:
        _draw_map(figure, bottom, scans)
        bottom.set_xlim(top.get_xlim())
    return figure


def _draw_distances(axes: Any, scans: Sequence[Scan]) -> None:
    number = np.arange(1, len(scans) + 1)
    r, lower, upper = (
        np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        for values in (
            [scan.r for scan in scans],
            [scan.lower for scan in scans],
            [scan.upper for scan in scans],
        )
    )
    level = next((scan.level for scan in scans if scan.level is not None), None)
    if level is not None:
        edges = np.arange(len(scans) + 1) + 0.5
        band = f"{100 * level:g} % interval"
        axes.stairs(upper, edges, baseline=lower, fill=True, color="0.5", alpha=0.25, lw=0, label=band)
    axes.plot(number, r, color="0.6", lw=0.8, zorder=1)
    few = len(scans) <= 200
    for verdict in (*VERDICT_COLOURS, None):
        chosen = np.array([scan.verdict == verdict and scan.r is not None for scan in scans])
        if chosen.any():
            axes.scatter(
                number[chosen],
                r[chosen],
                s=28 if few else 10,
                marker=MARKERS[verdict] if verdict else "o",
                color=VERDICT_COLOURS[verdict] if verdict else "0.3",
                edgecolor="black",
                linewidth=0.5 if few else 0.2,
                zorder=2,
                label=verdict or "no verdict: the model is not calibrated",
            )
    missing = np.array([scan.r is None for scan in scans])
    if missing.any():
        axes.scatter(
            number[missing],
            np.full(int(missing.sum()), 0.03),
            marker="X",
            s=28 if few else 10,
            color=VERDICT_COLOURS["outside"],
            transform=axes.get_xaxis_transform(),
            label="no distance (outside)",
            clip_on=False,
        )
    axes.use_sticky_edges = False
    axes.set_xlim(0.5, len(scans) + 0.5)
    axes.set_xlabel("scan")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel(r"first shell ($\mathrm{\AA}$)")
    between = f"{short_label(scans[0].label, 40)} to {short_label(scans[-1].label, 40)}"
    axes.set_title(between if len(scans) > 1 else short_label(scans[0].label), fontsize=9, loc="left")
    axes.legend(
        fontsize=8, frameon=False, ncols=6, loc="lower right", bbox_to_anchor=(1.0, 1.06), borderaxespad=0.0
    )


def _draw_waterfall(axes: Any, scans: Sequence[Scan]) -> None:
    apart = 0.25
    for i, scan in enumerate(scans):
        colour = SPECTRUM if scan.verdict is None else VERDICT_COLOURS[scan.verdict]
        axes.plot(scan.energy, scan.spectrum + apart * i, color="0.35", lw=1.6, zorder=2 * (len(scans) - i))
        axes.plot(scan.energy, scan.spectrum + apart * i, color=colour, lw=1.1, zorder=2 * (len(scans) - i))
        axes.annotate(
            str(i + 1),
            (float(scan.energy[-1]), float(scan.spectrum[-1] + apart * i)),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    axes.set_xlabel("energy (eV)")
    axes.set_ylabel(r"normalised $\mu(E)$, each " + f"{apart:g} higher")


def _draw_map(figure: Any, axes: Any, scans: Sequence[Scan]) -> None:
    every = -(-len(scans) // MAP_COLUMNS)
    drawn = scans[::every]
    low = min(float(scan.energy[0]) for scan in drawn)
    high = max(float(scan.energy[-1]) for scan in drawn)
    energy = np.linspace(low, high, 600)
    image = np.stack(
        [np.interp(energy, scan.energy, scan.spectrum, left=np.nan, right=np.nan) for scan in drawn], axis=1
    )
    shown = axes.imshow(
        image,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap="viridis",
        extent=(0.5, 0.5 + every * len(drawn), low, high),
    )
    figure.colorbar(shown, ax=axes, label=r"normalised $\mu(E)$", location="bottom", shrink=0.4, pad=0.02)
    axes.set_xlabel("scan")
    axes.set_ylabel("energy (eV)")
