"""Many files: what the arguments stand for, the table, its resumption, exit codes."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_onnx import cli, predict
from xnet_onnx.cli.expand import expand
from xnet_onnx.cli.watch import arrivals
from xnet_onnx.output.csv_file import CsvFile
from xnet_onnx.output.table import CSV_FIELDS
from xnet_onnx.wording import printable

from ..synthetic import EXAMPLE, athena, athena_group, scan, scorodite, scorodite_mu, step, table, xdi

RESUME = ("--csv", "out.csv", "--resume")


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
    (made / "below" / "cut.dat").write_text("# energy mu\n" + "7100 0.1\n" * 6 + "7101 0.1 3\n")
    (made / "below" / "notes.txt").write_text("nothing to read\nbeamtime 12, 4 samples\n")
    (made / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (made / "manuscript").write_bytes(b"%PDF-1.5\n" + bytes(64))
    gadolinium = scan(7243.0)
    (made / "below" / "z.dat").write_text(
        f"# energy mu\n{table([*zip(gadolinium, step(gadolinium, 7243.0), strict=True)])}"
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
    "made/below/cut.dat",
    "made/below/z.dat",
]


def test_a_folder_gives_one_row_a_spectrum(folder: Path) -> None:
    result = run("made", "--csv", "out.csv", code=1)
    found = rows()
    assert [row["file"] for row in found] == NAMES
    assert [row["status"] for row in found] == ["ok", "ok", "error", "ok", "error", "error"]
    assert "chi(k)" in found[2]["error"]
    assert found[4]["error"]
    assert "Gd L3 (7243 eV)" in found[5]["error"]
    assert result.stdout == ""
    assert "Error: made/b é.prj:chi: the group is chi(k)" in result.stderr
    said = "3 of 6 with a distance, 3 failed; 3 files skipped, no spectra ("
    assert said in result.stderr
    assert "; rows in out.csv" in result.stderr
    assert "\r" not in result.stderr, "no progress bar off a terminal"


def test_patterns_and_files(folder: Path) -> None:
    run("made/*.xdi", "made/**/*.xdi", "made/a.xdi", "--csv", "out.csv", code=0)
    assert [row["file"] for row in rows()] == ["made/a.xdi"]
    run("made/b é.prj:two", "--csv", "out.csv", "--overwrite", code=0)
    assert [row["file"] for row in rows()] == ["made/b é.prj:two"]


@pytest.mark.parametrize("argument", ["empty", "made/*.nothing"])
def test_nothing_to_read_is_a_wrong_use(folder: Path, argument: str) -> None:
    (folder / "empty").mkdir()
    result = run(argument, "--csv", "out.csv", code=2)
    assert "no file in" in result.stderr
    assert not Path("out.csv").exists()


def test_the_table_in_the_folder_is_no_input(folder: Path) -> None:
    run("made", "--csv", "made/out.csv", code=1)
    run("made", "--csv", "made/out.csv", "--overwrite", code=1)
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


@pytest.mark.slow
def test_resume_after_any_cut(folder: Path) -> None:
    run("made", "--csv", "out.csv", code=1)
    whole = Path("out.csv").read_bytes()
    for cut in (0, 10, len(whole) // 4, len(whole) // 2, len(whole) - 30, len(whole) - 1, len(whole)):
        Path("out.csv").write_bytes(whole[:cut])
        arguments = ("made", "--csv", "out.csv", "--resume")
        run(*arguments, code=1)
        assert Path("out.csv").read_bytes() == whole
    run("made/a.xdi", "--csv", "new.csv", "--resume", code=0)
    assert len(rows("new.csv")) == 1


def test_resume_does_not_mix_models(folder: Path) -> None:
    run("made/a.xdi", "--csv", "out.csv", code=0)
    text = Path("out.csv").read_text()
    Path("out.csv").write_text(text.replace(rows()[0]["model"], "other 0.1"))
    assert "was made with other settings (other 0.1" in run("made", *RESUME, code=1).stderr


@pytest.mark.slow
def test_resume_does_not_mix_options(folder: Path) -> None:
    run("made/a.xdi", "made/b é.prj", "--csv", "out.csv", code=1)
    before = Path("out.csv").read_bytes()
    for options in (["--level", "0.5"], ["--energy-shift", "3"], ["--normalized"], ["--force"]):
        said = run("made/a.xdi", "made/b é.prj", *RESUME, *options, code=1).stderr
        assert "was made with other settings" in said
        assert options[0] in said
        assert Path("out.csv").read_bytes() == before
    run("made/a.xdi", "made/b é.prj", *RESUME, "--threads", "2", code=1)
    assert Path("out.csv").read_bytes() == before


@pytest.mark.slow
def test_resume_does_changed_files_again(folder: Path) -> None:
    names = [f"made/{i}.xdi" for i in range(4)]
    for name in names:
        Path(name).write_bytes(EXAMPLE.read_bytes())
    run(*names, "--csv", "out.csv", code=0)
    first = rows()
    Path(names[1]).write_bytes(EXAMPLE.read_bytes() + b"\n")
    result = run(*names, *RESUME, code=0)
    assert "2 rows stayed, 0 of them failed); 1 file had changed and was done again" in result.stderr
    found = rows()
    assert sorted(row["file"] for row in found) == names
    sizes = {row["file"]: int(row["file_size"]) for row in found}
    assert sizes[names[1]] == int(first[0]["file_size"]) + 1
    assert Path("out.csv").read_bytes().endswith(b"\n")
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_table_is_not_overwritten_unasked(folder: Path) -> None:
    run("made/a.xdi", "--csv", "out.csv", code=0)
    before = Path("out.csv").read_bytes()
    said = run("made/a.xdi", "--csv", "out.csv", code=1).stderr
    assert "out.csv is there and holds rows" in said
    assert "--overwrite" in said
    assert Path("out.csv").read_bytes() == before
    run("made/b é.prj:two", "--csv", "out.csv", "--overwrite", code=0)
    assert [row["file"] for row in rows()] == ["made/b é.prj:two"]


def test_one_process_at_a_time(folder: Path) -> None:
    holding = CsvFile(Path("out.csv"), "x", [], lambda _: ("", ""))
    try:
        said = run("made/a.xdi", "--csv", "out.csv", "--overwrite", code=1).stderr
        assert "out.csv is being written by another process" in said
    finally:
        holding.close()
    run("made/a.xdi", "--csv", "out.csv", code=0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is of Linux only")
def test_a_full_disk(folder: Path) -> None:
    result = run("made/a.xdi", "--csv", "/dev/full", code=1)
    assert result.stderr.splitlines()[0].startswith(
        "Error: /dev/full takes no more (No space left on device)"
    )
    for style in ("--json", "--csv", "--long"):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "xnet_onnx", "predict", "made/a.xdi", style],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 1
        assert done.stderr.startswith("Error: the standard output takes no more (No space left on device)")
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_what_is_written_before_the_disk_is_full_stays_whole(folder: Path) -> None:
    (folder / "many").mkdir()
    for i in range(200):
        os.link(folder / "made" / "a.xdi", folder / "many" / f"{i:04d}.xdi")
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000));"
        "from xnet_onnx.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "predict", "many", "--csv", "out.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    found = rows()
    assert 64 <= len(found) < 200
    assert f"{len(found)} rows written before are whole and stay" in done.stderr
    assert Path("out.csv").read_bytes().endswith(b"\n")
    run("many", *RESUME, code=0)
    assert [row["file"] for row in rows()] == [f"many/{i:04d}.xdi" for i in range(200)]


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of POSIX")
def test_a_pipe_takes_the_rows(folder: Path) -> None:
    os.mkfifo("pipe.csv")
    running = subprocess.Popen(
        [sys.executable, "-m", "xnet_onnx", "predict", "made/a.xdi", "--csv", "pipe.csv"],
        stderr=subprocess.DEVNULL,
    )
    with Path("pipe.csv").open() as pipe:
        found = list(csv.DictReader(pipe))
    assert running.wait(60) == 0
    assert [row["file"] for row in found] == ["made/a.xdi"]
    assert "--resume needs a file" in run("made/a.xdi", "--csv", "pipe.csv", "--resume", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="file names")
def test_no_formula_reaches_a_spreadsheet(folder: Path) -> None:
    names = ["=1+2.xdi", "+a.xdi", "@b.xdi"]
    for name in names:
        Path(name).write_bytes(EXAMPLE.read_bytes())
    run("--csv", "out.csv", "--energy-shift", "-2.5", "--", *names, code=0)
    assert [row["file"] for row in rows()] == [f"'{name}" for name in names]
    assert {row["energy_shift"] for row in rows()} == {"-2.5"}
    before = Path("out.csv").read_bytes()
    run(*RESUME, "--energy-shift", "-2.5", "--", *names, code=0)
    assert Path("out.csv").read_bytes() == before
    run("--csv", "raw.csv", "--raw-cells", "--", *names, code=0)
    assert [row["file"] for row in rows("raw.csv")] == names
    assert run("--csv", "--", "=1+2.xdi", code=0).stdout.splitlines()[1].startswith("'=1+2.xdi,")


ESCAPE = "\x1b]0;owned\x07"


@pytest.mark.skipif(sys.platform == "win32", reason="file names")
def test_no_control_character_reaches_the_terminal(folder: Path) -> None:
    energy, mu = scorodite_mu()
    Path("x.prj").write_bytes(athena(athena_group(f"a{ESCAPE}b", energy, mu), athena_group("c", energy, mu)))
    columns = {f"energy{ESCAPE} eV": energy, "mu": mu, f"z{ESCAPE}": mu}
    Path("x.xdi").write_bytes(xdi(columns, {"Element.symbol": f"Fe{ESCAPE}"}))
    Path(f"--n{ESCAPE}").write_text("x")
    Path(f"n{ESCAPE}.xdi").write_text("x")
    arguments = [
        *(["predict", "x.prj", "x.xdi", f"n{ESCAPE}.xdi", style] for style in ("--long", "--json", "--csv")),
        ["predict", "x.prj", "x.xdi", f"n{ESCAPE}.xdi"],
        ["predict", f"--n{ESCAPE}"],
        ["predict", "x.prj", "--model", f"n{ESCAPE}.xdi"],
        ["predict", f"{ESCAPE}*"],
        ["columns", "x.prj"],
        ["columns", "x.xdi"],
        [f"{ESCAPE}"],
    ]
    for words in arguments:
        result = CliRunner().invoke(cli.main, words)
        for text in (result.stdout, result.stderr):
            assert not [letter for letter in text if not letter.isprintable() and letter != "\n"], words


# the answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_line_fits_the_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    long = folder / "made" / f"{'a long name ' * 6}試料.xdi"
    long.write_bytes(EXAMPLE.read_bytes())
    result = run("made", code=1)
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert all(_width(line) <= width for line in lines)
    distance = f"{predict(EXAMPLE).first_shell.r:.2f} A"
    at = {lines[0].index("first shell")} | {_width(line[: line.index(distance)]) for line in lines[1:]}
    assert len(at) == 1
    assert "4 of 7 with a distance, 3 failed; 3 files skipped" in result.stderr


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def test_the_interval_comes_first(folder: Path) -> None:
    lines = run("made/a.xdi", "--level", "0.8", code=0).stdout.splitlines()
    assert re.fullmatch(
        r"  first shell   2\.\d\d A \(\d\.\d\d to \d\.\d\d, 80 %\)  (high|medium|low)", lines[1]
    )
    assert "+-" not in lines[1]


def test_outside_is_counted_and_said(folder: Path) -> None:
    energy, mu = scorodite_mu()
    flat = np.column_stack([energy, np.minimum(mu, mu.min() + 0.55 * np.ptp(mu))])  # a saturated detector
    Path("flat.dat").write_text("# energy mu\n" + table(flat))
    result = run("flat.dat", "made/a.xdi", code=0)
    assert "1 of 2 with a distance, 1 outside" in result.stderr
    assert result.stdout.splitlines()[1].split("  ")[0] == "flat.dat"
    assert "outside" in result.stdout.splitlines()[1]
    assert "not given: the spectrum is outside" in run("flat.dat", code=0).stdout


def test_a_file_named_is_never_skipped(folder: Path) -> None:
    result = run("made/below/notes.txt", "made/picture.png", code=1)
    assert "Error: made/below/notes.txt: " in result.stderr
    assert "Error: made/picture.png: " in result.stderr
    assert "skipped" not in result.stderr


def test_an_error_names_its_file_once(folder: Path) -> None:
    assert run("nosuch.dat", code=1).stderr.count("nosuch.dat") == 1


# figures and folders that are watched --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--plot", "--compare", "--series"])
def test_figures(folder: Path, option: str) -> None:
    pytest.importorskip("matplotlib")
    run("made", option, "out.pdf", code=1)
    assert Path("out.pdf").read_bytes().startswith(b"%PDF")
    run("made/a.xdi", "made/b é.prj:two", option, "out.png", code=0)
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")
    for wrong in ("out.xyz", "none/out.png"):
        result = run("made/a.xdi", option, wrong, code=1)
        assert result.stdout == "", "refused before the work"


@pytest.mark.slow
@pytest.mark.parametrize(("option", "pages"), [("--plot", 3), ("--compare", 2), ("--series", 1)])
def test_a_figure_is_a_page(folder: Path, option: str, pages: int) -> None:
    pytest.importorskip("matplotlib")
    names = [f"made/{i}.xdi" for i in range(9)]
    for name in names:
        Path(name).write_bytes(EXAMPLE.read_bytes())
    result = run(*names, option, "out.png", code=0 if pages == 1 else 1)
    if pages > 1:
        assert f"holds one page; there are {pages} to draw: give a name ending in .pdf" in result.stderr
        assert not Path("out.png").exists()
    run(*names, option, "out.pdf", code=0)
    assert len(re.findall(rb"/Type /Page\b", Path("out.pdf").read_bytes())) == pages


def test_arrivals(folder: Path) -> None:
    looks = 0

    def sleep(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            Path("made/new.xdi").write_text("half")
        elif looks == 2:
            Path("made/new.xdi").write_text("half and more")
        elif looks == 5:
            Path("made/new.xdi").write_text("another scan now")
        elif looks == 9:
            raise KeyboardInterrupt

    seen: list[list[str]] = []
    with pytest.raises(KeyboardInterrupt):
        seen += iter(arrivals("made", is_done=lambda name, _: name == "made/a.xdi", sleep=sleep))
    first, *later = seen
    assert [Path(name).name for name in first] == ["b é.prj", "manuscript", "cut.dat", "notes.txt", "z.dat"]
    assert later == [["made/new.xdi"], ["made/new.xdi"]]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_watch(folder: Path) -> None:
    (folder / "today").mkdir()
    command = [sys.executable, "-m", "xnet_onnx", "predict", "--watch", "today", "--csv", "out.csv"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        (folder / "today" / "scan_1.xdi").write_bytes(EXAMPLE.read_bytes())
        (folder / "today" / "notes.txt").write_text("sample in")
        deadline = time.monotonic() + 60.0
        out = Path("out.csv")
        while time.monotonic() < deadline and not (out.exists() and b"scan_1" in out.read_bytes()):
            time.sleep(0.05)
    finally:
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert [row["file"] for row in rows()] == ["today/scan_1.xdi"]
    assert "1 of 1 with a distance; 1 file skipped, no spectra (notes.txt); rows in out.csv" in said
    assert "Traceback" not in said


@pytest.mark.slow
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
    assert running.returncode == 130
    found = rows()
    assert 99 <= len(found) < 1200
    assert out.read_bytes().endswith(b"\n")
    assert all(row["status"] == "ok" and row["first_shell_r"] for row in found)
    assert f"{len(found)} of {len(found)} with a distance; rows in out.csv" in message
    assert "go on with: --csv out.csv --resume" in message
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert "rows stayed, 0 of them failed" in done.stderr
    assert [row["file"] for row in rows()] == [f"many/{i:04d}.xdi" for i in range(1200)]


@pytest.mark.slow
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
            [sys.executable, "-c", code, pattern, "--csv", "out.csv", "--overwrite"],
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
    (folder / "made" / "a10.xdi").touch()
    (folder / "made" / "a9.xdi").touch()
    files = expand(["made/below", "made", "-", "none.xdi", "made/below/notes.txt"])
    assert files.names == (
        "made/below/cut.dat",
        "made/below/notes.txt",
        "made/below/z.dat",
        "made/a.xdi",
        "made/a9.xdi",
        "made/a10.xdi",
        "made/b é.prj",
        "made/manuscript",
        "-",
        "none.xdi",
    )
    assert files.empty == ()
    assert files.skipped == ("made/picture.png",)
    assert files.found == {*files.names} - {"-", "none.xdi", "made/below/notes.txt"}


def test_a_project_on_stdout(folder: Path) -> None:
    result = run("made/b é.prj", code=1)
    assert [line.split("  ")[0] for line in result.stdout.splitlines()[1:]] == [
        "made/b é.prj:one",
        "made/b é.prj:two",
    ]
    assert "Error: made/b é.prj:chi: the group is chi(k)" in result.stderr
    assert "2 of 3 with a distance, 1 failed" in result.stderr
    assert "made/b é.prj:one\n" in run("made/b é.prj", "--long", code=1).stdout


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
