"""The verdict: how far to trust this prediction, in one word and plain sentences.

The rule, in order:

- `outside`: the domain score is above 1. No distance is given.
- `high`: the 90 % interval of the first-shell distance is narrow (half width up
  to `high` of the calibration).
- `medium`: it is wider (up to `medium`).
- `low`: it is wider still, or there is no first shell.

The interval is where the members' spread, the stability under shifts and
broadening, and the domain score come together (`xnet_onnx.uncertainty.intervals`). That
the error rises from level to level is measured, and in the model card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ..inference.sensitivity import Stability
from ..spectrum import FloatArray
from .intervals import Calibration

__all__ = ["LEVELS", "VERDICT_LEVEL", "Confidence", "Level", "grade", "reasons_of"]

Level = Literal["high", "medium", "low", "outside"]
LEVELS: tuple[Level, ...] = get_args(Level)
#: Coverage of the interval whose width decides the verdict, whatever the user asks to see.
VERDICT_LEVEL = 0.9
UNSTABLE_SHELL = 0.1
UNSTABLE_CURVE = 0.4
NEAR_THE_EDGE = 0.9


@dataclass(frozen=True)
class Confidence:
    """How far to trust a prediction.

    Parameters
    ----------
    level : {"high", "medium", "low", "outside"}
    reasons : tuple of str
        Why, in sentences; empty where there is nothing to say.
    interval_level : float
        Coverage of the intervals given.
    domain_score : float
        0 is a typical training spectrum, 1 the edge of the domain.
    stability : Stability
    expected_error : float or None
        Expected size of the error of the first-shell distance, in Angstrom.
    expected_mse : float
        Expected MSE of G2.
    """

    level: Level
    reasons: tuple[str, ...]
    interval_level: float
    domain_score: float
    stability: Stability
    expected_error: float | None
    expected_mse: float


def grade(calibration: Calibration, domain_score: FloatArray, half_width: FloatArray) -> npt.NDArray[np.int8]:
    """Levels of predictions, as places in `LEVELS`.

    Parameters
    ----------
    calibration : Calibration
    domain_score : ndarray of float64, shape (n,)
    half_width : ndarray of float64, shape (n,)
        Of the first-shell interval at `VERDICT_LEVEL`, in Angstrom; NaN without
        a shell.

    Returns
    -------
    ndarray of int8, shape (n,)
    """
    levels = np.full(len(half_width), LEVELS.index("low"), dtype=np.int8)
    levels[half_width <= calibration.medium] = LEVELS.index("medium")
    levels[half_width <= calibration.high] = LEVELS.index("high")
    levels[domain_score > 1.0] = LEVELS.index("outside")
    return levels


def reasons_of(
    level: Level,
    domain_score: float,
    domain_reasons: tuple[str, ...],
    stability: Stability,
    r_sigma: float | None,
) -> tuple[str, ...]:
    """Why a prediction has its level, in sentences.

    Parameters
    ----------
    level : {"high", "medium", "low", "outside"}
    domain_score : float
    domain_reasons : tuple of str
        From `DomainScores`.
    stability : Stability
    r_sigma : float or None
        Spread of the first-shell distance over the members, in Angstrom; None
        without a shell.

    Returns
    -------
    tuple of str
    """
    if level == "outside":
        return domain_reasons or ("The spectrum is unlike the training spectra.",)
    if r_sigma is None:
        return (*domain_reasons, "The predicted curve shows no first shell.")
    if level == "high":
        return domain_reasons
    reasons = list(domain_reasons)
    moved = "when the spectrum is shifted by 1 eV or broadened by 2 eV."
    if stability.first_shell > UNSTABLE_SHELL:
        reasons.append(
            f"The first shell of one network moves by {stability.first_shell:.2f} Angstrom {moved}"
        )
    if stability.curve > UNSTABLE_CURVE:
        reasons.append(f"The whole curve of one network changes by {100 * stability.curve:.0f} % {moved}")
    if r_sigma > 0.05:
        reasons.append(f"The networks disagree on the first shell by {r_sigma:.2f} Angstrom.")
    if domain_score > NEAR_THE_EDGE:
        reasons.append("The spectrum is at the edge of what the networks were trained on.")
    if not reasons:
        reasons.append(
            "Predictions like this one were off by more than a few hundredths of an Angstrom "
            "for compounds left out of training."
        )
    return tuple(reasons)
