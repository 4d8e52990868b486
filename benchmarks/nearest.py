"""How far the first shells of the nearest training compounds are from the truth, kept in one way or another.

    python benchmarks/nearest.py BUNDLE --data DIR [--data DIR ...] [--measured DIR] [--others DIR]

Fits the compounds of a bundle's training spectra in several sharpnesses and numbers of components
(`xnet_exporter.calibrate.nearest`), and looks up held-out spectra, made to look measured, and measured ones
of known structure, iron's and others' (folders as for `xnet-onnx evaluate --measured`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_exporter.calibrate.domain import aligned_inputs, undamaged
from xnet_exporter.calibrate.nearest import COMPONENTS, SHARPNESSES, fit_compounds
from xnet_exporter.data.measured import Reference, measured_references
from xnet_exporter.data.record import split_rows
from xnet_exporter.data.sets import read_training_sets, select_axis
from xnet_exporter.train.augment import Distortion
from xnet_exporter.train.presets import preset_from_dict
from xnet_onnx import load_bundle
from xnet_onnx.bundle.load import read_verified
from xnet_onnx.bundle.nearest import parse_compounds
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.preprocess.prepare import prepare_many
from xnet_onnx.spectrum import ModelInput
from xnet_onnx.uncertainty.nearest import nearest_of

if TYPE_CHECKING:
    from xnet_onnx import Bundle
    from xnet_onnx.spectrum import FloatArray

WAYS = {
    "as calculated": ((Distortion(0.0, 0.0, 1.0, 1.0),), 24),
    "ordinary": (SHARPNESSES[1:2], 24),
    "sharp and ordinary": (SHARPNESSES[:2], 12),
    "three": (SHARPNESSES, COMPONENTS),
}


def prepared(references: list[Reference], bundle: Bundle) -> tuple[FloatArray, FloatArray]:
    """Model inputs of measured spectra, and their first shells."""
    inputs = prepare_many([item.spectrum for item in references], bundle, normalized=False)
    good = [
        (ready.values, item.true_first_shell(bundle.r))
        for ready, item in zip(inputs, references, strict=True)
        if isinstance(ready, ModelInput)
    ]
    return np.stack([values for values, _ in good]), np.array([r for _, r in good])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--measured", type=Path)
    parser.add_argument("--others", type=Path)
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    record = json.loads(read_verified(given.bundle, "training.json", bundle.card))
    preset = preset_from_dict(record["preset"])
    data, origins = select_axis(read_training_sets(given.data), preset.axis)
    training, held = split_rows(record, data)
    rows = [data.rows[i] for i in held]
    shells = first_peaks(bundle.r, np.stack([row.g2 for row in rows]))
    drawn = aligned_inputs(rows, origins[held], undamaged(preset), 7, draws=1)[len(rows) :]
    asked = {"held out": (drawn, shells)}
    for what, folder in (("measured", given.measured), ("other elements, measured", given.others)):
        if folder is not None:
            asked[what] = prepared(measured_references(folder), bundle)

    print(
        "| kept | numbers | asked | first: off by (A) | within 0.1 | median of three | within 0.1 | close |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, (sharpnesses, components) in WAYS.items():
        kept = fit_compounds(
            [data.rows[i] for i in training],
            origins[training],
            preset,
            record["seed"],
            sharpnesses=sharpnesses,
            components=components,
        )
        assert kept is not None
        compounds = parse_compounds(kept.data, preset.axis.count)
        for what, (inputs, truth) in asked.items():
            found = nearest_of(compounds, inputs)
            first = np.array([near[0].first_shell for near in found])
            middle = np.array([np.median([one.first_shell for one in near]) for near in found])
            cells = [name, f"{len(sharpnesses)} x {components}", f"{what}, {len(truth)}"]
            for shell in (first, middle):
                off = np.abs(shell - truth)
                cells += [f"{np.nanmedian(off):.3f}", f"{np.mean(off < 0.1):.2f}"]
            cells.append(f"{np.mean([near[0].close for near in found]):.2f}")
            print(f"| {' | '.join(cells)} |")
        start = time.perf_counter()
        nearest_of(compounds, inputs)
        each = (time.perf_counter() - start) / len(inputs)
        print(f"{name}: {len(kept.data) / 1e3:.0f} kB, {1e3 * each:.2f} ms a spectrum", file=sys.stderr)


if __name__ == "__main__":
    main()
