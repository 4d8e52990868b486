"""From answers to a training set that ``train --data`` reads: quality, duplicates, files, record."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import json
import platform
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xnet_onnx.edges import EDGES, SYMBOLS
from xnet_onnx.errors import DataSetError, SimulationError, XnetError
from xnet_onnx.files import write_bytes
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import FloatArray

from ..data.descriptor import RadialGrid, g2_of_shells
from ..structures.cluster import Cluster, Rejected, extxyz, read_clusters
from ..train.presets import PRESETS
from .recipe import Recipe

__all__ = ["Calculated", "Contents", "Twins", "check_spectrum", "read_set", "write_set"]

FORMAT = 1
#: The grid of a set: first and last energy beside the tabulated edge, and the step, in eV.
FIRST, LAST, STEP = -17.0, 68.0, 0.25
#: A normalised spectrum lies below the one everywhere, and above the other at its end.
HIGHEST, LOWEST_END = 6.0, 0.5
#: Two descriptors nearer to each other than this, relative to their size, are one.
SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Calculated:
    """A cluster with its spectrum on the set's grid (float32, NaN where the calculation does not reach)."""

    cluster: Cluster
    mu: FloatArray
    atoms: int


@dataclass(frozen=True, eq=False)
class Contents:
    """What a set holds.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        In eV.
    rows : dict of str to Calculated
        By id.
    record : dict
        ``simulation.json``.
    """

    energy: FloatArray
    rows: dict[str, Calculated]
    record: dict[str, Any]


class Twins:
    """Finds clusters with the composition and the descriptor of one before."""

    def __init__(self) -> None:
        self._known: dict[bytes, list[tuple[str, FloatArray]]] = {}
        self._grid = RadialGrid()

    def of(self, cluster: Cluster) -> str | None:
        """Id of the first cluster like this one; None, and it is kept in mind, where there is none."""
        distance = cluster.distances
        near = (distance > 0) & (distance <= self._grid.cutoff)
        numbers = cluster.numbers[near]
        composition = np.r_[cluster.numbers[:1], np.sort(numbers)].tobytes()
        curve = g2_of_shells(distance[near], numbers, self._grid)
        alike = self._known.setdefault(composition, [])
        for identity, other in alike:
            if np.linalg.norm(curve - other) <= SAME * np.linalg.norm(other):
                return identity
        alike.append((cluster.id, curve))
        return None


def grid(edge: float) -> FloatArray:
    """Energies of a set in eV, for the tabulated energy of its edge."""
    return np.arange(edge + FIRST, edge + LAST + STEP / 2, STEP)


def check_spectrum(energy: FloatArray, mu: FloatArray) -> None:
    """Refuse a calculated spectrum that cannot be trained on.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)

    Raises
    ------
    SimulationError
        If it is not finite or not normalised.
    XnetError
        If it has no edge, or does not cover the energies of the default recipe of training.
    """
    if energy.size < 2 or not (np.isfinite(energy).all() and np.isfinite(mu).all()):
        raise SimulationError("the spectrum is not finite")
    if mu.max() >= HIGHEST or mu[-1] <= LOWEST_END:
        raise SimulationError(
            f"the spectrum is not normalised: it reaches {mu.max():.2f} and ends at {mu[-1]:.2f}; expected "
            f"below {HIGHEST:g} and above {LOWEST_END:g}"
        )
    align_one(energy, mu, PRESETS["default"].axis)


def on_grid(energy: FloatArray, mu: FloatArray, edge: float) -> FloatArray:
    """A spectrum on the set's grid, NaN where it does not reach."""
    return np.interp(grid(edge), energy, mu, left=np.nan, right=np.nan).astype(np.float32)


def read_set(folder: Path, *, recorded: bool = True) -> Contents | None:
    """Read a set back, to add to it or to report on it.

    Parameters
    ----------
    folder : Path
    recorded : bool
        Take only a set that ``simulate`` made. Else one without ``simulation.json`` is read too; element and
        edge are then the absorber's and the one that its energies cover, and nothing is known to be left out.

    Returns
    -------
    Contents or None
        None where there is no set.

    Raises
    ------
    DataSetError
        If it cannot be read, or was not made by ``simulate`` and must be.
    """
    if not (folder / "spectra.npz").exists():
        if folder.exists() and any(folder.iterdir()):
            raise DataSetError(f"{folder} holds files and no training set; choose an empty place")
        return None
    file = folder / "simulation.json"
    try:
        record = json.loads(file.read_text(encoding="utf-8")) if recorded or file.exists() else None
        with np.load(folder / "spectra.npz", allow_pickle=False) as arrays:
            energy, mu = arrays["energy"], arrays["mu"]
            ids, atoms = arrays["id"].tolist(), arrays["n_atoms"].tolist()
        clusters = {item.id: item for item in read_clusters(folder / "structures.extxyz.gz")}
    except (OSError, KeyError, ValueError) as error:
        use = "added to" if recorded else "read"
        raise DataSetError(
            f"{folder} cannot be {use} ({error}); expected a set made by xnet-onnx simulate"
        ) from error
    rows = {}
    for identity, spectrum, count in zip(ids, mu, atoms, strict=True):
        cluster = clusters.get(identity)
        if cluster is None or isinstance(cluster, Rejected):
            raise DataSetError(f"{folder} holds no structure {identity}; expected one for each spectrum")
        rows[identity] = Calculated(cluster, spectrum, int(count))
    return Contents(energy, rows, _as_found(folder, energy, rows) if record is None else record)


def _as_found(folder: Path, energy: FloatArray, rows: dict[str, Calculated]) -> dict[str, Any]:
    """What can be said of a set without ``simulation.json``, in the same fields."""
    elements = {SYMBOLS[int(row.cluster.numbers[0]) - 1] for row in rows.values()}
    edges = [
        (element, edge)
        for (element, edge), place in EDGES.items()
        if element in elements and energy[0] < place < energy[-1]
    ]
    if len(edges) != 1:
        found = ", ".join(sorted(elements)) or "none"
        raise DataSetError(
            f"{folder} has no simulation.json, absorbers {found} and energies {energy[0]:.0f} to "
            f"{energy[-1]:.0f} eV; expected one element with one edge there"
        )
    element, edge = edges[0]
    return {"element": element, "recipe": {"edge": edge}, "left_out": None}


def versions() -> dict[str, str]:
    """Versions of what a spectrum depends on."""
    names = ("xnet-onnx", "feff10-rs", "numpy", "ase")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def write_set(
    folder: Path,
    element: str,
    recipe: Recipe,
    rows: Iterable[Calculated],
    left_out: dict[str, str],
    structures: list[dict[str, Any]],
    note: str = "",
) -> dict[str, Any]:
    """Write a set: ``spectra.npz``, ``structures.extxyz.gz``, and last ``simulation.json``.

    Parameters
    ----------
    folder : Path
    element : str
    recipe : Recipe
    rows : iterable of Calculated
    left_out : dict of str to str
        Reason by id.
    structures : list of dict
        Name, sha256 and number of clusters of each file of structures.
    note : str
        Put into the record.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    SimulationError
        If there is no row.
    OutputError
        If it cannot be written.
    """
    kept = sorted(rows, key=lambda row: row.cluster.id)
    if not kept:
        reason = next(iter(left_out.values()), "no structure")
        raise SimulationError(f"no spectrum came out of {len(left_out)} structures; the first: {reason}")
    clusters = [row.cluster for row in kept]
    spectra, text = io.BytesIO(), io.BytesIO()
    np.savez_compressed(
        spectra,
        id=np.array([item.id for item in clusters]),
        name=np.array([item.name for item in clusters]),
        source=np.array([item.source for item in clusters]),
        energy=grid(recipe.edge_energy(element)),
        mu=np.stack([row.mu for row in kept]).astype(np.float32),
        n_atoms=np.array([row.atoms for row in kept]),
    )
    with gzip.GzipFile(fileobj=text, mode="wb", mtime=0) as packed:
        packed.write(extxyz(clusters).encode())
    files = {"spectra.npz": spectra.getvalue(), "structures.extxyz.gz": text.getvalue()}
    record: dict[str, Any] = {
        "format": FORMAT,
        "element": element,
        "recipe": asdict(recipe),
        "recipe_sha256": recipe.sha256(),
        "versions": versions(),
        "structures": structures,
        "spectra": len(kept),
        "by_source": dict(sorted(Counter(item.source for item in clusters).items())),
        "left_out": dict(sorted(left_out.items())),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    if note:
        record["note"] = note
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_bytes(folder / name, data)
    write_bytes(folder / "simulation.json", (json.dumps(record, indent=1) + "\n").encode())
    return record


def calculated(cluster: Cluster, answer: dict[str, Any], edge: float) -> Calculated | str:
    """A spectrum for the set from an answer, or the reason why it is left out.

    Parameters
    ----------
    cluster : Cluster
    answer : dict
    edge : float
        Tabulated energy in eV.

    Returns
    -------
    Calculated or str
    """
    if "error" in answer:
        return str(answer["error"])
    energy = np.array(answer["energy"], dtype=np.float64)
    mu = np.array(answer["mu"], dtype=np.float64)
    try:
        check_spectrum(energy, mu)
    except XnetError as error:
        return str(error)
    return Calculated(cluster, on_grid(energy, mu, edge), int(answer["atoms"]))
