"""Neutral complexes of halides: as many halides as the metal has charge, and neutral ligands for the rest.

FeCl2(py)4, ZnCl2(bpy), CoBr2(PPh3)2, CrCl3(THF)3: no type of complex is crystallised more often, and
ligands drawn one by one hardly ever make one.
"""

from __future__ import annotations

import numpy as np

from .assemble import Plan
from .geometries import GEOMETRIES, assign_sites
from .ligands import Ligand, ligands
from .states import STATES, State, draw_elongation, draw_geometry, draw_state, elongated_sites, ionic_radius

__all__ = ["draw_halide"]

#: Charges beyond that have oxo ligands; polyhedra with room for both kinds of ligand.
MOST_CHARGED = 4
_GEOMETRIES = ("tet", "sqp", "oct", "tbp", "spy")
_HALIDES = ("Cl", "Cl", "Cl", "Cl", "Cl", "Cl", "Br", "Br", "Br", "I", "NCS", "N3")
#: What an ion of charge 3 or more would take electrons from.
_REDUCING = "I"
#: Classes of donors of the neutral ligands.
_DONORS = frozenset(
    ("py", "amine", "phos", "ether", "carbO", "water", "PO", "nitrile", "NHC", "thioeth", "arsine")
)
#: Share of complexes whose neutral ligands are all of one kind, and of those of one charge, which have a
#: halide less.
ALIKE, CATIONIC = 0.75, 0.15
#: Phosphines and carbenes make a strong field: the share of low spin among complexes of these and of others,
#: beside that of all complexes of the ion.
STRONG, WEAK = 1.0, 0.2
TRIES = 40


def draw_halide(element: str, rng: np.random.Generator) -> Plan | None:
    """Draw what is to be assembled.

    Parameters
    ----------
    element : str
        Ti to Zn.
    rng : numpy.random.Generator

    Returns
    -------
    Plan or None
        None where the draw makes no sense.
    """
    states = [
        state
        for state in STATES[element]
        if state.charge <= MOST_CHARGED and set(state.geometries) & set(_GEOMETRIES)
    ]
    state = draw_state(states, rng)
    geometry = draw_geometry(state, _GEOMETRIES, rng)
    chosen = _draw_ligands(geometry, state, rng)
    if chosen is None:
        return None
    sites = None
    for _ in range(TRIES):
        sites = assign_sites(geometry, chosen, rng)
        if sites is not None:
            break
    elongated = elongated_sites(state, geometry)
    strong = any(ligand.donor_class in ("phos", "NHC") for ligand in chosen)
    low = rng.random() < state.low_spin * (STRONG if strong else WEAK) and geometry != "tet"
    radius = ionic_radius(element, state, geometry, elongated=bool(elongated), low_spin=low)
    if sites is None or radius is None:
        return None
    return Plan(
        geometry,
        chosen,
        sites,
        radius + 0.01 * float(rng.standard_normal()),
        elongated,
        draw_elongation(elongated, rng),
    )


def _draw_ligands(geometry: str, state: State, rng: np.random.Generator) -> list[Ligand] | None:
    """Halides of one kind, and neutral ligands of one kind or several."""
    library = ligands()
    names = [name for name in _HALIDES if state.charge < 3 or name != _REDUCING]
    halide = library[names[int(rng.integers(len(names)))]]
    count = state.charge - int(state.charge > 1 and rng.random() < CATIONIC)
    left = len(GEOMETRIES[geometry]) - count
    if left < 1:
        return None
    alike = rng.random() < ALIKE
    chosen: list[Ligand] = []
    while left > 0:
        if chosen and alike and chosen[-1].denticity <= left:
            ligand = chosen[-1]
        else:
            fitting = _neutral(geometry, left)
            # As often of one donor as of several: there are more of the latter.
            several = [one for one in fitting if one.denticity > 1]
            single = [one for one in fitting if one.denticity == 1]
            fitting = several if several and (not single or rng.random() < 0.5) else single
            if not fitting:
                return None
            ligand = fitting[int(rng.integers(len(fitting)))]
        chosen.append(ligand)
        left -= ligand.denticity
    if sum("bulky" in ligand.traits for ligand in chosen) > 2:
        return None
    return [*chosen, *[halide] * count]


def _neutral(geometry: str, left: int) -> list[Ligand]:
    """Ligands of the library without a charge that fit on so many sites."""
    found = []
    for ligand in ligands().values():
        if ligand.charge or ligand.denticity > left or ligand.donor_class not in _DONORS:
            continue
        if geometry == "tet" and (ligand.denticity > 2 or ligand.traits & {"ring", "mer", "planar"}):
            continue
        if "planar" in ligand.traits and geometry == "tbp":
            continue
        found.append(ligand)
    return found
