"""What a section leaves in the folder of the report, and how it is read back."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from xnet_onnx.errors import OutputError
from xnet_onnx.files import write_bytes

from ..data.paper_numbers import PAPER

__all__ = [
    "Block",
    "Comparison",
    "Part",
    "bullets",
    "cached",
    "compared",
    "figure",
    "read_part",
    "table",
    "text",
    "write_csv",
    "write_part",
]


@dataclass(frozen=True)
class Block:
    """A piece of the report.

    Parameters
    ----------
    kind : {"text", "bullets", "table", "figure"}
    text : str
        The paragraph, or the caption.
    lines : tuple of str
        Of a list.
    rows : tuple of tuple of str
        Of a table, the header first.
    stem : str
        File name of a figure without its suffix.
    """

    kind: Literal["text", "bullets", "table", "figure"]
    text: str = ""
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    stem: str = ""


@dataclass(frozen=True)
class Comparison:
    """One line of the headline table.

    Parameters
    ----------
    what : str
    reported : str
        The paper's, as printed.
    where : str
        Its section or figure.
    paper, default : str
        Of our bundles by preset.
    """

    what: str
    reported: str
    where: str
    paper: str
    default: str


@dataclass(frozen=True)
class Part:
    """A section of the report.

    Parameters
    ----------
    name : str
    title : str
    blocks : tuple of Block
    comparisons : tuple of Comparison
    seconds : float
        What it took to compute, without what was there already.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    comparisons: tuple[Comparison, ...] = ()
    seconds: float = 0.0


def text(words: str) -> Block:
    """Make a paragraph."""
    return Block("text", text=words)


def bullets(*lines: str) -> Block:
    """Make a list."""
    return Block("bullets", lines=lines)


def table(*rows: Sequence[str]) -> Block:
    """Make a table, the header first."""
    return Block("table", rows=tuple(tuple(row) for row in rows))


def figure(stem: str, caption: str) -> Block:
    """Place a figure."""
    return Block("figure", text=caption, stem=stem)


def compared(what: str, key: str, paper: str, default: str) -> Comparison:
    """A line of the headline table, with what the paper reports under `key`."""
    reported = PAPER[key]
    return Comparison(what, reported.text, reported.where, paper, default)


def write_part(out: Path, part: Part) -> None:
    """Keep a section for the report."""
    value = json.dumps(dataclasses.asdict(part), indent=1, ensure_ascii=False)
    write_bytes(_file(out, part.name), value.encode())


def _file(out: Path, name: str) -> Path:
    return out / "sections" / f"{name}.json"


def read_part(out: Path, name: str) -> Part | None:
    """Read a section back.

    Parameters
    ----------
    out : Path
        Folder of the report.
    name : str

    Returns
    -------
    Part or None
        None where the section has not been made.

    Raises
    ------
    OutputError
        If the file is not one of ours.
    """
    path = _file(out, name)
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        blocks = tuple(
            Block(
                **{
                    **block,
                    "lines": tuple(block["lines"]),
                    "rows": tuple(tuple(row) for row in block["rows"]),
                }
            )
            for block in value["blocks"]
        )
        comparisons = tuple(Comparison(**item) for item in value["comparisons"])
        return Part(value["name"], value["title"], blocks, comparisons, value["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} cannot be read ({error}); remove it and make the section again") from error


def write_csv(path: Path, columns: Mapping[str, Sequence[Any] | npt.NDArray[Any]]) -> None:
    """Write columns of the same length, floating-point numbers with seven digits."""

    def show(value: Any) -> str:
        if isinstance(value, float | np.floating):
            return f"{value:.7g}" if np.isfinite(value) else ""
        return str(value)

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([show(value) for value in row] for row in zip(*columns.values(), strict=True))
    write_bytes(path, buffer.getvalue().encode())


def cached(path: Path, compute: Callable[[], Mapping[str, npt.NDArray[Any]]]) -> dict[str, npt.NDArray[Any]]:
    """Arrays from a file of an earlier run, or computed and kept there."""
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be read ({error}); remove it and go on") from error
    arrays = dict(compute())
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_bytes(path, buffer.getvalue())
    return arrays
