"""From a normalised spectrum to the values the network takes (paper section 2.3).

`align` is the one way there, for measured, training, distorted and evaluated
spectra. On the `absolute` axis a point is a photon energy; on the `edge` axis
it is counted from the spectrum's own edge position, where it rises through
a level of its edge step, so neither the calibration of a monochromator nor the
error of calculated transition energies moves it. Where the axis has a range to
scale over, the spectrum (its pre-edge line taken off) is divided by its mean
over that range, so the input does not depend on a post-edge line at all: a scan
that ends 50 eV above its edge gives the same input as a long one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..numerics import gaussian_kernel
from ..spectrum import EnergyAxis, FloatArray
from .rows import Grids

__all__ = ["Aligned", "align", "align_one", "half_step_energy"]

SMOOTH_FWHM = 1.0
GRID_STEP = 0.1
MAX_GAP = 5.0
MAX_EDGE_GAP = 2.5
#: Over the last few eV of the axis a scan may go on in long steps to its end.
LAST_FEW, LONG_STEP = 4.9, 25.0
#: Where the edge position is looked for, in eV around the energy where the edge is known to be.
SEARCH_WINDOW = 60.0
#: A pre-edge peak rises through half of the edge step and falls again, below this share of it; the shoulder
#: of a metal does not. Between its rise and that through the level of the axis lie more than so many eV.
HALF, FALLEN, NARROW = 0.5, 0.42, 3.0
SCALE_ITERATIONS = 8
SCALE_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Aligned:
    """Model inputs of k spectra.

    Parameters
    ----------
    values : ndarray of float32, shape (k, axis.count)
        NaN for the spectra in `errors`.
    edge_position : ndarray of float64, shape (k,)
        Where each rises through `axis.level` of its edge step, in eV, or its pre-edge peak through half,
        where that falls again; NaN where it does not rise so high.
    scale : ndarray of float64, shape (k,)
        What the spectra were divided by; 1 on an axis without a range to scale over.
    errors : dict of int to SpectrumError
        EdgeError where a spectrum does not rise through that level,
        CoverageError where it does not cover the axis.
    """

    values: npt.NDArray[np.float32]
    edge_position: FloatArray
    scale: FloatArray
    errors: dict[int, SpectrumError]


def align(
    energy: FloatArray | Grids, mu: FloatArray, axis: EnergyAxis, *, near: FloatArray | None = None
) -> Aligned:
    """Put spectra onto the network's axis.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,), or Grids
        Photon energy in eV, strictly increasing: of all spectra, or of each.
    mu : ndarray of float64, shape (k, n)
        Normalised absorption: flattened, or on any scale with the pre-edge line
        taken off where the axis has a range to scale over.
    axis : EnergyAxis
    near : ndarray of float64, shape (k,), optional
        Look for the edge position within 60 eV of these energies only.

    Returns
    -------
    Aligned
    """
    k = len(mu)
    if k == 0:
        return Aligned(np.empty((0, axis.count), dtype=np.float32), np.empty(0), np.empty(0), {})
    grids = energy if isinstance(energy, Grids) else Grids.shared(energy)
    starts, smooth = _smoothed(grids, mu, near)
    edge = _Rise(starts, smooth)
    # A spectrum to be scaled may be on any scale: its highest point is a start that it always rises through.
    scale = np.ones(k) if axis.scale_range is None else 0.7 * edge.highest
    edge_position, found = edge.position(axis.level, scale)
    start = edge_position
    if axis.scale_range is not None:
        integral = _Integral(grids, mu)
        done = np.zeros(k, dtype=bool)
        for _ in range(SCALE_ITERATIONS):
            before = scale
            # A spectrum that is done stays, so that none depends on which others it comes with.
            scale = np.where(done, before, integral.means(edge_position, axis.scale_range))
            edge_position, found = edge.position(axis.level, scale)
            done |= (np.abs(scale - before) <= SCALE_TOLERANCE * np.abs(scale)) | ~found
            if done.all():
                break
        found &= np.isfinite(scale) & (scale > 0.0)
    errors: dict[int, SpectrumError] = {
        int(i): EdgeError(
            f"the normalised spectrum runs from {smooth[i].min():.2f} to {smooth[i].max():.2f} and never "
            f"rises through {axis.level:g} of its edge step; expected an absorption edge: check the column "
            "and the scan's range"
        )
        for i in (~found).nonzero()[0]
    }
    if axis.scale_range is not None and axis.kind == "edge":
        # A scan that does not reach the range of the scale has no scale: that is what is wrong with it.
        for i in (~found & np.isfinite(start)).nonzero()[0].tolist():
            try:
                _check_coverage(grids.one(i), axis, float(start[i]))
            except CoverageError as error:
                errors[i] = error
    edge_position = np.where(found, edge_position, np.nan)
    origins = edge_position if axis.kind == "edge" else np.zeros(k)
    values = np.full((k, axis.count), np.nan, dtype=np.float32)
    sure = _covered(grids, axis, origins)
    offsets = axis.first + axis.step * np.arange(axis.count, dtype=np.float64)
    for i in np.isfinite(origins).nonzero()[0].tolist():
        grid = grids.one(i)
        if not sure[i]:
            try:
                _check_coverage(grid, axis, float(origins[i]))
            except CoverageError as error:
                errors.setdefault(i, error)
                continue
        if axis.kind == "edge" and not found[i]:
            continue
        values[i] = np.interp(origins[i] + offsets, grid, mu[i, : grid.size]) / scale[i]
    return Aligned(values, edge_position, np.where(found, scale, 1.0), errors)


def align_one(energy: FloatArray, mu: FloatArray, axis: EnergyAxis) -> tuple[npt.NDArray[np.float32], float]:
    """`align` for one spectrum.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
    axis : EnergyAxis

    Returns
    -------
    values : ndarray of float32, shape (axis.count,)
    origin : float
        The energy in eV from which the axis counts: the edge position, or 0
        on the `absolute` axis.

    Raises
    ------
    SpectrumError
        As in `Aligned.errors`.
    """
    aligned = align(energy, mu[np.newaxis], axis)
    for error in aligned.errors.values():
        if axis.kind == "edge" or isinstance(error, CoverageError):
            raise error
    return aligned.values[0], float(aligned.edge_position[0]) if axis.kind == "edge" else 0.0


def half_step_energy(energy: FloatArray, flat: FloatArray) -> float:
    """Energy at which the lightly smoothed, flattened mu first crosses 0.5.

    Smoothed with a Gaussian of 1 eV FWHM on a 0.1 eV grid. Between data sets of
    one phase it moves less than the maximum of the derivative (docs/design.md).

    Parameters
    ----------
    energy, flat : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing, and flattened mu.

    Returns
    -------
    float
        Energy in eV.

    Raises
    ------
    EdgeError
        If the spectrum does not rise through 0.5.
    """
    starts, smooth = _smoothed(Grids.shared(energy), flat[np.newaxis], None)
    energies, found = _Rise(starts, smooth).through(np.array([0.5]))
    if not found[0]:
        raise EdgeError(
            f"the normalised spectrum runs from {smooth.min():.2f} to {smooth.max():.2f} and never rises "
            "through 0.5; expected an absorption edge: check the column and the scan's range"
        )
    return float(energies[0])


class _Rise:
    """Where rows on grids of 0.1 eV, which begin at `starts`, first rise through a height of their own."""

    def __init__(self, starts: FloatArray, smooth: FloatArray) -> None:
        self.starts, self.smooth = starts, smooth
        self.rows = np.arange(len(smooth))
        self.top = np.maximum.accumulate(smooth, axis=1)
        self.highest = self.top[:, -1]
        self.seen = slice(0, smooth.shape[1])

    def position(self, level: float, scale: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Where rows on scales (k,) rise through a level, or their pre-edge peaks through half."""
        at, found = self.through(level * scale)
        if level <= HALF:
            return at, found
        half, rises = self.through(HALF * scale)
        apart = np.flatnonzero(found & rises & (at - half > NARROW))
        if apart.size:
            first = ((half[apart] - self.starts[apart]) / GRID_STEP).astype(np.int64)
            size = ((at[apart] - half[apart]) / GRID_STEP).astype(np.int64)
            offsets = np.arange(2, int(size.max()) + 1)
            places = np.minimum(first[:, np.newaxis] + offsets, self.smooth.shape[1] - 1)
            falls = self.smooth[apart[:, np.newaxis], places] < FALLEN * scale[apart, np.newaxis]
            peaked = apart[(falls & (offsets <= size[:, np.newaxis])).any(axis=1)]
            at[peaked] = half[peaked]
        return at, found

    def through(self, heights: FloatArray) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Energies (k,), NaN without a rise, and whether there is one."""
        if len(heights) == 1:
            first = np.array([int(self.top[0].searchsorted(heights[0])) - 1])
        else:
            first = self._last_below(heights)
        found = first < self.smooth.shape[1] - 1
        if (first < 0).any() or np.isnan(heights).any():
            # What begins above its height falls first.
            below = self.smooth < heights[:, np.newaxis]
            rising = below[:, :-1] & ~below[:, 1:]
            first = rising.argmax(axis=1)
            found = rising[self.rows, first]
        first = np.where(found, first, 0)
        low, high = self.smooth[self.rows, first], self.smooth[self.rows, first + 1]
        share = (heights - low) / np.where(found, high - low, 1.0)
        return np.where(found, self.starts + GRID_STEP * (first + share), np.nan), found

    def _last_below(self, heights: FloatArray) -> npt.NDArray[np.int64]:
        """Where rows were last below their heights before they rise; looked for near the last time's."""
        top = self.top[:, self.seen]
        if not ((top[:, 0] < heights) & (top[:, -1] >= heights)).all():
            self.seen, top = slice(0, self.top.shape[1]), self.top
        first = self.seen.start - 1 + (top < heights[:, np.newaxis]).sum(axis=1)
        low, high = int(first.min()) - MARGIN, int(first.max()) + MARGIN
        self.seen = slice(max(0, low), min(high, self.top.shape[1]))
        return np.asarray(first)


class _Integral:
    """Integrals of piecewise linear spectra, mu (k, n)."""

    def __init__(self, grids: Grids, mu: FloatArray) -> None:
        self.grids, self.energy = grids, grids.energy
        self.own = len(self.energy) > 1
        self.mu, self.rows = mu, np.arange(len(mu))[:, np.newaxis]
        self.grid_of = self.rows if self.own else np.zeros_like(self.rows)
        self.steps = self.energy[:, 1:] - self.energy[:, :-1]
        self.area = np.zeros_like(mu)
        np.cumsum(0.5 * self.steps * (mu[:, 1:] + mu[:, :-1]), axis=1, out=self.area[:, 1:])

    def means(self, origins: FloatArray, scale_range: tuple[float, float]) -> FloatArray:
        """Means (k,) over a range counted from their origins; NaN without an origin."""
        first, last = self.energy[:, :1], self.grids.last[:, np.newaxis]
        known = np.isfinite(origins)
        at = np.where(known, origins, first[:, 0])[:, np.newaxis] + np.array(scale_range)
        at = np.minimum(np.maximum(at, first), last)
        if self.own:
            left = (self.energy[:, np.newaxis, :] <= at[:, :, np.newaxis]).sum(axis=2) - 1
        else:
            left = self.energy[0].searchsorted(at, side="right") - 1
        left = np.minimum(left, self.energy.shape[1] - 2)
        part = at - self.energy[self.grid_of, left]
        value = self.mu[self.rows, left]
        slope = (self.mu[self.rows, left + 1] - value) / self.steps[self.grid_of, left]
        until = self.area[self.rows, left] + part * (value + 0.5 * slope * part)
        mean = (until[:, 1] - until[:, 0]) / (scale_range[1] - scale_range[0])
        return np.where(known, mean, np.nan)


#: From so many spectra on one grid, a matrix is made of what is done to each of them.
MANY = 16
#: Points of the uniform grid around the last rises in which the next are looked for first.
MARGIN = 32
#: Points of the uniform grid that go through one product: a block sees few energies of the scan.
BLOCK = 64


def _smoothed(grids: Grids, mu: FloatArray, near: FloatArray | None) -> tuple[FloatArray, FloatArray]:
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


def _covered(grids: Grids, axis: EnergyAxis, origins: FloatArray) -> npt.NDArray[np.bool_]:
    """Which spectra cover the axis without a doubt; the others need a look of their own."""
    covered = (grids.first <= axis.first + origins) & (grids.last >= axis.last + origins)
    known = origins[np.isfinite(origins)]
    if not known.size:
        return np.asarray(covered)
    energy = grids.energy
    gaps = energy[:, 1:] - energy[:, :-1]
    if len(energy) > 1:
        low, high = origins[:, np.newaxis] - 5.0, origins[:, np.newaxis] + 15.0
    else:
        low, high = np.array([[known.min() - 5.0]]), np.array([[known.max() + 15.0]])
    near = (energy[:, 1:] > low) & (energy[:, :-1] < high)
    limits = np.where(near, MAX_EDGE_GAP, MAX_GAP) if axis.kind == "edge" else MAX_GAP
    return np.asarray(covered & ((gaps <= limits) | ~grids.inside[:, 1:]).all(axis=1))


def _check_coverage(energy: FloatArray, axis: EnergyAxis, origin: float) -> None:
    """Check that a scan covers the axis without holes.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    axis : EnergyAxis
    origin : float
        Edge position in eV on the `edge` axis, 0 on the `absolute` one.

    Raises
    ------
    CoverageError
        If the scan starts too late, ends too early or has too large a gap.
    """
    first, last = axis.first + origin, axis.last + origin
    on_edge = axis.kind == "edge"
    if energy[0] > first or energy[-1] < last:
        raise CoverageError(
            f"the scan runs from {energy[0]:.1f} to {energy[-1]:.1f} eV; the model needs "
            f"{first:.1f} to {last:.1f} eV"
            + (
                f" ({axis.first:g} to {axis.last:+.1f} eV around the edge position {origin:.1f})"
                if on_edge
                else ""
            )
            + ": measure the whole range"
        )
    inside = slice(
        max(0, int(np.searchsorted(energy, first, side="right")) - 1),
        int(np.searchsorted(energy, last, side="left")) + 1,
    )
    window = energy[inside]
    gaps = np.diff(window)
    limits = np.full(gaps.shape, MAX_GAP)
    if on_edge:
        # The edge itself, where a coarse scan would move the edge position and hide the white line.
        limits[(window[1:] > origin - 5.0) & (window[:-1] < origin + 15.0)] = MAX_EDGE_GAP
        # A XANES scan of which only the last few eV lie in its long steps: little is lost.
        limits[window[:-1] >= last - LAST_FEW] = LONG_STEP
    if np.any(gaps > limits):
        where = int(np.argmax(gaps - limits))
        raise CoverageError(
            f"the scan has no point between {window[where]:.1f} and {window[where + 1]:.1f} eV, a step of "
            f"{gaps[where]:.1f} eV; expected steps of at most {limits[where]:g} eV there: measure with "
            "finer steps"
        )
