"""The table of formats: how each is known, what reads it, what is read of it.

    python -m xnet_onnx.readers.formats

prints it for docs/formats.md. A format is known by what a file holds, never by its
name. A new one is one more file beside this one and one more row here; plain columns
come last, because they take anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ReadError
from . import athena, balder, columns, content, demeter, fio, photon_factory, xdi
from .table import Table

__all__ = ["FORMATS", "Format", "as_markdown", "format_of", "parse_hdf5"]

Parsed = Sequence[Table | ReadError]


def parse_hdf5(source: Path | bytes, label: str) -> Parsed:
    """Read the spectra of an HDF5 file, given as bytes or, whatever its size, by its name."""
    from . import nexus

    return [
        table if isinstance(table, ReadError) else balder.with_chambers(table)
        for table in nexus.parse_hdf5(source, label)
    ]


def _xdi(data: bytes, label: str) -> Parsed:
    return [xdi.parse_xdi(data, label)]


@dataclass(frozen=True)
class Format:
    """One format.

    Parameters
    ----------
    name : str
        As in the documentation, and in `Table.format` up to a comma.
    known : callable
        Whether bytes (unpacked, UTF-8 where they were UTF-16) are of this format.
    parse : callable
        From bytes and what to call the file in messages to tables.
    read, not_read : str
        For docs/formats.md.
    """

    name: str
    known: Callable[[bytes], bool]
    parse: Callable[[bytes, str], Parsed]
    read: str
    not_read: str = ""


#: In the order in which they are tried.
FORMATS: tuple[Format, ...] = (
    Format(
        "HDF5, NeXus (`pip install 'xnet-onnx[hdf5]'`)",
        content.is_hdf5,
        parse_hdf5,
        "one spectrum an entry with an array of energies; `units` of keV or eV; element and edge; the "
        "chambers of MAX IV Balder",
        "data behind links to other files, virtual data sets, filters other than gzip",
    ),
    Format(
        "Athena project",
        content.is_athena,
        athena.parse_athena,
        "Perl and JSON form, gzipped or not; one spectrum a group, `Fe.prj:Hematite`; the recorded shift "
        "`bkg_eshift` is applied once and reported as `energy_shift`",
        "groups of chi(k), differences, backgrounds, detectors, uncalibrated pixels (the other groups are "
        "read)",
    ),
    Format(
        "Several groups saved by Athena (`.nor`, `.xmu`)",
        demeter.is_multicolumn,
        demeter.parse_multicolumn,
        "one spectrum a column, named by the line of labels, `Fe.nor:Hematite`; mu(E) and normalised "
        "mu(E), which is noted",
        "derivatives, chi(k), chi(R), chi(q)",
    ),
    Format(
        "9809 (Photon Factory, SPring-8, SAGA-LS, Aichi SR)",
        photon_factory.is_9809,
        photon_factory.parse_9809,
        "angles (observed before calculated) with the d-spacing of the line `Mono`; i0, transmitted and "
        "fluorescence channels by the line `Mode`, the measurement that the header names where both are "
        "there; dark counts a second of the line `Offset` taken off",
        "electron yield (mode 4), dead-time correction from the total counts (mode 103)",
    ),
    Format(
        "DESY `.fio`",
        fio.is_fio,
        fio.parse_fio,
        "sections `%c`, `%p`, `%d`; names from the lines `Col`; `element`, `edge` and `d_spacing` among the "
        "parameters",
        "names that say nothing of detectors (choose with `--mu-column`)",
    ),
    Format(
        "MAX IV Balder (`albaem02_ch1` to `ch4`)",
        balder.is_balder,
        balder.parse_balder,
        "`mono1_energy` and the like; ln((ch1+ch2)/(ch3+ch4)), the two plates of each of two chambers, "
        "where each pair agrees",
        "other wirings (choose with `--mu-column`)",
    ),
    Format(
        "XDI 1.x",
        lambda data: xdi.is_xdi(data) or xdi.lacks_version(data),
        _xdi,
        "`Column.N` fields, else the line of labels; eV or keV; an angle (deg, rad, mrad) with "
        "`Mono.d_spacing`; `Element.symbol`, `Element.edge`",
        "no version line; rows of different length; words among the numbers; more than 5 % of rows with "
        "NaN; `Column.N` and the line of labels that contradict each other",
    ),
    Format(
        "Columns of text, SPEC (ESRF, SNBL `ZapEnergy`)",
        lambda data: True,
        lambda data, label: list(columns.parse_columns(data, label)),
        "two columns or many, with or without header; comments with `#`, `%`, `;`, `!`, `*`, `//` or none; "
        "tab, space, comma or semicolon between values; decimal commas; CR, LF, CRLF; UTF-8, UTF-16, "
        "Latin-1; Fortran exponents; `Element: Fe` and `Edge: K` in the header; gzipped; FEFF's `xmu.dat`; "
        "Demeter's reports; one spectrum a scan, `FILE:scan 3`; several spectra that share a column of "
        "energies, one a labelled column, `FILE:goethite`",
        "rows of different length, words among the numbers (the line is named)",
    ),
)


def format_of(data: bytes) -> Format:
    """The format of a file.

    Parameters
    ----------
    data : bytes
        Unpacked.

    Returns
    -------
    Format
    """
    return next(item for item in FORMATS if item.known(data))


def as_markdown() -> str:
    """The table of formats for docs/formats.md."""
    rows = [f"| {item.name} | {item.read} | {item.not_read} |" for item in FORMATS]
    rows.append("| Larix session | not here; in Larch, with `[larch]` | |")
    return "\n".join(["| Format | Read | Not read |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(as_markdown())
