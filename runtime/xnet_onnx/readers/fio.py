"""DESY's ``.fio`` files: comments (%c), parameters (%p) and data (%d) in one text.

Lines that start with ``!`` are remarks. A parameter is ``name = value``; the data begin
with a line ``Col N NAME TYPE`` for each column. Written by Spectra and Sardana at
PETRA III, and by Online at DORIS.
"""

from __future__ import annotations

import re

from ..errors import ReadError
from ..wording import counted
from .columns import KEYS
from .table import MAX_COLUMNS, Table
from .text import split_lines, to_rows

__all__ = ["is_fio", "parse_fio"]

MAX_HEADER = 5000

_BEFORE = re.compile(rb"^[ \t]{0,9}%[cp][ \t]{0,9}$", re.MULTILINE)
_DATA = re.compile(rb"^[ \t]{0,9}%d[ \t]{0,9}$", re.MULTILINE)
_COLUMN = re.compile(r"^Col\s+(\d{1,4})\s+(\S+)(?:\s+\S+)?$", re.IGNORECASE)


def is_fio(data: bytes) -> bool:
    """Whether a file has the sections of a .fio file."""
    if data[:4096].lstrip()[:1] not in (b"!", b"%"):
        return False
    head = data[:500_000].replace(b"\r", b"\n")
    before = _BEFORE.search(head)
    return before is not None and _DATA.search(head, before.end()) is not None


def parse_fio(data: bytes, label: str) -> list[Table]:
    """Parse a .fio file.

    Parameters
    ----------
    data : bytes
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table
        One, labelled by the lines ``Col``; a prefix that all names share (the scan's
        name) is left out.

    Raises
    ------
    ReadError
        If the names do not fit the data, or there are no data.
    """
    section = ""
    names: dict[int, str] = {}
    metadata: dict[str, str] = {}
    rows: list[tuple[int, str]] = []
    for i, line in split_lines(data):
        if not rows and i > MAX_HEADER + MAX_COLUMNS:
            raise ReadError(f"the .fio file has more than {i - 1} lines before its data; expected one scan")
        if not line or line.startswith("!"):
            continue
        if line[:2].lower() in ("%c", "%p", "%d") and len(line) == 2:
            section = line[1].lower()
            continue
        column = _COLUMN.match(line) if section == "d" and not rows else None
        if column:
            names[int(column.group(1)) - 1] = column.group(2)
        elif section == "d":
            rows.append((i, line))
        elif section == "p":
            name, equals, value = line.partition("=")
            key = name.strip().lower()
            if equals and value.strip():
                metadata[KEYS.get(key, key)] = value.strip()[:200]
    if not rows:
        raise ReadError("the section %d of the .fio file holds no row of numbers; was the scan aborted?")
    values, numbers = to_rows(rows, None)
    count = values.shape[1]
    if names and sorted(names) != list(range(count)):
        raise ReadError(
            f"the .fio file names {counted(len(names), 'column')} and line {numbers[0]} has "
            f"{counted(count, 'value')}; expected one name for each: mend the lines 'Col'"
        )
    return [
        Table(
            values=values,
            labels=_without_prefix([names.get(i, "") for i in range(count)]),
            units=("",) * count,
            metadata=metadata,
            label=label,
            format="DESY fio",
            lines=numbers,
        )
    ]


def _without_prefix(names: list[str]) -> tuple[str, ...]:
    """Leave out what all names have in common up to an underscore after a scan's number."""
    found = re.match(r"^(.*_\d{3,6}_)[^_]", names[0])
    if found and len(names) > 1 and all(name.startswith(found.group(1)) for name in names):
        return tuple(name[len(found.group(1)) :] for name in names)
    return tuple(names)
