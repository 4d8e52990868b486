"""Stacks whose right answer is known, made of two training spectra.

    python benchmarks/made_stack.py OUT.h5 [--size 64] [--energies 200] [--layout eyx]

Two phases, left and right of a straight, slanted boundary over which one passes
into the other; the sample gets thicker from top to bottom; photon noise in proportion to
the square root of what comes through; dead pixels; and a corner without sample.
The truth (the first peak of the G2 of each phase's structure, and each pixel's
share) is in the file, in /truth.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_exporter.data.sets import read_training_set
from xnet_exporter.train.augment import broaden
from xnet_onnx import load_bundle
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.preprocess.align import half_step_energy
from xnet_onnx.spectrum import FloatArray

ROOT = Path(__file__).resolve().parent.parent
#: Names in the training set, and where their half step is put, in eV.
PHASES = (("Goethite", 7123.0), ("Pyrrhotite", 7118.0))
#: Broadening at the edge and further 30 eV above it, in eV: theory is sharper than a measurement.
FWHM, DAMPING = 2.0, 3.0
PHOTONS = 2.0e5
EMPTY, DEAD = 0.5, 0.002


@dataclass(frozen=True, eq=False)
class Phase:
    """A spectrum on the scan's energies, 0 below the edge and 1 above, and its true first shell."""

    name: str
    mu: FloatArray
    first_shell: float


def scan(count: int) -> FloatArray:
    """Energies of a XANES scan over the iron K edge in eV: half of them at the edge itself."""
    quarter = count // 4
    return np.concatenate(
        [
            np.linspace(7060.0, 7100.0, quarter, endpoint=False),
            np.linspace(7100.0, 7135.0, count - 2 * quarter, endpoint=False),
            np.linspace(7135.0, 7230.0, quarter),
        ]
    )


def phases(energy: FloatArray, named: tuple[tuple[str, float], ...] = PHASES) -> list[Phase]:
    """Training spectra, broadened as by a beamline, each with its edge in its place."""
    bundle = load_bundle()
    rows = {row.name: row for row in reversed(read_training_set(ROOT / "training").rows)}
    made = []
    for name, edge in named:
        row = rows[name]
        # The calculation starts at the foot of the edge and ends 60 eV above it: 0 before, 1 after.
        padded = np.concatenate(
            [
                row.energy[0] - np.arange(80.0, 4.0, -1.0),
                row.energy,
                row.energy[-1] + np.arange(10.0, 80.0, 10.0),
            ]
        )
        values = np.concatenate([np.zeros(76), row.mu, np.ones(7)])
        grid, mu = broaden(padded, values, FWHM, DAMPING, half_step_energy(padded, values))
        shifted = grid - half_step_energy(grid, mu) + edge
        truth = first_peaks(bundle.r, row.g2[np.newaxis])
        made.append(Phase(name, np.interp(energy, shifted, mu), float(truth[0])))
    return made


def share_of_second(size: int) -> FloatArray:
    """Each pixel's share of the second phase, (size, size): 0 to 1 over a twentieth of the width."""
    y, x = np.mgrid[0:size, 0:size] / size
    return np.clip((x - 0.45 - 0.2 * y) / 0.05 + 0.5, 0.0, 1.0)


def empty_corner(size: int) -> np.ndarray:
    """Where there is no sample: the upper right corner."""
    y, x = np.mgrid[0:size, 0:size] / size
    return np.asarray((x - (1.0 - EMPTY)) > y)


def make_stack(
    path: Path,
    size: int,
    count: int = 200,
    layout: str = "eyx",
    seed: int = 0,
) -> None:
    """Write a stack of size x size pixels, float32, and the truth."""
    import h5py

    energy = scan(count)
    first, second = phases(energy)
    share, empty = share_of_second(size), empty_corner(size)
    rng = np.random.default_rng(seed)
    dead = rng.random((size, size)) < DEAD
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "data"})
        data = entry.create_group("data")
        axes = ["energy", "y", "x"] if layout == "eyx" else ["y", "x", "energy"]
        data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": axes})
        data["energy"] = energy
        data["energy"].attrs["units"] = "eV"
        shape = (count, size, size) if layout == "eyx" else (size, size, count)
        stack = data.create_dataset("mu", shape, "<f4")
        for row in range(size):
            thickness = np.where(empty[row], 0.0, 0.4 + 0.8 * row / size)
            mix = (1.0 - share[row, :, None]) * first.mu + share[row, :, None] * second.mu
            slope = 0.3 - 3e-4 * (energy - 7112.0)
            mu = thickness[:, None] * (mix + slope)
            through = rng.poisson(PHOTONS * np.exp(-mu))
            measured = -np.log(np.maximum(through, 1) / PHOTONS)
            measured[dead[row]] = np.where(rng.random(int(dead[row].sum())) < 0.5, np.nan, 0.0)[:, None]
            if layout == "eyx":
                stack[:, row, :] = measured.T
            else:
                stack[row] = measured
        truth = file.create_group("truth")
        truth["share"], truth["empty"], truth["dead"] = share, empty, dead
        truth.attrs.update(
            {"first": first.name, "second": second.name, "r": [first.first_shell, second.first_shell]}
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--energies", type=int, default=200)
    parser.add_argument("--layout", choices=("eyx", "yxe"), default="eyx")
    chosen = parser.parse_args()
    make_stack(chosen.out, chosen.size, chosen.energies, chosen.layout)


if __name__ == "__main__":
    main()
