"""What was understood of a file, for ``xnet-onnx columns``."""

from __future__ import annotations

import numpy as np

from ..edges import nearest_edge
from ..errors import XnetError
from ..preprocess.e0 import find_e0
from ..readers import Choice, tables_of
from ..readers.absorption import declared, to_spectrum
from ..readers.labels import column_role
from ..readers.several import spectra_in
from ..readers.table import Table
from ..wording import printable

__all__ = ["describe_file"]

MAX_SHOWN = 64
_WORDS = {
    "energy": "energy",
    "angle": "monochromator angle",
    "mu": "absorption",
    "norm": "normalised absorption",
    "i0": "incident intensity",
    "itrans": "transmitted intensity",
    "irefer": "reference channel",
    "ifluor": "fluorescence",
    "yield": "electron yield",
    "other": "not an absorption",
    "": "unknown",
}


def describe_file(path: str, choice: Choice) -> tuple[str, bool]:
    """Say what the columns of a file are taken for, spectrum by spectrum.

    Parameters
    ----------
    path : str
    choice : Choice

    Returns
    -------
    str
        Several lines without a final newline and without control characters.
    bool
        Whether energy and mu are clear in all of them.

    Raises
    ------
    ReadError
        If nothing can be read from the file.
    """
    lines: list[str] = []
    good = True
    for table in tables_of(path):
        lines += [""] if lines else []
        if isinstance(table, XnetError):
            lines += [table.label or path, f"  refused   {table}"]
            good = False
            continue
        shown, clear = _describe(table, choice)
        lines += shown
        good &= clear
    return "\n".join(printable(line) for line in lines), good


def _describe(table: Table, choice: Choice) -> tuple[list[str], bool]:
    rows, count = table.values.shape
    lines = [table.label, f"  format    {table.format}, {rows} rows, {count} columns"]
    for i in range(min(count, MAX_SHOWN)):
        values = table.values[:, i]
        finite = values[np.isfinite(values)]
        span = f"{finite.min():.6g} to {finite.max():.6g}" if finite.size else "no finite number"
        label = f"{table.labels[i][:24]} {table.units[i][:8]}".strip() or "-"
        lines.append(f"  {i + 1:>6}    {label:<24}  {span:<28}  {_WORDS[column_role(table.labels[i])[0]]}")
    if count > MAX_SHOWN:
        lines.append(f"            and {count - MAX_SHOWN} more columns")
    try:
        element, edge = declared(table, choice)
        named = " ".join(word for word in (element, edge) if word)
        lines.append(f"  element   {named or 'not given'}")
    except XnetError as error:
        return [*lines, f"  refused   {error}"], False
    alone = choice.mu_column is not None
    parts = [table] if alone else spectra_in(table, choice.energy_column)
    if len(parts) == 1:
        shown, good = _describe_spectrum(parts[0], choice)
        return lines + shown, good
    good = True
    for part in parts:
        shown, clear = _describe_spectrum(part, choice)
        lines += [f"  spectrum  {part.label}", *(f"  {line}" for line in shown)]
        good &= clear
    return lines, good


def _describe_spectrum(table: Table, choice: Choice) -> tuple[list[str], bool]:
    """Energy, mu and edge of one spectrum, and whether they are clear."""
    try:
        spectrum = to_spectrum(table, choice)
    except XnetError as error:
        return [f"  refused   {error}"], False
    lines = [
        f"  energy    {spectrum.energy[0]:.2f} to {spectrum.energy[-1]:.2f} eV, "
        f"{spectrum.energy.size} points",
        f"  mu        {spectrum.mu_source}",
    ]
    if spectrum.energy.size >= 20 and np.ptp(spectrum.mu) > 0:
        e0 = find_e0(spectrum.energy, spectrum.mu)
        lines.append(f"  edge      steepest rise at {e0:.1f} eV: {nearest_edge(e0) or 'no known edge'}")
    lines += [f"  warning   {warning}" for warning in spectrum.warnings]
    return lines, True
