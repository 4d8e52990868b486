"""The weights of a bundle lie in one file, once, for the ensemble and for each member.

In the graphs they are ONNX's external data: the name of the file, an offset and a
length. Linking puts them into the graph, so that what is checked and what
onnxruntime opens is one array of bytes with everything inside; onnxruntime itself
never looks for a file.
"""

from __future__ import annotations

from math import prod

from ..errors import BundleError
from .files import MAX_FILE_BYTES
from .wire import FLOAT, ITEM_SIZE, MAX_DIMENSIONS, Reader, printable

__all__ = ["WEIGHTS", "link"]

#: The only file that a graph may name.
WEIGHTS = "weights.bin"

Parts = list[bytes | memoryview]


def link(graph: bytes, weights: bytes, label: str) -> bytes:
    """Put the weights of ``weights.bin`` into a graph that refers to them.

    Parameters
    ----------
    graph : bytes
        An ONNX file.
    weights : bytes
        The bytes of ``weights.bin``.
    label : str
        What to call the graph in messages.

    Returns
    -------
    bytes
        The same model with every weight inside; as it was before it was exported.

    Raises
    ------
    BundleError
        If it refers to another file, to bytes that are not there or not as many as the
        weights have, or is no ONNX file.
    """
    reader = Reader(label)
    left = [MAX_FILE_BYTES - len(graph)]
    parts: Parts = []
    try:
        for number, value in reader.fields(memoryview(graph)):
            is_graph = number == 7 and not isinstance(value, int)
            parts += _message(7, _graph(reader, value, weights, left)) if is_graph else _field(number, value)
    except ValueError as error:
        raise BundleError(
            f"{label} is no ONNX model ({error}); the file is damaged: copy the bundle again"
        ) from error
    return b"".join(parts)


def _graph(reader: Reader, data: int | memoryview, weights: bytes, left: list[int]) -> Parts:
    assert not isinstance(data, int)
    parts: Parts = []
    for number, value in reader.fields(data):
        is_tensor = number == 5 and not isinstance(value, int)
        parts += _message(5, _tensor(reader, value, weights, left)) if is_tensor else _field(number, value)
    return parts


def _tensor(reader: Reader, data: int | memoryview, weights: bytes, left: list[int]) -> Parts:
    """One tensor, with its values where they were a place in ``weights.bin``."""
    assert not isinstance(data, int)
    fields = list(reader.fields(data))
    if not any(number == 13 or (number == 14 and value != 0) for number, value in fields):
        return [data]
    name, dimensions, entries = "", list[int](), list[tuple[str, str]]()
    kinds = [value for number, value in fields if number == 2]
    for number, value in fields:
        if number == 1:
            dimensions += reader.integers(value, MAX_DIMENSIONS)
        elif number == 8:
            name = reader.name(value)
        elif number == 13 and not isinstance(value, int):
            entry = {key: reader.name(text) for key, text in reader.fields(value)}
            entries.append((entry.get(1, ""), entry.get(2, "")))
    called = f"{reader.label}: the weights {name[:40]!r}"
    expected = f"expected a part of {WEIGHTS} in the bundle: export the bundle again"
    places = dict(entries)
    if places.get("location") != WEIGHTS:
        found = printable(places.get("location", "")) or "another file"
        raise BundleError(f"{called} are kept outside the model file, in {found}; {expected}")
    if len(entries) != 3 or set(places) != {"location", "offset", "length"}:
        found = ", ".join(printable(key) for key, _ in entries[:6])
        raise BundleError(f"{called} are kept outside the model file with {found}; {expected}")
    if kinds != [FLOAT] or {number for number, _ in fields} - {1, 2, 8, 12, 13, 14, 16}:
        raise BundleError(f"{called} are kept outside the model file and are no plain float32; {expected}")
    offset, length = (_whole(places[key]) for key in ("offset", "length"))
    count = prod(dimensions) if min(dimensions, default=0) >= 0 else -1
    if offset < 0 or length < 0 or offset + length > len(weights) or length != count * ITEM_SIZE[FLOAT]:
        raise BundleError(
            f"{called} of shape {dimensions[:MAX_DIMENSIONS]} are bytes {printable(places['offset'])} and "
            f"{printable(places['length'])} more of {len(weights)}; {expected}"
        )
    left[0] -= length
    if left[0] < 0:
        raise BundleError(
            f"{reader.label} takes more than {MAX_FILE_BYTES} bytes with its weights; expected at most as "
            "many: is this a bundle of xnet-onnx?"
        )
    fields = [(number, value) for number, value in fields if number not in (13, 14)]
    fields.append((9, memoryview(weights)[offset : offset + length]))
    # In the order in which they were written before the weights were taken out.
    fields.sort(key=lambda field: field[0])
    return [part for number, value in fields for part in _field(number, value)]


def _whole(text: str) -> int:
    """A number of bytes; -1 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _field(number: int, value: int | memoryview) -> Parts:
    if isinstance(value, int):
        return [_varint(number << 3) + _varint(value)]
    return [_varint(number << 3 | 2) + _varint(len(value)), value]


def _message(number: int, parts: Parts) -> Parts:
    return [_varint(number << 3 | 2) + _varint(sum(len(part) for part in parts)), *parts]


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
