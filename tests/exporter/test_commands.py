"""The commands from a training set to a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xnet_onnx import load_bundle
from xnet_onnx.cli import main

pytestmark = pytest.mark.slow


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_training_commands(tiny_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    arguments = ("--data", tiny_set, "--out", out, "--members", "2", "--seed", "1", "--epochs", "1")
    result = run("train", *arguments)
    assert result.exit_code == 0, result.output
    assert "2 members of preset default" in result.stdout
    assert run("train", *arguments).exit_code == 1
    assert run("train", *arguments, "--resume").exit_code == 0
    result = run("export", out, "--out", tmp_path / "bundle")
    assert result.exit_code == 0, result.output
    result = run("evaluate", tmp_path / "bundle", "--data", tiny_set)
    assert result.exit_code == 0, result.output
    assert "MSE, median" in result.stdout
    assert run("verify", "--model", tmp_path / "bundle").exit_code == 0
    assert "MSE, median" in run("info", "--card", "--model", tmp_path / "bundle").stdout
    assert run("export", "--out", tmp_path / "other").exit_code == 2
    assert load_bundle(tmp_path / "bundle").card["version"] == "1.0.0"
    exported = []

    def export(run: Path, out: Path, *, name: str, version: str) -> dict[str, float]:
        exported.append(version)
        card = json.loads((out / "bundle.json").read_text()) | {"version": version}
        (out / "bundle.json").write_text(json.dumps(card))
        return {"torch": 0.0, "fused": 0.0}

    monkeypatch.setattr("xnet_exporter.train.run.export_run", export)
    for given in (("--bundle-version", "2.3.0"), ()):
        assert run("export", out, "--out", tmp_path / "bundle", *given).exit_code == 0
    assert exported == ["2.3.0", "2.3.0"]
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    result = run("export", out, "--out", tmp_path / "bundle")
    assert result.exit_code == 1
    assert "give --bundle-version" in result.stderr
