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
    """Polynomials of k spectra, in energies scaled to -1 to 1 over where they were fitted.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (k, degree + 1)
        The constant first.
    middle, half : ndarray of float64, shape (k, 1)
        Of the range that was fitted, in eV.
    """

    coefficients: FloatArray
    middle: FloatArray
    half: FloatArray

    def along(self, energy: FloatArray) -> FloatArray:
        """Values (k, m) at energies in eV, (k, m) or (1, m)."""
        scaled = (energy - self.middle) / self.half
        values = np.zeros_like(scaled)
        for column in self.coefficients.T[::-1]:
            values *= scaled
            values += column[:, np.newaxis]
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
    weights = ((points >= first[:, np.newaxis]) & (points < last[:, np.newaxis])).astype(np.float64)
    scaled, values = (grids.energy[:, seen] - middle) / half * weights, mu[:, seen] * weights
    moments, products = _moments(scaled, weights, values, int(degree.max()))
    return Polynomials(_solved(moments, products, degree, last - first), middle, half)


def _moments(
    scaled: FloatArray, weights: FloatArray, values: FloatArray, degree: int
) -> tuple[FloatArray, FloatArray]:
    """Sums of powers, (k, 2 degree + 1), and of powers times values, (k, degree + 1)."""
    powers = [weights]
    for _ in range(degree):
        powers.append(powers[-1] * scaled)
    moments = [np.einsum("ij,ij->i", powers[i // 2], powers[i - i // 2]) for i in range(2 * degree + 1)]
    products = [np.einsum("ij,ij->i", power, values) for power in powers]
    return np.stack(moments, axis=1), np.stack(products, axis=1)


def _solved(moments: FloatArray, products: FloatArray, degree: IntArray, count: IntArray) -> FloatArray:
    """Coefficients from the normal equations; powers above a row's degree have none."""
    order = np.arange(products.shape[1])
    used = order <= degree[:, np.newaxis]
    both = used[:, :, np.newaxis] & used[:, np.newaxis, :]
    matrices = np.where(both, moments[:, order[:, np.newaxis] + order], np.eye(order.size))
    wanted = np.where(used, products, 0.0)[:, :, np.newaxis]
    if (count > degree).all():
        return np.asarray(np.linalg.solve(matrices, wanted)[:, :, 0])
    inverses = np.linalg.pinv(matrices, rcond=RANK_TOLERANCE, hermitian=True)
    return np.asarray((inverses @ wanted)[:, :, 0])
