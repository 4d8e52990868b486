"""Step 2 of the road: e0, pre-edge line, post-edge polynomial, edge step, flat.

The definitions and the defaults are those of ``larch.xafs.pre_edge`` of Larch
2026.3, so that a Larch user finds the numbers of the session again; the parity
is tested to 1e-6 on measured spectra.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from .errors import CoverageError, EdgeError, SpectrumError
from .spectrum import FloatArray, NormalizedSpectrum

__all__ = ["as_normalized", "check_spectrum", "find_e0", "normalize", "separate_duplicates"]

MIN_POINTS = 20
TINY_ENERGY = 0.0005
MIN_POST_EDGE = 30.0


def check_spectrum(energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Check that two arrays can be an absorption spectrum.

    Parameters
    ----------
    energy, mu : array_like, shape (n,)
        Photon energy in eV and absorption.

    Returns
    -------
    energy, mu : ndarray of float64, shape (n,)

    Raises
    ------
    SpectrumError
        If the arrays differ in shape, are too short, hold NaN or infinity, if
        the energies are not strictly increasing, or if mu does not vary.
    """
    energy = np.asarray(energy, dtype=np.float64)
    mu = np.asarray(mu, dtype=np.float64)
    if energy.ndim != 1 or energy.shape != mu.shape:
        raise SpectrumError(
            f"energy has shape {energy.shape} and mu {mu.shape}; expected two one-dimensional "
            "arrays of the same length: pass one spectrum at a time"
        )
    if energy.size < MIN_POINTS:
        raise SpectrumError(
            f"the spectrum has {energy.size} points; at least {MIN_POINTS} are needed: "
            "is this the whole scan?"
        )
    for name, values in (("energy", energy), ("mu", mu)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise SpectrumError(
                f"{name} holds {bad.size} value(s) that are NaN or infinite, the first at point "
                f"{bad[0] + 1}; expected finite numbers: remove these points"
            )
    steps = np.diff(energy)
    if np.any(steps <= 0):
        where = int(np.argmax(steps <= 0))
        raise SpectrumError(
            f"the energies do not increase at point {where + 2} ({energy[where]:.3f} then "
            f"{energy[where + 1]:.3f} eV); expected one scan in order of energy: sort and "
            "merge the points"
        )
    if float(np.ptp(mu)) <= 1e-12 * max(1.0, float(np.max(np.abs(mu)))):
        raise EdgeError(
            f"mu is {mu[0]:g} at every energy; expected an absorption edge: was the right column chosen?"
        )
    return energy, mu


def separate_duplicates(energy: FloatArray, tiny: float = TINY_ENERGY) -> FloatArray:
    """Push apart successive energies closer than `tiny` (Larch's remove_dups).

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Energies in eV, in ascending order.
    tiny : float
        Smallest step kept, in eV.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    if energy.size < 2 or float(np.diff(energy).min()) > 10 * tiny:
        return energy
    add = np.zeros_like(energy)
    for i in range(1, energy.size):
        if abs(energy[i] - energy[i - 1]) < tiny:
            add[i] = add[i - 1] + tiny
    return energy + add


def _index_at_or_below(array: FloatArray, value: float) -> int:
    return max(0, int(np.searchsorted(array, value, side="right")) - 1)


def _index_nearest(array: FloatArray, value: float) -> int:
    return int(np.abs(array - value).argmin())


def _typical_step(energy: FloatArray) -> float:
    """Mean of the ten smallest steps after the smallest 1 % (Larch's find_energy_step)."""
    skip = int(0.01 * energy.size)
    # Larch indexes with the pairs that are in order, which leaves out the last point.
    steps = np.diff(energy[:-1][skip : energy.size - 1 - skip] if skip else energy[:0])
    if steps.size == 0:
        return float("nan")
    return float(np.sort(steps)[skip : skip + 10].mean())


def _smooth_lorentzian(x: FloatArray, y: FloatArray, step: float, sigma: float) -> FloatArray:
    """Convolve y(x) with a Lorentzian of half width `sigma` (Larch's smooth)."""
    pad = 5
    first = step * int((x.min() - pad * step) / step)
    last = step * int((x.max() + pad * step) / step)
    n = min(1 + int(abs(last - first + step * 0.1) / step), 50 * x.size)
    grid = np.linspace(first, last, n)
    values = np.interp(grid, x, y)
    window = 1.0 / (1.0 + ((np.arange(2 * n) - n) * step / sigma) ** 2)
    mirrored = np.concatenate((values[n:0:-1], values, values[-1 : -n - 1 : -1]))
    # The same as np.convolve(..., mode="valid"), by FFT: Larch's direct sum is quadratic in n.
    size = mirrored.size + window.size - 1
    length = 1 << (size - 1).bit_length()
    full = np.fft.irfft(np.fft.rfft(mirrored, length) * np.fft.rfft(window / window.sum(), length), length)
    shorter, longer = sorted((mirrored.size, window.size))
    smoothed = full[shorter - 1 : longer]
    if smoothed.size > n:
        smoothed = smoothed[(smoothed.size - n) // 2 :][:n]
    return np.interp(x, grid, smoothed)


def _steepest(energy: FloatArray, mu: FloatArray, smooth_step: float | None) -> tuple[float, int]:
    """Energy and index of the highest derivative whose two neighbours are high too."""
    energy = separate_duplicates(energy)[:-1]
    mu = mu[:-1]
    n = energy.size
    margin = max(3, int(n * 0.02))
    with np.errstate(divide="ignore", invalid="ignore"):
        derivative = np.gradient(mu) / np.gradient(energy)
    if smooth_step is not None:
        derivative = _smooth_lorentzian(energy, derivative, smooth_step, smooth_step)
    derivative = np.where(np.isfinite(derivative), derivative, -1.0)
    inner = derivative[margin:-margin]
    if inner.size == 0:
        return float(energy[0]), 0
    derivative = (derivative - inner.min()) / max(1e-10, float(np.ptp(inner)))

    threshold = 0.60 if n > 20 else 0.30
    high = derivative > threshold
    for _ in range(2):
        if np.count_nonzero(high) >= 3:
            break
        threshold *= 0.5
        high = derivative > threshold
    if np.count_nonzero(high) < 3:
        high = np.ones(n, dtype=bool)

    best, best_value = 0, 0.0
    for i in np.flatnonzero(high):
        if i < margin or i > n - margin or i + 1 >= n:
            continue
        if derivative[i] > best_value and high[i + 1] and high[i - 1]:
            best, best_value = int(i), float(derivative[i])
    return float(energy[best]), best


def find_e0(energy: FloatArray, mu: FloatArray) -> float:
    """Edge energy: the maximum of the derivative, with Larch's checks for glitches.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing, and absorption.

    Returns
    -------
    float
        e0 in eV (``larch.xafs.find_e0``).
    """
    rough, index = _steepest(energy, mu, None)
    step = _typical_step(separate_duplicates(energy)[:-1])
    if not np.isfinite(step):
        step = 1.0
    start, stop = max(3, index - 75), min(index + 75, energy.size - 3)
    if index < 0.05 * energy.size:
        rough = float(energy.mean())
        start, stop = max(3, index - 20), energy.size - 3
    smooth_step = 0.5 * (max(0.01, min(1.0, step)) + max(0.01, min(1.0, rough / 25000.0)))
    e0, refined = _steepest(energy[start:stop], mu[start:stop], smooth_step)
    return e0 if refined >= 1 else float(energy[start + 2])


def _polyfit(x: FloatArray, y: FloatArray, degree: int) -> Polynomial:
    return Polynomial.fit(x, y, deg=degree)


def normalize(
    energy: FloatArray,
    mu: FloatArray,
    *,
    e0: float | None = None,
    pre1: float | None = None,
    pre2: float | None = None,
    norm1: float | None = None,
    norm2: float | None = None,
    nnorm: int | None = None,
) -> NormalizedSpectrum:
    """Subtract the pre-edge line, divide by the edge step, flatten.

    Definitions and defaults of ``larch.xafs.pre_edge`` (nvict = 0, npre = 1).

    Parameters
    ----------
    energy, mu : array_like, shape (n,)
        Photon energy in eV, strictly increasing, and absorption.
    e0 : float, optional
        Edge energy in eV; found from the derivative when not given.
    pre1, pre2 : float, optional
        Range of the pre-edge line in eV relative to e0. Default: from the
        second point, rounded to 5 eV (2 eV with fewer than 20 points), to half
        of that.
    norm1, norm2 : float, optional
        Range of the post-edge polynomial in eV relative to e0. Default: to the
        last point, rounded to 5 eV, from the smaller of 25 eV and norm2 / 15.
    nnorm : int, optional
        Degree of the post-edge polynomial. Default: 2 over 300 eV or more, 1
        over 30 eV or more, otherwise 0.

    Returns
    -------
    NormalizedSpectrum

    Raises
    ------
    SpectrumError
        If the arrays are not a spectrum (see `check_spectrum`).
    CoverageError
        If there are no data below or above the edge to fit.
    EdgeError
        If the absorption falls at the edge.
    """
    energy, mu = check_spectrum(energy, mu)
    energy = separate_duplicates(energy)
    if e0 is not None and not energy[1] <= e0 <= energy[-2]:
        raise CoverageError(
            f"e0 = {e0:.2f} eV is outside the data ({energy[0]:.2f} to {energy[-1]:.2f} eV); "
            "expected an edge energy inside the scan: leave e0 out to have it found"
        )
    e0 = find_e0(energy, mu) if e0 is None else float(e0)
    ie0 = _index_nearest(energy, e0)
    if ie0 < 3:
        raise CoverageError(
            f"the steepest rise is at {e0:.2f} eV, within the first {ie0 + 1} point(s) of the scan; "
            "expected data below the edge: measure from at least 20 eV below it, or pass "
            "normalised data with --normalized"
        )
    if energy[-1] - e0 < MIN_POST_EDGE:
        raise CoverageError(
            f"the steepest rise is at {e0:.2f} eV and the data end {energy[-1] - e0:.1f} eV above "
            f"it; expected at least {MIN_POST_EDGE:g} eV of post-edge to normalise on: measure "
            "further, or pass normalised data with --normalized"
        )

    if pre1 is None:
        rounding = 5.0 if ie0 > 20 else 2.0
        pre1 = rounding * round(float(energy[1] - e0) / rounding)
    pre1 = max(pre1, float(energy[0]) - e0)
    if pre2 is None:
        pre2 = 0.5 * pre1
    pre1, pre2 = min(pre1, pre2), max(pre1, pre2)
    # Larch counts on energy - e0 here and on energy below; the rounding can differ by a point.
    relative = energy - e0
    npre = 1
    if _index_at_or_below(relative, pre2) - _index_at_or_below(relative, pre1) < 3:
        npre = 0

    if norm2 is None:
        norm2 = 5.0 * round(float(energy[-1] - e0) / 5.0)
    if norm2 < 0:
        norm2 = float(energy[-1]) - e0 - norm2
    norm2 = min(norm2, float(energy[-1]) - e0)
    if norm1 is None:
        norm1 = min(25.0, 5.0 * round(norm2 / 15.0))
    norm1, norm2 = min(norm1, norm2), max(norm1, norm2)
    norm1 = min(norm1, norm2 - 2)
    if nnorm is None:
        nnorm = 2 if norm2 - norm1 >= 300 else 1 if norm2 - norm1 >= 30 else 0
    nnorm = max(min(nnorm, 5), 0)

    first, last = _index_at_or_below(energy, pre1 + e0), _index_nearest(energy, pre2 + e0)
    if npre == 0:
        pre_edge = np.full_like(energy, mu[first : max(last, first + 1)].mean())
    else:
        last = min(energy.size, first + 2) if last - first < 2 else last
        pre_edge = _polyfit(energy[first:last], mu[first:last], 1)(energy)

    first, last = _index_at_or_below(energy, norm1 + e0), _index_nearest(energy, norm2 + e0)
    first = min(first, energy.size - 3)
    if last - first < 2:
        first -= 2
        nnorm = 0
    elif last - first < 5:
        nnorm = min(1, nnorm)
    above = _polyfit(energy[first:last], (mu - pre_edge)[first:last], nnorm)(energy)

    edge_step = float(above[ie0])
    if edge_step <= 1e-12:
        raise EdgeError(
            f"the absorption falls by {-edge_step:.4g} at {e0:.2f} eV; expected a rise: are i0 and "
            "the transmitted intensity swapped, or is this the wrong column?"
        )
    norm = (mu - pre_edge) / edge_step
    flat = norm.copy()
    residue = above / edge_step
    flat[ie0:] = (norm - residue + residue[ie0])[ie0:]

    warnings: list[str] = []
    if npre == 0:
        warnings.append(
            f"only {e0 - energy[0]:.0f} eV and few points of pre-edge: a constant was subtracted "
            "instead of a line"
        )
    return NormalizedSpectrum(
        energy=energy,
        norm=norm,
        flat=flat,
        e0=e0,
        edge_step=edge_step,
        pre_edge=pre_edge,
        post_edge=pre_edge + above,
        recipe={
            "method": "pre_edge",
            "pre1": pre1,
            "pre2": pre2,
            "norm1": norm1,
            "norm2": norm2,
            "nnorm": nnorm,
            "npre": npre,
        },
        warnings=tuple(warnings),
    )


def as_normalized(energy: FloatArray, norm: FloatArray) -> NormalizedSpectrum:
    """Take data that are normalised already as they are (``--normalized``).

    Parameters
    ----------
    energy, norm : array_like, shape (n,)
        Photon energy in eV, strictly increasing, and normalised absorption: 0
        below the edge, 1 far above it.

    Returns
    -------
    NormalizedSpectrum
        With flat = norm and an edge step of 1.

    Raises
    ------
    SpectrumError
        If the arrays are not a spectrum (see `check_spectrum`), or are not on a
        scale from 0 to about 1.
    """
    energy, norm = check_spectrum(energy, norm)
    energy = separate_duplicates(energy)
    e0 = find_e0(energy, norm)
    below = float(np.mean(norm[: max(1, _index_nearest(energy, energy[0] + 2.0))]))
    top = norm[energy >= energy[-1] - 15.0]
    above = float(np.mean(top))
    if abs(below) > 0.25 or not 0.6 < above < 1.4:
        raise SpectrumError(
            f"the data start at {below:.3g} and end at {above:.3g}; normalised data start near 0 "
            "and end near 1: leave out --normalized to have them normalised here"
        )
    return NormalizedSpectrum(
        energy=energy,
        norm=norm,
        flat=norm,
        e0=e0,
        edge_step=1.0,
        pre_edge=np.zeros_like(norm),
        post_edge=np.ones_like(norm),
        recipe={"method": "as given"},
    )
