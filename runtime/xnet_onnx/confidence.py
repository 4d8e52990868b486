"""The verdict: how far to trust this prediction, in one word and plain sentences.

The rule, in order:

- `outside`: the domain score is above 1. No distance is given.
- `high`: the 90 % interval of the first-shell distance is narrow (half width up
  to `high` of the calibration).
- `medium`: it is wider (up to `medium`).
- `low`: it is wider still, or there is no first shell.

The interval is where the members' spread, the stability under shifts and
broadening, and the domain score come together (`xnet_onnx.calibration`). That
the error rises from level to level is measured, and in the model card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .calibration import Calibration
from .domain import DomainResult
from .stability import Stability

__all__ = ["LEVELS", "VERDICT_LEVEL", "Confidence", "Level", "judge"]

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


def judge(
    calibration: Calibration,
    domain: DomainResult,
    stability: Stability,
    *,
    half_width: float | None,
    expected_error: float | None,
    expected_mse: float,
    r_sigma: float | None,
    interval_level: float,
) -> Confidence:
    """Give the verdict.

    Parameters
    ----------
    calibration : Calibration
    domain : DomainResult
    stability : Stability
    half_width : float or None
        Of the first-shell interval at `VERDICT_LEVEL`; None without a shell.
    expected_error, expected_mse : float
        From the calibration.
    r_sigma : float or None
        Spread of the first-shell distance over the members, in Angstrom.
    interval_level : float
        Coverage of the intervals shown.

    Returns
    -------
    Confidence
    """
    reasons = list(domain.reasons)
    level: Level
    if domain.score > 1.0:
        level = "outside"
        if not reasons:
            reasons.append("The spectrum is unlike the training spectra.")
    elif half_width is None:
        level = "low"
        reasons.append("The predicted curve shows no first shell.")
    else:
        level = (
            "high"
            if half_width <= calibration.high
            else "medium"
            if half_width <= calibration.medium
            else "low"
        )
        if level != "high":
            if stability.first_shell > UNSTABLE_SHELL:
                reasons.append(
                    f"The first shell moves by {stability.first_shell:.2f} Angstrom when the spectrum is "
                    "shifted by up to 1 eV or broadened by up to 2 eV."
                )
            if stability.curve > UNSTABLE_CURVE:
                reasons.append(
                    f"The whole curve changes by {100 * stability.curve:.0f} % when the spectrum is "
                    "shifted by up to 1 eV or broadened by up to 2 eV."
                )
            if r_sigma is not None and r_sigma > 0.05:
                reasons.append(f"The networks disagree on the first shell by {r_sigma:.2f} Angstrom.")
            if domain.score > NEAR_THE_EDGE:
                reasons.append("The spectrum is at the edge of what the networks were trained on.")
            if not reasons:
                reasons.append(
                    "Predictions like this one were off by more than a few hundredths of an Angstrom "
                    "for compounds left out of training."
                )
    return Confidence(
        level=level,
        reasons=tuple(reasons),
        interval_level=interval_level,
        domain_score=domain.score,
        stability=stability,
        expected_error=expected_error,
        expected_mse=expected_mse,
    )
