"""Both layouts of training sets, and what is left out of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import given
from hypothesis import strategies as st

from xnet_exporter.data.descriptor import g2
from xnet_exporter.data.sets import (
    TrainingSet,
    hold_out,
    latest_set,
    read_training_set,
    select_axis,
)
from xnet_exporter.train.presets import PRESETS
from xnet_onnx.errors import DataSetError

pytestmark = pytest.mark.slow

EDGE, ABSOLUTE = PRESETS["default"].axis, PRESETS["paper"].axis


def test_our_layout(training: TrainingSet) -> None:
    assert len(training.rows) > 100
    row = training.rows[0]
    assert row.g2.shape == (50,)
    assert np.all(np.isfinite(row.mu))
    assert np.all(np.diff(row.distances) >= 0)
    assert len({row.id for row in training.rows}) == len(training.rows)


def xanesnet_layout(folder: Path) -> None:
    (folder / "xyz").mkdir(parents=True)
    (folder / "xanes").mkdir()
    energy = np.arange(7100.0, 7170.0, 0.5)
    for i, stem in enumerate(("AAA", "BBB", "CCC")):
        atoms = Atoms("FeO2", [[0, 0, 0], [0, 0, 1.9 + 0.1 * i], [0, 2.0, 0]])
        write(folder / "xyz" / f"{stem}.xyz", atoms, format="xyz")
        mu = 1 / (1 + np.exp(-(energy - 7120 - i)))
        rows = "".join(f"{e:10.2f}{m:15.7E}\n" for e, m in zip(energy, mu, strict=True))
        (folder / "xanes" / f"{stem}.txt").write_text("FDMNES\n energy <xanes>\n" + rows)


def test_xanesnet_layout(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    xanesnet_layout(folder)
    data = read_training_set(folder)
    assert [row.id for row in data.rows] == ["AAA", "BBB", "CCC"]
    atoms = Atoms("FeO2", [[0, 0, 0], [0, 0, 2.0], [0, 2.0, 0]])
    np.testing.assert_allclose(data.rows[1].g2, g2(atoms, 0), atol=1e-6)
    covered, origins = select_axis(data, EDGE)
    assert len(covered.rows) == 3
    # Each is a logistic step, which rises through 0.8 log(4) eV above its middle.
    np.testing.assert_allclose(origins, np.log(4.0) + np.arange(7120, 7123), atol=0.1)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    xanesnet_layout(folder)
    (folder / "xyz" / "AAA.xyz").unlink()
    (folder / "xanes" / "BBB.txt").unlink()
    text = (folder / "xanes" / "CCC.txt").read_text()
    for stem, changed in (
        ("NAN", text.replace("9.9330715E-01", "nan")),
        ("SHORT", "\n".join(text.splitlines()[:60])),
        ("WORDS", text + "not numbers\n"),
    ):
        shutil.copy(folder / "xyz" / "CCC.xyz", folder / "xyz" / f"{stem}.xyz")
        (folder / "xanes" / f"{stem}.txt").write_text(changed)
    data, _ = select_axis(read_training_set(folder), EDGE)
    reasons = dict(data.left_out)
    assert [row.id for row in data.rows] == ["CCC"]
    assert "no structure" in reasons["AAA"]
    assert "no spectrum" in reasons["BBB"]
    assert "NaN" in reasons["NAN"]
    assert "7112" in reasons["SHORT"] or "needs" in reasons["SHORT"]
    assert "cannot be read" in reasons["WORDS"]


def test_nothing_is_padded(training: TrainingSet) -> None:
    for axis in (EDGE, ABSOLUTE):
        covered, origins = select_axis(training, axis)
        assert len(covered.rows) + len(covered.left_out) == len(training.rows) + len(training.left_out)
        for row, origin in zip(covered.rows, origins, strict=True):
            assert row.energy[0] <= axis.first + origin
            assert row.energy[-1] >= axis.last + origin


def test_latest_version_is_taken(tmp_path: Path, tiny_set: Path) -> None:
    for version in (1, 2, 10):
        shutil.copytree(tiny_set, tmp_path / f"fe_v{version}")
    (tmp_path / "notes").mkdir()
    assert latest_set(tmp_path).name == "fe_v10"


def test_a_small_set_in_a_high_version_does_not_hide_a_large_one(tmp_path: Path, tiny_set: Path) -> None:
    for name in ("fe_v1", "fe_v2", "mn_v3"):
        shutil.copytree(tiny_set, tmp_path / name)
    (tmp_path / "fe_v1" / "more.txt").write_bytes(b"0" * 2000)
    (tmp_path / "fe_v2" / "more.txt").write_bytes(b"0" * 1000)
    assert latest_set(tmp_path).name == "fe_v2"


@pytest.mark.parametrize("kind", ["missing", "empty", "broken"])
def test_errors(tmp_path: Path, tiny_set: Path, kind: str) -> None:
    folder = tmp_path / "set_v1"
    if kind != "missing":
        folder.mkdir()
    if kind == "broken":
        shutil.copy(tiny_set / "spectra.npz", folder)
    with pytest.raises(DataSetError, match="expected"):
        read_training_set(folder)


@given(seed=st.integers(0, 1000), extra=st.lists(st.text(min_size=1, max_size=5), max_size=20))
def test_hold_out_is_by_composition_and_stays(seed: int, extra: list[str]) -> None:
    names = [f"composition {i % 40}" for i in range(100)]
    training, held = hold_out(names, 0.3, seed)
    assert not {names[i] for i in training} & {names[i] for i in held}
    assert sorted([*training, *held]) == list(range(100))
    _, more = hold_out(names + extra, 0.3, seed)
    assert [i for i in more if i < 100] == held.tolist()


def test_hold_out_share(training: TrainingSet) -> None:
    names = [row.name for row in training.rows]
    _, held = hold_out(names, 0.1, 0)
    assert 0.07 < len({names[i] for i in held}) / len(set(names)) < 0.13
