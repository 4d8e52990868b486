"""Is this the element and the edge that the bundle knows, and is it an edge?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..bundle.load import Bundle
from ..edges import Absorber, as_edge, as_element, edges_between, lines_beside, nearest_edge
from ..errors import CoverageError, EdgeError, ElementError, SpectrumError
from ..numerics import masked_mean
from ..spectrum import FloatArray, Spectrum
from ..wording import counted
from .quality import check_points, glitch_heights, noise_levels, wrong_shapes
from .rows import NormalizedBatch

__all__ = ["absorber_at", "absorber_of", "check_edges", "identify"]

MAX_NOISE = 0.1
#: Mean of the flattened mu from 20 to 40 eV above e0; calculated spectra have 0.82 to 1.07.
POST_EDGE_RANGE = (0.7, 1.25)
#: How far e0 can lie below and above the tabulated edge in an iron compound that is calibrated: the
#: foil is the lowest, Fe(VI) the highest.
E0_BELOW, E0_ABOVE = 2.5, 20.0
#: The worst calibration that is read: the edge may lie this far from the table.
MAX_MISCALIBRATION = 17.0
#: From so far above a K edge, in eV, a rise that fits an L edge is not taken for it unasked.
AMBIGUOUS_FROM = 12.0
GLITCH_WARNED, GLITCH_REFUSED = 0.08, 0.5


def identify(spectrum: Spectrum, bundle: Bundle) -> Absorber | None:
    """Find the absorber by what the spectrum says of itself, and check that the scan goes over its edge.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle

    Returns
    -------
    Absorber or None
        None where no element is given and the scan goes over several edges, or
        over one at its rim: the energy of the rise will say (`absorber_at`).

    Raises
    ------
    ElementError
        If an element or edge is given and the bundle does not know it.
    CoverageError
        If the scan goes over no edge that the bundle knows.
    """
    noticed = f" (noticed before: {'; '.join(spectrum.warnings)})" if spectrum.warnings else ""
    known = bundle.absorbers
    for what, found in (("element", spectrum.element), ("edge", spectrum.edge)):
        if found is None:
            continue
        known = tuple(one for one in known if getattr(one, what).lower() == found.strip().lower())
        if not known and (as_element if what == "element" else as_edge)(found) is None:
            such = "Fe" if what == "element" else "K"
            raise ElementError(f"{found[:40]!r} is no {what}; expected one such as {such!r}{noticed}")
        if not known:
            both = f" ({spectrum.element} {spectrum.edge} edge)" if spectrum.element and spectrum.edge else ""
            raise ElementError(
                f"the spectrum is labelled {what} {found.strip()}{both}; the model {bundle.title} "
                f"knows {bundle.knows} only{noticed}"
            )
    finite = spectrum.energy[np.isfinite(spectrum.energy)]
    if finite.size == 0:
        return None
    first, last = float(finite.min()), float(finite.max())
    over = [one for one in known if last >= one.energy - MAX_MISCALIBRATION and first <= one.e0_range[1]]
    if not over:
        nearest = min(known, key=lambda one: max(first - one.energy, one.energy - last))
        name = f"the {nearest.name} edge ({nearest.energy:.0f} eV)"
        inside = edges_between(first, last)
        where = "stops before" if last < nearest.energy else "starts above"
        raise CoverageError(
            f"the scan runs from {first:.1f} to {last:.1f} eV and {where} {name}; "
            "expected a scan over that edge"
            + ("" if len(known) == 1 else f", or another that the model knows ({bundle.knows})")
            + (
                f"; edges in its range: {inside}"
                if inside
                else ": was it aborted, or are the energies not in eV?"
            )
            + noticed
        )
    return over[0] if spectrum.element is not None and len(over) == 1 else None


def absorber_of(spectrum: Spectrum, bundle: Bundle) -> Absorber:
    """The absorber of a spectrum that has not been normalised: as given, else the one in the scan's middle.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle

    Returns
    -------
    Absorber

    Raises
    ------
    ElementError, CoverageError
        As `identify`.
    """
    known = identify(spectrum, bundle)
    first, last = float(np.min(spectrum.energy)), float(np.max(spectrum.energy))
    inside = [one for one in bundle.absorbers if first <= one.energy <= last] or list(bundle.absorbers)
    return min(inside, key=lambda one: abs(one.energy - 0.5 * (first + last))) if known is None else known


def absorber_at(e0: float, bundle: Bundle) -> Absorber:
    """The absorber whose edge a steepest rise can be.

    Parameters
    ----------
    e0 : float
        In eV.
    bundle : Bundle

    Returns
    -------
    Absorber

    Raises
    ------
    EdgeError
        If the bundle knows no edge there, or the rise fits an L edge better
        (La L3 lies 18 eV above V K).
    """
    found = [one for one in bundle.absorbers if one.e0_range[0] <= e0 <= one.e0_range[1]]
    if not found:
        raise _elsewhere(e0, min(bundle.absorbers, key=lambda one: abs(one.energy - e0)))
    absorber = min(found, key=lambda one: abs(one.energy - e0))
    if e0 - absorber.energy > AMBIGUOUS_FROM and (beside := lines_beside(e0)):
        raise EdgeError(
            f"the steepest rise is at {e0:.1f} eV, where {beside} lies as well as the {absorber.name} edge "
            f"({absorber.energy:.0f} eV and what oxidation adds); expected an element with the spectrum: "
            f"if it is {absorber.element}, say so with --element {absorber.element}"
        )
    return absorber


def _wrong_levels(normalized: NormalizedBatch) -> dict[int, SpectrumError]:
    """Refuse spectra whose flattened mu is far from 1, where the model's input depends on it."""
    energy, e0 = normalized.grids.energy, normalized.e0[:, np.newaxis]
    above = (energy >= e0 + 20.0) & (energy <= e0 + 40.0)
    level = np.where(above.any(axis=1), masked_mean(normalized.flat, above), 1.0)
    low, high = POST_EDGE_RANGE
    return {
        int(i): EdgeError(
            f"the normalised spectrum averages {level[i]:.2f} between 20 and 40 eV above e0; expected "
            f"{low:g} to {high:g}: the pre-edge or post-edge is too short or too curved for a line, or this "
            "is no absorption spectrum; measure a wider range, or normalise it yourself and pass --normalized"
        )
        for i in ((level < low) | (level > high)).nonzero()[0]
    }


def _elsewhere(e0: float, absorber: Absorber) -> EdgeError:
    low, high = absorber.e0_range
    other = nearest_edge(e0)
    return EdgeError(
        f"the steepest rise is at {e0:.1f} eV; the {absorber.name} edge lies at {absorber.energy:.0f} eV "
        f"(expected {low:.0f} to {high:.0f}): "
        + (f"this looks like {other}" if other else "another element's edge, or energies that are not in eV?")
    )


def check_edges(
    normalized: NormalizedBatch, bundle: Bundle, absorbers: Sequence[Absorber]
) -> tuple[list[tuple[str, ...]], dict[int, SpectrumError]]:
    """Check that the edges found can be the bundle's.

    Parameters
    ----------
    normalized : NormalizedBatch
    bundle : Bundle
    absorbers : sequence of Absorber, length k
        What the edges should be.

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
    grids, e0 = normalized.grids, normalized.e0
    noise = noise_levels(normalized)
    glitches, broken = _glitches(normalized, noise)
    shapes = wrong_shapes(normalized, [absorber.name for absorber in absorbers])
    levels = _wrong_levels(normalized) if bundle.axis.scale_range is None else {}
    # Of several things that are wrong with a spectrum, the first of these is said.
    errors = broken | levels | shapes | check_points(grids, e0) | _too_noisy(noise)
    warnings: list[tuple[str, ...]] = []
    for i, absorber in enumerate(absorbers):
        at, (low, high) = float(e0[i]), absorber.e0_range
        if not low <= at <= high:
            errors[i] = _elsewhere(at, absorber)
        noisy = (f"noisy: {100 * noise[i]:.1f} % of the edge step",) if noise[i] > 0.3 * MAX_NOISE else ()
        warnings.append((*noisy, *glitches.get(i, ()), *_shifted(at, absorber, bundle)))
    return warnings, errors


def _too_noisy(noise: FloatArray) -> dict[int, SpectrumError]:
    """Refuse spectra whose edges do not stand out of their noise (k,)."""
    return {
        i: EdgeError(
            f"the noise is {100 * noise[i]:.0f} % of the edge step; expected at most "
            f"{100 * MAX_NOISE:.0f} %: is there an edge at all? Merge scans or choose another column"
        )
        for i in (noise > MAX_NOISE).nonzero()[0].tolist()
    }


def _glitches(
    normalized: NormalizedBatch, noise: FloatArray
) -> tuple[dict[int, tuple[str, ...]], dict[int, SpectrumError]]:
    """What stands out of the spectra: in words, and errors where it is too much."""
    energy, e0 = normalized.grids.energy, normalized.e0[:, np.newaxis]
    seen = (energy >= e0 - 20.0) & (energy <= e0 + 60.0)
    heights = glitch_heights(normalized.grids, normalized.norm, seen)
    standing = heights > np.maximum(GLITCH_WARNED, 10.0 * noise)[:, np.newaxis]
    noticed: dict[int, tuple[str, ...]] = {}
    errors: dict[int, SpectrumError] = {}
    for i in np.flatnonzero(standing.any(axis=1)).tolist():
        at = int(heights[i].argmax())
        found = (
            f"{counted(int(standing[i].sum()), 'glitch', 'glitches')}: the point at "
            f"{normalized.grids.one(i)[at]:.2f} eV stands out by {heights[i, at]:.2f} edge steps"
        )
        noticed[i] = (found,)
        if heights[i, at] > GLITCH_REFUSED:
            errors[i] = SpectrumError(f"{found}; expected a smooth spectrum: remove the point and try again")
    return noticed, errors


def _shifted(e0: float, absorber: Absorber, bundle: Bundle) -> tuple[str, ...]:
    """A warning where e0 is unusual for the absorber."""
    offset = e0 - absorber.energy
    if -E0_BELOW <= offset <= E0_ABOVE:
        return ()
    nearest = -E0_BELOW if offset < 0 else E0_ABOVE
    return (
        f"e0 = {e0:.1f} eV is unusual for {absorber.name} ({absorber.energy:.0f} eV): the energy axis "
        f"seems shifted by {offset - nearest:+.1f} eV or more; check its calibration"
        + ("" if bundle.axis.kind == "absolute" else " (the prediction does not depend on it)"),
    )
