"""Several predictions over each other in one figure (extra ``[plot]``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..prediction import Prediction
from .figure import MAX_PAGES, Drawing, new_figure, short_label
from .text import headline

__all__ = ["Comparison", "draw_comparison"]

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7")


class Comparison(Drawing[Prediction]):
    """Predictions over each other, so many on a page as there are colours."""

    capacity = MAX_PAGES * len(COLOURS)

    def drawn_of(self, prediction: Prediction) -> Prediction:
        """All of it."""
        return prediction

    def pages(self) -> list[Callable[[], Any]]:
        """As many on each as there are colours."""
        size = len(COLOURS)
        return [partial(draw_comparison, self.kept[i : i + size]) for i in range(0, self.count, size)]


def draw_comparison(predictions: Sequence[Prediction]) -> Any:
    """Draw spectra over each other, and beside them the curves with their intervals.

    Parameters
    ----------
    predictions : sequence of Prediction
        At most as many as there are colours.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(8.3, 4.4 + 0.22 * len(predictions))
    axes = figure.subplot_mosaic([["left", "above"], ["left", "right"]], height_ratios=(1.0, 4.0))
    left, above, right = axes["left"], axes["above"], axes["right"]
    handles, names = [], []
    for row, (colour, prediction) in enumerate(zip(COLOURS, predictions, strict=False)):
        (line,) = left.plot(prediction.energy, prediction.spectrum, color=colour, lw=1.4)
        handles.append(line)
        title = headline(prediction).replace(" A (", r" $\mathrm{\AA}$ (")
        names.append(f"{short_label(prediction.label, 44)}:  {title}")
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
