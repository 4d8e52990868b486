"""What comes out: a prediction, its first shell, its peaks and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from .spectrum import FloatArray

__all__ = [
    "DEFAULT_LEVEL",
    "VERDICTS",
    "Confidence",
    "FirstShell",
    "Peak",
    "Prediction",
    "Sensitivity",
    "Verdict",
]

#: Coverage of the intervals where none is asked for.
DEFAULT_LEVEL = 0.9
Verdict = Literal["high", "medium", "low", "outside"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


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


@dataclass(frozen=True)
class Sensitivity:
    """Largest changes of one network's curve over the perturbed copies of a spectrum.

    Parameters
    ----------
    first_shell : float
        Of the first-shell distance, in Angstrom; 1 where it is lost.
    curve : float
        Of G2: mean absolute change as a share of the mean of G2.
    """

    first_shell: float
    curve: float


@dataclass(frozen=True)
class Confidence:
    """How far to trust a prediction.

    Parameters
    ----------
    verdict : {"high", "medium", "low", "outside"}
    reasons : tuple of str
        Why, in sentences; empty where there is nothing to say.
    interval_level : float
        Coverage of the intervals given.
    domain_score : float
        0 is a typical training spectrum, 1 the edge of the domain.
    sensitivity : Sensitivity
    expected_error : float or None
        Expected size of the error of the first-shell distance, in Angstrom.
    expected_mse : float
        Expected MSE of G2.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    interval_level: float
    domain_score: float
    sensitivity: Sensitivity
    expected_error: float | None
    expected_mse: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the ensemble says about one spectrum.

    Parameters
    ----------
    label : str
        The file or group.
    model : str
        Name and version of the bundle.
    element, edge : str
    r : ndarray of float64, shape (n,)
        Distances in Angstrom.
    members : ndarray of float64, shape (m, n)
        G2 of each member.
    mean, sigma : ndarray of float64, shape (n,)
        Mean and standard deviation over the members (paper section 2.4).
    lower, upper : ndarray of float64, shape (n,), or None
        Calibrated band; None where the bundle is not calibrated.
    peaks : tuple of Peak
        By ascending distance.
    first_shell : FirstShell or None
        None where the curve has no peak, or the spectrum is outside the domain.
    confidence : Confidence or None
        The verdict; None where the bundle is not calibrated.
    energy : ndarray of float64, shape (k,)
        Photon energy in eV of the spectrum as used.
    spectrum : ndarray of float64, shape (k,)
        The network's input.
    preprocessing : dict
        e0, edge_step, energy_shift, axis and the normalisation's parameters.
    warnings : tuple of str
    """

    label: str
    model: str
    element: str
    edge: str
    r: FloatArray
    members: FloatArray
    mean: FloatArray
    sigma: FloatArray
    lower: FloatArray | None
    upper: FloatArray | None
    peaks: tuple[Peak, ...]
    first_shell: FirstShell | None
    confidence: Confidence | None
    energy: FloatArray
    spectrum: FloatArray
    preprocessing: dict[str, Any]
    warnings: tuple[str, ...]
