"""The page in a real browser: what is dropped on it, what it shows and gives, and what it asks for."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import xnet_onnx

from ..conftest import EXAMPLE, measured_files
from ..synthetic import scorodite, table
from .conftest import Tab

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"First shell (\d\.\d\d) Å \((\d\.\d\d) to (\d\.\d\d), 90 %\)")


def predicted(path: Path) -> tuple[str, str, str]:
    shell = xnet_onnx.predict_many([xnet_onnx.read(path)])[0].first_shell  # type: ignore[union-attr]
    assert shell is not None
    assert shell.lower is not None
    assert shell.upper is not None
    return f"{shell.r:.2f}", f"{shell.lower:.2f}", f"{shell.upper:.2f}"


def by_cli(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "xnet_onnx", "predict", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.fixture
def several(tmp_path: Path) -> list[Path]:
    """Fifty files: noisier and noisier copies of the example, one of them broken."""
    import numpy as np

    rows, rng = scorodite(), np.random.default_rng(5)
    paths = []
    for i in range(50):
        path = tmp_path / f"scan_{i:02d}.dat"
        noisy = rows.copy()
        noisy[:, 2] *= 1 + 2e-5 * i * rng.standard_normal(len(rows))
        text = "# energy i0 itrans\n" + table(noisy)
        path.write_text("not a spectrum\n" if i == 7 else text)
        paths.append(path)
    return paths


def test_a_dropped_file_is_answered(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    tab.drop(EXAMPLE)
    said = tab.shows(EXAMPLE.name)
    found = NUMBER.search(said)
    assert found is not None, said
    assert found.groups() == predicted(EXAMPLE)
    confidence = xnet_onnx.predict(EXAMPLE).confidence
    assert confidence is not None
    assert said.endswith(confidence.verdict)
    facts = tab.text()
    assert "ln(i0/itrans)" in facts
    assert "Nothing leaves this computer" in facts
    assert "network" not in facts
    assert tab.wrong == []


def test_a_copy_under_another_name_is_answered_too(open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    tab = open_tab()
    for name in ("first.xdi", "second.xdi"):
        (tmp_path / name).write_bytes(EXAMPLE.read_bytes())
        tab.drop(tmp_path / name)
        assert NUMBER.search(tab.shows(name))
    tab.counts("2 of 2 spectra answered")


def test_a_measured_file_gives_the_same_as_the_api(open_tab: Callable[..., Tab]) -> None:
    if not measured_files():
        pytest.skip("no measured spectra beside this clone")
    path = next(path for path in measured_files() if path.name.startswith("Fe2O3"))
    tab = open_tab()
    tab.drop(path)
    found = NUMBER.search(tab.shows(path.name))
    assert found is not None
    assert found.groups() == predicted(path)


def test_a_broken_file_gets_its_sentence_and_the_others_stay(
    open_tab: Callable[..., Tab], several: list[Path]
) -> None:
    tab = open_tab()
    tab.drop(EXAMPLE)
    tab.shows(EXAMPLE.name)
    tab.drop(several[7])
    said = tab.shows(several[7].name)
    assert "expected" in said
    tab.counts("1 of 2 spectra answered, 1 not")
    tab.page.get_by_label("Shown below").select_option(label=f"1. {EXAMPLE.name}")
    assert NUMBER.search(tab.shows(EXAMPLE.name))


def test_fifty_at_once_and_their_downloads(
    open_tab: Callable[..., Tab], several: list[Path], tmp_path: Path
) -> None:
    tab = open_tab()
    tab.drop(*several)
    tab.counts("49 of 50 spectra answered, 1 not")
    tab.page.get_by_text("First shell of all files")
    text = tab.download("CSV").decode()
    # Files that are dropped together come in the order of the browser.
    names = [line.split(",")[0] for line in text.splitlines()[1:]]
    assert sorted(names) == [path.name for path in several]
    rows, expected = (list(csv.DictReader(io.StringIO(t))) for t in (text, by_cli(tmp_path, *names, "--csv")))
    # What the browser does not tell.
    assert all(row.pop("file_modified") for row in expected)
    assert not any(row.pop("file_modified") for row in rows)
    assert rows == expected
    assert json.loads(tab.download("JSON")) == json.loads(by_cli(tmp_path, *names, "--json"))
    assert tab.download("Figure (PNG)").startswith(b"\x89PNG")
    assert b"<svg" in tab.download("Figure (SVG)")[:1000]
    assert tab.outsiders() == []
    assert tab.wrong == []


def test_the_order_by_distance_is_a_click_away(open_tab: Callable[..., Tab], several: list[Path]) -> None:
    tab = open_tab()
    tab.drop(*several[40:46])
    tab.counts("6 of 6 spectra answered")
    cells = tab.page.locator(".tabulator-cell[tabulator-field='from']")
    tab.page.locator(".tabulator-col[tabulator-field='from'] .tabulator-col-title").click()
    shown = [float(text) for text in cells.all_inner_texts()]
    assert shown == sorted(shown)


def test_ambiguous_columns_are_asked_for(open_tab: Callable[..., Tab], tmp_path: Path) -> None:
    path = tmp_path / "ambiguous.dat"
    rows = scorodite()
    path.write_text(table(rows[:, [0, 1, 2, 1, 2]]))
    tab = open_tab()
    tab.drop(path)
    said = tab.shows(path.name)
    assert "column" in said
    page = tab.page
    page.get_by_label("Absorption is").select_option(label="transmission: ln(i0 / it)")
    page.get_by_label("i0", exact=True).select_option(label="2")
    page.get_by_label("it", exact=True).select_option(label="3")
    page.get_by_role("button", name="Read again").click()
    page.locator(".lead", has_text="Å").wait_for()
    found = NUMBER.search(tab.shows(path.name))
    assert found is not None
    assert found.groups() == predicted(EXAMPLE)


def test_the_controls_change_the_answer(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    tab.page.get_by_role("button", name="Try the example").press("Enter")
    assert "90 %" in tab.shows(EXAMPLE.name)
    tab.page.get_by_label("Interval holds").select_option(label="50 %")
    tab.page.locator(".lead", has_text="50 %").wait_for()
    tab.page.get_by_role("button", name="Start again").click()
    tab.page.locator("h2").wait_for(state="hidden")


def test_two_tabs_do_not_mix(open_tab: Callable[..., Tab], several: list[Path]) -> None:
    first, second = open_tab(), open_tab()
    first.drop(several[1])
    second.drop(several[2])
    first.shows(several[1].name)
    second.shows(several[2].name)
    assert several[2].name not in first.text()
    assert several[1].name not in second.text()
    assert len(first.download("CSV").splitlines()) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_and_dark_fit(open_tab: Callable[..., Tab], scheme: str) -> None:
    tab = open_tab(viewport={"width": 400, "height": 800}, color_scheme=scheme)
    tab.page.get_by_role("button", name="Try the example").click()
    tab.shows(EXAMPLE.name)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 400
    ground = tab.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
