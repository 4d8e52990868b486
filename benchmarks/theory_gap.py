"""How far calculated spectra stay from the measured ones of their phase, however they are broadened.

    python benchmarks/theory_gap.py BUNDLE --data DIR [--data DIR ...] --measured DIR [--measured DIR ...]

Each calculated site of a measured phase (by its name) is broadened, stretched, moved and scaled in the
bundle's input: by a Gaussian that widens above the edge, and by a Lorentzian that grows there
(`xnet_exporter.train.augment`). Told is the least root mean square of what is left, in edge steps, and the
widths that it took; and of the spectra that theory can be brought close to, what is left at each stretch
of the energies, how large the rest is above the edge and how far it is correlated. The augmentation of
training is to cover these. Last, how well the bundle reads its held-out spectra, made to look measured, when
such rests are added.
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
from xnet_exporter.evaluate.evaluation import HeldOut, absorbers_of, held_out_rows, metrics, run_chunks
from xnet_exporter.train.augment import GRID, Distortion, amplitude_ramp, distort, on_grid, operator_of
from xnet_onnx import load_bundle
from xnet_onnx.preprocess.align import align
from xnet_onnx.preprocess.prepare import prepare_many
from xnet_onnx.spectrum import ModelInput

if TYPE_CHECKING:
    from xnet_exporter.data.sets import TrainingSet
    from xnet_onnx import Bundle
    from xnet_onnx.spectrum import EnergyAxis, FloatArray

STRETCHES = (0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08, 1.1, 1.12)
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
#: What may be left of a spectrum, in edge steps, for it to have a say on the stretch, and on what is left.
CLOSE, MET = 0.03, 0.05
#: How held-out spectra are made to look measured.
AS_MEASURED = Distortion(4.0, 6.0, 1.05, 0.9)
#: Ranges of energy in eV in which the size of the rest is told, and distances at which its correlation is.
RANGES = (-7.5, -2.5, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 32.5, 37.5)
APART = (0.0, 0.6, 1.2, 1.8, 2.4, 3.0, 3.6, 4.8, 6.0, 7.2, 8.4, 9.6)


def left_by(
    measured: FloatArray,
    axis: EnergyAxis,
    row: Row,
    origin: float,
    operators: list[tuple[Distortion, FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """Least root mean square of what is left of a measured input, for each distortion, and the least rest."""
    wide = replace(axis, first=axis.first - MOVED * axis.step, count=axis.count + 2 * MOVED)
    plain = on_grid([row], np.array([origin]))
    found = align(GRID, np.concatenate([plain @ matrix.T for _, matrix in operators]), wide).values
    energy = axis.energies()
    weight = np.where(energy > -3.0, 1.0, 0.3)
    ramp = amplitude_ramp(axis)
    least = np.full(len(operators), np.inf)
    rest = np.zeros(axis.count)
    for move in range(2 * MOVED + 1):
        values = found[:, move : move + axis.count].astype(np.float64)
        structure, left = ramp * (values - 1.0), measured - values
        change = (weight * structure * left).sum(axis=1) / (weight * structure**2).sum(axis=1)
        change = np.clip(change, AMPLITUDES[0] - 1.0, AMPLITUDES[1] - 1.0)[:, np.newaxis]
        left -= change * structure
        rms = np.sqrt((weight * left**2).sum(axis=1) / weight.sum())
        if np.nanmin(rms) < least.min():
            rest = left[np.nanargmin(rms)]
        least = np.fmin(least, rms)
    return least, rest


def _told_of_stretches(left: list[FloatArray]) -> None:
    """Print what is left at each stretch, one row of `left` a spectrum."""
    close = np.array([row for row in left if row.min() < CLOSE])
    best = np.array(STRETCHES)[close.argmin(axis=1)]
    print(f"\n{len(close)} spectra are met to {CLOSE:g}; root mean square of what is left of them:\n")
    print("| stretched by | " + " | ".join(f"{stretch:g}" for stretch in STRETCHES) + " |")
    print("|---|" + "---|" * len(STRETCHES))
    print("| left | " + " | ".join(f"{value:.4f}" for value in np.sqrt((close**2).mean(axis=0))) + " |")
    print(f"\nthe best of each: median {np.median(best):.3f}, mean {best.mean():.3f} +- {best.std():.3f}")


def _told_of_rests(rests: FloatArray, axis: EnergyAxis) -> None:
    """Print the size of what is left, shape (n, axis.count), above the edge, and its correlation."""
    energy = axis.energies()
    print(f"\n{len(rests)} spectra are met to {MET:g}; what is left of them, by the energy above the edge:\n")
    inside = [(energy >= low) & (energy < high) for low, high in itertools.pairwise(RANGES)]
    print("| eV | " + " | ".join(f"{low:g} to {high:g}" for low, high in itertools.pairwise(RANGES)) + " |")
    print("|---|" + "---|" * len(inside))
    print("| left | " + " | ".join(f"{np.sqrt((rests[:, one] ** 2).mean()):.3f}" for one in inside) + " |")
    print("\nand how far it is correlated:\n")
    print("| eV apart | " + " | ".join(f"{apart:g}" for apart in APART) + " |")
    print("|---|" + "---|" * len(APART))
    found = []
    for apart in APART:
        step = round(apart / axis.step)
        one, other = rests[:, : axis.count - step], rests[:, step:]
        found.append(float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())))
    print("| correlation | " + " | ".join(f"{value:.2f}" for value in found) + " |")


def _told_of_held_out(bundle: Bundle, data: TrainingSet, rests: FloatArray) -> None:
    """Print how well held-out spectra are read without and with what theory leaves of measured ones."""
    held, origins = held_out_rows(bundle, data)
    inputs = distort(held.rows, origins, bundle.axis, AS_MEASURED)
    rng = np.random.default_rng(0)
    signs = rng.choice((-1.0, 1.0), size=(len(inputs), 1))
    added = signs * rests[rng.integers(len(rests), size=len(inputs))]
    curves = np.stack([row.g2 for row in held.rows])
    solid = np.array([row.kind == "mineral" for row in held.rows])
    print(f"\n{len(inputs)} held-out spectra, made to look measured ({AS_MEASURED}):\n")
    print("| rests | median error | within 0.1 | 90th percentile | curves of solids: unexplained |")
    print("|---|---|---|---|---|")
    for name, values in (("without", inputs), ("with", (inputs + added).astype(np.float32))):
        members = run_chunks(bundle, values, absorbers_of(held.rows))
        shell = metrics(HeldOut(tuple(row.id for row in held.rows), members, curves), bundle.r)["first_shell"]
        squared = (members.mean(axis=1) - curves)[solid] ** 2
        print(
            f"| {name} | {shell['median']:.3f} | {shell['within_0.1']:.3f} | {shell['p90']:.3f} | "
            f"{squared.sum() / (curves[solid] ** 2).sum():.2f} |"
        )


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
    by_stretch, rests = [], []
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
        at_stretch = np.full(len(STRETCHES), np.inf)
        every = []
        for name, operators in families.items():
            fits = [left_by(ready.values, bundle.axis, *site, operators) for site in sites]
            least = np.min([rms for rms, _ in fits], axis=0)
            every += fits
            took = operators[int(least.argmin())][0]
            left[name].append(float(least.min()))
            widths = f"{took.broadening:g} and {took.damping:g} eV"
            cells.append(f"{least.min():.3f} | {widths}, stretched by {took.stretch:g}")
            for (distortion, _), rms in zip(operators, least, strict=True):
                at = STRETCHES.index(distortion.stretch)
                at_stretch[at] = min(at_stretch[at], rms)
        by_stretch.append(at_stretch)
        best, rest = min(every, key=lambda fit: float(fit[0].min()))
        if best.min() < MET:
            rests.append(rest)
        print(f"| {item.phase} | " + " | ".join(cells) + " |", flush=True)
    both = np.minimum(*left.values())
    print(
        f"\n{len(both)} spectra: median left "
        + ", ".join(f"{np.median(values):.3f} ({name})" for name, values in left.items())
        + f", {np.median(both):.3f} (the better of the two)"
    )
    _told_of_stretches(by_stretch)
    _told_of_rests(np.array(rests), bundle.axis)
    _told_of_held_out(bundle, data, np.array(rests))


if __name__ == "__main__":
    main()
