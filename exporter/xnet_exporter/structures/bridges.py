"""Bridged dinuclear complexes: two metals of a kind that share oxide, chloride, carboxylate or others."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from .assemble import Bridged, Plan
from .geometries import GEOMETRIES, angles, assign_sites
from .ligands import Ligand, bridging_ligands, ligands
from .states import STATES, State, draw_elongation, draw_geometry, elongated_sites, ionic_radius

__all__ = ["draw_bridged"]


@dataclass(frozen=True)
class Bridge:
    """A kind of bridge between two metals.

    Parameters
    ----------
    ligands : tuple of tuple of str
        Choices: names of the bridging ligands, which take one site of each metal each.
    weight : float
        How often it is drawn.
    charges : tuple of int
        Of the metals that it joins.
    geometries : tuple of str
    angle : tuple of float, optional
        Range of metal - donor - metal in degrees, at the first ligand.
    apart : dict of str to tuple of float
        Range of the distance of the metals in Angstrom by element, where no angle gives it; other elements
        are not joined so.
    """

    ligands: tuple[tuple[str, ...], ...]
    weight: float
    charges: tuple[int, ...]
    geometries: tuple[str, ...]
    angle: tuple[float, float] | None = None
    apart: dict[str, tuple[float, float]] = field(default_factory=dict)


_CARBOXYLATES = ("mu-OAc", "mu-OAc", "mu-O2CH", "mu-O2CPh", "mu-O2CtBu")
_ALL = ("oct", "tet", "spy", "tbp", "sqp")
#: Angles and distances are those found in crystals.
BRIDGES = (
    Bridge((("mu-O",),), 2.0, (3, 4, 5, 6), ("oct", "tet", "spy", "tbp"), (120, 180)),
    Bridge((("mu-O2",) * 2,), 1.0, (3, 4, 5), ("oct", "spy", "tbp"), (93, 102)),
    Bridge((("mu-OH",) * 2,), 2.0, (2, 3), _ALL, (95, 105)),
    Bridge(
        tuple((name,) * 2 for name in ("mu-OMe", "mu-OEt", "mu-OtBu", "mu-OPh")),
        2.0,
        (2, 3, 4),
        _ALL,
        (97, 106),
    ),
    Bridge((("mu-Cl",) * 2,), 2.0, (1, 2, 3, 4), _ALL, (88, 98)),
    Bridge((("mu-S",) * 2,), 1.5, (3, 4, 5), ("tet", "spy"), (73, 77)),
    Bridge(
        tuple(("mu-O", name, name) for name in _CARBOXYLATES), 1.0, (3, 4), ("oct",), (115, 126)
    ),
    Bridge(
        tuple(("mu-OH", name, name) for name in _CARBOXYLATES), 0.7, (2, 3), ("oct",), (112, 124)
    ),
    # Paddle wheels; those of chromium have a quadruple bond.
    Bridge(
        tuple((name,) * 4 for name in _CARBOXYLATES),
        2.5,
        (2,),
        ("spy",),
        apart={
            "Cr": (2.30, 2.50), "Fe": (2.65, 2.85), "Co": (2.60, 2.80), "Ni": (2.58, 2.75),
            "Cu": (2.58, 2.70), "Zn": (2.88, 3.05),
        },
    ),
)  # fmt: skip
_TERMINAL = (
    *("H2O", "H2O", "H2O", "NH3", "NH3", "py", "py", "Cl", "Cl", "Cl", "OAc1", "MeCN", "DMF", "THF", "1Meim"),
    *("Br", "NCS", "N3", "MeOH", "SPh", "en", "bpy", "phen", "acac", "tmeda", "pic", "dien", "tacn"),
    *("metacn", "bpa", "tpy", "tp"),
)
_TERMINAL_OF_SULFIDES = ("SPh", "SPh", "SCys", "SMe", "StBu", "Cl", "Cl", "Br", "OPh", "1Meim", "edt", "bdt")
_TERMINAL_OF_HIGH_CHARGES = ("Cl", "Cl", "F", "OMe", "OtBu", "OPh", "OSiMe3", "H2O", "acac", "bpy")


def draw_bridged(element: str, rng: np.random.Generator) -> Plan | None:
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
    possible = [
        (bridge, state)
        for bridge in BRIDGES
        for state in STATES[element]
        if state.charge in bridge.charges
        and set(bridge.geometries) & set(state.geometries)
        and (bridge.angle is not None or element in bridge.apart)
    ]
    weights = np.array([bridge.weight * state.weight for bridge, state in possible])
    return _plan(element, *possible[int(rng.choice(len(possible), p=weights / weights.sum()))], rng)


def _plan(element: str, bridge: Bridge, state: State, rng: np.random.Generator) -> Plan | None:
    geometry = draw_geometry(state, bridge.geometries, rng)
    names = bridge.ligands[int(rng.integers(len(bridge.ligands)))]
    taken = _places(geometry, len(names), rng)
    shared = [bridging_ligands()[name] for name in names]
    terminal = _draw_terminal(len(GEOMETRIES[geometry]) - len(names), bridge, state, rng)
    if taken is None:
        return None
    sites = assign_sites(geometry, terminal, rng, taken)
    if sites is None:
        return None
    elongated = tuple(site for site in elongated_sites(state, geometry) if site not in taken)
    radius = ionic_radius(element, state, geometry, elongated=bool(elongated))
    if radius is None:
        return None
    angle = None if bridge.angle is None else float(rng.uniform(*bridge.angle))
    apart = None if angle is not None else float(rng.uniform(*bridge.apart[element]))
    return Plan(
        geometry,
        [*shared, *terminal],
        [*((site,) for site in taken), *sites],
        radius + 0.01 * float(rng.standard_normal()),
        elongated,
        draw_elongation(elongated, rng),
        Bridged(len(names), angle, apart),
    )


def _places(geometry: str, count: int, rng: np.random.Generator) -> tuple[int, ...] | None:
    """Sites beside each other for the bridges; the plane of a pyramid for four."""
    between = angles(geometry)
    if count == 4:
        return (0, 1, 2, 3)
    possible = [
        sites
        for sites in itertools.combinations(range(len(between)), count)
        if all(between[a, b] <= 121 for a, b in itertools.combinations(sites, 2))
    ]
    return possible[int(rng.integers(len(possible)))] if possible else None


def _draw_terminal(left: int, bridge: Bridge, state: State, rng: np.random.Generator) -> list[Ligand]:
    """The other ligands of each metal."""
    library = ligands()
    names: tuple[str, ...] = _TERMINAL
    if state.charge >= 4:
        names = _TERMINAL_OF_HIGH_CHARGES
    elif bridge.ligands[0][0] == "mu-S":
        names = _TERMINAL_OF_SULFIDES
    chosen = [library["oxo"]] if left > 0 and rng.random() < state.oxo else []
    left -= len(chosen)
    repeated = rng.random() < 0.6
    while left > 0:
        last = chosen[-1] if chosen else None
        if last is None or last.name == "oxo" or not repeated or last.denticity > left:
            fitting = [name for name in names if library[name].denticity <= left]
            last = library[fitting[int(rng.integers(len(fitting)))]]
        chosen.append(last)
        left -= last.denticity
    return chosen
