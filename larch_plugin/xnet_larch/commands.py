"""``xnet-onnx larch ...`` and ``xnet-larch``."""

from __future__ import annotations

import sys

import click

from xnet_onnx.errors import XnetError

__all__ = ["larch", "start"]


@click.group()
def larch() -> None:
    """Make the commands part of every Larch session (extra [larch])."""


@larch.command()
def install() -> None:
    """Put one line first in your Larch startup file."""
    from .startup import backup_of, install_line, startup_file

    path = startup_file()
    existed = path.exists()
    if not install_line(path):
        click.echo(f"{path} has the line already; nothing changed", err=True)
        return
    click.echo(f"one line added at the top of {path}", err=True)
    if existed:
        click.echo(f"the file as it was: {backup_of(path)}", err=True)
    click.echo("check it with: xnet-onnx larch status", err=True)


@larch.command()
def uninstall() -> None:
    """Take the line out of your Larch startup file."""
    from .startup import startup_file, uninstall_line

    path = startup_file()
    said = {
        "": "there is no line of ours in {}",
        "taken out": "the line was taken out of {}, which was changed since",
        "restored": "{} is again as it was before 'xnet-onnx larch install'",
        "deleted": "{}, which 'xnet-onnx larch install' had made, is deleted",
    }
    click.echo(said[uninstall_line(path)].format(path), err=True)


@larch.command()
def status() -> None:
    """Start a session and call the command in it; exit status 1 if that fails."""
    from .startup import check_startup, startup_file

    found = check_startup(startup_file())
    click.echo(f"startup file  {found.file}")
    click.echo(f"line          {'first in the file' if found.line else 'not there, or not first'}")
    click.echo(f"commands      {'in a new session' if found.commands else 'not in a new session'}")
    click.echo(f"prediction    {'works' if found.works else 'fails'}: {found.answer}")
    if found.trouble:
        click.echo(f"trouble       {found.trouble}")
    if not found.works:
        if found.commands:
            advice = "reinstall xnet-onnx"
        elif found.line and found.trouble:
            advice = f"correct {found.file}: Larch runs nothing of a file that it cannot take as a whole"
        else:
            advice = "run: xnet-onnx larch install"
        click.echo(f"Error: the commands do not work in Larch; {advice}", err=True)
        sys.exit(1)


def start() -> None:
    """Start Larch with the commands ready (console script ``xnet-larch``)."""
    from .host import larch_module
    from .plugin import install as install_commands

    try:
        install_commands()
        run_larch = larch_module("larch.apps").run_larch
    except XnetError as error:
        click.echo(f"Error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    run_larch()
