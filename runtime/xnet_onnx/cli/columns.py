"""``xnet-onnx columns``."""

from __future__ import annotations

import sys

import click

from .options import column_options, examples
from .stdout import put

__all__ = ["columns"]


@click.command(
    epilog=examples("xnet-onnx columns scan.dat", "xnet-onnx columns scan.dat --mu-column 'ln(i0/it)'")
)
@click.argument("file", metavar="FILE")
@column_options
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
    put(text)
    if not good:
        sys.exit(1)
