"""Spectra on uniform grids, lightly smoothed: where an edge position is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..numerics import gaussian_kernel
from ..spectrum import FloatArray
from .rows import Grids

__all__ = ["GRID_STEP", "SMOOTH_FWHM", "smoothed"]

SMOOTH_FWHM = 1.0
GRID_STEP = 0.1
#: Where the edge position is looked for, in eV around the energy where the edge is known to be.
SEARCH_WINDOW = 60.0
#: From so many spectra on one grid, a matrix is made of what is done to each of them.
MANY = 16
#: Points of the uniform grid that go through one product: a block sees few energies of the scan.
BLOCK = 64


def smoothed(grids: Grids, mu: FloatArray, near: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Spectra on uniform grids of 0.1 eV, smoothed with a Gaussian of 1 eV: starts (k,), rows (k, m)."""
    windows = _windows(grids, near, len(mu))
    alike: dict[tuple[int, int], list[int]] = {}
    for i, window in enumerate(windows if len(grids.energy) == 1 else ()):
        alike.setdefault(window, []).append(i)
    done = [
        (rows, _by_matrix(grids.energy[0, start:stop], mu[rows, start:stop]))
        for (start, stop), rows in alike.items()
        if len(rows) >= MANY
    ]
    by_matrix = {i for rows, _ in done for i in rows}
    lone = [i for i in range(len(mu)) if i not in by_matrix]
    if lone:
        chosen = np.array(lone)
        rows, sizes = _uniform(grids.take(chosen), mu[chosen], np.array([windows[i] for i in lone]))
        done.append((lone, _convolved(rows, sizes)))
    first = [start for start, _ in windows]
    return grids.at(np.array(first)), _together(done, len(mu))


def _windows(grids: Grids, near: FloatArray | None, count: int) -> list[tuple[int, int]]:
    """Points of each spectrum, from and to, between which its edge position is looked for."""
    if near is None:
        return [(0, size) for size in np.broadcast_to(grids.size, count).tolist()]
    first = (grids.energy < near[:, np.newaxis] - SEARCH_WINDOW).sum(axis=1)
    last = (grids.energy <= near[:, np.newaxis] + SEARCH_WINDOW).sum(axis=1)
    return list(zip(first.tolist(), last.tolist(), strict=True))


def _uniform(grids: Grids, mu: FloatArray, windows: npt.NDArray[np.int64]) -> tuple[FloatArray, list[int]]:
    """Windows (k, 2) of spectra on grids of 0.1 eV, (k, m), held beyond their ends, and their lengths."""
    starts, ends = grids.at(windows[:, 0]), grids.at(windows[:, 1] - 1)
    sizes = ((ends - starts) / GRID_STEP).astype(np.int64)[:, np.newaxis] + 1
    count, x = int(sizes.max()), grids.energy - starts[:, np.newaxis]
    # Lines through each point and the next, as values at the start and slopes.
    slopes = np.zeros_like(x)
    slopes[:, :-1] = (mu[:, 1:] - mu[:, :-1]) / (grids.energy[:, 1:] - grids.energy[:, :-1])
    values = mu - slopes * x
    # So many points of the uniform grid lie before each point: from it to the next, its line is followed.
    before = np.minimum(np.maximum(np.ceil(x / GRID_STEP), 0), sizes).astype(np.int64)
    before = np.append(np.where(before < sizes, before, count), np.full((len(x), 1), count), axis=1)
    line = np.repeat(np.arange(x.size), (before[:, 1:] - before[:, :-1]).ravel()).reshape(len(x), count)
    offsets = GRID_STEP * np.minimum(np.arange(count), sizes - 1)
    return values.ravel()[line] + slopes.ravel()[line] * offsets, sizes[:, 0].tolist()


def _by_matrix(energy: FloatArray, mu: FloatArray) -> FloatArray:
    """Spectra of one grid, mu (k, n), on a uniform one and smoothed."""
    smooth = np.empty((len(mu), _points(energy)))
    for out, seen, matrix in _smoother(energy.tobytes()):
        np.matmul(mu[:, seen], matrix, out=smooth[:, out])
    return smooth


def _together(parts: list[tuple[list[int], FloatArray]], count: int) -> FloatArray:
    """Parts of different lengths in one array; beyond its end a row is held."""
    if len(parts) == 1:
        return parts[0][1]
    together = np.empty((count, max(part.shape[1] for _, part in parts)))
    for rows, part in parts:
        together[rows, : part.shape[1]] = part
        together[rows, part.shape[1] :] = part[:, -1:]
    return together


def _points(energy: FloatArray) -> int:
    """Points of the uniform grid over a scan."""
    return int((energy[-1] - energy[0]) / GRID_STEP) + 1


def _convolved(rows: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """Rows on a grid of 0.1 eV, smoothed; held at their starts, and from their sizes on."""
    kernel = _kernel()
    half, (k, m) = kernel.size // 2, rows.shape
    padded = np.empty((k, m + 2 * half))
    padded[:, half : half + m] = rows
    padded[:, :half], padded[:, half + m :] = rows[:, :1], rows[:, -1:]
    smooth = np.empty((k, m))
    if k < MANY:
        for made, row in zip(smooth, padded, strict=True):
            made[:] = np.convolve(row, kernel, mode="valid")
    else:
        band = _band()
        for start in range(0, m, BLOCK):
            stop = min(start + BLOCK, m)
            seen = padded[:, start : stop + 2 * half]
            np.matmul(seen, band[: stop - start + 2 * half, : stop - start], out=smooth[:, start:stop])
    if min(sizes) < m:
        for made, size in zip(smooth, sizes, strict=True):
            made[size:] = made[size - 1]
    return smooth


@lru_cache(maxsize=1)
def _kernel() -> FloatArray:
    """Make the Gaussian that spectra are smoothed with."""
    return gaussian_kernel(SMOOTH_FWHM, GRID_STEP)


@lru_cache(maxsize=1)
def _band() -> FloatArray:
    """Make the matrix of a convolution for `BLOCK` points, to multiply rows with from the left."""
    kernel = _kernel()
    band = np.zeros((BLOCK + kernel.size - 1, BLOCK))
    for i in range(BLOCK):
        band[i : i + kernel.size, i] = kernel
    return band


@lru_cache(maxsize=64)
def _smoother(energy: bytes) -> list[tuple[slice, slice, FloatArray]]:
    """Make blocks of the matrix of interpolation and smoothing: points made, energies seen, matrix."""
    x = np.frombuffer(energy)
    whole = _convolved(*_uniform(Grids.shared(x), np.eye(x.size), np.array([[0, x.size]] * x.size)))
    blocks = []
    for start in range(0, whole.shape[1], BLOCK):
        out = slice(start, min(start + BLOCK, whole.shape[1]))
        seen = np.flatnonzero(whole[:, out].any(axis=1))
        used = slice(int(seen[0]), int(seen[-1]) + 1)
        blocks.append((out, used, np.ascontiguousarray(whole[used, out])))
    return blocks
