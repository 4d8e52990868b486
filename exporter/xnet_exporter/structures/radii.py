"""Distances that an element's charge, spin and coordination lead to expect (Shannon's radii).

R. D. Shannon, Acta Cryst. A 32 (1976) 751, as tabulated in pymatgen.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["ANION_RADII", "CHARGES", "ELEMENTS", "shannon_radius"]

#: Common charges in solids; one that stands twice is drawn twice as often.
CHARGES: dict[str, tuple[int, ...]] = {
    "Ti": (4, 4, 3),
    "V": (3, 4, 5),
    "Cr": (3, 3, 3, 6),
    "Mn": (2, 2, 3, 4),
    "Fe": (2, 3),
    "Co": (2, 2, 3),
    "Ni": (2,),
    "Cu": (1, 2, 2),
    "Zn": (2,),
}
ELEMENTS = tuple(CHARGES)

#: Effective radii of anions in Angstrom, to be added to a cation's.
ANION_RADII = {
    "O": 1.37,
    "F": 1.29,
    "S": 1.71,
    "Se": 1.84,
    "Cl": 1.70,
    "Br": 1.87,
    "I": 2.06,
    "N": 1.40,
    "As": 1.80,
    "P": 1.66,
    "Te": 2.02,
    "Sb": 1.95,
}

_ROMAN = {2: "II", 3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII", 9: "IX"}
#: Change of a radius with the coordination number, where that number is not tabulated, in Angstrom.
PER_NEIGHBOUR = 0.06


@lru_cache(maxsize=256)
def _table(element: str, charge: int) -> dict[str, Any]:
    from pymatgen.core.periodic_table import Species

    radii = Species(element, charge).data["Shannon radii"]
    return dict(radii.get(str(charge), {}))


def shannon_radius(
    element: str, charge: int, coordination: int, *, low_spin: bool = False, square: bool = False
) -> float | None:
    """Ionic radius.

    Parameters
    ----------
    element : str
    charge : int
    coordination : int
        Coordination number; from the nearest tabulated one where there is none for it.
    low_spin : bool
        Low spin where the two spins differ; high spin otherwise.
    square : bool
        Square-planar rather than tetrahedral.

    Returns
    -------
    float or None
        In Angstrom; None where the charge is not tabulated.
    """
    table = _table(element, charge)
    for near in sorted(_ROMAN, key=lambda number: (abs(number - coordination), number)):
        names = [_ROMAN[near], _ROMAN[near] + "SQ"]
        for name in reversed(names) if square else names:
            if name in table:
                spins = {spin: float(entry["ionic_radius"]) for spin, entry in table[name].items()}
                low = low_spin and "Low Spin" in spins
                radius = spins["Low Spin"] if low else max(spins.values())
                return radius + PER_NEIGHBOUR * (coordination - near)
    return None
