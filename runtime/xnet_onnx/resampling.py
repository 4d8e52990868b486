"""Step 3 of the road: a normalised spectrum to the values the network takes.

Two energy axes (paper section 2.3 and design section 4). On the `absolute`
axis a point is a photon energy; on the `edge` axis it is counted from the
spectrum's own half-step energy, so neither the calibration of a monochromator
nor the error of calculated transition energies moves it. Training spectra and
measured ones pass through this same module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .errors import CoverageError, EdgeError
from .spectrum import FloatArray

__all__ = [
    "EnergyAxis",
    "check_coverage",
    "gaussian_kernel",
    "half_step_energy",
    "resample",
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
    grid = energy[0] + GRID_STEP * np.arange(int((energy[-1] - energy[0]) / GRID_STEP) + 1)
    values = np.interp(grid, energy, flat)
    kernel = gaussian_kernel(SMOOTH_FWHM, GRID_STEP)
    smooth = np.convolve(np.pad(values, kernel.size // 2, mode="edge"), kernel, mode="valid")
    rising = np.flatnonzero((smooth[:-1] < 0.5) & (smooth[1:] >= 0.5))
    if rising.size == 0:
        raise EdgeError(
            f"the normalised spectrum runs from {smooth.min():.2f} to {smooth.max():.2f} and never "
            "rises through 0.5; expected an absorption edge: check the column and the scan's range"
        )
    i = int(rising[0])
    return float(grid[i] + GRID_STEP * (0.5 - smooth[i]) / (smooth[i + 1] - smooth[i]))


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
    check_coverage(energy, axis, origin)
    return np.interp(axis.energies(origin), energy, flat).astype(np.float32)
