"""Energy calibration: the foil's first inflection goes to the tabulated energy."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_onnx import cli
from xnet_onnx.edges import Absorber
from xnet_onnx.errors import ColumnError, CoverageError, EdgeError
from xnet_onnx.readers import read, read_all
from xnet_onnx.readers.foil import first_inflection, foil_shift

from ..synthetic import SHARED, scorodite, table

IRON = Absorber("Fe", "K", 7112.0, (7095.0, 7145.0))


def foil(energy: np.ndarray, at: float) -> np.ndarray:
    """Absorption of a metal: a first inflection at `at`, a steeper one above it."""
    return 0.45 * np.tanh((energy - at) / 1.5) + 0.55 * np.tanh((energy - at - 8.0) / 1.8)


@pytest.mark.parametrize("at", [7106.2, 7110.75, 7112.0, 7115.0])
def test_the_first_inflection_is_found(at: float) -> None:
    energy = np.arange(7000.0, 7250.0, 0.35)
    assert first_inflection(energy, foil(energy, at), 7112.0) == pytest.approx(at, abs=0.05)
    assert foil_shift(energy, foil(energy, at), "Fe", (IRON,)) == pytest.approx(7112.0 - at, abs=0.05)


def test_what_is_no_foil() -> None:
    energy = np.arange(7000.0, 7250.0, 0.35)
    with pytest.raises(EdgeError, match="no rise"):
        first_inflection(energy, -foil(energy, 7112.0), 7112.0)
    with pytest.raises(EdgeError, match="no rise"):
        first_inflection(energy, np.random.default_rng(0).normal(size=energy.size), 7112.0)
    with pytest.raises(CoverageError, match="points within 30 eV of 7112 eV"):
        first_inflection(energy + 200, foil(energy, 7112.0), 7112.0)


def test_calibration_on_the_command_line(tmp_path, monkeypatch) -> None:
    """A foil file, and the reference channel in the file itself, give the same shift."""
    monkeypatch.chdir(tmp_path)
    energy, i0, itrans = scorodite().T
    irefer = itrans * np.exp(-foil(energy, 7114.0) - 1.5)
    rows = np.column_stack([energy, i0, itrans, irefer])
    Path("x.dat").write_text("# energy i0 itrans irefer\n" + table(rows))
    fine = np.arange(7000.0, 7250.0, 0.35)
    Path("foil.dat").write_text("# energy mu\n" + table(np.column_stack([fine, foil(fine, 7114.0)])))
    shifts = []
    for option in (["--foil", "foil.dat"], ["--foil-channel"]):
        out = ["--csv", "out.csv", "--overwrite"]
        result = CliRunner().invoke(cli.main, ["predict", "x.dat", *out, *option])
        assert result.exit_code == 0, result.output
        with Path("out.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        shifts.append(float(row["energy_shift"]))
    np.testing.assert_allclose(shifts, -2.0, atol=0.1)
    Path("y.dat").write_text("# energy i0 itrans\n" + table(rows[:, :3]))
    with pytest.raises(ColumnError, match="no reference channel"):
        raise read_all("y.dat", calibrate=7112.0)[0]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the collected files are not here")
def test_measured_foils() -> None:
    spectrum = read(SHARED / "experimental" / "Fe_Foil_rt_2016Foils.xdi")
    assert foil_shift(spectrum.energy, spectrum.mu, None, (IRON,)) == pytest.approx(1.15, abs=0.1)
    # The shift that Athena's user recorded in the project.
    spectrum = read(f"{SHARED}/experimental/Fe.prj:Fe foil")
    recorded = foil_shift(spectrum.energy - spectrum.energy_shift, spectrum.mu, "Fe", (IRON,))
    assert recorded == pytest.approx(spectrum.energy_shift, abs=0.1)
