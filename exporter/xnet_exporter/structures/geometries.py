"""Coordination polyhedra, and which sites a ligand takes on one."""

from __future__ import annotations

import itertools

import numpy as np

from xnet_onnx.spectrum import FloatArray

from .ligands import Ligand

__all__ = ["GEOMETRIES", "angles", "assign_sites"]


def _unit(rows: list[list[float]]) -> FloatArray:
    vectors = np.array(rows, dtype=np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


_OCT = _unit([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
_TBP = _unit([[0, 0, 1], [0, 0, -1], [1, 0, 0], [-0.5, 0.866, 0], [-0.5, -0.866, 0]])
_RING5 = [[float(np.cos(t)), float(np.sin(t)), 0.0] for t in np.arange(5) * 2 * np.pi / 5]
_PRISM = [[float(np.cos(t)), float(np.sin(t)), h] for h in (0.8, -0.8) for t in np.arange(3) * 2 * np.pi / 3]

#: Unit vectors from the metal, shape (coordination number, 3), by name.
GEOMETRIES: dict[str, FloatArray] = {
    "oct": _OCT,
    "tet": _unit([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]),
    "sqp": _OCT[:4],
    "spy": np.vstack([_unit([[*v[:2], -0.2] for v in _OCT[:4].tolist()]), [[0, 0, 1]]]),
    "tbp": _TBP,
    "tpl": _TBP[2:],
    "lin": _TBP[:2],
    "pbp": _unit([*_RING5, [0, 0, 1], [0, 0, -1]]),
    "tpr": _unit(_PRISM),
}


def angles(geometry: str) -> FloatArray:
    """Angle in degrees between every two sites of a polyhedron, shape (n, n)."""
    vectors = GEOMETRIES[geometry]
    return np.asarray(np.degrees(np.arccos(np.clip(vectors @ vectors.T, -1, 1))))


def _fits(ligand: Ligand, sites: tuple[int, ...], between: FloatArray) -> bool:
    """Whether neighbouring donors of a ligand lie near enough to each other on these sites."""
    if any(between[a, b] > 121 for a, b in itertools.pairwise(sites)):
        return False
    ends = between[sites[0], sites[-1]]
    if "mer" in ligand.traits and len(sites) == 3:
        return bool(ends >= 140)
    if ligand.traits & {"fac", "ring"}:
        return bool(ends <= 121)
    return True


def assign_sites(
    geometry: str, chosen: list[Ligand], rng: np.random.Generator, taken: tuple[int, ...] = ()
) -> list[tuple[int, ...]] | None:
    """Give each ligand its sites at random.

    Parameters
    ----------
    geometry : str
    chosen : list of Ligand
        Their denticities add up to the number of free sites.
    rng : numpy.random.Generator
    taken : tuple of int
        Sites that are not free.

    Returns
    -------
    list of tuple of int, or None
        Sites of each ligand, in its donors' order; None where they do not fit.
    """
    between = angles(geometry)
    free = [site for site in range(len(between)) if site not in taken]
    sites: dict[int, tuple[int, ...]] = {}
    for index in sorted(range(len(chosen)), key=lambda i: -chosen[i].denticity):
        ligand = chosen[index]
        possible: list[tuple[int, ...]]
        if "planar" in ligand.traits:
            possible = [(0, 1, 2, 3)] if {0, 1, 2, 3} <= set(free) else []
        else:
            possible = [
                p for p in itertools.permutations(free, ligand.denticity) if _fits(ligand, p, between)
            ]
        if not possible:
            return None
        sites[index] = possible[int(rng.integers(len(possible)))]
        free = [site for site in free if site not in sites[index]]
    return [sites[i] for i in range(len(chosen))]
