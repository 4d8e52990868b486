"""A file's columns, before anything is decided about them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray
from ..wording import printable

__all__ = ["MAX_COLUMNS", "MAX_POINTS", "MAX_VALUES", "Table"]

MAX_COLUMNS = 4096
MAX_POINTS = 200_000
MAX_VALUES = 4_000_000


def _clean(text: str) -> str:
    """Text of a file for messages and labels; the odd kinds of space become plain ones."""
    if text.isprintable():
        return text
    return printable("".join(" " if letter in "\t\xa0\u2007\u202f\u3000" else letter for letter in text))


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
        Name of the format, as in `xnet_onnx.readers.formats`.
    lines : ndarray of int32, shape (rows,), or None
        Line of each row in a text file, from 1.
    energy_shift : float
        Shift in eV that the file records for this scan and that is not yet in
        `values`.
    warnings : tuple of str
        What the parser noticed.
    mu : str
        Where the format itself says which columns make mu: an expression as in
        `Choice.mu_column`; else "".
    spectra : tuple of int
        Indices of the columns where the format itself says that each is a spectrum.
    note : str
        What else to say of how mu came about.

    Notes
    -----
    All text is made fit for a terminal (`printable`): a file's labels, fields and
    name can hold control characters.
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
    mu: str = ""
    spectra: tuple[int, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, str):
                object.__setattr__(self, item.name, _clean(value))
            elif item.name in ("labels", "units", "warnings"):
                object.__setattr__(self, item.name, tuple(_clean(text) for text in value))
        object.__setattr__(
            self, "metadata", {_clean(key): _clean(text) for key, text in self.metadata.items()}
        )

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
