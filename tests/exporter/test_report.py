"""What the README says of the report, and that the report in docs/ is whole."""

import csv
import hashlib
import re

from xnet_onnx import load_bundle

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


def test_the_report_is_full_and_of_the_shipped_bundle() -> None:
    text = (REPORT / "report.md").read_text(encoding="utf-8")
    assert "QUICK" not in text
    model = load_bundle(ROOT / "models" / "xnet_models" / "fe_k").model
    assert re.findall(r"\| preset default \| .*graph and weights sha256 (\w+)", text) == [
        hashlib.sha256(model).hexdigest()
    ]


def test_what_the_report_shows_is_there() -> None:
    text = (REPORT / "report.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\((figures/[^)]+)\)", text))
    assert len(linked) > 10
    assert [name for name in sorted(linked) if not (REPORT / name).is_file()] == []
    for path in (REPORT / "tables").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.reader(file))) > 1
