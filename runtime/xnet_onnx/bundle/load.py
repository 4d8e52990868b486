"""A bundle: the trained members and all that the runtime must know about them.

A bundle is a folder (design section 3). ``bundle.json`` holds the constants of
the method, so that a model trained on another axis or grid needs no change of
code, and the SHA-256 of every other file.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BundleError
from ..preprocess.align import EnergyAxis
from ..spectrum import FloatArray
from ..uncertainty.domain import Domain, parse_domain
from ..uncertainty.intervals import Calibration, parse_calibration
from .check import check_model
from .files import MAX_FILE_BYTES, MAX_JSON_BYTES, read_json, read_regular

__all__ = ["FORMAT", "Bundle", "default_bundle_path", "load_bundle", "read_verified"]

FORMAT = 1
DEFAULT_BUNDLE = "fe_k"
MAX_POINTS = 10_000
MAX_MEMBERS = 1000


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that has been read and checked.

    Parameters
    ----------
    path : Path
        Its folder.
    name, version : str
    element, edge : str
        Absorber and edge it was trained for.
    edge_energy : float
        Tabulated energy of that edge in eV.
    e0_range : tuple of float
        Lowest and highest e0 in eV that can be this edge, calibration errors
        of a monochromator included.
    axis : EnergyAxis
    r : ndarray of float64, shape (n,)
        Centres of the G2 functions in Angstrom.
    members : int
    model : bytes
        ``ensemble.onnx``, whose hash has been checked.
    calibration : Calibration or None
    domain : Domain or None
        None for a bundle that was not calibrated; there is no verdict then.
    card : dict
        ``bundle.json`` as it is.
    """

    path: Path
    name: str
    version: str
    element: str
    edge: str
    edge_energy: float
    e0_range: tuple[float, float]
    axis: EnergyAxis
    r: FloatArray
    members: int
    model: bytes
    calibration: Calibration | None
    domain: Domain | None
    card: dict[str, Any]

    @property
    def title(self) -> str:
        """Name and version: "fe_k 1.0.0"."""
        return f"{self.name} {self.version}"


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


def _is_plain(name: str) -> bool:
    """Whether a name stays in its folder, on every system."""
    return 0 < len(name) < 256 and not set(name) & set("/\\:\0") and name not in (".", "..")


def _within(value: float, low: float, high: float, what: str) -> float:
    if not low <= value <= high:
        raise ValueError(f"{what} = {value:g}, which is not from {low:g} to {high:g}")
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
        limit = MAX_FILE_BYTES if name.endswith((".onnx", ".npz")) else MAX_JSON_BYTES
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


def load_bundle(path: str | Path | None = None) -> Bundle:
    """Read a bundle and check its format and the hash of what will be run.

    Parameters
    ----------
    path : str or Path, optional
        The bundle's folder; the one shipped in the wheel by default.

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
    try:
        text = read_regular(file, MAX_JSON_BYTES)
    except OSError as error:
        raise BundleError(
            f"{file} cannot be read ({error.strerror}); expected the folder of a bundle: see "
            "'xnet-onnx export --help' for how one is made"
        ) from error
    card = read_json(text, file)
    if card.get("format") != FORMAT:
        raise BundleError(
            f"{folder} is a bundle of format {card.get('format')!r}; this version of xnet-onnx runs "
            f"format {FORMAT}: install the version the bundle was made for"
        )
    try:
        axis = card["axis"]
        descriptor = card["descriptor"]
        if axis["kind"] not in ("edge", "absolute"):
            raise ValueError(f"energy axis {axis['kind']!r}")
        count = int(_within(axis["count"], 2, MAX_POINTS, "axis.count"))
        first, last = (float(_within(descriptor[key], 0.0, 100.0, key)) for key in ("first", "last"))
        bundle = Bundle(
            path=folder,
            name=str(card["name"]),
            version=str(card["version"]),
            element=str(card["element"]),
            edge=str(card["edge"]),
            edge_energy=float(card["edge_energy"]),
            e0_range=(float(card["e0_range"][0]), float(card["e0_range"][1])),
            axis=EnergyAxis(
                axis["kind"],
                float(_within(axis["first"], -1e6, 1e6, "axis.first")),
                float(_within(axis["step"], 1e-3, 100.0, "axis.step")),
                count,
            ),
            r=np.linspace(first, last, int(_within(descriptor["count"], 2, MAX_POINTS, "descriptor.count"))),
            members=int(_within(card["members"], 1, MAX_MEMBERS, "members")),
            model=read_verified(folder, "ensemble.onnx", card),
            calibration=parse_calibration(card["calibration"]) if card.get("calibration") else None,
            domain=parse_domain(card["domain"]) if card.get("domain") else None,
            card=card,
        )
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
        raise BundleError(
            f"{file} lacks or misstates {error}; expected the fields of format {FORMAT}: export the "
            "bundle again"
        ) from error
    check_model(
        bundle.model,
        str(folder / "ensemble.onnx"),
        inputs=bundle.axis.count,
        output=(bundle.members, bundle.r.size),
    )
    return bundle
