"""Bytes to lines and lines to numbers, within fixed limits of memory."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..errors import ReadError
from ..spectrum import FloatArray
from .table import MAX_COLUMNS, MAX_POINTS, MAX_VALUES

__all__ = ["decode", "number", "split_lines", "split_words", "style_of", "to_rows", "unpack"]

MAX_BYTES = 32 * 1024 * 1024
MAX_LINE = 100_000

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?")
_ROW_OF_COMMAS = re.compile(r"[+-]?(?:\d*,\d+|\d+)(?:[eEdD][+-]?\d+)?")


def unpack(data: bytes) -> bytes:
    """Decompress a gzip file; other bytes come back as they are.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    bytes
        At most 32 MB.

    Raises
    ------
    ReadError
        If the stream is damaged, or holds more than that.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    import zlib

    stream = zlib.decompressobj(wbits=31)
    try:
        unpacked = stream.decompress(data, MAX_BYTES + 1)
        if len(unpacked) > MAX_BYTES:
            raise ReadError(
                f"the gzip file unpacks to more than {MAX_BYTES // 2**20} MB; expected one project or "
                "spectrum: unpack it and cut out what you want"
            )
        unpacked += stream.flush(1024)
    except zlib.error as error:
        raise ReadError(
            f"the gzip file is damaged ({error}); expected a whole file: copy it again"
        ) from error
    if not stream.eof:
        raise ReadError("the gzip file ends early; expected a whole file: copy it again")
    if len(unpacked) > MAX_BYTES:
        raise ReadError(f"the gzip file unpacks to more than {MAX_BYTES // 2**20} MB")
    return unpacked


def decode(line: bytes) -> str:
    """Decode one line: UTF-8, else Latin-1.

    Parameters
    ----------
    line : bytes

    Returns
    -------
    str
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def split_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Go through the lines of a text file, whatever ends them (CR, LF or CRLF).

    Parameters
    ----------
    data : bytes

    Yields
    ------
    int, str
        Number from 1, and the text without spaces around it.

    Raises
    ------
    ReadError
        If a line is too long.
    """
    for count, found in enumerate(_LINE.finditer(data), start=1):
        if found.start() == found.end():
            return
        if found.end() - found.start() > MAX_LINE:
            raise ReadError(
                f"line {count} has {found.end() - found.start()} characters; expected a row of at most "
                f"{MAX_COLUMNS} numbers, at most {MAX_LINE} characters"
            )
        yield count, decode(found.group()).strip()


def number(word: str) -> float | None:
    """A decimal number, Fortran's D exponents and nan and inf included; else None.

    Parameters
    ----------
    word : str

    Returns
    -------
    float or None
    """
    if len(word) > 64 or "_" in word or not word.isascii():
        return None
    try:
        return float(word)
    except ValueError:
        pass
    try:
        return float(word.lower().replace("d", "e")) if word[:1] in "+-.0123456789" else None
    except ValueError:
        return None


def style_of(lines: Iterable[str]) -> tuple[str | None, bool]:
    """Find how the rows of a table are written.

    Parameters
    ----------
    lines : iterable of str
        The first rows.

    Returns
    -------
    str or None
        Between the values; None is any white space.
    bool
        Whether the decimal sign is a comma.
    """
    rows = [line for line in lines if line]
    if any(";" in line for line in rows):
        return ";", any("," in line for line in rows) and not any("." in line for line in rows)
    if not any("," in line for line in rows):
        return None, False
    words = [line.split() for line in rows]
    if all(len(row) > 1 and all(_ROW_OF_COMMAS.fullmatch(word) for word in row) for row in words):
        return None, True
    return ",", False


def split_words(line: str, separator: str | None) -> list[str]:
    """Split a row; a separator at its end does not start another value.

    Parameters
    ----------
    line : str
    separator : str or None
        None is any white space.

    Returns
    -------
    list of str
    """
    if separator is None:
        return line.split()
    words = [word.strip().strip('"') for word in line.split(separator)]
    if words and not words[-1]:
        words.pop()
    return words


def to_rows(
    lines: Iterable[tuple[int, str]], separator: str | None, decimal_comma: bool = False
) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    """Turn the data lines of a text file into numbers.

    Parameters
    ----------
    lines : iterable of (int, str)
        Line number in the file, from 1, and text.
    separator : str or None
        Between the values; None is any white space.
    decimal_comma : bool
        Whether the decimal sign is a comma.

    Returns
    -------
    values : ndarray of float64, shape (rows, columns)
    numbers : ndarray of int32, shape (rows,)
        Line of each row.

    Raises
    ------
    ReadError
        If a value is not a number, or a row is longer or shorter than the first.
    """
    values, numbers = array("d"), array("i")
    count = 0
    for line_number, line in lines:
        words = split_words(line, separator)
        row = [number(word.replace(",", ".") if decimal_comma else word) for word in words]
        if None in row:
            bad = words[row.index(None)]
            raise ReadError(
                f"line {line_number}: {bad[:40]!r} is not a number; expected "
                f"{count or len(words)} numbers: mend or remove this line"
            )
        if not numbers:
            count = len(row)
            if count > MAX_COLUMNS:
                raise ReadError(
                    f"line {line_number} has {count} values; expected at most {MAX_COLUMNS} columns"
                )
        if len(row) != count:
            raise ReadError(
                f"line {line_number} has {len(row)} values and line {numbers[0]} has {count}; "
                "expected the same number in every row: mend or remove this line"
            )
        values.extend(value for value in row if value is not None)
        numbers.append(line_number)
        if len(numbers) > MAX_POINTS or len(values) > MAX_VALUES:
            raise ReadError(
                f"the table has more than {len(numbers) - 1} rows of {count} values; expected one scan of "
                f"at most {MAX_POINTS} points: cut out the scan you want"
            )
    if not numbers:
        raise ReadError("the file holds no line of numbers; expected columns of energy and absorption")
    return (
        np.frombuffer(values, dtype=np.float64).reshape(len(numbers), count),
        np.frombuffer(numbers, dtype=np.int32),
    )
