"""An ONNX file as it lies on disk: its protobuf fields, without the onnx package.

Only what a plain feed-forward network needs is understood; anything else is
refused. Nothing here takes more time or memory than the file's size allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import BundleError

__all__ = [
    "BOOL",
    "DOUBLE",
    "FLOAT",
    "FLOAT16",
    "INT32",
    "INT64",
    "ITEM_SIZE",
    "MAX_DIMENSIONS",
    "MAX_INTEGERS",
    "ROWS",
    "Attribute",
    "Graph",
    "Node",
    "Port",
    "Reader",
    "Tensor",
    "printable",
    "read_graph",
]

FLOAT, INT32, INT64, BOOL, FLOAT16, DOUBLE = 1, 6, 7, 9, 10, 11
ITEM_SIZE = {FLOAT: 4, INT32: 4, INT64: 8, BOOL: 1, FLOAT16: 2, DOUBLE: 8}
_FLOATS = {FLOAT: "<f4", FLOAT16: "<f2", DOUBLE: "<f8"}

#: Spectra that the networks take at a time: their activations stay in the processor's cache.
ROWS = 96
MAX_NODES = 10_000
MAX_FIELDS = 100_000
MAX_DIMENSIONS = 8
MAX_NAME = 500
#: Integers of a tensor that are looked at: axes and shapes have no more.
MAX_INTEGERS = 64


@dataclass(frozen=True, eq=False)
class Tensor:
    """Constants: name, element type, dimensions, and the values of a few integers (else None)."""

    name: str
    kind: int
    shape: tuple[int, ...]
    integers: tuple[int, ...] | None


Attribute = int | float | bytes | tuple[int, ...] | Tensor


@dataclass(frozen=True, eq=False)
class Node:
    """One operator."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Port:
    """An input or output of the graph; a dimension of any size is None."""

    name: str
    kind: int
    shape: tuple[int | None, ...]


@dataclass(eq=False)
class Graph:
    """What the file declares."""

    opset: int = 0
    nodes: list[Node] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise ValueError("a number does not end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


class Reader:
    """Goes through fields, and counts them: a file of nothing but tiny fields would take minutes.

    Parameters
    ----------
    label : str
        What to call the file in messages.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.left = MAX_FIELDS

    def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Go through the fields of a message: number and value."""
        position, end = 0, len(data)
        while position < end:
            self.left -= 1
            if self.left < 0:
                raise ValueError(f"more than {MAX_FIELDS} fields")
            # Most numbers are of one byte: read here, at half the time of a call.
            key, position = data[position], position + 1
            if key > 0x7F:
                key, position = _varint(data, position - 1)
            number, wire = key >> 3, key & 7
            if number == 0:
                raise ValueError("a field without a number")
            if wire == 0:
                value, position = _varint(data, position)
                yield number, value
                continue
            if wire == 2 and position < end and data[position] < 0x80:
                length, position = data[position], position + 1
            elif wire == 2:
                length, position = _varint(data, position)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise ValueError(f"a field of wire type {wire}")
            if length > end - position:
                raise ValueError("a field reaches beyond the end")
            yield number, data[position : position + length]
            position += length

    def integers(self, value: int | memoryview, most: int) -> list[int]:
        """Integers of a repeated field, packed or one of many."""
        if isinstance(value, int):
            return [_signed(value)]
        found: list[int] = []
        position = 0
        while position < len(value):
            number, position = _varint(value, position)
            found.append(_signed(number))
            if len(found) > most:
                raise ValueError(f"more than {most} integers")
        return found

    def name(self, value: int | memoryview) -> str:
        """A name, as it stands in the file."""
        if isinstance(value, int) or len(value) > MAX_NAME:
            raise ValueError("a name that is none")
        return bytes(value).decode("utf-8")

    def tensor(self, data: memoryview) -> Tensor:
        """One tensor of constants: inside the file, as large as it says, and finite."""
        name, kind = "", 0
        dimensions: list[int] = []
        raw: memoryview | None = None
        packed: dict[int, memoryview] = {}
        for number, value in self.fields(data):
            if number == 1:
                dimensions += self.integers(value, MAX_DIMENSIONS)
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 8:
                name = self.name(value)
            elif number == 9 and not isinstance(value, int):
                raw = value
            elif number in (4, 5, 7, 10) and not isinstance(value, int):
                packed[number] = value
            elif number == 13 or (number == 14 and value != 0):
                raise BundleError(
                    f"{self.label}: the weights {name[:40]!r} are kept outside the model file; expected "
                    "weights inside or, for the graph's own, in weights.bin: export the bundle again"
                )
            elif number not in (12, 14, 16):
                raise ValueError(f"constants {name[:40]!r} that are no plain numbers")
        if len(dimensions) > MAX_DIMENSIONS or kind not in ITEM_SIZE or min(dimensions, default=0) < 0:
            raise ValueError(f"constants {name[:40]!r} of type {kind} with {len(dimensions)} dimensions")
        count = 1
        for dimension in dimensions:
            count *= dimension
        integers = self._values(name, kind, count, raw, packed)
        return Tensor(name, kind, tuple(dimensions), integers)

    def _values(
        self, name: str, kind: int, count: int, raw: memoryview | None, packed: dict[int, memoryview]
    ) -> tuple[int, ...] | None:
        """Check how many values there are and that they are finite; give a few integers."""
        if raw is not None:
            values: npt.NDArray[np.generic] | list[int]
            self._check_count(name, count, len(raw) / ITEM_SIZE[kind], len(raw))
            if kind in _FLOATS:
                self._check_finite(name, np.frombuffer(raw, dtype=_FLOATS[kind]))
                return None
            if kind == BOOL:
                return None
            values = np.frombuffer(raw, dtype="<i8" if kind == INT64 else "<i4")
            return tuple(values.tolist()) if count <= MAX_INTEGERS else None
        if kind in (FLOAT, DOUBLE):
            data = packed.get(4 if kind == FLOAT else 10, memoryview(b""))
            self._check_count(name, count, len(data) / ITEM_SIZE[kind], len(data))
            self._check_finite(name, np.frombuffer(data, dtype=_FLOATS[kind]))
            return None
        data = packed.get(7 if kind == INT64 else 5, memoryview(b""))
        # A packed integer has a byte at least, and its last byte alone is below 128.
        octets = np.frombuffer(data, dtype=np.uint8)
        self._check_count(name, count, int(np.count_nonzero(octets < 0x80)), len(data))
        if kind == FLOAT16:
            raise ValueError(f"constants {name[:40]!r} in half precision that are not kept as bytes")
        return tuple(self.integers(data, MAX_INTEGERS)) if count <= MAX_INTEGERS else None

    def _check_count(self, name: str, count: int, found: float, size: int) -> None:
        if found != count:
            raise BundleError(
                f"{self.label}: the weights {name[:40]!r} have {count} elements in {size} bytes; the model "
                "is damaged: copy the bundle again"
            )

    def _check_finite(self, name: str, values: npt.NDArray[np.generic]) -> None:
        # In pieces: the array of truths of a large tensor would be large too.
        for start in range(0, values.size, 1 << 20):
            if not np.all(np.isfinite(values[start : start + (1 << 20)])):
                raise BundleError(
                    f"{self.label}: the weights {name[:40]!r} hold NaN or infinity; expected finite numbers: "
                    "the model is damaged"
                )

    def attribute(self, data: memoryview) -> tuple[str, Attribute]:
        """One attribute of an operator."""
        name = ""
        value: Attribute = ()
        integers: list[int] = []
        for number, found in self.fields(data):
            if number == 1:
                name = self.name(found)
            elif number == 2 and not isinstance(found, int) and len(found) == 4:
                value = float(np.frombuffer(found, dtype="<f4")[0])
                if not np.isfinite(value):
                    raise ValueError(f"an attribute {name[:40]!r} that is not finite")
            elif number == 3 and isinstance(found, int):
                value = _signed(found)
            elif number == 4 and not isinstance(found, int):
                value = bytes(found[:MAX_NAME])
            elif number == 5 and not isinstance(found, int):
                value = self.tensor(found)
            elif number == 8:
                integers += self.integers(found, MAX_INTEGERS)
                if len(integers) > MAX_INTEGERS:
                    raise ValueError(f"an attribute of more than {MAX_INTEGERS} integers")
            elif number in (6, 11):
                raise BundleError(
                    f"{self.label} holds a graph inside an operator; expected a plain network: "
                    "export it again"
                )
            elif number not in (13, 20):
                raise ValueError(f"an attribute {name[:40]!r} that is no plain number")
        return name, tuple(integers) if integers else value

    def node(self, data: memoryview, operators: frozenset[str]) -> Node:
        """One operator."""
        operator = domain = ""
        inputs: list[str] = []
        outputs: list[str] = []
        attributes: dict[str, Attribute] = {}
        for number, value in self.fields(data):
            if number == 1:
                inputs.append(self.name(value))
            elif number == 2:
                outputs.append(self.name(value))
            elif number == 4:
                operator = self.name(value)
            elif number == 7:
                domain = self.name(value)
            elif number == 5 and not isinstance(value, int):
                name, attribute = self.attribute(value)
                attributes[name] = attribute
        if domain not in ("", "ai.onnx") or operator not in operators:
            called = f"{domain}.{operator}" if domain else operator
            raise BundleError(
                f"{self.label} uses the operator {printable(called) or 'without a name'}, which is "
                "not one of a feed-forward network; expected operators such as Conv, MatMul and Relu: do not "
                "run it unless you know who made it, and export the bundle again"
            )
        return Node(operator, tuple(inputs), tuple(outputs), attributes)

    def port(self, data: memoryview) -> Port:
        """An input or output of the graph."""
        name, kind = "", 0
        shape: list[int | None] = []
        for number, value in self.fields(data):
            if number == 1:
                name = self.name(value)
            elif number == 2 and not isinstance(value, int):
                for field_number, tensor in self.fields(value):
                    if field_number != 1 or isinstance(tensor, int):
                        raise ValueError(f"the port {name[:40]!r} is no array")
                    for inner, found in self.fields(tensor):
                        if inner == 1 and isinstance(found, int):
                            kind = found
                        elif inner == 2 and not isinstance(found, int):
                            shape = self._shape(found)
        return Port(name, kind, tuple(shape))

    def _shape(self, data: memoryview) -> list[int | None]:
        shape: list[int | None] = []
        for number, value in self.fields(data):
            if number == 1 and not isinstance(value, int):
                sizes = [size for key, size in self.fields(value) if key == 1 and isinstance(size, int)]
                shape.append(sizes[0] if sizes else None)
                if len(shape) > MAX_DIMENSIONS:
                    raise ValueError(f"more than {MAX_DIMENSIONS} dimensions")
        return shape

    def graph(self, data: memoryview, operators: frozenset[str], into: Graph) -> None:
        """The graph of a model."""
        for number, value in self.fields(data):
            if isinstance(value, int):
                continue
            if number == 1:
                if len(into.nodes) == MAX_NODES:
                    raise BundleError(
                        f"{self.label} has more than {MAX_NODES} operators; expected a plain network: "
                        "do not run it unless you know who made it"
                    )
                into.nodes.append(self.node(value, operators))
            elif number == 5:
                into.weights.append(self.tensor(value))
            elif number == 15:
                raise BundleError(
                    f"{self.label} holds sparse weights; expected plain ones: export the bundle again"
                )
            elif number == 11:
                into.inputs.append(self.port(value))
            elif number == 12:
                into.outputs.append(self.port(value))


def printable(text: str) -> str:
    """A name of a stranger, for a message of ours: short, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])


def read_graph(data: bytes, label: str, operators: frozenset[str], opsets: range) -> Graph:
    """Read what a model declares.

    Parameters
    ----------
    data : bytes
        The model file.
    label : str
        What to call it in messages.
    operators : frozenset of str
        Those that may be in it.
    opsets : range
        Versions of the operator set that may be asked for.

    Returns
    -------
    Graph

    Raises
    ------
    BundleError
        If it holds what a plain network does not.
    ValueError
        If it is no ONNX model.
    """
    reader = Reader(label)
    graphs: list[memoryview] = []
    versions: dict[str, int] = {}
    for number, value in reader.fields(memoryview(data)):
        if number == 7 and not isinstance(value, int):
            graphs.append(value)
        elif number == 8 and not isinstance(value, int):
            domain, version = "", 0
            for key, found in reader.fields(value):
                if key == 1:
                    domain = reader.name(found)
                elif key == 2 and isinstance(found, int):
                    version = found
            versions[domain] = version
        elif number == 25:
            raise BundleError(
                f"{label} defines functions of its own; expected a plain network: export it again"
            )
    if len(graphs) != 1:
        raise BundleError(f"{label} holds {len(graphs)} graphs; expected one: the file is damaged")
    graph = Graph(opset=versions.get("", versions.get("ai.onnx", 0)))
    if set(versions) - {"", "ai.onnx"} or graph.opset not in opsets:
        asked = ", ".join(
            f"{printable(domain) or 'ai.onnx'} {number}" for domain, number in sorted(versions.items())[:4]
        )
        raise BundleError(
            f"{label} needs the operator sets {asked or 'none'}; expected ai.onnx {opsets[0]} to "
            f"{opsets[-1]} alone: export the bundle again"
        )
    reader.graph(graphs[0], operators, graph)
    return graph
