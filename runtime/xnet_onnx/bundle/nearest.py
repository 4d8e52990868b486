"""The training compounds of a bundle, to compare a spectrum with: ``nearest.npz``.

Of each training spectrum only a few numbers are kept: what is left of it, made to
look measured in some ways, on the first principal components of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..edges import SYMBOLS
from ..spectrum import FloatArray
from .statistics import unpack_arrays

__all__ = ["MAX_NAME", "Compounds", "parse_compounds"]

MAX_NAME = 100
MAX_COMPONENTS = 24
MAX_SCORES = 1_000_000


@dataclass(frozen=True, eq=False)
class Compounds:
    """Training spectra as points, compound by compound.

    Parameters
    ----------
    centre : ndarray of float64, shape (n,)
        Mean model input.
    components : ndarray of float64, shape (k, n)
        Orthonormal: distances between points are those between curves.
    points : ndarray of float32, shape (v, k + 1, m)
        Of m training spectra in v sharpnesses: the scores times -2, and the square of the point's distance
        from the centre. The product with a spectrum's own scores and a 1 is the square of their difference,
        but for the square of its own.
    first_shell : ndarray of float64, shape (m,)
        Angstrom.
    starts : ndarray of int64, shape (c,)
        First spectrum of each compound.
    names : tuple of str, length c
        No two with the same element.
    elements : tuple of str, length c
        The absorbers.
    close : float
        Difference, as a share of the edge step, up to which a curve is like another.
    """

    centre: FloatArray
    components: FloatArray
    points: npt.NDArray[np.float32]
    first_shell: FloatArray
    starts: npt.NDArray[np.int64]
    names: tuple[str, ...]
    elements: tuple[str, ...]
    close: float


def parse_compounds(data: bytes, count: int) -> Compounds:
    """Read ``nearest.npz``.

    Parameters
    ----------
    data : bytes
    count : int
        Points of the model input.

    Returns
    -------
    Compounds

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `xnet_exporter.calibrate.nearest` writes it.
    """
    arrays = unpack_arrays(data, "nearest.npz")
    scores = arrays["scores"]
    if scores.ndim != 3 or scores.dtype.kind != "f" or not 0 < scores.size <= MAX_SCORES:
        raise ValueError(f"scores of shape {scores.shape} in nearest.npz")
    components, _, spectra = scores.shape
    if components > MAX_COMPONENTS:
        raise ValueError(f"{components} components in nearest.npz")
    names, compound = arrays["names"], _whole(arrays["compound"], (spectra,))
    if names.ndim != 1 or names.dtype.kind != "U" or names.size == 0:
        raise ValueError("names in nearest.npz")
    said = tuple(names.tolist())
    if not (min(map(len, said)) > 0 and max(map(len, said)) <= MAX_NAME and "".join(said).isprintable()):
        raise ValueError("a name in nearest.npz that cannot be printed")
    steps = np.diff(compound)
    if compound[0] != 0 or compound[-1] != names.size - 1 or np.any((steps != 0) & (steps != 1)):
        raise ValueError("compounds of nearest.npz in no order")
    numbers = _whole(arrays["absorbers"], (names.size,))
    if numbers.min() < 1 or numbers.max() > len(SYMBOLS):
        raise ValueError("absorbers in nearest.npz")
    points = _finite(scores, scores.shape, "scores").astype(np.float32)
    close = float(_finite(arrays["close"], (), "close"))
    first_shell = _finite(arrays["first_shell"], (spectra,), "first_shell")
    if first_shell.min() < 0.0 or first_shell.max() > 100.0 or not 0.0 < close < 10.0:
        raise ValueError("a distance in nearest.npz")
    return Compounds(
        centre=_finite(arrays["centre"], (count,), "centre"),
        components=_finite(arrays["components"], (components, count), "components"),
        points=np.ascontiguousarray(
            np.concatenate([-2.0 * points, (points**2).sum(axis=0, keepdims=True)]).transpose(1, 0, 2)
        ),
        first_shell=first_shell,
        starts=np.flatnonzero(np.diff(compound, prepend=-1)),
        names=said,
        elements=tuple(SYMBOLS[number - 1] for number in numbers.tolist()),
        close=close,
    )


def _whole(array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    if array.dtype.kind not in "iu" or array.shape != shape:
        raise ValueError(f"whole numbers of shape {array.shape} in place of {shape} in nearest.npz")
    return array.astype(np.int64)


def _finite(array: npt.NDArray[np.generic], shape: tuple[int, ...], what: str) -> FloatArray:
    if array.dtype.kind != "f" or array.shape != shape:
        raise ValueError(f"{what} of shape {array.shape} in place of {shape} in nearest.npz")
    values = array.astype(np.float64)
    # The squares of what is compared must be finite in single precision too.
    if not np.all(np.abs(values) < 1e6):
        raise ValueError(f"{what} in nearest.npz that are not finite")
    return values
