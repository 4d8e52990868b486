import ast
import copy
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import xnet_onnx
from xnet_larch import install, is_stale, xnet_predict

from .helpers import EXAMPLES, REPOSITORY, Writer, same_numbers

pytestmark = pytest.mark.slow

COMMANDS = ("xnet_plot", "xnet_predict", "xnet_predict_project", "xnet_table")


def run(session, text):
    value = session.eval(text)
    assert not session.error, session.error[0].get_error()[1]
    return value


def test_install_in_a_running_session(session, scorodite):
    expected = xnet_onnx.predict(scorodite.energy, scorodite.mu)
    session.symtable.dat = scorodite
    assert run(session, "xnet_predict(dat)") is scorodite.xnet
    same_numbers(scorodite.xnet, expected)
    run(session, "print(xnet_table(dat))")
    assert "first shell" in run(session, "xnet_table(dat)")
    for name in COMMANDS:
        assert run(session, f"which('{name}')") == f"_xnet.{name}"
    run(session, "help(xnet_predict)")
    assert "Predict the distances around the absorber" in session.writer.text


def test_install_twice_changes_nothing(session):
    before = list(session.symtable._sys.core_groups)
    install(session)
    assert session.symtable._sys.core_groups == before
    assert before.count("_xnet") == 1


def test_install_for_sessions_to_come(larch, monkeypatch):
    for name in ("init_builtins", "init_moddocs"):
        monkeypatch.setattr(larch.builtins, name, dict(getattr(larch.builtins, name)))
    assert not larch.Interpreter(writer=Writer()).symtable.has_symbol("xnet_predict")
    install()
    made = larch.Interpreter(writer=Writer())
    assert "_xnet" in made.symtable._sys.core_groups
    for name in COMMANDS:
        assert made.symtable.has_symbol(name)


def test_the_session_is_injected(session, scorodite):
    scorodite.energy_shift = 1.5
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")
    assert "records an energy shift of +1.50 eV" in session.writer.text
    assert "records an energy shift of +1.50 eV" in scorodite.xnet.warnings[-1]
    assert scorodite.xnet.preprocessing["energy_shift"] == 0.0


def test_commands_survive_clear_session(session, scorodite):
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")
    run(session, "clear_session()")
    assert not session.symtable.has_symbol("dat")
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")


def test_save_and_read_session(larch, session, scorodite, tmp_path, capsys):
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")
    run(session, f"save_session('{tmp_path / 'saved.larix'}')")
    stored = larch.io.read_session(str(tmp_path / "saved.larix"))
    assert list(stored.symbols) == ["dat"]
    read = stored.symbols["dat"]
    for name in dir(scorodite.xnet):
        value, again = getattr(scorodite.xnet, name), getattr(read.xnet, name)
        if isinstance(value, np.ndarray):
            assert again.dtype == value.dtype
            np.testing.assert_array_equal(again, value)
        elif name == "first_shell":
            assert vars(again)["r"] == value.r
            assert vars(again)["r_sigma"] == value.r_sigma
        elif name == "confidence":
            assert vars(again)["verdict"] == value.verdict
            assert vars(again)["sensitivity"] == value.sensitivity
        else:
            assert again == value
    assert not is_stale(read)
    called = {"model": None, "level": 0.9, "force": False}
    assert read.callargs.xnet_predict == called
    assert read.journal.get("xnet_predict_callargs").value == called
    same_numbers(xnet_predict(read), scorodite.xnet)

    other = larch.Interpreter(writer=Writer())
    install(other)
    run(other, f"load_session('{tmp_path / 'saved.larix'}')")
    printed = capsys.readouterr()
    assert "Warning" not in printed.out
    assert "failed" not in printed.out


def test_deep_copy_in_the_session(session, scorodite):
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")
    run(session, "twin = deepcopy(dat)" if session.symtable.has_symbol("deepcopy") else "twin = copy(dat)")
    session.symtable.twin = copy.deepcopy(session.symtable.twin)
    np.testing.assert_array_equal(session.symtable.twin.xnet.mean, scorodite.xnet.mean)


def test_athena_export(larch, scorodite, tmp_path):
    xnet_predict(scorodite)
    project = larch.io.AthenaProject()
    project.add_group(scorodite)
    project.save(str(tmp_path / "exported.prj"))
    (read,) = larch.io.read_athena(str(tmp_path / "exported.prj"), do_preedge=False).groups.values()
    assert not hasattr(read, "xnet")
    same_numbers(xnet_predict(read), scorodite.xnet)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("xnet_predict(group(energy=arange(5), x=1))", "no energy or no mu"),
        ("xnet_predict(dat.energy)", "xnet_predict(group) or xnet_predict(energy, mu)"),
        ("xnet_table(dat)", "call xnet_predict(group) first"),
        ("xnet_plot(dat)", "call xnet_predict(group) first"),
        ("xnet_predict(dat, model='/no/such/bundle')", "expected the folder of a bundle"),
        ("xnet_predict_project('/no/such/file.prj')", "check the name"),
    ],
)
def test_errors_are_shown_and_the_session_goes_on(session, scorodite, text, says):
    session.symtable.dat = scorodite
    assert session.eval(text) is None
    assert len(session.error) > 0
    session.show_errors()
    shown = session.writer.text
    assert says in " ".join(shown.split())
    assert re.search(r"^\w*Error: ", shown, re.MULTILINE)
    assert run(session, "1 + 1") == 2
    run(session, "xnet_predict(dat)")


def test_example_script(session, tmp_path, monkeypatch):
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    session.runfile(str(EXAMPLES / "xnet.lar"))
    assert not session.error, session.error[0].get_error()[1]
    expected = xnet_onnx.predict_many([xnet_onnx.read(EXAMPLES / "scorodite_simulated.xdi")])[0]
    same_numbers(session.symtable.dat.xnet, expected)
    assert (tmp_path / "runs" / "scorodite_xnet.png").stat().st_size > 0
    assert (tmp_path / "runs" / "scorodite_xnet.larix").stat().st_size > 0


def test_example_notebook(larch, tmp_path, monkeypatch, capsys):
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((EXAMPLES / "xnet.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert [row["status"] for row in names["rows"]] == ["ok", "ok"]
    assert [row["energy_shift"] for row in names["rows"]] == [0.0, 1.5]
    assert (names["folder"] / "two_groups.larix").exists()
    assert "True\nFalse\n" in capsys.readouterr().out


class Plotter:
    """Records calls, each bound to the signature that Larch's plotter has."""

    def __init__(self, larch):
        source = Path(larch.__file__).parent / "wxlib" / "plotter.py"
        self.functions = {
            node.name: node
            for node in ast.parse(source.read_text(encoding="utf-8")).body
            if hasattr(node, "args")
        }
        self.calls = []

    def __getattr__(self, name):
        function = self.functions[name]
        required = len(function.args.args) - len(function.args.defaults)

        def call(*args, **kwargs):
            assert required <= len(args) <= len(function.args.args)
            known = {argument.arg for argument in function.args.args[len(args) :]}
            assert function.args.kwarg is not None or set(kwargs) <= known
            self.calls.append((name, args, kwargs))

        return call


def test_larchs_own_plotter_where_there_is_a_display(larch, session, scorodite, monkeypatch):
    monkeypatch.setattr(larch.wxlib, "HAS_WXPYTHON", True)
    monkeypatch.setenv("DISPLAY", ":0")
    session.symtable.dat = scorodite
    session.symtable._plotter = plotter = Plotter(larch)
    run(session, "xnet_predict(dat)")
    assert run(session, "xnet_plot(dat, win=3)") is None
    drawn = [(name, kwargs["win"]) for name, _, kwargs in plotter.calls]
    peaks = len(scorodite.xnet.peaks)
    assert drawn == [("plot", 3)] * 3 + [("plot_text", 3)] * peaks + [("plot", 4)]
    np.testing.assert_array_equal(plotter.calls[0][1][1], scorodite.xnet.mean)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere wx needs no DISPLAY")
def test_matplotlib_where_there_is_none(larch, session, scorodite, monkeypatch):
    monkeypatch.setattr(larch.wxlib, "HAS_WXPYTHON", True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    session.symtable.dat = scorodite
    run(session, "xnet_predict(dat)")
    assert len(run(session, "xnet_plot(dat)").axes) == 2
    assert 'filename="figure.png"' in session.writer.text


def test_the_shell_shows_an_error_and_goes_on(larch, scorodite, capsys):
    shell = larch.shell.Shell(quiet=True)
    install(shell.larch)
    shell.larch.symtable.dat = scorodite
    shell.default("xnet_predict(1)")
    assert "SpectrumError: xnet_predict was given int" in capsys.readouterr().out
    shell.default("xnet_predict(dat)")
    assert "<Group 'xnet'>" in capsys.readouterr().out


def test_the_examples_name_files_of_the_repository():
    text = (EXAMPLES / "xnet.lar").read_text(encoding="utf-8")
    for name in re.findall(r"'(examples/[^']+)'", text):
        assert (REPOSITORY / name).exists()
