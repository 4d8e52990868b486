"""Step 1 of the road: a file to a `Spectrum`.

A file becomes a `Table` (columns with labels and metadata) by one of the
parsers in `FORMATS`, chosen by what the file holds and not by its name; a table
becomes a spectrum by the rules of `xnet_onnx.readers.absorption`. A new format is
one more parser in the list.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import ReadError
from ..spectrum import Spectrum
from .absorption import to_spectrum
from .columns import parse_columns
from .table import Table, decode
from .xdi import is_xdi, parse_xdi

__all__ = ["read", "read_bytes"]

MAX_BYTES = 64 * 1024 * 1024

#: Name, test of the decoded text, parser; the first that fits is used.
FORMATS: tuple[tuple[str, Callable[[str], bool], Callable[[str, str], Table]], ...] = (
    ("XDI", is_xdi, parse_xdi),
    ("columns", lambda text: True, parse_columns),
)


def read(path: str | Path, *, energy_column: str | None = None, mu_column: str | None = None) -> Spectrum:
    """Read one spectrum from a file.

    Parameters
    ----------
    path : str or Path
        An XDI file or a column text file; "-" is the standard input.
    energy_column, mu_column : str, optional
        Number (from 1) or label of the column to take; found from the labels
        when not given.

    Returns
    -------
    Spectrum

    Raises
    ------
    ReadError
        If the file cannot be opened or is not a table of numbers.
    ColumnError
        If the columns cannot be told apart.
    """
    if str(path) == "-":
        data, label = sys.stdin.buffer.read(MAX_BYTES + 1), "standard input"
    else:
        label = Path(path).name
        try:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ReadError(
                f"{path} cannot be opened: {error.strerror or error}; expected a readable file"
            ) from error
    return read_bytes(data, label, energy_column=energy_column, mu_column=mu_column)


def read_bytes(
    data: bytes,
    label: str,
    *,
    energy_column: str | None = None,
    mu_column: str | None = None,
) -> Spectrum:
    """Read one spectrum from the bytes of a file.

    Parameters
    ----------
    data : bytes
        The file.
    label : str
        What to call it in messages.
    energy_column, mu_column : str, optional
        As in `read`.

    Returns
    -------
    Spectrum

    Raises
    ------
    ReadError, ColumnError
        As `read`.
    """
    if len(data) > MAX_BYTES:
        raise ReadError(
            f"the file is larger than {MAX_BYTES // 2**20} MB; expected one spectrum as text: "
            "cut out the scan you want"
        )
    text = decode(data)
    parse = next(parse for _, fits, parse in FORMATS if fits(text))
    return to_spectrum(parse(text, label), energy_column=energy_column, mu_column=mu_column)
