"""Step 2: e0, pre-edge line, post-edge polynomial, edge step, flat.

The definitions and the defaults are those of ``larch.xafs.pre_edge`` of Larch
2026.3, so that a Larch user finds the numbers of the session again; the parity
is tested to 1e-6 on measured spectra.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..spectrum import EnergyAxis, FloatArray, NormalizedBatch, NormalizedSpectrum

__all__ = [
    "as_normalized",
    "as_normalized_many",
    "check_spectrum",
    "find_e0",
    "normalize",
    "normalize_many",
    "separate_duplicates",
    "subtracted",
]

MIN_POINTS = 20
TINY_ENERGY = 0.0005
MIN_POST_EDGE = 30.0
MIN_EDGE_STEP = 1e-12
EPSILON = float(np.finfo(np.float64).eps)


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
    """Convolve the rows y(x) with a Lorentzian of half width `sigma` (Larch's smooth)."""
    pad = 5
    first = step * int((x.min() - pad * step) / step)
    last = step * int((x.max() + pad * step) / step)
    n = min(1 + int(abs(last - first + step * 0.1) / step), 50 * x.size)
    grid = np.linspace(first, last, n)
    values = np.array([np.interp(grid, x, row) for row in y])
    mirrored = np.concatenate((values[:, n:0:-1], values, values[:, -1 : -n - 1 : -1]), axis=1)
    # The same as np.convolve(..., mode="valid"), by FFT: Larch's direct sum is quadratic in n.
    size = mirrored.shape[1] + 2 * n - 1
    length = 1 << (size - 1).bit_length()
    response = _lorentzian(n, step, sigma, length)
    full = np.fft.irfft(np.fft.rfft(mirrored, length, axis=1) * response, length, axis=1)
    shorter, longer = sorted((mirrored.shape[1], 2 * n))
    smoothed = full[:, shorter - 1 : longer]
    if smoothed.shape[1] > n:
        smoothed = smoothed[:, (smoothed.shape[1] - n) // 2 :][:, :n]
    return np.array([np.interp(x, grid, row) for row in smoothed])


@lru_cache(maxsize=128)
def _lorentzian(n: int, step: float, sigma: float, length: int) -> npt.NDArray[np.complex128]:
    """Make the Fourier transform of a Lorentzian of 2 n points, padded to a length."""
    window = 1.0 / (1.0 + ((np.arange(2 * n) - n) * step / sigma) ** 2)
    return np.fft.rfft(window / window.sum(), length)


def _gradient(values: FloatArray) -> FloatArray:
    """Differences along the last axis, as np.gradient has them, in a fraction of its time."""
    made = np.empty_like(values)
    made[..., 1:-1] = (values[..., 2:] - values[..., :-2]) / 2.0
    made[..., 0] = values[..., 1] - values[..., 0]
    made[..., -1] = values[..., -1] - values[..., -2]
    return made


@lru_cache(maxsize=128)
def _smoother(x: bytes, step: float) -> FloatArray:
    """Make a matrix of `_smooth_lorentzian` for a grid, to multiply spectra with from the left."""
    grid = np.frombuffer(x)
    return _smooth_lorentzian(grid, np.eye(grid.size), step, step).T


#: From so many spectra on one grid, a matrix is made of what is done to each of them.
MANY = 16


def _steepest(
    energy: FloatArray, mu: FloatArray, smooth_step: float | None
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Energies and indices of the highest derivatives whose two neighbours are high too; mu (k, n)."""
    energy = separate_duplicates(energy)[:-1]
    mu = mu[:, :-1]
    n = energy.size
    margin = max(3, int(n * 0.02))
    with np.errstate(divide="ignore", invalid="ignore"):
        derivative = _gradient(mu) / _gradient(energy)
    if smooth_step is not None:
        if len(mu) >= MANY and np.isfinite(derivative).all():
            derivative = (_smoother(energy.tobytes(), smooth_step) @ derivative.T).T
        else:
            derivative = _smooth_lorentzian(energy, derivative, smooth_step, smooth_step)
    derivative = np.where(np.isfinite(derivative), derivative, -1.0)
    inner = derivative[:, margin:-margin]
    if inner.shape[1] == 0:
        return np.full(len(mu), energy[0]), np.zeros(len(mu), dtype=np.int64)
    lowest = inner.min(axis=1)[:, np.newaxis]
    derivative = (derivative - lowest) / np.maximum(1e-10, inner.max(axis=1)[:, np.newaxis] - lowest)

    threshold = 0.60 if n > 20 else 0.30
    high = derivative > threshold
    for _ in range(2):
        few = np.count_nonzero(high, axis=1) < 3
        if not few.any():
            break
        threshold *= 0.5
        high[few] = derivative[few] > threshold
    high[np.count_nonzero(high, axis=1) < 3] = True

    amid = np.zeros_like(high)
    amid[:, 1:-1] = high[:, 1:-1] & high[:, 2:] & high[:, :-2]
    amid[:, :margin] = False
    amid[:, n - margin + 1 :] = False
    value = np.where(amid & (derivative > 0.0), derivative, 0.0)
    best = value.argmax(axis=1)
    return energy[best], best


def _find_e0s(energy: FloatArray, mu: FloatArray) -> FloatArray:
    """`find_e0` for the rows of mu (k, n), shape (k,)."""
    rough, index = _steepest(energy, mu, None)
    step = _typical_step(separate_duplicates(energy)[:-1])
    if not np.isfinite(step):
        step = 1.0
    e0s = np.empty(len(mu))
    for near, rows in _by_value(rough):
        at = int(index[rows[0]])
        start, stop = max(3, at - 75), min(at + 75, energy.size - 3)
        if at < 0.05 * energy.size:
            near = float(energy.mean())
            start, stop = max(3, at - 20), energy.size - 3
        smooth_step = 0.5 * (max(0.01, min(1.0, step)) + max(0.01, min(1.0, near / 25000.0)))
        found, refined = _steepest(energy[start:stop], mu[rows, start:stop], smooth_step)
        e0s[rows] = np.where(refined >= 1, found, energy[start + 2])
    return e0s


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
    return float(_find_e0s(energy, mu[np.newaxis])[0])


def _fit(x: FloatArray, y: FloatArray, degree: int, at: FloatArray) -> FloatArray:
    """Polynomials through the rows y(x), each at the energies `at`, shape (k, at.size)."""
    low, high = x[0], x[-1]
    # On -1 to 1, as numpy.polynomial does it; importing that takes 5 ms of every start.
    scaled, wanted = ((2.0 * values - low - high) / (high - low) for values in (x, at))
    coefficients = np.linalg.lstsq(np.vander(scaled, degree + 1), y.T, rcond=x.size * EPSILON)[0]
    return np.asarray((np.vander(wanted, degree + 1) @ coefficients).T)


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
    done = _normalize_at(energy, mu[np.newaxis], e0, pre1, pre2, norm1, norm2, nnorm)
    if done.edge_step[0] <= MIN_EDGE_STEP:
        raise _falling(done, 0)
    return done.one(0)


def normalize_many(
    energy: FloatArray, mu: FloatArray
) -> tuple[list[tuple[npt.NDArray[np.int64], NormalizedBatch]], dict[int, SpectrumError]]:
    """Normalise many spectra of one energy grid, each as `normalize` does with its defaults.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    mu : ndarray of float64, shape (k, n)

    Returns
    -------
    batches : list of (ndarray of int64, NormalizedBatch)
        Rows of mu, and these spectra; one batch for each e0.
    errors : dict of int to SpectrumError
        For the other rows, what `normalize` would raise.
    """
    good, errors = _usable(energy, mu)
    batches = []
    if good.size:
        energy = separate_duplicates(np.asarray(energy, dtype=np.float64))
        rows_of_e0 = _by_value(_find_e0s(energy, mu[good]))
        for e0, chosen in rows_of_e0:
            rows = good[chosen]
            try:
                done = _normalize_at(energy, mu[rows], e0)
            except SpectrumError as error:
                errors.update(dict.fromkeys(rows.tolist(), error))
                continue
            rising = done.edge_step > MIN_EDGE_STEP
            for i in np.flatnonzero(~rising):
                errors[int(rows[i])] = _falling(done, int(i))
            if rising.any():
                batches.append((rows[rising], done if rising.all() else done.take(rising)))
    return batches, errors


def _usable(energy: FloatArray, mu: FloatArray) -> tuple[npt.NDArray[np.int64], dict[int, SpectrumError]]:
    """Rows that pass `check_spectrum`, and what it raises for the others."""
    fine = np.asarray(np.isfinite(mu).all(axis=1))
    fine[fine] = np.ptp(mu[fine], axis=1) > 1e-12 * np.maximum(1.0, np.abs(mu[fine]).max(axis=1))
    if (
        energy.ndim != 1
        or energy.size < MIN_POINTS
        or not np.isfinite(energy).all()
        or (np.diff(energy) <= 0).any()
    ):
        fine[:] = False
    errors: dict[int, SpectrumError] = {}
    for i in np.flatnonzero(~fine):
        try:
            check_spectrum(energy, mu[i])
        except SpectrumError as error:
            errors[int(i)] = error
    return np.flatnonzero(fine), errors


def _by_value(values: FloatArray) -> list[tuple[float, npt.NDArray[np.int64]]]:
    """Each value and where it stands."""
    if values.size == 0:
        return []
    # Not np.unique: it loads numpy.ma, 7 ms of every start.
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order])) + 1
    return [(float(values[rows[0]]), rows) for rows in np.split(order, starts)]


def _falling(done: NormalizedBatch, row: int) -> EdgeError:
    return EdgeError(
        f"the absorption falls by {-done.edge_step[row]:.4g} at {done.e0:.2f} eV; expected a rise: are i0 "
        "and the transmitted intensity swapped, or is this the wrong column?"
    )


def _normalize_at(
    energy: FloatArray,
    mu: FloatArray,
    e0: float,
    pre1: float | None = None,
    pre2: float | None = None,
    norm1: float | None = None,
    norm2: float | None = None,
    nnorm: int | None = None,
) -> NormalizedBatch:
    """`normalize` for the rows of mu (k, n), at a known e0; an edge step can be negative."""
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
        mean = mu[:, first : max(last, first + 1)].mean(axis=1)
        pre_edge = np.repeat(mean[:, np.newaxis], energy.size, axis=1)
    else:
        last = min(energy.size, first + 2) if last - first < 2 else last
        pre_edge = _fit(energy[first:last], mu[:, first:last], 1, energy)

    first, last = _index_at_or_below(energy, norm1 + e0), _index_nearest(energy, norm2 + e0)
    first = min(first, energy.size - 3)
    if last - first < 2:
        first -= 2
        nnorm = 0
    elif last - first < 5:
        nnorm = min(1, nnorm)
    signal = mu - pre_edge

    def fit_above(at: FloatArray) -> FloatArray:
        return _fit(energy[first:last], signal[:, first:last], nnorm, at)

    edge_step = fit_above(energy[ie0 : ie0 + 1])[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        norm = signal / edge_step[:, np.newaxis]

    def curves() -> tuple[FloatArray, FloatArray]:
        above = fit_above(energy)
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = norm.copy()
            residue = above[:, ie0:] / edge_step[:, np.newaxis]
            flat[:, ie0:] = norm[:, ie0:] - residue + residue[:, :1]
        return flat, pre_edge + above

    warnings: list[str] = []
    if npre == 0:
        warnings.append(
            f"only {e0 - energy[0]:.0f} eV and few points of pre-edge: a constant was subtracted "
            "instead of a line"
        )
    return NormalizedBatch(
        energy=energy,
        norm=norm,
        e0=e0,
        edge_step=edge_step,
        pre_edge=pre_edge,
        curves=curves,
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


#: Pre-edge in eV from which a line is subtracted for the model's input, and from which a constant.
LINE_FROM, CONSTANT_FROM = 20.0, 12.0
#: Where the constant is taken: the lower share of the pre-edge, but not closer than this, in eV.
CONSTANT_SHARE, CONSTANT_BELOW = 0.6, 5.0


def subtracted(normalized: NormalizedBatch, axis: EnergyAxis) -> tuple[NormalizedBatch, FloatArray]:
    """What of normalised spectra is aligned: flattened, or with the pre-edge alone taken off.

    An axis with a range to scale over sees no post-edge, but the pre-edge line is
    extrapolated over all of it. From 12 to 20 eV of pre-edge a constant moves the
    distances less than a line does, and below 12 eV neither can be relied on
    (``benchmarks/pre_edge.py``).

    Parameters
    ----------
    normalized : NormalizedBatch
    axis : EnergyAxis

    Returns
    -------
    normalized : NormalizedBatch
        With a warning and the recipe of what was done, where a constant was.
    mu : ndarray of float64, shape (k, n)

    Raises
    ------
    CoverageError
        If the pre-edge is shorter than 12 eV.
    """
    if axis.scale_range is None:
        return normalized, normalized.flat
    length = normalized.e0 - float(normalized.energy[0])
    if normalized.recipe.get("method") != "pre_edge" or length >= LINE_FROM:
        return normalized, normalized.norm
    if length < CONSTANT_FROM:
        raise CoverageError(
            f"the scan starts {length:.1f} eV below the edge at {normalized.e0:.1f} eV; expected at least "
            f"{CONSTANT_FROM:g} eV of pre-edge: measure from further below, or pass normalised data with "
            "--normalized"
        )
    mu = normalized.norm * normalized.edge_step[:, np.newaxis] + normalized.pre_edge
    below = normalized.energy <= normalized.e0 - max(CONSTANT_BELOW, CONSTANT_SHARE * length)
    below[: min(3, below.size)] = True
    signal = mu - mu[:, below].mean(axis=1, keepdims=True)
    warning = (
        f"only {length:.0f} eV of pre-edge: a constant was subtracted instead of a line, and the distance "
        "may move by some hundredths of an Angstrom"
    )
    kept = tuple(text for text in normalized.warnings if "of pre-edge: a constant" not in text)
    recipe = {**normalized.recipe, "npre": 0}
    return replace(normalized, warnings=(*kept, warning), recipe=recipe), signal


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
    batches, errors = as_normalized_many(energy, norm[np.newaxis])
    for error in errors.values():
        raise error
    return batches[0][1].one(0)


def _as_given(norm: FloatArray) -> tuple[FloatArray, FloatArray]:
    return norm, np.ones_like(norm)


def as_normalized_many(
    energy: FloatArray, norm: FloatArray
) -> tuple[list[tuple[npt.NDArray[np.int64], NormalizedBatch]], dict[int, SpectrumError]]:
    """Take many normalised spectra of one energy grid, each as `as_normalized` does.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
    norm : ndarray of float64, shape (k, n)

    Returns
    -------
    batches, errors
        As `normalize_many`.
    """
    good, errors = _usable(energy, norm)
    batches = []
    if good.size:
        energy = separate_duplicates(np.asarray(energy, dtype=np.float64))
        below = norm[:, : max(1, _index_nearest(energy, energy[0] + 2.0))].mean(axis=1)
        above = norm[:, energy >= energy[-1] - 15.0].mean(axis=1)
        scaled = (np.abs(below) <= 0.25) & (above > 0.6) & (above < 1.4)
        for i in good[~scaled[good]].tolist():
            errors[i] = SpectrumError(
                f"the data start at {below[i]:.3g} and end at {above[i]:.3g}; normalised data start near 0 "
                "and end near 1: leave out --normalized to have them normalised here"
            )
        good = good[scaled[good]]
        for e0, chosen in _by_value(_find_e0s(energy, norm[good])):
            rows = good[chosen]
            values = norm[rows]
            batches.append(
                (
                    rows,
                    NormalizedBatch(
                        energy=energy,
                        norm=values,
                        e0=e0,
                        edge_step=np.ones(rows.size),
                        pre_edge=np.zeros_like(values),
                        curves=partial(_as_given, values),
                        recipe={"method": "as given"},
                    ),
                )
            )
    return batches, errors
