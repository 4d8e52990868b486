"""Training sets: spectra with their structures, read from two layouts.

(a) Ours, ``training/<name>/``: ``structures.extxyz.gz`` and ``spectra.npz``.
(b) XANESNET's: a folder of ``.xyz`` and a folder of two-column ``.txt`` files
    (two header lines) with matching stems; the absorber is the first atom.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xnet_onnx.errors import DataSetError, XnetError
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import EnergyAxis, FloatArray

from .descriptor import RadialGrid, g2_of_shells, neighbours

if TYPE_CHECKING:
    from ase import Atoms

__all__ = [
    "Row",
    "TrainingSet",
    "hold_out",
    "latest_set",
    "name_draw",
    "read_training_set",
    "read_training_sets",
    "select_axis",
]


@dataclass(frozen=True, eq=False)
class Row:
    """One spectrum with its structure.

    Parameters
    ----------
    id : str
        Unique in the set.
    name : str
        The composition; rows that share it must not be split.
    energy, mu : ndarray of float64, shape (n,)
        Photon energy in eV and normalised absorption.
    g2 : ndarray of float64, shape (50,)
        The target.
    distances, numbers : ndarray, shape (m,)
        Distance in Angstrom and atomic number of every atom within the cutoff,
        nearest first.
    absorber : int
        Atomic number of the absorber.
    source : str
        Where the structure comes from: "mineral", "mvar", "compound", "alloy", "built", "molecule";
        "" where the set does not say.
    """

    id: str
    name: str
    energy: FloatArray
    mu: FloatArray
    g2: FloatArray
    distances: FloatArray
    numbers: npt.NDArray[np.int64]
    absorber: int = 26
    source: str = ""

    @property
    def kind(self) -> str:
        """Kind that kinds are balanced by: "mineral" (any solid), "molecule" or "built"."""
        if self.source in ("mineral", "mvar", "compound", "alloy"):
            return "mineral"
        return "molecule" if self.source == "molecule" else "built"

    @property
    def group(self) -> str:
        """What must not be split: composition, host mineral ("Fe in HOST (X site)") or refcode."""
        if self.source == "mvar":
            return re.sub(r"^\w+ in (.+) \(.*site\)$", r"\1", self.name)
        if self.source == "molecule":
            refcode = re.match(r"[A-Z]{6}", self.name)
            return self.name if refcode is None else refcode.group()
        return self.name


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The rows that can be used, and those left out with the reason.

    Parameters
    ----------
    name : str
        The set's name: its folder's.
    sha256 : str
        Hash over the names and bytes of all its files.
    rows : tuple of Row
    left_out : tuple of (str, str)
        Id and reason.
    parts : tuple of (str, str)
        Name and SHA-256 of each set, where several were joined.
    """

    name: str
    sha256: str
    rows: tuple[Row, ...]
    left_out: tuple[tuple[str, str], ...]
    parts: tuple[tuple[str, str], ...] = ()


def latest_set(folder: Path) -> Path:
    """The largest set below `folder`, each in its highest version ``_vN``.

    Parameters
    ----------
    folder : Path
        A folder of sets, such as ``training/``; a set itself is returned as is.

    Returns
    -------
    Path

    Raises
    ------
    DataSetError
        If no set is found.
    """
    if not folder.is_dir():
        raise DataSetError(f"{folder} is not a folder; expected a training set, or a folder of sets")
    if _is_set(folder):
        return folder
    versions = sorted(
        (int(path.name.rpartition("_v")[2]), path)
        for path in folder.iterdir()
        if _is_set(path) and path.name.rpartition("_v")[2].isdigit()
    )
    newest = {path.name.rpartition("_v")[0]: path for _, path in versions}
    if not newest:
        raise DataSetError(
            f"{folder} holds no training set; expected spectra.npz beside structures.extxyz.gz, a "
            "folder of .xyz beside a folder of .txt files, or folders of these named ..._vN"
        )
    return max(newest.values(), key=lambda path: sum(item.stat().st_size for item in path.iterdir()))


def _is_set(folder: Path) -> bool:
    return (folder / "spectra.npz").is_file() or _xanesnet_folders(folder) is not None


def _xanesnet_folders(folder: Path) -> tuple[Path, Path] | None:
    """The folders of .xyz and of .txt files, where this is XANESNET's layout."""
    if not folder.is_dir():
        return None
    children = sorted(path for path in folder.iterdir() if path.is_dir())
    xyz = [path for path in children if next(path.glob("*.xyz"), None) is not None]
    txt = [path for path in children if next(path.glob("*.txt"), None) is not None]
    return (xyz[0], txt[0]) if len(xyz) == 1 and len(txt) == 1 else None


def read_training_set(folder: Path, grid: RadialGrid | None = None) -> TrainingSet:
    """Read a training set in either layout.

    Parameters
    ----------
    folder : Path
        The set, or a folder of sets, of which the newest is taken.
    grid : RadialGrid, optional
        The descriptor's; the paper's by default.

    Returns
    -------
    TrainingSet
        Rows without a structure or with NaN inside the spectrum are left out,
        with the reason.

    Raises
    ------
    DataSetError
        If the folder holds no set, or its files do not fit each other.
    """
    folder = latest_set(Path(folder))
    grid = RadialGrid() if grid is None else grid
    ours = (folder / "spectra.npz").is_file()
    pairs = _read_ours(folder) if ours else _read_xanesnet(folder)
    rows: list[Row] = []
    left_out: list[tuple[str, str]] = []
    for row_id, name, energy, mu, atoms in pairs:
        if isinstance(atoms, str):
            left_out.append((row_id, atoms))
            continue
        try:
            energy, mu = _finite_part(energy, mu)
            absorber = int(atoms.info.get("absorber", 0))
            distances, numbers = neighbours(atoms, absorber, grid.cutoff)
        except XnetError as error:
            left_out.append((row_id, str(error)))
            continue
        if distances.size == 0:
            left_out.append((row_id, "the structure has no atom within the cutoff"))
            continue
        target = g2_of_shells(distances, numbers, grid)
        number = int(atoms.numbers[absorber])
        source = str(atoms.info.get("source", ""))
        rows.append(Row(row_id, name, energy, mu, target, distances, numbers, number, source))
    if not rows:
        reason = f": the first of {len(left_out)}: {left_out[0][1]}" if left_out else ""
        raise DataSetError(f"{folder} holds no usable spectrum{reason}")
    return TrainingSet(folder.name, _hash_folder(folder), tuple(rows), tuple(left_out))


def read_training_sets(folders: Sequence[Path], grid: RadialGrid | None = None) -> TrainingSet:
    """Read one training set or several as one.

    Parameters
    ----------
    folders : sequence of Path
        Each as for `read_training_set`.
    grid : RadialGrid, optional

    Returns
    -------
    TrainingSet

    Raises
    ------
    DataSetError
        If one of them cannot be read, or an id is in two of them.
    """
    sets = [read_training_set(folder, grid) for folder in folders]
    if len(sets) == 1:
        return sets[0]
    found = Counter(row.id for data in sets for row in data.rows)
    twice = [row_id for row_id, count in found.items() if count > 1]
    if twice:
        raise DataSetError(
            f"{len(twice)} spectra are in more than one of {', '.join(data.name for data in sets)}, the "
            f"first {twice[0]}; expected sets that share none: give each --data once"
        )
    parts = tuple((data.name, data.sha256) for data in sets)
    return TrainingSet(
        " + ".join(data.name for data in sets),
        hashlib.sha256("".join(sha256 for _, sha256 in parts).encode()).hexdigest(),
        tuple(row for data in sets for row in data.rows),
        tuple(pair for data in sets for pair in data.left_out),
        parts,
    )


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _finite_part(energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cut the NaN at the two ends, where a calculation did not reach."""
    finite = np.flatnonzero(np.isfinite(energy) & np.isfinite(mu))
    if finite.size == 0:
        raise DataSetError("the spectrum holds no finite value")
    inside = slice(int(finite[0]), int(finite[-1]) + 1)
    holes = int(np.count_nonzero(~np.isfinite(mu[inside]) | ~np.isfinite(energy[inside])))
    if holes:
        raise DataSetError(f"the spectrum holds {holes} NaN or infinite value(s)")
    energy, mu = energy[inside].astype(np.float64), mu[inside].astype(np.float64)
    if energy.size < 2 or np.any(np.diff(energy) <= 0):
        raise DataSetError("the energies do not increase")
    return energy, mu


Pair = tuple[str, str, FloatArray, FloatArray, "Atoms | str"]


def _read_ours(folder: Path) -> Iterator[Pair]:
    from ase.io import iread

    structures_path = folder / "structures.extxyz.gz"
    try:
        with np.load(folder / "spectra.npz", allow_pickle=False) as arrays:
            ids, names = arrays["id"], arrays["name"]
            energy, mu = arrays["energy"], arrays["mu"]
        text = gzip.decompress(structures_path.read_bytes()).decode("utf-8")
        frames = {
            str(atoms.info["id"]): atoms for atoms in iread(io.StringIO(text), index=":", format="extxyz")
        }
    except (OSError, KeyError, ValueError) as error:
        raise DataSetError(
            f"{folder} cannot be read as a training set ({error}); expected spectra.npz and "
            "structures.extxyz.gz as in training/README.md"
        ) from error
    if not ids.size == names.size == len(mu) or mu.shape[1:] != energy.shape:
        raise DataSetError(
            f"{folder / 'spectra.npz'}: id {ids.shape}, name {names.shape}, energy {energy.shape} "
            f"and mu {mu.shape} do not fit each other"
        )
    for row_id, name, row in zip(ids.tolist(), names.tolist(), mu, strict=True):
        yield row_id, name, energy, row, frames.get(row_id, "no structure has this id")


def _read_xanesnet(folder: Path) -> Iterator[Pair]:
    from ase.io import iread

    folders = _xanesnet_folders(folder)
    assert folders is not None
    xyz, txt = folders
    spectra = {path.stem: path for path in txt.glob("*.txt")}
    structures = {path.stem: path for path in xyz.glob("*.xyz")}
    empty = np.empty(0)
    for stem in sorted(spectra.keys() | structures.keys()):
        if stem not in spectra:
            yield stem, stem, empty, empty, "the structure has no spectrum"
            continue
        if stem not in structures:
            yield stem, stem, empty, empty, "the spectrum has no structure"
            continue
        try:
            table = np.loadtxt(spectra[stem], skiprows=2, ndmin=2)
            atoms = next(iread(structures[stem], index=":1", format="xyz"))
        except (OSError, ValueError, IndexError, KeyError) as error:
            yield stem, stem, empty, empty, f"cannot be read: {error}"
            continue
        if table.shape[1] < 2:
            yield stem, stem, empty, empty, "the spectrum has fewer than two columns"
            continue
        # One file per compound: the stem is the composition.
        yield stem, stem, table[:, 0], table[:, 1], atoms


def select_axis(data: TrainingSet, axis: EnergyAxis) -> tuple[TrainingSet, FloatArray]:
    """Keep the rows that cover an energy axis.

    Parameters
    ----------
    data : TrainingSet
    axis : EnergyAxis

    Returns
    -------
    data : TrainingSet
        Rows that do not cover it are moved to `left_out`.
    origin : ndarray of float64, shape (number of rows kept,)
        Edge position of each row in eV on the `edge` axis, 0 on the
        `absolute` one.

    Raises
    ------
    DataSetError
        If no row is left.
    """
    rows, origins, left_out = [], [], list(data.left_out)
    for row in data.rows:
        try:
            _, origin = align_one(row.energy, row.mu, axis)
        except XnetError as error:
            left_out.append((row.id, str(error)))
            continue
        rows.append(row)
        origins.append(origin)
    if not rows:
        raise DataSetError(
            f"no spectrum of {data.name} covers the {axis.kind} axis {axis.first:g} to "
            f"{axis.last:g} eV; the first: {left_out[-1][1] if left_out else 'none given'}"
        )
    kept = replace(data, rows=tuple(rows), left_out=tuple(left_out))
    return kept, np.array(origins)


def hold_out(
    names: list[str], fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split rows into training and held-out by whole compositions.

    Whether a composition is held out depends on its name and the seed alone,
    not on the rest of the set: when the set grows, or an axis leaves rows out,
    a composition stays on its side.

    Parameters
    ----------
    names : list of str, length n
        Composition of each row.
    fraction : float
        Share of the compositions to hold out.
    seed : int

    Returns
    -------
    training, held_out : ndarray of int64
        Row indices, ascending.
    """
    held = np.array([name_draw(name, seed) < fraction for name in names], dtype=bool)
    return np.flatnonzero(~held), np.flatnonzero(held)


def name_draw(name: str, seed: int) -> float:
    """A number from 0 to 1 that depends on a name and a seed alone.

    Parameters
    ----------
    name : str
    seed : int

    Returns
    -------
    float
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
