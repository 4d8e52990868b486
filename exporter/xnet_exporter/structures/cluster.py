"""A cluster: the atoms around one absorber, and the file that holds many."""

from __future__ import annotations

import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.errors import StructureError
from xnet_onnx.files import write_bytes
from xnet_onnx.spectrum import FloatArray

__all__ = [
    "ANY",
    "RADIUS",
    "Cluster",
    "Rejected",
    "Shell",
    "check_cluster",
    "commonest",
    "extxyz",
    "first_shell",
    "read_clusters",
    "write_clusters",
]

IntArray = npt.NDArray[np.int64]

#: Every atom this near the absorber belongs to a cluster, in Angstrom.
RADIUS = 6.0
#: Atoms nearer to each other than this lie on top of each other, in Angstrom; the lower one with hydrogen.
CLOSEST, CLOSEST_HYDROGEN = 1.0, 0.6


@dataclass(frozen=True, eq=False)
class Cluster:
    """The atoms around one absorber.

    Parameters
    ----------
    id : str
        Unique in a set.
    source : str
        Where it comes from: mineral, mvar (a substituted site), compound, alloy, built (a complex),
        file.
    name : str
        The composition; clusters that share it are never split between training and test.
    numbers : ndarray of int64, shape (n,)
        Atomic numbers, the absorber's first.
    positions : ndarray of float64, shape (n, 3)
        In Angstrom; the absorber is at the origin.
    """

    id: str
    source: str
    name: str
    numbers: IntArray
    positions: FloatArray

    @property
    def element(self) -> str:
        """Symbol of the absorber."""
        return SYMBOLS[int(self.numbers[0]) - 1]

    @property
    def distances(self) -> FloatArray:
        """Distance of each atom from the absorber in Angstrom, shape (n,)."""
        return np.asarray(np.linalg.norm(self.positions - self.positions[0], axis=1))

    @property
    def neighbours(self) -> IntArray:
        """Atomic numbers of the first shell, nearest first."""
        return self.numbers[first_shell(self.distances, self.numbers)]


@dataclass(frozen=True)
class Rejected:
    """A structure that cannot be used: its id and the reason."""

    id: str
    reason: str


def first_shell(distances: FloatArray, numbers: IntArray) -> IntArray:
    """Indices of the atoms of the first shell, nearest first.

    Parameters
    ----------
    distances : ndarray of float64, shape (n,)
        From the absorber in Angstrom; the absorber itself, at 0, does not count.
    numbers : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of int64
        Without hydrogen. The shell ends before the first gap of 0.35 Angstrom, and 0.7 Angstrom
        beyond the nearest atom at the latest.
    """
    order = np.argsort(distances, kind="stable")
    order = order[(distances[order] > 0) & (numbers[order] > 1)]
    if order.size == 0:
        return order
    d = distances[order]
    ends = np.flatnonzero((np.diff(d) > 0.35) | (d[1:] > d[0] + 0.7))
    return order[: ends[0] + 1] if ends.size else order


@dataclass(frozen=True)
class Shell:
    """What is asked of the first shell of clusters; None asks nothing.

    Parameters
    ----------
    coordination : int, optional
        Number of neighbours.
    neighbour : str, optional
        Symbol of the commonest one.
    """

    coordination: int | None = None
    neighbour: str | None = None

    @property
    def suffix(self) -> str:
        """What is asked, to stand behind an element in a message: " with coordination 4", or ""."""
        parts = [] if self.coordination is None else [f"coordination {self.coordination}"]
        parts += [] if self.neighbour is None else [f"neighbour {self.neighbour}"]
        return f" with {' and '.join(parts)}" if parts else ""

    def fits(self, numbers: IntArray) -> bool:
        """Whether a shell of these atomic numbers is such a one."""
        if self.coordination is not None and len(numbers) != self.coordination:
            return False
        return self.neighbour is None or (len(numbers) > 0 and commonest(numbers) == self.neighbour)


ANY = Shell()


def commonest(numbers: IntArray) -> str:
    """Symbol of the commonest element among atomic numbers, of equal ones the first."""
    number: int = Counter(numbers.tolist()).most_common(1)[0][0]
    return SYMBOLS[number - 1]


def check_cluster(cluster: Cluster) -> None:
    """Refuse a cluster that no calculation can use.

    Parameters
    ----------
    cluster : Cluster

    Raises
    ------
    StructureError
        If a number is not finite, an element unknown, two atoms lie on top of each other, or the
        absorber has no neighbour within `RADIUS`.
    """
    numbers, positions = cluster.numbers, cluster.positions
    if not np.isfinite(positions).all():
        raise StructureError(f"{cluster.id}: a position is not finite; expected Angstrom")
    unknown = sorted({int(z) for z in numbers if not 1 <= z <= len(SYMBOLS)})
    if unknown:
        raise StructureError(
            f"{cluster.id}: atomic number {unknown[0]} is no element FEFF knows; expected 1 to {len(SYMBOLS)}"
        )
    if np.count_nonzero(cluster.distances <= RADIUS) < 2:
        raise StructureError(
            f"{cluster.id}: the absorber {cluster.element} has no neighbour within {RADIUS:g} Angstrom"
        )
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    hydrogen = (numbers[:, None] == 1) | (numbers[None] == 1)
    i, j = np.nonzero(np.triu(apart < np.where(hydrogen, CLOSEST_HYDROGEN, CLOSEST), 1))
    if i.size:
        raise StructureError(
            f"{cluster.id}: atoms {i[0]} ({SYMBOLS[numbers[i[0]] - 1]}) and {j[0]} "
            f"({SYMBOLS[numbers[j[0]] - 1]}) are {apart[i[0], j[0]]:.2f} Angstrom apart; expected one atom a "
            "place: resolve partial occupancies and disorder first"
        )


def extxyz(clusters: Iterable[Cluster]) -> str:
    """Clusters as text in the extended XYZ format (ASE).

    Parameters
    ----------
    clusters : iterable of Cluster

    Returns
    -------
    str
        One frame a cluster; info: id, source, name, absorber.
    """
    from ase import Atoms
    from ase.io import write

    frames = []
    for cluster in clusters:
        atoms = Atoms(numbers=cluster.numbers, positions=np.round(cluster.positions, 5))
        atoms.info = {"id": cluster.id, "source": cluster.source, "name": cluster.name, "absorber": 0}
        frames.append(atoms)
    text = io.StringIO()
    write(text, frames, format="extxyz", columns=["symbols", "positions"])
    return text.getvalue()


def write_clusters(path: Path, clusters: Iterable[Cluster]) -> None:
    """Write clusters into an extended XYZ file, whole or not at all.

    Parameters
    ----------
    path : Path
    clusters : iterable of Cluster

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_bytes(path, extxyz(clusters).encode())


def read_clusters(path: Path) -> Iterator[Cluster | Rejected]:
    """Read clusters from a file of extended XYZ, such as `write_clusters` makes.

    Parameters
    ----------
    path : Path
        May end in .gz.

    Yields
    ------
    Cluster or Rejected
        A frame that is no cluster is rejected with its id (its number in the file where it has none)
        and the reason.

    Raises
    ------
    StructureError
        If the file cannot be read at all.
    """
    import ase.io

    try:
        data = path.read_bytes()
        # Whole, before it is read: ASE goes back and forth in the file, which is slow in a packed one.
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
        frames = ase.io.read(io.StringIO(text), index=":", format="extxyz")
    except (OSError, ValueError, KeyError, IndexError, EOFError, UnicodeDecodeError) as error:
        raise StructureError(
            f"{path} cannot be read as extended XYZ ({error}); expected a file from xnet-onnx structures"
        ) from error
    for number, atoms in enumerate(frames):
        identity = str(atoms.info.get("id", f"{path.name}:{number}"))
        try:
            absorber = _absorber(atoms)
            if atoms.pbc.any():
                raise StructureError(
                    "the frame is periodic; cut clusters first: xnet-onnx structures --source FILE"
                )
        except StructureError as error:
            yield Rejected(identity, str(error))
            continue
        order = np.r_[absorber, np.delete(np.arange(len(atoms)), absorber)]
        yield Cluster(
            identity,
            str(atoms.info.get("source", "file")),
            str(atoms.info.get("name", identity)),
            atoms.numbers[order].astype(np.int64),
            atoms.positions[order] - atoms.positions[absorber],
        )


def _absorber(atoms: object) -> int:
    """Index of the absorber: the frame must say it."""
    info, count = atoms.info, len(atoms)  # type: ignore[attr-defined, arg-type]
    absorber = info.get("absorber")
    if count == 0:
        raise StructureError("the frame holds no atom")
    if absorber is None:
        raise StructureError(
            "the frame does not say which atom is the absorber; expected absorber=INDEX in its comment line: "
            "xnet-onnx structures --source FILE writes it"
        )
    if isinstance(absorber, bool) or int(absorber) != absorber or not 0 <= absorber < count:
        raise StructureError(f"absorber={absorber}: there are {count} atoms, counted from 0")
    return int(absorber)
