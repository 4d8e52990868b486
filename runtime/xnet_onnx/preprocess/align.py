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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..spectrum import EnergyAxis, FloatArray
from .rise import Rise, positions
from .rows import Grids
from .uniform import smoothed

__all__ = ["Aligned", "align", "align_one", "half_step_energy"]

MAX_GAP = 5.0
MAX_EDGE_GAP = 2.5
#: Over the last few eV of the axis a scan may go on in long steps to its end.
LAST_FEW, LONG_STEP = 4.9, 25.0


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
    starts, smooth = smoothed(grids, mu, near)
    edge_position, scale, found = positions(grids, mu, axis, starts, smooth)
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
        for i in (~found & np.isfinite(edge_position)).nonzero()[0].tolist():
            try:
                _check_coverage(grids.one(i), axis, float(edge_position[i]))
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
    starts, smooth = smoothed(Grids.shared(energy), flat[np.newaxis], None)
    energies, found = Rise(starts, smooth).through(np.array([0.5]))
    if not found[0]:
        raise EdgeError(
            f"the normalised spectrum runs from {smooth.min():.2f} to {smooth.max():.2f} and never rises "
            "through 0.5; expected an absorption edge: check the column and the scan's range"
        )
    return float(energies[0])


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
