"""Plain columns of numbers, with or without a header; SPEC files too."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ..errors import ReadError
from .labels import column_role, split_unit
from .table import MAX_COLUMNS, MAX_POINTS, Table
from .text import number, split_lines, split_words, style_of, to_rows

__all__ = ["KEYS", "SPACING", "parse_columns"]

MAX_HEADER = 5000
MAX_BLOCKS = 1000
SAMPLE = 50

_COMMENT = ("#", "%", ";", "!", "*", "//", '"', "'", "@", "&")
_FIELD = re.compile(
    r"^[#%;!*/\s]*(?:scan(?:parameters)?\.|xas\.)?"
    r"(element|absorber|element\.symbol|element\.edge|edge|absorbing_element|mono\.d_spacing|d_spacing|d-spacing)"
    r"\s*[:=]\s*([^,;]{1,40})",
    re.IGNORECASE,
)
KEYS = {
    "element": "element.symbol",
    "absorber": "element.symbol",
    "absorbing_element": "element.symbol",
    "edge": "element.edge",
    "d_spacing": "mono.d_spacing",
    "d-spacing": "mono.d_spacing",
}
SPACING = re.compile(r"\bD\s*=\s*(\d{1,2}\.\d{1,12})\s*A\b")
_RULE_ONLY = re.compile(r"^[\W_]*$")
_BEFORE_LABELS = re.compile(r"^(?:column|array)?[ _-]?(?:labels|names|columns)\s*[:=]\s*", re.IGNORECASE)


@dataclass
class _Block:
    """A run of data lines with the header above it."""

    header: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)


def parse_columns(data: bytes, label: str) -> list[Table]:
    """Parse a text file of columns.

    Parameters
    ----------
    data : bytes
        The file: header lines, then rows of numbers separated by white space,
        commas or semicolons. Header lines start with a comment sign, or are not
        all numbers. The last header line with as many words as there are columns
        gives the labels, when one of them is known.
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table
        One for each block of rows; SPEC files and files of several scans have
        more than one.

    Raises
    ------
    ReadError
        If there is no table of numbers in the file.
    """
    blocks = _blocks(data)
    shared: dict[str, str] = {}
    tables = []
    for index, block in enumerate(blocks, start=1):
        table = _table(block, label if len(blocks) == 1 else f"{label}:{_scan_name(block, index)}", shared)
        shared = {key: value for key, value in table.metadata.items() if "." in key}
        tables.append(table)
    return tables


def _scan_name(block: _Block, index: int) -> str:
    scans = [line for line in block.header if line.startswith("#S ")]
    return f"scan {scans[-1].split()[1][:20]}" if scans and len(scans[-1].split()) > 1 else f"block {index}"


def _first_number(line: str) -> float | None:
    words = re.split(r"[\s;]+|,(?=\s)", line, maxsplit=1)
    return number(words[0].replace(",", ".")) if words else None


def _blocks(data: bytes) -> list[_Block]:
    """Part the lines of a file into headers and rows."""
    blocks = [_Block()]
    between: list[str] = []
    last = 0.0
    headers = rows = 0
    for line_number, line in split_lines(data):
        if not line:
            continue
        block = blocks[-1]
        comment = line.startswith(_COMMENT) and not (line[0] in "\"'" and _is_row(line))
        if not comment and (block.rows or _is_row(line)):
            first = _first_number(line)
            restarts = first is not None and first < last
            if between and block.rows and (restarts or any(text.startswith("#S ") for text in between)):
                block = _Block(header=between)
                blocks.append(block)
                if len(blocks) > MAX_BLOCKS:
                    raise ReadError(f"the file holds more than {MAX_BLOCKS} scans; split it")
            between = []
            last = first if first is not None else last
            block.rows.append((line_number, line))
            rows += 1
            if rows > MAX_POINTS:
                raise ReadError(
                    f"the file holds more than {MAX_POINTS} rows; expected scans of at most that: cut "
                    "out the one "
                    "you want"
                )
            continue
        headers += 1
        if headers > MAX_HEADER + MAX_COLUMNS:
            raise ReadError(
                f"the file has more than {headers - 1} lines of text; expected a header and rows of numbers"
            )
        (between if block.rows else block.header).append(line)
    if not blocks[-1].rows:
        raise ReadError(
            "no line of the file is a row of numbers; expected an XDI file, an Athena project or columns "
            "of energy "
            "and absorption"
        )
    return blocks


def _is_row(line: str) -> bool:
    """Whether a line is all numbers, at least two."""
    separator, comma = style_of([line])
    words = split_words(line, separator)
    return len(words) >= 2 and all(
        number(word.replace(",", ".") if comma else word) is not None for word in words
    )


def _table(block: _Block, label: str, shared: dict[str, str]) -> Table:
    separator, comma = style_of(line for _, line in block.rows[:SAMPLE])
    values, numbers = to_rows(block.rows, separator, comma)
    count = values.shape[1]
    metadata = dict(shared)
    for line in block.header[:MAX_HEADER]:
        found = _FIELD.match(line)
        if found:
            key = found.group(1).lower()
            metadata[KEYS.get(key, key)] = found.group(2).strip()
        spacing = SPACING.search(line)
        if spacing:
            metadata["mono.d_spacing"] = spacing.group(1)
    table = Table(values, ("",) * count, ("",) * count, metadata, label, "columns", numbers)
    _check_last_header(block, separator, comma, count, numbers[0])
    labels, units = _labels(block.header, count, separator)
    return replace(table, labels=labels, units=units)


def _check_last_header(block: _Block, separator: str | None, comma: bool, count: int, first: int) -> None:
    """Refuse a file whose first row was taken for a header because it is broken."""
    if not block.header or block.header[-1].startswith(_COMMENT):
        return
    words = split_words(block.header[-1], separator)
    numbers = [number(word.replace(",", ".") if comma else word) for word in words]
    if len(words) == count and count > 1 and numbers[0] is not None and None in numbers:
        bad = words[numbers.index(None)]
        raise ReadError(
            f"the line above line {first} starts as a row of data and {bad[:40]!r} is not a number; "
            f"expected {count} "
            "numbers: mend or remove this line"
        )


def _labels(header: list[str], count: int, separator: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and units of the columns, from the last header line that has them."""
    none = ("",) * count
    units = none
    for line in reversed(header[-8:]):
        bare = re.sub(r"^(?:#L\b|[#%;!*/\"'@&\s])+", "", line).removesuffix("@#").strip()
        if not bare or _RULE_ONLY.match(bare):
            continue
        bare = _BEFORE_LABELS.sub("", bare)
        words = _words(bare, count, separator)
        if words is None:
            continue
        if all(split_unit(f"x ({word})")[1] or word in ("-", "") for word in words) and not any(
            column_role(word)[0] in ("energy", "mu") and word.lower() not in ("ev", "kev") for word in words
        ):
            units = tuple(word.strip("()[]") for word in words)
            continue
        if any(column_role(word)[0] for word in words):
            return tuple(words), tuple(
                unit
                if split_unit(f"x ({unit})")[1] in ("ev", "kev", "deg", "rad", "mrad", "mdeg", "mm", "um")
                else ""
                for unit in units
            )
    return none, none


def _words(line: str, count: int, separator: str | None) -> list[str] | None:
    """Split a line of labels so that there is one for each column."""
    joined = re.sub(r"\s+([(\[][^()\[\]]*[)\]])", r"_\1", line) if len(line) < 10000 else line
    candidates = [
        [word.strip().strip("\"'") for word in line.split(separator)] if separator else [],
        [word.strip() for word in line.split("\t") if word.strip()],
        [word.strip() for word in re.split(r"\s{2,}", line)],
        line.split(),
        joined.split(),
        [word.strip().strip("\"'") for word in re.split(r"[,;]", line)],
        [word.strip() for word in line.split("|") if word.strip()],
    ]
    words = next((words for words in candidates if len(words) == count), None)
    return None if words is None else [word.rstrip(":") for word in words]
