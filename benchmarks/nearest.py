"""How far the first shells of the nearest training compounds are from the truth, kept in one way or another.

    python benchmarks/nearest.py BUNDLE --data DIR [--data DIR ...] [--measured DIR] [--others DIR]

Fits the compounds of a bundle's training spectra in several sharpnesses and numbers of components
(`xnet_exporter.calibrate.nearest`), and looks up held-out spectra, made to look measured, and measured ones
of known structure: DIR of --measured has index.csv and references.extxyz, that of --others index.csv with the
columns file and first_shell.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_exporter.calibrate.domain import domain_inputs
from xnet_exporter.calibrate.nearest import COMPONENTS, SHARPNESSES, fit_compounds
from xnet_exporter.data.measured import measured_references
from xnet_exporter.data.record import split_rows
from xnet_exporter.data.sets import read_training_sets, select_axis
from xnet_exporter.train.augment import Distortion
from xnet_exporter.train.presets import preset_from_dict
from xnet_onnx import load_bundle, read
from xnet_onnx.bundle.load import read_verified
from xnet_onnx.bundle.nearest import parse_compounds
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.preprocess.prepare import prepare_many
from xnet_onnx.spectrum import ModelInput, Spectrum
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


def prepared(pairs: list[tuple[Spectrum, float]], bundle: Bundle) -> tuple[FloatArray, FloatArray]:
    """Model inputs of measured spectra, and their first shells."""
    inputs = prepare_many([spectrum for spectrum, _ in pairs], bundle, normalized=False)
    good = [
        (item.values, r) for item, (_, r) in zip(inputs, pairs, strict=True) if isinstance(item, ModelInput)
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
    quiet = replace(preset, augmentation=replace(preset.augmentation, damage=0.0))
    rows = [data.rows[i] for i in held]
    shells = first_peaks(bundle.r, np.stack([row.g2 for row in rows]))
    asked = {"held out": (domain_inputs(rows, origins[held], quiet, 7, draws=1)[len(rows) :], shells)}
    if given.measured is not None:
        pairs = [
            (item.spectrum, float(first_peaks(bundle.r, item.g2[np.newaxis])[0]))
            for item in measured_references(given.measured)
        ]
        asked["measured"] = prepared(pairs, bundle)
    if given.others is not None:
        with (given.others / "index.csv").open(newline="") as file:
            pairs = [
                (read(given.others / row["file"]), float(row["first_shell"])) for row in csv.DictReader(file)
            ]
        asked["other elements, measured"] = prepared(pairs, bundle)

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
