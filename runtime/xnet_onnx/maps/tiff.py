"""Stacks in multi-page TIFF files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import MissingExtraError, ReadError
from .stack import Read, Stack, StackChoice, energies_from_text, energy_axis_of, make_stack

__all__ = ["tiff_image", "tiff_reader", "tiff_stack"]

MAX_PAGE_BYTES = 256 * 1024 * 1024


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise MissingExtraError(
            "the file is TIFF and tifffile is not installed; install it with: pip install 'xnet-onnx[maps]'"
        ) from error
    return tifffile


def _damaged(name: str, error: Exception) -> ReadError:
    return ReadError(
        f"{name} cannot be read as TIFF ({str(error).strip()[:100] or type(error).__name__}); expected a "
        "whole file, not packed or with deflate: copy it again"
    )


def tiff_stack(path: Path, choice: StackChoice) -> Stack:
    """Look at a multi-page TIFF file.

    Parameters
    ----------
    path : Path
    choice : StackChoice

    Returns
    -------
    Stack

    Raises
    ------
    ReadError, SpectrumError, MissingExtraError
        As `describe_stack`.
    """
    tifffile = _tifffile()
    if choice.energy is None:
        raise ReadError(
            "a TIFF file has no energies; expected --energy FILE, a text file with one energy a line"
        )
    if choice.dataset is not None:
        raise ReadError("a TIFF file has no data sets; leave out --dataset")
    energies = energies_from_text(choice.energy)
    try:
        with tifffile.TiffFile(path) as file:
            shape, dtype, offset, _ = _pages(file)
            size = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
            if offset is not None:
                end = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
                if end > path.stat().st_size:
                    raise ReadError("the TIFF file is truncated; expected a whole file: copy it again")
    except ReadError:
        raise
    except Exception as error:  # tifffile reports damage through many of Python's exceptions
        raise _damaged(path.name, error) from error
    if len(shape) != 3 or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ReadError(
            f"the TIFF file is {' x '.join(map(str, shape))} of {dtype}; expected pages of grey values, "
            "one for "
            "each energy"
        )
    if size > MAX_PAGE_BYTES:
        raise ReadError(
            f"a page has {size >> 20} MB; expected at most {MAX_PAGE_BYTES >> 20} MB: write the stack as HDF5"
        )
    axis = energy_axis_of(shape, energies.size, choice.energy_axis)
    if axis != 0:
        raise ReadError(
            f"the TIFF file has {shape[0]} pages and there are {energies.size} energies; expected a page an "
            "energy"
        )
    stack = Stack(
        label=path.name,
        kind="TIFF",
        path=str(path.resolve()),
        dataset="",
        shape=(shape[0], shape[1], shape[2]),
        dtype=dtype.newbyteorder("=").str,
        energy_axis=0,
        energy=energies,
        place=np.zeros(0, dtype=np.int64),
    )
    return make_stack(stack, "", choice.energy_shift)


def _pages(file: Any) -> tuple[tuple[int, ...], np.dtype[Any], int | None, list[Any]]:
    """Shape and type of the stack in a file, where it starts if it lies there in one piece, its pages."""
    series = file.series[0]
    if len(series.shape) == 2 and len(file.series) > 1:
        # Pages that were written one at a time, each with a description of its own.
        pages = [page.aspage() if hasattr(page, "aspage") else page for page in file.pages]
        alike = [page for page in pages if page.shape == pages[0].shape and page.dtype == pages[0].dtype]
        return (len(alike), *pages[0].shape), np.dtype(pages[0].dtype), None, alike
    shape = tuple(int(size) for size in series.shape)
    offset = None if series.dataoffset is None else int(series.dataoffset)
    return shape, np.dtype(series.dtype), offset, [] if offset is not None else list(series.pages)


def tiff_image(name: str) -> npt.NDArray[Any]:
    """Read the one image of a TIFF file.

    Parameters
    ----------
    name : str

    Returns
    -------
    ndarray

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    tifffile = _tifffile()
    try:
        image: npt.NDArray[Any] = tifffile.imread(name)
    except Exception as error:  # tifffile reports damage through many of Python's exceptions
        raise _damaged(name, error) from error
    return image


@contextmanager
def tiff_reader(stack: Stack) -> Iterator[Read]:
    """Read rectangles from a multi-page TIFF file (see `stack.reading`).

    Pages that lie in the file as they are in memory are read by rows, others by
    strips; only pages in tiles are unpacked whole.
    """
    tifffile = _tifffile()
    try:
        with tifffile.TiffFile(stack.path) as file:
            shape, dtype, offset, pages = _pages(file)
            if shape != stack.shape:
                raise ReadError(f"{stack.label} was changed since it was looked at; expected the same stack")
            opened, stored = file.filehandle, dtype.newbyteorder(file.byteorder)

            def read(rows: slice, columns: slice) -> Any:
                try:
                    wanted = range(*rows.indices(stack.shape[1]))
                    if offset is not None:
                        return _plain_rows(opened, stored, offset, stack.shape, wanted)[:, :, columns]
                    block = np.empty((stack.shape[0], len(wanted), stack.shape[2]), dtype=stack.dtype)
                    for i, page in enumerate(pages):
                        block[i] = _page_rows(opened, page, wanted)
                    return block[:, :, columns]
                except Exception as error:  # tifffile reports damage through many of Python's exceptions
                    raise _damaged(stack.label, error) from error

            yield read
    except OSError as error:
        raise _damaged(stack.label, error) from error


def _plain_rows(
    opened: Any, stored: np.dtype[Any], offset: int, shape: tuple[int, int, int], rows: range
) -> npt.NDArray[Any]:
    """Rows of every page of a file that holds them one after the other."""
    pages, height, width = shape
    block = np.empty((pages, len(rows), width), dtype=stored.newbyteorder("="))
    for page in range(pages):
        for i, first, count in _runs(rows):
            opened.seek(offset + (page * height + first) * width * stored.itemsize)
            data = opened.read(count * width * stored.itemsize)
            block[page, i : i + count] = np.frombuffer(data, dtype=stored).reshape(count, width)
    return block


def _runs(rows: range) -> Iterator[tuple[int, int, int]]:
    """Rows as (place in the block, first row, how many), one run where they follow each other."""
    if rows.step == 1:
        yield 0, rows.start, len(rows)
    else:
        for i, row in enumerate(rows):
            yield i, row, 1


def _page_rows(opened: Any, page: Any, rows: range) -> npt.NDArray[Any]:
    """Rows of one page, by the strips that hold them."""
    page = page.aspage() if hasattr(page, "aspage") else page
    if page.is_tiled or len(page.shape) != 2 or page.planarconfig not in (None, 1):
        return np.asarray(page.asarray())[rows.start : rows.stop : rows.step]
    height, width = page.shape
    per_strip = min(int(page.rowsperstrip or height), height)
    block = np.empty((len(rows), width), dtype=page.dtype)
    held, strip = -1, np.empty((0, width), dtype=page.dtype)
    for i, row in enumerate(rows):
        index = row // per_strip
        if index != held:
            opened.seek(page.dataoffsets[index])
            data = opened.read(page.databytecounts[index])
            decoded, _, _ = page.decode(data, index)
            strip, held = np.asarray(decoded).reshape(-1, width), index
        block[i] = strip[row - index * per_strip]
    return block
