"""Is this the element and the edge that the bundle knows, and is it an edge?"""

from __future__ import annotations

import numpy as np

from .bundle import Bundle
from .edges import edges_between, nearest_edge
from .errors import CoverageError, EdgeError, ElementError, SpectrumError
from .spectrum import FloatArray, NormalizedSpectrum, Spectrum
from .wording import counted

__all__ = ["check_edge", "check_identity", "find_glitches", "noise_level"]

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
                f"the file says {what} {found.strip()} ({other} edge); the model {bundle.title} knows "
                f"{bundle.element} {bundle.edge} only{noticed}"
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


def _quantile(values: FloatArray, share: float) -> float:
    """A quantile, linear between points; numpy's own loads numpy.ma, 15 ms of every start."""
    ordered = np.sort(values)
    return float(np.interp(share * (ordered.size - 1), np.arange(ordered.size), ordered))


def noise_level(normalized: NormalizedSpectrum) -> float:
    """Noise of a normalised spectrum, in edge steps.

    From the second differences of the pre-edge and post-edge, where an
    absorption spectrum is smooth: their median size, which a few features do
    not move.

    Parameters
    ----------
    normalized : NormalizedSpectrum

    Returns
    -------
    float
    """
    energy, norm = normalized.energy, normalized.norm
    steps = np.diff(energy)
    # The middle point against the line through its neighbours, for uneven steps too.
    middle = (norm[:-2] * steps[1:] + norm[2:] * steps[:-1]) / (steps[1:] + steps[:-1])
    difference = norm[1:-1] - middle
    outside = np.abs(energy[1:-1] - normalized.e0) > 10.0
    if np.count_nonzero(outside) < 8:
        return 0.0
    weights = np.sqrt(1.0 + (steps[1:] ** 2 + steps[:-1] ** 2) / (steps[1:] + steps[:-1]) ** 2)
    return float(1.4826 * _quantile(np.abs(difference / weights)[outside], 0.5))


def find_glitches(normalized: NormalizedSpectrum) -> list[tuple[float, float]]:
    """Single points that stand out of their neighbours on both sides.

    A point is held against the line through its neighbours and against the lines
    through the two points on either side of it; the smallest of the three is its
    height, so that a steep edge or a sharp white line is none.

    Parameters
    ----------
    normalized : NormalizedSpectrum

    Returns
    -------
    list of (float, float)
        Energy in eV and height in edge steps, where the height is above 0.08 and
        above ten times the noise.
    """
    energy, norm = normalized.energy, normalized.norm
    if energy.size < 7:
        return []
    x, y = energy, norm
    middle = y[2:-2] - _line(x[1:-3], y[1:-3], x[3:-1], y[3:-1], x[2:-2])
    left = y[2:-2] - _line(x[:-4], y[:-4], x[1:-3], y[1:-3], x[2:-2])
    right = y[2:-2] - _line(x[3:-1], y[3:-1], x[4:], y[4:], x[2:-2])
    same = (np.sign(middle) == np.sign(left)) & (np.sign(middle) == np.sign(right))
    # A spike is as far from the level of its neighbours; a white line is not.
    level = np.minimum(np.abs(y[2:-2] - y[1:-3]), np.abs(y[2:-2] - y[3:-1]))
    height = np.where(same, np.minimum.reduce([np.abs(middle), np.abs(left), np.abs(right), level]), 0.0)
    found = np.flatnonzero(height > max(GLITCH_WARNED, 10.0 * noise_level(normalized)))
    return [(float(x[i + 2]), float(height[i])) for i in found]


def _line(x0: FloatArray, y0: FloatArray, x1: FloatArray, y1: FloatArray, x: FloatArray) -> FloatArray:
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _check_points(normalized: NormalizedSpectrum) -> None:
    """Refuse a scan too coarse to place its edge."""
    energy, e0 = normalized.energy, normalized.e0
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


def _check_shape(normalized: NormalizedSpectrum, name: str) -> None:
    """Refuse what rises and is no edge: noise, EXAFS of another edge, a falling spectrum."""
    x, norm = normalized.energy - normalized.e0, normalized.norm
    before = norm[(x < -20.0) & (x > -80.0)]
    after = norm[(x > 15.0) & (x < 60.0)]
    if before.size < 2 or after.size < 2:
        return
    low, high = _quantile(before, 0.5), _quantile(after, 0.5)
    scatter = float(np.ptp(before)) if before.size < 4 else _quantile(np.abs(before - low), 0.9)
    top = float(norm[np.abs(x) < 60.0].max())
    # Measured spectra stay within 0.1, 0.9 to 1.1, 0.05 and 1.7, calculated ones within these limits.
    if not (abs(low) < 0.3 and 0.5 < high < 2.2 and scatter < 0.3 and top < 6.0):
        raise EdgeError(
            f"the steepest rise, at {normalized.e0:.1f} eV, is no absorption edge: normalised, it goes from "
            f"{low:.2f} (+- {scatter:.2f}) below it to {high:.2f} above it, with a maximum of {top:.2f}; "
            "expected "
            f"from 0 to 1 as at the {name} edge: is it another element's EXAFS, the wrong column, or are "
            "i0 and the "
            "transmitted intensity swapped?"
        )


def check_edge(normalized: NormalizedSpectrum, bundle: Bundle) -> tuple[str, ...]:
    """Check that the edge found can be the bundle's.

    Parameters
    ----------
    normalized : NormalizedSpectrum
    bundle : Bundle

    Returns
    -------
    tuple of str
        Warnings.

    Raises
    ------
    EdgeError
        If the steepest rise is not where the element has its edge, does not
        stand out of the noise, or is not a step.
    CoverageError
        If there are too few points near the edge.
    SpectrumError
        If a glitch lies on what the model sees.
    """
    low, high = bundle.e0_range
    e0 = normalized.e0
    name = f"{bundle.element} {bundle.edge}"
    if not low <= e0 <= high:
        other = nearest_edge(e0)
        raise EdgeError(
            f"the steepest rise is at {e0:.1f} eV; the {name} edge lies at {bundle.edge_energy:.0f} eV "
            f"(expected {low:.0f} to {high:.0f}): "
            + (
                f"this looks like {other}"
                if other
                else "another element's edge, or energies that are not in eV?"
            )
        )
    noise = noise_level(normalized)
    if noise > MAX_NOISE:
        raise EdgeError(
            f"the noise is {100 * noise:.0f} % of the edge step; expected at most "
            f"{100 * MAX_NOISE:.0f} %: is there an edge at all? Merge scans or choose another column"
        )
    _check_points(normalized)
    _check_shape(normalized, name)
    above = (normalized.energy >= e0 + 20.0) & (normalized.energy <= e0 + 40.0)
    level = float(np.mean(normalized.flat[above])) if np.any(above) else 1.0
    if not POST_EDGE_RANGE[0] <= level <= POST_EDGE_RANGE[1]:
        raise EdgeError(
            f"the normalised spectrum averages {level:.2f} between 20 and 40 eV above e0; expected "
            f"{POST_EDGE_RANGE[0]:g} to {POST_EDGE_RANGE[1]:g}: the pre-edge or post-edge is too short or "
            "too curved for a line, or this is no absorption spectrum; measure a wider range, or normalise "
            "it yourself and pass --normalized"
        )
    warnings = []
    if noise > 0.3 * MAX_NOISE:
        warnings.append(f"noisy: {100 * noise:.1f} % of the edge step")
    window = (e0 - 20.0, e0 + 60.0)
    glitches = [(at, height) for at, height in find_glitches(normalized) if window[0] <= at <= window[1]]
    if glitches:
        at, height = max(glitches, key=lambda glitch: glitch[1])
        found = (
            f"{counted(len(glitches), 'glitch', 'glitches')}: the point at {at:.2f} eV stands out by "
            f"{height:.2f} edge steps"
        )
        if height > GLITCH_REFUSED:
            raise SpectrumError(f"{found}; expected a smooth spectrum: remove the point and try again")
        warnings.append(found)
    offset = e0 - bundle.edge_energy
    if not -E0_BELOW <= offset <= E0_ABOVE:
        nearest = -E0_BELOW if offset < 0 else E0_ABOVE
        warnings.append(
            f"e0 = {e0:.1f} eV is unusual for {name} ({bundle.edge_energy:.0f} eV): the energy axis "
            "seems shifted by "
            f"{offset - nearest:+.1f} eV or more; check its calibration"
            + ("" if bundle.axis.kind == "absolute" else " (the prediction does not depend on it)")
        )
    return tuple(warnings)
