"""Spectra damaged on purpose, and what is counted of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ase")

from xnet_exporter.data.measured import measured_references
from xnet_exporter.evaluate.damage import AS_GIVEN, CASES, Scan, measure_damage, measure_strangers
from xnet_exporter.evaluate.evaluation import measured_first_shells
from xnet_onnx import Bundle
from xnet_onnx.errors import DataSetError

ENERGY = np.arange(-100.0, 200.0, 0.5)
SCAN = Scan(ENERGY, 0.5 + np.arctan(ENERGY) / np.pi + 0.4 * np.exp(-0.1 * (ENERGY - 6.0) ** 2))


@pytest.mark.parametrize("case", [*CASES, *AS_GIVEN])
def test_a_damage_changes_the_scan_and_only_that_of_nothing_does_not(case: str) -> None:
    damaged = (CASES | AS_GIVEN)[case](SCAN, np.random.default_rng(0))
    same = damaged.energy.size == ENERGY.size and np.array_equal(damaged.norm, SCAN.norm)
    same = same and np.array_equal(damaged.energy, ENERGY)
    assert same == (case in ("as measured", "--normalized, as it is"))
    assert damaged.energy.shape == damaged.norm.shape
    assert np.all(np.diff(damaged.energy) > 0)
    assert np.all(np.isfinite(damaged.norm))


def test_damages_do_what_they_say() -> None:
    rng = np.random.default_rng(0)
    assert CASES["ends at +50 eV"](SCAN, rng).energy[-1] == 50.0
    assert CASES["clipped at 1"](SCAN, rng).norm.max() == 1.0
    ends = Scan(np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0]))
    harmonics = CASES["harmonics, 20 %"](ends, rng).norm
    assert harmonics[[0, 2]] == pytest.approx([0.0, 1.0])
    assert harmonics[1] > 0.5
    noise = CASES["noise of 2 %"](SCAN, rng).norm - SCAN.norm
    assert noise.std() == pytest.approx(0.02, rel=0.2)
    drift = CASES["drift of 3 eV"](SCAN, rng).energy - ENERGY
    assert drift[[0, -1]] == pytest.approx([0.0, 3.0])


@pytest.mark.slow
def test_what_is_counted_adds_up(root: Path, bundle: Bundle) -> None:
    references = measured_references(root / "examples" / "references")
    rows = measure_damage(bundle, references)
    assert [row["case"] for row in rows] == [*CASES, *AS_GIVEN]
    for row in rows:
        assert sum(row["verdicts"].values()) == row["spectra"] == 3
        assert row["confident"] == row["verdicts"]["high"] + row["verdicts"]["medium"]
        assert row["new"] <= row["misses"] <= row["confident"]
    assert rows[0]["new"] == 0
    for row in measure_strangers(bundle, references[:1]):
        assert sum(row["verdicts"].values()) == row["spectra"]


def test_references_by_distance_alone(root: Path, tmp_path: Path, bundle: Bundle) -> None:
    """A folder without structures: the index says the distance, and may say the element."""
    source = root / "examples" / "references"
    (known, *_) = measured_references(source)
    (tmp_path / known.name).write_bytes((source / known.name).read_bytes())
    (tmp_path / "index.csv").write_text(
        f"file,element,edge,phase,first_shell\n{known.name},Fe,K,{known.phase},2.02\n"
    )
    (item,) = measured_references(tmp_path)
    assert item.g2 is None
    assert item.true_first_shell(bundle.r) == 2.02
    assert known.true_first_shell(bundle.r) == pytest.approx(known.first_shell, abs=0.02)
    both = measured_first_shells([bundle], [known, item])
    (row,) = both["elements"]
    assert (row["name"], row["spectra"], row["curves"]) == ("Fe", 2, 1)
    (tmp_path / "index.csv").write_text("file,phase\nx.xdi,y\n")
    with pytest.raises(DataSetError, match="a column first_shell"):
        measured_references(tmp_path)
