"""Spectra distorted on purpose: to fit the named artefacts of the domain with, and to measure them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xnet_onnx.preprocess.align import align, align_one
from xnet_onnx.spectrum import EnergyAxis, FloatArray

from ..data.sets import Row
from ..train.augment import broaden

__all__ = ["arctangent", "broadened_input", "drawn_curves", "flattened", "realigned", "self_absorbed"]

#: How far, in eV, the ends of a distorted spectrum are held.
HELD = 30.0
#: Spectra aligned at a time.
CHUNK = 1024


def arctangent(energy: FloatArray, width: float | FloatArray = 1.0) -> FloatArray:
    """An edge of height 1 without structure, at 0 eV and of that half width in eV."""
    return np.asarray(0.5 + np.arctan(energy / width) / np.pi)


def drawn_curves(energy: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Curves that look like spectra and have no structure behind them.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        In eV from the edge.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (count, n)
        Each an arctangent with one to three Gaussians, before any normalisation.
    """
    curves = arctangent(energy, rng.uniform(0.5, 2.0, size=(count, 1)))
    for number in range(3):
        present = rng.uniform(size=(count, 1)) < 1.0 - number / 3.0
        height = present * rng.uniform(-0.3, 1.0, size=(count, 1))
        place, width = rng.uniform(0.0, 35.0, size=(count, 1)), rng.uniform(1.0, 5.0, size=(count, 1))
        curves = curves + height * np.exp(-0.5 * ((energy - place) / width) ** 2)
    return curves


def self_absorbed(spectra: FloatArray, strength: float | FloatArray) -> FloatArray:
    """Fluorescence of a thick sample: mu / (1 + a mu), normalised again.

    Parameters
    ----------
    spectra : ndarray of float64, shape (..., n)
        Normalised.
    strength : float or ndarray
        a.

    Returns
    -------
    ndarray of float64, shape (..., n)
    """
    return spectra * (1.0 + strength) / (1.0 + strength * spectra)


def flattened(spectra: FloatArray, axis: EnergyAxis, factor: float | FloatArray) -> FloatArray:
    """The structure above the edge, times a factor.

    Parameters
    ----------
    spectra : ndarray of float64, shape (..., axis.count)
    axis : EnergyAxis
        On the `absolute` axis the edge is taken to be 10 eV after the start.
    factor : float or ndarray

    Returns
    -------
    ndarray of float64, shape (..., axis.count)
    """
    above = axis.from_edge() > 2.0
    return np.where(above | (spectra > 1.0), 1.0 + factor * (spectra - 1.0), spectra)


def broadened_input(row: Row, axis: EnergyAxis, fwhm: float) -> FloatArray:
    """A calculated spectrum broadened and on the axis; what the axis lacks at its ends is held.

    Parameters
    ----------
    row : Row
    axis : EnergyAxis
    fwhm : float
        In eV.

    Returns
    -------
    ndarray of float64, shape (axis.count,)
    """
    energy, mu = broaden(row.energy, row.mu, fwhm)
    return _held(energy, mu, axis).astype(np.float64)


def _held(energy: FloatArray, mu: FloatArray, axis: EnergyAxis) -> npt.NDArray[np.float32]:
    """`align_one` for a spectrum that may not reach the ends of the axis: its ends are held."""
    wide, ends = _with_ends(energy, axis)
    return align_one(wide, np.pad(mu, ends, mode="edge"), axis)[0]


def _with_ends(energy: FloatArray, axis: EnergyAxis) -> tuple[FloatArray, tuple[int, int]]:
    """Energies with 30 eV more at either end, and how many points these are."""
    below, above = (
        energy[0] - np.arange(HELD, 0.0, -axis.step),
        energy[-1] + np.arange(axis.step, HELD, axis.step),
    )
    return np.concatenate([below, energy, above]), (below.size, above.size)


def realigned(spectra: FloatArray, axis: EnergyAxis) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Shift distorted spectra back to their own edge position, as the runtime would.

    Parameters
    ----------
    spectra : ndarray of float64, shape (n, axis.count)
    axis : EnergyAxis

    Returns
    -------
    aligned : ndarray of float32, shape (m, axis.count)
    kept : ndarray of int64, shape (m,)
        Which of them still have an edge.
    """
    energy = axis.energies()
    wide, (below, above) = _with_ends(energy, axis)
    aligned = [
        align(wide, np.pad(spectra[i : i + CHUNK], ((0, 0), (below, above)), mode="edge"), axis).values
        for i in range(0, len(spectra), CHUNK)
    ]
    values = np.concatenate(aligned)
    kept = np.flatnonzero(~np.isnan(values).any(axis=1))
    return values[kept], kept
