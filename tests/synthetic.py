"""Spectra of our own in every format, all made from examples/scorodite_simulated.xdi."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "scorodite_simulated.xdi"
SHARED = ROOT.parent / "shared"


def scorodite() -> np.ndarray:
    """Energy in eV, i0 and itrans of the example, shape (n, 3)."""
    return np.array([line.split() for line in EXAMPLE.read_text().splitlines() if line[0] != "#"], float)


def scorodite_mu() -> tuple[np.ndarray, np.ndarray]:
    """Energy in eV and mu of the example."""
    energy, i0, itrans = scorodite().T
    return energy, np.log(i0 / itrans)


def step(energy: np.ndarray, e0: float, height: float = 1.0, width: float = 1.5) -> np.ndarray:
    """An arctangent edge with a white line and some EXAFS."""
    x = energy - e0
    above = np.clip(x, 0.0, None)
    k = np.sqrt(0.2625 * above)
    wiggle = 0.15 * np.sin(4.0 * k + 0.5) * np.exp(-0.02 * above) * (x > 8.0)
    edge = 0.5 + np.arctan(x / width) / np.pi
    return height * (edge * (1.0 + wiggle) + 0.5 * np.exp(-((x - 4.0) ** 2) / 8.0)) + 0.3 - 2e-4 * x


def broadened(energy: np.ndarray, mu: np.ndarray, fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    """A spectrum after a Gaussian of so many eV, on a grid of 0.1 eV; the ends are held."""
    grid = np.arange(energy[0], energy[-1], 0.1)
    sigma = fwhm / 0.1 / 2.3548
    half = int(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    padded = np.pad(np.interp(grid, energy, mu), half, mode="edge")
    return grid, np.convolve(padded, kernel / kernel.sum(), mode="valid")


def scan(e0: float) -> np.ndarray:
    """Energies of a usual scan over an edge."""
    return e0 + np.concatenate(
        [np.arange(-100.0, -15.0, 5.0), np.arange(-15, 30, 0.5), np.arange(30.0, 200.0, 3.0)]
    )


def xdi(
    columns: dict[str, np.ndarray], fields: dict[str, str] | None = None, version: str = "XDI/1.0"
) -> bytes:
    """An XDI file; the keys of `columns` are "label unit"."""
    lines = [f"# {version} test"]
    lines += [f"# Column.{i}: {name}" for i, name in enumerate(columns, start=1)]
    named = {"Element.symbol": "Fe", "Element.edge": "K", **(fields or {})}
    lines += [f"# {key}: {value}" for key, value in named.items() if value]
    lines += ["# ///", "# made by a test", "#----", "# " + " ".join(name.split()[0] for name in columns)]
    rows = np.column_stack(list(columns.values()))
    return ("\n".join(lines) + "\n" + table(rows, "  ")).encode()


def table(rows: np.ndarray, separator: str = " ", newline: str = "\n", decimal: str = ".") -> str:
    """Rows of numbers as text."""
    return "".join(
        separator.join(f"{value:.8g}".replace(".", decimal) for value in row) + newline for row in rows
    )


def athena_group(label: str, x: np.ndarray, y: np.ndarray, **args: str) -> str:
    """One record of a Perl project."""
    named = {"label": label, "bkg_z": "Fe", "fft_edge": "k", "bkg_eshift": "0", "is_xmu": "1", **args}
    words = ",".join(
        "'{}','{}'".format(k, v.replace("\\", "\\\\").replace("'", "\\'")) for k, v in named.items()
    )
    numbers = [",".join(f"'{value:.10g}'" for value in values) for values in (x, y)]
    return (
        f"$old_group = 'g{abs(hash(label)) % 9999}';\n"
        f"@args = ({words},'titles',['a','b; (c)'],'xdi_beamline',{{'name' => {{'name' => {{}}}}}});\n"
        f"@x = ({numbers[0]});\n@y = ({numbers[1]});\n[record]   # create object\n\n"
    )


def athena(*groups: str) -> bytes:
    """A Perl project."""
    text = "# Athena project file -- Demeter version 0.9.20\n# made by a test\n\n" + "".join(groups)
    return (text + "@journal = ('it''s','none');\n\n1;\n").replace("it''s", "it\\'s").encode()


def athena_json(groups: dict[str, tuple[np.ndarray, np.ndarray, dict[str, str]]]) -> bytes:
    """A JSON project."""
    project: dict[str, object] = {
        "_____header1": "# Athena project file -- Demeter version 0.9.21",
        "_____journal": "",
        "_____order": list(groups),
    }
    for name, (x, y, args) in groups.items():
        named = {"label": name, "bkg_z": "Fe", "fft_edge": "k", "bkg_eshift": "0", **args}
        project[name] = {"args": named, "x": [f"{v:.10g}" for v in x], "y": [float(v) for v in y]}
    return json.dumps(project).encode()
