import copy
import csv
import gzip
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import xnet_onnx
from xnet_larch import install, is_stale, predict_session, xnet_predict, xnet_predict_project, xnet_table
from xnet_onnx.cli import main
from xnet_onnx.errors import MissingExtraError, OutputError, ReadError

from .helpers import CLI, EXAMPLES, Writer, same_numbers

# Larch leaves a file that is no gzip open in a reference cycle, for the collector to find.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.usefixtures("collected"),
]


def test_every_group_of_the_measured_project(larch, fe_prj, tmp_path):
    rows = xnet_predict_project(fe_prj, out=tmp_path / "predicted.larix")
    assert [(row["name"], row["status"]) for row in rows] == [
        ("Fe_foil", "ok"),
        ("Ferrihydrite", "ok"),
        ("Goerthite", "ok"),
        ("Hematite", "ok"),
        ("Lepidocrocite", "ok"),
    ]
    raw = larch.io.read_athena(str(fe_prj), do_preedge=False).groups
    for row in rows:
        shift = raw[row["name"]].athena_params.bkg.eshift
        assert row["energy_shift"] == shift
        np.testing.assert_array_equal(row["group"].energy, raw[row["name"]].energy + shift)
        same_numbers(row["group"].xnet, xnet_onnx.predict(row["group"].energy, row["group"].mu))
        assert row["group"].xnet.preprocessing["energy_shift"] == shift
    assert rows[0]["energy_shift"] == pytest.approx(5.81162)
    assert rows[0]["e0"] == pytest.approx(7111.8, abs=0.05)  # 7106 as read

    symbols = larch.io.read_session(str(tmp_path / "predicted.larix")).symbols
    assert list(symbols["_xasgroups"].values()) == [row["name"] for row in rows]
    for row in rows:
        stored = symbols[row["name"]]
        np.testing.assert_array_equal(stored.xnet.members, row["group"].xnet.members)
        assert not is_stale(stored)
    again = xnet_predict_project(tmp_path / "predicted.larix")
    for first, second in zip(rows, again, strict=True):
        np.testing.assert_array_equal(second["group"].energy, first["group"].energy)
        assert second["energy_shift"] == first["energy_shift"]
        same_numbers(second["group"].xnet, first["group"].xnet)


def twins(group, count):
    return [copy.deepcopy(group) for _ in range(count)]


def test_a_shift_is_applied_once_from_prj_and_from_larix(larch, scorodite, write_prj, tmp_path):
    path = write_prj(*zip(("plain", "shifted"), twins(scorodite, 2), (0.0, 1.5), strict=True))
    rows = xnet_predict_project(path, out=tmp_path / "out.larix")
    assert [row["energy_shift"] for row in rows] == [0.0, 1.5]
    assert rows[1]["e0"] - rows[0]["e0"] == pytest.approx(1.5)
    np.testing.assert_allclose(rows[1]["group"].energy, rows[0]["group"].energy + 1.5)
    again = xnet_predict_project(tmp_path / "out.larix", out=tmp_path / "again.larix")
    third = xnet_predict_project(tmp_path / "again.larix")
    for rows_then in (again, third):
        assert [row["e0"] for row in rows_then] == [row["e0"] for row in rows]
        assert [row["energy_shift"] for row in rows_then] == [0.0, 1.5]
    project = larch.io.AthenaProject()
    for row in rows:
        project.add_group(row["group"])
    project.save(str(tmp_path / "back.prj"))
    assert [row["e0"] for row in xnet_predict_project(tmp_path / "back.prj")] == [row["e0"] for row in rows]


def test_groups_as_read_athena_leaves_them_in_a_session(larch, scorodite, write_prj, tmp_path):
    path = write_prj(("shifted", scorodite, 1.5))
    session = larch.Interpreter(writer=Writer())
    session.symtable.dat = larch.io.read_athena(str(path)).shifted
    larch.io.save_session(str(tmp_path / "plain.larix"), symbols=["dat"], _larch=session)
    (row,) = xnet_predict_project(tmp_path / "plain.larix")
    (expected,) = xnet_predict_project(path)
    assert row["energy_shift"] == 1.5
    assert row["e0"] == expected["e0"]
    same_numbers(row["group"].xnet, expected["group"].xnet)


def test_groups_with_one_label_are_all_kept(scorodite, write_prj):
    first, second = twins(scorodite, 2)
    second.mu = second.mu * 2.0
    rows = xnet_predict_project(write_prj(("scan", first, 0.0), ("scan", second, 0.0)))
    assert [row["name"] for row in rows] == ["scan", "scan_2"]
    assert [row["label"] for row in rows] == ["scan", "scan (2)"]
    assert rows[1]["group"].edge_step == pytest.approx(2 * rows[0]["group"].edge_step)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("output", ["cp1252", "ascii", None])
def test_labels_do_not_depend_on_the_terminal(
    larch, scorodite, write_prj, tmp_path, monkeypatch, encoding, output
):
    path = write_prj(("here", scorodite, 0.0), ("here", copy.deepcopy(scorodite), 0.0))
    text = gzip.decompress(path.read_bytes()).decode().replace("here", "gr\u00fcn, \u00e0 Gen\u00e8ve")
    path.write_bytes(gzip.compress(text.encode(encoding)))
    terminal = io.StringIO() if output is None else io.TextIOWrapper(io.BytesIO(), output)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        rows = xnet_predict_project(path, out=tmp_path / "out.larix")
        again = xnet_predict_project(tmp_path / "out.larix")
    assert [row["label"] for row in rows] == [
        "gr\u00fcn, \u00e0 Gen\u00e8ve",
        "gr\u00fcn, \u00e0 Gen\u00e8ve (2)",
    ]
    assert [row["label"] for row in again] == [row["label"] for row in rows]


def odd_project(scorodite, write_prj):
    good, noisy, other, copper = twins(scorodite, 4)
    noisy.mu = np.random.default_rng(0).normal(size=noisy.mu.size)
    noisy.e0, noisy.edge_step = 7126.8, 1.0
    other.atsym, other.edge = "Co", "K"
    copper.energy = copper.energy + 3241.0  # gallium: no model knows it
    return write_prj(
        ("good", good, 0.0),
        ("noise", noisy, 0.0),
        ("cobalt", other, 0.0),
        ("copper", copper, 0.0),
        ("last", scorodite, 0.0),
    )


def test_a_bad_group_does_not_stop_the_others(larch, scorodite, write_prj, tmp_path):
    path = odd_project(scorodite, write_prj)
    session = larch.Interpreter(writer=Writer())
    install(session)
    session.symtable.path, session.symtable.out = str(path), str(tmp_path / "odd")
    rows = session.eval("xnet_predict_project(path, out=out)")
    assert not session.error
    assert [row["status"] for row in rows] == ["ok", "error", "skipped", "skipped", "ok"]
    assert rows[1]["message"]
    assert rows[2]["message"] == "Co"
    assert "made.prj: 2 predicted, 1 failed, 2 of other elements" in session.writer.text
    table = xnet_table(rows)
    assert len(table.splitlines()) == 6
    assert rows[1]["message"] in table
    symbols = larch.io.read_session(str(tmp_path / "odd.larix")).symbols
    assert [hasattr(symbols[row["name"]], "xnet") for row in rows] == [True, False, False, False, True]


def test_a_session_keeps_all_that_it_held(larch, scorodite, tmp_path, capsys):
    session = larch.Interpreter(writer=Writer())
    larch.xafs.pre_edge(scorodite)
    scorodite.filename, scorodite.groupname = "scorodite.xdi", "dat"
    for name, value in (
        ("dat", scorodite),
        ("note", "kept"),
        ("table", {"a": [1, 2.5, None]}),
        ("other", larch.Group(x=np.arange(3.0))),
        ("_xasgroups", {"scorodite.xdi": "dat"}),
    ):
        setattr(session.symtable, name, value)
    before, after = str(tmp_path / "before.larix"), str(tmp_path / "after.larix")
    larch.io.save_session(before, histbuff=["x = 1", "y = 2"], _larch=session)
    flat = scorodite.flat.copy()
    (row,) = xnet_predict_project(before, out=after)
    assert row["group"].xnet.preprocessing["normalization"] == "as the Larch group carries it"
    old, new = larch.io.read_session(before), larch.io.read_session(after)
    assert set(new.symbols) == set(old.symbols)
    assert new.command_history == old.command_history == ["x = 1", "y = 2"]
    assert new.symbols["note"] == "kept"
    assert new.symbols["table"] == {"a": [1, 2.5, None]}
    np.testing.assert_array_equal(new.symbols["other"].x, np.arange(3.0))
    np.testing.assert_array_equal(new.symbols["dat"].flat, flat)
    assert new.symbols["_xasgroups"] == {"scorodite.xdi": "dat"}
    assert "failed" not in capsys.readouterr().out

    fresh = larch.Interpreter(writer=Writer())
    install(fresh)
    larch.io.load_session(after, _larch=fresh)
    assert fresh.eval("xnet_table(dat)").startswith("scorodite.xdi\n")


def test_larix_numbers_are_those_of_the_group_in_memory(larch, scorodite, tmp_path):
    larch.xafs.pre_edge(scorodite, nnorm=0)
    session = larch.Interpreter(writer=Writer())
    session.symtable.dat = scorodite
    larch.io.save_session(str(tmp_path / "s.larix"), symbols=["dat"], _larch=session)
    xnet_predict(scorodite)
    (row,) = xnet_predict_project(tmp_path / "s.larix")
    np.testing.assert_array_equal(row["group"].xnet.members, scorodite.xnet.members)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.prj", b""),
        ("text.prj", b"no project"),
        ("cut.prj", gzip.compress(b"# Athena project file -- Demeter version 0.9.21\n@x = (", mtime=0)),
        ("head.prj", b"# Athena project file -- Demeter version 0.9.21\n"),
        ("empty.larix", b""),
        ("text.larix", b"no session"),
        ("cut.larix", gzip.compress(b"##LARIX: 1.0      Larch Session File\n##<Symbols: count=1>\n<:a:>\n{")),
        ("spectrum.xdi", b""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_that_are_none(larch, tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ReadError, match="expected"):
        xnet_predict_project(tmp_path / name)
    with pytest.raises(ReadError, match="expected"):
        predict_session(tmp_path / name)


def test_no_file_and_out_over_the_source(larch, scorodite, tmp_path, write_prj):
    with pytest.raises(ReadError, match="check the name"):
        xnet_predict_project(tmp_path / "none.prj")
    path = write_prj(("one", scorodite, 0.0))
    xnet_predict_project(path, out=tmp_path / "one.larix")
    before = (tmp_path / "one.larix").read_bytes()
    with pytest.raises(OutputError, match="another name"):
        xnet_predict_project(tmp_path / "one.larix", out=tmp_path / "one")
    with pytest.raises(OutputError, match="choose"):
        xnet_predict_project(path, out=tmp_path / "nowhere" / "new.larix")
    assert (tmp_path / "one.larix").read_bytes() == before


def test_command_line_on_a_session(larch, scorodite, write_prj, tmp_path):
    rows = xnet_predict_project(odd_project(scorodite, write_prj), out=tmp_path / "s.larix")
    done = CliRunner().invoke(
        main, ["predict", "--csv", str(tmp_path / "s.larix"), str(EXAMPLES / "scorodite_simulated.xdi")]
    )
    assert done.exit_code == 1
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["status"] for row in found] == ["ok", "error", "ok", "ok"]
    assert found[0]["file"].endswith("s.larix:good")
    assert float(found[0]["first_shell_r"]) == pytest.approx(rows[0]["first_shell"], abs=1e-4)
    assert "3 of 4 with a distance, 1 failed" in done.stderr
    done = CliRunner().invoke(main, ["predict", "--energy-shift", "2", str(tmp_path / "s.larix")])
    assert done.exit_code == 1
    assert "--energy-shift cannot be applied to it" in done.stderr
    done = CliRunner().invoke(main, ["predict", "--json", str(tmp_path / "s.larix")])
    curves = {item["file"].rsplit(":")[-1]: item["mean"] for item in json.loads(done.stdout)}
    np.testing.assert_allclose(curves["last"], rows[-1]["group"].xnet.mean, rtol=1e-6, atol=1e-6)


def test_command_line_without_larch(tmp_path, monkeypatch):
    (tmp_path / "s.larix").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "larch", None)
    monkeypatch.setitem(sys.modules, "larch.io", None)
    done = CliRunner().invoke(main, ["predict", str(tmp_path / "s.larix")])
    assert done.exit_code == 1
    assert 'pip install "xnet-onnx[larch]"' in done.stderr
    with pytest.raises(MissingExtraError, match="xraylarch"):
        xnet_predict(None)


def test_help_does_not_load_larch():
    show = "print('larch' in sys.modules)"
    code = f"import sys\nsys.argv = ['x', 'larch', '--help']\ntry:\n    {CLI}\nfinally:\n    {show}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
