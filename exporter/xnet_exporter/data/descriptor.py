"""The target: the G2 part of the wACSF descriptor (paper section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xnet_onnx.errors import DataSetError
from xnet_onnx.spectrum import FloatArray

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["RadialGrid", "g2", "g2_of_shells", "neighbours"]


@dataclass(frozen=True)
class RadialGrid:
    """The 50 symmetry functions of the "shifted" scheme (paper section 2.2).

    Parameters
    ----------
    first, last : float
        Centres mu of the first and the last function, in Angstrom.
    count : int
        Number of functions.
    cutoff : float
        Cutoff radius r_c of equation (2), in Angstrom.
    weight : float
        Factor on the atomic numbers Z_j.
    """

    first: float = 1.0
    last: float = 6.0
    count: int = 50
    cutoff: float = 6.0
    weight: float = 0.1

    @property
    def centres(self) -> FloatArray:
        """Centres in Angstrom, shape (count,)."""
        return np.linspace(self.first, self.last, self.count)

    @property
    def eta(self) -> float:
        """Exponent eta = 1 / (2 dr^2), in 1/Angstrom^2."""
        dr = (self.last - self.first) / (self.count - 1)
        return 1.0 / (2.0 * dr * dr)


def neighbours(atoms: Atoms, absorber: int, cutoff: float) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Distances and atomic numbers of the atoms around one atom.

    Parameters
    ----------
    atoms : ase.Atoms
        A structure; with periodic boundary conditions, every image within the
        cutoff counts.
    absorber : int
        Index of the absorbing atom.
    cutoff : float
        Largest distance in Angstrom.

    Returns
    -------
    distances : ndarray of float64, shape (m,)
        In Angstrom, ascending; equal ones in order of atomic number.
    numbers : ndarray of int64, shape (m,)

    Raises
    ------
    DataSetError
        If there is no such atom, a position is not finite, or an atom lies on
        the absorber.
    """
    if not 0 <= absorber < len(atoms):
        raise DataSetError(
            f"absorber {absorber} asked for in a structure of {len(atoms)} atoms; expected an index "
            f"from 0 to {len(atoms) - 1}"
        )
    if not np.all(np.isfinite(atoms.positions)):
        raise DataSetError("a position is NaN or infinite; expected coordinates in Angstrom")
    if atoms.pbc.any():
        from ase.neighborlist import neighbor_list

        centre, neighbour, distance = neighbor_list("ijd", atoms, cutoff)
        chosen = centre == absorber
        r, z = distance[chosen], atoms.numbers[neighbour[chosen]]
    else:
        others = np.arange(len(atoms)) != absorber
        r = np.linalg.norm(atoms.positions[others] - atoms.positions[absorber], axis=1)
        z = atoms.numbers[others]
        r, z = r[r <= cutoff], z[r <= cutoff]
    order = np.lexsort((z, r))
    r, z = r[order].astype(np.float64), z[order].astype(np.int64)
    if r.size and r[0] < 0.1:
        raise DataSetError(
            f"an atom lies {r[0]:.3f} Angstrom from the absorber; expected at least 0.1: is it listed twice?"
        )
    return r, z


def g2(atoms: Atoms, absorber: int, grid: RadialGrid | None = None) -> FloatArray:
    """G2 of the wACSF around one atom: equations (1) and (2) of the paper.

    Parameters
    ----------
    atoms : ase.Atoms
        A structure, periodic or not.
    absorber : int
        Index of the absorbing atom.
    grid : RadialGrid, optional
        The symmetry functions; the paper's by default.

    Returns
    -------
    ndarray of float64, shape (grid.count,)

    Raises
    ------
    DataSetError
        As `neighbours`.
    """
    grid = RadialGrid() if grid is None else grid
    return g2_of_shells(*neighbours(atoms, absorber, grid.cutoff), grid)


def g2_of_shells(distances: FloatArray, numbers: npt.NDArray[np.int64], grid: RadialGrid) -> FloatArray:
    """G2 from the distances and atomic numbers around the absorber.

    Parameters
    ----------
    distances : ndarray of float64, shape (m,)
        In Angstrom.
    numbers : ndarray of int64, shape (m,)
    grid : RadialGrid

    Returns
    -------
    ndarray of float64, shape (grid.count,)
    """
    r = distances[:, np.newaxis]
    cutoff = np.where(r <= grid.cutoff, 0.5 * (np.cos(np.pi * r / grid.cutoff) + 1.0), 0.0)
    z = grid.weight * numbers[:, np.newaxis]
    terms = z * cutoff * np.exp(-grid.eta * (r - grid.centres) ** 2)
    return np.asarray(terms.sum(axis=0), dtype=np.float64)
