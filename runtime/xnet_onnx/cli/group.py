"""The command line: ``xnet-onnx``.

Imports are inside the commands, so that ``--help`` and ``--version`` are
instant. Results go to stdout, everything for people to stderr; 0 is all good, 1
some file failed, 2 a wrong use.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .._version import __version__
from ..errors import XnetError

if TYPE_CHECKING:
    from ..bundle.load import Bundle
    from ..pipeline import Prediction
    from ..readers import Choice
    from ..spectrum import Spectrum

__all__ = ["main"]

CHUNK = 64

#: Commands of other modules and packages of this distribution, loaded when they are called.
ELSEWHERE = {
    "map": ("xnet_onnx.cli.map:map_stack", "Predict for every pixel of a stack ([maps])."),
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
    "reproduce": (
        "xnet_exporter.commands:reproduce",
        "Make the paper's figures and tables again ([reproduce]).",
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
    return click.ClickException((f"{error.label}: " if error.label else "") + " ".join(str(error).split()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xnet-onnx")
def main() -> None:
    """Distances around an absorbing atom, read from its XANES spectrum."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold what the terminal cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
            if word == "--csv" and not following.lower().endswith(".csv"):
                given[i] = "--csv=-"
        return super().parse_args(ctx, given)


def _column_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a file does not."""
    for option in reversed(
        (
            click.option("--energy-column", metavar="COLUMN", help="Number or label of the energy column."),
            click.option(
                "--mu-column",
                metavar="COLUMN",
                help="Number or label of the mu column, or a ratio: 'FY_c/Io', 'ln(i0/it)', '(5+6)/2'.",
            ),
            click.option("--element", metavar="SYMBOL", help="Element, in place of the file's."),
            click.option("--edge", metavar="EDGE", help="Edge, in place of the file's."),
            click.option(
                "--energy-shift",
                type=click.FloatRange(-1000.0, 1000.0),
                default=0.0,
                metavar="EV",
                help="Add to the energies, in eV.",
            ),
        )
    ):
        command = option(command)
    return command


@main.command(cls=_Predict)
@click.argument("files", nargs=-1, metavar="FILE|DIR|GLOB...")
@click.option("--json", "style", flag_value="json", help="Print one JSON array, an object a spectrum.")
@click.option("--jsonl", "style", flag_value="jsonl", help="Print one JSON object a line.")
@click.option(
    "--csv",
    "table",
    metavar="[OUT.csv]",
    help="Print one CSV row a spectrum, or write the rows to OUT.csv.",
)
@click.option("--resume", is_flag=True, help="Go on with OUT.csv where an earlier run ended.")
@click.option("--plot", type=click.Path(dir_okay=False), metavar="OUT.png", help="Draw a figure.")
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to use.")
@click.option("--normalized", is_flag=True, help="Take mu as normalised already.")
@_column_options
@click.option("--foil", metavar="FILE", help="Calibrate the energies with a scan of the element's foil.")
@click.option("--foil-channel", is_flag=True, help="Calibrate each file with its own reference channel.")
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
    table: str | None,
    resume: bool,
    plot: str | None,
    model: str | None,
    normalized: bool,
    energy_column: str | None,
    mu_column: str | None,
    element: str | None,
    edge: str | None,
    energy_shift: float,
    foil: str | None,
    foil_channel: bool,
    level: float,
    force: bool,
    threads: int,
) -> None:
    """Predict the distances around the absorber for each spectrum.

    A FILE may hold several (an Athena project); "-" is the standard input, a DIR is
    taken with all below it.
    """
    if not files:
        raise click.UsageError("give at least one file, or - for the standard input")
    if table is not None and style is not None:
        raise click.UsageError("--csv and --json exclude each other; choose one")
    out = None if table in (None, "-") else table
    if resume and out is None:
        raise click.UsageError("--resume goes on with a file; give it with --csv OUT.csv")
    if foil is not None and foil_channel:
        raise click.UsageError("--foil and --foil-channel exclude each other; choose one")
    from pathlib import Path

    from ..threads import limit_threads

    limit_threads(threads)
    from ..bundle.load import load_bundle
    from ..pipeline import Prediction, predict_many
    from ..readers import Choice
    from ..wording import printable
    from .batch import CsvTable, expand

    names, empty = expand(files, None if out is None else Path(out))
    if empty:
        raise click.UsageError(f"no file in {', '.join(printable(name) for name in empty)}; expected spectra")
    bundle = load_bundle(model)
    if plot is not None:
        _check_plot(len(names))
    choice = Choice(energy_column, mu_column, element, edge, energy_shift)
    shift = None if foil is None else (_foil_shift(foil, bundle), f"after the foil {printable(foil)}")
    rows = None if out is None else CsvTable(Path(out), bundle.title, names if resume else None)
    writer = None if out is not None else _Writer("csv" if table == "-" else style)
    drawn: list[Prediction] = []
    count = failed = 0
    waiting: list[tuple[str, Spectrum | Prediction | XnetError]] = []

    def finish() -> None:
        nonlocal count, failed
        spectra = [item for _, item in waiting if not isinstance(item, Prediction)]
        results = iter(
            predict_many(
                spectra, bundle=bundle, normalized=normalized, level=level, force=force, threads=threads
            )
        )
        done = [(label, item if isinstance(item, Prediction) else next(results)) for label, item in waiting]
        waiting.clear()
        if rows is not None:
            rows.add(done)
        for label, result in done:
            count += 1
            if writer is not None:
                writer.write(label, result)
            if isinstance(result, Prediction):
                drawn.append(result) if plot is not None else None
            else:
                failed += 1
                if rows is None:
                    click.echo(f"Error: {label}: {printable(' '.join(str(result).split()))}", err=True)

    todo = names if rows is None else [name for name in names if not rows.has(name)]
    bar = _progress(len(todo)) if rows is not None else None
    try:
        for name in todo:
            if name.lower().endswith(".larix"):
                waiting += _predict_session(name, bundle, level, force)
            else:
                waiting += _read_file(name, choice, shift, bundle.edge_energy if foil_channel else None)
            if len(waiting) >= CHUNK:
                finish()
            if bar is not None:
                bar.update(1)
        if waiting:
            finish()
    except KeyboardInterrupt:
        if rows is None:
            raise
        click.echo(f"\nInterrupted: {count} rows are in {out}; go on with --resume", err=True)
        sys.exit(1)
    finally:
        if bar is not None:
            bar.render_finish()
        if rows is not None:
            rows.close()
    if writer is not None:
        writer.close()
    if plot is not None and drawn:
        from ..output.figure import plot_predictions

        plot_predictions(drawn, Path(plot))
    if rows is not None:
        before = rows.rows
        also = f" ({before} rows were there, {rows.failed - failed} of them failed)" if before else ""
        click.echo(
            f"{count - failed} of {count} spectra predicted, {failed} failed; rows in {out}{also}", err=True
        )
        failed = rows.failed
    elif count > 1:
        click.echo(f"{count - failed} of {count} spectra predicted, {failed} failed", err=True)
    if failed:
        sys.exit(1)


def _progress(length: int) -> Any:
    """Make a bar on a terminal; None elsewhere."""
    if length < 2 or not sys.stderr.isatty():
        return None
    return click.progressbar(length=length, label="predicting", file=sys.stderr)


def _foil_shift(foil: str, bundle: Bundle) -> float:
    from ..preprocess.edge import check_identity
    from ..readers import read
    from ..readers.foil import foil_shift

    spectrum = read(foil)
    check_identity(spectrum, bundle)
    return foil_shift(spectrum.energy, spectrum.mu, bundle.edge_energy)


def _read_file(
    name: str, choice: Choice, shift: tuple[float, str] | None, calibrate: float | None
) -> list[tuple[str, Spectrum | XnetError]]:
    """Read the spectra of a file with the names they have in the output."""
    from pathlib import Path

    from ..readers import read_all
    from ..wording import printable

    short = "standard input" if name == "-" else printable(Path(name).name)
    try:
        found = read_all(name, choice, calibrate=calibrate)
    except XnetError as error:
        return [(printable(name), error)]
    items: list[tuple[str, Spectrum | XnetError]] = []
    for item in found:
        inside = item.label.removeprefix(short) if item.label.startswith(f"{short}:") else ""
        if shift is not None and not isinstance(item, XnetError):
            from ..readers.foil import shifted

            item = shifted(item, *shift)
        items.append((printable(name + inside), item))
    return items


def _predict_session(
    name: str, bundle: Bundle, level: float, force: bool
) -> list[tuple[str, Prediction | XnetError]]:
    """Predict for the groups of a Larix session, which Larch alone can read (extra [larch])."""
    from ..wording import printable

    plugin = importlib.import_module("xnet_larch")
    try:
        found = plugin.predict_session(name, bundle, level=level, force=force)
    except XnetError as error:
        return [(printable(name), error)]
    return [(printable(f"{name}:{label}"), result) for label, result in found]


def _check_plot(count: int) -> None:
    from ..output.figure import MAX_ROWS

    if count > MAX_ROWS:
        raise click.UsageError(f"--plot draws at most {MAX_ROWS} files; {count} were given")


class _Writer:
    """Writes results to stdout in one style, as they come."""

    def __init__(self, style: str | None) -> None:
        self.style = style
        self.count = 0
        if style == "csv":
            import csv

            from ..output.table import CSV_FIELDS

            self.csv = csv.DictWriter(sys.stdout, CSV_FIELDS, lineterminator="\n")
            self.csv.writeheader()

    def write(self, file: str, result: Prediction | XnetError) -> None:
        from ..output.table import as_csv_row, as_json, as_table

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
@click.argument("file", metavar="FILE")
@_column_options
def columns(
    file: str,
    energy_column: str | None,
    mu_column: str | None,
    element: str | None,
    edge: str | None,
    energy_shift: float,
) -> None:
    """Show what is understood of a FILE: its columns, energy, mu and element."""
    from ..output.columns import describe_file
    from ..readers import Choice

    text, good = describe_file(file, Choice(energy_column, mu_column, element, edge, energy_shift))
    click.echo(text)
    if not good:
        sys.exit(1)


@main.command()
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to show.")
def info(model: str | None) -> None:
    """Show the model card of a bundle."""
    from ..bundle.load import load_bundle, read_verified

    bundle = load_bundle(model)
    click.echo(f"bundle: {bundle.title} ({bundle.path})\n")
    click.echo(read_verified(bundle.path, "README.md", bundle.card).decode("utf-8").rstrip())


@main.command()
@click.option("--model", type=click.Path(), metavar="DIR", help="Bundle to check.")
def verify(model: str | None) -> None:
    """Check a bundle's files and re-run its golden input."""
    from ..bundle.load import load_bundle
    from .verification import verify_bundle

    bundle = load_bundle(model)
    done = verify_bundle(bundle)
    click.echo(
        f"{bundle.title}: {done.files} files as recorded; golden input within "
        f"{done.golden_difference:.1e}, members within {done.member_difference:.1e} of G2"
    )
