"""Where spectra rise through their edge, and the scale that their heights are measured on.

Each depends on the other: heights are shares of the mean over a range that is
counted from the edge position. They are found in turns.

A spectrum is counted from where it rises through a level of its edge step. A
pre-edge peak that passes half of the step and falls again, as chromate's, is
counted from instead: whether it reaches the level would depend on the resolution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..spectrum import EnergyAxis, FloatArray
from .rows import Grids
from .uniform import GRID_STEP

__all__ = ["Rise", "falls_again", "positions"]

#: A pre-edge peak rises through half of the edge step and falls again, below this share of it, within so
#: many eV; the shoulder of a metal does not.
HALF, FALLEN, PEAK_RANGE = 0.5, 0.42, 16.0
#: The same rule for a spectrum that has been aligned, which begins at the peak's half: from and to so many eV
#: after it, and with room for a scan that a measurement or an artefact has made a little different.
ALIGNED_FALLEN, ALIGNED_FROM, ALIGNED_TO = 0.46, 1.0, 12.0
#: Looked at more closely is what falls by this share of the step within that range of the level.
DROP = 0.04
#: Points of the uniform grid between those that are looked at for a fall.
STRIDE = 4
SCALE_ITERATIONS = 16
SCALE_TOLERANCE = 1e-6
#: From this turn on a scale only grows: where it would jump to and fro, as between the two sides of a
#: shoulder that is as high as the level, the higher side stays.
GROWING = 4
#: Points of the uniform grid around the last rises in which the next are looked for first.
MARGIN = 32


def positions(
    grids: Grids, mu: FloatArray, axis: EnergyAxis, starts: FloatArray, smooth: FloatArray
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Edge positions of spectra, and what to divide them by.

    Parameters
    ----------
    grids : Grids
    mu : ndarray of float64, shape (k, n)
        As `align` takes it.
    axis : EnergyAxis
    starts : ndarray of float64, shape (k,)
    smooth : ndarray of float64, shape (k, m)
        The spectra smoothed, on grids of 0.1 eV that begin at `starts`.

    Returns
    -------
    edge_position : ndarray of float64, shape (k,)
        In eV; NaN where a spectrum does not rise through the level.
    scale : ndarray of float64, shape (k,)
        1 on an axis without a range to scale over.
    found : ndarray of bool, shape (k,)
        Whether there are both.
    """
    rise = Rise(starts, smooth)
    integral = None if axis.scale_range is None else _Integral(grids, mu, axis.scale_range)
    at, scale, found = _settled(rise, integral, axis.level)
    if axis.level > HALF:
        doubtful = np.flatnonzero(found & rise.falls_near(at, scale))
        if doubtful.size:
            part = None if integral is None else integral.take(doubtful)
            again = Rise(starts[doubtful], smooth[doubtful])
            half, own, rises = _settled(again, part, HALF)
            peaked = rises & again.falls_after(half, FALLEN * own)
            at[doubtful[peaked]], scale[doubtful[peaked]] = half[peaked], own[peaked]
    return at, scale, found


def falls_again(inputs: npt.NDArray[np.float32], axis: EnergyAxis) -> npt.NDArray[np.bool_]:
    """Which model inputs are counted from a pre-edge peak (`positions`).

    Parameters
    ----------
    inputs : ndarray of float32, shape (batch, axis.count)
    axis : EnergyAxis

    Returns
    -------
    ndarray of bool, shape (batch,)
    """
    energy = axis.from_edge()
    soon = (energy >= ALIGNED_FROM) & (energy <= ALIGNED_TO)
    return np.asarray(inputs[:, soon].min(axis=1) < ALIGNED_FALLEN)


def _settled(
    rise: Rise, integral: _Integral | None, level: float
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Where rows rise through a level, their scales, and whether there are both."""
    if integral is None:
        scale = np.ones(len(rise.smooth))
        at, found = rise.through(level * scale)
        return at, scale, found
    # Any scale will do to begin with: a row always rises through a share of its highest point.
    scale = 0.7 * rise.highest
    at, found = rise.through(level * scale)
    done = np.zeros(len(scale), dtype=bool)
    for turn in range(SCALE_ITERATIONS):
        before, scale = scale, integral.means(at)
        if turn >= GROWING:
            scale = np.maximum(scale, before)
        # A spectrum that is done stays, so that none depends on which others it comes with.
        scale = np.where(done, before, scale)
        seen, found = rise.through(level * scale)
        at = np.where(np.isfinite(scale), seen, at)
        done |= (np.abs(scale - before) <= SCALE_TOLERANCE * np.abs(scale)) | ~found
        if done.all():
            break
    # Where the larger stayed, it was the mean from the other side.
    scale = integral.means(at)
    return at, scale, found & (scale > 0.0)


class Rise:
    """Where rows on grids of 0.1 eV, which begin at `starts`, first rise through a height of their own."""

    def __init__(self, starts: FloatArray, smooth: FloatArray) -> None:
        self.starts, self.smooth = starts, smooth
        self.rows = np.arange(len(smooth))
        self.top = np.maximum.accumulate(smooth, axis=1)
        self.highest = self.top[:, -1]
        self.seen = slice(0, smooth.shape[1])

    def through(self, heights: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Energies (k,), NaN without a rise, and whether there is one."""
        if len(heights) == 1:
            first = np.array([int(self.top[0].searchsorted(heights[0])) - 1])
        else:
            first = self._last_below(heights)
        found = first < self.smooth.shape[1] - 1
        if (first < 0).any() or np.isnan(heights).any():
            # What begins above its height falls first.
            below = self.smooth < heights[:, np.newaxis]
            rising = below[:, :-1] & ~below[:, 1:]
            first = rising.argmax(axis=1)
            found = rising[self.rows, first]
        first = np.where(found, first, 0)
        low, high = self.smooth[self.rows, first], self.smooth[self.rows, first + 1]
        share = (heights - low) / np.where(found, high - low, 1.0)
        return np.where(found, self.starts + GRID_STEP * (first + share), np.nan), found

    def falls_near(self, at: FloatArray, scale: FloatArray) -> npt.NDArray[np.bool_]:
        """Which rows might have a peak, and fall again, around their edge positions at (k,)."""
        columns = self._columns(at - PEAK_RANGE, 2.0 * PEAK_RANGE)
        rows, scales = self.rows[:, np.newaxis], scale[:, np.newaxis]
        high = np.minimum(self.top[rows, columns], (HALF + 1.5 * DROP) * scales)
        return np.asarray((high - self.smooth[rows, columns] > DROP * scales).any(axis=1))

    def falls_after(self, at: FloatArray, heights: FloatArray) -> npt.NDArray[np.bool_]:
        """Which rows fall below heights (k,) soon after energies (k,)."""
        columns = self._columns(at, PEAK_RANGE)
        return np.asarray(
            (self.smooth[self.rows[:, np.newaxis], columns] < heights[:, np.newaxis]).any(axis=1)
        )

    def _columns(self, first: FloatArray, width: float) -> npt.NDArray[np.int64]:
        """Every fourth point of the grids over a range from energies (k,), (k, w); NaN is their start."""
        start = np.nan_to_num((first - self.starts) / GRID_STEP).astype(np.int64)
        offsets = np.arange(1, round(width / GRID_STEP), STRIDE)
        return np.asarray(np.clip(start[:, np.newaxis] + offsets, 0, self.smooth.shape[1] - 1))

    def _last_below(self, heights: FloatArray) -> npt.NDArray[np.int64]:
        """Where rows were last below their heights before they rise; looked for near the last time's."""
        top = self.top[:, self.seen]
        if not ((top[:, 0] < heights) & (top[:, -1] >= heights)).all():
            self.seen, top = slice(0, self.top.shape[1]), self.top
        first = self.seen.start - 1 + (top < heights[:, np.newaxis]).sum(axis=1)
        low, high = int(first.min()) - MARGIN, int(first.max()) + MARGIN
        self.seen = slice(max(0, low), min(high, self.top.shape[1]))
        return np.asarray(first)


class _Integral:
    """Integrals of piecewise linear spectra, mu (k, n), over a range counted from energies of theirs."""

    def __init__(self, grids: Grids, mu: FloatArray, scale_range: tuple[float, float]) -> None:
        self.grids, self.energy, self.scale_range = grids, grids.energy, scale_range
        self.own = len(self.energy) > 1
        self.mu, self.rows = mu, np.arange(len(mu))[:, np.newaxis]
        self.grid_of = self.rows if self.own else np.zeros_like(self.rows)
        self.steps = self.energy[:, 1:] - self.energy[:, :-1]
        self.area = np.zeros_like(mu)
        np.cumsum(0.5 * self.steps * (mu[:, 1:] + mu[:, :-1]), axis=1, out=self.area[:, 1:])

    def take(self, chosen: npt.NDArray[np.int64]) -> _Integral:
        """The same of some of the spectra."""
        return _Integral(self.grids.take(chosen), self.mu[chosen], self.scale_range)

    def means(self, origins: FloatArray) -> FloatArray:
        """Means (k,) over a range counted from their origins, or what they cover of it; NaN without."""
        first, last = self.energy[:, :1], self.grids.last[:, np.newaxis]
        known = np.isfinite(origins)
        at = np.where(known, origins, first[:, 0])[:, np.newaxis] + np.array(self.scale_range)
        at = np.minimum(np.maximum(at, first), last)
        if self.own:
            left = (self.energy[:, np.newaxis, :] <= at[:, :, np.newaxis]).sum(axis=2) - 1
        else:
            left = self.energy[0].searchsorted(at, side="right") - 1
        left = np.minimum(left, self.energy.shape[1] - 2)
        part = at - self.energy[self.grid_of, left]
        value = self.mu[self.rows, left]
        slope = (self.mu[self.rows, left + 1] - value) / self.steps[self.grid_of, left]
        until = self.area[self.rows, left] + part * (value + 0.5 * slope * part)
        width = at[:, 1] - at[:, 0]
        known &= width > 0.0
        return np.where(known, (until[:, 1] - until[:, 0]) / np.where(known, width, 1.0), np.nan)
