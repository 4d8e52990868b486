"""Clusters from compounds that are no minerals: metals, battery oxides, halides, nitrides, intermetallics.

The table is ``compounds.txt``; the prototypes, which are the sites of a cell, are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.errors import StructureError

from .cluster import ANY, Cluster, Shell
from .cutting import distinct_clusters
from .rattling import rattled

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["PROTOTYPES", "Compound", "cell", "clusters_of", "compounds", "read_compounds"]

#: A coordinate, or the name of a free one.
Coordinate = float | str
THIRD = 1 / 3
#: Atoms of a cluster at most: the layered oxides are dense.
MOST = 120


@dataclass(frozen=True)
class Prototype:
    """Sites of a cell.

    Parameters
    ----------
    group : int
        Space group, rhombohedral ones in hexagonal axes.
    sites : tuple of (Coordinate, Coordinate, Coordinate)
        One of each set of equivalent ones.
    origin : int
        Choice of the origin.
    bonded : tuple of int
        A tetrahedron's centre and its corners, by their place in `sites`: with a free `d` the corners are
        moved along their bonds to this length.
    """

    group: int
    sites: tuple[tuple[Coordinate, Coordinate, Coordinate], ...]
    origin: int = 1
    bonded: tuple[int, ...] = ()


PROTOTYPES = {
    "bcc": Prototype(229, ((0, 0, 0),)),
    "fcc": Prototype(225, ((0, 0, 0),)),
    "hcp": Prototype(194, ((THIRD, 2 * THIRD, 0.25),)),
    "rocksalt": Prototype(225, ((0, 0, 0), (0.5, 0.5, 0.5))),
    "zincblende": Prototype(216, ((0, 0, 0), (0.25, 0.25, 0.25))),
    "fluorite": Prototype(225, ((0, 0, 0), (0.25, 0.25, 0.25))),
    "NiAs": Prototype(194, ((0, 0, 0), (THIRD, 2 * THIRD, 0.25))),
    "rutile": Prototype(136, ((0, 0, 0), ("x", "x", 0))),
    "corundum": Prototype(167, ((0, 0, "z"), ("x", 0, 0.25))),
    "MF3": Prototype(167, ((0, 0, 0), ("x", 0, 0.25))),
    "CdI2": Prototype(164, ((0, 0, 0), (THIRD, 2 * THIRD, "z"))),
    "brucite": Prototype(164, ((0, 0, 0), (THIRD, 2 * THIRD, "z"), (THIRD, 2 * THIRD, "w"))),
    "CdCl2": Prototype(166, ((0, 0, 0), (0, 0, "z"))),
    "BiI3": Prototype(148, ((0, 0, 0.5 * THIRD), (THIRD, THIRD, "u"))),
    "layered": Prototype(166, ((0, 0, 0.5), (0, 0, 0), (0, 0, "z"))),
    "delafossite": Prototype(166, ((0, 0, 0), (0, 0, 0.5), (0, 0, "z"))),
    "spinel": Prototype(227, ((0.125, 0.125, 0.125), (0.5, 0.5, 0.5), ("u", "u", "u")), origin=2),
    "perovskite": Prototype(221, ((0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0))),
    "K2NiF4": Prototype(139, ((0, 0, "z"), (0, 0, 0), (0.5, 0, 0), (0, 0, "w"))),
    "olivine": Prototype(
        62,
        (
            (0, 0, 0),
            (0.282, 0.25, 0.975),
            (0.095, 0.25, 0.418),
            (0.097, 0.25, 0.743),
            (0.457, 0.25, 0.206),
            (0.166, 0.046, 0.285),
        ),
    ),
    "chalcopyrite": Prototype(122, ((0, 0, 0), (0, 0, 0.5), ("x", 0.25, 0.125))),
    "anti-ReO3": Prototype(221, ((0.5, 0, 0), (0, 0, 0))),
    "Fe4N": Prototype(221, ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0.5, 0.5))),
    "MAX": Prototype(194, ((THIRD, 2 * THIRD, "z"), (THIRD, 2 * THIRD, 0.75), (0, 0, 0))),
    "AlB2": Prototype(191, ((0, 0, 0), (THIRD, 2 * THIRD, 0.5))),
    "CuAl2": Prototype(140, ((0, 0, 0.25), ("x", "x+", 0))),
    "B20": Prototype(198, (("u", "u", "u"), ("v", "v", "v"))),
    "B2": Prototype(221, ((0, 0, 0), (0.5, 0.5, 0.5))),
    "L1_2": Prototype(221, ((0, 0.5, 0.5), (0, 0, 0))),
    "L1_0": Prototype(123, ((0, 0, 0), (0.5, 0.5, 0), (0, 0.5, 0.5))),
    "L2_1": Prototype(225, ((0.25, 0.25, 0.25), (0, 0, 0), (0.5, 0.5, 0.5))),
    "C1_b": Prototype(216, ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), (0, 0, 0))),
    "C14": Prototype(194, ((THIRD, 2 * THIRD, 0.062), (0, 0, 0), (0.83, 0.66, 0.25))),
    "C15": Prototype(227, ((0.125, 0.125, 0.125), (0.5, 0.5, 0.5)), origin=2),
    "CaCu5": Prototype(191, ((0, 0, 0), (THIRD, 2 * THIRD, 0), (0.5, 0, 0.5))),
    "zircon": Prototype(
        141, ((0, 0.75, 0.125), (0, 0.25, 0.375), (0, 0.066, 0.195)), origin=2, bonded=(1, 2)
    ),
    "barite": Prototype(
        62,
        (
            (0.185, 0.25, 0.158),
            (0.437, 0.75, 0.191),
            (0.588, 0.75, 0.106),
            (0.319, 0.75, 0.052),
            (0.419, 0.970, 0.319),
        ),
        bonded=(1, 2, 3, 4),
    ),
    "arcanite": Prototype(
        62,
        (
            (0.674, 0.25, 0.411),
            (0.989, 0.25, 0.704),
            (0.233, 0.25, 0.420),
            (0.038, 0.25, 0.417),
            (0.296, 0.25, 0.558),
            (0.301, 0.041, 0.352),
        ),
        bonded=(2, 3, 4, 5),
    ),
    "Cs3CoCl5": Prototype(
        140,
        ((0, 0, 0.25), (0.663, 0.163, 0), (0, 0.5, 0.25), (0, 0, 0), (0.14, 0.64, 0.157)),
        bonded=(2, 4),
    ),
    "K2PtCl6": Prototype(225, ((0.25, 0.25, 0.25), (0, 0, 0), ("x", 0, 0))),
    "elpasolite": Prototype(225, ((0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (0, 0, 0), ("x", 0, 0))),
    "Prussian": Prototype(225, ((0, 0, 0), (0.5, 0.5, 0.5), ("x", 0, 0), ("w", 0, 0))),
    "Zn(CN)2": Prototype(215, ((0, 0, 0), (0.5, 0.5, 0.5), ("x", "x", "x"), ("w", "w", "w"))),
    "ilmenite": Prototype(148, ((0, 0, 0.356), (0, 0, 0.145), (0.316, 0.021, 0.246))),
    "pyrochlore": Prototype(
        227, ((0.5, 0.5, 0.5), (0, 0, 0), ("x", 0.125, 0.125), (0.375, 0.375, 0.375)), origin=2
    ),
    "garnet": Prototype(230, ((0.125, 0, 0.25), (0, 0, 0), (0.375, 0, 0.25), (0.973, 0.057, 0.150))),
    "hausmannite": Prototype(141, ((0, 0.75, 0.125), (0, 0, 0.5), (0, 0.472, "z")), origin=2),
    "GdFeO3": Prototype(62, ((0.04, 0.25, 0.993), (0, 0, 0.5), (0.487, 0.25, 0.075), ("x", 0.039, 0.722))),
    "PbTiO3": Prototype(99, ((0, 0, 0), (0.5, 0.5, "z"), (0.5, 0.5, "w"), (0.5, 0, "v"))),
    "CaCu3Ti4O12": Prototype(204, ((0, 0, 0), (0, 0.5, 0.5), (0.25, 0.25, 0.25), (0.304, 0.180, 0))),
    "CaCuO2": Prototype(123, ((0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0))),
    "YBa2Cu3O6": Prototype(
        123,
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.194), (0, 0, 0), (0, 0, 0.361), (0.5, 0, 0.379), (0, 0, 0.152)),
    ),
    "YBa2Cu3O7": Prototype(
        47,
        (
            (0.5, 0.5, 0.5),
            (0.5, 0.5, 0.184),
            (0, 0, 0),
            (0, 0, 0.355),
            (0, 0.5, 0),
            (0.5, 0, 0.378),
            (0, 0.5, 0.377),
            (0, 0, 0.159),
        ),
    ),
    "ThCr2Si2": Prototype(139, ((0, 0, 0), (0, 0.5, 0.25), (0, 0, "z"))),
    "anti-PbO": Prototype(129, ((0.75, 0.25, 0), (0.25, 0.25, "z")), origin=2),
    "ZrCuSiAs": Prototype(
        129, ((0.25, 0.25, "z"), (0.75, 0.25, 0.5), (0.25, 0.25, "w"), (0.75, 0.25, 0)), origin=2
    ),
    "pyrite": Prototype(205, ((0, 0, 0), ("u", "u", "u"))),
    "marcasite": Prototype(58, ((0, 0, 0), ("x", "y", 0))),
    "skutterudite": Prototype(204, ((0.25, 0.25, 0.25), (0, "y", "z"))),
    "LaFe4P12": Prototype(204, ((0, 0, 0), (0.25, 0.25, 0.25), (0, "y", "z"))),
    "MnP": Prototype(62, ((0.004, 0.25, 0.198), (0.190, 0.25, 0.570))),
    "Fe2P": Prototype(189, ((0.256, 0, 0), (0.594, 0, 0.5), (THIRD, 2 * THIRD, 0), (0, 0, 0.5))),
    "Fe3C": Prototype(62, ((0.036, 0.25, 0.852), (0.186, 0.063, 0.328), (0.890, 0.25, 0.450))),
    "A15": Prototype(223, ((0.25, 0, 0.5), (0, 0, 0))),
    "D0_19": Prototype(194, ((0.833, 0.666, 0.25), (THIRD, 2 * THIRD, 0.25))),
    "D0_22": Prototype(139, ((0, 0, 0), (0, 0, 0.5), (0, 0.5, 0.25))),
}


@dataclass(frozen=True)
class Compound:
    """A line of the table.

    Parameters
    ----------
    name : str
        Its formula.
    prototype : str
        One of `PROTOTYPES`.
    elements : tuple of str
        Symbol on each of the prototype's sites.
    lattice : tuple of float
        a, b and c in Angstrom.
    free : dict of str to float
        Free coordinates; `d` is a bond in Angstrom in place of one, of BiI3 and of tetrahedra.
    """

    name: str
    prototype: str
    elements: tuple[str, ...]
    lattice: tuple[float, float, float]
    free: dict[str, float]


@lru_cache(maxsize=1)
def read_compounds() -> tuple[Compound, ...]:
    """Read the table.

    Returns
    -------
    tuple of Compound
    """
    lines = Path(__file__).with_name("compounds.txt").read_text(encoding="utf-8").splitlines()
    return tuple(_compound(line) for line in lines if line and not line.startswith("#"))


def _compound(line: str) -> Compound:
    name, prototype, *rest = line.split()
    elements = tuple(word for word in rest if word.isalpha())
    a, *others = (float(word) for word in rest if word[0].isdigit())
    b, c = others if len(others) == 2 else (a, others[0] if others else a)
    free = dict(word.split("=") for word in rest if "=" in word)
    return Compound(name, prototype, elements, (a, b, c), {key: float(value) for key, value in free.items()})


def cell(compound: Compound) -> Atoms:
    """The cell of a compound.

    Parameters
    ----------
    compound : Compound

    Returns
    -------
    ase.Atoms
    """
    from ase.spacegroup import crystal

    prototype, (a, b, c) = PROTOTYPES[compound.prototype], compound.lattice
    free = dict(compound.free)
    if compound.prototype == "BiI3":
        # The layer's metal is at height c / 6; its bonds go a / 3 sideways.
        free["u"] = 0.5 * THIRD - float(np.sqrt(free["d"] ** 2 - (a / 3) ** 2)) / c
    if "x" in free:
        free["x+"] = free["x"] + 0.5
    sites = [[free[x] if isinstance(x, str) else float(x) for x in site] for site in prototype.sites]
    for corner in prototype.bonded[1:]:
        centre = sites[prototype.bonded[0]]
        bond = (np.array(sites[corner]) - centre) * compound.lattice
        sites[corner] = (centre + bond / np.linalg.norm(bond) * free["d"] / compound.lattice).tolist()
    hexagonal = 143 <= prototype.group <= 194
    return crystal(
        list(compound.elements),
        basis=sites,
        spacegroup=prototype.group,
        setting=prototype.origin,
        cellpar=[a, b, c, 90, 90, 120 if hexagonal else 90],
        onduplicates="error",
    )


def clusters_of(compound: Compound, element: str) -> list[Cluster]:
    """Clusters of a compound as it is, one of each different site of an element.

    Parameters
    ----------
    compound : Compound
    element : str

    Returns
    -------
    list of Cluster
    """
    atoms = cell(compound)
    mine = np.flatnonzero(atoms.numbers == SYMBOLS.index(element) + 1)
    _, first = np.unique(atoms.arrays["spacegroup_kinds"][mine], return_index=True)
    found = distinct_clusters(atoms, mine[np.sort(first)].tolist(), compound.name, "compound")
    return [item for item in found if isinstance(item, Cluster)]


def compounds(element: str, rng: np.random.Generator, seed: int = 0, shell: Shell = ANY) -> Iterator[Cluster]:
    """Draw clusters around an element from the table, one of every site in each round, without end.

    Parameters
    ----------
    element : str
    rng : numpy.random.Generator
    seed : int
        For the ids alone.
    shell : Shell
        Only sites with such a first shell.

    Yields
    ------
    Cluster
        Source ``compound``, with strain and rattle as those from minerals; `name` is the formula.

    Raises
    ------
    StructureError
        If no compound of the table holds the element in such a first shell.
    """
    of_table = (
        site
        for compound in read_compounds()
        if element in compound.elements
        for site in clusters_of(compound, element)
        if shell.fits(site.neighbours)
    )
    usable, number = [], 0
    for number, site in enumerate(of_table, start=1):
        moved = _moved(site, f"{element}-compound-{seed}-{number}", rng)
        if moved is not None:
            usable.append(site)
            yield moved
    if not usable:
        raise StructureError(
            f"no compound of the table holds {element}{shell.suffix} in a cluster of up to {MOST} atoms; "
            "expected another element or first shell, or give files instead (--source FILE)"
        )
    for again, site in enumerate(cycle(usable), start=number + 1):
        moved = _moved(site, f"{element}-compound-{seed}-{again}", rng)
        if moved is not None:
            yield moved


def _moved(site: Cluster, identity: str, rng: np.random.Generator) -> Cluster | None:
    """A site, strained and rattled; None where that makes an odd cluster."""
    ready = rattled(site.numbers, site.positions, rng, MOST)
    return None if ready is None else Cluster(identity, site.source, site.name, *ready)
