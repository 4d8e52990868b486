"""From a geometry and ligands to atoms: distance geometry, then a force field under the metal's constraints.

An iron atom stands for every metal here: only its distances, which are given, tell them apart. A complex
has one metal, or two of a kind that share bridging ligands.
"""

from __future__ import annotations

import itertools
from collections import Counter
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
#: Distance of the two oxygen atoms of a carboxylate, in Angstrom.
BITE = 2.22


@dataclass(frozen=True)
class Bridged:
    """How two metals share ligands.

    Parameters
    ----------
    count : int
        The first so many ligands of a plan are bridges: of one donor, bound to both metals, or of two, one
        for each. The other ligands are on each metal.
    angle : float, optional
        Metal - donor - metal in degrees, at the first bridge.
    apart : float, optional
        Distance of the metals in Angstrom, where no angle gives it.
    """

    count: int
    angle: float | None = None
    apart: float | None = None


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
    bridged : Bridged, optional
        Of two metals; both have the geometry, the sites and the radius.
    outside : tuple of str
        Counterions and molecules of solvent to be put around it.
    """

    geometry: str
    ligands: list[Ligand]
    sites: list[tuple[int, ...]] | None
    radius: float
    elongated: tuple[int, ...] = ()
    elongation: float = 0.0
    bridged: Bridged | None = None
    outside: tuple[str, ...] = ()

    @property
    def metals(self) -> int:
        """How many."""
        return 1 if self.bridged is None else 2

    def bridges(self, place: int) -> bool:
        """Whether a ligand is bound to two metals."""
        return self.bridged is not None and place < self.bridged.count


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


@dataclass(frozen=True)
class _Link:
    """A metal's bond: metal, donor (atoms), place of the ligand in the plan, the site, length in Angstrom."""

    metal: int
    atom: int
    place: int
    site: int
    length: float


@dataclass(frozen=True, eq=False)
class _Parts:
    """The molecule in the making: the metals are its first atoms."""

    molecule: Any
    numbers: IntArray
    bonds: IntArray
    links: list[_Link]

    @property
    def donors(self) -> set[int]:
        """Atoms bound to a metal."""
        return {link.atom for link in self.links}


def _third_side(a: float, b: float, degrees: float) -> float:
    return float(np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.radians(degrees))))


def _put_together(plan: Plan, rng: np.random.Generator) -> _Parts | None:
    from rdkit import Chem

    molecule: Any = Chem.MolFromSmiles(".".join(["[Fe]"] * plan.metals))
    links: list[_Link] = []
    for place, ligand in enumerate(plan.ligands):
        shared = plan.bridges(place)
        drawn: dict[str, float] = {}
        for metal in range(1 if shared else plan.metals):
            start = molecule.GetNumAtoms()
            molecule = Chem.CombineMols(molecule, ligand.molecule)
            one_for_all = shared or ligand.pi or ligand.donor_class == "porN"
            for k, (to, donor) in enumerate(_bonds(ligand, metal, shared)):
                kind = ligand.class_of(ligand.molecule.GetAtomWithIdx(donor))
                mean, spread = donor_distance(kind, plan.radius)
                if kind not in drawn or not one_for_all:
                    drawn[kind] = mean + spread * float(rng.standard_normal())
                length = drawn[kind] + (0.0 if ligand.pi else 0.01 * float(rng.standard_normal()))
                site = -1
                if plan.sites is not None and not ligand.pi:
                    site = plan.sites[place][0 if shared else k]
                    length += plan.elongation if site in plan.elongated else 0.0
                links.append(_Link(to, start + donor, place, site, length))
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    molecule = Chem.AddHs(molecule)
    Chem.SanitizeMol(molecule)
    if molecule.GetNumAtoms() > LARGEST:
        return None
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
    bonds = np.asarray(Chem.GetDistanceMatrix(molecule)).astype(np.int64)
    return _Parts(molecule, numbers, bonds, links)


def _bonds(ligand: Ligand, metal: int, shared: bool) -> list[tuple[int, int]]:
    """Metal and donor of each bond of one copy of a ligand."""
    if not shared:
        return [(metal, donor) for donor in ligand.donors]
    return list(enumerate(ligand.donors if len(ligand.donors) == 2 else ligand.donors * 2))


def _keep_ligands_apart(bounds: _Bounds, parts: _Parts, metals: int) -> None:
    from rdkit import Chem

    fragment = np.zeros(len(parts.numbers), dtype=np.int64)
    for k, atoms in enumerate(Chem.GetMolFrags(parts.molecule)):
        fragment[list(atoms)] = k
    hydrogen = parts.numbers == 1
    for i, j in np.argwhere(np.triu(fragment[:, None] != fragment[None], 1)).tolist():
        low = (
            (2.4 if hydrogen[j] else 2.35)
            if i < metals
            else (2.7, 2.35, 2.0)[int(hydrogen[i]) + int(hydrogen[j])]
        )
        bounds.set(i, j, low, 18.0)


def _angle_at_donor(ligand: Ligand, atom: Any) -> tuple[float, float]:
    """Range of the angle metal - donor - next atom, in degrees."""
    from rdkit.Chem import HybridizationType

    if "bridge" in ligand.traits:
        return (118, 138) if len(ligand.donors) > 1 else (104, 138)
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
    """Bounds of what is bound to a metal: donors, the atoms next to them, donors among themselves."""
    chosen, donors = plan.ligands, parts.donors
    for link in parts.links:
        width = PI_WIDTH if chosen[link.place].pi else WIDTH
        bounds.set(link.metal, link.atom, link.length - width, link.length + width)
        if chosen[link.place].pi:
            continue
        donor = parts.molecule.GetAtomWithIdx(link.atom)
        low, high = _angle_at_donor(chosen[link.place], donor)
        for neighbour in donor.GetNeighbors():
            index = neighbour.GetIdx()
            if index not in donors:
                bond = sum(bounds.get(link.atom, index)) / 2
                a = link.length
                bounds.set(link.metal, index, _third_side(a, bond, low), _third_side(a, bond, high))
    between = None if plan.sites is None else angles(plan.geometry)
    for one, other in _pairs(parts):
        a, b = one.length, other.length
        if between is None:
            if one.place != other.place:
                stacked = chosen[one.place].pi and chosen[other.place].pi
                bounds.set(one.atom, other.atom, 2.95 if stacked else 2.6, a + b)
            continue
        ideal = float(between[one.site, other.site])
        low, high = _angle_at_metal(
            chosen, one.place, other.place, ideal, int(parts.bonds[one.atom, other.atom])
        )
        if plan.bridged is not None:
            low, high = _angle_of_bridged(plan, one, other, low, high)
        bounds.set(one.atom, other.atom, _third_side(a, b, low), _third_side(a, b, high))
    if plan.bridged is not None:
        apart = _metals_apart(parts, plan.bridged)
        bounds.set(0, 1, apart - WIDTH, apart + WIDTH)
        for metal, atom, least in _across(parts, plan.bridged):
            bounds.set(metal, atom, least, apart + bounds.get(1 - metal, atom)[1])


def _across(parts: _Parts, bridged: Bridged) -> list[tuple[int, int, float]]:
    """For bridges of two donors: a metal, the other metal's donor, and how far apart they are at least.

    Metals and carboxylate lie in a plane, or nearly.
    """
    apart = _metals_apart(parts, bridged)
    shared = [link for link in parts.links if link.place < bridged.count]
    alone = Counter(link.atom for link in shared)
    return [
        (1 - link.metal, link.atom, float(np.sqrt(link.length**2 + BITE * apart)) - 0.15)
        for link in shared
        if alone[link.atom] == 1
    ]


def _pairs(parts: _Parts) -> list[tuple[_Link, _Link]]:
    """Every two bonds of one metal."""
    return [(one, other) for one, other in itertools.combinations(parts.links, 2) if one.metal == other.metal]


def _angle_of_bridged(plan: Plan, one: _Link, other: _Link, low: float, high: float) -> tuple[float, float]:
    """The range of an angle donor - metal - donor where bridges turn a polyhedron's angles."""
    bridged = plan.bridged
    if bridged is not None and plan.bridges(one.place) and plan.bridges(other.place):
        if bridged.count == 2 and bridged.angle is not None:
            # The two metals and the two donors are a rhombus, flat or a little folded.
            return 180 - bridged.angle - 6, 180 - bridged.angle
        return low, high
    return max(low - 8, 55), min(high + 8, 180)


def _metals_apart(parts: _Parts, bridged: Bridged) -> float:
    if bridged.apart is not None:
        return bridged.apart
    one, other = parts.links[:2]
    return _third_side(one.length, other.length, bridged.angle or 180)


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
    donors = parts.donors
    for link in parts.links:
        field.UFFAddDistanceConstraint(
            link.metal, link.atom, False, link.length - 0.002, link.length + 0.002, 8000.0
        )
        if plan.ligands[link.place].pi:
            continue
        for neighbour in parts.molecule.GetAtomWithIdx(link.atom).GetNeighbors():
            if neighbour.GetIdx() not in donors:
                low, high = bounds.get(link.metal, neighbour.GetIdx())
                field.UFFAddDistanceConstraint(link.metal, neighbour.GetIdx(), False, low, high, 300.0)
    if plan.sites is not None:
        for one, other in _pairs(parts):
            a, b = one.atom, other.atom
            field.UFFAddDistanceConstraint(a, b, False, *bounds.get(a, b), 300.0)
    if plan.bridged is not None:
        field.UFFAddDistanceConstraint(0, 1, False, *bounds.get(0, 1), 8000.0)
        for metal, atom, _ in _across(parts, plan.bridged):
            field.UFFAddDistanceConstraint(metal, atom, False, *bounds.get(metal, atom), 300.0)
    field.Initialize()
    field.Minimize(maxIts=400)
    return True


def _is_sound(parts: _Parts, positions: FloatArray, plan: Plan) -> bool:
    """Whether every distance is one that a real complex could have."""
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    if any(abs(apart[link.metal, link.atom] - link.length) > 0.12 for link in parts.links):
        return False
    heavy = parts.numbers > 1
    bound = np.zeros(len(heavy), dtype=bool)
    bound[list(parts.donors)] = True
    near_donor = (parts.bonds[:, bound] == 1).any(axis=1) & ~heavy
    across = [] if plan.bridged is None else _across(parts, plan.bridged)
    if any(apart[metal, atom] < least - 0.1 for metal, atom, least in across):
        return False
    metals = plan.metals
    for metal in range(metals):
        distance = apart[metal]
        mine = np.zeros(len(heavy), dtype=bool)
        mine[[link.atom for link in parts.links if link.metal == metal]] = True
        free = ~mine & ~(near_donor & (distance < 2.6))
        free[:metals] = False
        if (distance[free] < np.where(heavy[free], 2.25, 2.05)).any():
            return False
    if (apart[parts.bonds == 1] > 2.6).any():
        return False
    far = parts.bonds > 3
    far[:metals] = far[:, :metals] = False
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
        The metals, as iron, first, and the first at the origin; None where it cannot be built without
        clashes.
    """
    from rdkit.Chem import rdDistGeom

    parts = _put_together(plan, rng)
    if parts is None:
        return None
    bounds = _Bounds(np.asarray(rdDistGeom.GetMoleculeBoundsMatrix(parts.molecule)))
    _keep_ligands_apart(bounds, parts, plan.metals)
    _bind(bounds, parts, plan)
    conformer = _embed(parts, bounds, int(rng.integers(1, 2**30)))
    if conformer < 0 or not _relax(parts, bounds, plan, conformer):
        return None
    positions = np.asarray(parts.molecule.GetConformer(conformer).GetPositions(), dtype=np.float64)
    positions -= positions[0]
    for link in parts.links:
        # Donors of one atom give way to each other's repulsion; nothing hangs on them.
        if plan.ligands[link.place].molecule.GetNumAtoms() == 1 and not plan.bridges(link.place):
            bond = positions[link.atom] - positions[link.metal]
            positions[link.atom] = positions[link.metal] + bond * (link.length / np.linalg.norm(bond))
    return (parts.numbers, positions) if _is_sound(parts, positions, plan) else None
