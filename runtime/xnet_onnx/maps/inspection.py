"""What an HDF5 file holds, as far as a stack needs it: shapes, energies, NeXus attributes.

Runs as a child of `hdf5.inspect` (see `xnet_onnx.readers.child`). No pixel is read
here.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from ..errors import ReadError
from ..readers.child import limit_memory
from ..readers.nexus import FILTERS, children, damage_refused, filters_of, text_of

__all__ = ["describe"]

MAX_OBJECTS = 20_000
MAX_DEPTH = 12
MAX_LISTED = 100
MAX_ENERGIES = 20_000
MAX_CHUNK_BYTES = 256 * 1024 * 1024


def describe(path: str) -> dict[str, Any]:
    """Describe the arrays of a file.

    Parameters
    ----------
    path : str

    Returns
    -------
    dict
        ``arrays`` (two axes or more: path, shape, dtype, chunks, problem),
        ``lines`` (one axis, of the length of an axis of an array: path, unit,
        values), ``signals`` (NXdata groups: path, signal, axes) and ``texts``.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    import h5py

    found: dict[str, Any] = {"arrays": [], "lines": [], "signals": [], "texts": {}}
    with damage_refused(), h5py.File(path, "r") as file:
        lines: list[tuple[str, Any]] = []
        _walk(file, "", 0, [MAX_OBJECTS], set(), found, lines)
        lengths = {size for array in found["arrays"] if len(array["shape"]) == 3 for size in array["shape"]}
        for where, dataset in lines:
            if dataset.size in lengths and not _problem(dataset) and len(found["lines"]) < MAX_LISTED:
                values = np.empty(dataset.shape, dtype=np.float64)
                dataset.read_direct(values)
                found["lines"].append(
                    {"path": where, "unit": _attribute(dataset, "units"), "values": values.tolist()}
                )
    return found


def _walk(
    group: Any,
    path: str,
    depth: int,
    budget: list[int],
    seen: set[Any],
    found: dict[str, Any],
    lines: list[tuple[str, Any]],
) -> None:
    import h5py

    if depth > MAX_DEPTH:
        return
    signal = _attribute(group, "signal")
    if signal:
        found["signals"].append({"path": path, "signal": signal, "axes": _attributes(group, "axes")})
    for name in children(group):
        budget[0] -= 1
        if budget[0] < 0:
            raise ReadError(f"the HDF5 file has more than {MAX_OBJECTS} objects; expected a stack: split it")
        child, where = group[name], f"{path}/{name}"
        if isinstance(child, h5py.Group):
            identity = h5py.h5o.get_info(child.id)
            key = (identity.fileno, identity.addr)
            if key not in seen:
                seen.add(key)
                _walk(child, where, depth + 1, budget, seen, found, lines)
        elif not isinstance(child, h5py.Dataset) or child.shape is None:
            continue
        elif child.dtype.kind in "fiub" and child.dtype.itemsize <= 8 and child.ndim > 1:
            identity = h5py.h5o.get_info(child.id)
            if len(found["arrays"]) < MAX_LISTED:
                found["arrays"].append(
                    {
                        "path": where,
                        "object": [identity.fileno, identity.addr],
                        "shape": list(child.shape),
                        "dtype": child.dtype.str,
                        "chunks": None if child.chunks is None else list(child.chunks),
                        "problem": _problem(child),
                    }
                )
        elif child.dtype.kind in "fiu" and child.ndim == 1 and 1 < child.size <= MAX_ENERGIES:
            lines.append((where, child))
        elif child.shape in ((), (1,)) and child.dtype.kind in "OS" and child.dtype.itemsize <= 4096:
            found["texts"][where.lower()] = text_of(child)


def _attributes(item: Any, name: str) -> list[str]:
    if name not in item.attrs:
        return []
    return [
        (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))[:200]
        for value in np.atleast_1d(np.asarray(item.attrs[name], dtype=object)).tolist()[:8]
    ]


def _attribute(item: Any, name: str) -> str:
    return next(iter(_attributes(item, name)), "")


def _problem(dataset: Any) -> str:
    """Why an array is not read, or an empty text."""
    unknown = [number for number in filters_of(dataset) if number not in FILTERS]
    if dataset.id.get_create_plist().get_external_count():
        return "keeps its data in another file; expected them inside: repack it with h5repack"
    if dataset.is_virtual:
        return (
            "is a virtual data set over other files; expected data inside: write it into one file with "
            "h5repack"
        )
    if unknown:
        return f"is packed with filter {unknown[0]}; expected gzip or none: repack it with h5repack -f GZIP=4"
    if dataset.chunks is not None:
        size = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
        if size > MAX_CHUNK_BYTES:
            return (
                f"is stored in chunks of {size >> 20} MB; expected at most {MAX_CHUNK_BYTES >> 20} MB: "
                "repack "
                "it with h5repack -l CHUNK=..."
            )
    return ""


def main(path: str) -> None:
    """Write the description of a file to stdout as JSON.

    Parameters
    ----------
    path : str
    """
    import h5py  # noqa: F401 - before the limit, which is on what comes after

    limit_memory()
    answer: dict[str, Any] | str
    try:
        answer = describe(path)
    except MemoryError:
        answer = "the HDF5 file asks for more memory than its headers need; it is damaged"
    except ReadError as error:
        answer = str(error)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
