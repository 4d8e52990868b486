"""The rule by which a release is called slower than the last, and the records that are kept."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import record

BEFORE = record.Record(
    version="1.0.0",
    commit="aaaaaaa",
    date="2026-01-02T00:00:00+00:00",
    machine="a",
    bundle="k_3d 1.0.0",
    ratios={"start": 2.0, "many": 4.0, "map": 0.6},
)


def later(**ratios: float) -> record.Record:
    return dataclasses.replace(
        BEFORE, version="1.1.0", commit="bbbbbbb", date="2026-02-02", ratios={**BEFORE.ratios, **ratios}
    )


def test_more_than_fifteen_per_cent_is_slower() -> None:
    assert record.slower(BEFORE.ratios, {"start": 2.29, "many": 4.61, "map": 0.1}) == ["many"]
    assert record.slower({"map": 100.0}, {"map": 115.0}) == []
    assert record.slower(BEFORE.ratios, {"start": 2.4, "many": 8.0, "map": 0.9}) == ["many", "map", "start"]


def test_what_one_record_lacks_is_said_and_is_not_slower() -> None:
    now = dataclasses.replace(later(), ratios={"start": 2.0, "many": 4.0, "new": 9.0})
    assert record.slower(BEFORE.ratios, now.ratios) == []
    text, good = record.report(BEFORE, now)
    assert good
    assert [line for line in text.splitlines() if line.startswith("not compared")] == [
        "not compared, as one of them lacks it: map",
        "not compared, as one of them lacks it: new",
    ]


def test_the_report_names_what_is_slower_and_another_machine() -> None:
    text, good = record.report(BEFORE, dataclasses.replace(later(map=0.9), machine="b"))
    assert not good
    assert "50 % slower: map is 0.90, and was 0.60" in text
    assert "the machine is 'b', and was 'a'" in text
    text, good = record.report(BEFORE, later(map=0.3))
    assert good
    assert text.endswith("no ratio is more than 15 % slower")


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release, an older one, and what was read from a page later; nothing is drawn."""
    folder = tmp_path / "history"
    folder.mkdir()
    old = dataclasses.replace(BEFORE, version="0.9.0", date="2025-01-01", ratios={"map": 0.1})
    page = dataclasses.replace(BEFORE, date="2026-03-01", ratios={"map": 0.1}, source="a page")
    for name, one in (("1.0.0", BEFORE), ("0.9.0", old), ("1.0.0-page", page)):
        (folder / f"{name}.json").write_text(json.dumps(dataclasses.asdict(one)))
    read = record.read_history
    monkeypatch.setattr(record, "HISTORY", folder)
    monkeypatch.setattr(record, "read_history", lambda: read(folder))
    monkeypatch.setattr(record, "draw", lambda _records, _path: None)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, now: record.Record, *options: str) -> object:
    monkeypatch.setattr(record, "measured", lambda: now)
    monkeypatch.setattr(sys, "argv", ["record.py", *options])
    with pytest.raises(SystemExit) as end:
        record.main()
    return end.value.code


def test_comparing_writes_nothing(
    history: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for ratio, code in ((0.6, 0), (0.8, 1)):
        assert run(monkeypatch, later(map=ratio), "--compare") == code
        assert "against 1.0.0 (aaaaaaa, 2026-01-02)" in capsys.readouterr().out
    assert len(list(history.iterdir())) == 3


def test_a_release_is_recorded_and_compared_with_the_one_before(
    history: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for ratio, code in ((0.8, 1), (0.6, 0)):
        now = later(map=ratio)
        assert run(monkeypatch, now) == code
        assert "against 1.0.0 (" in capsys.readouterr().out
        assert record.Record(**json.loads((history / "1.1.0.json").read_text())) == now


def test_the_records_that_are_kept() -> None:
    records = record.read_history()
    assert [one.date for one in records] == sorted(one.date for one in records)
    for one in records:
        assert one.ratios
        assert all(ratio > 0 for ratio in one.ratios.values())
        drawn = [name for name in one.ratios for _, wanted in record.PANELS if wanted(name)]
        assert sorted(drawn) == sorted(one.ratios), "each ratio is in one panel of the figure"


@pytest.mark.slow
def test_a_figure_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.svg", "two.svg"):
        record.draw(record.read_history(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
