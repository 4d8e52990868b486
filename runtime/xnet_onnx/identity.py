"""Is this the element and the edge that the bundle knows, and is it an edge?"""

from __future__ import annotations

import numpy as np

from .bundle import Bundle
from .errors import EdgeError, ElementError
from .spectrum import NormalizedSpectrum, Spectrum

__all__ = ["check_edge", "check_identity", "noise_level"]

MAX_NOISE = 0.1
#: Mean of the flattened mu from 20 to 40 eV above e0; calculated spectra have 0.82 to 1.07.
POST_EDGE_RANGE = (0.7, 1.25)
E0_DOUBTFUL = 12.0


def check_identity(spectrum: Spectrum, bundle: Bundle) -> None:
    """Check the element and the edge that a file names.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle

    Raises
    ------
    ElementError
        If they are given and are not the bundle's.
    """
    for what, found, expected in (
        ("element", spectrum.element, bundle.element),
        ("edge", spectrum.edge, bundle.edge),
    ):
        if found is not None and found.strip().lower() != expected.lower():
            other = f"{spectrum.element or '?'} {spectrum.edge or '?'}"
            raise ElementError(
                f"the file says {what} {found.strip()} ({other} edge); the model {bundle.title} knows "
                f"{bundle.element} {bundle.edge} only"
            )


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
    return float(1.4826 * np.median(np.abs(difference / weights)[outside]))


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
        If the steepest rise is not where the element has its edge, or does not
        stand out of the noise.
    """
    low, high = bundle.e0_range
    e0 = normalized.e0
    name = f"{bundle.element} {bundle.edge}"
    if not low <= e0 <= high:
        raise EdgeError(
            f"the steepest rise is at {e0:.1f} eV; the {name} edge lies at {bundle.edge_energy:.0f} eV "
            f"(expected {low:.0f} to {high:.0f}): another element's edge, or energies that are not "
            "in eV?"
        )
    noise = noise_level(normalized)
    if noise > MAX_NOISE:
        raise EdgeError(
            f"the noise is {100 * noise:.0f} % of the edge step; expected at most "
            f"{100 * MAX_NOISE:.0f} %: is there an edge at all? Merge scans or choose another column"
        )
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
    middle = bundle.edge_energy + 10.0
    if abs(e0 - middle) > E0_DOUBTFUL:
        warnings.append(
            f"e0 = {e0:.1f} eV is unusual for {name} ({bundle.edge_energy:.0f} eV): check the energy "
            "calibration"
        )
    return tuple(warnings)
