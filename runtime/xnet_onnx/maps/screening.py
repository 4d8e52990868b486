"""Which pixels hold a sample: the height of the edge by a straight-line fit, for many pixels at once."""

from __future__ import annotations

import numpy as np

from ..spectrum import FloatArray
from .stack import BoolArray

__all__ = ["SIGNIFICANCE", "noise_of", "step_weights", "usable", "visible"]

#: eV around e0 left out of the fit, and how far up it goes.
GAP, REACH = 15.0, 100.0
#: An edge must be this many times its own standard error.
SIGNIFICANCE = 5.0


def step_weights(energy: FloatArray, e0: float) -> FloatArray:
    """Weights whose product with mu is the height of the edge.

    The least-squares fit of one straight line with a step at e0 to what lies more
    than 15 eV from it (up to 100 eV above): a slope is no edge.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        In eV, ascending.
    e0 : float
        In eV.

    Returns
    -------
    ndarray of float64, shape (n,)
        Zero throughout where nothing lies on one of the sides.
    """
    x = energy - e0
    used = (np.abs(x) >= GAP) & (x <= REACH)
    weights = np.zeros(energy.size)
    below, above = int(np.count_nonzero(used & (x < 0))), int(np.count_nonzero(used & (x > 0)))
    if below and above:
        columns = [np.ones(int(used.sum())), (x[used] > 0).astype(np.float64)]
        if below > 1 and above > 1:
            columns.append(x[used])
        weights[used] = np.linalg.pinv(np.column_stack(columns))[1]
    return weights


def usable(mu: FloatArray) -> BoolArray:
    """Whether spectra are finite and vary: the others are dead pixels.

    Parameters
    ----------
    mu : ndarray of float64, shape (k, n)

    Returns
    -------
    ndarray of bool, shape (k,)
    """
    with np.errstate(invalid="ignore"):
        spread = np.ptp(mu, axis=1)
        good: BoolArray = np.isfinite(spread) & (spread > 1e-12 * np.maximum(1.0, np.abs(mu).max(axis=1)))
    return good


def noise_of(mu: FloatArray, energy: FloatArray, e0: float) -> FloatArray:
    """Noise of spectra, from the second differences away from the edge.

    What `identity.noise_level` does, in units of mu and for many at once.

    Parameters
    ----------
    mu : ndarray of float64, shape (k, n)
    energy : ndarray of float64, shape (n,)
        In eV, ascending.
    e0 : float
        In eV.

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    steps = np.diff(energy)
    before, after = steps[1:] / (steps[1:] + steps[:-1]), steps[:-1] / (steps[1:] + steps[:-1])
    away = np.abs(energy[1:-1] - e0) > 10.0
    if np.count_nonzero(away) < 8:
        return np.zeros(len(mu))
    difference = mu[:, 1:-1] - mu[:, :-2] * before - mu[:, 2:] * after
    scaled = np.abs(difference / np.sqrt(1.0 + before**2 + after**2))[:, away]
    return np.asarray(1.4826 * np.median(scaled, axis=1), dtype=np.float64)


def visible(mu: FloatArray, energy: FloatArray, e0: float, least: float) -> tuple[FloatArray, BoolArray]:
    """Height of the edge in spectra, and whether there is one to speak of.

    Parameters
    ----------
    mu : ndarray of float64, shape (k, n)
        Finite.
    energy : ndarray of float64, shape (n,)
    e0 : float
        Of the whole stack, in eV.
    least : float
        The lowest edge that counts, in units of mu.

    Returns
    -------
    step : ndarray of float64, shape (k,)
        In units of mu.
    seen : ndarray of bool, shape (k,)
        Whether it is at least `least` and `SIGNIFICANCE` times its standard error.
    """
    weights = step_weights(energy, e0)
    step: FloatArray = mu @ weights
    error = noise_of(mu, energy, e0) * float(np.sqrt(np.sum(weights**2)))
    return step, (step >= least) & (step > 0.0) & (step >= SIGNIFICANCE * error)
