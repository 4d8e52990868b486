"""Step 2: pre-edge line, post-edge polynomial, edge step, flat.

The definitions and the defaults are those of ``larch.xafs.pre_edge`` of Larch
2026.3, so that a Larch user finds the numbers of the session again; the parity
is tested to 1e-6 on measured spectra.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import CoverageError, EdgeError, SpectrumError
from ..numerics import masked_mean
from ..spectrum import EnergyAxis, FloatArray, NormalizedSpectrum
from .e0 import find_e0s, separated
from .lines import fit
from .rows import Grids, NormalizedBatch

__all__ = [
    "as_normalized",
    "as_normalized_many",
    "check_spectrum",
    "normalize",
    "normalize_many",
    "subtracted",
]

MIN_POINTS = 20
MIN_POST_EDGE = 30.0
MIN_EDGE_STEP = 1e-12

IntArray = npt.NDArray[np.int64]


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
        bad = (~np.isfinite(values)).nonzero()[0]
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
    grids, rows = separated(Grids.shared(energy)), mu[np.newaxis]
    energy = grids.one(0)
    if e0 is not None and not energy[1] <= e0 <= energy[-2]:
        raise CoverageError(
            f"e0 = {e0:.2f} eV is outside the data ({energy[0]:.2f} to {energy[-1]:.2f} eV); "
            "expected an edge energy inside the scan: leave e0 out to have it found"
        )
    e0s = find_e0s(grids, rows) if e0 is None else np.array([float(e0)])
    asked = Asked(pre1, pre2, norm1, norm2, nnorm)
    for error in _uncovered(grids, e0s).values():
        raise error
    done = _normalize_at(grids, rows, e0s, asked)
    for error in _falling(done, rows).values():
        raise error
    return done.one(0)


def normalize_many(
    grids: Grids, mu: FloatArray
) -> tuple[IntArray, NormalizedBatch | None, dict[int, SpectrumError]]:
    """Normalise many spectra, each as `normalize` does with its defaults.

    Parameters
    ----------
    grids : Grids
    mu : ndarray of float64, shape (k, n)

    Returns
    -------
    rows : ndarray of int64, shape (j,)
        Rows of mu that could be normalised.
    batch : NormalizedBatch or None
        These spectra; None where there are none.
    errors : dict of int to SpectrumError
        For the other rows, what `normalize` would raise.
    """
    rows, errors = _usable(grids, mu)
    if rows.size:
        grids, mu = separated(grids.take(rows)), _taken(mu, rows)
        e0 = find_e0s(grids, mu)
        kept, rows = _without(rows, _uncovered(grids, e0), errors)
        grids, mu, e0 = grids.take(kept), _taken(mu, kept), e0[kept]
    if not rows.size:
        return rows, None, errors
    done = _normalize_at(grids, mu, e0, Asked())
    kept, rows = _without(rows, _falling(done, mu), errors)
    return rows, done.take(kept), errors


def _taken(values: FloatArray, rows: IntArray) -> FloatArray:
    """Some of the rows, not copied where they are all."""
    return values if rows.size == len(values) else values[rows]


def _without(
    rows: IntArray, wrong: dict[int, SpectrumError], errors: dict[int, SpectrumError]
) -> tuple[IntArray, IntArray]:
    """Places of the rows that are not wrong, and these; the others' errors go under their numbers."""
    errors.update({int(rows[i]): error for i, error in wrong.items()})
    kept = np.array([i for i in range(rows.size) if i not in wrong], dtype=np.int64)
    return kept, rows[kept]


def _usable(grids: Grids, mu: FloatArray) -> tuple[IntArray, dict[int, SpectrumError]]:
    """Rows that pass `check_spectrum`, and what it raises for the others."""
    energy = grids.energy
    good = np.isfinite(energy).all(axis=1) & (grids.size >= MIN_POINTS)
    good &= ((energy[:, 1:] > energy[:, :-1]) | ~grids.inside[:, 1:]).all(axis=1)
    highest, lowest = mu.max(axis=1), mu.min(axis=1)
    with np.errstate(invalid="ignore"):
        vary = highest - lowest > 1e-12 * np.maximum(1.0, np.maximum(highest, -lowest))
    fine = good & np.isfinite(highest) & np.isfinite(lowest) & vary
    errors: dict[int, SpectrumError] = {}
    for i in (~fine).nonzero()[0].tolist():
        own = grids.one(i)
        try:
            check_spectrum(own, mu[i, : own.size])
        except SpectrumError as error:
            errors[i] = error
    return fine.nonzero()[0], errors


def _falling(done: NormalizedBatch, mu: FloatArray) -> dict[int, SpectrumError]:
    """Refuse spectra without a rise at e0; what rounding makes of a straight line is none."""
    least = MIN_EDGE_STEP * np.maximum(1.0, np.abs(mu).max(axis=1))
    return {
        int(i): EdgeError(
            f"the absorption falls by {-done.edge_step[i]:.4g} at {done.e0[i]:.2f} eV; expected a rise: are "
            "i0 and the transmitted intensity swapped, or is this the wrong column?"
        )
        for i in (done.edge_step <= least).nonzero()[0]
    }


def _uncovered(grids: Grids, e0: FloatArray) -> dict[int, SpectrumError]:
    """Refuse spectra with too little below or above e0 to normalise on."""
    ie0, above = grids.nearest(e0), grids.last - e0
    errors: dict[int, SpectrumError] = {}
    for i in ((ie0 < 3) | (above < MIN_POST_EDGE)).nonzero()[0].tolist():
        if ie0[i] < 3:
            errors[i] = CoverageError(
                f"the steepest rise is at {e0[i]:.2f} eV, within the first {ie0[i] + 1} point(s) of the "
                "scan; expected data below the edge: measure from at least 20 eV below it, or pass "
                "normalised data with --normalized"
            )
        else:
            errors[i] = CoverageError(
                f"the steepest rise is at {e0[i]:.2f} eV and the data end {above[i]:.1f} eV above "
                f"it; expected at least {MIN_POST_EDGE:g} eV of post-edge to normalise on: measure "
                "further, or pass normalised data with --normalized"
            )
    return errors


class Asked(NamedTuple):
    """Ranges in eV relative to e0 and the degree that a caller of `normalize` asks for."""

    pre1: float | None = None
    pre2: float | None = None
    norm1: float | None = None
    norm2: float | None = None
    nnorm: int | None = None


@dataclass(frozen=True, eq=False)
class _Ranges:
    """Where lines are fitted, in eV relative to e0, and their degrees; all of shape (k,)."""

    pre1: FloatArray
    pre2: FloatArray
    norm1: FloatArray
    norm2: FloatArray
    nnorm: IntArray
    npre: IntArray

    def recipes(self) -> list[dict[str, str | int | float]]:
        """What `NormalizedSpectrum.recipe` says of each spectrum."""
        names = [item.name for item in fields(self)]
        rows = zip(*(getattr(self, name).tolist() for name in names), strict=True)
        return [{"method": "pre_edge", **dict(zip(names, row, strict=True))} for row in rows]


def _ranges(grids: Grids, e0: FloatArray, ie0: IntArray, asked: Asked) -> _Ranges:
    """Larch's defaults, where nothing else is asked for."""
    below, above = grids.first - e0, grids.last - e0
    if asked.pre1 is None:
        rounding = np.where(ie0 > 20, 5.0, 2.0)
        pre1 = rounding * np.rint((grids.energy[:, 1] - e0) / rounding)
    else:
        pre1 = np.full(e0.size, asked.pre1)
    pre1 = np.maximum(pre1, below) + 0.0
    pre2 = 0.5 * pre1 if asked.pre2 is None else np.full(e0.size, asked.pre2)
    pre1, pre2 = np.minimum(pre1, pre2), np.maximum(pre1, pre2)
    # Larch counts on energy - e0 here and on energy below; the rounding can differ by a point.
    relative = Grids(grids.energy - e0[:, np.newaxis], grids.size)
    npre = np.where(relative.at_or_below(pre2) - relative.at_or_below(pre1) < 3, 0, 1)

    norm2 = 5.0 * np.rint(above / 5.0) if asked.norm2 is None else np.full(e0.size, asked.norm2)
    norm2 = np.minimum(np.where(norm2 < 0, above - norm2, norm2), above)
    if asked.norm1 is None:
        norm1 = np.minimum(25.0, 5.0 * np.rint(norm2 / 15.0))
    else:
        norm1 = np.full(e0.size, asked.norm1)
    norm1, norm2 = np.minimum(norm1, norm2), np.maximum(norm1, norm2)
    norm1 = np.minimum(norm1, norm2 - 2)
    if asked.nnorm is None:
        nnorm = np.where(norm2 - norm1 >= 300, 2, np.where(norm2 - norm1 >= 30, 1, 0))
    else:
        nnorm = np.full(e0.size, max(min(asked.nnorm, 5), 0))
    return _Ranges(pre1, pre2, norm1, norm2, nnorm, npre)


def _normalize_at(grids: Grids, mu: FloatArray, e0: FloatArray, asked: Asked) -> NormalizedBatch:
    """`normalize` for the rows of mu (k, n), at known e0 (k,); an edge step can be negative."""
    ie0 = grids.nearest(e0)
    ranges = _ranges(grids, e0, ie0, asked)

    first, last = grids.at_or_below(ranges.pre1 + e0), grids.nearest(ranges.pre2 + e0)
    line = np.where(last - first < 2, np.minimum(grids.size, first + 2), last)
    last = np.where(ranges.npre == 0, np.maximum(last, first + 1), line)
    pre_edge = fit(grids, mu, first, last, ranges.npre).along(grids.energy)

    first, last = grids.at_or_below(ranges.norm1 + e0), grids.nearest(ranges.norm2 + e0)
    first = np.minimum(first, grids.size - 3)
    few = last - first < 2
    nnorm = np.where(few, 0, np.where(last - first < 5, np.minimum(1, ranges.nnorm), ranges.nnorm))
    first = np.where(few, first - 2, first)
    signal = mu - pre_edge
    above = fit(grids, signal, first, last, nnorm)
    edge_step = above.along(grids.at(ie0)[:, np.newaxis])[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        norm = signal / edge_step[:, np.newaxis]

    def curves() -> tuple[FloatArray, FloatArray]:
        post = above.along(grids.energy)
        with np.errstate(divide="ignore", invalid="ignore"):
            residue = post / edge_step[:, np.newaxis]
            flattened = norm - residue + np.take_along_axis(residue, ie0[:, np.newaxis], axis=1)
        after = np.arange(norm.shape[1]) >= ie0[:, np.newaxis]
        return np.where(after, flattened, norm), pre_edge + post

    return NormalizedBatch(
        grids=grids,
        norm=norm,
        e0=e0,
        edge_step=edge_step,
        pre_edge=pre_edge,
        curves=curves,
        recipes=replace(ranges, nnorm=nnorm).recipes(),
        warnings=[
            ()
            if line
            else (
                f"only {length:.0f} eV and few points of pre-edge: a constant was subtracted "
                "instead of a line",
            )
            for line, length in zip(ranges.npre.tolist(), (e0 - grids.first).tolist(), strict=True)
        ],
    )


#: Pre-edge in eV from which a line is subtracted for the model's input, and from which a constant.
LINE_FROM, CONSTANT_FROM = 20.0, 12.0
#: Where the constant is taken: the lower share of the pre-edge, but not closer than this, in eV.
CONSTANT_SHARE, CONSTANT_BELOW = 0.6, 5.0


def subtracted(
    normalized: NormalizedBatch, axis: EnergyAxis
) -> tuple[NormalizedBatch, FloatArray, dict[int, SpectrumError]]:
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
    errors : dict of int to SpectrumError
        CoverageError where the pre-edge is shorter than 12 eV.
    """
    if axis.scale_range is None:
        return normalized, normalized.flat, {}
    length = normalized.e0 - normalized.grids.first
    short = [
        i
        for i in (length < LINE_FROM).nonzero()[0].tolist()
        if normalized.recipes[i].get("method") == "pre_edge"
    ]
    if not short:
        return normalized, normalized.norm, {}
    errors: dict[int, SpectrumError] = {}
    mu, recipes, warnings = normalized.norm.copy(), [*normalized.recipes], [*normalized.warnings]
    for i in short:
        if length[i] < CONSTANT_FROM:
            errors[i] = CoverageError(
                f"the scan starts {length[i]:.1f} eV below the edge at {normalized.e0[i]:.1f} eV; expected "
                f"at least {CONSTANT_FROM:g} eV of pre-edge: measure from further below, or pass normalised "
                "data with --normalized"
            )
            continue
        mu[i] = _above_constant(normalized, i, max(CONSTANT_BELOW, CONSTANT_SHARE * float(length[i])))
        recipes[i] = {**recipes[i], "npre": 0}
        warnings[i] = (
            *(text for text in warnings[i] if "of pre-edge: a constant" not in text),
            f"only {length[i]:.0f} eV of pre-edge: a constant was subtracted instead of a line, and the "
            "distance may move by some hundredths of an Angstrom",
        )
    return replace(normalized, recipes=recipes, warnings=warnings), mu, errors


def _above_constant(normalized: NormalizedBatch, row: int, distance: float) -> FloatArray:
    """Absorption of one of the spectra, without its mean up to so far below e0, in eV."""
    energy = normalized.grids.one(row)
    mu = normalized.norm[row] * normalized.edge_step[row] + normalized.pre_edge[row]
    below = int((energy <= normalized.e0[row] - distance).sum())
    return np.asarray(mu - mu[: max(3, below)].mean())


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
    _, batch, errors = as_normalized_many(Grids.shared(energy), norm[np.newaxis])
    for error in errors.values():
        raise error
    assert batch is not None
    return batch.one(0)


def as_normalized_many(
    grids: Grids, norm: FloatArray
) -> tuple[IntArray, NormalizedBatch | None, dict[int, SpectrumError]]:
    """Take many normalised spectra, each as `as_normalized` does.

    Parameters
    ----------
    grids : Grids
    norm : ndarray of float64, shape (k, n)

    Returns
    -------
    rows, batch, errors
        As `normalize_many`.
    """
    rows, errors = _usable(grids, norm)
    if rows.size:
        grids, norm = separated(grids.take(rows)), _taken(norm, rows)
        kept, rows = _without(rows, _unscaled(grids, norm), errors)
        grids, norm = grids.take(kept), _taken(norm, kept)
    if not rows.size:
        return rows, None, errors
    batch = NormalizedBatch(
        grids=grids,
        norm=norm,
        e0=find_e0s(grids, norm),
        edge_step=np.ones(rows.size),
        pre_edge=np.zeros_like(norm),
        curves=lambda: (norm, np.ones_like(norm)),
        recipes=[{"method": "as given"} for _ in rows],
        warnings=[()] * rows.size,
    )
    return rows, batch, errors


def _unscaled(grids: Grids, norm: FloatArray) -> dict[int, SpectrumError]:
    """Refuse spectra that do not run from about 0 to about 1."""
    points = np.arange(norm.shape[1])
    start = np.maximum(1, grids.nearest(grids.first + 2.0))
    below = masked_mean(norm, points < start[:, np.newaxis])
    end = grids.energy >= grids.last[:, np.newaxis] - 15.0
    above = masked_mean(norm, end & grids.inside)
    scaled = (np.abs(below) <= 0.25) & (above > 0.6) & (above < 1.4)
    return {
        int(i): SpectrumError(
            f"the data start at {below[i]:.3g} and end at {above[i]:.3g}; normalised data start near 0 "
            "and end near 1: leave out --normalized to have them normalised here"
        )
        for i in (~scaled).nonzero()[0]
    }
