"""What lies behind the page, without a browser: files in, answers and words out."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest

import xnet_onnx
from xnet_onnx import Bundle, Choice, ReadError
from xnet_onnx.page import uploads
from xnet_onnx.page.uploads import Desk
from xnet_onnx.page.words import row_of, tell, understood
from xnet_onnx.prediction import Neighbour

from ..conftest import EXAMPLE
from ..synthetic import athena, athena_group, scorodite, scorodite_mu, table


def interval() -> str:
    """The answer for the example, as `predict` gives it."""
    shell = xnet_onnx.predict(EXAMPLE).first_shell
    assert shell is not None
    return f"{shell.r:.2f} Å ({shell.lower:.2f} to {shell.upper:.2f}, 90 %)"


@pytest.fixture
def desk(bundle: Bundle) -> Desk:
    return Desk(bundle)


def test_the_example_of_the_page_is_the_example() -> None:
    assert files("xnet_onnx.page").joinpath(EXAMPLE.name).read_bytes() == EXAMPLE.read_bytes()


def test_the_answer_is_that_of_predict(desk: Desk) -> None:
    desk.take([(EXAMPLE.name, EXAMPLE.read_bytes())])
    (answer,) = desk.answers
    spectrum = xnet_onnx.read(EXAMPLE)
    same = xnet_onnx.predict(spectrum.energy, spectrum.mu)
    assert answer.result.first_shell == same.first_shell  # type: ignore[union-attr]
    assert interval() in tell(answer).replace("</strong>", "")
    assert "ln(i0/itrans)" in understood(answer)


def test_the_most_similar_compounds_are_named(desk: Desk) -> None:
    desk.take([(EXAMPLE.name, EXAMPLE.read_bytes())])
    (answer,) = desk.answers
    assert isinstance(answer.result, xnet_onnx.Prediction)
    one = Neighbour("<b>Hematite", "Fe", 2.03, 0.031, True)
    named = replace(answer, result=replace(answer.result, nearest=(one,)))
    assert "Most similar: &lt;b&gt;Hematite 2.03 Å (curves differ by 3 %)" in tell(named)
    assert "Most similar" not in tell(replace(answer, result=replace(answer.result, nearest=())))


def test_a_project_is_several_and_a_bad_file_one_row(desk: Desk) -> None:
    energy, mu = scorodite_mu()
    desk.take(
        [
            ("both.prj", athena(athena_group("a", energy, mu), athena_group("b", energy, 2 * mu))),
            ("<b>.txt", b"no numbers\n"),
        ]
    )
    assert [answer.file for answer in desk.answers] == ["both.prj:a", "both.prj:b", "<b>.txt"]
    assert isinstance(desk.answers[2].result, ReadError)
    assert "&lt;b&gt;.txt" in tell(desk.answers[2])
    assert row_of(desk.answers[2])["confidence"] == "! error"


def test_columns_can_be_chosen_and_a_file_forgotten(desk: Desk) -> None:
    data = table(scorodite()[:, [0, 1, 2, 1, 2]]).encode()
    desk.take([("x.dat", data)])
    assert isinstance(desk.answers[0].result, xnet_onnx.ColumnError)
    desk.choose("x.dat", Choice(mu_column="ln(2/3)"))
    assert isinstance(desk.answers[0].result, xnet_onnx.Prediction)
    desk.forget("x.dat")
    assert desk.answers == []
    assert desk.files == {}


def test_the_level_and_what_is_normalised_change_all(desk: Desk) -> None:
    desk.take([(EXAMPLE.name, EXAMPLE.read_bytes())])
    wide = desk.answers[0].result.first_shell  # type: ignore[union-attr]
    desk.level = 0.5
    desk.predict()
    narrow = desk.answers[0].result.first_shell  # type: ignore[union-attr]
    assert narrow.upper - narrow.lower < wide.upper - wide.lower
    desk.normalized = True
    desk.predict()
    assert isinstance(desk.answers[0].result, xnet_onnx.SpectrumError)


def test_too_much_is_refused_and_the_rest_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    data = EXAMPLE.read_bytes()
    monkeypatch.setattr(uploads, "MAX_FILES", 2)
    desk.take([(f"{i}.xdi", data) for i in range(3)])
    assert [isinstance(answer.result, ReadError) for answer in desk.answers] == [False, False, True]
    monkeypatch.setattr(uploads, "MAX_FILES", 500)
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", 2 * len(data))
    desk.take([("4.xdi", data)])
    assert isinstance(desk.answers[-1].result, ReadError)
    monkeypatch.setattr(uploads, "MAX_TOTAL_BYTES", 2**30)
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", 100)
    desk.take([("5.xdi", data)])
    assert "MB a file" in str(desk.answers[-1].result)
    assert isinstance(desk.answers[0].result, xnet_onnx.Prediction)


@pytest.mark.slow
def test_a_notebook_shows_the_same() -> None:
    pytest.importorskip("panel", reason="the app needs the extra [page]")
    pane = pytest.importorskip("panel.pane")
    shown = xnet_onnx.app([EXAMPLE])
    said = " ".join(str(html.object) for html in shown.select(pane.HTML))
    assert interval() in said.replace("</strong>", "")


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Panel's table
def test_the_figure_of_several_spectra_is_made_when_there_are_several(bundle: Bundle) -> None:
    pytest.importorskip("panel", reason="the page needs the extra [page]")
    from xnet_onnx.page.view import View

    view = View([bundle])
    view._take({"first.xdi": EXAMPLE.read_bytes()})
    assert view.series.object is None
    view._take({"second.xdi": EXAMPLE.read_bytes()})
    figure: Any = view.series.object
    assert view.series.visible
    view._take({"third.xdi": EXAMPLE.read_bytes()})
    assert view.series.object is figure
    sources = [drawn.data_source.data for drawn in figure.renderers]
    assert sorted({x for data in sources for x in data["x"]}) == [1, 2, 3]
