"""The command line: ``xnet-onnx``.

Each command is a module that is imported when it is called. Results go to stdout,
everything for people to stderr; 0 is all good, 1 some file failed, 2 a wrong use,
130 an interruption.
"""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any

import click

from .._version import __version__
from ..errors import XnetError
from ..wording import printable
from . import plugins

__all__ = ["main"]

INTERRUPTED = 130
#: Our own commands; those of other packages are entry points (`xnet_onnx.cli.plugins`).
COMMANDS = {
    "predict": "predict",
    "columns": "columns",
    "map": "map_stack",
    "page": "page",
    "info": "info",
    "verify": "verify",
}


class _Commands(click.Group):
    """Commands by name; errors of ours become one line on stderr."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name in plugins.command_names() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return plugins.command(cmd_name)
        module = importlib.import_module(f".{cmd_name}", __package__)
        command: click.Command = getattr(module, COMMANDS[cmd_name])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except XnetError as error:
            return printable(str(error))
        return "" if command is None else command.get_short_help_str(70)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except XnetError as error:
            about = f"{error.label}: " if error.label else ""
            raise click.ClickException(about + " ".join(str(error).split())) from error
        except click.UsageError as error:
            # A file's name may stand in it.
            text = "\n".join(printable(line) for line in error.format_message().split("\n"))
            raise click.UsageError(text, ctx=error.ctx) from error
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="xnet-onnx")
def main() -> None:
    """Distances around an absorbing atom, read from its XANES spectrum.

    \b
    Begin with:
      xnet-onnx predict FILE
    """  # noqa: D301
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold what the terminal cannot show.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
