"""Clusters from minerals: an element's own sites first, then other cations' sites with the element on them.

The structures are those of the American Mineralogist Crystal Structure Database, which larixite ships.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.spectrum import FloatArray

from .cluster import ANY, Cluster, IntArray, Shell, first_shell
from .radii import ANION_RADII, CHARGES, shannon_radius
from .rattling import rattled

__all__ = ["minerals"]

#: At most so many clusters of one mineral's name.
PER_NAME = 2
#: The database's name of what is no mineral.
UNNAMED = "<missing>"
#: Share of substituted sites at most.
SUBSTITUTED = 0.75
#: Cations on whose sites an element may stand, and how often.
SUBSTITUTES: dict[str, float] = {
    "Zn": 5, "Co": 5, "Ni": 5, "Mg": 4, "Al": 4, "Si": 4, "Mn": 4, "Fe": 4, "Cr": 4, "Cu": 3, "Ti": 3, "V": 3,
    "Ga": 3, "Ge": 3, "Li": 2, "Be": 1, "B": 1, "Sc": 1, "Zr": 1, "Nb": 1, "Mo": 1, "Cd": 1, "In": 1, "Sn": 1,
    "Ta": 1, "W": 1, "Pd": 1, "Pt": 1, "Rh": 1, "Ru": 1, "Ir": 1, "Os": 1, "Ag": 1, "Ca": 0.3, "Y": 0.3,
    "Hg": 0.2, "Na": 0.1, "Pb": 0.1, "Bi": 0.1, "Tl": 0.1,
}  # fmt: skip
_SOFT = {"S", "As", "P", "Se", "Te", "Sb", "N"}
#: Atoms that may belong to a first shell are no farther away, in Angstrom: the nearest lie within 3.2.
FIRST_SHELL = 3.95
#: Length in Angstrom over which the shift of the first shell dies out behind it.
DECAY = 1.2


def minerals(
    element: str, rng: np.random.Generator, number: int, seed: int = 0, shell: Shell = ANY
) -> Iterator[Cluster]:
    """Draw clusters around an element from minerals.

    Parameters
    ----------
    element : str
        Ti to Zn.
    rng : numpy.random.Generator
    number : int
        How many are wanted; the database may hold fewer.
    seed : int
        For the ids alone.
    shell : Shell
        Only sites with such a first shell.

    Yields
    ------
    Cluster
        Source ``mineral`` (the mineral holds the element there; `name` is the mineral) and ``mvar``
        (substituted; `name` says element, mineral and site). Strained and rattled by 0.01 and 0.02
        Angstrom, partial occupancies resolved at random.
    """
    entries = _entries(shell.neighbour)
    order = rng.permutation(len(entries))
    native, substituted = 0, 0
    drawn: dict[str, int] = {}
    for place in order.tolist():
        if native + substituted >= number:
            return
        entry, name = entries[place]
        if name != UNNAMED and drawn.get(name, 0) >= PER_NAME:
            continue
        structure = _structure(entry)
        if structure is None:
            continue
        site = _site(structure, element, rng, substituted < SUBSTITUTED * number, shell)
        if site is None:
            continue
        index, cation = site
        if name == UNNAMED:
            name = str(structure.composition.reduced_formula)
            if drawn.get(name, 0) >= PER_NAME:
                continue
        found = _surroundings(structure, index, element, rng)
        if found is None:
            continue
        numbers, positions = found
        if cation != element:
            moved = _at_expected_distance(element, numbers, positions, rng)
            if moved is None:
                continue
            positions = moved
        ready = rattled(numbers, positions, rng)
        if ready is None:
            continue
        source = "mineral" if cation == element else "mvar"
        title = name if cation == element else f"{element} in {name} ({cation} site)"
        cluster = Cluster(f"{element}-{source}-{seed}-{entry}-{index}", source, title, *ready)
        if not shell.fits(cluster.neighbours):
            continue
        drawn[name] = drawn.get(name, 0) + 1
        native, substituted = native + (cation == element), substituted + (cation != element)
        yield cluster


@lru_cache(maxsize=4)
def _entries(holding: str | None) -> tuple[tuple[int, str], ...]:
    """Number and mineral's name of each entry of the database, or of each that holds an element."""
    import larixite

    path = Path(larixite.__file__).parent / "amcsd_cif1.db"
    # By reading alone: the wheel's folder may not be ours to write in.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "select cif.id, name from cif join minerals on mineral_id = minerals.id where :symbol is null or "
            "cif.id in (select cast(cif_id as integer) from cif_elements where element = :symbol) "
            "order by cif.id",
            {"symbol": holding},
        )
        return tuple((int(number), str(name)) for number, name in rows)


def _structure(entry: int) -> Any:
    """A pymatgen structure, or None where the entry cannot be used."""
    from larixite.amcsd import get_amcsd
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = get_amcsd().get_cif(entry).ciftext
            if len(text) > 25000:
                return None
            parser = CifParser.from_str(text, occupancy_tolerance=1.3, site_tolerance=1e-3)
            structure = parser.parse_structures(primitive=False)[0]
        except Exception:  # half of the old entries break some reader's assumption
            return None
    return structure if len(structure) <= 400 else None


def _share(item: tuple[Any, float]) -> float:
    """Of a species and its share of a site, the share."""
    return item[1]


def _symbol(species: Any) -> str:
    symbol = getattr(species, "symbol", None) or species.element.symbol
    return "H" if symbol == "D" else str(symbol)


def _fitting(structure: Any, sites: dict[str, list[int]], shell: Shell) -> dict[str, list[int]]:
    """Those sites with such a first shell, every site around them full and of its commonest element."""
    numbers = np.array(
        [
            SYMBOLS.index(symbol) + 1
            if (symbol := _symbol(max(site.species.items(), key=_share)[0])) in SYMBOLS
            else 0
            for site in structure
        ]
    )
    first, other, _, distance = structure.get_neighbor_list(FIRST_SHELL)
    fitting: dict[str, list[int]] = {}
    for symbol, indices in sites.items():
        for index in indices:
            mine = first == index
            near = numbers[other[mine]]
            if shell.fits(near[first_shell(distance[mine], near)]):
                fitting.setdefault(symbol, []).append(index)
    return fitting


def _site(
    structure: Any, element: str, rng: np.random.Generator, substitute: bool, shell: Shell = ANY
) -> tuple[int, str] | None:
    """A site of the element, else of a cation that it may replace: index and symbol."""
    sites: dict[str, list[int]] = {}
    for index, site in enumerate(structure):
        species, occupancy = max(site.species.items(), key=_share)
        symbol = _symbol(species)
        if symbol == element and occupancy > 0.5:
            sites.setdefault(element, []).append(index)
        elif symbol in SUBSTITUTES and symbol != element and occupancy > 0.6:
            sites.setdefault(symbol, []).append(index)
    if shell != ANY:
        sites = _fitting(structure, sites, shell)
    if element in sites:
        return int(rng.choice(sites[element])), element
    if not sites or not substitute:
        return None
    symbols = list(sites)
    weights = np.array([SUBSTITUTES[symbol] for symbol in symbols])
    symbol = symbols[int(rng.choice(len(symbols), p=weights / weights.sum()))]
    return int(rng.choice(sites[symbol])), symbol


def _surroundings(
    structure: Any, index: int, element: str, rng: np.random.Generator
) -> tuple[IntArray, FloatArray] | None:
    """Atoms around a site with the element on it; each occupancy is drawn."""
    centre = structure[index].coords
    numbers, positions = [SYMBOLS.index(element) + 1], [np.zeros(3)]
    for site in sorted(structure.get_neighbors(structure[index], 7.2), key=lambda item: item.nn_distance):
        species = list(site.species.items())
        shares = np.array([share for _, share in species], dtype=np.float64)
        if rng.random() > min(1.0, float(shares.sum())):
            continue
        symbol = _symbol(species[int(rng.choice(len(species), p=shares / shares.sum()))][0])
        if symbol not in SYMBOLS:
            return None
        position = site.coords - centre
        closest = 0.6 if symbol == "H" else 1.0
        if min(np.linalg.norm(np.array(positions) - position, axis=1)) < closest:
            continue
        numbers.append(SYMBOLS.index(symbol) + 1)
        positions.append(position)
    if len(numbers) < 10:
        return None
    return np.array(numbers, dtype=np.int64), np.array(positions)


def _at_expected_distance(
    element: str, numbers: IntArray, positions: FloatArray, rng: np.random.Generator
) -> FloatArray | None:
    """Move the first shell to where the element's radius puts it; the shells behind follow less and less."""
    distance = np.linalg.norm(positions, axis=1)
    shell = first_shell(distance, numbers)
    if not shell.size or not 1.4 <= distance[shell[0]] <= 3.2:
        return None
    around = [SYMBOLS[z - 1] for z in numbers[shell]]
    if not all(symbol in ANION_RADII for symbol in around):
        # Between metals there are no ions: distances stay.
        return positions if distance[shell[0]] > 2.1 else None
    if not 3 <= shell.size <= 9:
        return None
    charge = int(rng.choice(CHARGES[element]))
    charge = 3 if charge == 6 and shell.size > 4 else charge
    low_spin = bool(rng.random() < (0.5 if _SOFT & set(around) else 0.05))
    radius = shannon_radius(element, charge, shell.size, low_spin=low_spin)
    if radius is None:
        return None
    target = radius + float(np.mean([ANION_RADII[symbol] for symbol in around])) + float(rng.normal(0, 0.035))
    mean = float(distance[shell].mean())
    if abs(target - mean) > 0.65:
        return None
    wanted = distance + (target - mean) * np.exp(-np.clip(distance - mean, 0, None) / DECAY)
    wanted[shell] = target + (distance[shell] - mean) * rng.uniform(0.4, 1.0, shell.size)
    scale = np.ones(len(distance))
    scale[1:] = wanted[1:] / distance[1:]
    return positions * scale[:, None]
