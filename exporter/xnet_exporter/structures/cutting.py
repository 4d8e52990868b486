"""Clusters cut out of any structure that ASE reads, one for each symmetry-distinct site of an element."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.errors import StructureError
from xnet_onnx.spectrum import FloatArray

from .cluster import RADIUS, Cluster, IntArray, Rejected, check_cluster

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["clusters_in_file", "cut", "distinct_clusters"]


#: Atoms around a site that a cluster takes with it, in Angstrom.
WITHIN = RADIUS + 0.6


def cut(atoms: Atoms, site: int, *, id: str, source: str, name: str, radius: float = WITHIN) -> Cluster:
    """Atoms around one site, periodic images with them.

    Parameters
    ----------
    atoms : ase.Atoms
    site : int
        Index of the absorber.
    id, source, name : str
        Of the cluster.
    radius : float
        In Angstrom.

    Returns
    -------
    Cluster
    """
    return _cluster(atoms, site, _pairs(atoms, radius), id, source, name)


def _pairs(atoms: Atoms, radius: float) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of atoms this near: first, other, and the way from one to the other."""
    from ase.neighborlist import primitive_neighbor_list

    first, other, vector = primitive_neighbor_list(
        "ijD", atoms.pbc, atoms.cell.complete(), atoms.positions, radius, self_interaction=False
    )
    return first, other, vector


def _cluster(
    atoms: Atoms, site: int, pairs: tuple[IntArray, IntArray, FloatArray], id: str, source: str, name: str
) -> Cluster:
    first, other, vector = pairs
    mine = first == site
    numbers = np.r_[atoms.numbers[site], atoms.numbers[other[mine]]].astype(np.int64)
    positions = np.vstack([np.zeros((1, 3)), vector[mine]])
    order = np.argsort(np.linalg.norm(positions, axis=1), kind="stable")
    return Cluster(id, source, name, numbers[order], positions[order])


def clusters_in_file(path: Path, element: str) -> Iterator[Cluster | Rejected]:
    """Clusters around every symmetry-distinct site of an element.

    Parameters
    ----------
    path : Path
        CIF, POSCAR, xyz, extxyz: what ASE reads; a file may hold several structures.
    element : str

    Yields
    ------
    Cluster or Rejected
        Sites whose surroundings are the same (equivalent by symmetry) count once. A structure without
        the element, or with atoms on top of each other, is rejected with the reason.

    Raises
    ------
    StructureError
        If the file cannot be read.
    """
    import ase.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # ASE guesses POSCAR by its name alone.
            vasp = path.suffix.lower() in (".vasp", ".poscar", ".contcar")
            frames = ase.io.read(path, index=":", format="vasp" if vasp else None)
    except Exception as error:  # ASE's readers raise whatever meets them
        said = " ".join(str(error).split()) or type(error).__name__
        raise StructureError(
            f"{path} cannot be read as a structure ({said[:150]}); expected CIF, POSCAR, xyz or extxyz"
        ) from error
    for frame, atoms in enumerate(frames):
        label = path.stem if len(frames) == 1 else f"{path.stem}-{frame}"
        sites = np.flatnonzero(atoms.numbers == SYMBOLS.index(element) + 1)
        if not sites.size:
            others = ", ".join(sorted(set(atoms.get_chemical_symbols()))) or "no atom"
            yield Rejected(label, f"no {element} in it ({others}); expected the absorber's element")
            continue
        partial = _partial_occupancy(atoms)
        if partial:
            yield Rejected(label, partial)
            continue
        yield from distinct_clusters(atoms, sites.tolist(), label, "file")


def _partial_occupancy(atoms: Atoms) -> str:
    """What to do where a CIF says that a site is not full; "" where all are."""
    for site, occupancy in (atoms.info.get("occupancy") or {}).items():
        if len(occupancy) > 1 or abs(sum(occupancy.values()) - 1) > 0.02:
            shares = ", ".join(f"{symbol} {share:g}" for symbol, share in occupancy.items())
            return (
                f"site {site} is partly occupied ({shares}); expected full sites: make an ordered cell first"
            )
    return ""


def distinct_clusters(
    atoms: Atoms, sites: Sequence[int], label: str, source: str
) -> Iterator[Cluster | Rejected]:
    """Clusters around sites, those of one composition and one set of distances once.

    Parameters
    ----------
    atoms : ase.Atoms
    sites : sequence of int
        Indices of the absorbers.
    label, source : str
        For names and ids, and where it comes from.

    Yields
    ------
    Cluster or Rejected
        Rejected where atoms lie on top of each other.
    """
    known: list[Cluster] = []
    pairs = _pairs(atoms, WITHIN)
    for site in sites:
        identity = f"{label}-{site}"
        cluster = _cluster(atoms, site, pairs, identity, source, label)
        try:
            check_cluster(cluster)
        except StructureError as error:
            yield Rejected(identity, str(error).removeprefix(f"{identity}: "))
            continue
        if not any(_alike(cluster, other) for other in known):
            known.append(cluster)
            yield cluster


def _alike(one: Cluster, other: Cluster) -> bool:
    """Whether two sites have the same elements at the same distances, to 0.01 Angstrom."""
    if one.numbers.size != other.numbers.size:
        return False
    # By element and distance: atoms of equal distance may come in any order.
    first, second = (np.lexsort((item.distances, item.numbers)) for item in (one, other))
    return bool(
        (one.numbers[first] == other.numbers[second]).all()
        and np.abs(one.distances[first] - other.distances[second]).max() < 0.01
    )
