"""How much a prediction moves when the spectrum is moved a little.

The paper (section 3.1 and its conclusions) finds that bad predictions are the
ones that small energy shifts and broadening change; so every spectrum is run
again in a few perturbed copies. The first member alone runs them: of
the error, the movement tells little beside the members' spread, with one member
or all (``benchmarks/stability.py``), and all would cost three times the
prediction itself.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..numerics import gaussian_kernel
from ..spectrum import EnergyAxis, FloatArray
from .peaks import first_peaks

__all__ = ["BROADENINGS", "SHIFTS", "broadening_matrix", "measure_sensitivity", "perturb"]

#: Shifts of the spectrum and widths (FWHM) of its broadening, in eV.
SHIFTS = (-1.0, 1.0)
BROADENINGS = (2.0,)
#: Said to have moved when the first shell is gone.
LOST = 1.0


@lru_cache(maxsize=16)
def broadening_matrix(count: int, step: float, fwhm: float) -> FloatArray:
    """Gaussian convolution on a uniform grid whose ends are held.

    Parameters
    ----------
    count : int
        Number of points.
    step, fwhm : float
        Spacing and full width at half maximum, in eV.

    Returns
    -------
    ndarray of float64, shape (count, count)
        To multiply spectra with from the left.
    """
    kernel = gaussian_kernel(fwhm, step)
    half = kernel.size // 2
    rows = np.arange(count)[:, np.newaxis]
    columns = np.clip(rows + np.arange(-half, half + 1), 0, count - 1)
    flat = np.bincount(
        (rows * count + columns).ravel(), weights=np.tile(kernel, count), minlength=count * count
    )
    return np.asarray(flat.reshape(count, count), dtype=np.float64)


@lru_cache(maxsize=16)
def _moved(count: int, points: int) -> npt.NDArray[np.int64]:
    """Where a spectrum is read to be moved by so many points."""
    return np.clip(np.arange(count) - points, 0, count - 1)


def perturb(spectra: npt.NDArray[np.float32], axis: EnergyAxis) -> npt.NDArray[np.float32]:
    """Shifted and broadened copies of model inputs.

    Parameters
    ----------
    spectra : ndarray of float32, shape (n, axis.count)
    axis : EnergyAxis

    Returns
    -------
    ndarray of float32, shape (n, k, axis.count)
        One copy for each of `SHIFTS`, then of `BROADENINGS`; the ends are held.
    """
    copies = [spectra[:, _moved(axis.count, round(shift / axis.step))] for shift in SHIFTS]
    copies += [
        # In double precision: single precision depends, in its last digit, on the number of threads.
        (spectra.astype(np.float64) @ broadening_matrix(axis.count, axis.step, fwhm).T).astype(np.float32)
        for fwhm in BROADENINGS
    ]
    return np.stack(copies, axis=1).astype(np.float32)


def measure_sensitivity(
    r: FloatArray, own: FloatArray, perturbed: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Compare the curves of the perturbed copies with the spectra's own.

    Parameters
    ----------
    r : ndarray of float64, shape (m,)
        Grid in Angstrom.
    own : ndarray of float64, shape (n, m)
        One network's G2 of each spectrum.
    perturbed : ndarray of float64, shape (n, k, m)
        Its G2 of the copies.

    Returns
    -------
    first_shell, curve : ndarray of float64, shape (n,)
        As in `Sensitivity`.
    """
    n, k, m = perturbed.shape
    curves = np.concatenate([own[:, np.newaxis], perturbed], axis=1)
    found = first_peaks(r, curves.reshape(-1, m)).reshape(n, k + 1)
    before, after = found[:, 0], found[:, 1:]
    none_before, none_after = np.isnan(before)[:, np.newaxis], np.isnan(after)
    moved = np.where(none_after, LOST, np.abs(after - before[:, np.newaxis]))
    moved = np.where(none_before & none_after, 0.0, np.where(none_before, LOST, moved))
    change = np.abs(perturbed - own[:, np.newaxis]).mean(axis=2)
    size = np.maximum(1e-6, np.abs(own).mean(axis=1))
    return np.minimum(moved.max(axis=1), LOST), change.max(axis=1) / size
