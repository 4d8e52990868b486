"""Step 3: from the members' curves to distances.

Peaks of G2 mark interatomic distances (paper section 3.1). Their positions are
read between the grid points: each atom adds a Gaussian of known width, so three
points of the logarithm give its centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..numerics import vertex_offsets
from ..prediction import Peak
from ..spectrum import FloatArray

__all__ = [
    "Curves",
    "PeakTable",
    "curves_of",
    "first_peaks",
    "join_curves",
    "peak_table",
    "peaks_of",
    "spread_of_peaks",
]

# A lone carbon at 2 Angstrom reaches 0.45 in G2, a hydrogen 0.08 (weight 0.1, cutoff 6).
MIN_HEIGHT = 0.3
# The two oxygens of cuprite reach a fourteenth of its twelve coppers behind them.
MIN_RELATIVE_HEIGHT = 0.05
MIN_PROMINENCE = 0.1
# What is followed, within so many points of the grid of 0.1 Angstrom, by more than so many times its height
# is the foot of the next shell: of left-out solids a tenth of the errors above 0.3 Angstrom were such feet.
FOOT_POINTS, FOOT = 6, 5.0
# A peak before the highest one that is lower than a fifth of it counts where it is three times as high as the
# members' spread: where it was not, the peak behind it was right three times as often, of left-out spectra.
WEAK, CERTAIN = 0.2, 3.0
MEMBER_WINDOW = 0.3


@dataclass(frozen=True, eq=False)
class PeakTable:
    """The peaks of many curves, curve by curve and by ascending distance.

    Parameters
    ----------
    curve : ndarray of int64, shape (p,)
        Which curve each peak belongs to.
    index : ndarray of int64, shape (p,)
        Its nearest grid point.
    r : ndarray of float64, shape (p,)
        Its position in Angstrom.
    """

    curve: npt.NDArray[np.int64]
    index: npt.NDArray[np.int64]
    r: FloatArray

    def first(self, curves: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """First peak of each of so many curves: position, NaN without one, and row in the table, or -1."""
        rows = np.full(curves, -1, dtype=np.int64)
        # Backwards, so that what stays written is each curve's first.
        rows[self.curve[::-1]] = np.arange(self.curve.size)[::-1]
        position = np.full(curves, np.nan)
        position[rows >= 0] = self.r[rows[rows >= 0]]
        return position, rows


def peak_table(r: FloatArray, curves: FloatArray) -> PeakTable:
    """Positions of the maxima of G2 curves that stand for atoms.

    Parameters
    ----------
    r : ndarray of float64, shape (n,)
        Uniform grid in Angstrom.
    curves : ndarray of float64, shape (k, n)
        G2.

    Returns
    -------
    PeakTable
        Maxima lower than 0.3 or than a twentieth of the highest point, that rise
        by less than 0.1 out of the higher of the two valleys beside them, or
        that are the foot of a shell more than five times as high within 0.6
        Angstrom behind them, are left out.
    """
    curve, index = _maxima(curves)
    kept = _prominent(curves, curve, index)
    return PeakTable(curve[kept], index[kept], _between(r, curves, curve[kept], index[kept]))


def first_peaks(r: FloatArray, curves: FloatArray) -> FloatArray:
    """Positions of the first peaks of `peak_table`, in a fraction of its time.

    Parameters
    ----------
    r : ndarray of float64, shape (n,)
    curves : ndarray of float64, shape (k, n)

    Returns
    -------
    ndarray of float64, shape (k,)
        In Angstrom; NaN where a curve has no peak.
    """
    found = np.full(len(curves), np.nan)
    curve, index = _maxima(curves)
    while curve.size:
        # The first maximum left of each curve; most are peaks, and the curve is done with.
        first = np.ones(curve.size, dtype=bool)
        first[1:] = curve[1:] != curve[:-1]
        tried, at = curve[first], index[first]
        kept = _prominent(curves, tried, at)
        found[tried[kept]] = _between(r, curves, tried[kept], at[kept])
        going_on = ~first & np.isnan(found[curve])
        curve, index = curve[going_on], index[going_on]
    return found


def _maxima(curves: FloatArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Curve and grid point of each maximum that is high enough."""
    centre = curves[:, 1:-1]
    lowest = np.maximum(MIN_HEIGHT, MIN_RELATIVE_HEIGHT * curves.max(axis=1))
    top = (centre > curves[:, :-2]) & (centre >= curves[:, 2:]) & (centre >= lowest[:, np.newaxis])
    curve, index = np.nonzero(top)
    return curve, index + 1


def _prominent(
    curves: FloatArray, curve: npt.NDArray[np.int64], index: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which maxima rise enough out of the higher valley beside them, and are no foot of the next shell."""
    n = curves.shape[1]
    around = curves[curve]
    height = around[np.arange(curve.size), index]
    points = np.arange(n)
    at = index[:, np.newaxis]
    higher = around > height[:, np.newaxis]
    # A valley reaches to the nearest higher point, or to the end of the grid.
    left_end = np.where(higher & (points < at), points, 0).max(axis=1, initial=0)
    right_end = np.where(higher & (points > at), points, n).min(axis=1, initial=n)
    on_left = (points >= left_end[:, np.newaxis]) & (points <= at)
    on_right = (points <= right_end[:, np.newaxis]) & (points >= at)
    valley = np.maximum(
        np.where(on_left, around, np.inf).min(axis=1, initial=np.inf),
        np.where(on_right, around, np.inf).min(axis=1, initial=np.inf),
    )
    behind = np.minimum(at + np.arange(1, FOOT_POINTS + 1), n - 1)
    next_shell = np.take_along_axis(around, behind, axis=1).max(axis=1)
    return np.asarray((height - valley >= MIN_PROMINENCE) & (next_shell <= FOOT * height))


def _between(
    r: FloatArray, curves: FloatArray, curve: npt.NDArray[np.int64], index: npt.NDArray[np.int64]
) -> FloatArray:
    """Positions of maxima between the grid points."""
    offset = vertex_offsets(*(curves[curve, index + k] for k in (-1, 0, 1)))
    return np.asarray(r[index] + offset * (r[1] - r[0]))


def spread_of_peaks(r: FloatArray, members: FloatArray, found: PeakTable) -> FloatArray:
    """Standard deviation of the position of each peak over the members.

    Parameters
    ----------
    r : ndarray of float64, shape (n,)
        Grid in Angstrom.
    members : ndarray of float64, shape (k, m, n)
        G2 of each member.
    found : PeakTable
        Of the mean curves.

    Returns
    -------
    ndarray of float64, shape (p,)
        In Angstrom. Each member's own position is that of its highest point
        within 0.3 Angstrom of the peak.
    """
    if members.shape[1] < 2:
        return np.zeros(found.r.size)
    step = float(r[1] - r[0])
    reach = int(MEMBER_WINDOW / step) + 1
    window = found.index[:, np.newaxis] + np.arange(-reach, reach + 1)
    clipped = np.minimum(np.maximum(window, 0), r.size - 1)
    inside = (clipped == window) & (np.abs(r[clipped] - found.r[:, np.newaxis]) <= MEMBER_WINDOW)
    values = members[
        found.curve[:, np.newaxis, np.newaxis],
        np.arange(members.shape[1])[:, np.newaxis],
        clipped[:, np.newaxis, :],
    ]
    best = np.where(inside[:, np.newaxis, :], values, -np.inf).argmax(axis=2)
    first = inside.argmax(axis=1)[:, np.newaxis]
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)[:, np.newaxis]
    peak, member = np.arange(found.r.size)[:, np.newaxis], np.arange(members.shape[1])
    index = clipped[peak, best]
    # At the end of the window or of the grid there is no point beyond to put a parabola through.
    free = (best > first) & (best < last) & (index > 0) & (index < r.size - 1)
    inner = np.minimum(np.maximum(best, 1), values.shape[2] - 2)
    three = [values[peak, member, inner + k] for k in (-1, 0, 1)]
    own = r[index] + np.where(free, vertex_offsets(*three), 0.0) * step
    return np.asarray(own.std(axis=1, ddof=1), dtype=np.float64)


def _believed(found: PeakTable, mean: FloatArray, sigma: FloatArray) -> PeakTable:
    """Without the weak peaks before the highest one that the members do not agree on."""
    height, spread = mean[found.curve, found.index], sigma[found.curve, found.index]
    before = found.index < mean.argmax(axis=1)[found.curve]
    weak = height < WEAK * mean.max(axis=1)[found.curve]
    kept = ~(before & weak & (height < CERTAIN * spread))
    return PeakTable(found.curve[kept], found.index[kept], found.r[kept])


@dataclass(frozen=True, eq=False)
class Curves:
    """What the members say about n spectra, and the distances in it.

    Parameters
    ----------
    members : ndarray of float64, shape (n, m, k)
        G2 of each member.
    mean, sigma : ndarray of float64, shape (n, k)
        Mean and standard deviation over the members (paper section 2.4).
    peaks : PeakTable
        Of the mean curves.
    r_sigma : ndarray of float64, shape (p,)
        Spread of each peak over the members, in Angstrom.
    first_shell : ndarray of float64, shape (n,)
        Distance of the first peak in Angstrom; NaN where the curve has none.
    first_row : ndarray of int64, shape (n,)
        Its row in `peaks`, or -1.
    """

    members: FloatArray
    mean: FloatArray
    sigma: FloatArray
    peaks: PeakTable
    r_sigma: FloatArray
    first_shell: FloatArray
    first_row: npt.NDArray[np.int64]

    def of_first(self, values: FloatArray, without: float) -> FloatArray:
        """A property of the peaks (p,) for the first shells, (n,)."""
        found = self.first_row >= 0
        result = np.full(self.first_row.size, without)
        result[found] = values[self.first_row[found]]
        return result


def curves_of(r: FloatArray, members: FloatArray) -> Curves:
    """Find the distances in the curves of many spectra.

    Parameters
    ----------
    r : ndarray of float64, shape (k,)
        Grid in Angstrom.
    members : ndarray of float64, shape (n, m, k)
        G2 of each member.

    Returns
    -------
    Curves
        Without the peaks before the highest one that are lower than a fifth of
        it and than three times the members' spread.
    """
    mean = members.mean(axis=1)
    sigma = members.std(axis=1, ddof=1) if members.shape[1] > 1 else np.zeros_like(mean)
    peaks = _believed(peak_table(r, mean), mean, sigma)
    first, row = peaks.first(len(mean))
    return Curves(members, mean, sigma, peaks, spread_of_peaks(r, members, peaks), first, row)


def join_curves(parts: Sequence[Curves]) -> Curves:
    """Curves of the same members, one after the other.

    Parameters
    ----------
    parts : sequence of Curves

    Returns
    -------
    Curves
    """
    spectra = np.cumsum([0, *(len(part.mean) for part in parts)])
    rows = np.cumsum([0, *(part.peaks.r.size for part in parts)])
    return Curves(
        members=np.concatenate([part.members for part in parts]),
        mean=np.concatenate([part.mean for part in parts]),
        sigma=np.concatenate([part.sigma for part in parts]),
        peaks=PeakTable(
            np.concatenate([part.peaks.curve + n for part, n in zip(parts, spectra, strict=False)]),
            np.concatenate([part.peaks.index for part in parts]),
            np.concatenate([part.peaks.r for part in parts]),
        ),
        r_sigma=np.concatenate([part.r_sigma for part in parts]),
        first_shell=np.concatenate([part.first_shell for part in parts]),
        first_row=np.concatenate(
            [
                np.where(part.first_row >= 0, part.first_row + n, -1)
                for part, n in zip(parts, rows, strict=False)
            ]
        ),
    )


def peaks_of(curves: Curves) -> list[tuple[Peak, ...]]:
    """The peaks of each spectrum, by ascending distance.

    Parameters
    ----------
    curves : Curves

    Returns
    -------
    list of tuple of Peak, length n
    """
    found: list[list[Peak]] = [[] for _ in range(len(curves.mean))]
    table = curves.peaks
    heights = curves.mean[table.curve, table.index]
    for i, *values in zip(
        table.curve.tolist(), table.r.tolist(), curves.r_sigma.tolist(), heights.tolist(), strict=True
    ):
        found[i].append(Peak(*values))
    return [tuple(peaks) for peaks in found]
