"""Commands and readers of other packages, looked up only when they are asked for.

A package declares them in its metadata: a click command in the group
``xnet_onnx.commands``, and in ``xnet_onnx.sessions`` a function of
a file, a bundle, level and force, by the suffix of the files that it reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..errors import MissingExtraError

__all__ = ["command", "command_names", "session_reader"]

COMMANDS = "xnet_onnx.commands"
SESSIONS = "xnet_onnx.sessions"


def command_names() -> list[str]:
    """Names of the commands that other packages bring, sorted.

    Returns
    -------
    list of str
    """
    from importlib.metadata import entry_points

    return sorted({entry.name for entry in entry_points(group=COMMANDS)})


def command(name: str) -> click.Command | None:
    """A command of another package.

    Parameters
    ----------
    name : str

    Returns
    -------
    click.Command or None
        None where no package has it.

    Raises
    ------
    MissingExtraError
        If the package that has it cannot be loaded.
    """
    found = _load(COMMANDS, name)
    return found if isinstance(found, click.Command) else None


def session_reader(suffix: str) -> Callable[..., Any] | None:
    """The function that predicts for a session file.

    Parameters
    ----------
    suffix : str
        Of the file: ".larix".

    Returns
    -------
    callable or None
        None where no package has one.
    """
    found = _load(SESSIONS, suffix.lstrip("."))
    return found if callable(found) else None


def _load(group: str, name: str) -> Any:
    from importlib.metadata import entry_points

    for entry in entry_points(group=group, name=name):
        try:
            return entry.load()
        except (ImportError, AttributeError) as error:
            package = entry.dist.name if entry.dist is not None else entry.value
            raise MissingExtraError(
                f"{name} of the package {package} cannot be loaded ({error}); install that package again"
            ) from error
    return None
