"""The report: Markdown, and one HTML file with the figures inside."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from xnet_onnx.files import write_bytes

from ..export.card import SOURCE
from .parts import Block, Comparison, Part, read_part, table, text, write_csv

__all__ = ["SECTIONS", "write_report"]

#: In the order of the report.
SECTIONS = (
    "convergence",
    "learning_curve",
    "embedding",
    "held_out",
    "sensitivity",
    "natoli",
    "uncertainty",
    "measured",
)
TITLE = "The paper's figures and tables, made again"
QUICK = (
    "QUICK: fewer networks, epochs and spectra than the report is meant to have. The learning curve, the "
    "convergence and the embedding of this report are a rehearsal, not a result."
)
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;font-size:.85rem;margin:1rem 0;display:block;overflow-x:auto}"
    "th,td{border-bottom:1px solid #ccc;padding:.25rem .6rem;text-align:left;vertical-align:top}"
    "figure{margin:1.5rem 0}img{max-width:100%}figcaption{font-size:.85rem;color:#444}"
    ".quick{background:#E69F00;padding:.8rem;font-weight:bold}"
)


def write_report(out: Path, facts: list[tuple[str, str]], quick: bool) -> list[str]:
    """Write ``report.md`` and ``report.html`` from the sections present.

    Parameters
    ----------
    out : Path
        Folder of the report.
    facts : list of (str, str)
        What the report was made from.
    quick : bool

    Returns
    -------
    list of str
        Sections that are not there yet.
    """
    parts = [part for name in SECTIONS if (part := read_part(out, name)) is not None]
    missing = [name for name in SECTIONS if name not in {part.name for part in parts}]
    sections = [
        Part("summary", "The paper, its method on our set, ours", _headline(parts, missing)),
        *parts,
        Part("made", "How this was made", _made(facts, parts)),
    ]
    comparisons = [line for part in parts for line in part.comparisons]
    write_csv(
        out / "tables" / "table.csv",
        {
            "result": [line.what for line in comparisons],
            "paper_reports": [line.reported for line in comparisons],
            "where": [line.where for line in comparisons],
            "preset_paper": [line.paper for line in comparisons],
            "preset_default": [line.default for line in comparisons],
        },
    )
    write_bytes(out / "report.md", _markdown(sections, quick).encode())
    write_bytes(out / "report.html", _html(out, sections, quick).encode())
    return missing


def _headline(parts: list[Part], missing: list[str]) -> tuple[Block, ...]:
    lines: list[Comparison] = [line for part in parts for line in part.comparisons]
    rows = [("result", "the paper reports", "where", "preset paper on our set", "preset default on our set")]
    rows += [(line.what, line.reported, line.where, line.paper, line.default) for line in lines]
    blocks = [
        text(
            f"{SOURCE} reports numbers for its own training set of 36 657 molecules. Preset paper is its "
            "network and training, run on our smaller and different set; preset default is what this project "
            "ships. Differences in the first step are those of the training set, in the second those of the "
            "recipe: preset default is made for measured spectra. It is trained on spectra distorted until "
            "they look measured, and on minerals as often as on complexes; on spectra as calculated, most of "
            "them of complexes, as here, that is no advantage. In brackets: 95 % intervals over held-out "
            "compositions."
        ),
        table(*rows),
    ]
    if missing:
        blocks.append(text(f"Sections not made yet: {', '.join(missing)}."))
    return tuple(blocks)


def _made(facts: list[tuple[str, str]], parts: list[Part]) -> tuple[Block, ...]:
    rows = [("", ""), *facts]
    times = [(part.title, f"{part.seconds:.0f} s") for part in parts]
    return (
        table(*rows),
        text("Time of each section when it was last computed; what an earlier run had kept is not in it."),
        table(
            ("section", "time"), *times, ("together", f"{sum(part.seconds for part in parts) / 60:.1f} min")
        ),
    )


def _markdown(sections: list[Part], quick: bool) -> str:
    lines = [f"# {TITLE}", ""]
    if quick:
        lines += [f"**{QUICK}**", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for block in section.blocks:
            if block.kind == "text":
                lines += [block.text, ""]
            elif block.kind == "bullets":
                lines += [*(f"- {line}" for line in block.lines), ""]
            elif block.kind == "table":
                head, *rows = block.rows
                lines += [_row(head), "|" + "---|" * len(head), *(_row(row) for row in rows), ""]
            else:
                lines += [f"![{block.stem}](figures/{block.stem}.png)", "", f"*{block.text}*", ""]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _html(out: Path, sections: list[Part], quick: bool) -> str:
    def cells(row: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"

    body = [f"<h1>{TITLE}</h1>"]
    if quick:
        body.append(f'<p class="quick">{html.escape(QUICK)}</p>')
    for section in sections:
        body.append(f'<h2 id="{section.name}">{html.escape(section.title)}</h2>')
        for block in section.blocks:
            if block.kind == "text":
                body.append(f"<p>{html.escape(block.text)}</p>")
            elif block.kind == "bullets":
                items = "".join(f"<li>{html.escape(line)}</li>" for line in block.lines)
                body.append(f"<ul>{items}</ul>")
            elif block.kind == "table":
                head, *rows = block.rows
                inside = "".join(cells(row, "td") for row in rows)
                body.append(f"<table><thead>{cells(head, 'th')}</thead><tbody>{inside}</tbody></table>")
            else:
                image = base64.b64encode((out / "figures" / f"{block.stem}.png").read_bytes()).decode()
                caption = html.escape(block.text)
                body.append(
                    f'<figure><img alt="{caption}" src="data:image/png;base64,{image}">'
                    f"<figcaption>{caption}</figcaption></figure>"
                )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{TITLE}</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n"
    )
