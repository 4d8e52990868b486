"""Spectra spoilt on purpose: to fit the named doubts of the domain with, and to measure them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from xnet_onnx.errors import XnetError
from xnet_onnx.preprocess.align import EnergyAxis, half_step_energy
from xnet_onnx.spectrum import FloatArray

from ..data.sets import Row
from ..train.augment import broaden

__all__ = ["broadened_input", "flattened", "realigned", "self_absorbed"]


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
    above = axis.energies() > (2.0 if axis.kind == "edge" else axis.first + 12.0)
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
    origin = half_step_energy(energy, mu) if axis.kind == "edge" else 0.0
    return np.interp(axis.energies(origin), energy, mu)


def realigned(spectra: Iterable[FloatArray], axis: EnergyAxis) -> tuple[npt.NDArray[np.float32], list[int]]:
    """Shift spoilt spectra back to their own half-step energy, as the runtime would.

    Parameters
    ----------
    spectra : iterable of ndarray of float64, shape (axis.count,)
    axis : EnergyAxis

    Returns
    -------
    aligned : ndarray of float32, shape (m, axis.count)
    kept : list of int
        Which of them still have an edge.
    """
    energy = axis.energies()
    kept, aligned = [], []
    for i, values in enumerate(spectra):
        try:
            origin = half_step_energy(energy, values) if axis.kind == "edge" else 0.0
        except XnetError:
            continue
        kept.append(i)
        aligned.append(values if axis.kind != "edge" else np.interp(energy + origin, energy, values))
    return np.array(aligned, dtype=np.float32), kept
