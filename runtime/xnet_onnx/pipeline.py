"""The whole road for one spectrum or many, as the API, the CLI and Larch use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .bundle.load import Bundle, load_bundle
from .errors import BundleError, XnetError
from .inference.ensemble import run_ensemble, run_first_member, run_with_features
from .inference.peaks import Curves, FirstShell, Peak, first_shell, peaks_of, read_curves
from .inference.sensitivity import Stability, measure_stability, perturb
from .preprocess.prepare import ModelInput, prepare_many, prepare_normalized
from .spectrum import FloatArray, NormalizedSpectrum, Spectrum
from .uncertainty.domain import DomainScores, domain_of
from .uncertainty.intervals import Evidence
from .uncertainty.verdict import LEVELS, VERDICT_LEVEL, Confidence, grade, reasons_of

__all__ = [
    "DEFAULT_LEVEL",
    "Prediction",
    "Reading",
    "evidence_of",
    "interpret",
    "predict",
    "predict_many",
    "predict_normalized",
    "read_inputs",
]

DEFAULT_LEVEL = 0.9
#: Spectra interpreted at a time: more do not fit into the cache.
BATCH = 256
NO_PEAK = "the predicted curve has no peak: no distance can be read from it"


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


@dataclass(frozen=True, eq=False)
class Reading:
    """What comes out for n model inputs, as arrays.

    Parameters
    ----------
    curves : Curves
    lower, upper : ndarray of float64, shape (n, k)
        Calibrated bands of G2.
    half_width : ndarray of float64, shape (n,)
        Of the first-shell interval, in Angstrom; NaN without a shell.
    expected_error : ndarray of float64, shape (n,)
        Expected size of the first-shell error, in Angstrom; NaN without a shell.
    expected_mse : ndarray of float64, shape (n,)
    shell_moved, curve_moved : ndarray of float64, shape (n,)
        From `measure_stability`.
    domain : DomainScores
    level : ndarray of int8, shape (n,)
        Place in `xnet_onnx.uncertainty.verdict.LEVELS`.
    """

    curves: Curves
    lower: FloatArray
    upper: FloatArray
    half_width: FloatArray
    expected_error: FloatArray
    expected_mse: FloatArray
    shell_moved: FloatArray
    curve_moved: FloatArray
    domain: DomainScores
    level: npt.NDArray[np.int8]


def evidence_of(
    curves: Curves, shell_moved: FloatArray, curve_moved: FloatArray, domain_score: FloatArray
) -> Evidence:
    """What predictions give away about their own errors.

    Parameters
    ----------
    curves : Curves
    shell_moved, curve_moved : ndarray of float64, shape (n,)
        From `measure_stability`.
    domain_score : ndarray of float64, shape (n,)
        By the model input alone.

    Returns
    -------
    Evidence
        Without a peak, that of a first shell the members do not agree on at all.
    """
    heights = curves.mean[curves.peaks.curve, curves.peaks.index]
    return Evidence(
        r_sigma=curves.of_first(curves.r_sigma, 1.0),
        shell_height=curves.of_first(heights, 0.0),
        shell_moved=shell_moved,
        curve_moved=curve_moved,
        domain_score=domain_score,
        mean_sigma=curves.sigma.mean(axis=1),
        mean_square=(curves.mean**2).mean(axis=1),
    )


def read_inputs(
    values: npt.NDArray[np.float32], bundle: Bundle, *, level: float = DEFAULT_LEVEL, threads: int = 1
) -> Reading:
    """Run a calibrated bundle on model inputs, as arrays.

    Parameters
    ----------
    values : ndarray of float32, shape (n, axis.count)
    bundle : Bundle
    level : float
        Coverage of the intervals.
    threads : int
        Threads inside one operator.

    Returns
    -------
    Reading

    Raises
    ------
    OutputError
        If there is no interval at that level.
    BundleError
        If the bundle is not calibrated, or the model cannot be run.
    """
    calibration, domain = bundle.calibration, bundle.domain
    if calibration is None or domain is None:
        raise BundleError(
            f"{bundle.title} is not calibrated; expected a bundle that knows its errors: run xnet-onnx "
            "calibrate on it"
        )
    calibration.check_level(level)
    members, features = run_with_features(bundle, values, threads)
    curves = read_curves(bundle.r, members)
    copies = perturb(values, bundle.axis)
    moved = run_first_member(bundle, copies.reshape(-1, bundle.axis.count), threads)
    shell_moved, curve_moved = measure_stability(
        bundle.r, members[:, 0], moved.reshape(len(values), -1, bundle.r.size)
    )
    scores = domain_of(domain, bundle.axis, values, features)
    evidence = evidence_of(curves, shell_moved, curve_moved, scores.input_score)
    lower, upper = calibration.band_of(curves.mean, curves.sigma, evidence, level)
    shell = np.isfinite(curves.first_shell)
    return Reading(
        curves=curves,
        lower=lower,
        upper=upper,
        half_width=np.where(shell, calibration.shell_half_width(evidence, level), np.nan),
        expected_error=np.where(shell, calibration.shell_error(evidence), np.nan),
        expected_mse=calibration.expected_mse(evidence),
        shell_moved=shell_moved,
        curve_moved=curve_moved,
        domain=scores,
        level=grade(
            calibration,
            scores.score,
            np.where(shell, calibration.shell_half_width(evidence, VERDICT_LEVEL), np.nan),
        ),
    )


def interpret(
    inputs: Sequence[ModelInput],
    bundle: Bundle,
    *,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> list[Prediction]:
    """Run the ensemble on model inputs and say what comes out.

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
    values = np.stack([item.values for item in inputs])
    if bundle.calibration is None or bundle.domain is None:
        curves = read_curves(bundle.r, run_ensemble(bundle, values, threads))
        peaks = peaks_of(curves)
        return [_uncalibrated(item, curves, i, peaks[i], bundle) for i, item in enumerate(inputs)]
    reading = read_inputs(values, bundle, level=level, threads=threads)
    peaks = peaks_of(reading.curves)
    return [_calibrated(item, reading, i, peaks[i], bundle, level, force) for i, item in enumerate(inputs)]


def _calibrated(
    inputs: ModelInput,
    reading: Reading,
    i: int,
    peaks: tuple[Peak, ...],
    bundle: Bundle,
    level: float,
    force: bool,
) -> Prediction:
    verdict = LEVELS[int(reading.level[i])]
    hidden = verdict == "outside" and not force
    stability = Stability(float(reading.shell_moved[i]), float(reading.curve_moved[i]))
    warnings = inputs.warnings
    shell: FirstShell | None = None
    if peaks:
        at, half = peaks[0].r, float(reading.half_width[i])
        shell = FirstShell(at, peaks[0].r_sigma, max(0.0, at - half), at + half)
    else:
        warnings += (NO_PEAK,)
    if hidden:
        warnings += ("outside the domain of the model: no distance is given (--force, force=True gives it)",)
    score = float(reading.domain.score[i])
    confidence = Confidence(
        level=verdict,
        reasons=reasons_of(
            verdict, score, reading.domain.reasons[i], stability, None if shell is None else shell.r_sigma
        ),
        interval_level=level,
        domain_score=score,
        stability=stability,
        expected_error=None if shell is None else float(reading.expected_error[i]),
        expected_mse=float(reading.expected_mse[i]),
    )
    return _prediction(
        inputs,
        reading.curves,
        i,
        bundle,
        lower=reading.lower[i],
        upper=reading.upper[i],
        peaks=() if hidden else peaks,
        shell=None if hidden else shell,
        confidence=confidence,
        warnings=warnings,
    )


def _uncalibrated(
    inputs: ModelInput, curves: Curves, i: int, peaks: tuple[Peak, ...], bundle: Bundle
) -> Prediction:
    """A prediction without intervals or verdict."""
    warnings = inputs.warnings if peaks else (*inputs.warnings, NO_PEAK)
    return _prediction(
        inputs,
        curves,
        i,
        bundle,
        lower=None,
        upper=None,
        peaks=peaks,
        shell=first_shell(peaks),
        confidence=None,
        warnings=(
            *warnings,
            "this bundle is not calibrated: sigma is the spread of its members, not an error, and a "
            "spectrum it does not know is not noticed",
        ),
    )


def _prediction(
    inputs: ModelInput,
    curves: Curves,
    i: int,
    bundle: Bundle,
    *,
    lower: FloatArray | None,
    upper: FloatArray | None,
    peaks: tuple[Peak, ...],
    shell: FirstShell | None,
    confidence: Confidence | None,
    warnings: tuple[str, ...],
) -> Prediction:
    return Prediction(
        label=inputs.label,
        model=bundle.title,
        element=bundle.element,
        edge=bundle.edge,
        r=bundle.r,
        members=curves.members[i],
        mean=curves.mean[i],
        sigma=curves.sigma[i],
        lower=lower,
        upper=upper,
        peaks=peaks,
        first_shell=shell,
        confidence=confidence,
        energy=inputs.energy,
        spectrum=inputs.values.astype(np.float64),
        preprocessing=inputs.preprocessing,
        warnings=warnings,
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
    bundle = load_bundle() if bundle is None else bundle
    prepared = prepare_many(list(spectra), bundle, normalized=normalized)
    inputs = [item for item in prepared if isinstance(item, ModelInput)]
    predictions = (
        prediction
        for start in range(0, len(inputs), BATCH)
        for prediction in interpret(
            inputs[start : start + BATCH], bundle, level=level, force=force, threads=threads
        )
    )
    return [item if isinstance(item, XnetError) else next(predictions) for item in prepared]


def predict(
    energy: npt.ArrayLike,
    mu: npt.ArrayLike,
    *,
    bundle: Bundle | None = None,
    normalized: bool = False,
    label: str = "spectrum",
    element: str | None = None,
    edge: str | None = None,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    threads: int = 1,
) -> Prediction:
    """Predict the pseudo-radial distribution around the absorber.

    Parameters
    ----------
    energy, mu : array_like, shape (n,)
        Photon energy in eV, strictly increasing, and absorption.
    bundle : Bundle, optional
        From `load_bundle`; the shipped one by default.
    normalized : bool
        Take mu as normalised already.
    label : str
        What to call the spectrum in the result.
    element, edge : str, optional
        Checked against the bundle's when given.
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
    SpectrumError
        If it is not a usable spectrum of the bundle's edge.
    BundleError
        If the bundle cannot be loaded or run.
    """
    spectrum = Spectrum(
        energy=np.asarray(energy, dtype=np.float64),
        mu=np.asarray(mu, dtype=np.float64),
        label=label,
        element=element,
        edge=edge,
    )
    (result,) = predict_many(
        [spectrum], bundle=bundle, normalized=normalized, level=level, force=force, threads=threads
    )
    if isinstance(result, XnetError):
        raise result
    return result


def predict_normalized(
    spectrum: NormalizedSpectrum,
    *,
    bundle: Bundle | None = None,
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
    bundle = load_bundle() if bundle is None else bundle
    inputs = prepare_normalized(spectrum, bundle, label=label, mu_source=mu_source)
    (result,) = interpret([inputs], bundle, level=level, force=force, threads=threads)
    return result
