"""From spectra to predictions: the one place that knows the order of the steps.

read -> preprocess -> inference -> uncertainty -> output. The command line, the
page, maps and Larch all come through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .bundle.load import Bundle, default_bundle
from .edges import Absorber
from .errors import SpectrumError, XnetError
from .inference.ensemble import run_first_member, run_with_features
from .inference.peaks import Curves, curves_of, join_curves, peaks_of
from .inference.sensitivity import measure_sensitivity, perturb
from .prediction import (
    DEFAULT_LEVEL,
    VERDICTS,
    Confidence,
    FirstShell,
    Neighbour,
    Peak,
    Prediction,
    Sensitivity,
    ShellKind,
)
from .preprocess.prepare import prepare_many, prepare_normalized
from .readers import read
from .readers.absorption import in_order
from .spectrum import ModelInput, NormalizedSpectrum, Spectrum
from .uncertainty.domain import DomainScores, domain_of
from .uncertainty.intervals import Evidence, evidence_of
from .uncertainty.nearest import nearest_of
from .uncertainty.shell_kinds import kinds_of
from .uncertainty.verdict import Assessment, assess, reasons_of, unassessed

__all__ = [
    "Outcome",
    "join_outcomes",
    "predict",
    "predict_inputs",
    "predict_many",
    "predict_normalized",
    "run_inputs",
]

#: Spectra predicted at a time: more do not fit into the cache.
BATCH = 256
NO_PEAK = "the predicted curve has no peak: no distance can be read from it"
NOT_SHOWN = "outside the domain of the model: no distance is given (force gives it)"
NOT_CALIBRATED = (
    "this bundle is not calibrated: sigma is the spread of its members, not an error, and a spectrum it does "
    "not know is not noticed"
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What comes out for n model inputs, as arrays.

    Parameters
    ----------
    curves : Curves
    evidence : Evidence or None
    scores : DomainScores or None
        None for a bundle that is not calibrated.
    assessment : Assessment
        What may be shown.
    """

    curves: Curves
    evidence: Evidence | None
    scores: DomainScores | None
    assessment: Assessment


def run_inputs(
    values: npt.NDArray[np.float32],
    bundle: Bundle,
    absorbers: npt.NDArray[np.int64],
    *,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> Outcome:
    """Steps 3 and 4 for model inputs, as arrays.

    Parameters
    ----------
    values : ndarray of float32, shape (n, axis.count)
    bundle : Bundle
    absorbers : ndarray of int64, shape (n,)
        Atomic number of each absorber.
    level : float
        Coverage of the intervals.
    force : bool
        Show distances outside the domain too.
    threads : int
        Threads inside one operator.

    Returns
    -------
    Outcome

    Raises
    ------
    OutputError
        If there is no interval at that level.
    BundleError
        If the model cannot be run.
    """
    members, features = run_with_features(bundle, values, absorbers, threads)
    curves = curves_of(bundle.r, members)
    calibration, domain = bundle.calibration, bundle.domain
    if calibration is None or domain is None:
        return Outcome(curves, None, None, unassessed(curves))
    copies = perturb(values, bundle.axis)
    moved = run_first_member(
        bundle,
        copies.reshape(-1, bundle.axis.count),
        np.repeat(absorbers, copies.shape[1]),
        threads,
    )
    shell_moved, curve_moved = measure_sensitivity(
        bundle.r, members[:, 0], moved.reshape(len(values), -1, bundle.r.size)
    )
    scores = domain_of(domain, bundle.axis, values, features)
    evidence = evidence_of(curves, shell_moved, curve_moved, scores.input_score)
    assessment = assess(curves, evidence, scores, calibration, bundle.r, level=level, force=force)
    return Outcome(curves, evidence, scores, assessment)


def join_outcomes(parts: Sequence[Outcome]) -> Outcome:
    """Outcomes of one calibrated bundle, one after the other.

    Parameters
    ----------
    parts : sequence of Outcome

    Returns
    -------
    Outcome
    """
    evidence = [part.evidence for part in parts if part.evidence is not None]
    scores = [part.scores for part in parts if part.scores is not None]
    return Outcome(
        join_curves([part.curves for part in parts]),
        Evidence(**_joined(evidence)),
        DomainScores(
            np.concatenate([one.score for one in scores]),
            np.concatenate([one.input_score for one in scores]),
            tuple(reasons for one in scores for reasons in one.reasons),
        ),
        Assessment(**_joined([part.assessment for part in parts])),
    )


def _joined(parts: Sequence[Any]) -> dict[str, Any]:
    """Fields of dataclasses of arrays, one after the other."""
    return {
        item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(parts[0])
    }


def predict_inputs(
    inputs: Sequence[ModelInput],
    bundle: Bundle,
    *,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> list[Prediction]:
    """Steps 3 and 4 for model inputs, as predictions.

    Parameters
    ----------
    inputs : sequence of ModelInput
    bundle : Bundle
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain too.
    threads : int
        Threads inside one operator.

    Returns
    -------
    list of Prediction

    Raises
    ------
    OutputError
        If there is no interval at that level.
    BundleError
        If the model cannot be run.
    """
    if not inputs:
        return []
    outcome = run_inputs(
        np.stack([item.values for item in inputs]),
        bundle,
        np.array([item.absorber for item in inputs], dtype=np.int64),
        level=level,
        force=force,
        threads=threads,
    )
    peaks = peaks_of(outcome.curves)
    nearest: list[tuple[Neighbour, ...]] = [()] * len(inputs)
    if bundle.compounds is not None:
        nearest = nearest_of(bundle.compounds, np.stack([item.values for item in inputs]))
    kinds: list[tuple[ShellKind, ...]] = [()] * len(inputs)
    if bundle.calibration is not None and bundle.calibration.shell_kinds is not None:
        kinds = kinds_of(bundle.calibration.shell_kinds, outcome.curves.mean)
    return [
        _prediction(item, outcome, i, peaks[i], kinds[i], nearest[i], bundle, level)
        for i, item in enumerate(inputs)
    ]


def _confidence(outcome: Outcome, i: int, level: float, r_sigma: float | None) -> Confidence | None:
    evidence, scores, assessment = outcome.evidence, outcome.scores, outcome.assessment
    if evidence is None or scores is None:
        return None
    verdict = VERDICTS[int(assessment.verdict[i])]
    sensitivity = Sensitivity(float(evidence.shell_moved[i]), float(evidence.curve_moved[i]))
    score = float(scores.score[i])
    return Confidence(
        verdict=verdict,
        reasons=reasons_of(verdict, score, scores.reasons[i], sensitivity, r_sigma),
        interval_level=level,
        domain_score=score,
        sensitivity=sensitivity,
        expected_error=None if r_sigma is None else float(assessment.expected_error[i]),
        expected_mse=float(assessment.expected_mse[i]),
    )


def _prediction(
    inputs: ModelInput,
    outcome: Outcome,
    i: int,
    peaks: tuple[Peak, ...],
    kinds: tuple[ShellKind, ...],
    nearest: tuple[Neighbour, ...],
    bundle: Bundle,
    level: float,
) -> Prediction:
    curves, assessment = outcome.curves, outcome.assessment
    confidence = _confidence(outcome, i, level, peaks[0].r_sigma if peaks else None)
    warnings = inputs.warnings
    if not peaks:
        warnings += (NO_PEAK,)
    if not assessment.shown[i]:
        warnings += (NOT_SHOWN,)
        peaks = ()
    if confidence is None:
        warnings += (NOT_CALIBRATED,)
    shell = None
    if peaks:
        low, high = (float(assessment.lower[i]), float(assessment.upper[i])) if confidence else (None, None)
        shell = FirstShell(peaks[0].r, peaks[0].r_sigma, low, high, kinds)
    lower, upper = assessment.band_lower, assessment.band_upper
    return Prediction(
        label=inputs.label,
        model=bundle.title,
        element=inputs.element,
        edge=inputs.edge,
        r=bundle.r,
        members=curves.members[i],
        mean=curves.mean[i],
        sigma=curves.sigma[i],
        lower=None if lower is None else lower[i],
        upper=None if upper is None else upper[i],
        peaks=peaks,
        first_shell=shell,
        confidence=confidence,
        energy=inputs.energy,
        spectrum=inputs.values.astype(np.float64),
        preprocessing=inputs.preprocessing,
        warnings=warnings,
        nearest=nearest if assessment.shown[i] else (),
    )


def predict_many(
    spectra: Iterable[Spectrum | XnetError],
    *,
    bundle: Bundle | None = None,
    normalized: bool = False,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> list[Prediction | XnetError]:
    """Predict for many spectra; a bad one does not stop the others.

    Parameters
    ----------
    spectra : iterable of Spectrum or XnetError
        An error (of reading) is passed through in its place.
    bundle : Bundle, optional
        The shipped one by default.
    normalized : bool
        Take mu as normalised already.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    threads : int
        Threads inside one operator.

    Returns
    -------
    list of Prediction or XnetError
        In the order given.

    Raises
    ------
    BundleError
        If the bundle cannot be loaded or run.
    """
    bundle = default_bundle() if bundle is None else bundle
    prepared = prepare_many(list(spectra), bundle, normalized=normalized)
    inputs = [item for item in prepared if isinstance(item, ModelInput)]
    predictions = (
        prediction
        for start in range(0, len(inputs), BATCH)
        for prediction in predict_inputs(
            inputs[start : start + BATCH], bundle, level=level, force=force, threads=threads
        )
    )
    return [item if isinstance(item, XnetError) else next(predictions) for item in prepared]


def predict(
    spectrum: str | Path | Spectrum | npt.ArrayLike,
    mu: npt.ArrayLike | None = None,
    *,
    bundle: Bundle | None = None,
    normalized: bool = False,
    label: str | None = None,
    element: str | None = None,
    edge: str | None = None,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> Prediction:
    """Predict the distances around the absorber: of a file, a spectrum, or arrays.

    Parameters
    ----------
    spectrum : str, Path, Spectrum, or array_like of shape (n,)
        A file with one spectrum ("Fe.prj:Hematite" for one of several), what
        `read` gives, or photon energies in eV, in any order.
    mu : array_like, shape (n,), optional
        Absorption at these energies.
    bundle : Bundle, optional
        From `load_bundle`; the shipped one by default.
    normalized : bool
        Take mu as normalised already.
    label : str, optional
        What to call the spectrum in the result.
    element, edge : str, optional
        In place of what the file says; found from the energy of the edge where
        nothing says it.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    threads : int
        Threads inside one operator.

    Returns
    -------
    Prediction

    Raises
    ------
    ReadError, ColumnError
        If the file cannot be read, or holds several spectra.
    SpectrumError
        If it is not a usable spectrum of an edge that the bundle knows.
    BundleError
        If the bundle cannot be loaded or run.

    Examples
    --------
    >>> result = predict("examples/scorodite_simulated.xdi")
    >>> result.confidence.verdict
    'medium'
    """
    given = _as_spectrum(spectrum, mu)
    given = replace(
        given,
        label=given.label if label is None else label,
        element=given.element if element is None else element,
        edge=given.edge if edge is None else edge,
    )
    (result,) = predict_many(
        [given], bundle=bundle, normalized=normalized, level=level, force=force, threads=threads
    )
    if isinstance(result, XnetError):
        raise result
    return result


def _as_spectrum(spectrum: str | Path | Spectrum | npt.ArrayLike, mu: npt.ArrayLike | None) -> Spectrum:
    """What `predict` was given, as one spectrum."""
    if isinstance(spectrum, Spectrum | str | Path):
        if mu is not None:
            raise SpectrumError(
                "mu was given beside a file or a Spectrum; expected predict(file), predict(spectrum) or "
                "predict(energy, mu)"
            )
        return spectrum if isinstance(spectrum, Spectrum) else read(spectrum)
    if mu is None:
        raise SpectrumError("energies were given without mu; expected predict(energy, mu)")
    try:
        energy, values = np.asarray(spectrum, dtype=np.float64), np.asarray(mu, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpectrumError(f"energy and mu are no numbers ({error}); expected two arrays") from error
    warnings: tuple[str, ...] = ()
    one_shape = energy.ndim == 1 and energy.shape == values.shape
    if one_shape and np.isfinite(energy).all() and np.any(np.diff(energy) <= 0.0):
        energy, values, warnings = in_order(energy, values)
    return Spectrum(energy=energy, mu=values, warnings=warnings)


def predict_normalized(
    spectrum: NormalizedSpectrum,
    *,
    bundle: Bundle | None = None,
    absorber: Absorber | None = None,
    label: str = "spectrum",
    mu_source: str = "mu as given",
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> Prediction:
    """Predict from a spectrum that has been normalised, here or in Larch.

    Parameters
    ----------
    spectrum : NormalizedSpectrum
    bundle : Bundle, optional
        The shipped one by default.
    absorber : Absorber, optional
        One of the bundle's; by the energy of the rise where it is not given.
    label, mu_source : str
        For the output.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    threads : int
        Threads inside one operator.

    Returns
    -------
    Prediction

    Raises
    ------
    SpectrumError, BundleError
        As `predict`.
    """
    bundle = default_bundle() if bundle is None else bundle
    inputs = prepare_normalized(spectrum, bundle, absorber=absorber, label=label, mu_source=mu_source)
    (result,) = predict_inputs([inputs], bundle, level=level, force=force, threads=threads)
    return result
