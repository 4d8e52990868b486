"""Energy calibration from a reference foil.

Convention: the first inflection point of the metal's K edge (the first maximum of
the derivative) is put at the tabulated edge energy, 7112.0 eV for iron. Other
conventions (7110.75 eV after Kraft et al., Rev. Sci. Instrum. 67 (1996) 681)
differ by a constant; `--energy-shift` adds one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..edges import Absorber
from ..errors import CoverageError, EdgeError
from ..numerics import gaussian_kernel, vertex_offsets
from ..spectrum import FloatArray, Spectrum

__all__ = ["first_inflection", "foil_shift", "shifted"]

STEP = 0.1
FWHM = 1.5
REACH = 30.0


def first_inflection(energy: FloatArray, mu: FloatArray, near: float) -> float:
    """Energy of the first maximum of the derivative at an edge.

    mu is smoothed with a Gaussian of 1.5 eV FWHM on a 0.1 eV grid. The first
    maximum that reaches half of the highest one counts.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing, and absorption.
    near : float
        Where the edge is expected, in eV; it is looked for within 30 eV.

    Returns
    -------
    float
        Energy in eV.

    Raises
    ------
    CoverageError
        If the scan does not go over that range, or is too coarse in it.
    EdgeError
        If there is no rise in it.
    """
    inside = (energy > near - REACH) & (energy < near + REACH)
    if energy[0] > near - REACH or energy[-1] < near + REACH or np.count_nonzero(inside) < 40:
        raise CoverageError(
            f"the foil's scan has {np.count_nonzero(inside)} points within {REACH:g} eV of {near:.0f} "
            "eV; expected "
            "at least 40, on both sides: give a scan of the reference foil over the edge"
        )
    grid = np.arange(near - REACH, near + REACH + STEP / 2, STEP)
    values = np.interp(grid, energy, mu)
    kernel = gaussian_kernel(FWHM, STEP)
    smooth = np.convolve(np.pad(values, kernel.size // 2, mode="edge"), kernel, mode="valid")
    slope = np.gradient(smooth, STEP)
    top = float(slope.max())
    # A slope of noise has as many ups as downs.
    if not top > 3.0 * abs(float(np.percentile(slope, 5))) or top <= 0.0:
        raise EdgeError(
            f"the foil's scan has no rise within {REACH:g} eV of {near:.0f} eV; expected the edge of the "
            "metal: is "
            "this the foil's column?"
        )
    maxima = np.flatnonzero(
        (slope[1:-1] >= slope[:-2]) & (slope[1:-1] > slope[2:]) & (slope[1:-1] > 0.5 * top)
    )
    i = int(maxima[0]) + 1 if maxima.size else int(slope.argmax())
    i = min(max(i, 1), slope.size - 2)
    return float(grid[i] + STEP * vertex_offsets(*(slope[i - 1 : i + 2])))


def foil_shift(energy: FloatArray, mu: FloatArray, element: str | None, known: tuple[Absorber, ...]) -> float:
    """Shift in eV that puts a foil's first inflection at the tabulated energy.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        The foil's spectrum.
    element : str or None
        The foil's, where it is known.
    known : tuple of Absorber
        What it can be; without an element, the one nearest to the scan's middle.

    Returns
    -------
    float
        To be added to energies of the same calibration.

    Raises
    ------
    CoverageError, EdgeError
        As `first_inflection`.
    """
    middle = 0.5 * (energy[0] + energy[-1])
    of_element = [one for one in known if element is not None and one.element == element] or list(known)
    edge_energy = min(of_element, key=lambda one: abs(one.energy - middle)).energy
    return edge_energy - first_inflection(energy, mu, edge_energy)


def shifted(spectrum: Spectrum, shift: float, why: str) -> Spectrum:
    """The same spectrum with its energies shifted.

    Parameters
    ----------
    spectrum : Spectrum
    shift : float
        In eV.
    why : str
        For the output: "as asked", "from the foil foil.xdi".

    Returns
    -------
    Spectrum
    """
    return replace(
        spectrum,
        energy=spectrum.energy + shift,
        energy_shift=spectrum.energy_shift + shift,
        mu_source=f"{spectrum.mu_source}; energies shifted by {shift:+.3f} eV {why}",
    )
