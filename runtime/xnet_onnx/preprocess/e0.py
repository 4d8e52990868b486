"""The edge energy: the maximum of the derivative, as ``larch.xafs.find_e0`` of Larch 2026.3 finds it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray
from .rows import BEYOND, Grids

__all__ = ["find_e0", "find_e0s", "separate_duplicates", "separated"]

TINY_ENERGY = 0.0005
#: Points around the rough maximum in which it is looked for again, smoothed; a maximum within the first
#: 5 % of the scan is taken for noise, and everything above it is looked through.
AROUND, AROUND_EARLY, EARLY = 75, 20, 0.05

#: From so many spectra with one grid and one rough maximum, a matrix is made of what is done to each.
MANY = 16

IntArray = npt.NDArray[np.int64]


def separate_duplicates(energy: FloatArray, tiny: float = TINY_ENERGY) -> FloatArray:
    """Push apart successive energies closer than `tiny` (Larch's remove_dups).

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Energies in eV, in ascending order.
    tiny : float
        Smallest step kept, in eV.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if energy.size < 2 or float(np.diff(energy).min()) > 10 * tiny:
        return energy
    add = np.zeros_like(energy)
    for i in range(1, energy.size):
        if abs(energy[i] - energy[i - 1]) < tiny:
            add[i] = add[i - 1] + tiny
    return energy + add


def separated(grids: Grids) -> Grids:
    """`separate_duplicates` for each of the grids.

    Parameters
    ----------
    grids : Grids

    Returns
    -------
    Grids
    """
    steps = grids.energy[:, 1:] - grids.energy[:, :-1]
    close = np.flatnonzero((steps <= 10 * TINY_ENERGY).any(axis=1))
    if not close.size:
        return grids
    energy = grids.energy.copy()
    for i in close:
        energy[i] = separate_duplicates(energy[i])
    return Grids(energy, grids.size)


def find_e0(energy: FloatArray, mu: FloatArray) -> float:
    """Edge energy: the maximum of the derivative, with Larch's checks for glitches.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing, and absorption.

    Returns
    -------
    float
        e0 in eV (``larch.xafs.find_e0``).
    """
    return float(find_e0s(Grids.shared(energy), mu[np.newaxis])[0])


def find_e0s(grids: Grids, mu: FloatArray) -> FloatArray:
    """`find_e0` of many spectra.

    Parameters
    ----------
    grids : Grids
    mu : ndarray of float64, shape (k, n)

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    apart = separated(grids)
    rough, index = _steepest(apart, mu, _derivative(apart, mu))
    early = index < EARLY * grids.size
    start = np.maximum(3, index - np.where(early, AROUND_EARLY, AROUND))
    stop = np.where(early, grids.size - 3, np.minimum(index + AROUND, grids.size - 3))
    near = np.where(early, _mean_energy(grids), rough)
    step = 0.5 * (_within(_typical_step(apart)) + _within(near / 25000.0))

    windows, seen = _windows(grids, mu, start, stop)
    windows = separated(windows)
    derivative = _derivative(windows, seen)
    if len(grids.energy) == 1 and len(mu) >= MANY:
        smooth = _smoothed_alike(windows, derivative, step, index)
    else:
        smooth = _smoothed(windows, derivative, step)
    found, refined = _steepest(windows, seen, smooth)
    return np.where(refined >= 1, found, grids.at(start + 2))


def _within(steps: FloatArray) -> FloatArray:
    return np.maximum(0.01, np.minimum(1.0, steps))


def _mean_energy(grids: Grids) -> FloatArray:
    return np.asarray(np.where(grids.inside, grids.energy, 0.0).sum(axis=1) / grids.size)


def _typical_step(grids: Grids) -> FloatArray:
    """Means (g,) of the ten smallest steps after the smallest 1 % (Larch's find_energy_step); 1 without."""
    # Larch indexes with the pairs that are in order, which leaves out the last points.
    skip = (0.01 * (grids.size - 1)).astype(np.int64)[:, np.newaxis]
    if not skip.any():
        return np.ones(len(skip))
    steps = grids.energy[:, 1:] - grids.energy[:, :-1]
    points = np.arange(steps.shape[1])
    counted = (points >= skip) & (points < grids.size[:, np.newaxis] - 3 - skip)
    smallest = np.sort(np.where(counted, steps, np.inf), axis=1)
    chosen = np.take_along_axis(smallest, np.minimum(skip + np.arange(10), points[-1]), axis=1)
    return np.where(skip[:, 0] > 0, chosen.mean(axis=1), 1.0)


def _windows(grids: Grids, mu: FloatArray, start: IntArray, stop: IntArray) -> tuple[Grids, FloatArray]:
    """A part of each spectrum, from `start` to before `stop` (k,): its grid, and mu (k, m)."""
    size = stop - start
    points = np.arange(int(size.max()))
    beyond = np.maximum(points - (size - 1)[:, np.newaxis], 0)
    index = start[:, np.newaxis] + points - beyond
    rows = np.arange(len(mu))[:, np.newaxis]
    energy = grids.energy[rows if len(grids.energy) > 1 else 0, index]
    return Grids(energy + BEYOND * beyond, size), mu[rows, index]


def _derivative(grids: Grids, mu: FloatArray) -> FloatArray:
    """Derivatives (k, n - 1) of mu (k, n), without the last points, which Larch leaves out; 0 beyond."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = _differences(mu, grids.size - 1) / _differences(grids.energy, grids.size - 1)
    return np.where(grids.inside[:, 1:], slopes, 0.0)


def _differences(values: FloatArray, count: IntArray) -> FloatArray:
    """Central differences of the first points of rows, as np.gradient has them, one-sided at both ends."""
    made = np.empty((len(values), values.shape[1] - 1))
    made[:, 1:] = (values[:, 2:] - values[:, :-2]) / 2.0
    made[:, 0] = values[:, 1] - values[:, 0]
    rows = np.arange(len(values))
    made[rows, count - 1] = values[rows, count - 1] - values[rows, count - 2]
    return made


def _steepest(grids: Grids, mu: FloatArray, derivative: FloatArray) -> tuple[FloatArray, IntArray]:
    """Energies and indices (k,) of the highest derivatives whose two neighbours are high too."""
    inside = grids.inside[:, 1:]
    count = (grids.size - 1)[:, np.newaxis]
    points = np.arange(derivative.shape[1])
    margin = np.maximum(3, (0.02 * count).astype(np.int64))
    derivative = np.where(np.isfinite(derivative), derivative, -1.0)
    inner = (points >= margin) & (points < count - margin)
    lowest = np.where(inner, derivative, np.inf).min(axis=1)[:, np.newaxis]
    highest = np.where(inner, derivative, -np.inf).max(axis=1)[:, np.newaxis]
    derivative = (derivative - lowest) / np.maximum(1e-10, highest - lowest)

    threshold = np.where(count > 20, 0.60, 0.30)
    high = (derivative > threshold) & inside
    for _ in range(2):
        few = high.sum(axis=1) < 3
        if not few.any():
            break
        threshold = np.where(few[:, np.newaxis], 0.5 * threshold, threshold)
        high = (derivative > threshold) & inside
    high |= (high.sum(axis=1) < 3)[:, np.newaxis] & inside

    amid = high[:, 1:-1] & high[:, 2:] & high[:, :-2]
    allowed = (points >= margin) & (points <= count - margin)
    value = np.zeros_like(derivative)
    value[:, 1:-1] = np.where(amid & allowed[:, 1:-1], derivative[:, 1:-1], 0.0)
    best = value.argmax(axis=1)
    return grids.at(best), best


def _smoothed_alike(grids: Grids, values: FloatArray, step: FloatArray, index: IntArray) -> FloatArray:
    """`_smoothed` for windows of one grid around their points `index` (k,): the same are one product."""
    smooth = np.zeros_like(values)
    lone = np.ones(len(values), dtype=bool)
    for point in set(index.tolist()):
        rows = (index == point).nonzero()[0]
        energy = grids.one(int(rows[0]))
        if rows.size >= MANY and energy.size <= 2 * AROUND:
            matrix = _smoother(energy.tobytes(), float(step[rows[0]]))
            smooth[rows, : energy.size - 1] = values[rows, : energy.size - 1] @ matrix
            lone[rows] = False
    if lone.any():
        smooth[lone] = _smoothed(grids.take(lone), values[lone], step[lone])
    return smooth


@lru_cache(maxsize=128)
def _smoother(energy: bytes, step: float) -> FloatArray:
    """Make the matrix of `_smoothed` for a grid, to multiply rows with from the right."""
    grid = np.frombuffer(energy)
    rows = np.eye(grid.size - 1)
    return _smoothed(Grids.each([grid] * len(rows)), rows, np.full(len(rows), step))


def _smoothed(grids: Grids, values: FloatArray, step: FloatArray) -> FloatArray:
    """Convolve rows with Lorentzians of half widths `step` (k,), on grids of that step (Larch's smooth)."""
    energy, size = grids.energy[:, :-1], grids.size - 1
    pad = 5 * step
    first = step * np.trunc((energy[:, 0] - pad) / step)
    last = step * np.trunc((grids.at(size - 1) + pad) / step)
    count = np.minimum(1 + (np.abs(last - first + 0.1 * step) / step).astype(np.int64), 50 * size)
    spacing = (last - first) / (count - 1)
    place = (energy - first[:, np.newaxis]) / spacing[:, np.newaxis]
    uniform = np.zeros((len(values), int(count.max())))
    for made, x, y, n, points in zip(uniform, place, values, size.tolist(), count.tolist(), strict=True):
        made[:points] = np.interp(np.arange(points), x[:n], y[:n])
    return _between_whole(place, _convolved(uniform, count), count)


def _between_whole(place: FloatArray, values: FloatArray, count: IntArray) -> FloatArray:
    """Interpolate rows, known at 0, 1, 2 ... before `count` (k,), at places (k, n) among these."""
    left = np.minimum(place.astype(np.int64), count[:, np.newaxis] - 2)
    index = left + (np.arange(len(values)) * values.shape[1])[:, np.newaxis]
    low, high = values.ravel()[index], values.ravel()[index + 1]
    return np.asarray(low + (place - left) * (high - low))


def _convolved(values: FloatArray, count: IntArray) -> FloatArray:
    """Convolve the first `count` points of rows, mirrored at both ends, with a Lorentzian one point wide."""
    smooth = np.zeros_like(values)
    for n in set(count.tolist()):
        rows = (count == n).nonzero()[0]
        own = values[rows, :n]
        mirrored = np.concatenate((own[:, :0:-1], own, own[:, ::-1]), axis=1)
        # By FFT, since Larch's direct sum is quadratic in the points.
        length = _fast_length(mirrored.shape[1])
        whole = np.fft.irfft(np.fft.rfft(mirrored, length, axis=1) * _lorentzian(n, length), length, axis=1)
        smooth[rows, :n] = whole[:, 2 * n - 1 : 3 * n - 1]
    return smooth


def _fast_length(least: int) -> int:
    """A length of at least so many points that is quick to transform: few, and small, factors."""
    return min(factor << max(0, (-(-least // factor) - 1).bit_length()) for factor in (1, 3, 5, 9))


@lru_cache(maxsize=256)
def _lorentzian(count: int, length: int) -> npt.NDArray[np.complex128]:
    """Make the Fourier transform of a Lorentzian of 2 count points, padded to a length."""
    window = 1.0 / (1.0 + (np.arange(2 * count) - count) ** 2.0)
    return np.fft.rfft(window / window.sum(), length)
