"""What may import what, and that the wheel needs nothing but its three dependencies."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from ..conftest import EXAMPLE, ROOT

HEAVY = (
    "torch",
    "onnx",
    "larch",
    "ase",
    "scipy",
    "matplotlib",
    "h5py",
    "tifffile",
    "dask",
    "distributed",
    "yaml",
    "tqdm",
    "sklearn",
)
PACKAGES = {
    "xnet_onnx": (ROOT / "runtime" / "xnet_onnx", {"xnet_models"}),
    "xnet_exporter": (ROOT / "exporter" / "xnet_exporter", {"xnet_onnx"}),
    "xnet_larch": (ROOT / "larch_plugin" / "xnet_larch", {"xnet_onnx"}),
    "xnet_models": (ROOT / "models" / "xnet_models", set()),
}


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('MODULES', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES"))
    return {name.split(".")[0] for name in line.split()[1:]}


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import xnet_onnx, xnet_onnx.cli")
    assert not loaded & {*HEAVY, "numpy", "onnxruntime"}


def test_predict_loads_nothing_heavy() -> None:
    code = f"""
from xnet_onnx.cli import main
try:
    main(["predict", {str(EXAMPLE)!r}, "--json"])
except SystemExit as stop:
    assert stop.code == 0
"""
    loaded = loaded_by(code)
    assert "onnxruntime" in loaded
    assert not loaded & set(HEAVY)


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("name", PACKAGES)
def test_imports_run_one_way(name: str) -> None:
    folder, allowed = PACKAGES[name]
    for path in folder.rglob("*.py"):
        ours = imports(path) & set(PACKAGES)
        assert ours <= allowed | {name}, path


def test_only_the_plugin_imports_larch() -> None:
    for name in ("xnet_onnx", "xnet_exporter", "xnet_models"):
        for path in PACKAGES[name][0].rglob("*.py"):
            assert "larch" not in imports(path), path


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
        "xnet_models/fe_k/bundle.json",
        "xnet_models/fe_k/ensemble.onnx",
        "xnet_models/fe_k/member_14.onnx",
    ):
        assert wanted in names
    assert not [name for name in names if "training/" in name or name.startswith("tests/")]
    assert wheel.stat().st_size < 40e6


def test_wheel_predicts_with_three_dependencies(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, capture_output=True)
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
