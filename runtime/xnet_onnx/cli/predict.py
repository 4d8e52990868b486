"""``xnet-onnx predict``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..threads import limit_threads
from .options import (
    Decorator,
    column_options,
    examples,
    force_option,
    level_option,
    model_option,
    normalized_option,
    threads_option,
)

__all__ = ["Given", "predict"]

EXAMPLES = examples(
    "xnet-onnx predict scan.xdi",
    "xnet-onnx predict scans/ --csv distances.csv",
    "xnet-onnx predict Fe.prj --plot figures.pdf",
    "xnet-onnx predict 'Fe.prj:Hematite' goethite.xdi --compare both.png",
    "xnet-onnx predict scan.dat --mu-column 'ln(i0/it)' --element Fe",
    "xnet-onnx predict operando/ --series series.png",
    "xnet-onnx predict --watch today/ --csv today.csv",
)


@dataclass(frozen=True)
class Given:
    """The arguments and options of ``predict``, as they were given."""

    files: tuple[str, ...]
    style: str | None
    table: str | None
    resume: bool
    overwrite: bool
    raw_cells: bool
    long: bool
    plot: Path | None
    compare: Path | None
    series: Path | None
    watch: str | None
    model: str | None
    normalized: bool
    energy_column: str | None
    mu_column: str | None
    element: str | None
    edge: str | None
    energy_shift: float
    foil: str | None
    foil_channel: bool
    level: float
    force: bool
    threads: int

    @property
    def out(self) -> Path | None:
        """The table to write; None where rows are printed or not wanted."""
        return None if self.table in (None, "-") else Path(str(self.table))

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        click.UsageError
        """
        if self.watch is None and not self.files:
            raise click.UsageError("give at least one file, or - for the standard input")
        if self.watch is not None and self.files:
            raise click.UsageError("--watch takes the files of its folder; give no others")
        if self.watch is not None and (self.plot or self.compare):
            raise click.UsageError("--watch draws --series only; draw --plot and --compare afterwards")
        if self.table is not None and self.style is not None:
            raise click.UsageError("--csv and --json exclude each other; choose one")
        if self.resume and self.out is None:
            raise click.UsageError("--resume goes on with a file; give it with --csv OUT.csv")
        if self.overwrite and self.out is None:
            raise click.UsageError("--overwrite is about a file; give it with --csv OUT.csv")
        if self.resume and self.overwrite:
            raise click.UsageError("--resume and --overwrite exclude each other; choose one")
        if self.foil is not None and self.foil_channel:
            raise click.UsageError("--foil and --foil-channel exclude each other; choose one")


class _Predict(click.Command):
    """A command whose ``--csv`` may stand without a value.

    ``--csv out.csv`` writes a file; ``--csv`` before anything that does not end in
    .csv prints, and what follows is one of the files.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        for i, word in enumerate(given):
            if word == "--":
                break
            following = given[i + 1] if i + 1 < len(given) else ""
            is_file = following.lower().endswith(".csv") or following.startswith("/dev/")
            if word == "--csv" and not is_file:
                given[i] = "--csv=-"
        return super().parse_args(ctx, given)


def _figure(name: str, help_text: str) -> Decorator:
    return click.option(
        name, type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.png|pdf", help=help_text
    )


@click.command(cls=_Predict, epilog=EXAMPLES)
@click.argument("files", nargs=-1, metavar="FILE|DIR|GLOB...")
@click.option("--json", "style", flag_value="json", help="Print one JSON array, an object a spectrum.")
@click.option("--jsonl", "style", flag_value="jsonl", help="Print one JSON object a line.")
@click.option(
    "--csv",
    "table",
    metavar="[OUT.csv]",
    help="Print one CSV row a spectrum, or write the rows to OUT.csv.",
)
@click.option("--resume", is_flag=True, help="Go on with OUT.csv; files that have changed are done again.")
@click.option("--overwrite", is_flag=True, help="Begin OUT.csv again where it is there.")
@click.option(
    "--raw-cells", is_flag=True, help="No apostrophe before CSV cells that a spreadsheet takes for formulas."
)
@click.option("--long", "long", is_flag=True, help="Print all details of each of many spectra.")
@_figure("--plot", "Draw each spectrum and its curve; more than a page needs a PDF.")
@_figure("--compare", "Draw the spectra and their curves over each other.")
@_figure("--series", "Draw distance against scan, and the spectra below: operando data.")
@click.option(
    "--watch",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Predict for files in DIR as they arrive, until Ctrl-C.",
)
@model_option
@normalized_option
@column_options
@click.option("--foil", metavar="FILE", help="Calibrate the energies with a scan of the element's foil.")
@click.option("--foil-channel", is_flag=True, help="Calibrate each file with its own reference channel.")
@level_option
@force_option
@threads_option("CPU threads.")
def predict(**options: Any) -> None:
    """Predict the distances around the absorber for each spectrum.

    A FILE may hold several (an Athena project); "-" is the standard input, a DIR is
    taken with all below it. The interval holds the true distance in --level of all
    cases; the verdict (high, medium, low, outside) is about the first shell.
    """
    given = Given(**options)
    given.check()
    limit_threads(given.threads)
    from .run import run

    status = run(given)
    if status:
        sys.exit(status)
