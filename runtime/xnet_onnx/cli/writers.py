"""Where the outcomes of ``predict`` go: the terminal, JSON, CSV, figures."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from ..errors import XnetError
from ..output.table import CSV_FIELDS, as_csv_row, as_json, csv_line
from ..output.text import LineTable, as_block, error_line
from ..prediction import Prediction
from ..wording import counted, printable
from .batch import Batch, Outcome
from .stdout import put

if TYPE_CHECKING:
    from ..output.csv_file import CsvFile
    from ..output.figure import Drawing

__all__ = [
    "BlockWriter",
    "CsvFileWriter",
    "CsvWriter",
    "DrawingWriter",
    "ErrorWriter",
    "JsonWriter",
    "LineWriter",
    "Tally",
    "TextWriter",
    "Writer",
    "csv_row",
]

#: Errors shown beside a table on disk, which holds them all.
SHOWN_ERRORS = 20
#: Width where there is no terminal.
PIPE_WIDTH = 120


class Writer(Protocol):
    """Takes outcomes as they come."""

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Take some."""

    def close(self) -> None:
        """Take no more."""


def csv_row(outcome: Outcome, settings: str = "") -> dict[str, str]:
    """The row of an outcome, with what it depends on.

    Parameters
    ----------
    outcome : Outcome
    settings : str

    Returns
    -------
    dict of str to str
    """
    row = as_csv_row(outcome.label, outcome.result)
    size, modified = outcome.stamp
    return {**row, "settings": settings, "file_size": size, "file_modified": modified}


class BlockWriter:
    """A block of lines a spectrum, on stdout."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them."""
        for outcome in outcomes:
            if isinstance(outcome.result, Prediction):
                put(("\n" if self.count else "") + as_block(outcome.label, outcome.result))
                self.count += 1

    def close(self) -> None:
        """Nothing is left to do."""


class LineWriter:
    """A line a spectrum, on stdout."""

    def __init__(self, level: float) -> None:
        self.level = level
        self.table: LineTable | None = None

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them; the first ones say how wide the column of names is."""
        good = [outcome for outcome in outcomes if isinstance(outcome.result, Prediction)]
        if not good:
            return
        if self.table is None:
            width = shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
            self.table = LineTable([outcome.label for outcome in good], width)
            put(self.table.head(self.level))
        for outcome in good:
            if isinstance(outcome.result, Prediction):
                put(self.table.line(outcome.label, outcome.result))

    def close(self) -> None:
        """Nothing is left to do."""


class TextWriter:
    """Blocks for one spectrum, lines for more; which it is, the first outcomes tell."""

    def __init__(self, level: float, files: int, long: bool) -> None:
        self.level, self.files, self.long = level, files, long
        self.chosen: Writer | None = None

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them."""
        if self.chosen is None:
            few = self.long or (self.files == 1 and len(outcomes) == 1)
            self.chosen = BlockWriter() if few else LineWriter(self.level)
        self.chosen.write(outcomes)

    def close(self) -> None:
        """Nothing is left to do."""


class JsonWriter:
    """JSON on stdout: an array, or an object a line."""

    def __init__(self, lines: bool) -> None:
        self.lines = lines
        self.count = 0

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them."""
        for outcome in outcomes:
            text = json.dumps(as_json(outcome.label, outcome.result), allow_nan=False)
            before = "" if self.lines else ",\n" if self.count else "[\n"
            put(before + text, nl=self.lines)
            self.count += 1

    def close(self) -> None:
        """End the array."""
        if not self.lines:
            put("\n]" if self.count else "[]")


class CsvWriter:
    """CSV on stdout."""

    def __init__(self, settings: str, raw: bool) -> None:
        self.settings, self.raw = settings, raw
        put(csv_line(dict(zip(CSV_FIELDS, CSV_FIELDS, strict=True))), nl=False)

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them."""
        for outcome in outcomes:
            put(csv_line(csv_row(outcome, self.settings), self.raw), nl=False)

    def close(self) -> None:
        """Nothing is left to do."""


class CsvFileWriter:
    """Rows of a table on disk."""

    def __init__(self, file: CsvFile) -> None:
        self.file = file

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Have them on the disk."""
        self.file.add(csv_row(outcome) for outcome in outcomes)

    def close(self) -> None:
        """Close the table."""
        self.file.close()


class ErrorWriter:
    """What is wrong with the spectra that failed, on stderr."""

    def __init__(self, at_the_end: bool) -> None:
        self.at_the_end = at_the_end
        self.lines: list[str] = []
        self.more = 0

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Print them, or keep the first ones for the end."""
        for outcome in outcomes:
            if not isinstance(outcome.result, XnetError):
                continue
            if self.at_the_end and len(self.lines) >= SHOWN_ERRORS:
                self.more += 1
                continue
            line = f"Error: {error_line(outcome.label, outcome.result)}"
            if self.at_the_end:
                self.lines.append(line)
            else:
                click.echo(line, err=True)

    def close(self) -> None:
        """Print what was kept."""
        for line in self.lines:
            click.echo(line, err=True)
        if self.more:
            click.echo(f"and {self.more} more, each in the column error", err=True)


class DrawingWriter:
    """A figure, drawn at the end or, where files arrive, again and again."""

    def __init__(self, drawing: Drawing[Any], path: Path, at_once: bool = False) -> None:
        self.drawing, self.path, self.at_once = drawing, path, at_once

    def write(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what is to be drawn."""
        for outcome in outcomes:
            if isinstance(outcome.result, Prediction):
                self.drawing.add(outcome.result)
        if self.at_once and outcomes:
            self.close()

    def close(self) -> None:
        """Draw."""
        if self.drawing.count:
            self.drawing.save(self.path)
        if self.drawing.left_out:
            more = counted(self.drawing.left_out, "spectrum", "spectra")
            click.echo(f"{printable(str(self.path))} has no room for {more}", err=True)


class Tally:
    """Counts what matters.

    Parameters
    ----------
    skipped : sequence of str
        Files left out before.
    """

    def __init__(self, skipped: Sequence[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self.skipped = list(skipped)

    @property
    def spectra(self) -> int:
        """How many there were."""
        return sum(self.counts.values())

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.counts["failed"]

    def add(self, batch: Batch) -> None:
        """Count.

        Parameters
        ----------
        batch : Batch
        """
        self.skipped += batch.skipped
        self.counts.update(_kind(outcome.result) for outcome in batch.outcomes)

    def summary(self) -> str:
        """One line: "96 of 102 with a distance, 6 outside".

        Returns
        -------
        str
        """
        words = [f"{self.counts['with a distance']} of {self.spectra} with a distance"]
        words += [
            f"{self.counts[kind]} {kind}"
            for kind in ("outside", "without a peak", "failed")
            if self.counts[kind]
        ]
        line = ", ".join(words)
        if self.skipped:
            shown = ", ".join(printable(Path(name).name) for name in self.skipped[:3])
            more = ", ..." if len(self.skipped) > 3 else ""
            line += f"; {counted(len(self.skipped), 'file')} skipped, no spectra ({shown}{more})"
        return line


def _kind(result: Prediction | XnetError) -> str:
    if isinstance(result, XnetError):
        return "failed"
    if result.first_shell is not None:
        return "with a distance"
    verdict = result.confidence
    return "outside" if verdict is not None and verdict.verdict == "outside" else "without a peak"
