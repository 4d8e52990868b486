"""HDF5 and NeXus files (extra [hdf5]: h5py).

Every entry (or, without entries, the whole file) is a table of its
one-dimensional numeric data sets of the length of its energies. Files are read
with care: links to other files are not followed, sizes are looked at before data
are read, and of the filters only those are taken that cannot unpack to more than
they say. libhdf5 runs in a process of its own (`child`).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ReadError
from ..spectrum import FloatArray
from .child import limit_memory, run_child
from .labels import column_role, split_unit
from .table import MAX_COLUMNS, MAX_POINTS, MAX_VALUES, Table

__all__ = ["FILTERS", "children", "damage_refused", "filters_of", "parse_hdf5", "read_hdf5", "text_of"]

MAX_OBJECTS = 20_000
MAX_DEPTH = 12
MAX_ENTRIES = 2000
MAX_CHUNKS = 4096
MAX_CHUNK_BYTES = 32 * 1024 * 1024
MAX_TEXT = 4096
#: Names that say nothing of their own: the group's name is the label.
_EMPTY_NAMES = ("data", "value", "values", "counts", "signal", "intensity", "raw", "counter")
#: Those that cannot unpack to more than they say, or can be looked at before.
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}


def parse_hdf5(source: Path | bytes, label: str) -> list[Table | ReadError]:
    """Read the spectra of an HDF5 file.

    Parameters
    ----------
    source : Path or bytes
        The file, or what is in it.
    label : str
        What to call it in messages.

    Returns
    -------
    list of Table or ReadError
        One for each entry that holds energies.

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    ReadError
        If the file is damaged or holds no spectrum.
    """
    answer, body = run_child(
        "xnet_onnx.readers.nexus",
        ["-" if isinstance(source, bytes) else str(source), label],
        source if isinstance(source, bytes) else b"",
    )
    return _unpacked(answer, body)


def _unpacked(answer: Any, body: bytes) -> list[Table | ReadError]:
    """Turn the child's answer into tables."""
    tables: list[Table | ReadError] = []
    start = 0
    for item in answer:
        if "error" in item:
            error = ReadError(item["error"])
            error.label = item["label"]
            tables.append(error)
            continue
        rows, columns = item["shape"]
        values = np.frombuffer(body, dtype=np.float64, count=rows * columns, offset=start).reshape(
            rows, columns
        )
        start += values.nbytes
        tables.append(
            Table(
                values, tuple(item["labels"]), tuple(item["units"]), item["metadata"], item["label"], "HDF5"
            )
        )
    return tables


def main(source: str, label: str) -> None:
    """Read a file and write what was found to stdout: what `parse_hdf5` runs as a process.

    Parameters
    ----------
    source : str
        A file; "-" is the standard input.
    label : str
        What to call it in messages.
    """
    import json

    import h5py  # noqa: F401 - before the limit, which is on what comes after

    limit_memory()
    output = sys.stdout.buffer
    try:
        tables = read_hdf5(sys.stdin.buffer.read() if source == "-" else Path(source), label)
    except MemoryError:
        output.write(b'"the HDF5 file asks for more memory than a measurement needs; it is damaged"')
        return
    except ReadError as error:
        output.write(json.dumps(str(error)).encode("ascii"))
        return
    answer = [
        {"error": str(table), "label": table.label}
        if isinstance(table, ReadError)
        else {
            "shape": table.values.shape,
            "labels": table.labels,
            "units": table.units,
            "metadata": table.metadata,
            "label": table.label,
        }
        for table in tables
    ]
    output.write(json.dumps(answer).encode("ascii") + b"\n")
    for table in tables:
        if isinstance(table, Table):
            output.write(np.ascontiguousarray(table.values).tobytes())


def read_hdf5(source: Path | bytes, label: str) -> list[Table | ReadError]:
    """Read the spectra of an HDF5 file in this process.

    Parameters
    ----------
    source : Path or bytes
    label : str

    Returns
    -------
    list of Table or ReadError

    Raises
    ------
    ReadError
        If the file is damaged or holds no spectrum.
    """
    import h5py

    with (
        damage_refused(),
        h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r") as file,
    ):
        return _spectra(file, label)


@contextmanager
def damage_refused() -> Iterator[None]:
    """Turn what libhdf5 says of a damaged file, through many of Python's exceptions, into a ReadError."""
    try:
        yield
    except ReadError:
        raise
    except Exception as error:
        said = str(error).strip()[:100] or type(error).__name__
        raise ReadError(
            f"the HDF5 file is damaged or cannot be read ({said}); expected a whole file: copy it again, or "
            "repack it with h5repack"
        ) from error


def _spectra(file: Any, label: str) -> list[Table | ReadError]:
    import h5py

    entries: list[tuple[str, Any]] = []
    for name in children(file):
        child = file[name]
        if isinstance(child, h5py.Group):
            entries.append((name, child))
    if len(entries) > MAX_ENTRIES:
        raise ReadError(f"the file has {len(entries)} entries; expected at most {MAX_ENTRIES}: split it")
    budget = [MAX_OBJECTS]
    seen: set[Any] = set()
    tables: list[Table | ReadError] = []
    for name, entry in [("", file), *entries]:
        arrays: list[tuple[str, Any]] = []
        texts: dict[str, str] = {}
        _walk(entry, "", 0, budget, seen, arrays, texts, recurse=name != "")
        full = f"{label}:{name}" if name and len(entries) > 1 else label
        try:
            table = _table(arrays, texts, full)
        except ReadError as error:
            error.label = full
            tables.append(error)
            continue
        if table is not None:
            tables.append(table)
    if not tables:
        raise ReadError(
            "the HDF5 file holds no array of energies with an absorption of the same length; expected a "
            "NeXus entry "
            "with 'energy' and intensities: export the scan as text"
        )
    return tables


def children(group: Any) -> list[str]:
    """Names in a group that are not links to other files."""
    import h5py

    if len(group) > MAX_OBJECTS:
        raise ReadError(f"a group of the file has {len(group)} members; expected at most {MAX_OBJECTS}")
    names = []
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.HardLink):
            names.append(name)
        elif isinstance(link, h5py.SoftLink):
            target = group.get(name)
            if target is not None:
                names.append(name)
    return names


def _walk(
    group: Any,
    path: str,
    depth: int,
    budget: list[int],
    seen: set[Any],
    arrays: list[tuple[str, Any]],
    texts: dict[str, str],
    recurse: bool = True,
) -> None:
    """Collect one-dimensional arrays and short texts below a group, each object once."""
    import h5py

    if depth > MAX_DEPTH:
        return
    for name in children(group):
        budget[0] -= 1
        if budget[0] < 0:
            raise ReadError(
                f"the HDF5 file has more than {MAX_OBJECTS} objects; expected one measurement: split it"
            )
        child = group[name]
        where = f"{path}/{name}".strip("/")
        identity = h5py.h5o.get_info(child.id)
        key = (identity.fileno, identity.addr)
        if isinstance(child, h5py.Group):
            if recurse and key not in seen:
                seen.add(key)
                _walk(child, where, depth + 1, budget, seen, arrays, texts)
        elif isinstance(child, h5py.Dataset):
            if key in seen:
                continue
            seen.add(key)
            if child.dtype.kind in "fiu" and child.ndim == 1 and child.dtype.itemsize <= 8:
                arrays.append((where, child))
            elif child.dtype.kind in "fiu" and child.shape in ((), (1,)) and child.dtype.itemsize <= 8:
                texts[where.lower()] = repr(float(_read(child).reshape(-1)[0]))
            elif child.shape in ((), (1,)) and child.dtype.kind in "OS" and child.dtype.itemsize <= MAX_TEXT:
                texts[where.lower()] = text_of(child)


def text_of(dataset: Any) -> str:
    """A short text in a data set of one string."""
    if filters_of(dataset):
        return ""
    value = dataset[()]
    value = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size else value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text[:200]


def filters_of(dataset: Any) -> list[int]:
    """Numbers of the filters a data set is packed with."""
    plist = dataset.id.get_create_plist()
    return [int(plist.get_filter(i)[0]) for i in range(plist.get_nfilters())]


def _read(dataset: Any) -> FloatArray:
    """Read an array after looking at what it will take."""
    name = str(dataset.name)[:60]
    if dataset.size > MAX_POINTS:
        raise ReadError(f"{name} has {dataset.size} values; expected at most {MAX_POINTS}")
    if dataset.id.get_create_plist().get_external_count():
        raise ReadError(
            f"{name} keeps its data in another file; expected them inside: repack it with h5repack"
        )
    if dataset.is_virtual:
        raise ReadError(f"{name} is a virtual data set over other files; expected data inside: repack it")
    used = filters_of(dataset)
    unknown = [number for number in used if number not in FILTERS]
    if unknown:
        raise ReadError(
            f"{name} is packed with filter {unknown[0]}; expected gzip or none: repack it with h5repack "
            "-f GZIP=4"
        )
    if dataset.chunks is not None:
        size = int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize
        count = dataset.id.get_num_chunks()
        if size > MAX_CHUNK_BYTES or count > MAX_CHUNKS:
            raise ReadError(
                f"{name} is in {count} chunks of {size} bytes; expected fewer and smaller: repack it"
            )
        if 1 in used:
            _check_deflated(dataset, count, size, name)
    values = np.empty(dataset.shape, dtype=np.float64)
    dataset.read_direct(values)
    return values


def _check_deflated(dataset: Any, count: int, size: int, name: str) -> None:
    """Refuse chunks that unpack to more than a chunk holds: libhdf5 would follow them."""
    import zlib

    for i in range(count):
        info = dataset.id.get_chunk_info(i)
        if info.size > 2 * size + 4096:
            raise ReadError(
                f"{name} has a chunk of {info.size} bytes packed; expected at most {size}: it is damaged"
            )
        _, raw = dataset.id.read_direct_chunk(info.chunk_offset)
        if info.filter_mask:
            continue
        unpacked = zlib.decompressobj()
        try:
            length = len(unpacked.decompress(raw, size + 5))
        except zlib.error:
            # The checksum of fletcher32 follows the stream; what is not deflate at all, libhdf5 refuses.
            continue
        if length > size + 4:
            raise ReadError(f"{name} has a chunk that unpacks to more than {size} bytes; it is damaged")


def _label(path: str, mode: str) -> str:
    """Label of an array: its own name, or its group's where its own says nothing."""
    parts = [part for part in path.split("/") if part]
    name = parts[-1]
    if name.lower() in _EMPTY_NAMES and len(parts) > 1:
        name = parts[-2]
    if name.lower() == "absorbed_beam" and mode:
        if "trans" in mode:
            return "itrans"
        if "fluor" in mode:
            return "ifluor"
    return name


def _table(arrays: list[tuple[str, Any]], texts: dict[str, str], label: str) -> Table | None:
    energies = [(path, data) for path, data in arrays if column_role(_label(path, ""))[0] == "energy"]
    energies = energies or [
        (path, data) for path, data in arrays if column_role(_label(path, ""))[0] == "angle"
    ]
    energies = [(path, data) for path, data in energies if data.size > 1]
    if not energies:
        return None
    mode = next((text.lower() for path, text in texts.items() if path.endswith("mode")), "")
    _, energy = min(energies, key=lambda item: (column_role(_label(item[0], ""))[2], item[0].count("/")))
    length = energy.size
    columns = [(path, data) for path, data in arrays if data.size == length]
    if len(columns) < 2:
        raise ReadError(
            "the entry holds energies and nothing else of that length; expected intensities or mu"
        )
    if len(columns) > MAX_COLUMNS or length * len(columns) > MAX_VALUES:
        raise ReadError(
            f"the entry has {len(columns)} arrays of {length} values; expected fewer: split the file"
        )
    labels = [_label(path, mode) for path, _ in columns]
    doubled = {name for name in labels if labels.count(name) > 1} if len(labels) < 500 else set(labels)
    names: list[str] = []
    units: list[str] = []
    kept_values: list[FloatArray] = []
    for (path, data), name in zip(columns, labels, strict=True):
        values = _read(data)
        same = [i for i, other in enumerate(names) if other == name]
        if any(np.array_equal(kept_values[i], values, equal_nan=True) for i in same):
            continue
        names.append(path.replace("/", ".") if name in doubled and same else name)
        unit = data.attrs.get("units", "") if "units" in data.attrs else ""
        unit = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)[:20]
        units.append(
            unit if split_unit(f"x ({unit})")[1] in ("ev", "kev", "deg", "rad", "mrad", "mdeg") else ""
        )
        kept_values.append(values)
    metadata = {}
    for key, ends in (
        ("element.symbol", ("element", "element/symbol", "absorbing_element", "element/name")),
        ("element.edge", ("edge", "edge/name", "absorption_edge")),
        ("mono.d_spacing", ("d_spacing",)),
    ):
        found = [
            text
            for path, text in texts.items()
            if any(path == end or path.endswith("/" + end) for end in ends)
        ]
        if found:
            metadata[key] = found[0]
    return Table(
        values=np.column_stack(kept_values),
        labels=tuple(names),
        units=tuple(units),
        metadata=metadata,
        label=label,
        format="HDF5",
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
