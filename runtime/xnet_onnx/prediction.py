"""What comes out: a prediction, its first shell, its peaks and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from .errors import MissingExtraError, XnetError
from .spectrum import FloatArray
from .wording import printable

__all__ = [
    "DEFAULT_LEVEL",
    "VERDICTS",
    "Confidence",
    "FirstShell",
    "Neighbour",
    "Peak",
    "Prediction",
    "Sensitivity",
    "Verdict",
    "to_frame",
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
class ShellKind:
    """A kind of atoms that the first shell may be made of.

    Parameters
    ----------
    name : str
        "C/N/O/F", "P/S/Cl or heavier" (non-metals from silicon on) or "metal".
    probability : float
    """

    name: str
    probability: float


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
    kinds : tuple of ShellKind
        What its atoms are, the most probable first; empty where the bundle does not tell.
    """

    r: float
    r_sigma: float
    lower: float | None = None
    upper: float | None = None
    kinds: tuple[ShellKind, ...] = ()


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
        Expected size of the error of the first-shell distance, in Angstrom: half of the errors are smaller.
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


@dataclass(frozen=True)
class Neighbour:
    """A training compound whose spectrum is like this one.

    Parameters
    ----------
    name : str
        Mineral, complex or refcode.
    element : str
        Its absorber.
    first_shell : float
        Distance of its first shell in Angstrom, as its structure has it.
    difference : float
        Root mean square difference of the two curves, as a share of the edge step.
    close : bool
        Whether that is as little as between alike compounds of the training set.
    """

    name: str
    element: str
    first_shell: float
    difference: float
    close: bool


@dataclass(frozen=True, eq=False, repr=False)
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
    nearest : tuple of Neighbour
        The training compounds with the most similar input, the most similar first;
        empty where no distance is shown, or the bundle names no compounds.
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
    nearest: tuple[Neighbour, ...] = ()

    def __repr__(self) -> str:
        """The answer in one line."""
        from .output.text import headline

        return f"<Prediction {printable(self.label)}: {self.element} {self.edge}, {headline(self)}>"

    def to_dict(self) -> dict[str, Any]:
        """All of it but the members' curves, ready for JSON.

        Returns
        -------
        dict
            With the keys model, element, edge, preprocessing, r, mean, sigma,
            lower, upper, peaks, first_shell, confidence, nearest, warnings; numbers
            have nine digits.
        """
        shell, verdict = self.first_shell, self.confidence
        return {
            "model": self.model,
            "element": self.element,
            "edge": self.edge,
            "preprocessing": self.preprocessing,
            "r": _numbers(self.r),
            "mean": _numbers(self.mean),
            "sigma": _numbers(self.sigma),
            "lower": [] if self.lower is None else _numbers(self.lower),
            "upper": [] if self.upper is None else _numbers(self.upper),
            "peaks": [asdict(peak) for peak in self.peaks],
            "first_shell": None
            if shell is None
            else asdict(shell) | {"kinds": [asdict(one) for one in shell.kinds]},
            "confidence": None if verdict is None else asdict(verdict) | {"reasons": list(verdict.reasons)},
            "nearest": [_neighbour(one) for one in self.nearest],
            "warnings": list(self.warnings),
        }

    def plot(self, ax: Any = None) -> Any:
        """Draw it: the spectrum as used and the curve, or the curve alone into given axes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw the curve.

        Returns
        -------
        matplotlib.figure.Figure or matplotlib.axes.Axes
            A new figure, or `ax`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        from .output.figure import draw_curve, draw_predictions

        if ax is None:
            return draw_predictions([self])
        draw_curve(ax, self)
        return ax

    def _repr_html_(self) -> str:
        """For notebooks: the answer, why, and the curve with its band."""
        from .output.html import as_html

        return as_html(self)


def _numbers(values: FloatArray) -> list[float]:
    return [float(f"{value:.9g}") for value in values]


def _neighbour(one: Neighbour) -> dict[str, Any]:
    """With the digits that it has: the compounds are kept in half precision."""
    return asdict(one) | {"first_shell": round(one.first_shell, 3), "difference": round(one.difference, 4)}


def to_frame(predictions: Sequence[Prediction | XnetError]) -> Any:
    """A table of predictions, a row each.

    Parameters
    ----------
    predictions : sequence of Prediction or XnetError
        From `predict_many`.

    Returns
    -------
    pandas.DataFrame
        Columns label, element, edge, first_shell, lower, upper (Angstrom),
        interval_level, verdict, reasons, e0 (eV), error.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("to_frame needs pandas; install it with: pip install pandas") from error
    return pandas.DataFrame([_row(item) for item in predictions])


def _row(item: Prediction | XnetError) -> dict[str, Any]:
    if isinstance(item, XnetError):
        return {"label": item.label, "error": str(item)}
    shell, verdict = item.first_shell, item.confidence
    return {
        "label": item.label,
        "element": item.element,
        "edge": item.edge,
        "first_shell": None if shell is None else shell.r,
        "lower": None if shell is None else shell.lower,
        "upper": None if shell is None else shell.upper,
        "interval_level": None if verdict is None else verdict.interval_level,
        "verdict": None if verdict is None else verdict.verdict,
        "reasons": "" if verdict is None else " ".join(verdict.reasons),
        "e0": item.preprocessing.get("e0"),
        "error": None,
    }
