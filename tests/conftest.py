"""What the tests run on: our own data always, other people's where it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xnet_exporter.data.sets import TrainingSet, read_training_set
from xnet_onnx import Bundle, load_bundle

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
EXAMPLE = ROOT / "examples" / "scorodite_simulated.xdi"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def example() -> Path:
    return EXAMPLE


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle()


@pytest.fixture(scope="session")
def training() -> TrainingSet:
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


def measured_files() -> list[Path]:
    """XDI files of shared/experimental, none where it is not at hand."""
    return sorted((SHARED / "experimental").glob("*.xdi"))
