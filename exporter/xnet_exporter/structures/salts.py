"""Salts: complexes of small ligands among the counterions and the solvent that they crystallise with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.spectrum import FloatArray

from .assemble import Plan
from .cluster import RADIUS, IntArray
from .geometries import GEOMETRIES, assign_sites
from .ligands import Ligand, ligands
from .states import STATES, State, draw_elongation, draw_state, elongated_sites, ionic_radius

__all__ = ["draw_salt", "surround"]

#: Polyhedra in which such complexes are found, and the ligands of each.
_LIGANDS = {
    "tet": ("Cl", "Cl", "Cl", "Cl", "Br", "I", "NCS", "N3", "SPh"),
    "sqp": ("Cl", "Cl", "Br", "NCS", "NH3", "N3"),
    "oct": ("Cl", "Cl", "Br", "F", "F", "NCS", "H2O", "H2O", "H2O", "NH3", "NH3"),
}
#: Ligands that an ion of charge 3 or more would take electrons from.
_REDUCING = ("I", "SPh")
_CATIONS = {
    "Na": "[Na+]",
    "K": "[K+]",
    "Rb": "[Rb+]",
    "Cs": "[Cs+]",
    "NH4": "[NH4+]",
    "NMe4": "C[N+](C)(C)C",
    "NH2Me2": "C[NH2+]C",
    "pyH": "c1cc[nH+]cc1",
    "mmim": "C[n+]1ccn(C)c1",
    "PMe4": "C[P+](C)(C)C",
}
_ANIONS = {
    "Cl": "[Cl-]",
    "Br": "[Br-]",
    "ClO4": "[O-]Cl(=O)(=O)=O",
    "NO3": "[O-][N+](=O)[O-]",
    "BF4": "F[B-](F)(F)F",
    "PF6": "F[P-](F)(F)(F)(F)F",
    "SO4": "[O-]S(=O)(=O)[O-]",
}
_SOLVENTS = {"H2O": "O", "MeCN": "CC#N", "MeOH": "CO", "DCM": "ClCCl"}
#: How many counterions and molecules at most, and the share of solvent among them.
MOST, SOLVENT = 14, 0.2
#: Ways in which each is tried, of which the one that lies nearest is taken.
TRIES = 40
#: Half the distance at which two atoms that are not bound touch, in Angstrom: van der Waals radii; of
#: alkali ions what they leave of the distances in their chlorides.
_REACH = {
    "H": 1.1, "B": 1.7, "C": 1.65, "N": 1.5, "O": 1.45, "F": 1.4, "P": 1.8, "S": 1.75, "Cl": 1.75,
    "Br": 1.85, "I": 2.0, "Na": 1.05, "K": 1.4, "Rb": 1.55, "Cs": 1.75,
}  # fmt: skip
#: Of a hydrogen on oxygen or nitrogen, of a metal, and of two hydrogens together.
_POLAR, _METAL, _HYDROGENS = 0.45, 2.0, 2.0


@dataclass(frozen=True, eq=False)
class _Piece:
    """An ion or a molecule: atomic numbers, positions about its centre, how far each atom reaches."""

    numbers: IntArray
    positions: FloatArray
    reach: FloatArray


def draw_salt(element: str, rng: np.random.Generator) -> Plan | None:
    """Draw what is to be assembled, and what is to be put around it.

    Parameters
    ----------
    element : str
        Ti to Zn.
    rng : numpy.random.Generator

    Returns
    -------
    Plan or None
        With `outside`; None where the draw makes no sense.
    """
    states = [
        state for state in STATES[element] if state.charge <= 4 and set(state.geometries) & set(_LIGANDS)
    ]
    state = draw_state(states, rng)
    names = [name for name in state.geometries if name in _LIGANDS]
    # Tetrahedra as often as octahedra: most salts of halides have them.
    shares = np.array([state.geometries[name] if name == "sqp" else 0.5 for name in names])
    geometry = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    chosen = _draw_ligands(geometry, state, rng)
    sites = assign_sites(geometry, chosen, rng)
    if sites is None:
        return None
    elongated = elongated_sites(state, geometry)
    radius = ionic_radius(element, state, geometry, elongated=bool(elongated))
    if radius is None:
        return None
    charge = state.charge + sum(ligand.charge for ligand in chosen)
    return Plan(
        geometry,
        chosen,
        sites,
        radius + 0.01 * float(rng.standard_normal()),
        elongated,
        draw_elongation(elongated, rng),
        outside=_draw_outside(charge, rng),
    )


def _draw_ligands(geometry: str, state: State, rng: np.random.Generator) -> list[Ligand]:
    """One kind of ligand, or two."""
    names = [name for name in _LIGANDS[geometry] if state.charge < 3 or name not in _REDUCING]
    first, second = (names[int(rng.integers(len(names)))] for _ in range(2))
    count = len(GEOMETRIES[geometry])
    others = int(rng.integers(1, count)) if rng.random() < 0.25 else 0
    return [ligands()[first]] * (count - others) + [ligands()[second]] * others


def _draw_outside(charge: int, rng: np.random.Generator) -> tuple[str, ...]:
    """One kind of counterion, or none for what has no charge, and one of solvent between."""
    counterions = list(_CATIONS if charge < 0 else _ANIONS)
    solvents = list(_SOLVENTS)
    counterion = counterions[int(rng.integers(len(counterions)))]
    solvent = solvents[int(rng.integers(len(solvents)))]
    between = rng.random(MOST) < (1.0 if charge == 0 else SOLVENT * float(rng.random() < 0.5))
    return tuple(solvent if one else counterion for one in between)


@lru_cache(maxsize=64)
def _piece(name: str) -> _Piece:
    from rdkit import Chem
    from rdkit.Chem import AllChem, rdDistGeom

    smiles = {**_CATIONS, **_ANIONS, **_SOLVENTS}[name]
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(molecule, randomSeed=1)
    if molecule.GetNumAtoms() > 1:
        AllChem.UFFOptimizeMolecule(molecule)  # type: ignore[attr-defined]
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], dtype=np.int64)
    positions = np.asarray(molecule.GetConformer().GetPositions(), dtype=float)
    return _Piece(numbers, positions - positions.mean(axis=0), _reach(numbers, positions))


def _reach(numbers: IntArray, positions: FloatArray) -> FloatArray:
    """How far each atom reaches, in Angstrom; those on nitrogen and oxygen little."""
    reach = np.array([_REACH.get(SYMBOLS[z - 1], _METAL) for z in numbers])
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    polar = ((apart < 1.15) & np.isin(numbers, (7, 8))[None]).any(axis=1)
    return np.asarray(np.where((numbers == 1) & polar, _POLAR, reach))


def surround(
    numbers: IntArray, positions: FloatArray, outside: tuple[str, ...], rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Put ions and molecules around a complex until there is no room near it.

    Each is turned at random and brought in from random directions until it touches; where it comes
    nearest, there it stays.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        The metal's first.
    positions : ndarray of float64, shape (n, 3)
        In Angstrom, the metal at the origin.
    outside : tuple of str
        Their names, in the order in which they are brought in.
    rng : numpy.random.Generator

    Returns
    -------
    numbers : ndarray of int64, shape (m,)
    positions : ndarray of float64, shape (m, 3)
        The complex's atoms first.
    """
    reach = _reach(numbers, positions)
    for name in outside:
        piece = _piece(name)
        contact = _contact(numbers, reach * float(rng.uniform(1.0, 1.06)), piece)
        ways = [_brought_in(piece, positions, contact, rng) for _ in range(TRIES)]
        nearest = min(ways, key=lambda way: float(np.linalg.norm(way, axis=1).min()))
        if np.linalg.norm(nearest, axis=1).min() > RADIUS:
            break
        numbers = np.r_[numbers, piece.numbers]
        positions = np.r_[positions, nearest]
        reach = np.r_[reach, piece.reach]
    return numbers, positions


def _contact(numbers: IntArray, reach: FloatArray, piece: _Piece) -> FloatArray:
    """Distances at which atoms touch a piece's, shape (n, m)."""
    contact = reach[:, None] + piece.reach[None]
    hydrogens = (numbers[:, None] == 1) & (piece.numbers[None] == 1)
    return np.where(hydrogens, np.maximum(contact, _HYDROGENS), contact)


def _brought_in(
    piece: _Piece, positions: FloatArray, contact: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Where a piece comes to rest that is brought in on a straight line to the metal."""
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turned = piece.positions @ (turn * np.sign(np.linalg.det(turn)))
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    # Atoms i and j are nearer than their contact while the piece's centre is between the roots of a
    # quadratic; it comes from outside, so the largest upper root stops it.
    apart = turned[None] - positions[:, None]
    along = apart @ direction
    missing = contact**2 - ((apart**2).sum(axis=2) - along**2)
    stops = np.where(missing > 0, np.sqrt(np.maximum(missing, 0.0)) - along, -np.inf)
    return np.asarray(turned + direction * max(float(stops.max()), 0.0))
