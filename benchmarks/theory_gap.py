"""How far calculated spectra stay from the measured ones of their phase, however they are broadened.

    python benchmarks/theory_gap.py BUNDLE --data DIR [--data DIR ...] --measured DIR [--measured DIR ...]

Each calculated site of a measured phase (by its name) is broadened, stretched, moved and scaled in the
bundle's input: by a Gaussian that widens above the edge, and by a Lorentzian that grows there
(`xnet_exporter.train.augment`). Told is the least root mean square of what is left, in edge steps, and the
widths that it took. The augmentation of training is to cover these.
"""

from __future__ import annotations

import argparse
import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_exporter.data.measured import measured_references
from xnet_exporter.data.sets import Row, read_training_sets, select_axis
from xnet_exporter.train.augment import GRID, Distortion, amplitude_ramp, on_grid, operator_of
from xnet_onnx import load_bundle
from xnet_onnx.preprocess.align import align
from xnet_onnx.preprocess.prepare import prepare_many
from xnet_onnx.spectrum import ModelInput

if TYPE_CHECKING:
    from xnet_onnx.spectrum import EnergyAxis, FloatArray

STRETCHES = (0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.11)
FAMILIES = {
    "Gaussian": [
        Distortion(broadening, damping, stretch)
        for broadening, damping, stretch in itertools.product(
            (0.0, 1.5, 3.0, 4.5, 6.5), (0.0, 4.0, 8.0, 11.0), STRETCHES
        )
    ],
    "Lorentzian": [
        Distortion(broadening, damping, stretch, onset=onset)
        for broadening, damping, stretch, onset in itertools.product(
            (0.0, 1.5, 3.0, 4.5), (2.0, 4.0, 6.0, 8.0), STRETCHES, (8.0, 15.0)
        )
    ],
}
#: Points of the axis that a calculated spectrum may be moved by; range of the factor on its structure.
MOVED, AMPLITUDES = 5, (0.4, 1.5)
#: Sites of a phase that are tried.
SITES = 3


def nearest_distortion(
    measured: FloatArray,
    axis: EnergyAxis,
    row: Row,
    origin: float,
    operators: list[tuple[Distortion, FloatArray]],
) -> tuple[float, Distortion]:
    """The least root mean square of what is left of a measured input, and the distortion that it took."""
    wide = replace(axis, first=axis.first - MOVED * axis.step, count=axis.count + 2 * MOVED)
    plain = on_grid([row], np.array([origin]))
    found = align(GRID, np.concatenate([plain @ matrix.T for _, matrix in operators]), wide).values
    energy = axis.energies()
    weight = np.where(energy > -3.0, 1.0, 0.3)
    ramp = amplitude_ramp(axis)
    best = (np.inf, operators[0][0])
    for move in range(2 * MOVED + 1):
        values = found[:, move : move + axis.count].astype(np.float64)
        structure, left = ramp * (values - 1.0), measured - values
        change = (weight * structure * left).sum(axis=1) / (weight * structure**2).sum(axis=1)
        change = np.clip(change, AMPLITUDES[0] - 1.0, AMPLITUDES[1] - 1.0)[:, np.newaxis]
        rms = np.sqrt((weight * (left - change * structure) ** 2).sum(axis=1) / weight.sum())
        if np.isfinite(rms).any():
            at = int(np.nanargmin(rms))
            best = min(best, (float(rms[at]), operators[at][0]), key=lambda pair: pair[0])
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--measured", type=Path, action="append", required=True)
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    data, origins = select_axis(read_training_sets(given.data), bundle.axis)
    references = measured_references(*given.measured)
    inputs = prepare_many([item.spectrum for item in references], bundle)
    families = {
        name: [(each, operator_of(each).astype(np.float64)) for each in distortions]
        for name, distortions in FAMILIES.items()
    }
    print("| phase | " + " | ".join(f"{name}: left | took" for name in families) + " |")
    print("|---|" + "---|---|" * len(families))
    left: dict[str, list[float]] = {name: [] for name in families}
    for item, ready in zip(references, inputs, strict=True):
        words = {word.lower() for word in re.split(r"[ ,]+", item.phase)}
        sites = [
            (row, float(origin))
            for row, origin in zip(data.rows, origins, strict=True)
            if isinstance(ready, ModelInput) and row.absorber == ready.absorber and row.name.lower() in words
        ][:SITES]
        if not isinstance(ready, ModelInput) or not sites:
            continue
        cells = []
        for name, operators in families.items():
            tried = [nearest_distortion(ready.values, bundle.axis, *site, operators) for site in sites]
            rms, took = min(tried, key=lambda pair: pair[0])
            left[name].append(rms)
            cells.append(
                f"{rms:.3f} | {took.broadening:g} and {took.damping:g} eV, stretched by {took.stretch:g}"
            )
        print(f"| {item.phase} | " + " | ".join(cells) + " |", flush=True)
    both = np.minimum(*left.values())
    print(
        f"\n{len(both)} spectra: median left "
        + ", ".join(f"{np.median(values):.3f} ({name})" for name, values in left.items())
        + f", {np.median(both):.3f} (the better of the two)"
    )


if __name__ == "__main__":
    main()
