"""Several spectra in one table: a shared column of energies and one column a spectrum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..errors import XnetError
from ..spectrum import FloatArray
from .absorption import energy_of
from .labels import column_role
from .table import Table

__all__ = ["spectra_in"]

MAX_SPECTRA = 1000
#: Columns of one file show one edge: how far apart their steepest rises may lie, in eV.
SAME_EDGE = 25.0
#: What counts and currents are not, and mu or its normalised form is.
LARGEST, SMALLEST = 50.0, 1e-3
#: Names of detectors, whose columns are parts of one spectrum.
_DETECTOR = re.compile(
    r"^(?:det|ch|chan|channel|col|column|ctr|counter|cnt|sca|scaler|roi|mca|ion|ic|adc|vfc|amp|keithley|pd|"
    r"diode|albaem\d*|xmap|xspress3?|p201|mon|c|x|y|z|v|k|r|q)[\W_]*\d*$|(?:^|_)(?:roi|ch|chan|mca|det)\d+$"
)


def spectra_in(table: Table, energy_column: str | None = None) -> list[Table]:
    """Part a table that holds several spectra.

    Columns are taken for spectra where the format says so, or where all of them have a
    name that is no detector's, values of the size of mu, and a rise at one and the same
    edge.

    Parameters
    ----------
    table : Table
    energy_column : str, optional
        Chosen by the caller.

    Returns
    -------
    list of Table
        One for each spectrum, labelled "FILE:name"; the table itself where it holds
        one, or where that is not clear.
    """
    if table.mu:
        return [table]
    columns = table.spectra or _showing_an_edge(table, energy_column)
    if not columns:
        return [table]
    used: dict[str, int] = {}
    found = []
    for i in columns[:MAX_SPECTRA]:
        name = table.labels[i][:100] or f"column {i + 1}"
        used[name] = used.get(name, 0) + 1
        name += f" #{used[name]}" if used[name] > 1 else ""
        note = "; ".join(text for text in (f"one of {len(columns)} spectra in columns", table.note) if text)
        found.append(replace(table, mu=str(i + 1), spectra=(), note=note, label=f"{table.label}:{name}"))
    return found


def _showing_an_edge(table: Table, energy_column: str | None) -> tuple[int, ...]:
    roles = [column_role(label)[0] for label in table.labels]
    if roles.count("energy") != 1 and energy_column is None:
        return ()
    try:
        energy = energy_of(table, energy_column)
    except XnetError:
        return ()
    others = [i for i in range(len(roles)) if i not in energy.columns]
    if not 2 <= len(others) <= MAX_SPECTRA or len(energy.values) < 20:
        return ()
    if any(roles[i] or not table.labels[i] or _DETECTOR.search(table.labels[i].lower()) for i in others):
        return ()
    order = np.argsort(energy.values, kind="stable")
    rises = []
    for rise in _rises(energy.values[order], table.values[order], others):
        if rise is None:
            return ()
        rises.append(rise)
    return tuple(others) if max(rises) - min(rises) < SAME_EDGE else ()


def _rises(energy: FloatArray, values: FloatArray, columns: list[int]) -> Iterator[float | None]:
    """Energy of each column's steepest rise, None where it is no step from a level to a higher one."""
    if not np.all(np.isfinite(energy)):
        yield None
        return
    for i in columns:
        yield _rise(energy, values[:, i])


def _rise(energy: FloatArray, mu: FloatArray) -> float | None:
    if not np.all(np.isfinite(mu)):
        return None
    span = float(np.ptp(mu))
    if not SMALLEST < span < LARGEST or float(np.abs(mu).max()) > LARGEST:
        return None
    # Over 3 eV, so that neither noise nor close points make the steepest rise.
    grid = np.arange(energy[0], energy[-1], 1.0)
    if not 30 <= grid.size <= 100_000:
        return None
    even = np.interp(grid, energy, mu)
    at = int(np.argmax(even[3:] - even[:-3]))
    before, after = even[: max(at - 10, 0)][-80:], even[at + 13 : at + 113]
    if before.size < 5 or after.size < 10:
        return None
    slope = np.polyfit(np.arange(before.size), before, 1)
    step = float(np.median(after) - np.median(before))
    if not step > 0.3 * span:
        return None
    scatter = float(np.quantile(np.abs(before - np.polyval(slope, np.arange(before.size))), 0.9))
    if scatter > 0.15 * step or float(np.quantile(np.abs(after - np.median(after)), 0.9)) > 0.7 * step:
        return None
    return float(grid[at])
