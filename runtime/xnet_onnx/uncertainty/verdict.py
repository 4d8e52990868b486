"""The policy, in one place: how far to trust a prediction, and what is shown of it.

The verdict is about the first shell. The rule, in order:

- `outside`: the domain score is above 1. No distance is given, unless asked for.
- `low`: there is no first shell, its 90 % interval is wider than `medium` of
  the calibration (half width), or it moves by more than `unstable` under a
  shift of 1 eV or a broadening of 2 eV.
- `medium`: the interval is wider than `high`.
- `high`: it is narrower.

The interval is where the members' spread, the sensitivity to shifts and
broadening, and the domain score come together (`xnet_onnx.uncertainty.intervals`).
That the error rises from verdict to verdict is measured, and in the model card.
A bundle that is not calibrated gives distances without intervals and without a
verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..bundle.statistics import Calibration
from ..inference.peaks import Curves
from ..prediction import VERDICTS, Sensitivity, Verdict
from ..spectrum import FloatArray
from .domain import DomainScores
from .intervals import Evidence, band_of, check_level, expected_mse, shell_error, shell_half_width

__all__ = ["UNCALIBRATED", "VERDICT_LEVEL", "Assessment", "assess", "grade", "reasons_of", "unassessed"]

#: Coverage of the interval whose width decides the verdict, whatever the user asks to see.
VERDICT_LEVEL = 0.9
UNSTABLE_SHELL = 0.1
UNSTABLE_CURVE = 0.4
NEAR_THE_EDGE = 0.9
#: In place of a verdict, for a bundle that is not calibrated.
UNCALIBRATED = -1


@dataclass(frozen=True, eq=False)
class Assessment:
    """What may be said of n predictions; what must not be shown is NaN here.

    Parameters
    ----------
    shown : ndarray of bool, shape (n,)
        Whether distances and curves are shown.
    verdict : ndarray of int8, shape (n,)
        Place in `VERDICTS`, or `UNCALIBRATED`.
    first_shell, lower, upper : ndarray of float64, shape (n,)
        Distance in Angstrom and its interval; NaN where there is none or it is
        not shown.
    band_lower, band_upper : ndarray of float64, shape (n, k), or None
        Calibrated bands of G2; None without a calibration.
    expected_error : ndarray of float64, shape (n,)
        Expected size of the first-shell error in Angstrom; NaN without a shell.
    expected_mse : ndarray of float64, shape (n,)
        NaN without a calibration.
    """

    shown: npt.NDArray[np.bool_]
    verdict: npt.NDArray[np.int8]
    first_shell: FloatArray
    lower: FloatArray
    upper: FloatArray
    band_lower: FloatArray | None
    band_upper: FloatArray | None
    expected_error: FloatArray
    expected_mse: FloatArray


def assess(
    curves: Curves,
    evidence: Evidence,
    scores: DomainScores,
    calibration: Calibration,
    r: FloatArray,
    *,
    level: float,
    force: bool,
) -> Assessment:
    """Apply the policy to predictions of a calibrated bundle.

    Parameters
    ----------
    curves : Curves
        Of n spectra.
    evidence : Evidence
    scores : DomainScores
    calibration : Calibration
    r : ndarray of float64, shape (k,)
        Grid of G2 in Angstrom: a first shell is nowhere else, and no interval reaches beyond it.
    level : float
        Coverage of the intervals.
    force : bool
        Show distances outside the domain too.

    Returns
    -------
    Assessment

    Raises
    ------
    OutputError
        If there is no interval at that level.
    """
    check_level(calibration, level)
    shell = np.isfinite(curves.first_shell)
    error, mse = shell_error(calibration, evidence), expected_mse(calibration, evidence)
    verdict = grade(
        calibration,
        scores.score,
        np.where(shell, shell_half_width(calibration, error, VERDICT_LEVEL), np.nan),
        evidence.shell_moved,
    )
    shown = (verdict != VERDICTS.index("outside")) | force
    at = np.where(shown, curves.first_shell, np.nan)
    half = shell_half_width(calibration, error, level)
    band_lower, band_upper = band_of(calibration, curves.mean, curves.sigma, mse, level)
    return Assessment(
        shown=shown,
        verdict=verdict,
        first_shell=at,
        lower=np.maximum(r[0], at - half),
        upper=np.minimum(r[-1], at + half),
        band_lower=band_lower,
        band_upper=band_upper,
        expected_error=np.where(shell, error, np.nan),
        expected_mse=mse,
    )


def unassessed(curves: Curves) -> Assessment:
    """The policy for a bundle that is not calibrated: distances, no intervals, no verdict.

    Parameters
    ----------
    curves : Curves
        Of n spectra.

    Returns
    -------
    Assessment
    """
    n = len(curves.mean)
    nothing = np.full(n, np.nan)
    return Assessment(
        shown=np.ones(n, dtype=bool),
        verdict=np.full(n, UNCALIBRATED, dtype=np.int8),
        first_shell=curves.first_shell,
        lower=nothing,
        upper=nothing,
        band_lower=None,
        band_upper=None,
        expected_error=nothing,
        expected_mse=nothing,
    )


def grade(
    calibration: Calibration, domain_score: FloatArray, half_width: FloatArray, shell_moved: FloatArray
) -> npt.NDArray[np.int8]:
    """Verdicts, as places in `VERDICTS`.

    Parameters
    ----------
    calibration : Calibration
    domain_score : ndarray of float64, shape (n,)
    half_width : ndarray of float64, shape (n,)
        Of the first-shell interval at `VERDICT_LEVEL`, in Angstrom; NaN without
        a shell.
    shell_moved : ndarray of float64, shape (n,)
        From `measure_sensitivity`, in Angstrom.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    verdict = np.full(len(half_width), VERDICTS.index("low"), dtype=np.int8)
    verdict[half_width <= calibration.medium] = VERDICTS.index("medium")
    verdict[half_width <= calibration.high] = VERDICTS.index("high")
    verdict[shell_moved > calibration.unstable] = VERDICTS.index("low")
    verdict[domain_score > 1.0] = VERDICTS.index("outside")
    return verdict


def reasons_of(
    verdict: Verdict,
    domain_score: float,
    domain_reasons: tuple[str, ...],
    sensitivity: Sensitivity,
    r_sigma: float | None,
) -> tuple[str, ...]:
    """Why a prediction has its verdict, in sentences about the spectrum and the distance.

    Parameters
    ----------
    verdict : {"high", "medium", "low", "outside"}
    domain_score : float
    domain_reasons : tuple of str
        From `DomainScores`.
    sensitivity : Sensitivity
    r_sigma : float or None
        Spread of the first-shell distance over the members, in Angstrom; None
        without a shell.

    Returns
    -------
    tuple of str
    """
    if verdict == "outside":
        return domain_reasons or ("The spectrum is unlike the training spectra.",)
    if r_sigma is None:
        return (*domain_reasons, "The predicted curve shows no first shell.")
    if verdict == "high":
        return domain_reasons
    reasons = list(domain_reasons)
    moved = "when the spectrum is shifted by 1 eV or broadened by 2 eV."
    if sensitivity.first_shell > UNSTABLE_SHELL:
        reasons.append(f"The first-shell distance moves by {sensitivity.first_shell:.2f} Angstrom {moved}")
    if sensitivity.curve > UNSTABLE_CURVE:
        reasons.append(f"The whole curve changes by {100 * sensitivity.curve:.0f} % {moved}")
    if r_sigma > 0.05:
        reasons.append(f"Different distances explain the spectrum: they spread by {r_sigma:.2f} Angstrom.")
    if domain_score > NEAR_THE_EDGE:
        reasons.append("The spectrum is at the edge of what was trained on.")
    return tuple(reasons)
