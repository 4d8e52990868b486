"""Intervals that hold, and an error that is expected.

The spread of the members is too small an error: they share what they got wrong.
On compositions left out of training (cross-validation over whole compositions),
the errors are compared with what the prediction itself gives away, and the
quantiles of that ratio turn the spread into an interval (split conformal
prediction). All constants live in ``bundle.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import OutputError
from ..spectrum import FloatArray

__all__ = ["Calibration", "Evidence", "band_scale", "parse_calibration"]

#: Added to distances before the logarithm, in Angstrom: less is not resolved.
RESOLUTION = 0.005
G2_RESOLUTION = 1e-3
SIGMA_RESOLUTION = 0.01


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
    """

    r_sigma: FloatArray
    shell_height: FloatArray
    shell_moved: FloatArray
    curve_moved: FloatArray
    domain_score: FloatArray
    mean_sigma: FloatArray
    mean_square: FloatArray

    def for_shell(self) -> FloatArray:
        """Regressors of the logarithm of the first-shell error, the constant first, shape (n, 6)."""
        return np.stack(
            [
                np.ones_like(self.r_sigma),
                np.log(self.r_sigma + RESOLUTION),
                np.log(self.shell_moved + RESOLUTION),
                np.log(self.curve_moved + 0.01),
                np.clip(self.domain_score, -1.0, 3.0),
                np.log(self.shell_height + 0.1),
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
                np.clip(self.domain_score, -1.0, 3.0),
            ],
            axis=1,
        )


@dataclass(frozen=True, eq=False)
class Calibration:
    """The constants (``calibration`` in ``bundle.json``).

    Parameters
    ----------
    levels : ndarray of float64, shape (l,)
        Coverages, ascending.
    band_lower, band_upper : ndarray of float64, shape (l, n)
        How far the band of G2 reaches below and above the mean at each r, in
        units of `band_scale`: what networks miss is more often too little than
        too much.
    floor : ndarray of float64, shape (n,)
        Typical error of G2.
    typical_mse : float
        Median MSE of the left-out spectra.
    shell : ndarray of float64, shape (l,)
        Half width of the first-shell interval, in units of the expected error.
    shell_coefficients, mse_coefficients : ndarray of float64
        Of the regressors of `Evidence`.
    lower_widening, upper_widening : ndarray of float64, shape (n,)
        Measured factors of the band at each r for what theory gets wrong.
    shell_widening : float
        The same for the first shell.
    high, medium : float
        Largest half width of the 90 % first-shell interval, in Angstrom, of
        these levels of confidence.
    """

    levels: FloatArray
    band_lower: FloatArray
    band_upper: FloatArray
    floor: FloatArray
    typical_mse: float
    shell: FloatArray
    shell_coefficients: FloatArray
    mse_coefficients: FloatArray
    lower_widening: FloatArray
    upper_widening: FloatArray
    shell_widening: float
    high: float
    medium: float

    def check_level(self, level: float) -> None:
        """Check that an interval can be given at a level.

        Raises
        ------
        OutputError
            If it is outside the calibrated range.
        """
        low, high = float(self.levels[0]), float(self.levels[-1])
        if not low <= level <= high:
            raise OutputError(
                f"an interval at level {level:g} was asked for; expected {low:g} to {high:g} (0.9 is 90 %)"
            )

    def _at(self, level: float, values: FloatArray) -> FloatArray:
        """Constants between the calibrated levels, (l, ...) to (...)."""
        self.check_level(level)
        above = min(int(np.searchsorted(self.levels, level, side="right")), self.levels.size - 1)
        share = (level - self.levels[above - 1]) / (self.levels[above] - self.levels[above - 1])
        return np.asarray(values[above - 1] + share * (values[above] - values[above - 1]))

    def band_of(
        self, mean: FloatArray, sigma: FloatArray, evidence: Evidence, level: float
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the bands, shape (n, k) each; above zero where the mean is."""
        scale = band_scale(sigma, self.floor, self.expected_mse(evidence) / self.typical_mse)
        below = self.lower_widening * self._at(level, self.band_lower)
        above = self.upper_widening * self._at(level, self.band_upper)
        lower = np.minimum(mean, np.maximum(0.0, mean - below * scale))
        return lower, mean + above * scale

    def shell_error(self, evidence: Evidence) -> FloatArray:
        """Expected size of the first-shell errors, in Angstrom, shape (n,)."""
        return np.asarray(np.exp(evidence.for_shell() @ self.shell_coefficients))

    def shell_half_width(self, evidence: Evidence, level: float) -> FloatArray:
        """Half widths of the first-shell intervals, in Angstrom, shape (n,)."""
        factor = self.shell_widening * self._at(level, self.shell)
        return np.asarray(factor * self.shell_error(evidence))

    def expected_mse(self, evidence: Evidence) -> FloatArray:
        """Expected MSE of G2, shape (n,)."""
        return np.asarray(np.exp(evidence.for_mse() @ self.mse_coefficients))


def band_scale(sigma: FloatArray, floor: FloatArray, difficulty: FloatArray) -> FloatArray:
    """Units of bands of G2: the spread and the typical error, the latter by the expected MSE.

    Parameters
    ----------
    sigma : ndarray of float64, shape (n, k)
    floor : ndarray of float64, shape (k,)
    difficulty : ndarray of float64, shape (n,)
        Expected MSE as a multiple of the typical one.

    Returns
    -------
    ndarray of float64, shape (n, k)
    """
    return np.sqrt(sigma**2 + 0.5 * difficulty[:, np.newaxis] * floor**2)


def parse_calibration(value: dict[str, Any]) -> Calibration:
    """Read ``calibration`` of ``bundle.json``.

    Parameters
    ----------
    value : dict

    Returns
    -------
    Calibration

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `xnet_exporter.calibrate.intervals` writes it.
    """

    def array(name: str) -> FloatArray:
        return np.array(value[name], dtype=np.float64)

    return Calibration(
        levels=array("levels"),
        band_lower=array("band_lower"),
        band_upper=array("band_upper"),
        floor=array("floor"),
        typical_mse=float(value["typical_mse"]),
        shell=array("shell"),
        shell_coefficients=array("shell_coefficients"),
        mse_coefficients=array("mse_coefficients"),
        lower_widening=array("lower_widening"),
        upper_widening=array("upper_widening"),
        shell_widening=float(value["shell_widening"]),
        high=float(value["high"]),
        medium=float(value["medium"]),
    )
