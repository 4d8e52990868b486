"""A bundle: the trained members and all that the runtime must know about them.

A bundle is a folder (docs/design.md). ``bundle.json`` holds the constants of
the method, so that a model trained on another axis or grid needs no change of
code, and the SHA-256 of every other file; ``statistics.npz`` holds the matrices of
intervals and domain.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..edges import SYMBOLS, Absorber
from ..errors import BundleError
from ..spectrum import EnergyAxis, FloatArray
from .external import WEIGHTS, link
from .files import MAX_FILE_BYTES, MAX_JSON_BYTES, read_json, read_regular
from .nearest import Compounds, parse_compounds
from .statistics import (
    STATISTICS_VERSION,
    Calibration,
    Domain,
    join_arrays,
    parse_calibration,
    parse_domain,
    read_arrays,
)

__all__ = [
    "FORMAT",
    "Bundle",
    "default_bundle",
    "default_bundle_path",
    "is_shipped",
    "load_bundle",
    "read_card_json",
    "read_models",
    "read_verified",
]

FORMAT = 3
DEFAULT_BUNDLE = "k_3d"
MAX_POINTS = 10_000
MAX_MEMBERS = 1000
#: In eV: the largest step, and what a calibrated bundle must look beyond on either side of the edge.
MAX_STEP = 5.0
SEEN = (-5.0, 15.0)
#: The graph of all members, and the member that runs alone.
ENSEMBLE, FIRST_MEMBER = "ensemble.onnx", "member_00.onnx"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that has been read and checked.

    Parameters
    ----------
    path : Path
        Its folder.
    name, version : str
    absorbers : tuple of Absorber
        What it was trained for, by ascending energy.
    axis : EnergyAxis
    r : ndarray of float64, shape (n,)
        Centres of the G2 functions in Angstrom.
    members : int
    model : bytes
        ``ensemble.onnx`` with its weights in it; the hashes of both files have been checked.
    first_member : bytes
        ``member_00.onnx`` likewise: it runs the copies that are moved a little.
    calibration : Calibration or None
    domain : Domain or None
        None for a bundle that was not calibrated; there is no verdict then.
    card : dict
        ``bundle.json`` as it is.
    compounds : Compounds or None
        Training compounds to compare a spectrum with; None where the bundle names none.
    """

    path: Path
    name: str
    version: str
    absorbers: tuple[Absorber, ...]
    axis: EnergyAxis
    r: FloatArray
    members: int
    model: bytes
    first_member: bytes
    calibration: Calibration | None
    domain: Domain | None
    card: dict[str, Any]
    compounds: Compounds | None = None

    @property
    def title(self) -> str:
        """Name and version: "k_3d 1.0.0"."""
        return f"{self.name} {self.version}"

    def absorber(self, element: str) -> Absorber:
        """The absorber of that element.

        Raises
        ------
        BundleError
            If the bundle does not know it.
        """
        for one in self.absorbers:
            if one.element == element:
                return one
        raise BundleError(
            f"{self.title} does not know {element}; it knows {self.knows}: choose another model"
        )

    @property
    def knows(self) -> str:
        """Its edges in words: "Fe K", "Ti, V, Cr K"."""
        edges = dict.fromkeys(one.edge for one in self.absorbers)
        return ", ".join(
            ", ".join(one.element for one in self.absorbers if one.edge == edge) + f" {edge}"
            for edge in edges
        )


@lru_cache(maxsize=1)
def default_bundle() -> Bundle:
    """The bundle that is shipped in the wheel; read once in a process.

    Raises
    ------
    BundleError
        As `load_bundle`.
    """
    return load_bundle()


def default_bundle_path() -> Path:
    """Folder of the bundle that is shipped in the wheel.

    Raises
    ------
    BundleError
        If the package data are not installed.
    """
    spec = importlib.util.find_spec("xnet_models")
    if spec is None or not spec.submodule_search_locations:
        raise BundleError(
            "the shipped bundle (package xnet_models) is not installed; expected it beside "
            "xnet_onnx: reinstall xnet-onnx or give a folder with --model"
        )
    return Path(next(iter(spec.submodule_search_locations))) / DEFAULT_BUNDLE


def is_shipped(folder: Path) -> bool:
    """Whether a bundle lies among those of the wheel, which are trusted as the code beside them is."""
    return folder.parent == default_bundle_path().parent


def _is_plain(name: str) -> bool:
    """Whether a name stays in its folder, on every system."""
    return 0 < len(name) < 256 and not set(name) & set("/\\:\0") and name not in (".", "..")


def _within(value: float, low: float, high: float, what: str) -> float:
    if not low <= value <= high:
        raise ValueError(f"{what} = {value!r}, which is not from {low:g} to {high:g}")
    return value


def read_verified(path: Path, name: str, card: dict[str, Any]) -> bytes:
    """Read a file of a bundle and check it against its recorded SHA-256.

    Parameters
    ----------
    path : Path
        The bundle's folder.
    name : str
        The file's name in it.
    card : dict
        The bundle's ``bundle.json``.

    Returns
    -------
    bytes
        The bytes that were hashed.

    Raises
    ------
    BundleError
        If the file is missing, not recorded or not the one recorded.
    """
    files = card.get("files")
    recorded = files.get(name) if isinstance(files, dict) else None
    if not isinstance(recorded, str):
        raise BundleError(
            f"{path / 'bundle.json'} records no SHA-256 for {name}; expected one for every file: "
            "export the bundle again"
        )
    if not _is_plain(name):
        raise BundleError(
            f"{path / 'bundle.json'} names the file {name[:60]!r}; expected names in the bundle's own folder"
        )
    try:
        limit = MAX_FILE_BYTES if name.endswith((".onnx", ".npz", ".bin")) else MAX_JSON_BYTES
        data = read_regular(path / name, limit)
    except OSError as error:
        raise BundleError(
            f"{path / name} cannot be read ({error.strerror}); expected it in the bundle: reinstall "
            "xnet-onnx or copy the whole folder"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != recorded:
        raise BundleError(
            f"{path / name} has SHA-256 {found[:12]}..., bundle.json records {recorded[:12]}...; the "
            "file was changed or damaged: reinstall xnet-onnx or copy the folder again"
        )
    return data


def read_models(path: Path, names: Iterable[str], card: dict[str, Any]) -> dict[str, bytes]:
    """Read graphs of a bundle, with their weights in them.

    Parameters
    ----------
    path : Path
        The bundle's folder.
    names : iterable of str
        Files in it.
    card : dict
        The bundle's ``bundle.json``.

    Returns
    -------
    dict of str to bytes
        By the names.

    Raises
    ------
    BundleError
        As `read_verified`, and if a graph refers to other weights than those of ``weights.bin``.
    """
    weights = read_verified(path, WEIGHTS, card)
    return {name: link(read_verified(path, name, card), weights, str(path / name)) for name in names}


def read_card_json(file: Path) -> dict[str, Any]:
    """Read ``bundle.json``, whatever format it is of.

    Parameters
    ----------
    file : Path

    Returns
    -------
    dict

    Raises
    ------
    BundleError
        If it cannot be read, is too large or is no JSON object.
    """
    try:
        text = read_regular(file, MAX_JSON_BYTES)
    except OSError as error:
        raise BundleError(
            f"{file} cannot be read ({error.strerror}); expected the folder of a bundle: see "
            "'xnet-onnx export --help' for how one is made"
        ) from error
    return read_json(text, file)


def _absorbers(value: list[dict[str, Any]]) -> tuple[Absorber, ...]:
    absorbers = tuple(
        Absorber(
            str(one["element"]),
            str(one["edge"]),
            float(_within(one["energy"], 1.0, 1e6, "energy of an edge")),
            tuple(float(_within(end, 1.0, 1e6, "e0_range")) for end in one["e0_range"]),  # type: ignore[arg-type]
        )
        for one in value
    )
    if not absorbers:
        raise ValueError("no absorber")
    for one in absorbers:
        if one.element not in SYMBOLS or len(one.e0_range) != 2 or not one.e0_range[0] < one.e0_range[1]:
            raise ValueError(f"absorber {one.element!r}")
    return tuple(sorted(absorbers, key=lambda one: one.energy))


def _scale_range(value: list[float]) -> tuple[float, float]:
    low, high = (float(_within(end, -100.0, 1000.0, "scale_range")) for end in value)
    if not low < high:
        raise ValueError("scale_range")
    return low, high


def load_bundle(path: str | Path | None = None, *, statistics: bool = True) -> Bundle:
    """Read a bundle and check its format and the hash of what will be run.

    Parameters
    ----------
    path : str or Path, optional
        The bundle's folder; the one shipped in the wheel by default.
    statistics : bool
        False to leave its calibration unread, whatever version it is of: to
        calibrate it again.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        If the folder is not a bundle, is of another format, or a file is not
        the one recorded.
    """
    folder = default_bundle_path() if path is None else Path(path)
    file = folder / "bundle.json"
    card = read_card_json(file)
    if card.get("format") != FORMAT:
        found = card.get("format")
        older = isinstance(found, int) and found < FORMAT
        raise BundleError(
            f"{folder} is a bundle of format {found!r}; this version of xnet-onnx runs format {FORMAT}: "
            + (
                "convert it with xnet-onnx export --convert"
                if older
                else "install the version the bundle was made for"
            )
        )
    calibrated = statistics and (bool(card.get("calibration")) or bool(card.get("domain")))
    if calibrated and card.get("statistics_version") != STATISTICS_VERSION:
        raise BundleError(
            f"{folder} was calibrated with constants of version {card.get('statistics_version')!r}; this "
            f"version of xnet-onnx computes with version {STATISTICS_VERSION}: run xnet-onnx calibrate again"
        )
    try:
        axis = card["axis"]
        descriptor = card["descriptor"]
        if axis["kind"] not in ("edge", "absolute"):
            raise ValueError(f"energy axis {axis['kind']!r}")
        count = int(_within(axis["count"], 2, MAX_POINTS, "axis.count"))
        points = int(_within(descriptor["count"], 2, MAX_POINTS, "descriptor.count"))
        whole = card if statistics else {}
        models = read_models(folder, [ENSEMBLE, FIRST_MEMBER], card)
        if calibrated:
            whole = join_arrays(card, read_arrays(read_verified(folder, "statistics.npz", card)))
        first, last = (float(_within(descriptor[key], 0.0, 100.0, key)) for key in ("first", "last"))
        if not first < last:
            raise ValueError(f"descriptor, whose distances go from {first:g} to {last:g} Angstrom")
        bundle = Bundle(
            path=folder,
            name=str(card["name"]),
            version=str(card["version"]),
            absorbers=_absorbers(card["absorbers"]),
            axis=EnergyAxis(
                axis["kind"],
                float(_within(axis["first"], -1e6, 1e6, "axis.first")),
                float(_within(axis["step"], 1e-3, MAX_STEP, "axis.step")),
                count,
                None if axis.get("scale_range") is None else _scale_range(axis["scale_range"]),
                float(_within(axis.get("level", EnergyAxis.level), 0.1, 0.95, "axis.level")),
            ),
            r=np.linspace(first, last, points),
            members=int(_within(card["members"], 1, MAX_MEMBERS, "members")),
            model=models[ENSEMBLE],
            first_member=models[FIRST_MEMBER],
            calibration=parse_calibration(whole["calibration"], points) if whole.get("calibration") else None,
            domain=parse_domain(whole["domain"], count) if whole.get("domain") else None,
            card=card,
            compounds=parse_compounds(read_verified(folder, "nearest.npz", card), count)
            if statistics and "nearest.npz" in card["files"]
            else None,
        )
        energy = bundle.axis.from_edge()
        if calibrated and not (energy[0] < SEEN[0] and energy[-1] > SEEN[1]):
            raise ValueError(f"axis, which goes from {energy[0]:g} to {energy[-1]:g} eV around the edge")
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise BundleError(
            f"{file} lacks or misstates {error}; expected the fields of format {FORMAT}: export the "
            "bundle again"
        ) from error
    if not is_shipped(folder):
        from .check import check_model  # not at the start of each process

        output = (bundle.members, bundle.r.size)
        check_model(bundle.model, str(folder / ENSEMBLE), inputs=bundle.axis.count, output=output)
        check_model(
            bundle.first_member, str(folder / FIRST_MEMBER), inputs=bundle.axis.count, output=output[1:]
        )
    return bundle
