"""Intervals that hold, and an error that is expected.

The spread of the members is too small an error: they share what they got wrong.
On compositions left out of training (cross-validation over whole compositions),
the errors are compared with what the prediction itself gives away, and the
quantiles of that ratio turn the spread into an interval (split conformal
prediction). The constants are the bundle's (`xnet_onnx.bundle.statistics`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..bundle.statistics import Calibration
from ..errors import OutputError
from ..inference.peaks import Curves
from ..spectrum import FloatArray

__all__ = [
    "Evidence",
    "band_of",
    "band_scale",
    "check_level",
    "evidence_of",
    "expected_mse",
    "shell_error",
    "shell_half_width",
]

#: Added to distances before the logarithm, in Angstrom: less is not resolved.
RESOLUTION = 0.005
G2_RESOLUTION = 1e-3
SIGMA_RESOLUTION = 0.01
#: How far from the first shell its shoulders are looked for, in points of the grid of 0.1 Angstrom.
SHOULDER = 3
#: Points on either side that the level of the curve is a mean over.
LEVEL_REACH = 5


@dataclass(frozen=True, eq=False)
class Evidence:
    """What n predictions give away about their own errors; every array has the shape (n,).

    Parameters
    ----------
    r_sigma : ndarray of float64
        Spread of the first-shell distance over the members, in Angstrom.
    shell_height : ndarray of float64
        G2 at the first shell.
    shell_moved, curve_moved : ndarray of float64
        From `measure_stability`.
    domain_score : ndarray of float64
        From `DomainScores`, by the model input alone.
    mean_sigma, mean_square : ndarray of float64
        Mean over r of sigma and of G2^2.
    before_shell, behind_shell : ndarray of float64
        G2 0.3 Angstrom before and behind the first shell, relative to it: of a
        shell that stands alone next to nothing, of one in two parts a lot.
    shell_r : ndarray of float64
        Distance of the first shell in Angstrom.
    shell_sigma : ndarray of float64
        Spread of G2 at the first shell over the members.
    """

    r_sigma: FloatArray
    shell_height: FloatArray
    shell_moved: FloatArray
    curve_moved: FloatArray
    domain_score: FloatArray
    mean_sigma: FloatArray
    mean_square: FloatArray
    before_shell: FloatArray
    behind_shell: FloatArray
    shell_r: FloatArray
    shell_sigma: FloatArray

    def for_shell(self) -> FloatArray:
        """Regressors of the logarithm of the first-shell error, the constant first, shape (n, 10)."""
        return np.stack(
            [
                np.ones_like(self.r_sigma),
                np.log(self.r_sigma + RESOLUTION),
                np.log(self.shell_moved + RESOLUTION),
                np.log(self.curve_moved + 0.01),
                np.minimum(np.maximum(self.domain_score, -1.0), 3.0),
                np.log(self.shell_height + 0.1),
                self.before_shell,
                self.behind_shell,
                self.shell_r,
                np.log(self.shell_sigma + SIGMA_RESOLUTION),
            ],
            axis=1,
        )

    def for_mse(self) -> FloatArray:
        """Regressors of the logarithm of the MSE, the constant first, shape (n, 5)."""
        return np.stack(
            [
                np.ones_like(self.r_sigma),
                np.log(self.mean_sigma + SIGMA_RESOLUTION),
                np.log(self.mean_square + G2_RESOLUTION),
                np.log(self.curve_moved + 0.01),
                np.minimum(np.maximum(self.domain_score, -1.0), 3.0),
            ],
            axis=1,
        )


def band_scale(
    mean: FloatArray,
    sigma: FloatArray,
    floor: FloatArray,
    difficulty: FloatArray,
    shares: tuple[float, float],
) -> FloatArray:
    """Units of bands of G2: the spread, the typical error by the expected MSE, and the level of the curve.

    Parameters
    ----------
    mean, sigma : ndarray of float64, shape (n, k)
    floor : ndarray of float64, shape (k,)
    difficulty : ndarray of float64, shape (n,)
        Expected MSE as a multiple of the typical one.
    shares : tuple of float
        Of the squared typical error, and of the squared level: the mean of the
        curve over 1.1 Angstrom, as heavy shells are missed by more.

    Returns
    -------
    ndarray of float64, shape (n, k)
    """
    typical, level = shares
    squares = sigma**2 + typical * difficulty[:, np.newaxis] * floor**2
    if level > 0.0:
        squares += level * _level(mean) ** 2
    return np.sqrt(squares)


def _level(mean: FloatArray) -> FloatArray:
    """Mean of each curve over a window around each r, the ends held."""
    width = 2 * LEVEL_REACH + 1
    padded = np.pad(np.maximum(mean, 0.0), ((0, 0), (LEVEL_REACH + 1, LEVEL_REACH)), mode="edge")
    total = np.cumsum(padded, axis=1)
    return np.asarray((total[:, width:] - total[:, :-width]) / width)


def check_level(calibration: Calibration, level: float) -> None:
    """Check that an interval can be given at a level.

    Parameters
    ----------
    calibration : Calibration
    level : float
        Coverage.

    Raises
    ------
    OutputError
        If it is outside the calibrated range.
    """
    low, high = float(calibration.levels[0]), float(calibration.levels[-1])
    if not low <= level <= high:
        raise OutputError(
            f"an interval at level {level:g} was asked for; expected {low:g} to {high:g} (0.9 is 90 %)"
        )


def _at(calibration: Calibration, level: float, values: FloatArray) -> FloatArray:
    """Constants between the calibrated levels, (l, ...) to (...)."""
    check_level(calibration, level)
    levels = calibration.levels
    above = min(int(np.searchsorted(levels, level, side="right")), levels.size - 1)
    share = (level - levels[above - 1]) / (levels[above] - levels[above - 1])
    return np.asarray(values[above - 1] + share * (values[above] - values[above - 1]))


def band_of(
    calibration: Calibration, mean: FloatArray, sigma: FloatArray, mse: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end of the bands of G2; above zero where the mean is.

    Parameters
    ----------
    calibration : Calibration
    mean, sigma : ndarray of float64, shape (n, k)
    mse : ndarray of float64, shape (n,)
        From `expected_mse`.
    level : float
        Coverage.

    Returns
    -------
    lower, upper : ndarray of float64, shape (n, k)

    Raises
    ------
    OutputError
        If there is no interval at that level.
    """
    difficulty = mse / calibration.typical_mse
    scale = band_scale(mean, sigma, calibration.floor, difficulty, calibration.band_shares)
    below = calibration.lower_widening * _at(calibration, level, calibration.band_lower)
    above = calibration.upper_widening * _at(calibration, level, calibration.band_upper)
    lower = np.minimum(mean, np.maximum(0.0, mean - below * scale))
    return lower, mean + above * scale


def shell_error(calibration: Calibration, evidence: Evidence) -> FloatArray:
    """Expected sizes of the first-shell errors, in Angstrom, shape (n,): half of the errors are smaller."""
    # Bundles calibrated earlier know the first six regressors, or eight.
    coefficients = calibration.shell_coefficients
    return np.asarray(np.exp(evidence.for_shell()[:, : coefficients.size] @ coefficients))


def shell_half_width(calibration: Calibration, error: FloatArray, level: float) -> FloatArray:
    """Half widths of the first-shell intervals by their expected errors, in Angstrom, shape (n,)."""
    factor = calibration.shell_widening * _at(calibration, level, calibration.shell)
    return np.asarray(factor * error)


def expected_mse(calibration: Calibration, evidence: Evidence) -> FloatArray:
    """Expected MSE of G2, shape (n,)."""
    return np.asarray(np.exp(evidence.for_mse() @ calibration.mse_coefficients))


def evidence_of(
    curves: Curves, shell_moved: FloatArray, curve_moved: FloatArray, domain_score: FloatArray
) -> Evidence:
    """What predictions give away about their own errors.

    Parameters
    ----------
    curves : Curves
    shell_moved, curve_moved : ndarray of float64, shape (n,)
        From `measure_sensitivity`.
    domain_score : ndarray of float64, shape (n,)
        By the model input alone.

    Returns
    -------
    Evidence
        Without a peak, that of a first shell the members do not agree on at all.
    """
    curve, index = curves.peaks.curve, curves.peaks.index
    heights = curves.mean[curve, index]
    before, behind = (
        curves.mean[curve, np.minimum(np.maximum(index + way, 0), curves.mean.shape[1] - 1)]
        / np.maximum(heights, G2_RESOLUTION)
        for way in (-SHOULDER, SHOULDER)
    )
    return Evidence(
        r_sigma=curves.of_first(curves.r_sigma, 1.0),
        shell_height=curves.of_first(heights, 0.0),
        shell_moved=shell_moved,
        curve_moved=curve_moved,
        domain_score=domain_score,
        mean_sigma=curves.sigma.mean(axis=1),
        mean_square=(curves.mean**2).mean(axis=1),
        before_shell=curves.of_first(before, 0.0),
        behind_shell=curves.of_first(behind, 0.0),
        shell_r=curves.of_first(curves.peaks.r, 0.0),
        shell_sigma=curves.of_first(curves.sigma[curve, index], 1.0),
    )
