"""Many files: what the arguments stand for, the table, its resumption, exit codes."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from xnet_onnx import cli
from xnet_onnx.cli.batch import expand
from xnet_onnx.output.table import CSV_FIELDS
from xnet_onnx.wording import printable

from ..synthetic import EXAMPLE, athena, athena_group, scan, scorodite, scorodite_mu, step, table, xdi


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Three good spectra in two files, two bad files, one of them below."""
    monkeypatch.chdir(tmp_path)
    energy, mu = scorodite_mu()
    made = tmp_path / "made"
    (made / "below").mkdir(parents=True)
    (made / ".hidden").mkdir()
    (made / ".hidden" / "x.dat").write_text("no")
    (made / "a.xdi").write_bytes(EXAMPLE.read_bytes())
    (made / "b é.prj").write_bytes(
        athena(
            athena_group("one", energy, mu),
            athena_group("chi", energy, mu, is_chi="1"),
            athena_group("two", energy, mu),
        )
    )
    (made / "below" / "notes.txt").write_text("nothing to read")
    cobalt = scan(7709.0)
    (made / "below" / "z.dat").write_text(
        f"# energy mu\n{table([*zip(cobalt, step(cobalt, 7709.0), strict=True)])}"
    )
    return tmp_path


def run(*arguments: str, code: int):
    result = CliRunner().invoke(cli.main, ["predict", *arguments])
    assert result.exit_code == code, result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(path: str = "out.csv") -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NAMES = [
    "made/a.xdi",
    "made/b é.prj:one",
    "made/b é.prj:chi",
    "made/b é.prj:two",
    "made/below/notes.txt",
    "made/below/z.dat",
]


def test_a_folder_gives_one_row_a_spectrum(folder: Path) -> None:
    result = run("made", "--csv", "out.csv", code=1)
    found = rows()
    assert [row["file"] for row in found] == NAMES
    assert [row["status"] for row in found] == ["ok", "ok", "error", "ok", "error", "error"]
    assert "chi(k)" in found[2]["error"]
    assert "row of numbers" in found[4]["error"]
    assert "Co K (7709 eV)" in found[5]["error"]
    assert result.stdout == ""
    assert "3 of 6 spectra predicted, 3 failed; rows in out.csv" in result.stderr
    assert "\r" not in result.stderr, "no progress bar off a terminal"


def test_patterns_and_files(folder: Path) -> None:
    run("made/*.xdi", "made/**/*.xdi", "made/a.xdi", "--csv", "out.csv", code=0)
    assert [row["file"] for row in rows()] == ["made/a.xdi"]
    run("made/b é.prj:two", "--csv", "out.csv", code=0)
    assert [row["file"] for row in rows()] == ["made/b é.prj:two"]


@pytest.mark.parametrize("argument", ["empty", "made/*.nothing"])
def test_nothing_to_read_is_a_wrong_use(folder: Path, argument: str) -> None:
    (folder / "empty").mkdir()
    result = run(argument, "--csv", "out.csv", code=2)
    assert "no file in" in result.stderr
    assert not Path("out.csv").exists()


def test_the_table_in_the_folder_is_no_input(folder: Path) -> None:
    run("made", "--csv", "made/out.csv", code=1)
    run("made", "--csv", "made/out.csv", code=1)
    assert [row["file"] for row in rows("made/out.csv")] == NAMES


def test_csv_without_a_value_prints(folder: Path) -> None:
    for arguments in (["--csv", "made/a.xdi"], ["made/a.xdi", "--csv"], ["--csv=-", "made/a.xdi"]):
        result = run(*arguments, code=0)
        assert result.stdout.splitlines()[0].split(",") == list(CSV_FIELDS)
        assert result.stdout.splitlines()[1].startswith("made/a.xdi,ok")
    assert (folder / "made" / "a.xdi").read_bytes() == EXAMPLE.read_bytes()
    two = run("made/a.xdi", "--csv", "made/below/z.dat", code=1).stdout.splitlines()
    assert [line.partition(",")[0] for line in two[1:]] == ["made/a.xdi", "made/below/z.dat"]


def test_data_are_never_overwritten(folder: Path) -> None:
    energy, mu = scorodite_mu()
    data = "energy,mu\n" + table([*zip(energy, mu, strict=True)], ",")
    (folder / "data.csv").write_text(data)
    result = run("made/a.xdi", "--csv", "data.csv", code=1)
    assert "is there and is not a table of this version of xnet-onnx" in result.stderr
    assert (folder / "data.csv").read_text() == data
    run("data.csv", "--csv", code=0)


def test_wrong_uses(folder: Path) -> None:
    assert "--resume goes on with a file" in run("made", "--csv", "--resume", code=2).stderr
    assert "exclude each other" in run("made", "--csv", "--json", code=2).stderr
    assert "exclude each other" in run("made", "--foil", "made/a.xdi", "--foil-channel", code=2).stderr
    assert "at least one file" in run(code=2).stderr
    assert "cannot be written" in run("made", "--csv", "none/out.csv", code=1).stderr


def test_resume_after_any_cut(folder: Path) -> None:
    run("made", "--csv", "out.csv", code=1)
    whole = Path("out.csv").read_bytes()
    for cut in (0, 10, len(whole) // 4, len(whole) // 2, len(whole) - 30, len(whole) - 1, len(whole)):
        Path("out.csv").write_bytes(whole[:cut])
        arguments = ("made", "--csv", "out.csv", "--resume")
        if cut == 10:
            assert "not a table of this version" in run(*arguments, code=1).stderr
            continue
        run(*arguments, code=1)
        assert Path("out.csv").read_bytes() == whole
    run("made/a.xdi", "--csv", "new.csv", "--resume", code=0)
    assert len(rows("new.csv")) == 1


def test_resume_does_not_mix_models(folder: Path) -> None:
    run("made/a.xdi", "--csv", "out.csv", code=0)
    text = Path("out.csv").read_text()
    Path("out.csv").write_text(text.replace(rows()[0]["model"], "other 0.1"))
    assert "was made with the model other 0.1" in run("made", "--csv", "out.csv", "--resume", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interruption_leaves_whole_rows(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for i in range(1200):
        os.link(folder / "made" / "a.xdi", many / f"{i:04d}.xdi")
    code = "from xnet_onnx.cli import main; main(prog_name='xnet-onnx')"
    command = [sys.executable, "-c", code, "predict", "many", "--csv", "out.csv"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    out = folder / "out.csv"
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline and (not out.exists() or out.read_bytes().count(b"\n") < 100):
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, message = running.communicate(timeout=60)
    assert running.returncode == 1
    found = rows()
    assert 99 <= len(found) < 1200
    assert out.read_bytes().endswith(b"\n")
    assert all(row["status"] == "ok" and row["first_shell_r"] for row in found)
    assert f"{len(found)} rows are in out.csv; go on with --resume" in message
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert "0 failed" in done.stderr
    assert [row["file"] for row in rows()] == [f"many/{i:04d}.xdi" for i in range(1200)]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux only")
def test_memory_does_not_grow_with_the_number_of_files(folder: Path) -> None:
    (folder / "many").mkdir()
    for i in range(900):
        os.link(folder / "made" / "a.xdi", folder / "many" / f"{i:04d}.xdi")
    code = (
        "import sys; from xnet_onnx.cli import main\n"
        "main(['predict', *sys.argv[1:]], standalone_mode=False)\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    peak = []
    for pattern in ("many/0[0-3]*.xdi", "many"):
        done = subprocess.run(
            [sys.executable, "-c", code, pattern, "--csv", "out.csv"],
            capture_output=True,
            text=True,
            check=True,
        )
        peak.append(int(done.stdout))
    assert len(rows()) == 900
    assert peak[1] - peak[0] < 8 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="file names of bytes")
def test_names_of_any_bytes(folder: Path) -> None:
    strange = os.fsdecode(b'made/\xff\n,"x\x1b[2J.xdi')
    Path(strange).write_bytes(EXAMPLE.read_bytes())
    run("made", "--csv", "out.csv", code=1)
    before = Path("out.csv").read_bytes()
    assert before.count(b"\n") == len(NAMES) + 2
    assert printable(strange) in [row["file"] for row in rows()]
    run("made", "--csv", "out.csv", "--resume", code=1)
    assert Path("out.csv").read_bytes() == before
    for style in ("--json", "--jsonl", "--csv"):
        run(strange, style, code=0)
    run(strange, code=0)


def test_expand_keeps_order_and_drops_repeats(folder: Path) -> None:
    files, empty = expand(["made/below", "made", "-", "none.xdi"])
    assert files == [
        "made/below/notes.txt",
        "made/below/z.dat",
        "made/a.xdi",
        "made/b é.prj",
        "-",
        "none.xdi",
    ]
    assert empty == []


def test_a_project_on_stdout(folder: Path) -> None:
    result = run("made/b é.prj", code=1)
    assert "made/b é.prj:one\n" in result.stdout
    assert "Error: made/b é.prj:chi: the group is chi(k)" in result.stderr
    assert "2 of 3 spectra predicted, 1 failed" in result.stderr


def test_standard_input(folder: Path) -> None:
    result = CliRunner().invoke(cli.main, ["predict", "-"], input=EXAMPLE.read_bytes())
    assert result.exit_code == 0
    assert "first shell" in result.stdout


# columns -----------------------------------------------------------------------------------------


def test_columns_shows_what_was_understood(folder: Path) -> None:
    result = CliRunner().invoke(cli.main, ["columns", "made/a.xdi"])
    assert result.exit_code == 0
    for part in (
        "XDI, 139 rows, 3 columns",
        "incident intensity",
        "Fe K",
        "mu = ln(i0/itrans)",
        "Fe K (7112 eV)",
    ):
        assert part in result.stdout
    result = CliRunner().invoke(cli.main, ["columns", "made/b é.prj"])
    assert result.exit_code == 1
    assert "refused   the group is chi(k)" in result.stdout


def test_columns_of_an_ambiguous_file(folder: Path) -> None:
    Path("x.dat").write_text(table(scorodite()))
    result = CliRunner().invoke(cli.main, ["columns", "x.dat"])
    assert result.exit_code == 1
    assert "refused   which column is mu is not clear" in result.stdout
    assert CliRunner().invoke(cli.main, ["columns", "x.dat", "--mu-column", "ln(2/3)"]).exit_code == 0


def test_options_of_the_reader_on_the_command_line(folder: Path) -> None:
    energy, i0, itrans = scorodite().T
    columns = {"energy eV": energy, "i0": i0, "itrans": itrans}
    Path("nd.xdi").write_bytes(xdi(columns, {"Element.symbol": "Nd", "Element.edge": "L1"}))
    assert "element Nd" in run("nd.xdi", code=1).stderr
    run("nd.xdi", "--element", "Fe", "--edge", "K", code=0)
    result = run(
        "nd.xdi", "--element", "Fe", "--edge", "K", "--energy-shift", "-2.5", "--csv", "out.csv", code=0
    )
    assert result.stdout == ""
    assert rows()[0]["energy_shift"] == "-2.5"
