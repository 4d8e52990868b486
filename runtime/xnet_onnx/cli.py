"""The command line: ``xnet-onnx``.

Imports are inside the commands, so that ``--help`` and ``--version`` are
instant. Results go to stdout, everything for people to stderr; 0 is all good, 1
some file failed, 2 a wrong use.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import click

from ._version import __version__
from .errors import XnetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .bundle import Bundle
    from .prediction import Prediction
    from .spectrum import Spectrum

__all__ = ["main"]

CHUNK = 64

#: Commands of other packages of this distribution, loaded when they are called.
ELSEWHERE = {
    "train": ("xnet_exporter.commands:train", "Train the members of a bundle (extra [export])."),
    "export": ("xnet_exporter.commands:export", "Turn trained members into a bundle ([export])."),
    "calibrate": (
        "xnet_exporter.commands:calibrate",
        "Calibrate a bundle's intervals and verdict ([export]).",
    ),
    "evaluate": (
        "xnet_exporter.commands:evaluate",
        "Measure a bundle on its held-out spectra ([export]).",
    ),
    "larch": ("xnet_larch.commands:larch", "The commands in every Larch session ([larch])."),
}


class _Commands(click.Group):
    """Commands by name; errors of ours become one line on stderr."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        target, _ = ELSEWHERE[cmd_name]
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, command.get_short_help_str(60)) for name, command in sorted(self.commands.items())]
        rows += [(name, text) for name, (_, text) in ELSEWHERE.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except XnetError as error:
            raise _one_line(error) from error


def _one_line(error: XnetError) -> click.ClickException:
    return click.ClickException(" ".join(str(error).split()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xnet-onnx")
def main() -> None:
    """Distances around an absorbing atom, read from its XANES spectrum."""


@main.command()
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--json", "style", flag_value="json", help="Print one JSON array, an object a file.")
@click.option("--jsonl", "style", flag_value="jsonl", help="Print one JSON object a line.")
@click.option("--csv", "style", flag_value="csv", help="Print one CSV row a file.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="OUT.png", help="Draw a figure.")
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to use.")
@click.option("--normalized", is_flag=True, help="Take mu as normalised already.")
@click.option("--energy-column", metavar="COLUMN", help="Number or label of the energy column.")
@click.option("--mu-column", metavar="COLUMN", help="Number or label of the mu column.")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    help="Coverage of the intervals.",
)
@click.option("--force", is_flag=True, help="Give distances outside the domain of the model too.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def predict(
    files: tuple[str, ...],
    style: str | None,
    plot: str | None,
    model: str | None,
    normalized: bool,
    energy_column: str | None,
    mu_column: str | None,
    level: float,
    force: bool,
    threads: int,
) -> None:
    """Predict the distances around the absorber for each FILE ("-" is stdin)."""
    if not files:
        raise click.UsageError("give at least one file, or - for the standard input")
    from pathlib import Path

    from .bundle import load_bundle
    from .prediction import Prediction, predict_many
    from .readers import read

    bundle = load_bundle(model)
    if plot is not None:
        _check_plot(len(files))
    writer = _Writer(style)
    drawn: list[Prediction] = []
    total = failed = 0
    for start in range(0, len(files), CHUNK):
        chunk = files[start : start + CHUNK]
        spectra: list[Spectrum | XnetError] = []
        for file in chunk:
            try:
                spectra.append(read(file, energy_column=energy_column, mu_column=mu_column))
            except XnetError as error:
                spectra.append(error)
        results = predict_many(
            spectra, bundle=bundle, normalized=normalized, level=level, force=force, threads=threads
        )
        for file, result in _with_sessions(zip(chunk, results, strict=True), bundle):
            total += 1
            writer.write(file, result)
            if isinstance(result, Prediction):
                drawn.append(result) if plot is not None else None
            else:
                failed += 1
                click.echo(f"Error: {file}: {' '.join(str(result).split())}", err=True)
    writer.close()
    if plot is not None and drawn:
        from .plot import plot_predictions

        plot_predictions(drawn, Path(plot))
    if total > 1:
        what = "files" if total == len(files) else "spectra"
        click.echo(f"{total - failed} of {total} {what} predicted, {failed} failed", err=True)
    if failed:
        sys.exit(1)


def _with_sessions(
    results: Iterable[tuple[str, Prediction | XnetError]], bundle: Bundle
) -> Iterator[tuple[str, Prediction | XnetError]]:
    """Replace what `read` says of a Larix session by the results of its groups (extra [larch])."""
    for file, result in results:
        if not file.lower().endswith(".larix"):
            yield file, result
            continue
        from xnet_larch import predict_session

        try:
            for label, found in predict_session(file, bundle):
                yield f"{file}: {label}", found
        except XnetError as error:
            yield file, error


def _check_plot(count: int) -> None:
    from .plot import MAX_ROWS

    if count > MAX_ROWS:
        raise click.UsageError(f"--plot draws at most {MAX_ROWS} files; {count} were given")


class _Writer:
    """Writes results to stdout in one style, as they come."""

    def __init__(self, style: str | None) -> None:
        self.style = style
        self.count = 0
        if style == "csv":
            import csv

            from .present import CSV_FIELDS

            self.csv = csv.DictWriter(sys.stdout, CSV_FIELDS, lineterminator="\n")
            self.csv.writeheader()

    def write(self, file: str, result: Prediction | XnetError) -> None:
        from .present import as_csv_row, as_json, as_table

        if self.style == "csv":
            self.csv.writerow(as_csv_row(file, result))
        elif self.style in ("json", "jsonl"):
            import json

            text = json.dumps(as_json(file, result), allow_nan=False)
            before = "" if self.style == "jsonl" else ",\n" if self.count else "[\n"
            click.echo(before + text, nl=self.style == "jsonl")
        elif not isinstance(result, XnetError):
            click.echo(("\n" if self.count else "") + as_table(file, result))
        else:
            return
        self.count += 1

    def close(self) -> None:
        if self.style == "json":
            click.echo("\n]" if self.count else "[]")


@main.command()
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to show.")
def info(model: str | None) -> None:
    """Show the model card of a bundle."""
    from .bundle import load_bundle, read_verified

    bundle = load_bundle(model)
    click.echo(f"bundle: {bundle.title} ({bundle.path})\n")
    click.echo(read_verified(bundle.path, "README.md", bundle.card).decode("utf-8").rstrip())


@main.command()
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to check.")
def verify(model: str | None) -> None:
    """Check a bundle's files and re-run its golden input."""
    from .bundle import load_bundle
    from .verification import verify_bundle

    bundle = load_bundle(model)
    done = verify_bundle(bundle)
    click.echo(
        f"{bundle.title}: {done.files} files as recorded; golden input within "
        f"{done.golden_difference:.1e}, members within {done.member_difference:.1e} of G2"
    )
