"""The standard output, which holds data and may take no more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from ..errors import OutputError

__all__ = ["put"]


def put(text: str, nl: bool = True) -> None:
    """Print data.

    Parameters
    ----------
    text : str
    nl : bool
        End the line.

    Raises
    ------
    OutputError
        If the disk behind it is full, or whatever else the system says.
    """
    try:
        click.echo(text, nl=nl)
    except BrokenPipeError:
        raise  # whoever reads has had enough; click ends quietly
    except OSError as error:
        with suppress(OSError, ValueError):
            # What is left in the buffer must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(
            f"the standard output takes no more ({error.strerror}); what came before went out: make room and "
            "begin again, or use --csv OUT.csv, which --resume goes on with"
        ) from error
