"""The 9809 format: Photon Factory, SPring-8, SAGA-LS, Aichi SR.

The first line starts with 9809 and names the facility. The spacing of the crystal's
planes stands in the line ``Mono``, the measurement ("Transmission( 2)") two lines
below. Above the data three lines give each column's channel, mode and dark counts: the
modes are 0 for the angles and the time, 1 for i0, 2 for the transmitted intensity, 3
for fluorescence, and others. Described by the Photon Factory (1998) and, with additions
for multi-element detectors (103: total counts, 101: resets), by Aichi SR for XafsM2.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from ..errors import ReadError
from ..spectrum import FloatArray
from ..wording import counted
from .columns import SPACING
from .table import MAX_COLUMNS, Table
from .text import number, split_lines, to_rows

__all__ = ["is_9809", "parse_9809"]

MAX_HEADER = 500
#: What DOS wrote behind the last line.
END_OF_FILE = "\x1a"

_FIRST = re.compile(rb"^\s{0,200}9809[ \t]+[A-Za-z]")
_MEASUREMENT = re.compile(r"\b(Transmission|Fluorescence)\s*\(\s*\d\s*\)", re.IGNORECASE)
_ROLES = {1: "i0", 2: "itrans", 3: "ifluor", 101: "reset", 103: "icr"}


def is_9809(data: bytes) -> bool:
    """Whether a file starts with the format's number and a facility."""
    return _FIRST.match(data[:400]) is not None


def parse_9809(data: bytes, label: str) -> list[Table]:
    """Parse a file of the 9809 format.

    Parameters
    ----------
    data : bytes
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table
        One, with the labels that the modes give, and without dark counts.

    Raises
    ------
    ReadError
        If the lines of angles and modes are missing, or do not fit the data.
    """
    lines = split_lines(data)
    header: list[str] = []
    for _, line in lines:
        header.append(line)
        if line.lower().startswith("offset"):
            break
        if len(header) > MAX_HEADER:
            break
    modes, offsets = _above(header)
    values, numbers = to_rows(((i, line) for i, line in lines if line.strip(END_OF_FILE)), None)
    count = values.shape[1]
    if count != len(modes):
        raise ReadError(
            f"the line Mode names {counted(len(modes), 'column')} and line {numbers[0]} has {count}; "
            "expected as many: mend the header, or cut it off and choose with --energy-column and --mu-column"
        )
    spacing = next((found.group(1) for found in map(SPACING.search, header) if found), "")
    table = Table(
        values=values,
        labels=_labels(modes),
        units=("deg", "deg", *("",) * (count - 2)),
        metadata={"mono.d_spacing": spacing} if spacing else {},
        label=label,
        format="9809",
        lines=numbers,
    )
    return [_as_measured(_without_dark(table, modes, offsets), modes, header)]


def _above(header: list[str]) -> tuple[list[int], list[float]]:
    """Modes and dark counts a second of the columns, from the last lines of the header."""
    found: dict[str, list[float]] = {}
    for line in header:
        word, *rest = line.split()[: MAX_COLUMNS + 1] or [""]
        if word.lower() in ("mode", "offset") and len(rest) >= 3:
            numbers = [number(text) for text in rest]
            if None in numbers or not np.all(np.isfinite(np.array(numbers, dtype=float))):
                raise ReadError(
                    f"the line {word} of the 9809 header holds words; expected a number a column: mend it"
                )
            found[word.lower()] = [value for value in numbers if value is not None]
    if "mode" not in found or not any(line.lower().startswith("angle(c)") for line in header):
        raise ReadError(
            "the file starts as the 9809 format and has no lines of Angle(c) and Mode above its data; "
            "expected both: copy it again"
        )
    # Angle(c), Angle(o) and time have modes 0, 0 and, in the line, none.
    modes = [0, *(int(min(max(value, -1.0), 999.0)) for value in found["mode"])]
    offsets = [0.0, *found.get("offset", [])]
    return modes, offsets if len(offsets) == len(modes) else [0.0] * len(modes)


def _labels(modes: list[int]) -> tuple[str, ...]:
    labels = ["Angle(c)", "Angle(o)", "time"]
    for i, mode in enumerate(modes[3:], start=3):
        same = [j for j in range(3, len(modes)) if modes[j] == mode]
        role = _ROLES.get(mode, f"channel{i + 1}_mode{mode}_")
        labels.append(role if len(same) == 1 and mode in _ROLES else f"{role}{same.index(i) + 1}")
    return tuple(labels)


def _without_dark(table: Table, modes: list[int], offsets: list[float]) -> Table:
    """Take off the dark counts, which are given a second, where something is left."""
    seconds = table.values[:, 2]
    values: FloatArray = table.values.copy()
    done = False
    for i, (mode, dark) in enumerate(zip(modes, offsets, strict=True)):
        if mode in (1, 2, 3) and dark != 0.0:
            left = values[:, i] - dark * seconds
            if not np.all(left > 0.0):
                return replace(
                    table,
                    warnings=(
                        f"the dark counts of {table.name(i)} ({dark:g} a second) are as high as its signal: "
                        "none were taken off",
                    ),
                )
            values[:, i] = left
            done = True
    return replace(table, values=values, note="dark counts taken off") if done else table


def _as_measured(table: Table, modes: list[int], header: list[str]) -> Table:
    """Follow the header where transmission and fluorescence are both recorded."""
    monitor, transmitted, fluorescence = (
        [str(i + 1) for i, mode in enumerate(modes) if mode == wanted] for wanted in (1, 2, 3)
    )
    if len(monitor) != 1 or len(transmitted) != 1 or not fluorescence:
        return table
    named = next((found.group(1).lower() for found in map(_MEASUREMENT.search, header) if found), "")
    if named == "transmission":
        return replace(table, mu=f"ln({monitor[0]}/{transmitted[0]})")
    if named == "fluorescence":
        return replace(table, mu=f"({'+'.join(fluorescence)})/{monitor[0]}")
    return table
