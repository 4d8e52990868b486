"""Options that several commands share, each said once."""

from __future__ import annotations

from collections.abc import Callable

import click

__all__ = [
    "Decorator",
    "column_options",
    "energy_shift_option",
    "examples",
    "force_option",
    "level_option",
    "model_option",
    "normalized_option",
    "threads_option",
]

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def examples(*lines: str) -> str:
    """The examples below a command's help.

    Parameters
    ----------
    *lines : str

    Returns
    -------
    str
        For `click.command`'s epilog.
    """
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


model_option: Decorator = click.option(
    "--model", type=click.Path(), metavar="DIR", help="Folder of another model (bundle) than the shipped one."
)
normalized_option: Decorator = click.option(
    "--normalized", is_flag=True, help="Take mu as normalised already."
)
level_option: Decorator = click.option(
    "--level",
    type=click.FloatRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    help="Coverage of the intervals.",
)
force_option: Decorator = click.option(
    "--force", is_flag=True, help="Give distances outside what the model knows too."
)
energy_shift_option: Decorator = click.option(
    "--energy-shift",
    type=click.FloatRange(-1000.0, 1000.0),
    default=0.0,
    metavar="EV",
    help="Add to the energies, in eV.",
)


def threads_option(help_text: str) -> Decorator:
    """The option ``--threads``.

    Parameters
    ----------
    help_text : str

    Returns
    -------
    callable
    """
    return click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help=help_text)


def column_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a file does not.

    Parameters
    ----------
    command : callable

    Returns
    -------
    callable
    """
    for option in (
        energy_shift_option,
        click.option("--edge", metavar="EDGE", help="Edge, in place of the file's."),
        click.option("--element", metavar="SYMBOL", help="Element, in place of the file's."),
        click.option(
            "--mu-column",
            metavar="COLUMN",
            help="Number or label of the mu column, or a ratio: 'FY_c/Io', 'ln(i0/it)', '(5+6)/2'.",
        ),
        click.option("--energy-column", metavar="COLUMN", help="Number or label of the energy column."),
    ):
        command = option(command)
    return command
