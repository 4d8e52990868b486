"""What a file is, from the bytes it starts with."""

from __future__ import annotations

from ..errors import ReadError

__all__ = ["is_athena", "is_hdf5", "refuse_others"]

#: Bytes that other kinds of files start with, and what to do about them.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (
        b"PK\x03\x04",
        "a zip archive (a Larix session, an Excel workbook, an .npz): export the spectrum as text",
    ),
    (b"\xd0\xcf\x11\xe0", "an Office document: export the sheet as CSV"),
    (b"\x93NUMPY", "a NumPy array: write it as columns of text"),
    (b"MATLAB 5.0", "a MATLAB file: write it as columns of text"),
    (b"\x89PNG", "an image: give the measured data"),
    (b"\xff\xd8\xff", "an image: give the measured data"),
    (b"%PDF", "a PDF document: give the measured data"),
    (b"BZh", "packed with bzip2: unpack it"),
    (b"\xfd7zXZ", "packed with xz: unpack it"),
    (b"(\xb5/\xfd", "packed with zstd: unpack it"),
)


def is_hdf5(data: bytes) -> bool:
    """Whether a file starts with the signature of HDF5."""
    return data[:8] == b"\x89HDF\r\n\x1a\n"


def is_athena(data: bytes) -> bool:
    """Whether an unpacked file is an Athena project, of either form."""
    head = data[:500]
    return b"Athena project file -- " in head or (head.lstrip()[:1] == b"{" and b'"_____head' in data[:4000])


def refuse_others(data: bytes) -> None:
    """Refuse files of kinds that hold no columns, by name.

    Parameters
    ----------
    data : bytes

    Raises
    ------
    ReadError
        With what to do about it.
    """
    for start, what in _OTHERS:
        if data.startswith(start):
            raise ReadError(
                f"the file is {what}; expected columns of numbers, XDI, an Athena project or HDF5"
            )
