"""A stack cut into rectangles of pixels: what is read at a time, and what is kept at a time."""

from __future__ import annotations

from dataclasses import dataclass

from .stack import Stack

__all__ = ["CHUNK_PIXELS", "Rectangle", "Slab", "cut"]

#: Pixels predicted and kept together: seconds of work, under 1 MB of results.
CHUNK_PIXELS = 1024
#: Bytes of the stack read together, where the file's own packing asks for more than a chunk.
SLAB_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Rectangle:
    """Pixels [top, bottom) x [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self) -> slice:
        """Its rows."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Its columns."""
        return slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def size(self) -> int:
        """Pixels in it."""
        return (self.bottom - self.top) * (self.right - self.left)


@dataclass(frozen=True)
class Slab:
    """Pixels that are read together, and the numbered chunks that they are kept in."""

    area: Rectangle
    chunks: tuple[tuple[int, Rectangle], ...]


def cut(stack: Stack, chunk_pixels: int = CHUNK_PIXELS, slab_bytes: int = SLAB_BYTES) -> tuple[Slab, ...]:
    """Cut a stack into slabs and chunks.

    A slab is one chunk, unless the file packs more pixels together: then it is as
    many of these as `slab_bytes` allow, so that no packed piece is unpacked again
    for every chunk.

    Parameters
    ----------
    stack : Stack
    chunk_pixels : int
    slab_bytes : int

    Returns
    -------
    tuple of Slab
        By rows, then columns; every pixel is in one.
    """
    rows, columns = stack.image
    high, wide = stack.footprint or (1, columns)
    high, wide = min(high, rows), min(wide, columns)
    wide = min(columns, wide * max(1, chunk_pixels // (high * wide)))
    high = min(rows, high * max(1, chunk_pixels // (high * wide)))
    if high * wide * stack.pixel_bytes > slab_bytes:
        high = min(high, max(1, slab_bytes // (wide * stack.pixel_bytes)))
        wide = min(wide, max(1, slab_bytes // (high * stack.pixel_bytes)))
    slabs: list[Slab] = []
    number = 0
    for area in _tiles(Rectangle(0, rows, 0, columns), high, wide):
        across = min(wide, chunk_pixels)
        chunks = list(enumerate(_tiles(area, max(1, chunk_pixels // across), across), start=number))
        number += len(chunks)
        slabs.append(Slab(area, tuple(chunks)))
    return tuple(slabs)


def _tiles(area: Rectangle, high: int, wide: int) -> list[Rectangle]:
    return [
        Rectangle(top, min(top + high, area.bottom), left, min(left + wide, area.right))
        for top in range(area.top, area.bottom, high)
        for left in range(area.left, area.right, wide)
    ]
