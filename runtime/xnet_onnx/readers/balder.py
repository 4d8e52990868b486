"""MAX IV Balder: scans in SPEC's layout, with the currents of split ionisation chambers.

An electrometer has four channels, ``albaem02_ch1`` to ``ch4``. In the wiring that the
beamline's published data have, 1 and 2 are the two plates of the chamber before the
sample and 3 and 4 those of the one behind it. Older scans are wired otherwise, so the
numbers are asked: two plates of one chamber see the same beam, and their ratio hardly
changes over a scan.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from ..spectrum import FloatArray
from .columns import parse_columns
from .table import Table

__all__ = ["is_balder", "parse_balder", "with_chambers"]

#: How much less the ratio of two plates may scatter than mu changes.
AGREEMENT = 0.1

_LABELS = re.compile(rb"^#L [^\r\n]{0,20000}albaem", re.MULTILINE)
_CHANNEL = re.compile(r"^albaem[_-]?(\d{1,2})_ch([1-4])$", re.IGNORECASE)


def is_balder(data: bytes) -> bool:
    """Whether the labels of a SPEC file name Balder's electrometers."""
    return _LABELS.search(data[:100_000]) is not None


def parse_balder(data: bytes, label: str) -> list[Table]:
    """Parse a text file from Balder.

    Parameters
    ----------
    data : bytes
    label : str
        What to call the file in messages.

    Returns
    -------
    list of Table
        One for each scan.

    Raises
    ------
    ReadError
        If there is no table of numbers in the file.
    """
    return [with_chambers(table) for table in parse_columns(data, label)]


def with_chambers(table: Table) -> Table:
    """Say how mu is made where a table holds the four channels of one electrometer.

    Parameters
    ----------
    table : Table

    Returns
    -------
    Table
        Unchanged where it holds other channels, or where the pairs do not agree.
    """
    found: dict[str, int] = {}
    devices: set[str] = set()
    for i, name in enumerate(table.labels):
        channel = _CHANNEL.match(name)
        if channel:
            devices.add(channel.group(1).lstrip("0"))
            found[channel.group(2)] = i
    if len(devices) != 1 or len(found) != 4:
        return table
    one, two, three, four = (found[number] for number in "1234")
    i0, itrans = table.values[:, [one, two]], table.values[:, [three, four]]
    if not (_positive(i0) and _positive(itrans)):
        return table
    mu = np.log(i0.sum(axis=1) / itrans.sum(axis=1))
    scatter = max(float(np.std(np.log(pair[:, 0] / pair[:, 1]))) for pair in (i0, itrans))
    if not scatter < AGREEMENT * float(np.std(mu)):
        return table
    return replace(
        table,
        mu=f"ln(({one + 1}+{two + 1})/({three + 1}+{four + 1}))",
        note="the two plates of each chamber",
        format="MAX IV Balder" if table.format == "columns" else table.format,
    )


def _positive(values: FloatArray) -> bool:
    return values.size > 0 and bool(np.all(np.isfinite(values)) and np.all(values > 0.0))
