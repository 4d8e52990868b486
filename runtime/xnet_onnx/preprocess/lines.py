"""Polynomials through a part of each spectrum, by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray
from .rows import Grids

__all__ = ["Polynomials", "fit"]

IntArray = npt.NDArray[np.int64]
#: Of the largest: smaller singular values of too few points for a degree are rounding.
RANK_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Polynomials:
    """Polynomials of k spectra, of energies scaled to -1 to 1 over where they were fitted.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (k, degree + 1)
        Of Chebyshev polynomials, the constant first.
    middle, half : ndarray of float64, shape (k, 1)
        Of the range that was fitted, in eV.
    """

    coefficients: FloatArray
    middle: FloatArray
    half: FloatArray

    def along(self, energy: FloatArray) -> FloatArray:
        """Values (k, m) at energies in eV, (k, m) or (1, m)."""
        terms = _terms((energy - self.middle) / self.half, self.coefficients.shape[1])
        values = np.zeros_like(terms[0])
        for column, term in zip(self.coefficients.T, terms, strict=True):
            values += column[:, np.newaxis] * term
        return values


def fit(grids: Grids, mu: FloatArray, first: IntArray, last: IntArray, degree: IntArray) -> Polynomials:
    """Fit each spectrum from its point `first` to before its point `last`.

    Parameters
    ----------
    grids : Grids
    mu : ndarray of float64, shape (k, n)
    first, last, degree : ndarray of int64, shape (k,)

    Returns
    -------
    Polynomials
        Of the highest degree; the coefficients above a row's own are 0.
    """
    low, high = grids.at(first), grids.at(last - 1)
    middle = 0.5 * (low + high)[:, np.newaxis]
    half = np.where(high > low, 0.5 * (high - low), 1.0)[:, np.newaxis]
    seen = slice(int(first.min()), int(last.max()))
    points = np.arange(seen.start, seen.stop)
    inside = (points >= first[:, np.newaxis]) & (points < last[:, np.newaxis])
    terms = _terms((grids.energy[:, seen] - middle) / half, int(degree.max()) + 1)
    used = np.stack(terms, axis=1) * inside[:, np.newaxis]
    matrices, wanted = used @ used.transpose(0, 2, 1), used @ mu[:, seen, np.newaxis]
    return Polynomials(_solved(matrices, wanted, degree, last - first), middle, half)


def _terms(scaled: FloatArray, count: int) -> list[FloatArray]:
    """The first Chebyshev polynomials: unlike powers, they are nearly orthogonal."""
    terms = [np.ones_like(scaled), scaled]
    while len(terms) < count:
        terms.append(2.0 * scaled * terms[-1] - terms[-2])
    return terms[:count]


def _solved(matrices: FloatArray, wanted: FloatArray, degree: IntArray, count: IntArray) -> FloatArray:
    """Coefficients (k, d) from normal equations (k, d, d) and (k, d, 1); none above a row's own degree."""
    used = np.arange(wanted.shape[1]) <= degree[:, np.newaxis]
    if not used.all():
        both = used[:, :, np.newaxis] & used[:, np.newaxis, :]
        matrices = np.where(both, matrices, np.eye(wanted.shape[1]))
        wanted = np.where(used[:, :, np.newaxis], wanted, 0.0)
    if (count > degree).all():
        return np.asarray(np.linalg.solve(matrices, wanted)[:, :, 0])
    inverses = np.linalg.pinv(matrices, rcond=RANK_TOLERANCE, hermitian=True)
    return np.asarray((inverses @ wanted)[:, :, 0])
