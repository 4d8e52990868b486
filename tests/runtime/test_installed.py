"""An installed wheel, and what has become of it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from xnet_onnx.cli import main
from xnet_onnx.installed import check_installed

from ..conftest import ROOT


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What an installer leaves, of two small packages."""
    files = {
        "xnet_onnx/__init__.py": b"1\n",
        "xnet_models/fe_k/m.onnx": b"weights",
        "../bin/xnet-onnx": b"#!",
    }
    record = ""
    for name, data in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    info = tmp_path / "site" / "xnet_onnx-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xnet-onnx\nVersion: 1.0.0\n")
    (info / "RECORD").write_text(
        record + "xnet_onnx/__pycache__/x.pyc,,\nxnet_onnx-1.0.0.dist-info/RECORD,,\n"
    )
    return tmp_path / "site"


def found(site: Path) -> importlib.metadata.Distribution:
    return importlib.metadata.PathDistribution(site / "xnet_onnx-1.0.0.dist-info")


def test_a_whole_installation(site: Path) -> None:
    (site / "xnet_onnx" / "__pycache__").mkdir()
    (site / "xnet_onnx" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    done = check_installed(found(site))
    assert done.whole
    assert (done.version, done.files) == ("1.0.0", 2)


def test_what_differs_is_named(site: Path) -> None:
    (site / "xnet_onnx" / "__init__.py").write_bytes(b"2\n")
    (site / "xnet_models" / "fe_k" / "m.onnx").unlink()
    (site / "xnet_onnx" / "extra.py").write_bytes(b"3\n")
    done = check_installed(found(site))
    assert not done.whole
    assert done.changed == ("xnet_onnx/__init__.py",)
    assert done.missing == ("xnet_models/fe_k/m.onnx",)
    assert done.added == ("xnet_onnx/extra.py",)
    assert done.files == 0


def test_an_editable_installation_has_nothing_to_compare(site: Path) -> None:
    (site / "xnet_onnx-1.0.0.dist-info" / "RECORD").write_text("_editable.pth,sha256=x,3\n")
    done = check_installed(found(site))
    assert done.whole
    assert done.files == 0


def test_the_command_names_them(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: found(site))
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("xnet-onnx 1.0.0: 2 files as in its wheel\nk_3d ")
    (site / "xnet_onnx" / "extra\n.py").write_bytes(b"3\n")
    (site / "xnet_onnx" / "__init__.py").unlink()
    done = CliRunner().invoke(main, ["verify"])
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "xnet_onnx/__init__.py is missing, xnet_onnx/extra\\x0a.py was added" in done.stderr


def test_bill_of_materials() -> None:
    pytest.importorskip("packaging")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "sbom.py")], capture_output=True, text=True, check=True
    )
    bill = json.loads(done.stdout)
    assert bill["bomFormat"] == "CycloneDX"
    names = {one["name"]: one for one in bill["components"]}
    assert {"numpy", "onnxruntime", "click"} <= set(names)
    assert not {"torch", "xraylarch"} & set(names)
    data = (ROOT / "models" / "xnet_models" / "k_3d" / "ensemble.onnx").read_bytes()
    assert names["k_3d/ensemble.onnx"]["hashes"][0]["content"] == hashlib.sha256(data).hexdigest()
    references = {one["bom-ref"] for one in bill["components"] if "bom-ref" in one}
    references.add(bill["metadata"]["component"]["bom-ref"])
    assert all(set(one["dependsOn"]) <= references for one in bill["dependencies"])
