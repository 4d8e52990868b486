"""Write a bundle (docs/design.md).

In memory the card of a bundle is one dictionary: ``bundle.json`` with the arrays
of intervals and domain in their places, and the metrics. `write_card` takes it
apart: what a person reviews, matrices and measurements are files of their own.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from xnet_onnx.bundle.load import FORMAT, read_card_json, read_verified
from xnet_onnx.bundle.statistics import STATISTICS_VERSION, join_arrays, read_arrays, split_arrays
from xnet_onnx.edges import EDGES, SYMBOLS, Absorber
from xnet_onnx.errors import BundleError, OutputError
from xnet_onnx.files import write_bytes
from xnet_onnx.inference.session import open_session
from xnet_onnx.preprocess.uniform import SMOOTH_FWHM
from xnet_onnx.spectrum import EnergyAxis, FloatArray

from ..data.descriptor import RadialGrid
from ..data.record import keep_record
from ..train.networks import Ensemble
from .card import model_card
from .graphs import Blocked, members_to_onnx, to_onnx
from .weights import share_weights

__all__ = [
    "check_parity",
    "convert_bundle",
    "hash_bags",
    "k_edges",
    "read_card",
    "write_bundle",
    "write_card",
]

PARITY = 1e-5
#: How far from the tabulated energy e0 can lie, in eV: chemistry, and a monochromator 10 eV off.
E0_BELOW, E0_ABOVE = 17.0, 33.0
#: Files that `write_card` writes.
#: Keys of `domain` in format 1, and now.
RENAMED = (("doubts", "artefacts"), ("descriptors", "properties"), ("doubt_alarm", "artefact_alarm"))
#: A first shell cannot move further, in Angstrom: for calibrations without that rule.
NEVER_UNSTABLE = 100.0
OF_CARD = ("README.md", "metrics.json", "statistics.npz")


def check_parity(
    reference: nn.Module,
    fused: bytes,
    singles: list[bytes],
    inputs: FloatArray,
    numbers: npt.NDArray[np.int64] | None = None,
) -> dict[str, float]:
    """Compare torch with onnxruntime, and the fused model with the members.

    Parameters
    ----------
    reference : torch.nn.Module
        The members as trained: (n, inputs) to (n, members, outputs).
    fused : bytes
        ``ensemble.onnx``.
    singles : list of bytes
        ``member_NN.onnx``.
    inputs : ndarray, shape (n, inputs)
        Spectra to compare on.
    numbers : ndarray of int64, shape (n,), optional
        Atomic numbers of their absorbers, for graphs that take them.

    Returns
    -------
    dict
        Largest absolute differences in G2: `torch` and `fused`.

    Raises
    ------
    BundleError
        If one is above 1e-5 (times the largest G2 of its spectrum, where that is above 1).
    """
    spectra = np.ascontiguousarray(inputs, dtype=np.float32)
    feeds = {"spectrum": spectra} if numbers is None else {"spectrum": spectra, "absorber": numbers}
    fused_output = open_session(fused).run(["g2"], feeds)[0]
    with torch.no_grad():
        expected = reference.eval()(*(torch.from_numpy(value) for value in feeds.values())).numpy()
    largest = {"torch": 0.0, "fused": 0.0}
    for index, single in enumerate(singles):
        output = open_session(single).run(["g2"], feeds)[0]
        for what, other in (("torch", expected[:, index]), ("fused", fused_output[:, index])):
            difference = np.abs(output - other)
            largest[what] = max(largest[what], float(difference.max()))
            # Float32 keeps seven digits of the largest term: a curve above 1 has a larger tolerance.
            if np.any(difference > PARITY * np.maximum(1.0, np.abs(other).max(axis=1, keepdims=True))):
                raise BundleError(
                    f"member {index} differs from the {what} model by {difference.max():.2g} in G2; expected "
                    f"at most {PARITY:g}: this is a fault of the export, report it"
                )
    return largest


def write_bundle(
    out: Path,
    ensemble: nn.Module,
    members: list[nn.Module],
    axis: EnergyAxis,
    grid: RadialGrid,
    *,
    name: str,
    version: str,
    absorbers: tuple[Absorber, ...],
    golden: tuple[FloatArray, FloatArray, FloatArray],
    parity_inputs: FloatArray,
    parity_numbers: npt.NDArray[np.int64] | None = None,
    training: dict[str, Any],
    summary: dict[str, Any],
    licence: str,
) -> dict[str, float]:
    """Export an ensemble as a bundle.

    Parameters
    ----------
    out : Path
        Folder to make; an earlier bundle there is replaced.
    ensemble : torch.nn.Module
        The members side by side: (n, inputs) to (n, members, outputs).
    members : list of torch.nn.Module
        Each alone: (n, inputs) to (n, outputs).
    axis : EnergyAxis
    grid : RadialGrid
    name, version : str
        Of the bundle.
    absorbers : tuple of Absorber
        What it was trained for; the golden spectrum is of the first.
    golden : tuple of ndarray
        Photon energy and normalised absorption of a spectrum to check the
        bundle with, and the model input they give.
    parity_inputs : ndarray, shape (n, axis.count)
        Spectra to compare torch and onnxruntime on.
    parity_numbers : ndarray of int64, shape (n,), optional
        Atomic numbers of their absorbers, for graphs that take them.
    training : dict
        The record of the training, kept as ``training.json``.
    summary : dict
        Its short form for ``bundle.json``.
    licence : str

    Returns
    -------
    dict
        As `check_parity`.

    Raises
    ------
    BundleError
        If parity is not reached.
    OutputError
        If the folder cannot be written, or holds something else.
    """
    if out.exists() and not (out / "bundle.json").is_file() and any(out.iterdir()):
        raise OutputError(f"{out} is not empty and not a bundle; choose an empty or new folder")
    fused = to_onnx(Blocked(ensemble) if isinstance(ensemble, Ensemble) else ensemble, axis.count)
    singles = members_to_onnx(members, axis.count)
    parity = check_parity(ensemble, fused, singles, parity_inputs, parity_numbers)

    energy, norm, golden_input = golden
    feeds: dict[str, Any] = {"spectrum": golden_input[np.newaxis].astype(np.float32)}
    if parity_numbers is not None:
        feeds["absorber"] = np.array([absorbers[0].number], dtype=np.int64)
    golden_output = open_session(fused).run(["g2"], feeds)[0][0]
    files = {f"member_{i:02d}.onnx": data for i, data in enumerate(singles)}
    files["ensemble.onnx"] = fused
    files["golden.json"] = _json(
        {
            "element": absorbers[0].element,
            "energy": np.round(energy, 6).tolist(),
            "norm": np.round(norm.astype(np.float64), 7).tolist(),
            "g2": np.round(golden_output.astype(np.float64), 7).tolist(),
        }
    )
    files["training.json"] = _json(training)
    card: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "version": version,
        "statistics_version": STATISTICS_VERSION,
        "absorbers": [
            {"element": one.element, "edge": one.edge, "energy": one.energy, "e0_range": list(one.e0_range)}
            for one in absorbers
        ],
        "axis": {
            "kind": axis.kind,
            "first": axis.first,
            "step": axis.step,
            "count": axis.count,
            "scale_range": None if axis.scale_range is None else list(axis.scale_range),
            "level": axis.level,
        },
        "descriptor": {
            "kind": "wACSF G2, shifted scheme",
            "first": grid.first,
            "last": grid.last,
            "count": grid.count,
            "eta": grid.eta,
            "cutoff": grid.cutoff,
            "weight": grid.weight,
        },
        "normalization": {
            "definition": "larch.xafs.pre_edge, defaults of Larch 2026.3",
            "signal": "flat" if axis.scale_range is None else "norm, divided by its mean over scale_range",
            "edge": "edge position: where the smoothed spectrum rises through axis.level",
            "edge_smoothing_fwhm": SMOOTH_FWHM,
        },
        "members": len(members),
        "training": summary,
        "parity": parity,
        "calibration": None,
        "domain": None,
        "metrics": None,
        "licence": licence,
    }
    _write_folder(out, files, card)
    return parity


def k_edges(numbers: Iterable[int]) -> tuple[Absorber, ...]:
    """K edges of elements, by ascending energy.

    Parameters
    ----------
    numbers : iterable of int
        Atomic numbers.

    Returns
    -------
    tuple of Absorber
    """
    found = []
    for number in sorted(set(numbers)):
        element = SYMBOLS[number - 1]
        energy = EDGES[element, "K"]
        found.append(Absorber(element, "K", energy, (energy - E0_BELOW, energy + E0_ABOVE)))
    return tuple(found)


def read_card(out: Path) -> dict[str, Any]:
    """Put the card of a bundle together again.

    Parameters
    ----------
    out : Path
        The bundle's folder.

    Returns
    -------
    dict
        ``bundle.json`` with `calibration`, `domain` and `metrics` whole.

    Raises
    ------
    BundleError
        If a file is not the one recorded.
    """
    card = read_card_json(out / "bundle.json")
    arrays = {}
    if card.get("calibration") or card.get("domain"):
        arrays = read_arrays(read_verified(out, "statistics.npz", card))
    whole = join_arrays(card, arrays)
    has_metrics = "metrics.json" in card["files"]
    whole["metrics"] = json.loads(read_verified(out, "metrics.json", card)) if has_metrics else None
    return whole


def write_card(out: Path, card: dict[str, Any]) -> None:
    """Write ``bundle.json``, ``statistics.npz``, ``metrics.json`` and the model card of a bundle.

    Parameters
    ----------
    out : Path
        The bundle's folder.
    card : dict
        As `read_card` gives it; what `files` records of other files is kept.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    arrays: dict[str, FloatArray] = {}
    page = {key: split_arrays(card[key], key, arrays) for key in ("calibration", "domain")}
    made = {"README.md": model_card(card).encode()}
    if arrays:
        made["statistics.npz"] = _npz(arrays)
    if card["metrics"] is not None:
        made["metrics.json"] = _json(card["metrics"])
    files = {name: value for name, value in card["files"].items() if name not in OF_CARD}
    files |= {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    for name, data in made.items():
        write_bytes(out / name, data)
    left = {key: value for key, value in card.items() if key != "metrics"}
    write_bytes(out / "bundle.json", _json(left | page | {"files": files}))
    for name in OF_CARD:
        if name not in files:
            (out / name).unlink(missing_ok=True)


def convert_bundle(source: Path, out: Path) -> None:
    """Make a bundle of this format from one of format 1 or 2; its predictions stay what they are.

    Parameters
    ----------
    source : Path
        The old bundle's folder.
    out : Path
        The new one's; made.

    Raises
    ------
    BundleError
        If `source` is not a bundle of an older format, or a file is not the one recorded.
    OutputError
        If `out` cannot be written, or is not empty.
    """
    card = read_card_json(source / "bundle.json")
    found = card.get("format")
    if found not in (1, 2):
        raise BundleError(f"{source} is a bundle of format {found!r}; expected an older one than {FORMAT}")
    if out.exists() and any(out.iterdir()):
        raise OutputError(f"{out} is not empty; choose an empty or new folder")
    data = {name: read_verified(source, name, card) for name in card["files"] if name not in OF_CARD}
    if found == 1:
        _rename(card, data)
    else:
        card = read_card(source)
    data["training.json"] = _json(keep_record(json.loads(data["training.json"])))
    _write_folder(out, data, card | {"format": FORMAT})


def _rename(card: dict[str, Any], data: dict[str, bytes]) -> None:
    """Give a card of format 1, and what belongs to it, the names of format 2."""
    element = card.pop("element")
    absorber = {"element": element, "energy": card.pop("edge_energy"), "e0_range": card.pop("e0_range")}
    card |= {
        "statistics_version": STATISTICS_VERSION,
        "absorbers": [absorber | {"edge": card.pop("edge")}],
    }
    if card["calibration"]:
        card["calibration"].setdefault("unstable", NEVER_UNSTABLE)
    domain = card["domain"]
    if domain:
        for old, new in (
            ("doubts", "artefacts"),
            ("descriptors", "properties"),
            ("doubt_alarm", "artefact_alarm"),
        ):
            domain[new] = domain.pop(old)
    for case in (card["metrics"] or {}).get("blind_spots", []):
        case["verdicts"] = case.pop("levels")
    for row in ((card["metrics"] or {}).get("measured") or {}).get("rows", []):
        for found in row["found"]:
            if found is not None and "level" in found:
                found["verdict"] = found.pop("level")
    training = json.loads(data["training.json"])
    if "in_bag" in training:
        training["in_bag_sha256"] = hash_bags(training.pop("in_bag"))
        data["training.json"] = _json(training)


def hash_bags(in_bag: list[list[int]]) -> str:
    """SHA-256 of the members' resamples, which follow from the seed (`xnet_exporter.train.run.bootstrap`)."""
    return hashlib.sha256(json.dumps(in_bag).encode()).hexdigest()


def _npz(arrays: dict[str, FloatArray]) -> bytes:
    """Arrays as the bytes of an .npz file; the same arrays, the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            one = io.BytesIO()
            np.save(one, arrays[name], allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), one.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _write_folder(out: Path, files: dict[str, bytes], card: dict[str, Any]) -> None:
    """Make the folder under a temporary name, the weights as a file of their own, and put it in place."""
    files = share_weights(files)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror}); choose a folder that is yours"
        ) from error
    try:
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        card["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        write_card(temporary, card)
        temporary.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        temporary.replace(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror}): {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
