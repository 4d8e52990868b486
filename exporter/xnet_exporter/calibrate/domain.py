"""Fit the statistics of the training spectra that `xnet_onnx.uncertainty.domain` compares with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.bundle.statistics import Gaussian, Space
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.preprocess.rise import falls_again
from xnet_onnx.spectrum import EnergyAxis, FloatArray
from xnet_onnx.uncertainty.domain import FLAT_TOP, describe, flat_top_widths, smoothed

from ..data.sets import Row
from ..train.augment import augment, spectrum_bank
from ..train.presets import Preset
from .distortions import (
    arctangent,
    broadened_input,
    drawn_curves,
    flattened,
    realigned,
    self_absorbed,
)

__all__ = ["aligned_inputs", "domain_inputs", "fit_domain", "fit_space", "undamaged"]

COMPONENTS = 25
FEATURE_COMPONENTS = 16
DRAWS = 4
#: Spectra that are counted from a pre-edge peak are few: they have fewer components and more draws, and
#: statistics of their own, and of an artefact, where there are so many of them.
PEAKED_COMPONENTS, PEAKED_DRAWS, PEAKED_SPECTRA, PEAKED_INPUTS = 16, 20, 40, 500
#: Share of good training spectra above the threshold of each look, and outside each descriptor's range.
ALARM = 0.002
#: The same for a named doubt: spoilt spectra lie close to good ones, and missing one is worse.
ARTEFACT_ALARM = 0.01
#: Measured spectra differ from calculated ones in ways that are no fault: they may be this much
#: further out than the threshold of theory.
MEASURED_MARGIN = 2.0
#: The same for artefacts that only measured spectra can have; so large that none of the measured references
#: of known structure is taken for one.
ARTEFACT_MARGIN = 1.6
DAMPED = (
    "The spectrum looks damped, as by self-absorption in fluorescence: the white line and the structure "
    "above the edge are too weak for this edge."
)
FLAT = (
    "The structure above the edge is flattened towards 1: self-absorption, a thick or uneven sample, or a "
    "saturated detector?"
)
#: Ranges of a in mu / (1 + a mu), and of the factor on the structure above the edge. Narrow ranges
#: make better distributions than one wide one.
SELF_ABSORPTION = (
    ("self_absorption_1", 0.7, 1.5),
    ("self_absorption_2", 1.5, 3.5),
    ("self_absorption_3", 3.5, 9.0),
)
FLATTENED = (("flattened_1", 0.4, 0.6), ("flattened_2", 0.2, 0.4))
#: Ranges of the height, in edge steps, and place, in eV above the edge, of another element's edge.
SECOND_EDGE = (("second_edge_1", 4.0, 20.0), ("second_edge_2", 20.0, 38.0))
SECOND_EDGE_HEIGHT = (0.15, 0.5)
#: Range of the height, in edge steps, at which a saturated detector cuts a spectrum off.
CLIPPED = (0.97, 1.1)
#: No top is called flat that is narrower, in eV.
FLAT_TOP_LEAST = 3.0
#: Range of the broadening, FWHM in eV, that no beamline has.
OVER_BROADENED = (9.0, 14.0)
WITH_MARGIN = (*(name for name, _, _ in SECOND_EDGE), "clipped", "drawn")
SECOND = "The spectrum rises again above its edge: another element's edge, or scans glued with an offset?"
REASONS = {
    **dict.fromkeys((name for name, _, _ in SELF_ABSORPTION), DAMPED),
    **dict.fromkeys((name for name, _, _ in FLATTENED), FLAT),
    **dict.fromkeys((name for name, _, _ in SECOND_EDGE), SECOND),
    "clipped": FLAT_TOP,
    "drawn": "The spectrum looks like a model curve, a step with a few peaks, not like one of a compound.",
    "over_broadened": "The spectrum is far more broadened than any beamline would: poor energy resolution, "
    "or was it smoothed?",
    "shifted": "The edge is not where the model, on its absolute energy axis, knows it: is the monochromator "
    "calibrated?",
}


def domain_inputs(
    rows: list[Row], origins: FloatArray, preset: Preset, seed: int, draws: int = DRAWS
) -> npt.NDArray[np.float32]:
    """Good model inputs: the spectra as calculated, and made to look measured.

    Parameters
    ----------
    rows : list of Row, length n
    origins : ndarray of float64, shape (n,)
        Edge positions in eV.
    preset : Preset
    seed : int
    draws : int
        Augmented copies of each; none for a preset without augmentation.

    Returns
    -------
    ndarray of float32, shape (n * (1 + draws), axis.count)
        The spectra as calculated first.
    """
    axis = preset.axis
    plain = np.stack([align_one(row.energy, row.mu, axis)[0] for row in rows])
    if preset.augmentation is None or not draws:
        return plain
    bank = torch.from_numpy(spectrum_bank(rows, origins, axis, preset.augmentation, seed))
    generator = torch.Generator().manual_seed(seed)
    every = torch.arange(len(rows))
    drawn = [augment(bank, every, axis, preset.augmentation, generator).numpy() for _ in range(draws)]
    return np.concatenate([plain, *drawn])


def aligned_inputs(
    rows: list[Row],
    origins: FloatArray,
    preset: Preset,
    seed: int,
    draws: int = DRAWS,
) -> npt.NDArray[np.float32]:
    """`domain_inputs` aligned as the runtime would: no error of the edge position, and noise after all else.

    Statistics of spectra that are not would tell good ones from spoilt ones, which are, by that alone.

    Parameters
    ----------
    rows : list of Row, length n
    origins : ndarray of float64, shape (n,)
    preset : Preset
    seed : int
    draws : int

    Returns
    -------
    ndarray of float32, shape (n * (1 + draws), axis.count)
    """
    values = domain_inputs(rows, origins, _quiet(preset), seed, draws)
    if preset.augmentation is None:
        return values
    aligned, kept = realigned(values.astype(np.float64), preset.axis)
    values[kept] = aligned
    return _noisy(values, preset, np.random.default_rng([seed, 10]))


def undamaged(preset: Preset) -> Preset:
    """The preset without damage: what is damaged is not good, though the networks are trained to bear it."""
    if preset.augmentation is None:
        return preset
    return replace(preset, augmentation=replace(preset.augmentation, damage=0.0))


def fit_domain(
    rows: list[Row],
    origins: FloatArray,
    preset: Preset,
    features_of: Callable[[npt.NDArray[np.float32], npt.NDArray[np.int64]], npt.NDArray[np.float32] | None],
    seed: int,
) -> dict[str, Any]:
    """Fit everything in `xnet_onnx.uncertainty.domain.Domain`.

    Parameters
    ----------
    rows : list of Row
        The training spectra of the bundle.
    origins : ndarray of float64, shape (n,)
    preset : Preset
    features_of : callable
        Model inputs to the features of the bundle's network, or None.
    seed : int

    Returns
    -------
    dict
        ``domain`` of ``bundle.json``.
    """
    preset = undamaged(preset)
    axis = preset.axis
    rng = np.random.default_rng([seed, 5])
    good = aligned_inputs(rows, origins, preset, seed)
    spoilt = _distorted(rows, origins, preset, rng, seed)
    peaked = falls_again(good, axis)
    some = np.flatnonzero(peaked.reshape(-1, len(rows)).any(axis=0))
    own, others = None, good
    if axis.kind == "edge" and some.size >= PEAKED_SPECTRA:
        few, at = [rows[i] for i in some], origins[some]
        more = aligned_inputs(few, at, preset, seed + 2, draws=PEAKED_DRAWS)
        theirs = _distorted(few, at, preset, rng, seed + 2, draws=PEAKED_DRAWS)
        own = _statistics_json(
            more[falls_again(more, axis)],
            {
                name: values[falls]
                for name, values in theirs.items()
                # Their own main rise lies where a second edge would.
                if name != SECOND_EDGE[0][0]
                and np.count_nonzero(falls := falls_again(values, axis)) >= PEAKED_INPUTS
            },
            axis,
            PEAKED_COMPONENTS,
        )
        others = good[~peaked]
        spoilt = {name: values[~falls_again(values, axis)] for name, values in spoilt.items()}
    value: dict[str, Any] = {
        "alarm": ALARM,
        "artefact_alarm": ARTEFACT_ALARM,
        "inputs": _statistics_json(others, spoilt, axis, COMPONENTS),
        "peaked": own,
        "features": None,
        "properties": [],
        "flat_top": _flat_top_json(domain_inputs(rows, origins, preset, seed, draws=0), axis),
    }
    absorbers = np.array([row.absorber for row in rows], dtype=np.int64)
    features = features_of(good, np.tile(absorbers, len(good) // len(rows)))
    if features is not None:
        feature_space = fit_space(features, FEATURE_COMPONENTS)
        projected, _ = feature_space.project(features.astype(np.float64))
        value["features"] = _space_json(feature_space) | _scale_json(
            np.sqrt(np.mean(projected**2, axis=1)), margin=MEASURED_MARGIN
        )
    for name, values in describe(good, axis).items():
        low, high = np.quantile(values, [ALARM, 1 - ALARM])
        value["properties"].append({"name": name, "low": _short(low), "high": _short(high)})
    return value


def _flat_top_json(plain: npt.NDArray[np.float32], axis: EnergyAxis) -> dict[str, float]:
    """Fit how wide tops are; without noise, where they are at their flattest."""
    scale = _scale_json(flat_top_widths(plain, axis), margin=MEASURED_MARGIN)
    return scale | {"threshold": max(scale["threshold"], FLAT_TOP_LEAST)}


def _statistics_json(
    good: npt.NDArray[np.float32],
    spoilt: dict[str, npt.NDArray[np.float32]],
    axis: EnergyAxis,
    components: int,
) -> dict[str, Any]:
    """Fit what `xnet_onnx.bundle.statistics.InputStatistics` holds."""
    smooth = smoothed(good, axis)
    space = fit_space(smooth, components)
    scores, residual = space.project(smooth)
    valid = _fit_gaussian(scores)
    artefacts = []
    for name, inputs in spoilt.items():
        gaussian = _fit_gaussian(space.project(smoothed(inputs, axis))[0])
        ratio = gaussian.log_density(scores) - valid.log_density(scores)
        artefacts.append(
            {"name": name, "reason": REASONS[name]}
            | _gaussian_json(gaussian)
            | _scale_json(ratio, ARTEFACT_ALARM, ARTEFACT_MARGIN if name in WITH_MARGIN else 1.0)
        )
    return {
        "space": _space_json(space),
        "distance": _scale_json(np.sqrt(np.mean(scores**2, axis=1)), margin=MEASURED_MARGIN),
        "residual": _scale_json(residual, margin=MEASURED_MARGIN),
        "valid": _gaussian_json(valid),
        "artefacts": artefacts,
    }


def _distorted(
    rows: list[Row],
    origins: FloatArray,
    preset: Preset,
    rng: np.random.Generator,
    seed: int,
    draws: int = 2,
) -> dict[str, npt.NDArray[np.float32]]:
    """Good spectra spoilt in the ways we have names for; noise comes after, as in a measurement."""
    axis, augmentation = preset.axis, preset.augmentation
    some = domain_inputs(rows, origins, _quiet(preset), seed + 1, draws).astype(np.float64)
    found = {}
    for name, low, high in SELF_ABSORPTION:
        strength = rng.uniform(low, high, size=(len(some), 1))
        found[name] = realigned(self_absorbed(some, strength), axis)[0]
    for name, low, high in FLATTENED:
        factor = rng.uniform(low, high, size=(len(some), 1))
        found[name] = realigned(flattened(some, axis, factor), axis)[0]
    energy = axis.from_edge()
    for name, low, high in SECOND_EDGE:
        height = rng.uniform(*SECOND_EDGE_HEIGHT, size=(len(some), 1))
        found[name] = realigned(
            some + height * arctangent(energy - rng.uniform(low, high, size=(len(some), 1))), axis
        )[0]
    found["clipped"] = realigned(np.minimum(some, rng.uniform(*CLIPPED, size=(len(some), 1))), axis)[0]
    found["drawn"] = realigned(drawn_curves(energy, len(some), rng), axis)[0]
    broadened = []
    ramp = np.clip(axis.from_edge() / axis.from_edge()[-1], 0.0, None) * (augmentation is not None)
    for row in rows:
        values = broadened_input(row, axis, float(rng.uniform(*OVER_BROADENED)))
        if augmentation is not None:
            values = values * (1.0 + augmentation.slope * rng.normal() * ramp)
        broadened.append(values)
    found["over_broadened"] = np.array(broadened, dtype=np.float32)
    if axis.kind == "absolute":
        shifts = rng.choice([-1.0, 1.0], size=len(rows)) * rng.uniform(6.0, 20.0, size=len(rows))
        found["shifted"] = np.array(
            [
                np.interp(axis.energies(), row.energy + shift, row.mu)
                for row, shift in zip(rows, shifts, strict=True)
            ],
            dtype=np.float32,
        )
    return {name: _noisy(spectra, preset, rng) for name, spectra in found.items()}


def _quiet(preset: Preset) -> Preset:
    """The preset without noise, misfit and errors of the edge's position: what is measured is aligned."""
    if preset.augmentation is None:
        return preset
    return replace(preset, augmentation=replace(preset.augmentation, shift=0.0, noise=0.0, misfit=0.0))


def _noisy(
    spectra: npt.NDArray[np.float32], preset: Preset, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """With noise, which comes after all else."""
    augmentation = preset.augmentation
    if augmentation is None:
        return spectra
    level = augmentation.noise * rng.uniform(size=(len(spectra), 1))
    return (spectra + level * rng.normal(size=spectra.shape)).astype(np.float32)


def fit_space(values: npt.NDArray[Any], count: int) -> Space:
    """Fit principal components.

    Parameters
    ----------
    values : ndarray, shape (m, n)
    count : int
        Number of components; fewer where the values do not vary in as many ways.

    Returns
    -------
    Space
    """
    data = values.astype(np.float64)
    centre = data.mean(axis=0)
    covariance = np.cov(data - centre, rowvar=False)
    eigenvalues, vectors = np.linalg.eigh(covariance)
    count = min(count, int(np.count_nonzero(eigenvalues > 1e-9 * eigenvalues[-1])))
    components = vectors[:, ::-1][:, :count].T
    # The sign of an eigenvector is arbitrary; fix it, for the same bytes on every run.
    components *= np.sign(components[np.arange(count), np.abs(components).argmax(axis=1)])[:, np.newaxis]
    return Space(centre, components, np.sqrt(eigenvalues[::-1][:count]))


def _fit_gaussian(scores: FloatArray) -> Gaussian:
    covariance = np.cov(scores, rowvar=False) + 1e-4 * np.eye(scores.shape[1])
    _, log_det = np.linalg.slogdet(covariance)
    precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    return Gaussian(scores.mean(axis=0), precision, float(log_det))


def _short(values: Any) -> Any:
    """Numbers with seven digits, as nested lists."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        # What is zero but for rounding, such as a mean of scores, is written as zero.
        return float(f"{round(float(array), 10):.7g}")
    return [_short(item) for item in array]


def _space_json(space: Space) -> dict[str, Any]:
    return {
        "centre": _short(space.centre),
        "components": _short(space.components),
        "scale": _short(space.scale),
    }


def _gaussian_json(gaussian: Gaussian) -> dict[str, Any]:
    return {
        "mean": _short(gaussian.mean),
        "precision": _short(gaussian.precision),
        "log_det": _short(gaussian.log_det),
    }


def _scale_json(values: FloatArray, alarm: float = ALARM, margin: float = 1.0) -> dict[str, float]:
    median, quantile = float(np.median(values)), float(np.quantile(values, 1 - alarm))
    return {"median": _short(median), "threshold": _short(median + margin * (quantile - median))}
