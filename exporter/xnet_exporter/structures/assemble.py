"""From a geometry and ligands to atoms: distance geometry, then a force field under the metal's constraints.

An iron atom stands for every metal here: only its distances, which are given, tell them apart.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from xnet_onnx.spectrum import FloatArray

from .cluster import IntArray
from .geometries import angles
from .ligands import Ligand, donor_distance

__all__ = ["Plan", "assemble"]

#: Atoms of the largest complex.
LARGEST = 230
#: How far the distance of a pi ligand's atom, and of another donor, may be from the one drawn, in Angstrom.
PI_WIDTH, WIDTH = 0.03, 0.008


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be assembled.

    Parameters
    ----------
    geometry : str
        Name of a polyhedron, or "pi" where pi ligands leave none.
    ligands : list of Ligand
    sites : list of tuple of int, or None
        Of each ligand; None with "pi".
    radius : float
        Ionic radius of the metal in Angstrom.
    elongated : tuple of int
        Sites of Jahn-Teller elongation.
    elongation : float
        By how much, in Angstrom.
    """

    geometry: str
    ligands: list[Ligand]
    sites: list[tuple[int, ...]] | None
    radius: float
    elongated: tuple[int, ...] = ()
    elongation: float = 0.0


class _Bounds:
    """Rdkit's matrix of bounds: the upper ones above the diagonal."""

    def __init__(self, matrix: FloatArray) -> None:
        self.matrix = matrix

    def set(self, i: int, j: int, low: float, high: float) -> None:
        i, j = min(i, j), max(i, j)
        self.matrix[i, j], self.matrix[j, i] = high, low

    def get(self, i: int, j: int) -> tuple[float, float]:
        i, j = min(i, j), max(i, j)
        return float(self.matrix[j, i]), float(self.matrix[i, j])


@dataclass(frozen=True, eq=False)
class _Parts:
    """The molecule in the making: atom 0 is the metal, `donors` are (atom, ligand, place in the ligand)."""

    molecule: Any
    numbers: IntArray
    bonds: IntArray
    donors: list[tuple[int, int, int]]
    distance: dict[int, float]


def _third_side(a: float, b: float, degrees: float) -> float:
    return float(np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.radians(degrees))))


def _put_together(plan: Plan, rng: np.random.Generator) -> _Parts | None:
    from rdkit import Chem

    molecule: Any = Chem.MolFromSmiles("[Fe]")
    donors, distance, drawn = [], {}, {}
    for place, ligand in enumerate(plan.ligands):
        start = molecule.GetNumAtoms()
        molecule = Chem.CombineMols(molecule, ligand.molecule)
        for k, donor in enumerate(ligand.donors):
            kind = ligand.class_of(ligand.molecule.GetAtomWithIdx(donor))
            mean, spread = donor_distance(kind, plan.radius)
            one_for_all = ligand.pi or ligand.donor_class == "porN"
            if (kind, place) not in drawn or not one_for_all:
                drawn[kind, place] = mean + spread * float(rng.standard_normal())
            length = drawn[kind, place] + (0.0 if ligand.pi else 0.01 * float(rng.standard_normal()))
            if plan.sites is not None and not ligand.pi and plan.sites[place][k] in plan.elongated:
                length += plan.elongation
            donors.append((start + donor, place, k))
            distance[start + donor] = length
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    molecule = Chem.AddHs(molecule)
    Chem.SanitizeMol(molecule)
    if molecule.GetNumAtoms() > LARGEST:
        return None
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
    bonds = np.asarray(Chem.GetDistanceMatrix(molecule)).astype(np.int64)
    return _Parts(molecule, numbers, bonds, donors, distance)


def _keep_ligands_apart(bounds: _Bounds, parts: _Parts) -> None:
    from rdkit import Chem

    fragment = np.zeros(len(parts.numbers), dtype=np.int64)
    for k, atoms in enumerate(Chem.GetMolFrags(parts.molecule)):
        fragment[list(atoms)] = k
    hydrogen = parts.numbers == 1
    for i, j in np.argwhere(np.triu(fragment[:, None] != fragment[None], 1)).tolist():
        low = (
            (2.4 if hydrogen[j] else 2.35)
            if i == 0
            else (2.7, 2.35, 2.0)[int(hydrogen[i]) + int(hydrogen[j])]
        )
        bounds.set(i, j, low, 18.0)


def _angle_at_donor(ligand: Ligand, atom: Any) -> tuple[float, float]:
    """Range of the angle metal - donor - next atom, in degrees."""
    from rdkit.Chem import HybridizationType

    hybrid, several = atom.GetHybridization(), ligand.denticity > 1
    if "straight" in ligand.traits:
        return 168, 180
    if "bent" in ligand.traits:
        return 140, 178
    if "chelate4" in ligand.traits:
        return 80, 100
    if ligand.name == "O2":
        return 112, 125
    if atom.GetFormalCharge() < 0 and atom.GetAtomicNum() == 8 and not several:
        return 115, 155
    if atom.GetIsAromatic() or hybrid == HybridizationType.SP2:
        return (106, 136) if several else (116, 134)
    return (165, 180) if hybrid == HybridizationType.SP else (97, 128)


def _angle_at_metal(
    ligands: list[Ligand], one: int, other: int, ideal: float, bonds: int
) -> tuple[float, float]:
    """Range of the angle donor - metal - donor in degrees, from the polyhedron's ideal one."""
    tolerance = 9.0
    if one == other:
        if bonds == 2:
            ideal = 66
        elif bonds == 3:
            ideal, tolerance = (80, 7) if ideal < 125 else (160, 20)
        elif bonds == 4:
            ideal, tolerance = (90, 8) if ideal < 125 else (165, 15)
        else:
            tolerance = 6 if "planar" in ligands[one].traits else 25
    elif ligands[one].denticity > 1 or ligands[other].denticity > 1:
        tolerance = 18
    return max(ideal - tolerance, 55), min(ideal + tolerance, 180)


def _bind(bounds: _Bounds, parts: _Parts, plan: Plan) -> None:
    """Bounds of what is bound to the metal: donors, the atoms next to them, donors among themselves."""
    distance, chosen = parts.distance, plan.ligands
    for atom, place, _ in parts.donors:
        width = PI_WIDTH if chosen[place].pi else WIDTH
        bounds.set(0, atom, distance[atom] - width, distance[atom] + width)
        if chosen[place].pi:
            continue
        donor = parts.molecule.GetAtomWithIdx(atom)
        low, high = _angle_at_donor(chosen[place], donor)
        for neighbour in donor.GetNeighbors():
            index = neighbour.GetIdx()
            if index not in distance:
                bond = sum(bounds.get(atom, index)) / 2
                a = distance[atom]
                bounds.set(0, index, _third_side(a, bond, low), _third_side(a, bond, high))
    between = None if plan.sites is None else angles(plan.geometry)
    for (a, one, k), (b, other, m) in itertools.combinations(parts.donors, 2):
        if between is None or plan.sites is None:
            if one != other:
                stacked = chosen[one].pi and chosen[other].pi
                bounds.set(a, b, 2.95 if stacked else 2.6, distance[a] + distance[b])
            continue
        ideal = float(between[plan.sites[one][k], plan.sites[other][m]])
        low, high = _angle_at_metal(chosen, one, other, ideal, int(parts.bonds[a, b]))
        bounds.set(
            a,
            b,
            _third_side(distance[a], distance[b], low),
            _third_side(distance[a], distance[b], high),
        )


def _embed(parts: _Parts, bounds: _Bounds, seed: int) -> int:
    from rdkit import DistanceGeometry
    from rdkit.Chem import rdDistGeom

    if not DistanceGeometry.DoTriangleSmoothing(bounds.matrix, 0.08):
        return -1
    parameters: Any = rdDistGeom.EmbedParameters()
    parameters.useRandomCoords = True
    parameters.randomSeed = seed
    parameters.SetBoundsMat(bounds.matrix)
    parameters.maxIterations = 8
    parameters.enforceChirality = False
    parameters.embedFragmentsSeparately = False
    parameters.useExpTorsionAnglePrefs = False
    parameters.useBasicKnowledge = True
    return int(rdDistGeom.EmbedMolecule(parts.molecule, parameters))


def _relax(parts: _Parts, bounds: _Bounds, plan: Plan, conformer: int) -> bool:
    from rdkit.Chem import AllChem

    field: Any = AllChem.UFFGetMoleculeForceField(  # type: ignore[attr-defined]
        parts.molecule, confId=conformer, ignoreInterfragInteractions=False, vdwThresh=8.0
    )
    if field is None:
        return False
    for atom, place, _ in parts.donors:
        length = parts.distance[atom]
        field.UFFAddDistanceConstraint(0, atom, False, length - 0.002, length + 0.002, 8000.0)
        if plan.ligands[place].pi:
            continue
        for neighbour in parts.molecule.GetAtomWithIdx(atom).GetNeighbors():
            if neighbour.GetIdx() not in parts.distance:
                low, high = bounds.get(0, neighbour.GetIdx())
                field.UFFAddDistanceConstraint(0, neighbour.GetIdx(), False, low, high, 300.0)
    if plan.sites is not None:
        for (a, _, _), (b, _, _) in itertools.combinations(parts.donors, 2):
            field.UFFAddDistanceConstraint(a, b, False, *bounds.get(a, b), 300.0)
    field.Initialize()
    field.Minimize(maxIts=400)
    return True


def _is_sound(parts: _Parts, positions: FloatArray) -> bool:
    """Whether every distance is one that a real complex could have."""
    distance = np.linalg.norm(positions, axis=1)
    if any(abs(distance[atom] - length) > 0.12 for atom, length in parts.distance.items()):
        return False
    heavy = parts.numbers > 1
    bound = np.zeros(len(heavy), dtype=bool)
    bound[list(parts.distance)] = True
    on_donor = (parts.bonds[:, bound] == 1).any(axis=1) & ~heavy & (distance < 2.6)
    free = ~bound & ~on_donor
    free[0] = False
    if (distance[free] < np.where(heavy[free], 2.25, 2.05)).any():
        return False
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    if (apart[parts.bonds == 1] > 2.6).any():
        return False
    far = parts.bonds > 3
    far[0] = far[:, 0] = False
    both = heavy[:, None] & heavy[None]
    donors = bound[:, None] & bound[None]
    return not ((far & both & ~donors & (apart < 2.45)).any() or (far & ~both & (apart < 1.65)).any())


def assemble(plan: Plan, rng: np.random.Generator) -> tuple[IntArray, FloatArray] | None:
    """Place the atoms of a complex.

    Parameters
    ----------
    plan : Plan
    rng : numpy.random.Generator

    Returns
    -------
    numbers, positions : ndarray, shape (n,) and (n, 3), or None
        The metal, as iron, first and at the origin; None where it cannot be built without clashes.
    """
    from rdkit.Chem import rdDistGeom

    parts = _put_together(plan, rng)
    if parts is None:
        return None
    bounds = _Bounds(np.asarray(rdDistGeom.GetMoleculeBoundsMatrix(parts.molecule)))
    _keep_ligands_apart(bounds, parts)
    _bind(bounds, parts, plan)
    conformer = _embed(parts, bounds, int(rng.integers(1, 2**30)))
    if conformer < 0 or not _relax(parts, bounds, plan, conformer):
        return None
    positions = np.asarray(parts.molecule.GetConformer(conformer).GetPositions(), dtype=np.float64)
    positions -= positions[0]
    for atom, place, _ in parts.donors:
        # Donors of one atom give way to each other's repulsion; nothing hangs on them.
        if plan.ligands[place].molecule.GetNumAtoms() == 1:
            positions[atom] *= parts.distance[atom] / np.linalg.norm(positions[atom])
    return (parts.numbers, positions) if _is_sound(parts, positions) else None
