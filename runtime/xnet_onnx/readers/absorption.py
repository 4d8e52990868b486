"""What is the energy and what is mu: the rules, in one place.

In this order:

1. the columns that the caller chose;
2. energy: the column labelled so; without labels, the first;
3. mu: a column labelled mutrans, mufluor, mu or xmu; else ln(i0/itrans); else
   ifluor/i0; without labels, the second of two.

More than one candidate, or none, is an error that lists the columns.
"""

from __future__ import annotations

import numpy as np

from ..errors import ColumnError, SpectrumError
from ..spectrum import FloatArray, Spectrum
from .table import Table

__all__ = ["to_spectrum"]

ENERGY = ("energy", "e", "ev", "e(ev)", "energy(ev)", "energy_ev")
MU = ("mutrans", "mufluor", "mu", "xmu", "norm", "normalized_mu", "mu(e)")
I0 = ("i0", "io", "i_0", "monitor")
ITRANS = ("itrans", "it", "i1", "itransmission")
IFLUOR = ("ifluor", "if", "iff", "fluorescence")
ENERGY_UNITS = {"": 1.0, "ev": 1.0, "kev": 1000.0}


def to_spectrum(table: Table, *, energy_column: str | None = None, mu_column: str | None = None) -> Spectrum:
    """Choose energy and mu in a table.

    Parameters
    ----------
    table : Table
    energy_column, mu_column : str, optional
        Number (from 1) or label of a column.

    Returns
    -------
    Spectrum
        Energies in eV and ascending; points with equal energies are merged.

    Raises
    ------
    ColumnError
        If a column is not there, or the choice is not clear.
    SpectrumError
        If intensities that enter a logarithm or a ratio are not positive.
    """
    energy, energy_name = _energy(table, energy_column)
    mu, mu_source = _mu(table, mu_column, energy_name)
    energy, mu, warnings = _in_order(energy, mu)
    return Spectrum(
        energy=energy,
        mu=mu,
        label=table.label,
        element=table.metadata.get("element.symbol") or None,
        edge=table.metadata.get("element.edge") or None,
        mu_source=mu_source,
        warnings=warnings,
    )


def _chosen(table: Table, column: str, what: str) -> int:
    """Index of a column given by number or label."""
    if column.strip().isdigit():
        index = int(column) - 1
        if 0 <= index < len(table.labels):
            return index
    matches = [i for i, name in enumerate(table.labels) if name and name == column.strip().lower()]
    if len(matches) == 1:
        return matches[0]
    raise ColumnError(
        f"no single column {column!r} for {what}; the file has {len(table.labels)} columns: "
        f"{table.describe()}; give a number or a label of these"
    )


def _labelled(table: Table, names: tuple[str, ...]) -> list[int]:
    return [i for i, name in enumerate(table.labels) if name in names]


def _energy(table: Table, column: str | None) -> tuple[FloatArray, int]:
    if len(table.labels) < 2:
        raise ColumnError("the file has one column; expected at least energy and absorption")
    if column is not None:
        index = _chosen(table, column, "energy")
    else:
        found = _labelled(table, ENERGY)
        if not found and not any(table.labels):
            found = [0]
        if len(found) != 1:
            raise ColumnError(
                f"{len(found) or 'no'} column(s) labelled as energy among {table.describe()}; "
                "choose one with --energy-column"
            )
        index = found[0]
    unit = table.units[index].lower()
    if unit not in ENERGY_UNITS:
        raise ColumnError(f"the energy column {index + 1} is in {table.units[index]!r}; expected eV or keV")
    return table.values[:, index] * ENERGY_UNITS[unit], index


def _mu(table: Table, column: str | None, energy_index: int) -> tuple[FloatArray, str]:
    def numbered(*indices: int) -> str:
        return "column " + " and ".join(str(i + 1) for i in indices)

    if column is not None:
        index = _chosen(table, column, "mu")
        name = table.labels[index] or "unlabelled"
        return table.values[:, index], f"mu = {name}, {numbered(index)} as chosen"
    ready = _labelled(table, MU)
    i0, itrans, ifluor = (_labelled(table, names) for names in (I0, ITRANS, IFLUOR))
    if len(ready) == 1:
        return table.values[:, ready[0]], f"mu = {table.labels[ready[0]]}, {numbered(ready[0])}"
    if not ready and len(i0) == 1 and len(itrans) == 1 and not ifluor:
        ratio = _ratio(table, i0[0], itrans[0])
        return np.log(ratio), f"mu = ln(i0/itrans), columns {i0[0] + 1} and {itrans[0] + 1}"
    if not ready and len(i0) == 1 and len(ifluor) == 1 and not itrans:
        ratio = _ratio(table, ifluor[0], i0[0])
        return ratio, f"mu = ifluor/i0, columns {ifluor[0] + 1} and {i0[0] + 1}"
    if not any(table.labels) and len(table.labels) == 2:
        other = 1 - energy_index
        return table.values[:, other], f"mu = {numbered(other)} of two without labels"
    raise ColumnError(
        f"which column is mu is not clear; the file has {len(table.labels)} columns: "
        f"{table.describe()}; choose one with --mu-column"
    )


def _ratio(table: Table, above: int, below: int) -> FloatArray:
    """Ratio of two intensities, checked to be positive."""
    for index in (above, below):
        values = table.values[:, index]
        bad = np.flatnonzero(~(values > 0.0))
        if bad.size:
            raise SpectrumError(
                f"{table.labels[index]} (column {index + 1}) is {values[bad[0]]:g} at row "
                f"{bad[0] + 1} and not positive in {bad.size} row(s); expected counts above zero: "
                "remove these points or choose another column with --mu-column"
            )
    ratio: FloatArray = table.values[:, above] / table.values[:, below]
    return ratio


def _in_order(energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Sort by energy and merge points with equal energies."""
    warnings: list[str] = []
    if not np.all(np.isfinite(energy)):
        return energy, mu, ()
    if np.any(np.diff(energy) < 0):
        order = np.argsort(energy, kind="stable")
        energy, mu = energy[order], mu[order]
        warnings.append("the energies were not in order: sorted")
    unique, inverse, counts = np.unique(energy, return_inverse=True, return_counts=True)
    if unique.size < energy.size:
        mu = np.bincount(inverse, weights=mu) / counts
        warnings.append(f"{energy.size - unique.size} point(s) with a repeated energy: averaged")
        energy = unique
    return energy, mu, tuple(warnings)
