"""The training set, for the tests of what needs the extra [export]."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ..conftest import ROOT

if TYPE_CHECKING:
    from xnet_exporter.data.sets import TrainingSet

if find_spec("torch") is None or find_spec("ase") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def training() -> TrainingSet:
    from xnet_exporter.data.sets import read_training_set

    return read_training_set(ROOT / "training")


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory, training: TrainingSet) -> Path:
    """A set of 60 spectra in our layout, cut out of the training set."""
    folder = tmp_path_factory.mktemp("sets") / "tiny_v1"
    cut_set(training.name, folder, 60)
    return folder


def cut_set(name: str, folder: Path, count: int) -> None:
    """Write every n-th row of a training set as a set of its own."""
    import gzip
    import io

    from ase.io import iread, write

    source = ROOT / "training" / name
    arrays = dict(np.load(source / "spectra.npz", allow_pickle=False))
    chosen = np.linspace(0, len(arrays["id"]) - 1, count).astype(int)
    folder.mkdir(parents=True)
    np.savez(
        folder / "spectra.npz",
        **{key: value if key == "energy" else value[chosen] for key, value in arrays.items()},
    )
    text = gzip.decompress((source / "structures.extxyz.gz").read_bytes()).decode()
    wanted = set(chosen.tolist())
    frames = [
        atoms for i, atoms in enumerate(iread(io.StringIO(text), index=":", format="extxyz")) if i in wanted
    ]
    out = io.StringIO()
    write(out, frames, format="extxyz")
    (folder / "structures.extxyz.gz").write_bytes(gzip.compress(out.getvalue().encode()))
