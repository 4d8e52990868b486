"""Make the spectra of this folder: examples/scorodite_simulated.xdi and examples/references.

FEFF10 spectra of the training set, made to look measured: broadened, on the
experimental energy scale, on a sloping pre-edge and post-edge, with noise, as i0
and itrans counts. With them the structures that they were calculated from, as
`--measured` expects: index.csv and references.extxyz.

    python examples/make_example.py
"""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np

from xnet_exporter.data.sets import Row, read_training_set
from xnet_exporter.train.augment import broaden
from xnet_onnx.files import write_bytes
from xnet_onnx.preprocess.align import half_step_energy

HERE = Path(__file__).parent
SET = HERE.parent / "training" / "fe_k_feff10_v1"
#: Calculated energies are a little short: distances from the edge are stretched by this.
STRETCH = 1.04
#: Phase, row of the training set, formula, edge in eV, end of the first shell in Angstrom.
REFERENCES = (
    ("goethite", "amcsd-16643-2", "FeO(OH)", 7123.0, 2.4),
    ("wustite", "amcsd-11314-3", "FeO", 7119.5, 2.4),
    ("pyrite", "amcsd-605-2", "FeS2", 7118.0, 2.5),
)


def counts(row: Row, edge: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energy in eV, i0 and itrans of a measurement of a calculated spectrum."""
    rng = np.random.default_rng(seed)
    energy, norm = broaden(row.energy, row.mu, fwhm=1.5)
    step = half_step_energy(energy, norm)
    grid = np.concatenate(
        [np.arange(-65.0, -12.0, 5.0), np.arange(-12.0, 30.0, 0.4), np.arange(30.0, 53.0, 1.0)]
    )
    mu = np.interp(grid / STRETCH + step, energy, norm)
    mu[grid < energy[0] - step] = mu[np.searchsorted(grid, energy[0] - step)]
    photon = grid + edge
    mu = 0.9 * mu + 1.1 - 4e-4 * (photon - edge)
    i0 = rng.poisson(2e6 * (1.0 - 1e-3 * (photon - edge))).astype(float)
    return photon, i0, rng.poisson(i0 * np.exp(-mu)).astype(float)


def xdi(row: Row, edge: float, seed: int, name: str, formula: str, cutoff: float) -> bytes:
    """An XDI file that says what it was made from."""
    first = row.distances[row.distances < cutoff]
    symbol = {8: "oxygen", 16: "sulphur"}[int(row.numbers[0])]
    header = f"""# XDI/1.0 xnet-onnx/{Path(__file__).name}
# Column.1: energy eV
# Column.2: i0
# Column.3: itrans
# Element.symbol: Fe
# Element.edge: K
# Mono.d_spacing: 3.13555
# Sample.name: {name}, SIMULATED (FEFF10), not measured
# Sample.formula: {formula}
# Scan.edge_energy: 7112.0
# ///
# Simulated from training/{SET.name}, row {row.id} ({row.name}):
# broadened by 1.5 eV FWHM, counting noise of 2e6 photons, made-up background.
# The structure has {first.size} {symbol} atoms at {first.min():.2f} to {first.max():.2f} Angstrom, \
{first.mean():.2f} on average.
#----
# energy i0 itrans
"""
    rows = zip(*counts(row, edge, seed), strict=True)
    return (header + "".join(f"{e:12.4f} {a:12.1f} {b:12.1f}\n" for e, a, b in rows)).encode()


def main() -> None:
    """Write the files."""
    rows = {row.id: row for row in read_training_set(SET).rows}
    scorodite = xdi(rows["amcsd-9529-3"], 7124.0, 0, "scorodite", "FeAsO4(H2O)2", 2.4)
    write_bytes(HERE / "scorodite_simulated.xdi", scorodite)
    write_references(rows, HERE / "references")


def write_references(rows: dict[str, Row], folder: Path) -> None:
    """Write a folder for `--measured`."""
    from ase.io import iread, write

    folder.mkdir(exist_ok=True)
    text = gzip.decompress((SET / "structures.extxyz.gz").read_bytes()).decode()
    frames = {str(atoms.info["id"]): atoms for atoms in iread(io.StringIO(text), index=":", format="extxyz")}
    structures, index = [], io.StringIO(newline="")
    table = csv.writer(index, lineterminator="\n")
    table.writerow(("file", "group", "phase", "mode", "origin", "licence", "note"))
    for seed, (phase, name, formula, edge, cutoff) in enumerate(REFERENCES, start=1):
        row = rows[name]
        file = f"{phase}_simulated.xdi"
        write_bytes(folder / file, xdi(row, edge, seed, phase, formula, cutoff))
        table.writerow((file, "", phase, "transmission", "simulated", "CC BY 4.0", f"made from row {row.id}"))
        first = row.distances[row.distances < cutoff]
        atoms = frames[row.id]
        atoms.info = {
            "phase": phase,
            "site": 0,
            "weight": 1.0,
            "absorber": 0,
            "source": row.id,
            "first_shell_r": round(float(first.mean()), 3),
            "first_shell_n": int(first.size),
        }
        structures.append(atoms)
    out = io.StringIO()
    write(out, structures, format="extxyz")
    write_bytes(folder / "references.extxyz", out.getvalue().encode())
    write_bytes(folder / "index.csv", index.getvalue().encode())


if __name__ == "__main__":
    main()
