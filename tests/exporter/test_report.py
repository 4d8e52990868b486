"""What the README says of the report, and that the report in docs/ is whole."""

import csv
import re

from xnet_exporter.data.sets import read_training_set

from ..conftest import ROOT

REPORT = ROOT / "docs" / "report"


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]


def test_the_headline_table_is_the_reports() -> None:
    part = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .split("## The paper, made again")[1]
        .split("\n## ")[0]
    )
    found = rows(part)
    report = rows((REPORT / "report.md").read_text(encoding="utf-8"))
    assert len(found) > 5
    assert [row for row in found if row not in report] == []


def test_the_report_is_full_and_of_the_committed_set() -> None:
    text = (REPORT / "report.md").read_text(encoding="utf-8")
    assert "QUICK" not in text
    assert "not made yet" not in text
    assert f"sha256 {read_training_set(ROOT / 'training').sha256} |" in text


def test_what_the_report_shows_is_there() -> None:
    text = (REPORT / "report.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\((figures/[^)]+)\)", text))
    assert len(linked) > 10
    assert [name for name in sorted(linked) if not (REPORT / name).is_file()] == []
    for path in (REPORT / "tables").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.reader(file))) > 1
