"""Fit the statistics of the training spectra that `xnet_onnx.domain` compares with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.domain import Gaussian, Scale, Space, describe
from xnet_onnx.errors import XnetError
from xnet_onnx.resampling import EnergyAxis, half_step_energy, resample
from xnet_onnx.spectrum import FloatArray

from .augment import augment, broaden, spectrum_bank
from .datasets import Row
from .presets import Preset

__all__ = ["domain_inputs", "fit_domain"]

COMPONENTS = 25
FEATURE_COMPONENTS = 16
DRAWS = 4
#: Share of good training spectra above the threshold of each look, and outside each descriptor's range.
ALARM = 0.002
REASONS = {
    "self_absorption": "The spectrum looks damped, as by self-absorption in fluorescence: the white line and "
    "the structure above the edge are too weak for this edge.",
    "flattened": "The structure above the edge is flattened towards 1: self-absorption, a thick or uneven "
    "sample, or a saturated detector?",
    "over_broadened": "The spectrum is far more broadened than any beamline would: poor energy resolution, "
    "or was it smoothed?",
}


def domain_inputs(
    rows: list[Row], origins: FloatArray, preset: Preset, seed: int, draws: int = DRAWS
) -> npt.NDArray[np.float32]:
    """Good model inputs: the spectra as calculated, and made to look measured.

    Parameters
    ----------
    rows : list of Row, length n
    origins : ndarray of float64, shape (n,)
        Half-step energies in eV.
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
    plain = np.stack(
        [resample(row.energy, row.mu, axis, origin) for row, origin in zip(rows, origins, strict=True)]
    )
    if preset.augmentation is None:
        return plain
    bank = torch.from_numpy(spectrum_bank(rows, origins, axis, preset.augmentation, seed))
    generator = torch.Generator().manual_seed(seed)
    every = torch.arange(len(rows))
    drawn = [augment(bank, every, axis, preset.augmentation, generator).numpy() for _ in range(draws)]
    return np.concatenate([plain, *drawn])


def fit_domain(
    rows: list[Row],
    origins: FloatArray,
    preset: Preset,
    features_of: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32] | None],
    seed: int,
) -> dict[str, Any]:
    """Fit everything in `xnet_onnx.domain.Domain`.

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
    axis = preset.axis
    rng = np.random.default_rng([seed, 5])
    good = domain_inputs(rows, origins, preset, seed)
    space = _fit_space(good, COMPONENTS)
    scores, residual = space.project(good.astype(np.float64))
    valid = _fit_gaussian(scores)
    value: dict[str, Any] = {
        "alarm": ALARM,
        "space": _space_json(space),
        "distance": _scale_json(np.sqrt(np.mean(scores**2, axis=1))),
        "residual": _scale_json(residual),
        "valid": _gaussian_json(valid),
        "doubts": [],
        "features": None,
        "descriptors": [],
    }
    for name, spoilt in _spoilt(good, rows, preset, rng).items():
        gaussian = _fit_gaussian(space.project(spoilt.astype(np.float64))[0])
        ratio = gaussian.log_density(scores) - valid.log_density(scores)
        value["doubts"].append(
            {"name": name, "reason": REASONS[name]} | _gaussian_json(gaussian) | _scale_json(ratio)
        )
    features = features_of(good)
    if features is not None:
        feature_space = _fit_space(features, FEATURE_COMPONENTS)
        projected, _ = feature_space.project(features.astype(np.float64))
        value["features"] = _space_json(feature_space) | _scale_json(np.sqrt(np.mean(projected**2, axis=1)))
    for name, values in describe(good, axis).items():
        low, high = np.quantile(values, [ALARM, 1 - ALARM])
        value["descriptors"].append({"name": name, "low": _short(low), "high": _short(high)})
    return value


def _spoilt(
    good: npt.NDArray[np.float32], rows: list[Row], preset: Preset, rng: np.random.Generator
) -> dict[str, npt.NDArray[np.float32]]:
    """Good spectra spoilt in the ways we have names for."""
    axis = preset.axis
    some = good[::3].astype(np.float64)
    strength = rng.uniform(1.0, 4.0, size=(len(some), 1))
    # Fluorescence of a thick sample: mu / (1 + a mu), normalised again.
    damped = some * (1.0 + strength) / (1.0 + strength * some)
    factor = rng.uniform(0.2, 0.5, size=(len(some), 1))
    flattened = np.where(some > 1.0, 1.0 + factor * (some - 1.0), some)
    above = axis.energies() > (2.0 if axis.kind == "edge" else axis.first + 12.0)
    flattened = np.where(above, 1.0 + factor * (some - 1.0), flattened)
    broadened = []
    ramp = np.clip(np.linspace(-0.2, 1.0, axis.count), 0.0, None)
    for row in rows:
        energy, mu = broaden(row.energy, row.mu, float(rng.uniform(7.0, 10.0)))
        origin = half_step_energy(energy, mu) if axis.kind == "edge" else 0.0
        values = np.interp(axis.energies(origin), energy, mu)
        augmentation = preset.augmentation
        if augmentation is not None:
            values = values * (
                1.0 + augmentation.scale * rng.normal() + augmentation.slope * rng.normal() * ramp
            )
            values = values + augmentation.noise * rng.uniform() * rng.normal(size=axis.count)
        broadened.append(values)
    return {
        "self_absorption": _align(damped, axis),
        "flattened": _align(flattened, axis),
        "over_broadened": np.array(broadened, dtype=np.float32),
    }


def _align(spectra: FloatArray, axis: EnergyAxis) -> npt.NDArray[np.float32]:
    """Shift spoilt spectra back to their own half-step energy, as the runtime would."""
    if axis.kind != "edge":
        return spectra.astype(np.float32)
    energy = axis.energies()
    aligned = []
    for values in spectra:
        try:
            origin = half_step_energy(energy, values)
        except XnetError:
            continue
        aligned.append(np.interp(energy + origin, energy, values))
    return np.array(aligned, dtype=np.float32)


def _fit_space(values: npt.NDArray[np.float32], count: int) -> Space:
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
        return float(f"{float(array):.7g}")
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


def _scale_json(values: FloatArray) -> dict[str, float]:
    scale = Scale(float(np.median(values)), float(np.quantile(values, 1 - ALARM)))
    return {"median": _short(scale.median), "threshold": _short(scale.threshold)}
