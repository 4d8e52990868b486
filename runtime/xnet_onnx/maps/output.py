"""maps.h5: the maps as NeXus data, which silx, h5web and any HDF5 reader open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..child import module_command, module_environment
from ..errors import MissingExtraError, OutputError, ReadError
from ..files import replace_when_done
from ..spectrum import FloatArray
from .job import Job, fingerprint
from .layout import Rectangle
from .parts import open_parts
from .result import CONFIDENCE, CURVES, FIELDS, STATUS, Arrays, Field, Maps

__all__ = ["check_output", "fingerprint_of", "info_of", "read_maps", "write_maps"]

CREATOR = "xnet-onnx map"
DAMAGED = "damaged: "


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("maps need h5py; install it with: pip install 'xnet-onnx[maps]'") from error
    return h5py


def check_output(out: Path, source: Path | None = None) -> None:
    """Refuse a place for the output before the long work.

    Parameters
    ----------
    out : Path
    source : Path, optional
        The stack.

    Raises
    ------
    OutputError
        If it is the stack, or a file that is not a map of ours.
    MissingExtraError
        If h5py is not installed.
    """
    _h5py()
    if source is not None and out.exists() and source.exists() and out.samefile(source):
        raise OutputError(f"{out} is the stack itself; expected another name for the maps")
    if out.exists() and fingerprint_of(out) is None:
        raise OutputError(f"{out} is there and holds no maps of xnet-onnx; expected a new name")


def fingerprint_of(path: Path) -> str | None:
    """The job that a finished map was made by; None where the file is no map of ours."""
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("creator") != CREATOR:
                return None
            return str(file["entry/process"].attrs["fingerprint"])
    except (OSError, KeyError):
        return None


def info_of(job: Job, command: str) -> dict[str, Any]:
    """What is written about a map: stack, bundle, options, survey.

    Parameters
    ----------
    job : Job
    command : str
        The command line; "" from Python.

    Returns
    -------
    dict
        Of texts and numbers.
    """
    stack, settings = job.stack, job.settings
    return {
        "program": "xnet-onnx",
        "version": __version__,
        "command": command,
        "fingerprint": fingerprint(job),
        "bundle": job.bundle_title,
        "bundle_sha256": job.bundle_sha256,
        "stack": stack.path or stack.label,
        "stack_dataset": stack.dataset,
        "stack_shape": list(stack.shape),
        "stack_energy_axis": stack.energy_axis,
        "stack_size_bytes": job.size,
        "stack_mtime_ns": job.mtime_ns,
        "energy_first_ev": float(stack.energy[0]),
        "energy_last_ev": float(stack.energy[-1]),
        "energy_count": int(stack.energy.size),
        "notes": "; ".join(stack.notes),
        "interval_level": settings.level,
        "force": settings.force,
        "normalized": settings.normalized,
        "min_edge_step": settings.min_edge_step,
        "stack_e0_ev": job.survey.e0,
        "stack_typical_edge_step": job.survey.typical_step,
        "masked": job.mask is not None,
    }


def write_maps(out: Path, folder: Path, r: FloatArray, command: str = "") -> None:
    """Put the parts together in one file, whole or not at all.

    libhdf5 crashes at its end where it could not write, so a child process does it.

    Parameters
    ----------
    out : Path
    folder : Path
        Of the parts.
    r : ndarray of float64, shape (n,)
        Distances of the curves in Angstrom.
    command : str
        The command line, for the record.

    Raises
    ------
    OutputError
        If it cannot be written.
    ReadError
        If a part is missing or damaged.
    """
    with replace_when_done(out) as temporary:
        given = json.dumps([str(folder), str(temporary), r.tolist(), command])
        done = subprocess.run(
            module_command("xnet_onnx.maps.output"),
            input=given.encode(),
            capture_output=True,
            env=module_environment(),
            check=False,
        )
        said = done.stdout.decode("utf-8", "replace").strip()
        if said.startswith(DAMAGED):
            raise ReadError(said.removeprefix(DAMAGED))
        if done.returncode != 0:
            raise OutputError(
                f"{out} cannot be written "
                f"({said[:200] or f'the HDF5 library ended with {done.returncode}'}); "
                "what is done is kept: make room, and go on with --resume"
            )


def main() -> None:
    """Write the file that the standard input asks for: what `write_maps` runs as a process."""
    folder, temporary, r, command = json.loads(sys.stdin.buffer.read())
    code, text = 0, ""
    try:
        parts, job = open_parts(folder)
        chunks = [chunk for slab in job.slabs() for chunk in slab.chunks]
        with _h5py().File(temporary, "w") as file:
            _write(file, job, np.array(r), chunks, parts.read, command)
    except ReadError as error:
        code, text = 1, DAMAGED + str(error)
    except Exception as error:  # h5py reports a full disk through several
        code, text = 1, str(error).strip()
    sys.stdout.write(" ".join(text.split()))
    sys.stdout.flush()
    # Not through libhdf5's own end, which crashes after a write that failed.
    os._exit(code)


def _write(
    file: Any,
    job: Job,
    r: FloatArray,
    chunks: list[tuple[int, Rectangle]],
    read: Callable[[int], Arrays],
    command: str,
) -> None:
    file.attrs.update({"creator": CREATOR, "default": "entry", "NX_class": "NXroot"})
    entry = _group(file, "entry", "NXentry", default="maps")
    entry["title"] = f"first-shell distances of {job.stack.label}"
    process = _group(entry, "process", "NXprocess")
    process["program"], process["version"] = "xnet-onnx", __version__
    process.attrs.update(info_of(job, command))

    maps = _group(entry, "maps", "NXdata", signal="first_shell", axes=["y", "x"])
    maps.attrs["auxiliary_signals"] = [name for name in FIELDS if name != "first_shell"]
    shape = job.stack.image
    _axes(maps, shape)
    sets = {name: _dataset(maps, name, item, shape) for name, item in FIELDS.items()}
    for name, codes in (("status", STATUS), ("confidence", CONFIDENCE)):
        sets[name].attrs["flag_values"] = np.array(list(codes.values()), dtype=np.uint8)
        sets[name].attrs["flag_meanings"] = " ".join(word.replace(" ", "_") for word in codes)
        sets[name].attrs["codes"] = ", ".join(f"{code} {word}" for word, code in codes.items())
    if job.settings.curves:
        curves = _group(entry, "curves", "NXdata", signal="g2_mean", axes=["y", "x", "r"])
        curves.attrs["auxiliary_signals"] = [name for name in CURVES if name != "g2_mean"]
        _axes(curves, shape)
        curves["r"] = r
        curves["r"].attrs.update({"units": "angstrom", "long_name": "distance"})
        piece = (*chunks[0][1].shape, r.size)
        sets |= {name: _dataset(curves, name, item, (*shape, r.size), piece) for name, item in CURVES.items()}
    for number, area in chunks:
        for name, values in read(number).items():
            sets[name][area.rows, area.columns] = values.reshape(*area.shape, *values.shape[1:])


def _group(parent: Any, name: str, kind: str, **attributes: Any) -> Any:
    group = parent.create_group(name)
    group.attrs.update({"NX_class": kind, **attributes})
    return group


def _axes(group: Any, shape: tuple[int, int]) -> None:
    for name, size in zip("yx", shape, strict=True):
        group[name] = np.arange(size)
        group[name].attrs.update({"units": "pixel", "long_name": f"{name} (pixel)"})


def _dataset(group: Any, name: str, item: Field, shape: tuple[int, ...], chunks: Any = None) -> Any:
    fill = np.nan if item.dtype != "|u1" else 0
    dataset = group.create_dataset(name, shape, item.dtype, chunks=chunks, fillvalue=fill)
    dataset.attrs.update({"units": item.units, "long_name": item.title})
    return dataset


def read_maps(path: str | Path, *, curves: bool = False) -> Maps:
    """Read the maps of a file.

    Parameters
    ----------
    path : str or Path
        From `predict_map` or ``xnet-onnx map``.
    curves : bool
        Read the curves too, where the file has them.

    Returns
    -------
    Maps

    Raises
    ------
    ReadError
        If it is not such a file.
    """
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("creator") != CREATOR:
                raise ReadError(f"{path} holds no maps of xnet-onnx; expected what 'xnet-onnx map' writes")
            entry = file["entry"]
            found = {name: entry["maps"][name][()] for name in FIELDS}
            r = np.zeros(0)
            if "curves" in entry:
                r = entry["curves/r"][()]
                if curves:
                    found |= {name: entry["curves"][name][()] for name in CURVES}
            info = {key: _plain(value) for key, value in entry["process"].attrs.items() if key != "NX_class"}
    except (OSError, KeyError) as error:
        raise ReadError(f"{path} cannot be read ({error}); expected what 'xnet-onnx map' writes") from error
    return Maps(**found, r=r, info=info)


def _plain(value: Any) -> Any:
    """A number, text or list of an attribute of HDF5."""
    return json.loads(json.dumps(value.tolist())) if hasattr(value, "tolist") else value


if __name__ == "__main__":
    main()
