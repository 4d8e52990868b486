"""Write a bundle (design section 3)."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xnet_onnx.bundle.load import FORMAT
from xnet_onnx.errors import BundleError, OutputError
from xnet_onnx.files import write_bytes
from xnet_onnx.inference.ensemble import open_session
from xnet_onnx.preprocess.align import SMOOTH_FWHM, EnergyAxis
from xnet_onnx.spectrum import FloatArray

from ..data.descriptor import RadialGrid
from ..train.networks import Ensemble
from .card import model_card
from .graphs import Blocked, to_onnx

__all__ = ["check_parity", "update_card", "write_bundle"]

PARITY = 1e-5
#: Tabulated Fe K energy (eV), and where e0 can lie with a monochromator 10 eV off.
EDGE_ENERGY = 7112.0
E0_RANGE = (7095.0, 7145.0)


def check_parity(
    reference: nn.Module, fused: bytes, singles: list[bytes], inputs: FloatArray
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

    Returns
    -------
    dict
        Largest absolute differences in G2: `torch` and `fused`.

    Raises
    ------
    BundleError
        If one is above 1e-5 (times G2 where that is above 1).
    """
    spectra = np.ascontiguousarray(inputs, dtype=np.float32)
    fused_output = open_session(fused).run(["g2"], {"spectrum": spectra})[0]
    with torch.no_grad():
        expected = reference.eval()(torch.from_numpy(spectra)).numpy()
    largest = {"torch": 0.0, "fused": 0.0}
    for index, single in enumerate(singles):
        output = open_session(single).run(["g2"], {"spectrum": spectra})[0]
        for what, other in (("torch", expected[:, index]), ("fused", fused_output[:, index])):
            difference = np.abs(output - other)
            largest[what] = max(largest[what], float(difference.max()))
            # Float32 keeps seven digits: where G2 is above 1 the tolerance is relative.
            if np.any(difference > PARITY * np.maximum(1.0, np.abs(other))):
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
    golden: tuple[FloatArray, FloatArray, FloatArray],
    parity_inputs: FloatArray,
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
    golden : tuple of ndarray
        Photon energy and normalised absorption of a spectrum to check the
        bundle with, and the model input they give.
    parity_inputs : ndarray, shape (n, axis.count)
        Spectra to compare torch and onnxruntime on.
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
    singles = [to_onnx(member, axis.count) for member in members]
    parity = check_parity(ensemble, fused, singles, parity_inputs)

    energy, norm, golden_input = golden
    golden_output = open_session(fused).run(
        ["g2"], {"spectrum": golden_input[np.newaxis].astype(np.float32)}
    )[0][0]
    files = {f"member_{i:02d}.onnx": data for i, data in enumerate(singles)}
    files["ensemble.onnx"] = fused
    files["golden.json"] = _json(
        {
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
        "element": "Fe",
        "edge": "K",
        "edge_energy": EDGE_ENERGY,
        "e0_range": list(E0_RANGE),
        "axis": {"kind": axis.kind, "first": axis.first, "step": axis.step, "count": axis.count},
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
            "signal": "flat",
            "edge": "half-step energy",
            "half_step_smoothing_fwhm": SMOOTH_FWHM,
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


def update_card(out: Path, card: dict[str, Any]) -> None:
    """Rewrite ``bundle.json`` and the model card of a bundle.

    Parameters
    ----------
    out : Path
        The bundle's folder.
    card : dict
        The new ``bundle.json``.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    text = model_card(card).encode()
    card["files"]["README.md"] = hashlib.sha256(text).hexdigest()
    write_bytes(out / "README.md", text)
    write_bytes(out / "bundle.json", _json(card))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def _write_folder(out: Path, files: dict[str, bytes], card: dict[str, Any]) -> None:
    """Make the folder under a temporary name, then put it in place."""
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
        update_card(temporary, card)
        temporary.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        temporary.replace(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror}): {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
