"""Is this the element and the edge that the bundle knows, and is it an edge?"""

from __future__ import annotations

import numpy as np

from ..bundle.load import Bundle
from ..edges import edges_between, nearest_edge
from ..errors import CoverageError, EdgeError, ElementError, SpectrumError
from ..spectrum import FloatArray, NormalizedBatch, Spectrum
from ..wording import counted

__all__ = ["check_edges", "check_identity", "glitch_heights", "noise_levels"]

MAX_NOISE = 0.1
#: Mean of the flattened mu from 20 to 40 eV above e0; calculated spectra have 0.82 to 1.07.
POST_EDGE_RANGE = (0.7, 1.25)
#: How far e0 can lie below and above the tabulated edge in an iron compound that is calibrated: the
#: foil is the lowest, Fe(VI) the highest.
E0_BELOW, E0_ABOVE = 2.5, 20.0
#: The worst calibration that is read: the edge may lie this far from the table.
MAX_MISCALIBRATION = 17.0
EDGE_GAP, EDGE_POINTS = 2.5, 12
GLITCH_WARNED, GLITCH_REFUSED = 0.08, 0.5


def check_identity(spectrum: Spectrum, bundle: Bundle) -> None:
    """Check the element and the edge that a file names, and that the scan goes over it.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle

    Raises
    ------
    ElementError
        If they are given and are not the bundle's.
    CoverageError
        If the scan ends before the edge or starts after it.
    """
    noticed = f" (noticed before: {'; '.join(spectrum.warnings)})" if spectrum.warnings else ""
    for what, found, expected in (
        ("element", spectrum.element, bundle.element),
        ("edge", spectrum.edge, bundle.edge),
    ):
        if found is not None and found.strip().lower() != expected.lower():
            other = f"{spectrum.element or '?'} {spectrum.edge or '?'}"
            raise ElementError(
                f"the spectrum is labelled {what} {found.strip()} ({other} edge); the model {bundle.title} "
                f"knows {bundle.element} {bundle.edge} only{noticed}"
            )
    finite = spectrum.energy[np.isfinite(spectrum.energy)]
    if finite.size == 0:
        return
    first, last = float(finite.min()), float(finite.max())
    name = f"the {bundle.element} {bundle.edge} edge ({bundle.edge_energy:.0f} eV)"
    inside = edges_between(first, last)
    where = "stops before" if last < bundle.edge_energy else "starts above"
    if last < bundle.edge_energy - MAX_MISCALIBRATION or first > bundle.e0_range[1]:
        raise CoverageError(
            f"the scan runs from {first:.1f} to {last:.1f} eV and {where} {name}; "
            "expected a scan over that edge"
            + (
                f"; edges in its range: {inside}"
                if inside
                else ": was it aborted, or are the energies not in eV?"
            )
            + noticed
        )


def _quantile(values: FloatArray, share: float) -> FloatArray:
    """Quantiles of rows, linear between points; numpy's own loads numpy.ma, 15 ms of every start."""
    ordered = np.sort(values, axis=1)
    at = share * (ordered.shape[1] - 1)
    below = min(int(at), ordered.shape[1] - 2) if ordered.shape[1] > 1 else 0
    above = min(below + 1, ordered.shape[1] - 1)
    return np.asarray(ordered[:, below] + (at - below) * (ordered[:, above] - ordered[:, below]))


def noise_levels(normalized: NormalizedBatch) -> FloatArray:
    """Noise of normalised spectra, in edge steps.

    From the second differences of the pre-edge and post-edge, where an
    absorption spectrum is smooth: their median size, which a few features do
    not move.

    Parameters
    ----------
    normalized : NormalizedBatch

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    energy, norm = normalized.energy, normalized.norm
    outside = np.flatnonzero(np.abs(energy[1:-1] - normalized.e0) > 10.0)
    if outside.size < 8:
        return np.zeros(len(norm))
    steps = np.diff(energy)
    # The middle point against the line through its neighbours, for uneven steps too.
    total = (steps[1:] + steps[:-1])[outside]
    left, right = steps[1:][outside] / total, steps[:-1][outside] / total
    difference = norm[:, outside + 1] - (norm[:, outside] * left + norm[:, outside + 2] * right)
    weights = np.sqrt(1.0 + left**2 + right**2)
    return 1.4826 * _quantile(np.abs(difference / weights), 0.5)


def glitch_heights(energy: FloatArray, norm: FloatArray) -> FloatArray:
    """How far each point stands out of its neighbours on both sides.

    A point is held against the line through its neighbours and against the lines
    through the two points on either side of it; the smallest of the three is its
    height, so that a steep edge or a sharp white line has none.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
    norm : ndarray of float64, shape (k, n)

    Returns
    -------
    ndarray of float64, shape (k, n)
        In edge steps; 0 for the two points at either end.
    """
    heights = np.zeros_like(norm)
    if energy.size < 7:
        return heights
    x, y = energy, norm
    middle = y[:, 2:-2] - _line(x[1:-3], y[:, 1:-3], x[3:-1], y[:, 3:-1], x[2:-2])
    left = y[:, 2:-2] - _line(x[:-4], y[:, :-4], x[1:-3], y[:, 1:-3], x[2:-2])
    right = y[:, 2:-2] - _line(x[3:-1], y[:, 3:-1], x[4:], y[:, 4:], x[2:-2])
    same = (middle > 0.0) & (left > 0.0) & (right > 0.0) | (middle < 0.0) & (left < 0.0) & (right < 0.0)
    # A spike is as far from the level of its neighbours; a white line is not.
    level = np.minimum(np.abs(y[:, 2:-2] - y[:, 1:-3]), np.abs(y[:, 2:-2] - y[:, 3:-1]))
    lowest = np.minimum(np.minimum(np.abs(middle), np.abs(left)), np.minimum(np.abs(right), level))
    heights[:, 2:-2] = np.where(same, lowest, 0.0)
    return heights


def _line(x0: FloatArray, y0: FloatArray, x1: FloatArray, y1: FloatArray, x: FloatArray) -> FloatArray:
    return y0 + (y1 - y0) * ((x - x0) / (x1 - x0))


def _check_points(energy: FloatArray, e0: float) -> None:
    """Refuse a scan too coarse to place its edge."""
    near = energy[(energy > e0 - 10.0) & (energy < e0 + 20.0)]
    inside = energy[(energy > e0 - 7.5) & (energy < e0 + 17.5)]
    gap = float(np.diff(inside).max()) if inside.size > 1 else float("inf")
    if near.size < EDGE_POINTS or gap > EDGE_GAP + 1e-6:
        raise CoverageError(
            f"too few points near the edge: {near.size} from 10 eV below to 20 eV above {e0:.1f} eV, the "
            "widest step "
            f"{gap:.1f} eV; expected at least {EDGE_POINTS} and steps of at most {EDGE_GAP:g} eV: "
            "measure with finer "
            "steps"
        )


def _wrong_shapes(normalized: NormalizedBatch, name: str) -> dict[int, SpectrumError]:
    """Refuse what rises and is no edge: noise, EXAFS of another edge, a falling spectrum."""
    x, norm = normalized.energy - normalized.e0, normalized.norm
    before = norm[:, (x < -20.0) & (x > -80.0)]
    after = norm[:, (x > 15.0) & (x < 60.0)]
    if before.shape[1] < 2 or after.shape[1] < 2:
        return {}
    low, high = _quantile(before, 0.5), _quantile(after, 0.5)
    scatter = (
        np.ptp(before, axis=1) if before.shape[1] < 4 else _quantile(np.abs(before - low[:, np.newaxis]), 0.9)
    )
    top = norm[:, np.abs(x) < 60.0].max(axis=1)
    # Measured spectra stay within 0.1, 0.9 to 1.1, 0.05 and 1.7, calculated ones within these limits.
    edge = (np.abs(low) < 0.3) & (high > 0.5) & (high < 2.2) & (scatter < 0.3) & (top < 6.0)
    return {
        int(i): EdgeError(
            f"the steepest rise, at {normalized.e0:.1f} eV, is no absorption edge: normalised, it goes from "
            f"{low[i]:.2f} (+- {scatter[i]:.2f}) below it to {high[i]:.2f} above it, with a maximum of "
            f"{top[i]:.2f}; expected "
            f"from 0 to 1 as at the {name} edge: is it another element's EXAFS, the wrong column, or are "
            "i0 and the "
            "transmitted intensity swapped?"
        )
        for i in np.flatnonzero(~edge)
    }


def check_edges(
    normalized: NormalizedBatch, bundle: Bundle
) -> tuple[list[tuple[str, ...]], dict[int, SpectrumError]]:
    """Check that the edges found can be the bundle's.

    Parameters
    ----------
    normalized : NormalizedBatch
    bundle : Bundle

    Returns
    -------
    warnings : list of tuple of str, length k
        For each spectrum.
    errors : dict of int to SpectrumError
        EdgeError if the steepest rise is not where the element has its edge,
        does not stand out of the noise, or is not a step; CoverageError if there
        are too few points near the edge; SpectrumError if a glitch lies on what
        the model sees.
    """
    energy, e0, count = normalized.energy, normalized.e0, len(normalized.norm)
    none: list[tuple[str, ...]] = [()] * count
    low, high = bundle.e0_range
    name = f"{bundle.element} {bundle.edge}"
    errors: dict[int, SpectrumError] = {}
    if not low <= e0 <= high:
        other = nearest_edge(e0)
        return none, dict.fromkeys(
            range(count),
            EdgeError(
                f"the steepest rise is at {e0:.1f} eV; the {name} edge lies at {bundle.edge_energy:.0f} eV "
                f"(expected {low:.0f} to {high:.0f}): "
                + (
                    f"this looks like {other}"
                    if other
                    else "another element's edge, or energies that are not in eV?"
                )
            ),
        )
    noise = noise_levels(normalized)
    for i in np.flatnonzero(noise > MAX_NOISE).tolist():
        errors[i] = EdgeError(
            f"the noise is {100 * noise[i]:.0f} % of the edge step; expected at most "
            f"{100 * MAX_NOISE:.0f} %: is there an edge at all? Merge scans or choose another column"
        )
    try:
        _check_points(energy, e0)
    except CoverageError as error:
        return none, dict.fromkeys(range(count), error) | errors
    errors = _wrong_shapes(normalized, name) | errors
    above = (energy >= e0 + 20.0) & (energy <= e0 + 40.0)
    level = normalized.flat[:, above].mean(axis=1) if np.any(above) else np.ones(count)
    for i in np.flatnonzero((level < POST_EDGE_RANGE[0]) | (level > POST_EDGE_RANGE[1])).tolist():
        errors.setdefault(
            i,
            EdgeError(
                f"the normalised spectrum averages {level[i]:.2f} between 20 and 40 eV above e0; expected "
                f"{POST_EDGE_RANGE[0]:g} to {POST_EDGE_RANGE[1]:g}: the pre-edge or post-edge is too short "
                "or too curved for a line, or this is no absorption spectrum; measure a wider range, or "
                "normalise it yourself and pass --normalized"
            ),
        )
    noticed: dict[int, list[str]] = {
        i: [f"noisy: {100 * noise[i]:.1f} % of the edge step"]
        for i in np.flatnonzero(noise > 0.3 * MAX_NOISE).tolist()
    }
    heights = glitch_heights(energy, normalized.norm)
    heights[:, (energy < e0 - 20.0) | (energy > e0 + 60.0)] = 0.0
    standing = heights > np.maximum(GLITCH_WARNED, 10.0 * noise)[:, np.newaxis]
    for i in np.flatnonzero(standing.any(axis=1)).tolist():
        at = int(heights[i].argmax())
        found = (
            f"{counted(int(standing[i].sum()), 'glitch', 'glitches')}: the point at {energy[at]:.2f} eV "
            f"stands out by {heights[i, at]:.2f} edge steps"
        )
        if heights[i, at] > GLITCH_REFUSED:
            errors.setdefault(
                i,
                SpectrumError(f"{found}; expected a smooth spectrum: remove the point and try again"),
            )
        noticed.setdefault(i, []).append(found)
    offset = e0 - bundle.edge_energy
    shifted: tuple[str, ...] = ()
    if not -E0_BELOW <= offset <= E0_ABOVE:
        nearest = -E0_BELOW if offset < 0 else E0_ABOVE
        shifted = (
            f"e0 = {e0:.1f} eV is unusual for {name} ({bundle.edge_energy:.0f} eV): the energy axis "
            "seems shifted by "
            f"{offset - nearest:+.1f} eV or more; check its calibration"
            + ("" if bundle.axis.kind == "absolute" else " (the prediction does not depend on it)"),
        )
    return [(*noticed.get(i, ()), *shifted) for i in range(count)], errors
