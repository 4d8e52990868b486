"""The whole road for one spectrum or many, as the API, the CLI and Larch use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .bundle import Bundle, load_bundle
from .calibration import Evidence
from .confidence import VERDICT_LEVEL, Confidence, judge
from .domain import domain_of
from .ensemble import run_ensemble, run_with_features
from .errors import XnetError
from .identity import check_edge, check_identity
from .interpret import FirstShell, Peak, find_peaks, first_shell
from .normalization import as_normalized, normalize
from .resampling import half_step_energy, resample
from .spectrum import FloatArray, NormalizedSpectrum, Spectrum
from .stability import Stability, measure_stability, perturb

__all__ = [
    "DEFAULT_LEVEL",
    "ModelInput",
    "Prediction",
    "evidence_of",
    "interpret",
    "predict",
    "predict_many",
    "predict_normalized",
    "prepare",
    "prepare_normalized",
]

DEFAULT_LEVEL = 0.9


@dataclass(frozen=True, eq=False)
class ModelInput:
    """A spectrum made ready for the network.

    Parameters
    ----------
    label : str
    values : ndarray of float32, shape (axis.count,)
        The network's input.
    energy : ndarray of float64, shape (axis.count,)
        Their photon energies in eV.
    preprocessing : dict
        What was done, in words and numbers (the JSON key of that name).
    warnings : tuple of str
    """

    label: str
    values: npt.NDArray[np.float32]
    energy: FloatArray
    preprocessing: dict[str, Any]
    warnings: tuple[str, ...]


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


def prepare(spectrum: Spectrum, bundle: Bundle, *, normalized: bool = False) -> ModelInput:
    """Take a spectrum as read to the network's input.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle
    normalized : bool
        Take mu as normalised already.

    Returns
    -------
    ModelInput

    Raises
    ------
    SpectrumError
        If it is not a usable spectrum of the bundle's edge.
    """
    check_identity(spectrum, bundle)
    found = (as_normalized if normalized else normalize)(spectrum.energy, spectrum.mu)
    inputs = prepare_normalized(
        found,
        bundle,
        label=spectrum.label,
        mu_source=spectrum.mu_source,
        warnings=spectrum.warnings,
    )
    inputs.preprocessing["energy_shift"] = spectrum.energy_shift
    return inputs


def prepare_normalized(
    normalized: NormalizedSpectrum,
    bundle: Bundle,
    *,
    label: str = "spectrum",
    mu_source: str = "mu as given",
    warnings: tuple[str, ...] = (),
) -> ModelInput:
    """Take a normalised spectrum, Larch's or ours, to the network's input.

    Parameters
    ----------
    normalized : NormalizedSpectrum
    bundle : Bundle
    label, mu_source : str
        For the output.
    warnings : tuple of str
        What was noticed so far.

    Returns
    -------
    ModelInput

    Raises
    ------
    SpectrumError
        If the edge is not the bundle's, or the axis is not covered.
    """
    noticed = check_edge(normalized, bundle)
    axis = bundle.axis
    near = np.abs(normalized.energy - normalized.e0) <= 60.0
    half_step = half_step_energy(normalized.energy[near], normalized.flat[near])
    origin = half_step if axis.kind == "edge" else 0.0
    values = resample(normalized.energy, normalized.flat, axis, origin)
    preprocessing: dict[str, Any] = {
        "mu": mu_source,
        "normalization": normalized.recipe.get("method", "unknown"),
        "e0": normalized.e0,
        "edge_step": normalized.edge_step,
        "half_step_energy": half_step,
        "energy_shift": 0.0,
        "axis": axis.kind,
        "axis_first": axis.first,
        "axis_last": axis.last,
        "axis_count": axis.count,
    }
    preprocessing.update({key: value for key, value in normalized.recipe.items() if key != "method"})
    return ModelInput(
        label=label,
        values=values,
        energy=axis.energies(origin),
        preprocessing=preprocessing,
        warnings=warnings + normalized.warnings + noticed,
    )


def evidence_of(
    peaks: tuple[Peak, ...], members: FloatArray, stability: Stability, domain_score: float
) -> Evidence:
    """What a prediction gives away about its own error.

    Parameters
    ----------
    peaks : tuple of Peak
        From `find_peaks`.
    members : ndarray of float64, shape (m, n)
        G2 of each member.
    stability : Stability
    domain_score : float
        By the model input alone.

    Returns
    -------
    Evidence
        Without a peak, that of a first shell the members do not agree on at all.
    """
    mean = members.mean(axis=0)
    variance = members.var(axis=0, ddof=1) if len(members) > 1 else np.zeros(mean.size)
    return Evidence(
        r_sigma=peaks[0].r_sigma if peaks else 1.0,
        shell_height=peaks[0].height if peaks else 0.0,
        shell_moved=stability.first_shell,
        curve_moved=stability.curve,
        domain_score=domain_score,
        mean_square_sigma=float(variance.mean()),
        mean_square=float((mean**2).mean()),
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
    calibration, domain = bundle.calibration, bundle.domain
    if calibration is None or domain is None:
        outputs = run_ensemble(bundle, values, threads)
        return [_uncalibrated(item, members, bundle) for item, members in zip(inputs, outputs, strict=True)]
    calibration.check_level(level)
    copies = perturb(values, bundle.axis)
    batch = np.concatenate([values, copies.reshape(-1, bundle.axis.count)])
    outputs, features = run_with_features(bundle, batch, threads)
    n = len(values)
    perturbed = outputs[n:].mean(axis=1).reshape(n, copies.shape[1], bundle.r.size)
    scores = domain_of(domain, bundle.axis, values, None if features is None else features[:n])
    results = []
    for i, item in enumerate(inputs):
        members = outputs[i]
        stability = measure_stability(bundle.r, members.mean(axis=0), perturbed[i])
        plain = _uncalibrated(item, members, bundle)
        evidence = evidence_of(plain.peaks, members, stability, scores[i].input_score)
        shell = plain.first_shell
        half = None if shell is None else calibration.shell_half_width(evidence, level)
        confidence = judge(
            calibration,
            scores[i],
            stability,
            half_width=None if shell is None else calibration.shell_half_width(evidence, VERDICT_LEVEL),
            expected_error=None if shell is None else calibration.shell_error(evidence),
            expected_mse=calibration.expected_mse(evidence),
            r_sigma=None if shell is None else shell.r_sigma,
            interval_level=level,
        )
        lower, upper = calibration.band_of(plain.mean, plain.sigma, evidence, level)
        hidden = confidence.level == "outside" and not force
        if shell is not None and half is not None:
            shell = FirstShell(shell.r, shell.r_sigma, max(0.0, shell.r - half), shell.r + half)
        warnings = plain.warnings
        if hidden:
            warnings += (
                "outside the domain of the model: no distance is given (--force, force=True gives it)",
            )
        results.append(
            replace(
                plain,
                lower=lower,
                upper=upper,
                peaks=() if hidden else plain.peaks,
                first_shell=None if hidden else shell,
                confidence=confidence,
                warnings=warnings,
            )
        )
    return results


def _uncalibrated(inputs: ModelInput, members: FloatArray, bundle: Bundle) -> Prediction:
    """A prediction without intervals or verdict."""
    peaks = find_peaks(bundle.r, members)
    shell = first_shell(peaks)
    warnings = inputs.warnings
    if shell is None:
        warnings += ("the predicted curve has no peak: no distance can be read from it",)
    if bundle.calibration is None or bundle.domain is None:
        warnings += (
            "this bundle is not calibrated: sigma is the spread of its members, not an error, and a "
            "spectrum it does not know is not noticed",
        )
    spread = members.std(axis=0, ddof=1) if len(members) > 1 else np.zeros(bundle.r.size)
    return Prediction(
        label=inputs.label,
        model=bundle.title,
        element=bundle.element,
        edge=bundle.edge,
        r=bundle.r,
        members=members,
        mean=members.mean(axis=0),
        sigma=spread,
        lower=None,
        upper=None,
        peaks=peaks,
        first_shell=shell,
        confidence=None,
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
    prepared: list[ModelInput | XnetError] = []
    for spectrum in spectra:
        if isinstance(spectrum, XnetError):
            prepared.append(spectrum)
            continue
        try:
            prepared.append(prepare(spectrum, bundle, normalized=normalized))
        except XnetError as error:
            prepared.append(error)
    inputs = [item for item in prepared if isinstance(item, ModelInput)]
    predictions = iter(interpret(inputs, bundle, level=level, force=force, threads=threads))
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
