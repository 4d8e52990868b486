"""XDI, the XAFS Data Interchange format (version 1.x, 2014 specification)."""

from __future__ import annotations

import re

from ..errors import ReadError
from .table import Table, to_rows

__all__ = ["is_xdi", "parse_xdi"]

_VERSION = re.compile(r"^\s*#\s*XDI/(\d+)\.(\d+)", re.IGNORECASE)
_FIELD = re.compile(r"^#\s*([A-Za-z][\w]*\.[\w]+)\s*:\s*(.*?)\s*$")
_COLUMN = re.compile(r"^column\.(\d+)$")
_RULE = re.compile(r"^#\s*-{3,}\s*$")
_END_OF_FIELDS = re.compile(r"^#\s*/{3,}\s*$")


def is_xdi(text: str) -> bool:
    """Whether a text starts with the XDI version line."""
    return _VERSION.match(text) is not None


def parse_xdi(text: str, label: str) -> Table:
    """Parse an XDI file.

    Parameters
    ----------
    text : str
        The file.
    label : str
        What to call it in messages.

    Returns
    -------
    Table
        Labels from the ``Column.N`` fields, else from the line of labels above
        the data.

    Raises
    ------
    ReadError
        If the version is not 1.x or the data are not a table.
    """
    version = _VERSION.match(text)
    if version is None or version.group(1) != "1":
        found = version.group(0).strip("# ") if version else "no version line"
        raise ReadError(f"found {found}; expected XDI/1.0 or another 1.x version")
    metadata: dict[str, str] = {}
    labels: dict[int, str] = {}
    units: dict[int, str] = {}
    data: list[tuple[int, str]] = []
    last_comment = ""
    in_fields = True
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line:
            continue
        if not line.startswith("#"):
            data.append((number, line))
            continue
        if _RULE.match(line) or _END_OF_FIELDS.match(line):
            in_fields = False
            continue
        last_comment = line.lstrip("# \t") if not data else last_comment
        found_field = _FIELD.match(line) if in_fields else None
        if found_field is None:
            continue
        name, value = found_field.group(1).lower(), found_field.group(2)
        metadata[name] = value
        column = _COLUMN.match(name)
        if column is not None:
            words = value.split("||")[0].split()
            labels[int(column.group(1))] = words[0].lower() if words else ""
            units[int(column.group(1))] = words[1] if len(words) > 1 else ""
    values = to_rows(data, None)
    count = values.shape[1]
    if not labels:
        words = last_comment.split()
        if len(words) == count:
            labels = {i + 1: word.lower() for i, word in enumerate(words)}
    return Table(
        values=values,
        labels=tuple(labels.get(i + 1, "") for i in range(count)),
        units=tuple(units.get(i + 1, "") for i in range(count)),
        metadata=metadata,
        label=label,
        format="XDI",
    )
