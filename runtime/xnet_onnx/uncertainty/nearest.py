"""Which training compounds have a spectrum like this one?

The difference of two curves is their root mean square distance over the model's
energy axis, as a share of the edge step. Of each training spectrum the bundle
holds its first principal components in several sharpnesses, since theory is
sharper than experiment by an amount that differs from one to the next; the
most similar counts, and of each compound its most similar spectrum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..bundle.nearest import Compounds
from ..prediction import Neighbour
from ..spectrum import FloatArray

__all__ = ["COUNT", "nearest_of"]

COUNT = 3
#: Inputs compared at a time: the squares of more do not fit into the cache.
ROWS = 16


def nearest_of(
    compounds: Compounds, inputs: npt.NDArray[np.float32], count: int = COUNT
) -> list[tuple[Neighbour, ...]]:
    """Training compounds whose input is most like each of these.

    Parameters
    ----------
    compounds : Compounds
    inputs : ndarray of float32, shape (n, axis.count)
    count : int
        How many compounds.

    Returns
    -------
    list of tuple of Neighbour, length n
        The most similar first.
    """
    shifted = np.asarray(inputs, dtype=np.float64) - compounds.centre
    scores = shifted @ compounds.components.T
    outside = (shifted**2).sum(axis=1) - (scores**2).sum(axis=1)
    return [
        _nearest(compounds, squares, rest, inputs.shape[1], count)
        for start in range(0, len(scores), ROWS)
        for squares, rest in zip(
            *_squares(compounds, scores[start : start + ROWS], outside[start : start + ROWS]), strict=True
        )
    ]


def _squares(
    compounds: Compounds, scores: FloatArray, outside: FloatArray
) -> tuple[npt.NDArray[np.float32], list[float]]:
    """Squares of the differences (k, m) from the training spectra, but for what is one for a row (k,)."""
    rows = np.ones((len(scores), scores.shape[1] + 1), dtype=np.float32)
    rows[:, :-1] = scores
    squares = rows @ compounds.points[0]
    for points in compounds.points[1:]:
        np.minimum(squares, rows @ points, out=squares)
    return squares, (np.einsum("ij,ij->i", rows[:, :-1], rows[:, :-1]) + outside).tolist()


def _nearest(
    compounds: Compounds, squares: npt.NDArray[np.float32], rest: float, points: int, count: int
) -> tuple[Neighbour, ...]:
    """The compounds of the smallest squares (m,), one after the other; what was found is crossed out."""
    found = []
    for _ in range(min(count, len(compounds.names))):
        spectrum = int(squares.argmin())
        square = float(squares[spectrum])
        i = int(compounds.starts.searchsorted(spectrum, side="right")) - 1
        end = compounds.starts[i + 1] if i + 1 < compounds.starts.size else squares.size
        squares[compounds.starts[i] : end] = np.inf
        difference = float(np.sqrt(max(0.0, rest + square) / points))
        found.append(
            Neighbour(
                compounds.names[i],
                compounds.elements[i],
                float(compounds.first_shell[spectrum]),
                difference,
                difference <= compounds.close,
            )
        )
    return tuple(found)
