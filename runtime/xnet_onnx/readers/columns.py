"""Plain columns of numbers, with or without a header."""

from __future__ import annotations

import re

from ..errors import ReadError
from .table import Table, to_rows

__all__ = ["parse_columns"]

_COMMENT = ("#", "%", ";", "!", "*", "//", '"')
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_WORD = re.compile(r"[,;\t]|\s+")
MAX_HEADER = 500


def _separator(line: str) -> str | None:
    """The character between the values of a data line; None is white space."""
    for candidate in (";", ",", "\t"):
        if candidate in line:
            return candidate if candidate != "\t" else None
    return None


def _is_data(line: str) -> bool:
    """Whether a line starts with a number (a row of data, or a broken one)."""
    first = _WORD.split(line.strip(), maxsplit=1)[0]
    return _NUMBER.match(first) is not None or first.lower() in ("nan", "inf", "-inf")


def parse_columns(text: str, label: str) -> Table:
    """Parse a text file of columns.

    Parameters
    ----------
    text : str
        The file: header lines, then rows of numbers separated by white space,
        commas or semicolons. Header lines start with a comment sign, or do not
        start with a number. The last header line gives the labels when it has
        as many words as there are columns.
    label : str
        What to call the file in messages.

    Returns
    -------
    Table

    Raises
    ------
    ReadError
        If there is no table of numbers in the file.
    """
    header: list[str] = []
    data: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if line.startswith(_COMMENT):
            if not data:
                header.append(line)
            continue
        if data or _is_data(line):
            data.append((number, line))
            continue
        header.append(line)
        if len(header) > MAX_HEADER:
            break
    if not data:
        raise ReadError(
            "no line starts with a number; expected an XDI file or columns of energy and absorption"
        )
    values = to_rows(data, _separator(data[0][1]))
    words: list[str] = []
    if header:
        bare = header[-1].lstrip('#%;!*/" \t')
        words = [word.strip('" ') for word in re.split(r"[,;\t]|\s+", bare) if word.strip('" ')]
    count = values.shape[1]
    labels = tuple(word.lower() for word in words) if len(words) == count else ("",) * count
    return Table(values, labels, ("",) * count, {}, label, "columns")
