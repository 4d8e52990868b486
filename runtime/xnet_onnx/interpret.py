"""Step 5 of the road: from the members' curves to distances.

Peaks of G2 mark interatomic distances (paper section 3.1). Their positions are
read between the grid points: each atom adds a Gaussian of known width, so three
points of the logarithm give its centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spectrum import FloatArray

__all__ = ["FirstShell", "Peak", "find_peaks", "first_shell", "peak_positions"]

# A lone carbon at 2 Angstrom reaches 0.45 in G2, a hydrogen 0.08 (weight 0.1, cutoff 6).
MIN_HEIGHT = 0.3
# 998 of 1000 training structures have a first peak above a tenth of the highest one.
MIN_RELATIVE_HEIGHT = 0.1
MIN_PROMINENCE = 0.1
MEMBER_WINDOW = 0.3


@dataclass(frozen=True)
class Peak:
    """A maximum of the mean G2 curve.

    Parameters
    ----------
    r : float
        Position in Angstrom.
    r_sigma : float
        Standard deviation of the position over the members, in Angstrom.
    height : float
        G2 at the nearest grid point.
    """

    r: float
    r_sigma: float
    height: float


@dataclass(frozen=True)
class FirstShell:
    """The nearest atoms that the curve shows.

    Parameters
    ----------
    r : float
        Distance in Angstrom.
    r_sigma : float
        Standard deviation over the members, in Angstrom.
    lower, upper : float or None
        Calibrated interval in Angstrom; None where the bundle is not calibrated.
    """

    r: float
    r_sigma: float
    lower: float | None = None
    upper: float | None = None


def _vertex(left: float, centre: float, right: float) -> float:
    """Offset of a maximum from its grid point, in grid steps, from -0.5 to 0.5."""
    if min(left, centre, right) > 0.0:
        left, centre, right = np.log([left, centre, right])
    curvature = left - 2.0 * centre + right
    if curvature >= 0.0:
        return 0.0
    return float(np.clip(0.5 * (left - right) / curvature, -0.5, 0.5))


def peak_positions(r: FloatArray, curve: FloatArray) -> list[tuple[float, int]]:
    """Positions of the maxima of one G2 curve that stand for atoms.

    Parameters
    ----------
    r : ndarray of float64, shape (n,)
        Uniform grid in Angstrom.
    curve : ndarray of float64, shape (n,)
        G2.

    Returns
    -------
    list of (float, int)
        Position in Angstrom and index of the nearest grid point, ascending.
        Maxima lower than 0.3 or than a tenth of the highest point, or that rise
        by less than 0.1 out of the higher of the two valleys beside them, are
        left out.
    """
    n = curve.size
    lowest = max(MIN_HEIGHT, MIN_RELATIVE_HEIGHT * float(curve.max()))
    found: list[tuple[float, int]] = []
    for i in range(1, n - 1):
        if not (curve[i] > curve[i - 1] and curve[i] >= curve[i + 1] and curve[i] >= lowest):
            continue
        higher = np.flatnonzero(curve > curve[i])
        left = higher[higher < i]
        right = higher[higher > i]
        valley_left = curve[left[-1] if left.size else 0 : i + 1].min()
        valley_right = curve[i : right[0] + 1 if right.size else n].min()
        if curve[i] - max(valley_left, valley_right) < MIN_PROMINENCE:
            continue
        offset = _vertex(curve[i - 1], curve[i], curve[i + 1])
        found.append((float(r[i] + offset * (r[1] - r[0])), i))
    return found


def _member_position(r: FloatArray, curve: FloatArray, near: float) -> float:
    """Position of one member's highest point within the window around a peak."""
    window = np.flatnonzero(np.abs(r - near) <= MEMBER_WINDOW)
    i = int(window[np.argmax(curve[window])])
    if i in (window[0], window[-1]) or i in (0, r.size - 1):
        return float(r[i])
    return float(r[i] + _vertex(curve[i - 1], curve[i], curve[i + 1]) * (r[1] - r[0]))


def find_peaks(r: FloatArray, members: FloatArray) -> tuple[Peak, ...]:
    """Peaks of the mean curve, with their spread over the members.

    Parameters
    ----------
    r : ndarray of float64, shape (n,)
        Grid in Angstrom.
    members : ndarray of float64, shape (m, n)
        G2 of each member.

    Returns
    -------
    tuple of Peak
        By ascending distance. Each member's own position is that of its highest
        point within 0.3 Angstrom of the peak.
    """
    mean = members.mean(axis=0)
    peaks = []
    for position, i in peak_positions(r, mean):
        own = np.array([_member_position(r, curve, position) for curve in members])
        spread = float(np.std(own, ddof=1)) if own.size > 1 else 0.0
        peaks.append(Peak(position, spread, float(mean[i])))
    return tuple(peaks)


def first_shell(peaks: tuple[Peak, ...]) -> FirstShell | None:
    """The first peak, or None where the curve has no peak.

    Parameters
    ----------
    peaks : tuple of Peak
        From `find_peaks`.

    Returns
    -------
    FirstShell or None
    """
    return FirstShell(peaks[0].r, peaks[0].r_sigma) if peaks else None
