"""How good is a bundle: the numbers of paper sections 3.1 and 3.2.

Held out are whole compositions, by the rule of the training run; the bundle is
run through the runtime, as a user's spectrum would be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from xnet_onnx.bundle.load import Bundle, read_verified
from xnet_onnx.bundle.statistics import SHELL_KINDS, ShellKinds
from xnet_onnx.errors import DataSetError, XnetError
from xnet_onnx.inference.ensemble import run_ensemble
from xnet_onnx.inference.peaks import Curves, PeakTable, curves_of, first_peaks, peak_table
from xnet_onnx.pipeline import Outcome, join_outcomes, predict_many, run_inputs
from xnet_onnx.prediction import VERDICTS
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import FloatArray
from xnet_onnx.uncertainty.shell_kinds import probabilities_of
from xnet_onnx.uncertainty.verdict import VERDICT_LEVEL, Assessment, assess

from ..calibrate.distortions import broadened_input
from ..calibrate.intervals import FIRST_SHELL_REGION
from ..calibrate.shell_kinds import kind_of_shell
from ..data.measured import Reference
from ..data.record import split_rows
from ..data.sets import Row, TrainingSet, select_axis

__all__ = [
    "HeldOut",
    "NEAR",
    "PeakErrors",
    "Trusted",
    "absorbers_of",
    "evaluate",
    "held_out_parts",
    "held_out_rows",
    "measured_first_shells",
    "metrics",
    "model_inputs",
    "peak_errors",
    "run_chunks",
    "run_held_out",
    "shell_kinds_right",
    "trust",
]

#: Where the paper parts near from far peaks, in Angstrom (section 3.1).
NEAR = 3.5
CHUNK = 256
#: Parts that intervals are sorted into by their widths.
QUARTERS = 4
#: Difference in sharpness between theory and experiment ("The energy axis" in docs/design.md), FWHM in eV.
MEASURED_BROADENING = 2.0


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions for held-out spectra beside the truth.

    Parameters
    ----------
    ids : tuple of str
    members : ndarray of float64, shape (n, m, k)
        G2 of each member.
    targets : ndarray of float64, shape (n, k)
    """

    ids: tuple[str, ...]
    members: FloatArray
    targets: FloatArray


def held_out_rows(bundle: Bundle, data: TrainingSet) -> tuple[TrainingSet, FloatArray]:
    """The rows of a set whose compositions the bundle was not trained on.

    Parameters
    ----------
    bundle : Bundle
    data : TrainingSet
        The set it was trained on, or a newer one.

    Returns
    -------
    data : TrainingSet
        With these rows only.
    origin : ndarray of float64, shape (n,)
        As `select_axis`.

    Raises
    ------
    DataSetError
        If the bundle keeps no record of its training, or another one than its sets
        give, or nothing is held out.
    """
    record = json.loads(read_verified(bundle.path, "training.json", bundle.card))
    if "held_out_fraction" not in record:
        raise DataSetError(
            f"{bundle.path} keeps no record of which compositions were held out; expected a bundle "
            "made by xnet-onnx train and export"
        )
    covered, origin = select_axis(data, bundle.axis)
    _, chosen = split_rows(record, covered)
    if not chosen.size:
        raise DataSetError(
            f"no composition of {data.name} was held out from {bundle.title}; expected the training "
            "set it was made from, or a newer one"
        )
    rows = tuple(covered.rows[i] for i in chosen)
    return TrainingSet(data.name, data.sha256, rows, covered.left_out), origin[chosen]


def model_inputs(rows: tuple[Row, ...], bundle: Bundle, broadening: float = 0.0) -> npt.NDArray[np.float32]:
    """Calculated spectra as the runtime would hand them to the network.

    Parameters
    ----------
    rows : tuple of Row, length n
    bundle : Bundle
    broadening : float
        FWHM in eV of a Gaussian to apply first.

    Returns
    -------
    ndarray of float32, shape (n, axis.count)
    """
    if broadening == 0.0:
        return np.stack([align_one(row.energy, row.mu, bundle.axis)[0] for row in rows])
    # Broadening moves the edge position; where the calculation ends just there, its end is held.
    return np.stack([broadened_input(row, bundle.axis, broadening) for row in rows]).astype(np.float32)


def absorbers_of(rows: tuple[Row, ...] | list[Row]) -> npt.NDArray[np.int64]:
    """Atomic number of each absorber, shape (n,)."""
    return np.array([row.absorber for row in rows], dtype=np.int64)


def run_chunks(
    bundle: Bundle, inputs: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64]
) -> FloatArray:
    """G2 of each member, shape (n, m, k), for any number of model inputs, shape (n, axis.count)."""
    return np.concatenate(
        [
            run_ensemble(bundle, inputs[i : i + CHUNK], absorbers[i : i + CHUNK])
            for i in range(0, len(inputs), CHUNK)
        ]
    )


def evaluate(bundle: Bundle, data: TrainingSet) -> dict[str, Any]:
    """Measure a bundle on its held-out compositions.

    Parameters
    ----------
    bundle : Bundle
    data : TrainingSet

    Returns
    -------
    dict
        `set`, `sha256`, and `metrics` under "calculated" (the spectra as they
        are) and "broadened" (by 2 eV FWHM, about what separates theory from
        experiment); of a calibrated bundle what `trust` and, broadened,
        `held_out_parts` say too.
    """
    held, _ = held_out_rows(bundle, data)
    targets = np.stack([row.g2 for row in held.rows])
    ids = tuple(row.id for row in held.rows)
    result: dict[str, Any] = {"set": data.name, "sha256": data.sha256}
    names = [row.group for row in held.rows]
    absorbers = absorbers_of(held.rows)
    for condition, broadening in (("calculated", 0.0), ("broadened", MEASURED_BROADENING)):
        inputs = model_inputs(held.rows, bundle, broadening)
        members = run_chunks(bundle, inputs, absorbers)
        result[condition] = metrics(HeldOut(ids, members, targets), bundle.r)
        if bundle.calibration is not None:
            seen = run_held_out(bundle, inputs, absorbers, targets)
            result[condition]["confidence"] = trust(seen, targets, names)
            shell_kinds = bundle.calibration.shell_kinds
            if shell_kinds is not None:
                result[condition]["shell_kinds"] = shell_kinds_right(
                    shell_kinds, seen.outcome.curves.mean, held.rows
                )
            if condition == "broadened":
                result |= held_out_parts(seen, held.rows)
    return result


@dataclass(frozen=True, eq=False)
class Trusted:
    """What comes out for held-out spectra beside the truth; without the widening for measured spectra.

    Parameters
    ----------
    bundle : Bundle
        Calibrated, without widening.
    outcome : Outcome
        Of n spectra, with distances outside the domain too.
    shell_error : ndarray of float64, shape (n,)
        Absolute error of the first-shell distance; NaN without a peak.
    mse : ndarray of float64, shape (n,)
    """

    bundle: Bundle
    outcome: Outcome
    shell_error: FloatArray
    mse: FloatArray

    def at(self, level: float) -> Assessment:
        """What may be said of them with intervals at that level; the network does not run again."""
        outcome = self.outcome
        assert outcome.evidence is not None
        assert outcome.scores is not None
        assert self.bundle.calibration is not None
        return assess(
            outcome.curves,
            outcome.evidence,
            outcome.scores,
            self.bundle.calibration,
            self.bundle.r,
            level=level,
            force=True,
        )

    def share(self, verdict: str) -> FloatArray:
        """Which spectra have a verdict, 0 or 1, shape (n,)."""
        return np.asarray(self.outcome.assessment.verdict == VERDICTS.index(verdict), dtype=np.float64)


def run_held_out(
    bundle: Bundle,
    inputs: npt.NDArray[np.float32],
    absorbers: npt.NDArray[np.int64],
    targets: FloatArray,
) -> Trusted:
    """Predict as the runtime does, but without the widening for measured spectra.

    Parameters
    ----------
    bundle : Bundle
        Calibrated.
    inputs : ndarray of float32, shape (n, axis.count)
    absorbers : ndarray of int64, shape (n,)
    targets : ndarray of float64, shape (n, k)

    Returns
    -------
    Trusted
    """
    assert bundle.calibration is not None
    ones = np.ones(bundle.r.size)
    theory = replace(
        bundle,
        calibration=replace(bundle.calibration, lower_widening=ones, upper_widening=ones, shell_widening=1.0),
    )
    outcome = join_outcomes(
        [
            run_inputs(inputs[i : i + CHUNK], theory, absorbers[i : i + CHUNK], force=True)
            for i in range(0, len(inputs), CHUNK)
        ]
    )
    curves = outcome.curves
    error = np.abs(curves.first_shell - first_peaks(bundle.r, targets))
    return Trusted(theory, outcome, error, ((curves.mean - targets) ** 2).mean(axis=1))


def trust(seen: Trusted, targets: FloatArray, names: list[str]) -> dict[str, Any]:
    """Whether the intervals, the verdicts and the domain are worth their names.

    Parameters
    ----------
    seen : Trusted
        Of n spectra.
    targets : ndarray of float64, shape (n, k)
    names : list of str
        Composition of each row.

    Returns
    -------
    dict
        `coverage` of the band and of the first shell at four levels (%), with
        the standard error that whole compositions give it; `widths`: the same of
        the first shell's 90 % interval, by quarters from the narrowest to the
        widest; `verdict`: share, median and 90th percentile of the first-shell
        error for each verdict; `outside`: share outside the domain; `expected_mse_pearson`: correlation
        of the expected with the true MSE, beside that of sigma.
    """
    coverage: dict[str, Any] = {}
    for level in (0.5, 0.8, 0.9, 0.95):
        known = seen.at(level)
        assert known.band_lower is not None
        assert known.band_upper is not None
        band = ((targets >= known.band_lower) & (targets <= known.band_upper)).mean(axis=1)
        inside = (seen.shell_error <= known.upper - known.first_shell).astype(np.float64)
        shell = np.where(np.isfinite(seen.shell_error), inside, np.nan)
        coverage[f"{level:g}"] = {"band": _clustered(band, names), "first_shell": _clustered(shell, names)}
    verdict = {}
    for name in VERDICTS:
        chosen = seen.share(name) > 0.0
        errors = seen.shell_error[chosen & np.isfinite(seen.shell_error)]
        verdict[name] = {
            "share": float(chosen.mean()),
            "median": float(np.median(errors)) if errors.size else None,
            "p90": float(np.percentile(errors, 90)) if errors.size else None,
        }
    expected = seen.outcome.assessment.expected_mse
    sigma = seen.outcome.curves.sigma.mean(axis=1)
    return {
        "coverage": coverage,
        "widths": _by_width(seen),
        "verdict": verdict,
        "outside": float(seen.share("outside").mean()),
        "expected_mse_pearson": float(np.corrcoef(expected, seen.mse)[0, 1]),
        "sigma_mse_pearson": float(np.corrcoef(sigma, seen.mse)[0, 1]),
    }


def _by_width(seen: Trusted) -> list[dict[str, float]]:
    """What the interval that a verdict is by holds, in quarters from its narrowest to its widest."""
    known = np.flatnonzero(np.isfinite(seen.shell_error))
    half = (seen.at(VERDICT_LEVEL).upper - seen.outcome.curves.first_shell)[known]
    inside = seen.shell_error[known] <= half
    return [
        {"half_width": float(np.median(half[part])), "inside": float(np.mean(inside[part]))}
        for part in np.array_split(np.argsort(half, kind="stable"), QUARTERS)
        if part.size
    ]


def held_out_parts(seen: Trusted, rows: Sequence[Row]) -> dict[str, list[dict[str, Any]]]:
    """Held-out spectra element by element and kind by kind.

    Parameters
    ----------
    seen : Trusted
        Of n spectra.
    rows : sequence of Row, length n

    Returns
    -------
    dict
        `elements` and `kinds`, a row each: `name`, `spectra`, of the first shell
        `median` error in Angstrom, share `within_0.1` and share `covered` by the
        90 % interval; `verdicts`, share of each; of G2 the `unexplained` share of
        its mean square, the intensity `far` (beyond 2.5 Angstrom) relative to the
        true one, there the share `band` of values inside the 90 % band and its
        median half `width`.
    """
    bundle, absorbers = seen.bundle, absorbers_of(list(rows))
    targets = np.stack([row.g2 for row in rows])
    known = seen.at(0.9)
    assert known.band_lower is not None
    assert known.band_upper is not None
    far = bundle.r > FIRST_SHELL_REGION
    curve = seen.outcome.curves.mean
    in_band = ((targets >= known.band_lower) & (targets <= known.band_upper))[:, far]
    half = 0.5 * (known.band_upper - known.band_lower)[:, far]

    def part(name: str, chosen: npt.NDArray[np.bool_]) -> dict[str, Any]:
        shell = chosen & np.isfinite(seen.shell_error)
        error = seen.shell_error[shell]
        return {
            "name": name,
            "spectra": int(chosen.sum()),
            "median": float(np.median(error)) if error.size else None,
            "within_0.1": _mean(error <= 0.1),
            "covered": _mean(error <= (known.upper - known.first_shell)[shell]),
            "verdicts": {verdict: float(seen.share(verdict)[chosen].mean()) for verdict in VERDICTS},
            "unexplained": float(((curve - targets)[chosen] ** 2).sum() / (targets[chosen] ** 2).sum()),
            "far": float(curve[chosen][:, far].sum() / targets[chosen][:, far].sum()),
            "band": float(in_band[chosen].mean()),
            "width": float(np.median(half[chosen])),
        }

    symbols = {one.number: one.element for one in bundle.absorbers}
    kinds = np.array([row.kind for row in rows])
    return {
        "elements": [
            part(symbols[number], absorbers == number)
            for number in sorted(symbols)
            if np.any(absorbers == number)
        ],
        "kinds": [part(kind, kinds == kind) for kind in sorted(set(kinds.tolist()))],
    }


def shell_kinds_right(shell_kinds: ShellKinds, mean: FloatArray, rows: Sequence[Row]) -> dict[str, Any]:
    """How often the kind of the first shell's atoms is right, and whether its probability is.

    Parameters
    ----------
    shell_kinds : ShellKinds
    mean : ndarray of float64, shape (n, k)
        G2 as predicted.
    rows : sequence of Row, length n

    Returns
    -------
    dict
        `right`, share of spectra; `kinds`, by name how many spectra there are and which
        share of them is right; `bins`, ten of the most probable kind's probability, each
        with `spectra`, mean `probability` and share `right` (None where empty); `apart`,
        the mean difference of the two over spectra.
    """
    truth = np.array([kind_of_shell(row) for row in rows])
    found = probabilities_of(shell_kinds, mean)
    known = truth >= 0
    truth, most, said = truth[known], found[known].argmax(axis=1), found[known].max(axis=1)
    right = most == truth
    at = np.minimum((10 * said).astype(int), 9)
    bins, apart = [], 0.0
    for chosen in (at == i for i in range(10)):
        bins.append(
            {
                "spectra": int(chosen.sum()),
                "probability": _mean(said[chosen]),
                "right": _mean(right[chosen]),
            }
        )
        apart += abs(float(said[chosen].sum()) - float(right[chosen].sum())) / said.size
    return {
        "right": float(right.mean()),
        "kinds": {
            name: {"spectra": int((truth == i).sum()), "right": _mean(right[truth == i])}
            for i, name in enumerate(SHELL_KINDS)
        },
        "bins": bins,
        "apart": apart,
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if values.size else None


def _clustered(values: FloatArray, names: list[str]) -> dict[str, float]:
    """Mean in %, with the standard error of a mean over whole compositions."""
    kept = np.isfinite(values)
    mean = float(values[kept].mean())
    totals: dict[str, float] = {}
    for name, value in zip(np.array(names)[kept], values[kept], strict=True):
        totals[name] = totals.get(name, 0.0) + float(value) - mean
    error = np.sqrt(sum(total**2 for total in totals.values())) / int(kept.sum())
    return {"percent": 100.0 * mean, "standard_error": 100.0 * float(error)}


def _summary(values: FloatArray) -> dict[str, float]:
    low, high = np.percentile(values, [25, 75])
    return {
        "median": float(np.median(values)),
        "mean": float(np.mean(values)),
        "iqr": float(high - low),
    }


@dataclass(frozen=True, eq=False)
class PeakErrors:
    """How far each true peak of G2 is from the nearest predicted one.

    Parameters
    ----------
    row : ndarray of int64, shape (p,)
        Which spectrum a peak belongs to.
    position : ndarray of float64, shape (p,)
        The true peak, in Angstrom.
    error, on_grid : ndarray of float64, shape (p,)
        Absolute error in Angstrom, between the grid points and by the nearest
        grid points alone.
    """

    row: npt.NDArray[np.int64]
    position: FloatArray
    error: FloatArray
    on_grid: FloatArray


def peak_errors(curves: Curves, targets: FloatArray, r: FloatArray) -> tuple[PeakErrors, FloatArray, int]:
    """Errors of peak positions (paper section 3.1).

    Parameters
    ----------
    curves : Curves
        Predictions, n.
    targets : ndarray of float64, shape (n, k)
        True G2.
    r : ndarray of float64, shape (k,)
        Grid in Angstrom.

    Returns
    -------
    peaks : PeakErrors
    first : ndarray of float64, shape (n,)
        Error of the first peak in Angstrom; NaN where either curve has none.
    without : int
        Spectra whose true curve has a peak and whose predicted one has none.
    """
    found, truth = curves.peaks, peak_table(r, targets)
    between = _to_nearest(found, found.r, truth, truth.r)
    on_grid = _to_nearest(found, r[found.index], truth, r[truth.index])
    met = np.isfinite(between)
    own, true = curves.first_shell, truth.first(len(targets))[0]
    errors = PeakErrors(truth.curve[met], truth.r[met], between[met], on_grid[met])
    return errors, np.abs(own - true), int(np.sum(np.isnan(own) & ~np.isnan(true)))


def _to_nearest(found: PeakTable, at: FloatArray, truth: PeakTable, wanted: FloatArray) -> FloatArray:
    """From each true peak to the nearest one found in the same curve, (p,); infinite where there is none."""
    distance = np.full(truth.curve.size, np.inf)
    if not found.curve.size:
        return distance
    # Curve by curve and ascending in each: one search for all, as no two peaks are as far apart as that.
    apart = 1000.0
    above = np.searchsorted(found.curve * apart + at, truth.curve * apart + wanted)
    for side in (above - 1, above):
        near = np.clip(side, 0, found.curve.size - 1)
        same = np.flatnonzero((side == near) & (found.curve[near] == truth.curve))
        distance[same] = np.minimum(distance[same], np.abs(at[near[same]] - wanted[same]))
    return distance


def metrics(held: HeldOut, r: FloatArray) -> dict[str, Any]:
    """The numbers of paper sections 3.1 and 3.2.

    Parameters
    ----------
    held : HeldOut
    r : ndarray of float64, shape (k,)
        Grid in Angstrom.

    Returns
    -------
    dict
        `spectra`; `mse` (median, mean, coefficient of variation); `peaks_near`
        and `peaks_far` (distance from each true peak to the nearest predicted
        one: median, mean, interquartile range in Angstrom, number, and the
        share with none within 0.5 Angstrom); `first_shell` (error of the first
        peak: median, mean, 90th percentile, shares within 0.05 and 0.1
        Angstrom, and the share without a predicted peak);
        `coverage` (percentage of G2 values within 2 sigma, a spectrum: median
        and mean); `sigma_mse_pearson`.
    """
    curves = curves_of(r, held.members)
    mean, sigma = curves.mean, curves.sigma
    squared = (mean - held.targets) ** 2
    mse = squared.mean(axis=1)
    coverage = 100.0 * np.mean(np.abs(mean - held.targets) <= 2 * sigma, axis=1)

    peaks, first, without = peak_errors(curves, held.targets, r)
    errors = {
        region: peaks.error[(peaks.position < NEAR) == (region == "near")] for region in ("near", "far")
    }
    result: dict[str, Any] = {
        "spectra": len(held.ids),
        "mse": {
            "median": float(np.median(mse)),
            "mean": float(mse.mean()),
            "coefficient_of_variation": float(mse.std() / mse.mean()) if mse.any() else 0.0,
        },
    }
    for region, array in errors.items():
        result[f"peaks_{region}"] = (
            _summary(array) | {"count": array.size, "missed": float(np.mean(array > 0.5))}
            if array.size
            else None
        )
    shell = first[np.isfinite(first)]
    result["first_shell"] = (
        _summary(shell)
        | {
            "p90": float(np.percentile(shell, 90)),
            "within_0.05": float(np.mean(shell <= 0.05)),
            "within_0.1": float(np.mean(shell <= 0.1)),
            "none": without / (without + shell.size),
        }
        if shell.size
        else None
    )
    result["coverage"] = {"median": float(np.median(coverage)), "mean": float(coverage.mean())}
    mean_sigma = sigma.mean(axis=1)
    varied = len(mse) > 2 and mean_sigma.std() > 0 and mse.std() > 0
    result["sigma_mse_pearson"] = float(np.corrcoef(mean_sigma, mse)[0, 1]) if varied else None
    return result


def measured_first_shells(bundles: list[Bundle], references: Sequence[Reference]) -> dict[str, Any]:
    """First-shell distances of measured spectra beside their references.

    Parameters
    ----------
    bundles : list of Bundle
    references : sequence of Reference

    Returns
    -------
    dict
        `bundles` (their titles), `rows` and `elements`. A row: file, element,
        phase, reference (Angstrom) and `found`, one for each bundle (r, r_sigma,
        lower, upper and verdict; None where there is no distance, or the bundle
        does not know the element). `elements`, of the first bundle: `name`,
        `spectra`, `median` error in Angstrom, `within_0.1`, `covered` by the 90 %
        interval, and `curves`, how many have a known G2, with its `unexplained`
        share and the intensity `far` (None without).
    """
    rows = []
    curves: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    for item in references:
        found: list[dict[str, float | str | None] | None] = []
        element = item.spectrum.element
        for bundle in bundles:
            (result,) = predict_many([item.spectrum], bundle=bundle, force=True)
            if isinstance(result, XnetError):
                found.append(None)
                continue
            if bundle is bundles[0]:
                element = result.element
                if item.g2 is not None:
                    curves.setdefault(element, []).append((result.mean, item.g2))
            shell, verdict = result.first_shell, result.confidence
            found.append(
                None
                if shell is None
                else {
                    "r": shell.r,
                    "r_sigma": shell.r_sigma,
                    "lower": shell.lower,
                    "upper": shell.upper,
                    "verdict": None if verdict is None else verdict.verdict,
                }
            )
        rows.append(
            {
                "file": item.name,
                "element": element,
                "phase": item.phase,
                "reference": round(item.true_first_shell(bundles[0].r), 4),
                "found": found,
            }
        )
    elements = sorted({str(row["element"]) for row in rows})
    return {
        "bundles": [{"title": bundle.title} for bundle in bundles],
        "rows": rows,
        "elements": [_measured_element(name, rows, curves.get(name, []), bundles[0].r) for name in elements],
    }


def _measured_element(
    name: str, rows: list[dict[str, Any]], curves: list[tuple[FloatArray, FloatArray]], r: FloatArray
) -> dict[str, Any]:
    own = [row for row in rows if row["element"] == name]
    found = [(row["found"][0], row["reference"]) for row in own if row["found"][0] is not None]
    errors = [abs(shell["r"] - truth) for shell, truth in found]
    covered = [
        shell["lower"] <= truth <= shell["upper"] for shell, truth in found if shell["lower"] is not None
    ]
    mean, truth = (np.array([pair[i] for pair in curves]).reshape(-1, r.size) for i in (0, 1))
    far = r > FIRST_SHELL_REGION
    return {
        "name": name,
        "spectra": len(own),
        "median": float(np.median(errors)) if errors else None,
        "within_0.1": float(np.mean(np.array(errors) <= 0.1)) if errors else None,
        "covered": float(np.mean(covered)) if covered else None,
        "curves": len(curves),
        "unexplained": float(((mean - truth) ** 2).sum() / (truth**2).sum()) if curves else None,
        "far": float(mean[:, far].sum() / truth[:, far].sum()) if curves else None,
    }
