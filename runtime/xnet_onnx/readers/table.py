"""A file's columns, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray

__all__ = ["MAX_COLUMNS", "MAX_POINTS", "MAX_VALUES", "Table"]

MAX_COLUMNS = 4096
MAX_POINTS = 200_000
MAX_VALUES = 4_000_000


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers with what the file says about them.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    labels : tuple of str
        One for each column, as the file has them; empty strings where it gives
        none.
    units : tuple of str
        Likewise.
    metadata : dict of str to str
        Fields in lower case ("element.symbol").
    label : str
        What to call the spectrum in messages.
    format : str
        "XDI", "columns", "Athena" or "HDF5".
    lines : ndarray of int32, shape (rows,), or None
        Line of each row in a text file, from 1.
    energy_shift : float
        Shift in eV that the file records for this scan and that is not yet in
        `values`.
    warnings : tuple of str
        What the parser noticed.
    """

    values: FloatArray
    labels: tuple[str, ...]
    units: tuple[str, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    label: str = "spectrum"
    format: str = "columns"
    lines: npt.NDArray[np.int32] | None = None
    energy_shift: float = 0.0
    warnings: tuple[str, ...] = ()

    def name(self, index: int) -> str:
        """A column for a message: "fy_c, column 5", "column 2"."""
        label = self.labels[index][:40]
        return f"{label}, column {index + 1}" if label else f"column {index + 1}"

    def describe(self) -> str:
        """List the columns: "1 energy, 2 i0, 3 itrans"."""
        shown = [f"{i + 1} {name[:40]}".strip() for i, name in enumerate(self.labels[:40])]
        more = len(self.labels) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

    def place(self, row: int) -> str:
        """A row for a message: "line 29", "point 3"."""
        return f"point {row + 1}" if self.lines is None else f"line {self.lines[row]}"
