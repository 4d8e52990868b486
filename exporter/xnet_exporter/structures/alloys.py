"""Clusters from metals and alloys: pure ones, ordered ones and solid solutions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xnet_onnx.edges import SYMBOLS

from .cluster import RADIUS, Cluster
from .cutting import cut

__all__ = ["alloys"]

#: Metallic radii for twelve neighbours, in Angstrom.
RADII = {
    "Ti": 1.47, "V": 1.34, "Cr": 1.28, "Mn": 1.27, "Fe": 1.26, "Co": 1.25, "Ni": 1.24, "Cu": 1.28, "Zn": 1.34,
    "Al": 1.43, "Ga": 1.35, "Ge": 1.37, "Zr": 1.60, "Nb": 1.46, "Mo": 1.39, "Rh": 1.34, "Pd": 1.37,
    "Ag": 1.44, "Sn": 1.55, "W": 1.39, "Ir": 1.36, "Pt": 1.39, "Au": 1.44,
}  # fmt: skip
#: Lattices: fractional sites of the cell, which of them the second metal takes, the nearest distance in
#: units of a, and how much shorter it is than between twelve neighbours.
LATTICES: dict[str, tuple[list[list[float]], tuple[int, ...], float, float]] = {
    "fcc": ([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], (), 0.7071, 1.0),
    "bcc": ([[0, 0, 0], [0.5, 0.5, 0.5]], (), 0.8660, 0.97),
    "L1_2": ([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], (0,), 0.7071, 1.0),
    "B2": ([[0, 0, 0], [0.5, 0.5, 0.5]], (1,), 0.8660, 0.97),
}


def alloys(element: str, rng: np.random.Generator, seed: int = 0) -> Iterator[Cluster]:
    """Draw clusters around an element in metals without end.

    Parameters
    ----------
    element : str
        Ti to Zn.
    rng : numpy.random.Generator
    seed : int
        For the ids alone.

    Yields
    ------
    Cluster
        fcc, hcp and bcc (pure, or with a second metal at random places), L1_2 (the element on either
        site) and B2, with a spread of 0.02 in the lattice constant and a rattle of 0.03 Angstrom.
    """
    from ase import Atoms
    from ase.build import bulk

    others = [symbol for symbol in RADII if symbol != element]
    number = 0
    while True:
        number += 1
        lattice = ("fcc", "bcc", "hcp", "L1_2", "B2")[int(rng.integers(5))]
        other = others[int(rng.integers(len(others)))]
        share = 0.0 if rng.random() < 0.3 else float(rng.random())
        size = 1 + 0.02 * float(rng.standard_normal())
        ordered = lattice in ("L1_2", "B2")
        if ordered:
            share = {"L1_2": 0.75 if rng.random() < 0.5 else 0.25, "B2": 0.5}[lattice]
        spacing = 2 * size * ((1 - share) * RADII[element] + share * RADII[other])
        if lattice == "hcp":
            cell = bulk(element, "hcp", a=spacing, c=spacing * float(rng.normal(1.62, 0.02)))
        else:
            sites, second, nearest, shorter = LATTICES[lattice]
            a = spacing * shorter / nearest
            cell = Atoms(f"{element}{len(sites)}", scaled_positions=sites, cell=[a] * 3, pbc=True)
            if second:
                # With three quarters of the other metal, the element takes the single site.
                cell.symbols[[i for i in range(len(sites)) if (i in second) != (share > 0.6)]] = other
        atoms = cell.repeat((7, 7, 5) if lattice == "hcp" else (5, 5, 5))
        atoms.rattle(0.03, seed=int(rng.integers(2**31)))
        centre = int(rng.choice(np.flatnonzero(atoms.numbers == SYMBOLS.index(element) + 1)))
        if not ordered:
            swap = np.flatnonzero(rng.random(len(atoms)) < share)
            atoms.symbols[swap[swap != centre].tolist()] = other
        name = f"{element} {lattice}" if share == 0 else f"{element}-{other} {lattice}"
        yield cut(
            atoms, centre, id=f"{element}-alloy-{seed}-{number}", source="alloy", name=name, radius=RADIUS
        )
