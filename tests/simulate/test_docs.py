"""The page "Train for your own compounds", as it is written."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_onnx.cli import main

pytest.importorskip("feff10")
pytest.importorskip("torch")


def crystals(folder: Path) -> None:
    """Six crystals of small units far apart, so that FEFF takes seconds."""
    from ase import Atoms
    from ase.io import write

    folder.mkdir()
    octahedron = np.vstack([np.eye(3), -np.eye(3)])
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
    for i, (arms, symbol, distance) in enumerate(
        [
            (octahedron, "O", 2.0),
            (octahedron, "O", 2.15),
            (octahedron, "F", 1.95),
            (tetrahedron, "O", 1.87),
            (tetrahedron, "Cl", 2.2),
            (tetrahedron, "S", 2.28),
        ]
    ):
        positions = np.vstack([np.zeros((1, 3)), arms * distance]) + 8
        unit = Atoms(f"Fe{symbol}{len(arms)}", positions=positions, cell=[16] * 3, pbc=True)
        write(folder / f"{i}.cif", unit)


@pytest.mark.slow
def test_the_page_runs_as_written(
    tmp_path: Path, root: Path, example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (root / "docs" / "train-your-own.md").read_text(encoding="utf-8")
    commands = [
        shlex.split(line)
        for block in re.findall(r"```bash\n(.*?)```", page, re.S)
        for line in block.splitlines()
    ]
    assert [words[1] for words in commands] == ["structures", "simulate", "train", "export", "predict"]
    crystals(tmp_path / "cifs")
    shutil.copy(example, tmp_path / "spectrum.xdi")
    monkeypatch.chdir(tmp_path)
    output = ""
    for words in commands:
        assert words[0] == "xnet-onnx"
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, f"{' '.join(words)}: {result.output}"
        output += result.stdout
    assert "6 clusters around Fe" in output
    assert re.search(r"[3-6] Fe K spectra in sets.mine_v1", output)
    assert "mine_k" in result.stdout
