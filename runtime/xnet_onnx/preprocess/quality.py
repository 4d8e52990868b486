"""Is it a spectrum, and how good a one: noise, glitches, gaps, and the shape of a step."""

from __future__ import annotations

import numpy as np

from ..errors import CoverageError, EdgeError, SpectrumError
from ..numerics import row_quantile
from ..spectrum import FloatArray, NormalizedBatch
from ..wording import counted

__all__ = ["check_points", "glitch_heights", "noise_levels", "wrong_shapes"]

EDGE_GAP, EDGE_POINTS = 2.5, 12


def noise_levels(normalized: NormalizedBatch) -> FloatArray:
    """Noise of normalised spectra, in edge steps.

    From the second differences of the pre-edge and post-edge, where an
    absorption spectrum is smooth: their median size, which a few features do
    not move.

    Parameters
    ----------
    normalized : NormalizedBatch

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    energy, norm = normalized.energy, normalized.norm
    outside = np.flatnonzero(np.abs(energy[1:-1] - normalized.e0) > 10.0)
    if outside.size < 8:
        return np.zeros(len(norm))
    steps = np.diff(energy)
    # The middle point against the line through its neighbours, for uneven steps too.
    total = (steps[1:] + steps[:-1])[outside]
    left, right = steps[1:][outside] / total, steps[:-1][outside] / total
    difference = norm[:, outside + 1] - (norm[:, outside] * left + norm[:, outside + 2] * right)
    weights = np.sqrt(1.0 + left**2 + right**2)
    return 1.4826 * row_quantile(np.abs(difference / weights), 0.5)


def glitch_heights(energy: FloatArray, norm: FloatArray) -> FloatArray:
    """How far each point stands out of its neighbours on both sides.

    A point is held against the line through its neighbours and against the lines
    through the two points on either side of it; the smallest of the three is its
    height, so that a steep edge or a sharp white line has none.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
    norm : ndarray of float64, shape (k, n)

    Returns
    -------
    ndarray of float64, shape (k, n)
        In edge steps; 0 for the two points at either end.
    """
    heights = np.zeros_like(norm)
    if energy.size < 7:
        return heights
    x, y = energy, norm
    middle = y[:, 2:-2] - _line(x[1:-3], y[:, 1:-3], x[3:-1], y[:, 3:-1], x[2:-2])
    left = y[:, 2:-2] - _line(x[:-4], y[:, :-4], x[1:-3], y[:, 1:-3], x[2:-2])
    right = y[:, 2:-2] - _line(x[3:-1], y[:, 3:-1], x[4:], y[:, 4:], x[2:-2])
    same = (middle > 0.0) & (left > 0.0) & (right > 0.0) | (middle < 0.0) & (left < 0.0) & (right < 0.0)
    # A spike is as far from the level of its neighbours; a white line is not.
    level = np.minimum(np.abs(y[:, 2:-2] - y[:, 1:-3]), np.abs(y[:, 2:-2] - y[:, 3:-1]))
    lowest = np.minimum(np.minimum(np.abs(middle), np.abs(left)), np.minimum(np.abs(right), level))
    heights[:, 2:-2] = np.where(same, lowest, 0.0)
    return heights


def _line(x0: FloatArray, y0: FloatArray, x1: FloatArray, y1: FloatArray, x: FloatArray) -> FloatArray:
    return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))


def check_points(energy: FloatArray, e0: float) -> None:
    """Refuse a scan too coarse to place its edge."""
    near = energy[(energy > e0 - 10.0) & (energy < e0 + 20.0)]
    inside = energy[(energy > e0 - 7.5) & (energy < e0 + 17.5)]
    gap = float(np.diff(inside).max()) if inside.size > 1 else float("inf")
    if near.size >= EDGE_POINTS and gap <= EDGE_GAP + 1e-6:
        return
    steps = np.diff(energy)
    crossing = (energy[1:] > e0 - 7.5) & (energy[:-1] < e0 + 17.5)
    wide = np.flatnonzero(crossing & (steps > EDGE_GAP + 1e-6))
    if not wide.size:
        raise CoverageError(
            f"only {counted(near.size, 'point')} from 10 eV below to 20 eV above the edge at {e0:.1f} eV; "
            f"expected at least {EDGE_POINTS}: the scan must go over all of that range"
        )
    cause = (
        f"the grid of {np.median(steps[wide]):.1f} eV is too coarse for"
        if wide.size > 1
        else f"the gap of {steps[wide[0]]:.1f} eV from {energy[wide[0]]:.1f} to {energy[wide[0] + 1]:.1f} eV "
        "is too wide, near"
    )
    raise CoverageError(
        f"{cause} the edge at {e0:.1f} eV; expected steps of at most {EDGE_GAP:g} eV from 7.5 eV below to "
        "17.5 eV above it: measure with finer steps"
    )


def wrong_shapes(normalized: NormalizedBatch, name: str) -> dict[int, SpectrumError]:
    """Refuse what rises and is no edge: noise, EXAFS of another edge, a falling spectrum."""
    x, norm = normalized.energy - normalized.e0, normalized.norm
    before = norm[:, (x < -20.0) & (x > -80.0)]
    after = norm[:, (x > 15.0) & (x < 60.0)]
    if before.shape[1] < 2 or after.shape[1] < 2:
        return {}
    low, high = row_quantile(before, 0.5), row_quantile(after, 0.5)
    scatter = (
        np.ptp(before, axis=1)
        if before.shape[1] < 4
        else row_quantile(np.abs(before - low[:, np.newaxis]), 0.9)
    )
    top = norm[:, np.abs(x) < 60.0].max(axis=1)
    # Measured spectra stay within 0.1, 0.9 to 1.1, 0.05 and 1.7, calculated ones within these limits.
    edge = (np.abs(low) < 0.3) & (high > 0.5) & (high < 2.2) & (scatter < 0.3) & (top < 6.0)
    return {
        int(i): EdgeError(
            f"the steepest rise, at {normalized.e0:.1f} eV, is no absorption edge: normalised, it goes from "
            f"{low[i]:.2f} (+- {scatter[i]:.2f}) below it to {high[i]:.2f} above it, with a maximum of "
            f"{top[i]:.2f}; expected "
            f"from 0 to 1 as at the {name} edge: is it another element's EXAFS, the wrong column, or are "
            "i0 and the "
            "transmitted intensity swapped?"
        )
        for i in np.flatnonzero(~edge)
    }
