"""Step 1: a file to a `Spectrum`, or to several.

A file becomes tables (columns with labels and metadata) by one of the parsers,
chosen by what the file holds and not by its name (`formats`); a table becomes a
spectrum, or several (`several`), by the rules of `absorption`. docs/formats.md lists
what is read and what is refused.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import numpy as np

from ..edges import Absorber
from ..errors import ReadError, SpectrumError, XnetError
from ..spectrum import Spectrum
from ..wording import printable
from .absorption import Choice, energy_of, in_order, reference_of, to_spectrum
from .content import is_hdf5, refuse_others
from .formats import format_of, parse_hdf5
from .several import spectra_in
from .table import Table
from .text import MAX_BYTES, unpack

__all__ = ["Choice", "read", "read_all", "read_bytes", "tables_of"]


def read(path: str | Path, choice: Choice | None = None) -> Spectrum:
    """Read one spectrum from a file.

    Parameters
    ----------
    path : str or Path
        A file of any of the formats in docs/formats.md; "-" is the standard
        input. A group of a project can be chosen as "Fe.prj:Hematite".
    choice : Choice, optional
        What the caller says about columns, element, edge and energy scale.

    Returns
    -------
    Spectrum

    Raises
    ------
    ReadError
        If the file cannot be opened, is not a table of numbers or holds several
        spectra.
    ColumnError
        If the columns cannot be told apart.
    SpectrumError
        If what is in them cannot be a spectrum.
    """
    return _only(read_all(path, choice))


def read_all(
    source: str | Path | bytes,
    choice: Choice | None = None,
    *,
    calibrate: tuple[Absorber, ...] = (),
    name: str = "spectrum",
) -> list[Spectrum | XnetError]:
    """Read every spectrum of a file.

    Parameters
    ----------
    source : str, Path or bytes
        As in `read`, or what is in the file.
    choice : Choice, optional
        As in `read`; applied to each.
    calibrate : tuple of Absorber, optional
        Put the first inflection of each table's own reference channel at the
        tabulated energy of the one that is the spectrum's.
    name : str
        What to call the file in messages, where its bytes are given.

    Returns
    -------
    list of Spectrum or XnetError
        In the file's order, labelled "Fe.prj:Hematite" where there are several;
        an error (with such a label) in the place of one that cannot be used.

    Raises
    ------
    ReadError
        If nothing can be read from the file.
    """
    return _spectra(tables_of(source, name=name), choice, calibrate)


def read_bytes(data: bytes, label: str, choice: Choice | None = None) -> Spectrum:
    """Read one spectrum from the bytes of a file.

    Parameters
    ----------
    data : bytes
        The file.
    label : str
        What to call it in messages.
    choice : Choice, optional
        As in `read`.

    Returns
    -------
    Spectrum

    Raises
    ------
    ReadError, ColumnError, SpectrumError
        As `read`.
    """
    return _only(read_all(data, choice, name=label))


def _only(found: list[Spectrum | XnetError]) -> Spectrum:
    if len(found) > 1:
        names = ", ".join(item.label.rpartition(":")[2][:40] for item in found[:8])
        raise ReadError(
            f"the file holds {len(found)} spectra ({names}{' and more' if len(found) > 8 else ''}); "
            "expected one: "
            "choose with FILE:NAME"
        )
    if isinstance(found[0], XnetError):
        raise found[0]
    return found[0]


def _spectra(
    tables: list[Table | ReadError], choice: Choice | None, calibrate: tuple[Absorber, ...] = ()
) -> list[Spectrum | XnetError]:
    found: list[Spectrum | XnetError] = []
    for table in tables:
        if isinstance(table, XnetError):
            found.append(table)
            continue
        alone = choice is not None and choice.mu_column is not None
        for part in [table] if alone else spectra_in(table, choice.energy_column if choice else None):
            try:
                spectrum = to_spectrum(part, choice)
                found.append(_calibrated(spectrum, part, choice, calibrate) if calibrate else spectrum)
            except XnetError as error:
                error.label = part.label
                found.append(error)
    return found


def _calibrated(
    spectrum: Spectrum, table: Table, choice: Choice | None, known: tuple[Absorber, ...]
) -> Spectrum:
    """Shift a spectrum so that the table's reference channel is calibrated."""
    from .foil import foil_shift, shifted

    reference = reference_of(table)
    energy = energy_of(table, choice.energy_column if choice else None)
    good = np.isfinite(energy.values) & np.isfinite(reference.values)
    values, mu, _ = in_order(energy.values[good], reference.values[good])
    if values.size < 20:
        raise SpectrumError(
            f"the reference channel has {values.size} usable points; expected a scan of the foil"
        )
    shift = foil_shift(values + spectrum.energy_shift, mu, spectrum.element, known)
    return shifted(spectrum, shift, f"after the reference channel ({reference.source})")


def tables_of(source: str | Path | bytes, *, name: str = "spectrum") -> list[Table | ReadError]:
    """Read the tables of a file, before energy and mu are chosen.

    Parameters
    ----------
    source : str, Path or bytes
        As in `read_all`.
    name : str
        Likewise.

    Returns
    -------
    list of Table or ReadError
        At least one.

    Raises
    ------
    ReadError
        If nothing can be read from the file.
    """
    if isinstance(source, bytes):
        return _tables(source, name)
    if str(source) == "-":
        return _tables(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    name, group = str(source), ""
    if not os.path.lexists(name):
        # "Fe.prj:Hematite", where the group's name may hold colons too.
        places = [i for i, letter in enumerate(name) if letter == ":"]
        start = next((i for i in places if Path(name[:i]).is_file()), None)
        if start is not None:
            name, group = name[:start], name[start + 1 :]
    try:
        tables = _opened(Path(name))
        return _chosen(tables, printable(Path(name).name), printable(group)) if group else tables
    except XnetError as error:
        error.label = name
        error.add_note(f"in {printable(name)}")
        raise


def _opened(file: Path) -> list[Table | ReadError]:
    """Read a regular file, and no more of it than a spectrum may have."""
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
            raise ReadError(f"this is {kind}; expected a file")
        with file.open("rb") as opened:
            data = opened.read(8)
            if not is_hdf5(data):
                data += opened.read(MAX_BYTES - 7)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReadError(f"the file cannot be opened: {reason}; expected one that can be read") from error
    return _tables(data, file.name, file)


def _chosen(tables: list[Table | ReadError], file: str, group: str) -> list[Table | ReadError]:
    """Tables of one name; of one spectrum where a table holds several."""
    parts = [
        part for table in tables for part in (spectra_in(table) if isinstance(table, Table) else [table])
    ]
    for found in (tables, parts):
        chosen = [table for table in found if table.label == f"{file}:{group}"]
        if chosen:
            return chosen
    names = ", ".join(table.label.removeprefix(f"{file}:")[:40] for table in parts[:12])
    raise ReadError(f"the file holds no spectrum {group[:60]!r}; it holds: {names}")


def _tables(data: bytes, label: str, file: Path | None = None) -> list[Table | ReadError]:
    """Parse a file by what it is: its bytes, or (HDF5, whatever its size) its name."""
    if len(data) > MAX_BYTES:
        raise ReadError(
            f"the file is larger than {MAX_BYTES // 2**20} MB; expected one spectrum or project: cut out "
            "the scan "
            "you want"
        )
    if is_hdf5(data):
        return list(parse_hdf5(data if file is None else file, label))
    refuse_others(data)
    data = unpack(data)
    for mark, coding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            data = data.decode(coding, "replace").encode("utf-8")
    if not data.strip():
        raise ReadError("the file is empty; expected columns of energy and absorption")
    if b"\0" in data:
        raise ReadError(
            "the file is binary, not text; expected an XDI file, columns of numbers, an Athena project "
            "or HDF5: "
            "export the spectrum as text"
        )
    return list(format_of(data).parse(data, label))
