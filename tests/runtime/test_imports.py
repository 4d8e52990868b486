"""What may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
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
    "panel",
    "bokeh",
    "pandas",
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
