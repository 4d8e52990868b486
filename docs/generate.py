"""Pages and tables that come from the bundles, so that no number in the site is typed."""

from __future__ import annotations

import warnings
from pathlib import Path

import xnet_models

MODELS = Path(xnet_models.__file__).parent


def cards() -> list[Path]:
    """Folders of the bundles that this version ships."""
    return sorted(path.parent for path in MODELS.glob("*/bundle.json"))


def write_pages(docs: Path) -> None:
    """Write ``generated/models.md`` and a table for each bundle."""
    out = docs / "generated"
    out.mkdir(exist_ok=True)
    lines = [
        "# The models",
        "",
        "What was measured of each model that is installed, with the commands that measure it; "
        "`xnet-onnx info` shows the same. These pages are made from the models themselves.",
        "",
    ]
    for folder in cards():
        name = f"model_{folder.name}.md"
        (out / name).write_text((folder / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
        lines += ["```{toctree}", ":maxdepth: 1", "", name.removesuffix(".md"), "```", ""]
    (out / "models.md").write_text("\n".join(lines), encoding="utf-8")
    (out / "verdicts.md").write_text(verdicts(cards()), encoding="utf-8")


def verdicts(folders: list[Path]) -> str:
    """The rows of each card that say how large the error of each verdict was."""
    text = ""
    for folder in folders:
        section, inside = "", False
        for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                section = line.lstrip("# ")
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[0] == "confidence" and "share (%)" in cells[1:2]:
                text += f"\n{folder.name}, {section}:\n\n"
                inside = True
            elif not line.startswith("|"):
                inside = False
            if inside:
                text += line + "\n"
    return text


def quiet(*_: object) -> None:
    """Let an example run as in a session: Larch warns of deprecations, which is no error of ours."""
    warnings.simplefilter("ignore")
