"""Numerics that several steps share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .spectrum import FloatArray

__all__ = ["FWHM_TO_SIGMA", "gaussian_kernel", "masked_mean", "row_quantile", "vertex_offsets"]

LARGEST = float(np.finfo(np.float64).max)
FWHM_TO_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


def gaussian_kernel(fwhm: float, step: float) -> FloatArray:
    """A Gaussian on a uniform grid, cut at four standard deviations.

    Parameters
    ----------
    fwhm, step : float
        Full width at half maximum and spacing of the grid, in eV.

    Returns
    -------
    ndarray of float64, shape (2 h + 1,)
        With sum 1.
    """
    sigma = fwhm * FWHM_TO_SIGMA / step
    half = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def vertex_offsets(left: FloatArray, centre: FloatArray, right: FloatArray) -> FloatArray:
    """Offsets of maxima from their grid points, in grid steps, from -0.5 to 0.5; any shape.

    By a parabola through three points, of their logarithms where these are positive:
    for a Gaussian that is exact.
    """
    three = np.array((left, centre, right))
    np.log(three, out=three, where=(three > 0.0).all(axis=0))
    left, centre, right = three
    curvature = left - 2.0 * centre + right
    bent = curvature < 0.0
    offset = 0.5 * (left - right) / np.where(bent, curvature, -1.0)
    return np.where(bent, np.minimum(np.maximum(offset, -0.5), 0.5), 0.0)


def masked_mean(values: FloatArray, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """Means of some of the values of each row.

    Parameters
    ----------
    values : ndarray of float64, shape (k, n)
    chosen : ndarray of bool, shape (k, n) or (1, n)

    Returns
    -------
    ndarray of float64, shape (k,)
        NaN where none are chosen.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(chosen, values, 0.0).sum(axis=1) / chosen.sum(axis=1))


def row_quantile(values: FloatArray, share: float, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """Quantiles of rows, linear between points; numpy's own loads numpy.ma, 15 ms of every start.

    Parameters
    ----------
    values : ndarray of float64, shape (k, n)
    share : float
        From 0 to 1.
    chosen : ndarray of bool, shape (k, n) or (1, n)
        Which of them count.

    Returns
    -------
    ndarray of float64, shape (k,)
        The largest number where none are chosen.
    """
    ordered = np.sort(np.where(chosen, values, LARGEST), axis=1)
    rows, last = np.arange(len(values)), np.maximum(chosen.sum(axis=1) - 1, 0)
    at = share * last
    below = at.astype(np.int64)
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, last)]
    return np.asarray(low + (at - below) * (high - low))
