"""XDI, the XAFS Data Interchange format (version 1.x, 2014 specification)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ..errors import ReadError
from ..wording import counted
from .labels import column_role
from .table import MAX_COLUMNS, Table
from .text import decode, split_lines, to_rows

__all__ = ["is_xdi", "lacks_version", "parse_xdi", "rows_of"]

MAX_HEADER = 5000
MAX_BAD = 0.05

_VERSION = re.compile(r"^\s*#\s*XDI/(\d{1,9})\.(\d{1,9})", re.IGNORECASE)
_FIELD = re.compile(r"^#\s*([A-Za-z][\w-]*\.[\w-]+)\s*:\s*(.*?)\s*$")
_COLUMN = re.compile(r"^column\.(\d{1,9})$")
_RULE = re.compile(r"^#\s*-{3,}\s*$")
_END_OF_FIELDS = re.compile(r"^#\s*/{3,}\s*$")


def is_xdi(data: bytes) -> bool:
    """Whether the first line of a file is the XDI version line."""
    return _VERSION.match(decode(data[:200])) is not None


def lacks_version(data: bytes) -> bool:
    """Whether a file has the fields of XDI, but not its version line."""
    found = set()
    for _, line in split_lines(data[:20000]):
        if line and not line.startswith("#"):
            break
        field = _FIELD.match(line)
        if field:
            name = field.group(1).lower()
            found.add("column" if name.startswith("column.") else name)
    return "column" in found and bool(
        found & {"element.symbol", "element.edge", "mono.d_spacing", "mono.name"}
    )


def parse_xdi(data: bytes, label: str) -> Table:
    """Parse an XDI file.

    Parameters
    ----------
    data : bytes
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
        If the version line is missing or not 1.x, if the data are not a table,
        or if their labels contradict each other.
    """
    version = _VERSION.match(decode(data[:200]))
    if version is not None and version.group(1) != "1":
        raise ReadError(f"found {version.group(0).strip('# ')}; expected XDI/1.0 or another 1.x version")
    metadata: dict[str, str] = {}
    try:
        if version is None:
            for _ in rows_of(data, metadata):
                break
            raise ReadError(
                "the file has the fields of XDI (Column.1 and others) and no version line; expected '# "
                "XDI/1.0' as "
                "its first line: add it, or export the file again"
            )
        return _table(data, label, metadata)
    except ReadError as error:
        names = [metadata[key][:20] for key in ("element.symbol", "element.edge") if metadata.get(key)]
        if not names:
            raise
        raise ReadError(f"{error} (the file is of {' '.join(names)})") from error


def _table(data: bytes, label: str, metadata: dict[str, str]) -> Table:
    values, numbers = to_rows(rows_of(data, metadata), None)
    count = values.shape[1]
    labels, units = [""] * count, [""] * count
    for key, value in metadata.items():
        column = _COLUMN.match(key)
        if column is None:
            continue
        index = int(column.group(1)) - 1
        if not 0 <= index < count:
            raise ReadError(
                f"the field Column.{index + 1} ({value[:40]!r}) names a column that is not there: the "
                "rows have "
                f"{counted(count, 'value')}; expected one name for each: mend the header"
            )
        words = value.split("||")[0].split()
        labels[index] = words[0].lower() if words else ""
        units[index] = words[1] if len(words) > 1 else ""
    words = metadata.pop("label line", "").split()
    if len(words) == count and not any(labels):
        labels = [word.lower() for word in words]
    elif len(words) == count:
        for i, word in enumerate(words):
            metadata[f"label line.{i + 1}"] = word
            first, second = column_role(labels[i])[0], column_role(word)[0]
            if i > 0 and first and second and first != second:
                raise ReadError(
                    f"column {i + 1} is {labels[i]!r} in the field Column.{i + 1} and {word!r} in the "
                    "line of labels; "
                    "expected one name: mend the header"
                )
    return Table(
        values=values,
        labels=tuple(labels),
        units=tuple(units),
        metadata=metadata,
        label=label,
        format="XDI",
        lines=numbers,
        warnings=_not_numbers(values, labels, numbers.tolist()),
    )


def _not_numbers(values: np.ndarray, labels: list[str], numbers: list[int]) -> tuple[str, ...]:
    """Refuse many NaN, which XDI forbids; of a few, warn."""
    bad = ~np.isfinite(values)
    rows = np.flatnonzero(bad.any(axis=1))
    if rows.size == 0:
        return ()
    column = int(np.argmax(bad[rows[0]]))
    found = (
        f"{labels[column] or 'unlabelled'} (column {column + 1}) is {values[rows[0], column]:g} at line "
        f"{numbers[rows[0]]}, {rows.size} of {counted(len(values), 'row')} hold NaN or infinity"
    )
    if rows.size > MAX_BAD * len(values):
        raise ReadError(f"{found}; XDI expects finite numbers: mend or remove these lines")
    return (f"{found}, which XDI does not allow",)


def rows_of(data: bytes, metadata: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Go through the rows of data; fill `metadata` from the header before the first."""
    in_fields, comment, started, header = True, "", False, 0
    for number, line in split_lines(data):
        if not line:
            continue
        if not line.startswith("#"):
            if not started:
                metadata["label line"] = comment
                started = True
            yield number, line
            continue
        header += 1
        if header > MAX_HEADER + MAX_COLUMNS:
            raise ReadError(
                f"the file has more than {header - 1} header lines; expected a scan of one spectrum"
            )
        if started:
            continue
        if _RULE.match(line) or _END_OF_FIELDS.match(line):
            in_fields = False
            continue
        comment = line.lstrip("# \t")
        found = _FIELD.match(line) if in_fields else None
        if found is not None:
            metadata[found.group(1).lower()] = found.group(2)
