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

__all__ = ["COUNT", "nearest_of"]

COUNT = 3


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
        _nearest(compounds, row.astype(np.float32), float(rest), inputs.shape[1], count)
        for row, rest in zip(scores, outside, strict=True)
    ]


def _nearest(
    compounds: Compounds, row: npt.NDArray[np.float32], outside: float, points: int, count: int
) -> tuple[Neighbour, ...]:
    """The same for one input; `outside` is the square of what the components do not describe of it."""
    components = len(row)
    products = row @ compounds.scores.reshape(components, -1)
    squares = (compounds.square - 2.0 * products.reshape(compounds.square.shape)).min(axis=0)
    of_compound = np.minimum.reduceat(squares, compounds.starts)
    count = min(count, of_compound.size)
    chosen = np.argpartition(of_compound, count - 1)[:count]
    chosen = chosen[np.argsort(of_compound[chosen], kind="stable")]
    ends = np.append(compounds.starts[1:], squares.size)
    own = float(row @ row) + outside
    found = []
    for i in chosen.tolist():
        start = int(compounds.starts[i])
        spectrum = start + int(np.argmin(squares[start : ends[i]]))
        difference = float(np.sqrt(max(0.0, own + float(squares[spectrum])) / points))
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
