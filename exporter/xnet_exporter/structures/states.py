"""Charges of the metals, and the polyhedra in which complexes have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .geometries import GEOMETRIES
from .radii import shannon_radius

__all__ = [
    "STATES",
    "State",
    "draw_elongation",
    "draw_geometry",
    "draw_state",
    "elongated_sites",
    "ionic_radius",
]


@dataclass(frozen=True)
class State:
    """A charge of a metal, and where it is found.

    Parameters
    ----------
    charge : int
    weight : float
        How often it is drawn.
    geometries : dict of str to float
        How often each polyhedron is.
    oxo : float
        Share of complexes that are given terminal oxo ligands.
    low_spin : float
        Share in low spin, where the element has one.
    elongated : bool
        Jahn-Teller elongation along one axis of an octahedron or pyramid.
    """

    charge: int
    weight: float
    geometries: dict[str, float]
    oxo: float = 0.0
    low_spin: float = 0.0
    elongated: bool = False


_MOST = {"oct": 0.5, "tet": 0.2, "spy": 0.1, "tbp": 0.12, "sqp": 0.02, "tpl": 0.03, "pbp": 0.02, "tpr": 0.01}
_OCTAHEDRAL = {"oct": 0.85, "spy": 0.1, "tbp": 0.05}
_OXO = {"tet": 0.5, "spy": 0.25, "oct": 0.15, "tbp": 0.1}

#: Jahn-Teller elongation in Angstrom.
ELONGATION = (0.15, 0.4)

#: Charges by element.
STATES: dict[str, tuple[State, ...]] = {
    "Ti": (
        State(4, 5, {"tet": 0.45, "oct": 0.4, "tbp": 0.1, "spy": 0.05}, oxo=0.15),
        State(3, 1, _OCTAHEDRAL),
    ),
    "V": (
        State(5, 4, _OXO, oxo=0.85),
        State(4, 3, {"spy": 0.6, "oct": 0.3, "tet": 0.1}, oxo=0.8),
        State(3, 2, _OCTAHEDRAL),
    ),
    "Cr": (
        State(6, 3, {"tet": 0.9, "oct": 0.05, "tbp": 0.05}, oxo=1.0),
        State(3, 6, {"oct": 0.95, "spy": 0.05}),
        State(2, 1, {"oct": 0.5, "sqp": 0.3, "tet": 0.2}, elongated=True),
    ),
    "Mn": (
        State(2, 5, _MOST),
        State(3, 3, {"oct": 0.75, "spy": 0.25}, elongated=True),
        State(4, 2, {"oct": 1.0}, oxo=0.2),
        State(7, 0.5, {"tet": 1.0}, oxo=1.0),
    ),
    "Fe": (
        State(2, 5, _MOST, low_spin=0.45),
        State(3, 5, _MOST, oxo=0.03, low_spin=0.4),
        State(4, 0.5, {"oct": 0.7, "tet": 0.3}, oxo=0.7, low_spin=1.0),
    ),
    "Co": (
        State(2, 5, {"oct": 0.4, "tet": 0.4, "tbp": 0.1, "sqp": 0.05, "spy": 0.05}, low_spin=0.15),
        State(3, 5, {"oct": 0.95, "spy": 0.05}, low_spin=0.97),
    ),
    "Ni": (
        State(2, 1, {"oct": 0.45, "sqp": 0.3, "tet": 0.15, "spy": 0.05, "tbp": 0.05}),
    ),
    "Cu": (
        State(1, 4, {"tet": 0.5, "tpl": 0.35, "lin": 0.15}),
        State(2, 6, {"oct": 0.3, "spy": 0.3, "sqp": 0.3, "tbp": 0.1}, elongated=True),
    ),
    "Zn": (State(2, 1, {"tet": 0.55, "oct": 0.25, "tbp": 0.12, "spy": 0.08}),),
}  # fmt: skip


def draw_state(states: Sequence[State], rng: np.random.Generator) -> State:
    """Draw one by its weight.

    Parameters
    ----------
    states : sequence of State
    rng : numpy.random.Generator

    Returns
    -------
    State
    """
    weights = np.array([state.weight for state in states])
    return states[int(rng.choice(len(states), p=weights / weights.sum()))]


def draw_geometry(state: State, geometries: Collection[str], rng: np.random.Generator) -> str:
    """Draw one of a state's polyhedra by how often it is.

    Parameters
    ----------
    state : State
    geometries : collection of str
        Which may be drawn; the state has one of them.
    rng : numpy.random.Generator

    Returns
    -------
    str
    """
    names = [name for name in state.geometries if name in geometries]
    weights = np.array([state.geometries[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def elongated_sites(state: State, geometry: str) -> tuple[int, ...]:
    """Sites of a polyhedron along which a state elongates it; none where it does not."""
    if not state.elongated:
        return ()
    return {"oct": (4, 5), "spy": (4,)}.get(geometry, ())


def draw_elongation(sites: tuple[int, ...], rng: np.random.Generator) -> float:
    """Draw by how much these sites lie further out, in Angstrom; 0 where there are none."""
    return float(rng.uniform(*ELONGATION)) if sites else 0.0


def ionic_radius(
    element: str, state: State, geometry: str, *, elongated: bool, low_spin: bool = False
) -> float | None:
    """Ionic radius of a state: in low spin where that is asked for, or an ion is hardly ever in another.

    Parameters
    ----------
    element : str
        Ti to Zn.
    state : State
    geometry : str
        Name of a polyhedron.
    elongated : bool
        Whether it is elongated along an axis: the radius is then that of its plane.
    low_spin : bool
        Whether its ligands are strong.

    Returns
    -------
    float or None
        In Angstrom; None where there is none for such an ion.
    """
    return shannon_radius(
        element,
        state.charge,
        4 if elongated else len(GEOMETRIES[geometry]),
        low_spin=low_spin or state.low_spin > 0.9,
        square=geometry == "sqp" or elongated,
    )
