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

from .errors import OutputError
from .spectrum import FloatArray

__all__ = ["Calibration", "Evidence", "band_scale", "parse_calibration"]

#: Added to distances before the logarithm, in Angstrom: less is not resolved.
RESOLUTION = 0.005
G2_RESOLUTION = 1e-3


@dataclass(frozen=True)
class Evidence:
    """What a prediction gives away about its own error.

    Parameters
    ----------
    r_sigma : float
        Spread of the first-shell distance over the members, in Angstrom.
    shell_height : float
        G2 at the first shell.
    shell_moved, curve_moved : float
        From `Stability`.
    domain_score : float
        From `DomainResult`, by the model input alone.
    mean_square_sigma, mean_square : float
        Mean over r of sigma^2 and of G2^2.
    """

    r_sigma: float
    shell_height: float
    shell_moved: float
    curve_moved: float
    domain_score: float
    mean_square_sigma: float
    mean_square: float

    def for_shell(self) -> FloatArray:
        """Regressors of the logarithm of the first-shell error, the constant first."""
        return np.array(
            [
                1.0,
                np.log(self.r_sigma + RESOLUTION),
                np.log(self.shell_moved + RESOLUTION),
                np.log(self.curve_moved + 0.01),
                np.clip(self.domain_score, -1.0, 3.0),
                np.log(self.shell_height + 0.1),
            ]
        )

    def for_mse(self) -> FloatArray:
        """Regressors of the logarithm of the MSE, the constant first."""
        return np.array(
            [
                1.0,
                np.log(self.mean_square_sigma + G2_RESOLUTION),
                np.log(self.mean_square + G2_RESOLUTION),
                np.log(self.curve_moved + 0.01),
                np.clip(self.domain_score, -1.0, 3.0),
            ]
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

    def band_scale(self, sigma: FloatArray, evidence: Evidence) -> FloatArray:
        """Unit of the band: the spread and the typical error, the latter by the expected MSE, shape (n,)."""
        return band_scale(sigma, self.floor, self.expected_mse(evidence) / self.typical_mse)

    def band_of(
        self, mean: FloatArray, sigma: FloatArray, evidence: Evidence, level: float
    ) -> tuple[FloatArray, FloatArray]:
        """Lower and upper end of the band, shape (n,) each; it stays above zero where the mean does."""
        self.check_level(level)
        scale = self.band_scale(sigma, evidence)
        below = np.array([np.interp(level, self.levels, column) for column in self.band_lower.T])
        above = np.array([np.interp(level, self.levels, column) for column in self.band_upper.T])
        lower = np.minimum(mean, np.maximum(0.0, mean - self.lower_widening * below * scale))
        return lower, mean + self.upper_widening * above * scale

    def shell_error(self, evidence: Evidence) -> float:
        """Expected size of the first-shell error, in Angstrom."""
        return float(np.exp(self.shell_coefficients @ evidence.for_shell()))

    def shell_half_width(self, evidence: Evidence, level: float) -> float:
        """Half width of the first-shell interval, in Angstrom."""
        self.check_level(level)
        factor = float(np.interp(level, self.levels, self.shell))
        return self.shell_widening * factor * self.shell_error(evidence)

    def expected_mse(self, evidence: Evidence) -> float:
        """Expected MSE of G2."""
        return float(np.exp(self.mse_coefficients @ evidence.for_mse()))


def band_scale(sigma: FloatArray, floor: FloatArray, difficulty: float) -> FloatArray:
    """Unit of the band of G2.

    Parameters
    ----------
    sigma, floor : ndarray of float64, shape (n,)
    difficulty : float
        Expected MSE as a multiple of the typical one.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return np.asarray(np.sqrt(sigma**2 + 0.5 * difficulty * floor**2), dtype=np.float64)


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
        If it is not as `xnet_exporter.calibrating` writes it.
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
