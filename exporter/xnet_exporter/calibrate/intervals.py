"""Calibrate a bundle: intervals, expected errors, the domain and the verdict.

The training compositions are split into five parts; for three of them, an
ensemble like the bundle's own is trained on the other four and run on the part
left out. What it gets wrong there, on spectra as calculated and on spectra made
to look measured, is what a user must expect. The held-out compositions of the
bundle are not touched: they test the calibration (`xnet_exporter.evaluate.evaluation`).
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.bundle.load import Bundle, load_bundle, read_verified
from xnet_onnx.bundle.statistics import (
    STATISTICS_VERSION,
    Calibration,
    Domain,
    parse_calibration,
    parse_domain,
)
from xnet_onnx.errors import DataSetError, XnetError
from xnet_onnx.inference.ensemble import run_with_features
from xnet_onnx.inference.peaks import curves_of, first_peaks, peak_positions
from xnet_onnx.inference.sensitivity import measure_sensitivity, perturb
from xnet_onnx.pipeline import predict_many
from xnet_onnx.spectrum import EnergyAxis, FloatArray
from xnet_onnx.uncertainty.domain import domain_of
from xnet_onnx.uncertainty.intervals import G2_RESOLUTION, RESOLUTION, Evidence, band_scale, evidence_of

from ..data.measured import measured_references
from ..data.sets import Row, read_training_set, select_axis
from ..export.bundle import read_card, write_card
from ..train.networks import Ensemble
from ..train.presets import preset_from_dict
from ..train.run import load_run, train
from .domain import domain_inputs, fit_domain

__all__ = ["Observations", "calibrate", "fit_calibration", "observe"]

PARTS, USED = 5, 3
DRAWS = 2
CHUNK = 256
WIDENING_LEVEL = 0.9
#: Where first shells end, in Angstrom.
FIRST_SHELL_REGION = 2.5
RAMP = 0.25
LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
#: Half widths of the 90 % first-shell interval, in Angstrom, up to which confidence is high, medium.
HIGH, MEDIUM = 0.1, 0.25
#: Movement of the first shell under a shift or broadening, in Angstrom, from which confidence is low.
UNSTABLE = 0.1


@dataclass(frozen=True, eq=False)
class Observations:
    """Predictions for left-out spectra beside the truth.

    Parameters
    ----------
    evidence : Evidence
        Of n predictions.
    sigma, error : ndarray of float64, shape (n, k)
        Of G2; the error is prediction minus truth.
    shell_error : ndarray of float64, shape (n,)
        Of the first-shell distance in Angstrom, absolute; NaN without a peak.
    """

    evidence: Evidence
    sigma: FloatArray
    error: FloatArray
    shell_error: FloatArray


def observe(
    ensemble: Ensemble,
    inputs: npt.NDArray[np.float32],
    targets: FloatArray,
    domain: Domain,
    axis: EnergyAxis,
    r: FloatArray,
) -> Observations:
    """Run an ensemble on left-out spectra, perturbed copies included.

    Parameters
    ----------
    ensemble : Ensemble
    inputs : ndarray of float32, shape (n, axis.count)
    targets : ndarray of float64, shape (n, k)
    domain : Domain
    axis : EnergyAxis
    r : ndarray of float64, shape (k,)

    Returns
    -------
    Observations
    """
    parts = []
    true = first_peaks(r, targets)
    for start in range(0, len(inputs), CHUNK):
        part, target = inputs[start : start + CHUNK], targets[start : start + CHUNK]
        copies = perturb(part, axis)
        with torch.no_grad():
            own = ensemble(torch.from_numpy(part)).double().numpy()
            moved = ensemble.member(0)(torch.from_numpy(copies.reshape(-1, axis.count))).double().numpy()
        shell_moved, curve_moved = measure_sensitivity(
            r, own[:, 0], moved.reshape(len(part), copies.shape[1], r.size)
        )
        curves = curves_of(r, own)
        score = domain_of(domain, axis, part, None).input_score
        parts.append(
            Observations(
                evidence_of(curves, shell_moved, curve_moved, score),
                curves.sigma,
                curves.mean - target,
                np.abs(curves.first_shell - true[start : start + CHUNK]),
            )
        )
    return _join(parts)


def _join(parts: list[Observations]) -> Observations:
    """Observations one after the other."""
    evidence = Evidence(
        *(
            np.concatenate([getattr(part.evidence, field.name) for part in parts])
            for field in dataclasses.fields(Evidence)
        )
    )
    return Observations(
        evidence,
        np.concatenate([part.sigma for part in parts]),
        np.concatenate([part.error for part in parts]),
        np.concatenate([part.shell_error for part in parts]),
    )


def _quantiles(values: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Conformal quantiles along the first axis: the ceil((n + 1) q)-th smallest of n."""
    ordered = np.sort(values, axis=0)
    n = len(ordered)
    ranks = [min(n, int(np.ceil((n + 1) * level))) - 1 for level in levels]
    return np.asarray(ordered[ranks], dtype=np.float64)


def _fit_logarithm(regressors: FloatArray, target: FloatArray) -> FloatArray:
    """Least squares of the logarithm, with a touch of ridge."""
    gram = regressors.T @ regressors + 1e-3 * len(target) * np.diag([0.0] + [1.0] * (regressors.shape[1] - 1))
    return np.asarray(np.linalg.solve(gram, regressors.T @ target), dtype=np.float64)


def fit_calibration(seen: Observations) -> dict[str, Any]:
    """Fit the constants of `xnet_onnx.uncertainty.intervals.Calibration`.

    Parameters
    ----------
    seen : Observations

    Returns
    -------
    dict
        ``calibration`` of ``bundle.json``, without widening.
    """
    mse = (seen.error**2).mean(axis=1)
    for_mse = seen.evidence.for_mse()
    mse_coefficients = _fit_logarithm(for_mse, np.log(mse + G2_RESOLUTION))
    # The exponential of a mean logarithm is a median; scale it to the mean.
    mse_coefficients[0] += np.log(mse.mean() / np.exp(for_mse @ mse_coefficients).mean())
    typical = float(np.median(mse))
    floor = np.median(np.abs(seen.error), axis=0) + G2_RESOLUTION
    difficulty = np.exp(for_mse @ mse_coefficients) / typical
    scale = band_scale(seen.sigma, floor, difficulty)
    tails = tuple(0.5 * (1.0 + level) for level in LEVELS)
    band_upper = np.maximum(0.0, _quantiles(-seen.error / scale, tails))
    band_lower = np.maximum(0.0, _quantiles(seen.error / scale, tails))
    with_shell = np.isfinite(seen.shell_error)
    shell_error = seen.shell_error[with_shell]
    for_shell = seen.evidence.for_shell()[with_shell]
    shell_coefficients = _fit_logarithm(for_shell, np.log(shell_error + RESOLUTION))
    ratio = shell_error / np.exp(for_shell @ shell_coefficients)
    return {
        "levels": list(LEVELS),
        "band_lower": np.round(band_lower, 5).tolist(),
        "band_upper": np.round(band_upper, 5).tolist(),
        "floor": np.round(floor, 6).tolist(),
        "typical_mse": round(typical, 6),
        "shell": np.round(_quantiles(ratio, LEVELS), 5).tolist(),
        "shell_coefficients": np.round(shell_coefficients, 6).tolist(),
        "mse_coefficients": np.round(mse_coefficients, 6).tolist(),
        "lower_widening": [1.0] * seen.error.shape[1],
        "upper_widening": [1.0] * seen.error.shape[1],
        "shell_widening": 1.0,
        "high": HIGH,
        "medium": MEDIUM,
        "unstable": UNSTABLE,
        "spectra": len(seen.error),
        "method": f"cross-validation over {USED} of {PARTS} parts of the training compositions",
    }


def calibrate(path: Path, folder: Path, work: Path, measured: Path | None = None) -> Calibration:
    """Calibrate a bundle and write the result into its ``bundle.json`` and card.

    Parameters
    ----------
    path : Path
        The bundle's folder.
    folder : Path
        The training set it was made from.
    work : Path
        Where the ensembles of the cross-validation go; what is there already is
        used, and an interrupted one is gone on with.
    measured : Path, optional
        Folder of measured spectra with ``index.csv`` and ``references.extxyz``:
        where the intervals are too narrow for these, they are widened.

    Returns
    -------
    Calibration

    Raises
    ------
    DataSetError
        If the training set is not the one of the bundle.
    """
    bundle = load_bundle(path)
    record = json.loads(read_verified(path, "training.json", bundle.card))
    if "preset" not in record:
        raise DataSetError(
            f"{path} keeps no record of its training; expected a bundle made by xnet-onnx train and export"
        )
    data = read_training_set(folder)
    if data.sha256 != record["set"]["sha256"]:
        raise DataSetError(
            f"{folder} is not the training set of {bundle.title} ({record['set']['name']}); give that one, "
            "or train again"
        )
    preset, seed = preset_from_dict(record["preset"]), int(record["seed"])
    covered, origins = select_axis(data, preset.axis)
    index = {row.id: i for i, row in enumerate(covered.rows)}

    def rows_of(ids: list[str]) -> tuple[list[Row], FloatArray]:
        chosen = [index[i] for i in ids]
        return [covered.rows[i] for i in chosen], origins[chosen]

    def features_of(
        inputs: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32] | None:
        parts = [
            run_with_features(bundle, inputs[i : i + CHUNK], absorbers[i : i + CHUNK])[1]
            for i in range(0, len(inputs), CHUNK)
        ]
        found = [part for part in parts if part is not None]
        return np.concatenate(found) if found else None

    domain_value = fit_domain(*rows_of(record["training"]), preset, features_of, seed)
    domain = parse_domain(domain_value, preset.axis.count)
    parts: list[Observations] = []
    for k in range(USED):
        out = work / f"fold_{k}_of_{PARTS}"
        if not (out / "run.json").is_file():
            train(
                folder,
                out,
                preset,
                members=record["members"],
                seed=seed,
                epochs=preset.epochs,
                fold=(k, PARTS),
                resume=out.exists(),
            )
        run = load_run(out)
        for key in ("set", "preset", "members", "seed"):
            if run.record[key] != record[key]:
                raise DataSetError(
                    f"{out} was trained with another {key} than {bundle.title}; choose another folder"
                )
        left_out, at = rows_of(run.record["held_out"])
        inputs = domain_inputs(left_out, at, preset, seed + 1 + k, DRAWS)
        targets = np.stack([row.g2 for row in left_out])
        targets = np.tile(targets, (len(inputs) // len(targets), 1))
        parts.append(observe(run.ensemble, inputs, targets, domain, preset.axis, bundle.r))
    seen = _join(parts)
    value = fit_calibration(seen)
    _write(path, bundle, value, domain_value)
    if measured is not None:
        value |= _widening(load_bundle(path), measured)
        _write(path, bundle, value, domain_value)
    return parse_calibration(value, bundle.r.size)


def _widening(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Factors that make the 90 % intervals hold on measured spectra of known structure.

    Each phase counts once, however often it was measured. A factor is at least 1.
    """
    shell: list[tuple[str, float]] = []
    below: list[tuple[str, FloatArray]] = []
    above: list[tuple[str, FloatArray]] = []
    assert bundle.calibration is not None
    for item in measured_references(folder):
        (result,) = predict_many([item.spectrum], bundle=bundle, force=True)
        if isinstance(result, XnetError):
            continue
        assert result.lower is not None
        assert result.upper is not None
        error = item.g2 - result.mean
        above.append((item.phase, error / np.maximum(result.upper - result.mean, G2_RESOLUTION)))
        # Where the band ends at zero, nothing can lie below it.
        room = result.lower > 0.0
        reach = np.maximum(result.mean - result.lower, G2_RESOLUTION)
        below.append((item.phase, np.where(room, -error / reach, 0.0)))
        found, truth = result.first_shell, peak_positions(bundle.r, item.g2)
        if found is not None and found.upper is not None and truth:
            shell.append((item.phase, abs(found.r - truth[0][0]) / (found.upper - found.r)))
    return {
        "shell_widening": max(1.0, round(_weighted_quantile(shell, WIDENING_LEVEL), 3)),
        "lower_widening": _by_region(below, bundle.r).tolist(),
        "upper_widening": _by_region(above, bundle.r).tolist(),
        "widening_spectra": len(above),
        "widening_phases": len({phase for phase, _ in above}),
    }


def _by_region(pairs: list[tuple[str, FloatArray]], r: FloatArray) -> FloatArray:
    """A factor for the first shell's region and one for what lies beyond, at each r, with a ramp between."""
    tail = 0.5 * (1.0 + WIDENING_LEVEL)
    factors = []
    for region in (r <= FIRST_SHELL_REGION, r > FIRST_SHELL_REGION):
        inside = [(phase, ratio[region]) for phase, ratio in pairs]
        factors.append(max(1.0, round(_weighted_quantile(inside, tail), 3)))
    ramp = (FIRST_SHELL_REGION - RAMP, FIRST_SHELL_REGION + RAMP)
    return np.round(np.interp(r, ramp, factors), 4)


def _weighted_quantile(pairs: Sequence[tuple[str, float | FloatArray]], level: float) -> float:
    """Quantile of ratios in which every phase has the same weight."""
    values, weights = [], []
    count = Counter(phase for phase, _ in pairs)
    for phase, ratio in pairs:
        flat = np.atleast_1d(ratio)
        values.append(flat)
        weights.append(np.full(flat.size, 1.0 / (count[phase] * flat.size)))
    joined, weight = np.concatenate(values), np.concatenate(weights)
    order = np.argsort(joined)
    cumulative = np.cumsum(weight[order]) / weight.sum()
    return float(joined[order][np.searchsorted(cumulative, level - 1e-9)])


def _write(path: Path, bundle: Bundle, calibration: dict[str, Any], domain: dict[str, Any]) -> None:
    card = read_card(path)
    card.update(calibration=calibration, domain=domain, statistics_version=STATISTICS_VERSION, metrics=None)
    write_card(path, card)
