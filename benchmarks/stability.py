"""What the movement of a prediction under small changes of the spectrum tells of its error.

    python benchmarks/stability.py [--runs runs/seeds]

Needs the extra [export] and a folder of runs that hold out different spectra:
``xnet-onnx train --data training --seed 1 --out runs/seeds/1``, and so on. Each
design (which copies, which members) is fitted on all runs but one and judged on
that; what a user has of it is the width of the intervals, at the same coverage.
Prints a Markdown table for docs/performance.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from xnet_exporter.calibrate.domain import domain_inputs
from xnet_exporter.data.sets import read_training_set, select_axis
from xnet_exporter.train.presets import preset_from_dict
from xnet_exporter.train.run import load_run
from xnet_onnx.bundle.load import load_bundle
from xnet_onnx.inference.peaks import curves_of, first_peaks
from xnet_onnx.inference.sensitivity import broadening_matrix, measure_sensitivity
from xnet_onnx.pipeline import evidence_of
from xnet_onnx.spectrum import EnergyAxis
from xnet_onnx.uncertainty.domain import domain_of
from xnet_onnx.uncertainty.intervals import RESOLUTION, Evidence

ROOT = Path(__file__).resolve().parent.parent
SHIFTS, BROADENINGS = (-1.0, -0.5, 0.5, 1.0), (1.0, 2.0)
#: Which of the copies above, how many members, and what it costs beside the network itself.
DESIGNS = {
    "none": ((), 15),
    "6 copies, 15 members": ((0, 1, 2, 3, 4, 5), 15),
    "3 copies (+-1 eV, 2 eV), 15 members": ((0, 3, 5), 15),
    "3 copies, 3 members": ((0, 3, 5), 3),
    "3 copies, the first member": ((0, 3, 5), 1),
    "1 copy (2 eV), the first member": ((5,), 1),
}


def copies_of(spectra: np.ndarray, axis: EnergyAxis) -> np.ndarray:
    """Six perturbed copies, shape (n, 6, axis.count)."""
    columns = np.arange(axis.count)
    copies = [spectra[:, np.clip(columns - round(shift / axis.step), 0, axis.count - 1)] for shift in SHIFTS]
    copies += [spectra @ broadening_matrix(axis.count, axis.step, fwhm).T for fwhm in BROADENINGS]
    return np.stack(copies, axis=1).astype(np.float32)


def fold(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Curves of every member, of their copies, targets and domain scores of a fold's left-out spectra."""
    bundle, run = load_bundle(), load_run(path)
    assert bundle.domain is not None
    preset = preset_from_dict(run.record["preset"])
    covered, origins = select_axis(read_training_set(ROOT / "training"), preset.axis)
    index = {row.id: i for i, row in enumerate(covered.rows)}
    chosen = [index[i] for i in run.record["held_out"]]
    rows = [covered.rows[i] for i in chosen]
    inputs = domain_inputs(rows, origins[chosen], preset, int(run.record["seed"]) + 1, 1)
    targets = np.stack([row.g2 for row in rows])
    own, moved = [], []
    with torch.no_grad():
        for start in range(0, len(inputs), 64):
            part = inputs[start : start + 64]
            own.append(run.ensemble(torch.from_numpy(part)).numpy())
            copies = torch.from_numpy(copies_of(part, preset.axis).reshape(-1, preset.axis.count))
            moved.append(run.ensemble(copies).numpy().reshape(len(part), 6, *own[-1].shape[1:]))
    scores = domain_of(bundle.domain, preset.axis, inputs, None).input_score
    return (
        np.concatenate(own).astype(float),
        np.concatenate(moved).astype(float),
        np.tile(targets, (len(inputs) // len(targets), 1)),
        scores,
    )


def observe(
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], copies: tuple[int, ...], members: int
) -> tuple[Evidence, np.ndarray]:
    """Evidence by a design, and the errors of the first shell."""
    r = load_bundle().r
    own, moved, targets, scores = data
    curves = curves_of(r, own)
    none = np.zeros(len(own))
    evidence = evidence_of(curves, none, none, scores)
    if copies:
        shell, curve = measure_sensitivity(
            r, own[:, :members].mean(axis=1), moved[:, list(copies), :members].mean(axis=2)
        )
        evidence = replace(evidence, shell_moved=shell, curve_moved=curve)
    return evidence, np.abs(curves.first_shell - first_peaks(r, targets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "seeds")
    folders = sorted(path for path in parser.parse_args().runs.iterdir() if (path / "run.json").is_file())
    torch.set_num_threads(1)
    folds = [fold(path) for path in folders]
    print("| design | cost | R2 of the logarithm | median half width, 90 % | high | 90th percentile there |")
    print("|---|---|---|---|---|---|")
    for name, (copies, members) in DESIGNS.items():
        seen = [observe(data, copies, members) for data in folds]
        expected, errors = [], []
        for k, (evidence, error) in enumerate(seen):
            others = [seen[j] for j in range(len(seen)) if j != k]
            design = np.concatenate([item.for_shell()[np.isfinite(e)] for item, e in others])
            target = np.log(np.concatenate([e[np.isfinite(e)] for _, e in others]) + RESOLUTION)
            ridge = 1e-3 * len(target) * np.diag([0.0] + [1.0] * (design.shape[1] - 1))
            fitted = np.linalg.solve(design.T @ design + ridge, design.T @ target)
            kept = np.isfinite(error)
            expected.append(evidence.for_shell()[kept] @ fitted)
            errors.append(error[kept])
        predicted, error = np.concatenate(expected), np.concatenate(errors)
        log = np.log(error + RESOLUTION)
        half = np.quantile(error / np.exp(predicted), 0.9) * np.exp(predicted)
        high = half <= 0.1
        explained = 1 - np.mean((log - predicted) ** 2) / log.var()
        print(
            f"| {name} | {len(copies) * members / 15:.2f} | {explained:.3f} "
            f"| {np.median(half):.3f} A | {100 * high.mean():.0f} % | {np.quantile(error[high], 0.9):.3f} A |"
        )


if __name__ == "__main__":
    main()
