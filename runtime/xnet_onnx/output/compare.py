"""Several predictions over each other in one figure (extra ``[plot]``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..prediction import Prediction
from .figure import MAX_PAGES, new_figure, save_pages, short_label
from .text import headline

__all__ = ["Comparison", "draw_comparison"]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7")


class Comparison:
    """Predictions over each other, so many on a page as there are colours.

    Attributes
    ----------
    count : int
        How many there are.
    left_out : int
        How many had no place.
    """

    def __init__(self) -> None:
        self._all: list[tuple[str, Prediction]] = []
        self.left_out = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._all)

    def add(self, label: str, prediction: Prediction) -> None:
        """Put in a prediction.

        Parameters
        ----------
        label : str
        prediction : Prediction
        """
        if len(self._all) < MAX_PAGES * len(COLOURS):
            self._all.append((prediction.label, prediction))
        else:
            self.left_out += 1

    def save(self, path: Path) -> None:
        """Draw all of them; more than a page needs a PDF.

        Parameters
        ----------
        path : Path
        """
        size = len(COLOURS)
        pages = [self._all[i : i + size] for i in range(0, len(self._all), size)]
        save_pages([lambda page=page: draw_comparison(page) for page in pages], path)  # type: ignore[misc]


def draw_comparison(predictions: Sequence[tuple[str, Prediction]]) -> Any:
    """Draw spectra over each other, and beside them the curves with their intervals.

    Parameters
    ----------
    predictions : sequence of (str, Prediction)
        With their labels; at most as many as there are colours.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(8.3, 4.4 + 0.22 * len(predictions))
    axes = figure.subplot_mosaic([["left", "above"], ["left", "right"]], height_ratios=(1.0, 4.0))
    left, above, right = axes["left"], axes["above"], axes["right"]
    handles, names = [], []
    for row, (colour, (label, prediction)) in enumerate(zip(COLOURS, predictions, strict=False)):
        (line,) = left.plot(prediction.energy, prediction.spectrum, color=colour, lw=1.4)
        handles.append(line)
        title = headline(prediction).replace(" A (", r" $\mathrm{\AA}$ (")
        names.append(f"{short_label(label, 44)}:  {title}")
        shell = prediction.first_shell
        if shell is None:
            continue
        right.plot(prediction.r, prediction.mean, color=colour, lw=1.4)
        above.plot([shell.r], [-row], "o", color=colour, ms=4)
        if shell.lower is not None and shell.upper is not None:
            above.plot([shell.lower, shell.upper], [-row, -row], color=colour, lw=1.6)
    left.axhline(1.0, color="0.8", lw=0.8, zorder=0)
    left.set_xlabel("energy (eV)")
    left.set_ylabel(r"normalised $\mu(E)$")
    above.set_ylim(-len(predictions) + 0.5, 0.5)
    above.set_yticks([])
    above.set_title("first shell", fontsize=9, loc="left")
    right.axhline(0.0, color="0.8", lw=0.8, zorder=0)
    for one in (above, right):
        one.set_xlim(1.0, 6.0)
    above.tick_params(labelbottom=False)
    right.set_xlabel(r"distance $r$ ($\mathrm{\AA}$)")
    right.set_ylabel(r"$G^2$ (wACSF), mean")
    figure.legend(handles, names, loc="outside lower left", fontsize=8, frameon=False)
    return figure
