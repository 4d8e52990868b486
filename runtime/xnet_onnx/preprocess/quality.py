"""Is it a spectrum, and how good a one: noise, glitches, gaps, and the shape of a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..numerics import row_quantile
from ..spectrum import FloatArray
from ..wording import counted
from .rows import Grids, NormalizedBatch

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
    energy, norm, grids = normalized.grids.energy, normalized.norm, normalized.grids
    far = np.abs(energy[:, 1:-1] - normalized.e0[:, np.newaxis]) > 10.0
    outside = far & grids.inside[:, 2:]
    # The middle point against the line through its neighbours, for uneven steps too.
    steps = energy[:, 1:] - energy[:, :-1]
    total = steps[:, 1:] + steps[:, :-1]
    left, right = steps[:, 1:] / total, steps[:, :-1] / total
    difference = norm[:, 1:-1] - (norm[:, :-2] * left + norm[:, 2:] * right)
    weights = np.sqrt(1.0 + left**2 + right**2)
    noise = 1.4826 * row_quantile(np.abs(difference / weights), 0.5, outside)
    return np.where(outside.sum(axis=1) < 8, 0.0, noise)


def glitch_heights(grids: Grids, norm: FloatArray, seen: npt.NDArray[np.bool_]) -> FloatArray:
    """How far each point stands out of its neighbours on both sides.

    A point is held against the line through its neighbours and against the lines
    through the two points on either side of it; the smallest of the three is its
    height, so that a steep edge or a sharp white line has none.

    Parameters
    ----------
    grids : Grids
    norm : ndarray of float64, shape (k, n)
    seen : ndarray of bool, shape (k, n)
        Which points are asked for.

    Returns
    -------
    ndarray of float64, shape (k, n)
        In edge steps; 0 for the two points at either end, and for what is not asked
        for.
    """
    heights = np.zeros_like(norm)
    part = _columns(seen)
    part = slice(max(2, part.start), min(part.stop, norm.shape[1] - 2))
    if part.stop <= part.start:
        return heights

    def points(k: int) -> tuple[FloatArray, FloatArray]:
        moved = slice(part.start + k, part.stop + k)
        return grids.energy[:, moved], norm[:, moved]

    before2, before, (x, y), after, after2 = (points(k) for k in (-2, -1, 0, 1, 2))
    middle = y - _line(before, after, x)
    left, right = y - _line(before2, before, x), y - _line(after, after2, x)
    same = (middle > 0.0) & (left > 0.0) & (right > 0.0) | (middle < 0.0) & (left < 0.0) & (right < 0.0)
    # A spike is as far from the level of its neighbours; a white line is not.
    level = np.minimum(np.abs(y - before[1]), np.abs(y - after[1]))
    lowest = np.minimum(np.minimum(np.abs(middle), np.abs(left)), np.minimum(np.abs(right), level))
    counts = seen[:, part] & grids.inside[:, part.start + 2 : part.stop + 2]
    heights[:, part] = np.where(same & counts, lowest, 0.0)
    return heights


def _columns(chosen: npt.NDArray[np.bool_]) -> slice:
    """The columns from the first to the last that has anything chosen; one at least."""
    columns = np.flatnonzero(chosen.any(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if columns.size else slice(0, 1)


def _line(
    first: tuple[FloatArray, FloatArray], second: tuple[FloatArray, FloatArray], x: FloatArray
) -> FloatArray:
    """Values at x of the lines through two points each."""
    (x0, y0), (x1, y1) = first, second
    return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))


def check_points(grids: Grids, e0: FloatArray) -> dict[int, SpectrumError]:
    """Refuse scans too coarse to place their edges.

    Parameters
    ----------
    grids : Grids
    e0 : ndarray of float64, shape (k,)

    Returns
    -------
    dict of int to SpectrumError
        CoverageError, for the spectra refused.
    """
    energy, at = grids.energy, e0[:, np.newaxis]
    near = ((energy > at - 10.0) & (energy < at + 20.0)).sum(axis=1)
    inside = (energy > at - 7.5) & (energy < at + 17.5)
    steps = grids.energy[:, 1:] - grids.energy[:, :-1]
    gap = np.where(inside[:, 1:] & inside[:, :-1], steps, 0.0).max(axis=1)
    fine = (near >= EDGE_POINTS) & (inside.sum(axis=1) > 1) & (gap <= EDGE_GAP + 1e-6)
    return {i: _too_coarse(grids.one(i), float(e0[i]), int(near[i])) for i in (~fine).nonzero()[0].tolist()}


def _too_coarse(energy: FloatArray, e0: float, near: int) -> CoverageError:
    """What is wrong with a scan of so many points near its edge."""
    steps = np.diff(energy)
    crossing = (energy[1:] > e0 - 7.5) & (energy[:-1] < e0 + 17.5)
    wide = (crossing & (steps > EDGE_GAP + 1e-6)).nonzero()[0]
    if not wide.size:
        return CoverageError(
            f"only {counted(near, 'point')} from 10 eV below to 20 eV above the edge at {e0:.1f} eV; "
            f"expected at least {EDGE_POINTS}: the scan must go over all of that range"
        )
    cause = (
        f"the grid of {np.median(steps[wide]):.1f} eV is too coarse for"
        if wide.size > 1
        else f"the gap of {steps[wide[0]]:.1f} eV from {energy[wide[0]]:.1f} to {energy[wide[0] + 1]:.1f} eV "
        "is too wide, near"
    )
    return CoverageError(
        f"{cause} the edge at {e0:.1f} eV; expected steps of at most {EDGE_GAP:g} eV from 7.5 eV below to "
        "17.5 eV above it: measure with finer steps"
    )


def wrong_shapes(normalized: NormalizedBatch, names: Sequence[str]) -> dict[int, SpectrumError]:
    """Refuse what rises and is no edge: noise, EXAFS of another edge, a falling spectrum.

    Parameters
    ----------
    normalized : NormalizedBatch
    names : sequence of str, length k
        Of the edges, for the messages.

    Returns
    -------
    dict of int to SpectrumError
        EdgeError, for the spectra refused.
    """
    x = normalized.grids.energy - normalized.e0[:, np.newaxis]
    before, is_before = _seen(normalized.norm, (x < -20.0) & (x > -80.0))
    after, is_after = _seen(normalized.norm, (x > 15.0) & (x < 60.0))
    low, high = row_quantile(before, 0.5, is_before), row_quantile(after, 0.5, is_after)
    # Of three points or fewer, how far apart they are.
    few = is_before.sum(axis=1) < 4
    scatter = row_quantile(np.abs(before - low[:, np.newaxis]), 0.9, is_before)
    if few.any():
        apart = row_quantile(before, 1.0, is_before) - row_quantile(before, 0.0, is_before)
        scatter = np.where(few, apart, scatter)
    top = np.where(np.abs(x) < 60.0, normalized.norm, -np.inf).max(axis=1)
    # Measured spectra stay within 0.1, 0.9 to 1.1, 0.05 and 1.7, calculated ones within these limits.
    edge = (np.abs(low) < 0.3) & (high > 0.5) & (high < 2.2) & (scatter < 0.3) & (top < 6.0)
    judged = (is_before.sum(axis=1) > 1) & (is_after.sum(axis=1) > 1)
    return {
        i: EdgeError(
            f"the steepest rise, at {normalized.e0[i]:.1f} eV, is no absorption edge: normalised, it goes "
            f"from {low[i]:.2f} (+- {scatter[i]:.2f}) below it to {high[i]:.2f} above it, with a maximum of "
            f"{top[i]:.2f}; expected "
            f"from 0 to 1 as at the {names[i]} edge: is it another element's EXAFS, the wrong column, or are "
            "i0 and the "
            "transmitted intensity swapped?"
        )
        for i in (judged & ~edge).nonzero()[0].tolist()
    }


def _seen(values: FloatArray, chosen: npt.NDArray[np.bool_]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The columns of rows in which anything is chosen, and what is."""
    columns = _columns(chosen)
    return values[:, columns], chosen[:, columns]
