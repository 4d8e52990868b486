"""The wheel, built and installed into an environment of its own: scripts/release-check runs this."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from xnet_onnx import __version__

from .conftest import EXAMPLE, ROOT
from .runtime.test_imports import HEAVY

pytest.importorskip("build")
pytestmark = pytest.mark.slow


def test_the_changelog_starts_with_this_version(wheel: Path) -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__
    assert wheel.name.split("-")[:2] == ["xnet_onnx", __version__]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_what_it_should(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "xnet_onnx/py.typed",
        "xnet_exporter/commands.py",
        "xnet_models/k_3d/bundle.json",
        "xnet_models/k_3d/ensemble.onnx",
        "xnet_models/k_3d/member_14.onnx",
        "xnet_models/k_3d/weights.bin",
    ):
        assert wanted in names
    assert not [name for name in names if "training/" in name or name.startswith("tests/")]
    assert wheel.stat().st_size < 17.5e6


def test_wheel_predicts_with_three_dependencies(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, capture_output=True)
    version = subprocess.run(
        [str(scripts / "xnet-onnx"), "--version"], check=True, capture_output=True, text=True
    ).stdout
    assert version.split()[-1] == __version__
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True)
    installed = {line.split("==")[0].lower() for line in listed.stdout.splitlines()}
    assert not installed & set(HEAVY)
    done = subprocess.run(
        [str(scripts / "xnet-onnx"), "predict", str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "first shell" in done.stdout
    plot = subprocess.run(
        [str(scripts / "xnet-onnx"), "predict", str(EXAMPLE), "--plot", "out.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert plot.returncode == 1
    assert 'pip install "xnet-onnx[plot]"' in plot.stderr
    train = subprocess.run(
        [str(scripts / "xnet-onnx"), "train", "--data", "x", "--out", "y"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert train.returncode == 1
    assert 'pip install "xnet-onnx[export]"' in train.stderr
