"""``predict`` from its options to its exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..bundle.load import load_bundle
from ..readers import Choice
from ..wording import counted, printable
from .batch import Batch, Request, predict_files, shift_of_foil
from .expand import Files, expand, stamp_of
from .predict import Given
from .watch import arrivals
from .writers import (
    CsvFileWriter,
    CsvWriter,
    DrawingWriter,
    ErrorWriter,
    JsonWriter,
    Tally,
    TextWriter,
    Writer,
)

if TYPE_CHECKING:
    from ..output.csv_file import CsvFile
    from ..output.figure import Drawing

__all__ = ["INTERRUPTED", "run"]

INTERRUPTED = 130


def run(given: Given) -> int:
    """Read, predict and write.

    Parameters
    ----------
    given : Given

    Returns
    -------
    int
        0, 1 if a spectrum failed, 130 after an interruption.

    Raises
    ------
    XnetError
        If there is nothing to predict with, or nowhere to write to.
    """
    for path in (given.plot, given.compare, given.series):
        if path is not None:
            from ..output.figure import check_figure

            check_figure(path)
    files = expand([given.watch] if given.watch is not None else given.files, given.out)
    if files.empty and given.watch is None:
        missing = ", ".join(printable(name) for name in files.empty)
        raise click.UsageError(f"no file in {missing}; expected spectra")
    request = _request(given)
    table = _table(given, files, request)
    tally = Tally(files.skipped)
    status = 0
    try:
        with ExitStack() as closing:
            writers = _writers(given, files, request, table)
            for writer in writers:
                closing.callback(writer.close)
            for batch in _batches(given, files, request, table):
                tally.add(batch)
                for writer in writers:
                    writer.write(batch.outcomes)
    except KeyboardInterrupt:
        status = INTERRUPTED
    _report(given, files, table, tally, interrupted=bool(status))
    failed = tally.failed + (0 if table is None else table.failed)
    return status or int(failed > 0)


def _request(given: Given) -> Request:
    bundle = load_bundle(given.model)
    return Request(
        bundle=bundle,
        choice=Choice(given.energy_column, given.mu_column, given.element, given.edge, given.energy_shift),
        normalized=given.normalized,
        level=given.level,
        force=given.force,
        foil=None if given.foil is None else shift_of_foil(given.foil, bundle),
        own_channel=given.foil_channel,
        threads=given.threads,
    )


def _table(given: Given, files: Files, request: Request) -> CsvFile | None:
    if given.out is None:
        return None
    from ..output.csv_file import CsvFile

    return CsvFile(
        given.out,
        request.settings(),
        files.names,
        stamp_of,
        resume=given.resume,
        overwrite=given.overwrite,
        raw=given.raw_cells,
    )


def _writers(given: Given, files: Files, request: Request, table: CsvFile | None) -> list[Writer]:
    """What takes the outcomes; the table on disk first."""
    writers: list[Writer] = []
    if table is not None:
        writers.append(CsvFileWriter(table))
    elif given.table is not None:
        writers.append(CsvWriter(request.settings(), given.raw_cells))
    elif given.style is not None:
        writers.append(JsonWriter(lines=given.style == "jsonl"))
    else:
        count = 2 if given.watch is not None else len(files.names)
        writers.append(TextWriter(given.level, count, given.long))
    writers.append(ErrorWriter(at_the_end=table is not None and given.watch is None))
    return writers + [
        DrawingWriter(drawing, path, at_once=given.watch is not None) for path, drawing in _drawings(given)
    ]


def _drawings(given: Given) -> Iterator[tuple[Path, Drawing[Any]]]:
    """The figures that were asked for; what draws is imported for them alone."""
    if given.plot is not None:
        from ..output.figure import Plot

        yield given.plot, Plot()
    if given.compare is not None:
        from ..output.compare import Comparison

        yield given.compare, Comparison()
    if given.series is not None:
        from ..output.series import Series

        yield given.series, Series()


def _batches(given: Given, files: Files, request: Request, table: CsvFile | None) -> Iterator[Batch]:
    def is_done(name: str, stamp: tuple[str, str]) -> bool:
        return table is not None and table.is_done(name, stamp)

    if given.watch is not None:
        shown = printable(given.watch)
        click.echo(f"waiting for files in {shown}; end with Ctrl-C", err=True)
        for arrived in arrivals(given.watch, given.out, is_done):
            yield from predict_files(arrived, request, found=frozenset(arrived))
        return
    names: tuple[str, ...] = files.names
    if table is not None and table.done:
        names = tuple(name for name in names if name not in table.done)
    bar: Any = None
    if table is not None and len(names) > 1 and sys.stderr.isatty():
        bar = click.progressbar(length=len(names), label="predicting", file=sys.stderr)
    try:
        for batch in predict_files(names, request, found=files.found):
            yield batch
            if bar is not None:
                bar.update(batch.files)
    finally:
        if bar is not None:
            bar.render_finish()


def _report(given: Given, files: Files, table: CsvFile | None, tally: Tally, interrupted: bool) -> None:
    """Say on stderr what came of it."""
    if interrupted:
        click.echo("\nInterrupted", err=True)
    if table is None:
        if tally.spectra > 1 or tally.skipped or given.watch is not None:
            click.echo(tally.summary(), err=True)
        return
    line = f"{tally.summary()}; rows in {printable(str(given.out))}"
    if table.rows:
        line += f" ({counted(table.rows, 'row')} stayed, {table.failed} of them failed)"
    if table.changed:
        line += f"; {counted(table.changed, 'file')} had changed and was done again"
    click.echo(line, err=True)
    if interrupted:
        click.echo(f"go on with: --csv {printable(str(given.out))} --resume", err=True)
