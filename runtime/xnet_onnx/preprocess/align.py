"""Step 3 of the road: a normalised spectrum to the values the network takes.

Two energy axes (paper section 2.3 and design section 4). On the `absolute`
axis a point is a photon energy; on the `edge` axis it is counted from the
spectrum's own half-step energy, so neither the calibration of a monochromator
nor the error of calculated transition energies moves it. Training spectra and
measured ones pass through this same module.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError
from ..spectrum import FloatArray

__all__ = [
    "EnergyAxis",
    "check_coverage",
    "gaussian_kernel",
    "half_step_energies",
    "half_step_energy",
    "resample",
    "resample_many",
]

SMOOTH_FWHM = 1.0
GRID_STEP = 0.1
MAX_GAP = 5.0
MAX_EDGE_GAP = 2.5
FWHM_TO_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class EnergyAxis:
    """The energies of the network's input.

    Parameters
    ----------
    kind : {"edge", "absolute"}
        Whether `first` counts from the spectrum's half-step energy or is a
        photon energy.
    first, step : float
        First point and spacing in eV.
    count : int
        Number of points.
    """

    kind: Literal["edge", "absolute"]
    first: float
    step: float
    count: int

    @property
    def last(self) -> float:
        """Last point in eV."""
        return self.first + self.step * (self.count - 1)

    def energies(self, origin: float = 0.0) -> FloatArray:
        """Energies in eV, shape (count,), counted from `origin`."""
        return origin + self.first + self.step * np.arange(self.count, dtype=np.float64)


def gaussian_kernel(fwhm: float, step: float) -> FloatArray:
    """A Gaussian on a uniform grid, cut at four standard deviations.

    Parameters
    ----------
    fwhm, step : float
        Full width at half maximum and spacing of the grid, in eV.

    Returns
    -------
    ndarray of float64, shape (2 h + 1,)
        With sum 1.
    """
    sigma = fwhm * FWHM_TO_SIGMA / step
    half = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), dtype=np.float64)


def half_step_energy(energy: FloatArray, flat: FloatArray) -> float:
    """Energy at which the lightly smoothed, flattened mu first crosses 0.5.

    Smoothed with a Gaussian of 1 eV FWHM on a 0.1 eV grid. Between data sets of
    one phase it moves less than the maximum of the derivative (design section
    4).

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
    found, errors = half_step_energies(energy, flat[np.newaxis])
    for error in errors.values():
        raise error
    return float(found[0])


def half_step_energies(energy: FloatArray, flat: FloatArray) -> tuple[FloatArray, dict[int, EdgeError]]:
    """`half_step_energy` of many spectra of one energy grid.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
    flat : ndarray of float64, shape (k, n)

    Returns
    -------
    energies : ndarray of float64, shape (k,)
        In eV; NaN where the spectrum does not rise through 0.5.
    errors : dict of int to EdgeError
        For these.
    """
    if len(flat) == 0:
        return np.empty(0), {}
    grid = energy[0] + GRID_STEP * np.arange(int((energy[-1] - energy[0]) / GRID_STEP) + 1)
    smooth = (
        flat @ _smoother(energy.tobytes()).T if len(flat) >= MANY else _smoothed_on_grid(energy, grid, flat)
    )
    below = smooth < 0.5
    rising = below[:, :-1] & ~below[:, 1:]
    first = rising.argmax(axis=1)
    found = rising[np.arange(len(flat)), first]
    low = smooth[np.arange(len(flat)), first]
    high = smooth[np.arange(len(flat)), first + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        energies = grid[first] + GRID_STEP * (0.5 - low) / (high - low)
    errors = {
        int(i): EdgeError(
            f"the normalised spectrum runs from {smooth[i].min():.2f} to {smooth[i].max():.2f} and never "
            "rises through 0.5; expected an absorption edge: check the column and the scan's range"
        )
        for i in np.flatnonzero(~found)
    }
    return np.where(found, energies, np.nan), errors


def _smoothed_on_grid(energy: FloatArray, grid: FloatArray, rows: FloatArray) -> FloatArray:
    kernel = gaussian_kernel(SMOOTH_FWHM, GRID_STEP)
    return np.array(
        [
            np.convolve(
                np.pad(np.interp(grid, energy, row), kernel.size // 2, mode="edge"), kernel, mode="valid"
            )
            for row in rows
        ]
    )


#: From so many spectra on one grid, a matrix is made of what is done to each of them.
MANY = 16


@lru_cache(maxsize=64)
def _smoother(energy: bytes) -> FloatArray:
    """Make a matrix of `_smoothed_on_grid`, to multiply spectra with from the left."""
    x = np.frombuffer(energy)
    grid = x[0] + GRID_STEP * np.arange(int((x[-1] - x[0]) / GRID_STEP) + 1)
    return np.ascontiguousarray(_smoothed_on_grid(x, grid, np.eye(x.size)).T)


def check_coverage(energy: FloatArray, axis: EnergyAxis, origin: float) -> None:
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
    if energy[0] > first or energy[-1] < last:
        raise CoverageError(
            f"the scan runs from {energy[0]:.1f} to {energy[-1]:.1f} eV; the model needs "
            f"{first:.1f} to {last:.1f} eV"
            + (
                f" ({axis.first:g} to {axis.last:+.1f} eV around the half-step energy {origin:.1f})"
                if axis.kind == "edge"
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
    # The edge itself, where a coarse scan would move the half-step energy and hide the white line.
    edge = origin if axis.kind == "edge" else None
    limits = np.full(gaps.shape, MAX_GAP)
    if edge is not None:
        limits[(window[1:] > edge - 5.0) & (window[:-1] < edge + 15.0)] = MAX_EDGE_GAP
    if np.any(gaps > limits):
        where = int(np.argmax(gaps - limits))
        raise CoverageError(
            f"the scan has no point between {window[where]:.1f} and {window[where + 1]:.1f} eV; "
            f"expected steps of at most {limits[where]:g} eV there: measure with finer steps"
        )


def resample(
    energy: FloatArray, flat: FloatArray, axis: EnergyAxis, origin: float
) -> npt.NDArray[np.float32]:
    """Interpolate a flattened spectrum linearly onto the network's axis.

    Parameters
    ----------
    energy, flat : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing, and flattened mu.
    axis : EnergyAxis
    origin : float
        Half-step energy in eV on the `edge` axis, 0 on the `absolute` one.

    Returns
    -------
    ndarray of float32, shape (axis.count,)

    Raises
    ------
    CoverageError
        If the spectrum does not cover the axis (see `check_coverage`).
    """
    (values,), errors = resample_many(energy, flat[np.newaxis], axis, np.array([origin]))
    for error in errors.values():
        raise error
    return np.asarray(values)


def resample_many(
    energy: FloatArray, flat: FloatArray, axis: EnergyAxis, origins: FloatArray
) -> tuple[npt.NDArray[np.float32], dict[int, CoverageError]]:
    """`resample` for many spectra of one energy grid.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
    flat : ndarray of float64, shape (k, n)
    axis : EnergyAxis
    origins : ndarray of float64, shape (k,)
        Half-step energies in eV on the `edge` axis, 0 on the `absolute` one.

    Returns
    -------
    values : ndarray of float32, shape (k, axis.count)
        NaN where the spectrum does not cover the axis.
    errors : dict of int to CoverageError
        For these.
    """
    values = np.full((len(flat), axis.count), np.nan, dtype=np.float32)
    errors: dict[int, CoverageError] = {}
    offsets = axis.step * np.arange(axis.count, dtype=np.float64)
    covered = (energy[0] <= axis.first + origins) & (energy[-1] >= axis.last + origins)
    # Where not even the widest steps near any of the edges are too wide, no row needs a look of its own.
    gaps, known = np.diff(energy), origins[np.isfinite(origins)]
    near = (energy[1:] > known.min(initial=np.inf) - 5.0) & (energy[:-1] < known.max(initial=-np.inf) + 15.0)
    covered &= bool(
        gaps.max() <= MAX_GAP and (axis.kind != "edge" or gaps[near].max(initial=0.0) <= MAX_EDGE_GAP)
    )
    for i, (row, origin, sure) in enumerate(zip(flat, origins.tolist(), covered.tolist(), strict=True)):
        if not np.isfinite(origin):
            continue
        if not sure:
            try:
                check_coverage(energy, axis, origin)
            except CoverageError as error:
                errors[i] = error
                continue
        values[i] = np.interp((origin + axis.first) + offsets, energy, row)
    return values, errors
