"""A stack of images over energy: what it is, and how it is read piece by piece."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ReadError, SpectrumError, XnetError
from ..readers.absorption import energy_of
from ..readers.content import is_hdf5
from ..readers.table import Table
from ..spectrum import FloatArray
from ..wording import counted

__all__ = [
    "BoolArray",
    "Read",
    "Stack",
    "StackChoice",
    "array_stack",
    "describe_stack",
    "reading",
    "spectra_of",
]

BoolArray = npt.NDArray[np.bool_]
#: Takes slices of rows and columns, gives an array (stored energies, rows, columns).
Read = Callable[[slice, slice], npt.NDArray[Any]]

MIN_ENERGIES = 20


@dataclass(frozen=True)
class StackChoice:
    """What the caller says about a stack.

    Parameters
    ----------
    dataset : str, optional
        Path of the data set of three axes in an HDF5 file.
    energy : str, optional
        Path of the data set of energies in it, or a text file with one energy a
        line.
    energy_axis : int, optional
        Axis (0, 1 or 2) of the stack that is the energy.
    mask : str, optional
        Path of a data set in an HDF5 file, or a .npy or TIFF file: (y, x), not
        zero where a pixel is to be left out.
    energy_shift : float
        Added to the energies, in eV.
    """

    dataset: str | None = None
    energy: str | None = None
    energy_axis: int | None = None
    mask: str | None = None
    energy_shift: float = 0.0


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack that was looked at and not read.

    Parameters
    ----------
    label : str
    kind : str
        "HDF5", "TIFF" or "array".
    path : str
        The file; "" for an array.
    dataset : str
        Path in an HDF5 file, else "".
    shape : tuple of int
        As stored, three axes.
    dtype : str
        numpy's name of the type as stored.
    energy_axis : int
    energy : ndarray of float64, shape (n,)
        In eV, ascending, each once.
    place : ndarray of int64, shape (m,)
        Where in `energy` each stored image belongs.
    footprint : tuple of int, or None
        Rows and columns that are stored, and so unpacked, together.
    element, edge : str or None
        From the metadata.
    notes : tuple of str
        What was mended.
    array : ndarray, optional
        The values themselves, where they are in memory.
    """

    label: str
    kind: str
    path: str
    dataset: str
    shape: tuple[int, int, int]
    dtype: str
    energy_axis: int
    energy: FloatArray
    place: npt.NDArray[np.int64]
    footprint: tuple[int, int] | None = None
    element: str | None = None
    edge: str | None = None
    notes: tuple[str, ...] = ()
    array: npt.NDArray[Any] | None = None

    @property
    def image(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        rows, columns = (size for axis, size in enumerate(self.shape) if axis != self.energy_axis)
        return rows, columns

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel's spectrum as stored."""
        return self.shape[self.energy_axis] * np.dtype(self.dtype).itemsize


def describe_stack(path: str | Path, choice: StackChoice | None = None) -> tuple[Stack, BoolArray | None]:
    """Find the stack, its energies and its mask in a file.

    Parameters
    ----------
    path : str or Path
        HDF5 (NeXus or not) or multi-page TIFF.
    choice : StackChoice, optional

    Returns
    -------
    stack : Stack
    mask : ndarray of bool, shape (rows, columns), or None
        True where a pixel is left out.

    Raises
    ------
    ReadError
        If the file cannot be read, is no stack, or what is what cannot be told.
    SpectrumError
        If the energies are no photon energies.
    MissingExtraError
        If h5py or tifffile is missing.
    """
    file, choice = Path(path), choice or StackChoice()
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ReadError(f"{file} is not a file; expected a stack in HDF5 or TIFF")
        with file.open("rb") as opened:
            head = opened.read(8)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReadError(f"{file} cannot be opened: {reason}; expected a stack in HDF5 or TIFF") from error
    try:
        if is_hdf5(head):
            from .hdf5 import hdf5_mask, hdf5_stack

            stack, layout = hdf5_stack(file, choice)
            mask = hdf5_mask(file, layout, choice.mask)
        elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            from .tiff import tiff_stack

            stack, mask = tiff_stack(file, choice), None
        else:
            raise ReadError(
                "the file is neither HDF5 nor TIFF; expected a stack of images (energy, y, x) in one of "
                "them: "
                "for single spectra use 'xnet-onnx predict'"
            )
    except XnetError as error:
        raise type(error)(f"{file.name}: {error}") from error
    if choice.mask is not None and mask is None:
        mask = mask_file(choice.mask)
    _check_mask(mask, stack)
    return stack, mask


def array_stack(
    energy: npt.ArrayLike, values: npt.NDArray[Any], choice: StackChoice, mask: npt.ArrayLike | None = None
) -> tuple[Stack, BoolArray | None]:
    """Make a stack of arrays.

    Parameters
    ----------
    energy : array_like, shape (m,)
        In eV or keV.
    values : ndarray, three axes
        One of them of length m.
    choice : StackChoice
    mask : array_like, shape (rows, columns), optional
        Not zero where a pixel is left out.

    Returns
    -------
    stack : Stack
    mask : ndarray of bool or None

    Raises
    ------
    ReadError, SpectrumError
        As `describe_stack`.
    """
    if values.ndim != 3 or values.dtype.kind not in "fiu":
        raise ReadError(
            f"the stack has shape {values.shape} and type {values.dtype}; expected three axes of real numbers"
        )
    energies = np.asarray(energy, dtype=np.float64).reshape(-1)
    axis = energy_axis_of(values.shape, energies.size, choice.energy_axis)
    stack = make_stack(
        Stack(
            "array", "array", "", "", values.shape, values.dtype.str, axis, energies, _NOWHERE, array=values
        ),
        "",
        choice.energy_shift,
    )
    found = None if mask is None else np.asarray(mask).astype(bool)
    _check_mask(found, stack)
    return stack, found


_NOWHERE = np.zeros(0, dtype=np.int64)


def make_stack(stack: Stack, unit: str, shift: float) -> Stack:
    """Put the energies of a stack in eV and in order.

    Parameters
    ----------
    stack : Stack
        With the energies as stored.
    unit : str
        Theirs, where it is given.
    shift : float
        Added, in eV.

    Returns
    -------
    Stack

    Raises
    ------
    ReadError, SpectrumError
        If there are too few, or they are no photon energies.
    """
    raw = stack.energy
    if raw.size < MIN_ENERGIES:
        raise ReadError(
            f"the stack has {counted(raw.size, 'energy', 'energies')}; expected at least {MIN_ENERGIES}, a "
            "spectrum in every pixel: is this the whole stack, and the right axis?"
        )
    if not np.all(np.isfinite(raw)):
        raise SpectrumError("the energies hold NaN or infinity; expected photon energies in eV or keV")
    # What the readers of single spectra do about units: one rule for both.
    table = Table(np.column_stack([raw, np.arange(raw.size)]), ("energy", "image"), (unit, ""))
    signal = energy_of(table)
    notes = [*signal.warnings, *([signal.source] if signal.source and not signal.warnings else [])]
    energy, place = np.unique(signal.values, return_inverse=True)
    steps = np.diff(signal.values)
    if np.all(steps < 0):
        notes.append("the energies decrease: the stack is read from its end")
    elif np.any(steps < 0):
        notes.append("the energies are not in order: sorted")
    if energy.size < raw.size:
        notes.append(f"{counted(raw.size - energy.size, 'image')} at a repeated energy: averaged")
    if shift:
        notes.append(f"energies shifted by {shift:+g} eV as asked")
    return replace(stack, energy=energy + shift, place=place.astype(np.int64), notes=tuple(notes))


def energy_axis_of(shape: tuple[int, ...], count: int, chosen: int | None, named: int | None = None) -> int:
    """Tell which axis of a stack is the energy.

    Parameters
    ----------
    shape : tuple of int
    count : int
        How many energies there are.
    chosen : int, optional
        The axis the caller says.
    named : int, optional
        The axis that the file's ``@axes`` say.

    Returns
    -------
    int

    Raises
    ------
    ReadError
        If no axis has that length, or several have and nobody says which.
    """
    said = chosen if chosen is not None else named
    fitting = [axis for axis, size in enumerate(shape) if size == count]
    words = " x ".join(str(size) for size in shape)
    if said is not None and said in fitting:
        return said
    if chosen is not None:
        raise ReadError(
            f"axis {chosen} of the stack ({words}) is not as long as there are energies ({count}); expected "
            "the same length: choose another --energy-axis or other energies with --energy"
        )
    if not fitting:
        raise ReadError(
            f"the stack is {words} and there are {count} energies; expected one axis of that length: choose "
            "the energies with --energy"
        )
    if len(fitting) > 1:
        raise ReadError(
            f"the stack is {words} and there are {count} energies: axes "
            f"{' and '.join(map(str, fitting))} can be the energy; say which with --energy-axis 0 "
            "(energy, y, x) or --energy-axis 2 (y, x, energy)"
        )
    return fitting[0]


def energies_from_text(path: str) -> FloatArray:
    """Read energies from a text file: the first number of each line.

    Parameters
    ----------
    path : str
        Lines that start with #, %, ; or ! are left out.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    ReadError
        If it cannot be read, or a line does not start with a number.
    """
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            text = file.read(16 * 1024 * 1024)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReadError(
            f"the energies {path!r} are no data set of the stack, and no file that can be opened ({reason}); "
            "expected one of the two"
        ) from error
    values: list[float] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words or line.lstrip()[0] in "#%;!":
            continue
        try:
            values.append(float(words[0]))
        except ValueError:
            raise ReadError(
                f"line {number} of {path} starts with {words[0][:20]!r}; expected one energy a line"
            ) from None
    return np.array(values, dtype=np.float64)


def mask_file(name: str) -> BoolArray:
    """Read a mask from a .npy or TIFF file.

    Parameters
    ----------
    name : str

    Returns
    -------
    ndarray of bool, shape (rows, columns)

    Raises
    ------
    ReadError
        If it is neither.
    """
    try:
        with Path(name).open("rb") as file:
            numpy_file = file.read(6) == b"\x93NUMPY"
        if numpy_file:
            return np.asarray(np.load(name, allow_pickle=False, mmap_mode="r") != 0)
        from .tiff import tiff_image

        return np.asarray(tiff_image(name) != 0)
    except (OSError, ValueError) as error:
        raise ReadError(
            f"the mask {name!r} is no data set of the stack, and no .npy or TIFF file that can be read "
            f"({error}); expected one of them"
        ) from error


def _check_mask(mask: BoolArray | None, stack: Stack) -> None:
    if mask is not None and mask.shape != stack.image:
        raise ReadError(
            f"the mask is {' x '.join(map(str, mask.shape))} and the images are "
            f"{' x '.join(map(str, stack.image))}; expected the same: is it of another stack?"
        )


@contextmanager
def reading(stack: Stack) -> Iterator[Read]:
    """Open a stack to read rectangles of pixels from it.

    Parameters
    ----------
    stack : Stack

    Yields
    ------
    callable
        Takes slices of rows (with a step or not) and columns; gives an array
        (stored energies, rows, columns) of the stored type.

    Raises
    ------
    ReadError
        If the file cannot be read any more.
    """
    if stack.array is not None:
        values = np.moveaxis(stack.array, stack.energy_axis, 0)
        yield lambda rows, columns: values[:, rows, columns]
        return
    from .hdf5 import hdf5_reader
    from .tiff import tiff_reader

    with (hdf5_reader if stack.kind == "HDF5" else tiff_reader)(stack) as read:
        yield read


def spectra_of(block: npt.NDArray[Any], stack: Stack) -> FloatArray:
    """Spectra of a block of pixels, in order of energy.

    Parameters
    ----------
    block : ndarray, shape (stored energies, rows, columns)
    stack : Stack

    Returns
    -------
    ndarray of float64, shape (rows * columns, n)
    """
    flat = block.reshape(block.shape[0], -1).T
    order = np.argsort(stack.place, kind="stable")
    if stack.energy.size == order.size:
        return np.ascontiguousarray(flat[:, order], dtype=np.float64)
    counts = np.bincount(stack.place)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums: FloatArray = np.add.reduceat(flat[:, order].astype(np.float64), starts, axis=1)
    return sums / counts
