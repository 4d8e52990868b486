"""From a normalised spectrum to the values the network takes (paper section 2.3).

`align` is the one way there, for measured, training, distorted and evaluated
spectra. On the `absolute` axis a point is a photon energy; on the `edge` axis
it is counted from the spectrum's own half-step energy, so neither the
calibration of a monochromator nor the error of calculated transition energies
moves it. Where the axis has a range to scale over, the spectrum (its pre-edge
line taken off) is divided by its mean over that range, so the input does not
depend on a post-edge line at all: a scan that ends 50 eV above its edge gives
the same input as a long one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..numerics import gaussian_kernel
from ..spectrum import EnergyAxis, FloatArray

__all__ = ["Aligned", "align", "align_one", "half_step_energy"]

SMOOTH_FWHM = 1.0
GRID_STEP = 0.1
MAX_GAP = 5.0
MAX_EDGE_GAP = 2.5
#: From here on, in eV above the half-step energy, a scan may go on in long steps to its end.
FINE_UNTIL, LONG_STEP = 35.0, 25.0
#: Where the half step is looked for, in eV around the energy where the edge is known to be.
SEARCH_WINDOW = 60.0
SCALE_ITERATIONS = 8
SCALE_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Aligned:
    """Model inputs of k spectra of one energy grid.

    Parameters
    ----------
    values : ndarray of float32, shape (k, axis.count)
        NaN for the spectra in `errors`.
    half_step : ndarray of float64, shape (k,)
        Half-step energies in eV; NaN where there is none.
    scale : ndarray of float64, shape (k,)
        What the spectra were divided by; 1 on an axis without a range to scale over.
    errors : dict of int to SpectrumError
        EdgeError where a spectrum does not rise through its half step,
        CoverageError where it does not cover the axis.
    """

    values: npt.NDArray[np.float32]
    half_step: FloatArray
    scale: FloatArray
    errors: dict[int, SpectrumError]


def align(energy: FloatArray, mu: FloatArray, axis: EnergyAxis, *, near: float | None = None) -> Aligned:
    """Put spectra of one energy grid onto the network's axis.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    mu : ndarray of float64, shape (k, n)
        Normalised absorption: flattened, or on any scale with the pre-edge line
        taken off where the axis has a range to scale over.
    axis : EnergyAxis
    near : float, optional
        Look for the half step within 60 eV of this energy only.

    Returns
    -------
    Aligned
    """
    k = len(mu)
    window = slice(None) if near is None else _around(energy, near)
    grid, smooth = _smoothed(energy[window], mu[:, window])
    # A spectrum to be scaled may be on any scale: its highest point is a start that it always rises through.
    scale = np.ones(k) if axis.scale_range is None else 0.7 * smooth.max(axis=1)
    half_step, found = _crossings(grid, smooth, 0.5 * scale)
    start = half_step
    if axis.scale_range is not None:
        area = _areas(energy, mu)
        for _ in range(SCALE_ITERATIONS):
            before = scale
            scale = _means(energy, mu, area, half_step, axis.scale_range)
            half_step, found = _crossings(grid, smooth, 0.5 * scale)
            if np.all((np.abs(scale - before) <= SCALE_TOLERANCE * np.abs(scale)) | ~found):
                break
        found &= np.isfinite(scale) & (scale > 0.0)
    errors: dict[int, SpectrumError] = {
        int(i): EdgeError(
            f"the normalised spectrum runs from {smooth[i].min():.2f} to {smooth[i].max():.2f} and never "
            "rises through half of its edge step; expected an absorption edge: check the column and the "
            "scan's range"
        )
        for i in np.flatnonzero(~found)
    }
    if axis.scale_range is not None and axis.kind == "edge":
        # A scan that does not reach the range of the scale has no scale: that is what is wrong with it.
        for i in np.flatnonzero(~found & np.isfinite(start)).tolist():
            try:
                _check_coverage(energy, axis, float(start[i]))
            except CoverageError as error:
                errors[i] = error
    half_step = np.where(found, half_step, np.nan)
    origins = half_step if axis.kind == "edge" else np.zeros(k)
    values = np.full((k, axis.count), np.nan, dtype=np.float32)
    sure = _covered(energy, axis, origins)
    offsets = axis.first + axis.step * np.arange(axis.count, dtype=np.float64)
    for i in np.flatnonzero(np.isfinite(origins)).tolist():
        if not sure[i]:
            try:
                _check_coverage(energy, axis, float(origins[i]))
            except CoverageError as error:
                errors.setdefault(i, error)
                continue
        if axis.kind == "edge" and not found[i]:
            continue
        values[i] = np.interp(origins[i] + offsets, energy, mu[i]) / scale[i]
    return Aligned(values, half_step, np.where(found, scale, 1.0), errors)


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
        The energy in eV from which the axis counts: the half-step energy, or 0
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
    return aligned.values[0], float(aligned.half_step[0]) if axis.kind == "edge" else 0.0


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
    grid, smooth = _smoothed(energy, flat[np.newaxis])
    energies, found = _crossings(grid, smooth, np.array([0.5]))
    if not found[0]:
        raise EdgeError(
            f"the normalised spectrum runs from {smooth.min():.2f} to {smooth.max():.2f} and never rises "
            "through 0.5; expected an absorption edge: check the column and the scan's range"
        )
    return float(energies[0])


def _around(energy: FloatArray, near: float) -> slice:
    return slice(
        int(np.searchsorted(energy, near - SEARCH_WINDOW)),
        int(np.searchsorted(energy, near + SEARCH_WINDOW, side="right")),
    )


def _crossings(
    grid: FloatArray, smooth: FloatArray, heights: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Where each row first rises through its own height, and whether it does."""
    below = smooth < heights[:, np.newaxis]
    rising = below[:, :-1] & ~below[:, 1:]
    first = rising.argmax(axis=1)
    rows = np.arange(len(smooth))
    found = rising[rows, first]
    low, high = smooth[rows, first], smooth[rows, first + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        energies = grid[first] + GRID_STEP * (heights - low) / (high - low)
    return np.where(found, energies, np.nan), found


def _areas(energy: FloatArray, mu: FloatArray) -> FloatArray:
    """Integrals of piecewise linear spectra from the first point on, the shape of mu."""
    steps = 0.5 * np.diff(energy) * (mu[:, 1:] + mu[:, :-1])
    return np.concatenate([np.zeros((len(mu), 1)), np.cumsum(steps, axis=1)], axis=1)


def _means(
    energy: FloatArray,
    mu: FloatArray,
    area: FloatArray,
    origins: FloatArray,
    scale_range: tuple[float, float],
) -> FloatArray:
    """Means of piecewise linear spectra over a range counted from their origins; NaN without an origin."""
    rows = np.arange(len(mu))

    def until(offset: float) -> FloatArray:
        at = np.clip(np.where(np.isfinite(origins), origins, energy[0]) + offset, energy[0], energy[-1])
        left = np.clip(np.searchsorted(energy, at, side="right") - 1, 0, energy.size - 2)
        part = at - energy[left]
        slope = (mu[rows, left + 1] - mu[rows, left]) / (energy[left + 1] - energy[left])
        return np.asarray(area[rows, left] + part * (mu[rows, left] + 0.5 * slope * part))

    low, high = scale_range
    return np.where(np.isfinite(origins), (until(high) - until(low)) / (high - low), np.nan)


#: From so many spectra on one grid, a matrix is made of what is done to each of them.
MANY = 16


def _smoothed(energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Spectra on a uniform grid of 0.1 eV, smoothed with a Gaussian of 1 eV: grid (m,), rows (k, m)."""
    grid = energy[0] + GRID_STEP * np.arange(int((energy[-1] - energy[0]) / GRID_STEP) + 1)
    if len(mu) >= MANY:
        return grid, mu @ _smoother(np.ascontiguousarray(energy).tobytes()).T
    return grid, _smoothed_on_grid(energy, grid, mu)


def _smoothed_on_grid(energy: FloatArray, grid: FloatArray, rows: FloatArray) -> FloatArray:
    kernel = gaussian_kernel(SMOOTH_FWHM, GRID_STEP)
    return np.array(
        [
            np.convolve(
                np.pad(np.interp(grid, energy, row), kernel.size // 2, mode="edge"), kernel, mode="valid"
            )
            for row in rows
        ]
    ).reshape(len(rows), grid.size)


@lru_cache(maxsize=64)
def _smoother(energy: bytes) -> FloatArray:
    """Make a matrix of `_smoothed_on_grid`, to multiply spectra with from the left."""
    x = np.frombuffer(energy)
    grid = x[0] + GRID_STEP * np.arange(int((x[-1] - x[0]) / GRID_STEP) + 1)
    return np.ascontiguousarray(_smoothed_on_grid(x, grid, np.eye(x.size)).T)


def _covered(energy: FloatArray, axis: EnergyAxis, origins: FloatArray) -> npt.NDArray[np.bool_]:
    """Which spectra cover the axis without a doubt; the others need a look of their own."""
    if len(origins) == 0:
        return np.zeros(0, dtype=bool)
    covered = (energy[0] <= axis.first + origins) & (energy[-1] >= axis.last + origins)
    gaps, known = np.diff(energy), origins[np.isfinite(origins)]
    near = (energy[1:] > known.min(initial=np.inf) - 5.0) & (energy[:-1] < known.max(initial=-np.inf) + 15.0)
    covered &= bool(
        gaps.max() <= MAX_GAP and (axis.kind != "edge" or gaps[near].max(initial=0.0) <= MAX_EDGE_GAP)
    )
    return np.asarray(covered)


def _check_coverage(energy: FloatArray, axis: EnergyAxis, origin: float) -> None:
    """Check that a scan covers the axis without holes.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    axis : EnergyAxis
    origin : float
        Half-step energy in eV on the `edge` axis, 0 on the `absolute` one.

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
                f" ({axis.first:g} to {axis.last:+.1f} eV around the half-step energy {origin:.1f})"
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
        # The edge itself, where a coarse scan would move the half-step energy and hide the white line.
        limits[(window[1:] > origin - 5.0) & (window[:-1] < origin + 15.0)] = MAX_EDGE_GAP
        # A XANES scan of which only the last few eV lie in its long steps: little is lost.
        limits[window[:-1] >= origin + FINE_UNTIL] = LONG_STEP
    if np.any(gaps > limits):
        where = int(np.argmax(gaps - limits))
        raise CoverageError(
            f"the scan has no point between {window[where]:.1f} and {window[where + 1]:.1f} eV, a step of "
            f"{gaps[where]:.1f} eV; expected steps of at most {limits[where]:g} eV there: measure with "
            "finer steps"
        )
