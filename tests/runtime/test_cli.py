"""The command line as people use it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from xnet_onnx import Bundle
from xnet_onnx.cli import main, plugins
from xnet_onnx.output.table import CSV_FIELDS

from ..conftest import EXAMPLE

KEYS = {
    "file", "status", "error", "model", "element", "edge", "preprocessing", "r", "mean", "sigma",
    "peaks", "first_shell", "warnings",
}  # fmt: skip


def run(*arguments: str | Path, data: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=data)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.xdi"
    path.write_text("# XDI/1.0\n# Column.1: energy eV\n# Column.2: mutrans\n# ---\n7000 one\n")
    return path


def test_table() -> None:
    result = run("predict", EXAMPLE)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == str(EXAMPLE)
    assert "first shell" in lines[1]
    assert "90 %" in lines[1]
    assert "ln(i0/itrans), columns 2 and 3" in result.stdout
    assert result.stderr == ""


def test_json(bad: Path) -> None:
    result = run("predict", EXAMPLE, bad, "--json")
    assert result.exit_code == 1
    good, failed = json.loads(result.stdout)
    assert set(good) >= KEYS
    assert set(failed) >= KEYS
    assert good["status"] == "ok"
    assert good["error"] is None
    assert {"e0", "edge_step", "energy_shift", "axis"} <= set(good["preprocessing"])
    assert len(good["r"]) == len(good["mean"]) == len(good["sigma"]) == 50
    assert set(good["peaks"][0]) >= {"r", "r_sigma", "height"}
    assert set(good["first_shell"]) >= {"r", "r_sigma"}
    assert good["first_shell"]["r"] == good["peaks"][0]["r"]
    assert failed["status"] == "error"
    assert "'one' is not a number" in failed["error"]
    assert "1 of 2 with a distance, 1 failed" in result.stderr


def copies(folder: Path, count: int) -> list[Path]:
    made = [folder / f"copy_{i}.xdi" for i in range(count)]
    for path in made:
        path.write_bytes(EXAMPLE.read_bytes())
    return made


def test_jsonl(bad: Path, tmp_path: Path) -> None:
    result = run("predict", EXAMPLE, bad, *copies(tmp_path, 1), "--jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]


def test_csv(bad: Path) -> None:
    result = run("predict", bad, EXAMPLE, "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["status"] for row in rows] == ["error", "ok"]
    assert tuple(rows[0]) == CSV_FIELDS
    assert float(rows[1]["first_shell_r"]) == pytest.approx(2.0, abs=0.2)
    likely = json.loads(run("predict", EXAMPLE, "--json").stdout)[0]["first_shell"]["kinds"][0]
    assert rows[1]["neighbours"] == likely["name"]
    assert float(rows[1]["neighbours_probability"]) == pytest.approx(likely["probability"], abs=1e-3)
    assert rows[0]["neighbours"] == ""


def test_json_is_always_an_array(bad: Path) -> None:
    assert len(json.loads(run("predict", EXAMPLE, "--json").stdout)) == 1
    assert json.loads(run("predict", bad, "--json").stdout)[0]["status"] == "error"


def test_stdin() -> None:
    result = run("predict", "-", "--json", data=EXAMPLE.read_bytes())
    assert json.loads(result.stdout)[0]["file"] == "-"
    assert result.exit_code == 0


def test_one_line_on_stderr(bad: Path, tmp_path: Path) -> None:
    for arguments in (
        ("predict", bad),
        ("predict", tmp_path / "missing.xdi"),
        ("predict", EXAMPLE, "--model", tmp_path),
        ("info", "--model", tmp_path),
        ("verify", "--model", tmp_path),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert result.stdout == ""
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stderr.startswith("Error: ")
        assert "Traceback" not in result.stderr


def test_usage_errors() -> None:
    for arguments in (("predict",), ("predict", EXAMPLE, "--threads", "0"), ("nonsense",)):
        assert run(*arguments).exit_code == 2


def test_columns_are_chosen(tmp_path: Path) -> None:
    text = "\n".join(line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#"))
    path = tmp_path / "plain.txt"
    path.write_text(text)
    result = run("predict", path)
    assert result.exit_code == 1
    assert "--mu-column" in result.stderr
    # Column 3 is the transmitted intensity: no edge, and said so.
    result = run("predict", path, "--mu-column", "3")
    assert result.exit_code == 1
    assert "7112" in result.stderr or "falls" in result.stderr


def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "figure.png"
    result = run("predict", EXAMPLE, EXAMPLE, "--plot", out)
    assert result.exit_code == 0, result.output
    assert out.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
    result = run("predict", EXAMPLE, "--plot", tmp_path / "figure.xyz")
    assert result.exit_code == 1
    assert "figure format" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]
    assert run("predict", EXAMPLE, "--plot", tmp_path / "no" / "f.png").exit_code == 1


def test_info_and_verify(bundle: Bundle) -> None:
    result = run("info")
    assert result.exit_code == 0
    assert bundle.title in result.stdout
    assert "first shell within 0.1 A" in result.stdout
    assert "What it cannot do" in result.stdout
    assert len(result.stdout.splitlines()) <= 40
    assert "Held-out compositions" in run("info", "--card").stdout
    result = run("verify")
    assert result.exit_code == 0
    assert "golden input" in result.stdout


def test_version_and_help() -> None:
    assert "xnet-onnx" in run("--version").stdout
    text = run("--help").stdout
    elsewhere = ("train", "export", "calibrate", "evaluate", "reproduce", "larch")
    for name in ("predict", "columns", "map", "info", "verify", *elsewhere):
        assert name in text
        result = run(name, "--help")
        assert result.exit_code == 0
        assert name in elsewhere or "Examples:" in result.stdout


def test_a_command_of_a_broken_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    broken = metadata.EntryPoint("broken", "no_such_package:command", plugins.COMMANDS)
    monkeypatch.setattr(
        metadata, "entry_points", lambda **wanted: metadata.EntryPoints([broken]).select(**wanted)
    )
    result = run("--help")
    assert result.exit_code == 0
    assert "cannot be loaded" in result.stdout
    result = run("broken")
    assert result.exit_code == 1
    assert "install that package again" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from xnet_onnx.cli import main; main(['--help'], standalone_mode=False);"
    code += "print('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.partition("MODULES")[2].split()}
    assert "click" in loaded
    assert not loaded & {"torch", "numpy", "onnxruntime", "larch", "ase", "matplotlib"}


@pytest.mark.parametrize(
    "option", [("--energy-shift", "1"), ("--normalized",), ("--mu-column", "2"), ("--foil-channel",)]
)
def test_a_larix_session_refuses_what_it_cannot_honour(tmp_path: Path, option: tuple[str, ...]) -> None:
    path = tmp_path / "x.larix"
    path.write_bytes(b"")
    result = run("predict", path, *option)
    assert result.exit_code == 1
    assert option[0] in result.stderr
    assert "Larix session" in result.stderr


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec

    def hide(name: str, package: str | None = None) -> object:
        return None if name == "torch" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hide)
    for arguments in (
        ("train", "--data", "x", "--out", "y"),
        ("export", "x", "--out", "y"),
        ("evaluate", "x", "--data", "y"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1
        assert 'pip install "xnet-onnx[export]"' in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_module_entry_point() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xnet_onnx", "predict", str(EXAMPLE)], capture_output=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr == b""
