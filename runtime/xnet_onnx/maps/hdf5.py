"""Stacks in HDF5 and NeXus files.

The file is looked into by a child process (see `inspection`): that is where a
damaged or hostile file makes libhdf5 crash or hang. The pixels of the one data
set that was found in order are then read in this process, because a pipe would
copy every byte of a stack once more; a crash there loses one chunk (see `parts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ReadError
from ..readers.child import run_child
from ..readers.labels import column_role
from .stack import BoolArray, Read, Stack, StackChoice, energies_from_text, energy_axis_of, make_stack

__all__ = ["hdf5_mask", "hdf5_reader", "hdf5_stack"]

Item = dict[str, Any]


def hdf5_stack(path: Path, choice: StackChoice) -> tuple[Stack, Item]:
    """Find the stack in an HDF5 file.

    Parameters
    ----------
    path : Path
    choice : StackChoice

    Returns
    -------
    stack : Stack
    layout : dict
        What is in the file (see `inspection.describe`).

    Raises
    ------
    ReadError, SpectrumError, MissingExtraError
        As `describe_stack`.
    """
    layout, _ = run_child("xnet_onnx.maps.inspection", [str(path)], extra="maps")
    array = _choose(layout, choice)
    if array["problem"]:
        raise ReadError(f"{array['path']} {array['problem']}")
    line = _energies(layout, array, choice.energy)
    if line is None:
        if choice.energy is None:
            raise ReadError(
                f"{array['path']} ({_shape(array)}) has no energies: no array of the length of one of "
                "its axes "
                "is called energy; expected one: choose it with --energy DATASET, or give a text file "
                "with one "
                "energy a line"
            )
        line = {"path": "", "unit": "", "values": energies_from_text(choice.energy)}
    values = np.array(line["values"], dtype=np.float64)
    shape = tuple(array["shape"])
    axis = energy_axis_of(shape, values.size, choice.energy_axis, _named_axis(layout, array, line))
    chunks = array["chunks"]
    stack = Stack(
        label=path.name,
        kind="HDF5",
        path=str(path.resolve()),
        dataset=array["path"],
        shape=shape,
        dtype=array["dtype"],
        energy_axis=axis,
        energy=values,
        place=np.zeros(0, dtype=np.int64),
        footprint=None if chunks is None else tuple(size for i, size in enumerate(chunks) if i != axis),
        element=_said(layout, "element", "element/symbol", "absorbing_element"),
        edge=_said(layout, "edge", "edge/name", "absorption_edge"),
    )
    return make_stack(stack, line["unit"], choice.energy_shift), layout


def _shape(array: Item) -> str:
    return " x ".join(map(str, array["shape"]))


def _listed(arrays: list[Item]) -> str:
    shown = ", ".join(f"{array['path']} ({_shape(array)})" for array in arrays[:8])
    return shown + (f" and {len(arrays) - 8} more" if len(arrays) > 8 else "")


def _choose(layout: Item, choice: StackChoice) -> Item:
    """The array of three axes that is the stack."""
    stacks = [array for array in layout["arrays"] if len(array["shape"]) == 3 and min(array["shape"]) > 0]
    if choice.dataset is not None:
        wanted = "/" + choice.dataset.strip("/")
        found: Item | None = next((array for array in stacks if array["path"] == wanted), None)
        if found is None:
            raise ReadError(
                f"the file holds no stack {choice.dataset!r}; expected one of: "
                f"{_listed(stacks) or 'none there'}"
            )
        return found
    if not stacks:
        others = _listed(layout["arrays"])
        raise ReadError(
            "the file holds no array of three axes; expected a stack (energy, y, x) or (y, x, energy)"
            + (f"; it holds {others}" if others else ": for single spectra use 'xnet-onnx predict'")
        )
    once = list({tuple(array["object"]): array for array in reversed(stacks)}.values())[::-1]
    fitting = [array for array in once if _energies(layout, array, choice.energy) is not None] or once
    if len(fitting) > 1:
        signals = {f"{group['path']}/{group['signal']}" for group in layout["signals"]}
        objects = {tuple(array["object"]) for array in stacks if array["path"] in signals}
        fitting = [array for array in fitting if tuple(array["object"]) in objects] or fitting
    if len(fitting) > 1:
        raise ReadError(f"the file holds several stacks: {_listed(fitting)}; choose one with --dataset")
    chosen: Item = fitting[0]
    return chosen


def _energies(layout: Item, array: Item, chosen: str | None) -> Item | None:
    """The energies of an array: those chosen, those its NXdata names, or the best by name."""
    lines = [line for line in layout["lines"] if len(line["values"]) in array["shape"]]
    if chosen is not None:
        return next((line for line in lines if line["path"] == "/" + chosen.strip("/")), None)
    axes = {
        f"{group['path']}/{name}"
        for group in layout["signals"]
        if f"{group['path']}/{group['signal']}" == array["path"]
        for name in group["axes"]
    }
    folder = array["path"].rpartition("/")[0]
    ranked = []
    for line in lines:
        role, _, rank = column_role(line["path"].rpartition("/")[2])
        if role == "energy":
            ranked.append(
                (
                    line["path"] not in axes,
                    rank,
                    not line["path"].startswith(folder),
                    line["path"].count("/"),
                    line,
                )
            )
    return min(ranked, key=lambda item: item[:4])[4] if ranked else None


def _named_axis(layout: Item, array: Item, line: Item) -> int | None:
    """The axis that an NXdata group gives the energies' name to."""
    for group in layout["signals"]:
        if f"{group['path']}/{group['signal']}" == array["path"]:
            for axis, name in enumerate(group["axes"][:3]):
                if f"{group['path']}/{name}" == line["path"]:
                    return axis
    return None


def _said(layout: Item, *ends: str) -> str | None:
    texts = layout["texts"].items()
    return next((text for path, text in texts for end in ends if text and path.endswith("/" + end)), None)


def hdf5_mask(path: Path, layout: Item, name: str | None) -> BoolArray | None:
    """Read a mask that is a data set of the file.

    Parameters
    ----------
    path : Path
    layout : dict
        From `hdf5_stack`.
    name : str or None
        The data set.

    Returns
    -------
    ndarray of bool, or None
        None where it is not in the file.

    Raises
    ------
    ReadError
        If it is there and cannot be read.
    """
    wanted = "/" + (name or "").strip("/")
    found = next((a for a in layout["arrays"] if a["path"] == wanted and len(a["shape"]) == 2), None)
    if name is None or found is None:
        return None
    if found["problem"]:
        raise ReadError(f"the mask {wanted} {found['problem']}")
    import h5py

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            return np.asarray(file[wanted][()] != 0)
    except Exception as error:  # libhdf5 reports damage through many of Python's exceptions
        raise _damaged(path.name, error) from error


@contextmanager
def hdf5_reader(stack: Stack) -> Iterator[Read]:
    """Read rectangles from a stack in HDF5 (see `stack.reading`)."""
    import h5py

    try:
        with h5py.File(stack.path, "r", locking="best-effort") as file:
            dataset = file[stack.dataset]
            if dataset.shape != stack.shape or dataset.dtype.str != stack.dtype:
                raise ReadError(f"{stack.label} was changed since it was looked at; expected the same stack")

            def read(rows: slice, columns: slice) -> Any:
                where: list[slice] = [rows, columns]
                where.insert(stack.energy_axis, slice(None))
                try:
                    block = dataset[tuple(where)]
                except Exception as error:  # libhdf5 reports damage through many of Python's exceptions
                    raise _damaged(stack.label, error) from error
                return np.moveaxis(block, stack.energy_axis, 0)

            yield read
    except (OSError, KeyError) as error:
        raise _damaged(stack.label, error) from error


def _damaged(label: str, error: Exception) -> ReadError:
    return ReadError(
        f"{label} cannot be read ({str(error).strip()[:100] or type(error).__name__}); expected a whole "
        "file: "
        "copy it again, and go on with --resume"
    )
