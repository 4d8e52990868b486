"""A file's columns, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import ReadError
from ..spectrum import FloatArray

__all__ = ["Table", "decode", "to_rows"]

MAX_COLUMNS = 4096
MAX_LINE = 100_000


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers with what the file says about them.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    labels : tuple of str
        One for each column; empty strings where the file gives none.
    units : tuple of str
        Likewise.
    metadata : dict of str to str
        XDI fields in lower case ("element.symbol"), empty for plain columns.
    label : str
        What to call the file in messages.
    format : str
        "XDI" or "columns".
    """

    values: FloatArray
    labels: tuple[str, ...]
    units: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    label: str = "spectrum"
    format: str = "columns"

    def describe(self) -> str:
        """List the columns: "1 energy, 2 i0, 3 itrans"."""
        shown = [f"{i + 1} {name}".strip() for i, name in enumerate(self.labels[:24])]
        more = len(self.labels) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def decode(data: bytes) -> str:
    """Decode a text file: UTF-8 (with or without a mark), else Latin-1.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    str

    Raises
    ------
    ReadError
        If the bytes are not text.
    """
    if not data.strip():
        raise ReadError("the file is empty; expected columns of energy and absorption")
    head = data[:65536]
    if b"\0" in head:
        raise ReadError(
            "the file is binary, not text; expected an XDI file or columns of numbers: export the "
            "spectrum as text"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def to_rows(lines: list[tuple[int, str]], separator: str | None) -> FloatArray:
    """Turn the data lines of a text file into numbers.

    Parameters
    ----------
    lines : list of (int, str)
        Line number in the file, from 1, and text.
    separator : str or None
        Between the values; None is any white space.

    Returns
    -------
    ndarray of float64, shape (rows, columns)

    Raises
    ------
    ReadError
        If a value is not a number, or a row is longer or shorter than the first.
    """
    if not lines:
        raise ReadError("the file holds no line of numbers; expected columns of energy and absorption")
    rows: list[list[float]] = []
    for number, line in lines:
        if len(line) > MAX_LINE:
            raise ReadError(
                f"line {number} has {len(line)} characters; expected a row of at most {MAX_COLUMNS} numbers"
            )
        words = line.split(separator) if separator is None else line.strip().split(separator)
        if separator is not None and words and not words[-1].strip():
            words.pop()
        try:
            row = [float(word) for word in words]
        except ValueError:
            bad = next(word.strip() for word in words if not _is_number(word))
            raise ReadError(
                f"line {number}: {bad[:40]!r} is not a number; expected {len(words)} numbers: mend "
                "or remove this line"
            ) from None
        if rows and len(row) != len(rows[0]):
            raise ReadError(
                f"line {number} has {len(row)} values and line {lines[0][0]} has {len(rows[0])}; "
                "expected the same number in every row: mend or remove this line"
            )
        rows.append(row)
        if len(row) > MAX_COLUMNS:
            raise ReadError(f"line {number} has {len(row)} values; expected at most {MAX_COLUMNS} columns")
    return np.array(rows, dtype=np.float64)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
