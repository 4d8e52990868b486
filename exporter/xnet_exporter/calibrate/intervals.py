"""Calibrate a bundle: intervals, expected errors, the domain and the verdict.

Each member has drawn its training spectra, so about a third of the members has
never seen a spectrum's group (composition, host mineral or refcode). What these
get wrong on it, as calculated and made to look measured, is what a user must
expect; being fewer than all, they err rather a little more. The held-out groups of
the bundle are not touched: they test the calibration (`xnet_exporter.evaluate.evaluation`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from xnet_onnx.bundle.load import Bundle, load_bundle, read_verified
from xnet_onnx.bundle.statistics import (
    STATISTICS_VERSION,
    Calibration,
    Domain,
    parse_calibration,
    parse_domain,
)
from xnet_onnx.errors import DataSetError, XnetError
from xnet_onnx.files import write_bytes
from xnet_onnx.inference.ensemble import run_ensemble, run_with_features
from xnet_onnx.inference.peaks import curves_of, first_peaks
from xnet_onnx.inference.sensitivity import measure_sensitivity, perturb
from xnet_onnx.pipeline import predict_many
from xnet_onnx.spectrum import FloatArray
from xnet_onnx.uncertainty.domain import domain_of
from xnet_onnx.uncertainty.intervals import G2_RESOLUTION, RESOLUTION, Evidence, band_scale, evidence_of
from xnet_onnx.uncertainty.verdict import VERDICT_LEVEL

from ..data.measured import measured_references
from ..data.record import split_rows
from ..data.sets import read_training_sets, select_axis
from ..export.bundle import read_card, write_card
from ..train.presets import preset_from_dict
from ..train.run import unseen_by
from .domain import aligned_inputs, fit_domain
from .nearest import Kept, fit_compounds
from .shell_kinds import fit_shell_kinds, kind_of_shell

__all__ = ["Observations", "calibrate", "fit_calibration", "observe"]

COMPOUNDS = "nearest.npz"
DRAWS = 2
CHUNK = 256
#: Every kind of compound counts the same, however many spectra there are of it, apart from the one that
#: is predicted worst: real molecules in the first shell, minerals in the curve. Chosen by what
#: the 90 % intervals then hold of left-out groups of each kind.
SHELL_SHARES, BAND_SHARES = {"molecule": 4.0}, {"mineral": 2.0}
#: Shares of the typical error and of the curve's level in the units of the bands.
TYPICAL_SHARE, LEVEL_SHARE = 0.1, 1.0
#: Members that must not have seen a spectrum's group for it to be calibrated on.
FEWEST = 3
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
    mean : ndarray of float64, shape (n, k)
        G2 as predicted.
    index : ndarray of int64, shape (n,)
        Which of the spectra given.
    """

    evidence: Evidence
    sigma: FloatArray
    error: FloatArray
    shell_error: FloatArray
    mean: FloatArray
    index: npt.NDArray[np.int64]


def observe(
    bundle: Bundle,
    inputs: npt.NDArray[np.float32],
    absorbers: npt.NDArray[np.int64],
    targets: FloatArray,
    domain: Domain,
    unseen: npt.NDArray[np.bool_],
) -> Observations:
    """Run the members that have not seen a spectrum's group, on perturbed copies too.

    Parameters
    ----------
    bundle : Bundle
    inputs : ndarray of float32, shape (n, axis.count)
    absorbers : ndarray of int64, shape (n,)
        Atomic numbers.
    targets : ndarray of float64, shape (n, k)
    domain : Domain
    unseen : ndarray of bool, shape (n, members)
        Which members to use for each; spectra with fewer than three are left out.

    Returns
    -------
    Observations
        In another order.

    Raises
    ------
    DataSetError
        If no spectrum is left.
    """
    parts = []
    counts = unseen.sum(axis=1)
    for count in range(FEWEST, bundle.members + 1):
        alike = np.flatnonzero(counts == count)
        for start in range(0, alike.size, CHUNK):
            rows = alike[start : start + CHUNK]
            chosen = np.nonzero(unseen[rows])[1].reshape(rows.size, count, 1)
            own = np.take_along_axis(run_ensemble(bundle, inputs[rows], absorbers[rows]), chosen, axis=1)
            # At the user's the first member runs the copies; here the first that has not seen the group.
            copies = perturb(inputs[rows], bundle.axis)
            each = copies.shape[1]
            every = run_ensemble(
                bundle, copies.reshape(-1, bundle.axis.count), np.repeat(absorbers[rows], each)
            )
            moved = np.take_along_axis(every, np.repeat(chosen[:, :1], each, axis=0), axis=1)
            shell_moved, curve_moved = measure_sensitivity(
                bundle.r, own[:, 0], moved.reshape(rows.size, each, bundle.r.size)
            )
            curves = curves_of(bundle.r, own)
            score = domain_of(domain, bundle.axis, inputs[rows], None).input_score
            parts.append(
                Observations(
                    evidence_of(curves, shell_moved, curve_moved, score),
                    curves.sigma,
                    curves.mean - targets[rows],
                    np.abs(curves.first_shell - first_peaks(bundle.r, targets[rows])),
                    curves.mean,
                    rows,
                )
            )
    if not parts:
        raise DataSetError(
            f"none of {len(inputs)} spectra was left out by {FEWEST} of the {bundle.members} members; "
            "expected some to calibrate on: train more members"
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
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.index for part in parts]),
    )


def _quantiles(values: FloatArray, weights: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Conformal quantiles along the first axis: of n values of one weight the ceil((n + 1) q)-th smallest."""
    n = len(values)
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0) * (n / ((n + 1) * weights.sum()))
    found = []
    for level in levels:
        rank = np.minimum((below < level - 1e-12).sum(axis=0), n - 1)
        found.append(np.take_along_axis(values, np.take_along_axis(order, rank[np.newaxis], 0), 0)[0])
    return np.asarray(found, dtype=np.float64)


def _fit_logarithm(regressors: FloatArray, target: FloatArray, weights: FloatArray) -> FloatArray:
    """Least squares of the logarithm, with a touch of ridge."""
    ridge = np.diag([0.0] + [1.0] * (regressors.shape[1] - 1))
    weighted = regressors * weights[:, np.newaxis]
    gram = regressors.T @ weighted + 1e-3 * weights.sum() * ridge
    return np.asarray(np.linalg.solve(gram, weighted.T @ target), dtype=np.float64)


def _fit_quantile(
    regressors: FloatArray, target: FloatArray, weights: FloatArray, level: float
) -> FloatArray:
    """Linear quantile regression: the coefficients below which that share of the weight lies.

    Of the least sum of absolute residuals, weighted `level` above the line and
    1 - `level` below it, as a linear programme in its dual form (Koenker and
    Bassett, Econometrica 46, 33, 1978): a variable a row, a constraint a regressor.
    """
    shares = weights / weights.mean()
    found = linprog(
        -target,
        A_eq=regressors.T,
        b_eq=np.zeros(regressors.shape[1]),
        bounds=np.stack([(level - 1.0) * shares, level * shares], axis=1),
        method="highs",
    )
    if found.status != 0:
        raise DataSetError(
            f"the errors of {len(target)} spectra could not be fitted ({found.message}); expected "
            "predictions that differ from each other: calibrate on more spectra"
        )
    return np.asarray(-found.eqlin.marginals, dtype=np.float64)


def fit_calibration(seen: Observations, kinds: Sequence[str]) -> dict[str, Any]:
    """Fit the constants of `xnet_onnx.uncertainty.intervals.Calibration`.

    Parameters
    ----------
    seen : Observations
        n.
    kinds : sequence of str, length n
        `Row.kind` of each; how much each counts is in `SHELL_SHARES` and
        `BAND_SHARES`.

    Returns
    -------
    dict
        ``calibration`` of ``bundle.json``, without widening.
    """
    shares = _weights(kinds, BAND_SHARES)
    mse = (seen.error**2).mean(axis=1)
    for_mse = seen.evidence.for_mse()
    mse_coefficients = _fit_logarithm(for_mse, np.log(mse + G2_RESOLUTION), shares)
    # The exponential of a mean logarithm is a median; scale it to the mean.
    mse_coefficients[0] += np.log((shares @ mse) / (shares @ np.exp(for_mse @ mse_coefficients)))
    typical = float(_quantiles(mse, shares, (0.5,))[0])
    floor = _quantiles(np.abs(seen.error), shares, (0.5,))[0] + G2_RESOLUTION
    difficulty = np.exp(for_mse @ mse_coefficients) / typical
    scale = band_scale(seen.mean, seen.sigma, floor, difficulty, (TYPICAL_SHARE, LEVEL_SHARE))
    tails = tuple(0.5 * (1.0 + level) for level in LEVELS)
    band_upper = np.maximum(0.0, _quantiles(-seen.error / scale, shares, tails))
    band_lower = np.maximum(0.0, _quantiles(seen.error / scale, shares, tails))
    with_shell = np.isfinite(seen.shell_error)
    shell_error = seen.shell_error[with_shell]
    for_shell = seen.evidence.for_shell()[with_shell]
    shell_shares = _weights(np.array(kinds)[with_shell].tolist(), SHELL_SHARES)
    shell_coefficients = _fit_quantile(
        for_shell, np.log(shell_error + RESOLUTION), shell_shares, VERDICT_LEVEL
    )
    # Fitted for the interval that people read; the expected size is the median error.
    shell_coefficients[0] += np.log(
        _quantiles(shell_error / np.exp(for_shell @ shell_coefficients), shell_shares, (0.5,))[0]
    )
    ratio = shell_error / np.exp(for_shell @ shell_coefficients)
    return {
        "levels": list(LEVELS),
        "band_shares": [TYPICAL_SHARE, LEVEL_SHARE],
        "band_lower": np.round(band_lower, 5).tolist(),
        "band_upper": np.round(band_upper, 5).tolist(),
        "floor": np.round(floor, 6).tolist(),
        "typical_mse": round(typical, 6),
        "shell": np.round(_quantiles(ratio, shell_shares, LEVELS), 5).tolist(),
        "shell_coefficients": np.round(shell_coefficients, 6).tolist(),
        "mse_coefficients": np.round(mse_coefficients, 6).tolist(),
        "lower_widening": [1.0] * seen.error.shape[1],
        "upper_widening": [1.0] * seen.error.shape[1],
        "shell_widening": 1.0,
        "high": HIGH,
        "medium": MEDIUM,
        "unstable": UNSTABLE,
        "spectra": len(seen.error),
        "method": "the members that were not trained on a spectrum's group",
    }


def _weights(kinds: Sequence[str], shares: dict[str, float]) -> FloatArray:
    """Weight of each spectrum: its kind's share, 1 unless named, divided among the spectra of that kind."""
    count = Counter(kinds)
    return np.array([shares.get(kind, 1.0) / count[kind] for kind in kinds])


def calibrate(path: Path, folders: Path | Sequence[Path], measured: Sequence[Path] = ()) -> Calibration:
    """Calibrate a bundle and write the result into its ``bundle.json`` and card.

    Parameters
    ----------
    path : Path
        The bundle's folder.
    folders : Path or sequence of Path
        The training sets it was made from.
    measured : sequence of Path
        Folders of measured spectra, as for `measured_references`: where the
        intervals are too narrow for these, they are widened.

    Returns
    -------
    Calibration

    Raises
    ------
    DataSetError
        If the training sets are not those of the bundle, or give other rows than it
        records.
    """
    bundle = load_bundle(path, statistics=False)
    record = json.loads(read_verified(path, "training.json", bundle.card))
    if "preset" not in record:
        raise DataSetError(
            f"{path} keeps no record of its training; expected a bundle made by xnet-onnx train and export"
        )
    data = read_training_sets([folders] if isinstance(folders, Path) else folders)
    if data.sha256 != record["set"]["sha256"]:
        raise DataSetError(
            f"{data.name} is not what {bundle.title} was trained on ({record['set']['name']}, in that "
            "order); give that, or train again"
        )
    preset, seed = preset_from_dict(record["preset"]), int(record["seed"])
    covered, origins = select_axis(data, preset.axis)
    trained, _ = split_rows(record, covered)
    rows, at = [covered.rows[i] for i in trained], origins[trained]

    def features_of(
        inputs: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32] | None:
        parts = [
            run_with_features(bundle, inputs[i : i + CHUNK], absorbers[i : i + CHUNK])[1]
            for i in range(0, len(inputs), CHUNK)
        ]
        found = [part for part in parts if part is not None]
        return np.concatenate(found) if found else None

    domain_value = fit_domain(rows, at, preset, features_of, seed)
    inputs = aligned_inputs(rows, at, preset, seed + 1, DRAWS)
    copies = len(inputs) // len(rows)
    seen = observe(
        bundle,
        inputs,
        np.tile([row.absorber for row in rows], copies),
        np.tile(np.stack([row.g2 for row in rows]), (copies, 1)),
        parse_domain(domain_value, preset.axis.count),
        np.tile(unseen_by(rows, preset, record["members"], seed), (copies, 1)),
    )
    kinds = np.array([kind_of_shell(row) for row in rows], dtype=np.int64)
    compounds = np.tile([row.kind for row in rows], copies)[seen.index]
    value = fit_calibration(seen, compounds.tolist()) | {
        "shell_kinds": fit_shell_kinds(seen.mean, np.tile(kinds, copies)[seen.index])
    }
    kept = fit_compounds(rows, at, preset, seed)
    _write(path, value, domain_value, kept)
    if measured:
        value |= _widening(load_bundle(path), measured)
        _write(path, value, domain_value, kept)
    return parse_calibration(value, bundle.r.size)


def _widening(bundle: Bundle, folders: Sequence[Path]) -> dict[str, Any]:
    """Factors that make the 90 % intervals hold on measured spectra of known structure.

    Each phase counts once, however often it was measured. A factor is at least 1.
    """
    shell: list[tuple[str, float]] = []
    below: list[tuple[str, FloatArray]] = []
    above: list[tuple[str, FloatArray]] = []
    assert bundle.calibration is not None
    for item in measured_references(*folders):
        (result,) = predict_many([item.spectrum], bundle=bundle, force=True)
        if isinstance(result, XnetError):
            continue
        found, truth = result.first_shell, item.true_first_shell(bundle.r)
        if found is not None and found.upper is not None and np.isfinite(truth):
            shell.append((item.phase, abs(found.r - truth) / (found.upper - found.r)))
        if item.g2 is None:
            continue
        assert result.lower is not None
        assert result.upper is not None
        error = item.g2 - result.mean
        above.append((item.phase, error / np.maximum(result.upper - result.mean, G2_RESOLUTION)))
        # Where the band ends at zero, nothing can lie below it.
        room = result.lower > 0.0
        reach = np.maximum(result.mean - result.lower, G2_RESOLUTION)
        below.append((item.phase, np.where(room, -error / reach, 0.0)))
    return {
        "shell_widening": max(1.0, round(_weighted_quantile(shell, VERDICT_LEVEL), 3)),
        "lower_widening": _by_region(below, bundle.r).tolist(),
        "upper_widening": _by_region(above, bundle.r).tolist(),
        "widening_spectra": len(shell),
        "widening_phases": len({phase for phase, _ in shell}),
    }


def _by_region(pairs: list[tuple[str, FloatArray]], r: FloatArray) -> FloatArray:
    """A factor for the first shell's region and one for what lies beyond, at each r, with a ramp between."""
    tail = 0.5 * (1.0 + VERDICT_LEVEL)
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


def _write(path: Path, calibration: dict[str, Any], domain: dict[str, Any], kept: Kept | None) -> None:
    card = read_card(path)
    card.update(calibration=calibration, domain=domain, statistics_version=STATISTICS_VERSION, metrics=None)
    card["nearest"] = None if kept is None else kept.said
    card["files"].pop(COMPOUNDS, None)
    if kept is not None:
        write_bytes(path / COMPOUNDS, kept.data)
        card["files"][COMPOUNDS] = hashlib.sha256(kept.data).hexdigest()
    write_card(path, card)
    if kept is None:
        (path / COMPOUNDS).unlink(missing_ok=True)
