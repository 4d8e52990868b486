"""What a model file declares, read before onnxruntime sees it.

A bundle from a stranger is checked for what it asks of the runtime: an ONNX file
is a protobuf message, and the few fields that matter are found by walking its wire
format. Refused are: weights kept in other files, operators that are not plain
arithmetic (loops, custom libraries), an operator set that is not known, other
inputs and outputs than those that bundle.json promises.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import BundleError

__all__ = ["check_model"]

OPSETS = range(11, 31)
MAX_NODES = 20_000
MAX_DIMENSIONS = 8
FLOAT = 1

_OPERATORS = """
Abs Add ArgMax AveragePool BatchNormalization Cast Celu Clip Concat Constant Conv Div Dropout Einsum Elu
Equal Erf Exp Expand Flatten Gather Gelu Gemm GlobalAveragePool GlobalMaxPool GreaterOrEqual
GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less
Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mul Neg PRelu Pow Reciprocal ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum Relu Reshape Selu Shape Sigmoid Sign Slice Softmax Softplus Softsign Split Sqrt Squeeze
Sub Sum Swish Tanh ThresholdedRelu Transpose Unsqueeze Where
"""

#: Operators of a feed-forward network: none loops, none makes arrays of a size that is not in the file.
OPERATORS = frozenset(_OPERATORS.split())

Field = tuple[int, int, int | memoryview]


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


def _fields(data: memoryview) -> Iterator[Field]:
    """Go through the fields of a message: number, wire type, value."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field without a number")
        if wire == 0:
            value, position = _varint(data, position)
            yield number, wire, value
            continue
        if wire == 2:
            length, position = _varint(data, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"a field of wire type {wire}")
        if length > len(data) - position:
            raise ValueError("a field reaches beyond the end")
        yield number, wire, data[position : position + length]
        position += length


def _parts(data: memoryview, number: int) -> Iterator[memoryview]:
    for found, wire, value in _fields(data):
        if found == number:
            if wire != 2 or isinstance(value, int):
                raise ValueError(f"field {number} is no message")
            yield value


def _text(data: memoryview) -> str:
    return bytes(data[:200]).decode("utf-8", "replace")


def _tensor(data: memoryview) -> None:
    """Check one tensor of weights: inside the file, and as large as it says."""
    size, name, count = len(data), "", 1
    for number, wire, value in _fields(data):
        if number == 1:
            counts = [value] if isinstance(value, int) else _packed(value)
            for dimension in counts:
                count *= dimension
        elif number == 8 and not isinstance(value, int):
            name = _text(value)
        elif number == 13 or (number == 14 and value != 0):
            raise BundleError(
                f"the weights {name[:40]!r} are kept outside the model file; expected all weights "
                "inside: export the "
                "bundle again with external data off"
            )
        del wire
    # The smallest element is a byte, or packed half of one.
    if count > 2 * size + 16:
        raise BundleError(
            f"the weights {name[:40]!r} have {count} elements in {size} bytes; the model is damaged"
        )


def _packed(data: memoryview) -> list[int]:
    values: list[int] = []
    position = 0
    while position < len(data) and len(values) <= MAX_DIMENSIONS:
        value, position = _varint(data, position)
        values.append(value)
    return values


def _port(data: memoryview) -> tuple[str, int, list[int | None]]:
    """Name, element type and shape of a graph's input or output; None is any size."""
    name, kind = "", 0
    shape: list[int | None] = []
    for number, _, value in _fields(data):
        if number == 1 and not isinstance(value, int):
            name = _text(value)
        elif number == 2 and not isinstance(value, int):
            for tensor in _parts(value, 1):
                for field, _, inner in _fields(tensor):
                    if field == 1 and isinstance(inner, int):
                        kind = inner
                    elif field == 2 and not isinstance(inner, int):
                        shape = [_dimension(one) for one in _parts(inner, 1)][: MAX_DIMENSIONS + 1]
    return name, kind, shape


def _dimension(data: memoryview) -> int | None:
    return next((value for number, _, value in _fields(data) if number == 1 and isinstance(value, int)), None)


def _node(data: memoryview, label: str) -> None:
    """Check one operator and the constants in its attributes."""
    operator = domain = ""
    for number, _, value in _fields(data):
        if isinstance(value, int):
            continue
        if number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            for field, _, inner in _fields(value):
                if field in (6, 11) and not isinstance(inner, int):
                    raise BundleError(f"{label} holds a graph inside an operator; expected a plain network")
                if field in (5, 10) and not isinstance(inner, int):
                    _tensor(inner)
    if domain not in ("", "ai.onnx") or operator not in OPERATORS:
        raise BundleError(
            f"{label} uses the operator "
            f"{f'{domain}.' if domain else ''}{operator[:60] or 'without a name'}, which is "
            "not one of a feed-forward network; expected operators such as Conv, MatMul and Relu: do not "
            "run it "
            "unless you know who made it, and export the bundle again"
        )


def check_model(data: bytes, label: str, *, inputs: int, output: tuple[int, ...]) -> None:
    """Check what a bundle's model declares.

    Parameters
    ----------
    data : bytes
        The model file.
    label : str
        What to call it in messages.
    inputs : int
        Points of the energy axis, after bundle.json.
    output : tuple of int
        Shape of the output without the batch: members and points of r.

    Raises
    ------
    BundleError
        If the file is no ONNX model, or declares something else.
    """
    try:
        _check(memoryview(data), label, inputs, output)
    except ValueError as error:
        raise BundleError(
            f"{label} is no ONNX model ({error}); the file is damaged: copy the bundle again"
        ) from error


def _check(data: memoryview, label: str, inputs: int, output: tuple[int, ...]) -> None:
    graphs: list[memoryview] = []
    opsets: dict[str, int] = {}
    for number, wire, value in _fields(data):
        if number == 7 and not isinstance(value, int):
            graphs.append(value)
        elif number == 8 and not isinstance(value, int):
            domain, version = "", 0
            for field, _, inner in _fields(value):
                if field == 1 and not isinstance(inner, int):
                    domain = _text(inner)
                elif field == 2 and isinstance(inner, int):
                    version = inner
            opsets[domain] = version
        elif number == 25:
            raise BundleError(
                f"{label} defines functions of its own; expected a plain network: export it again"
            )
        del wire
    if len(graphs) != 1:
        raise BundleError(f"{label} holds {len(graphs)} graphs; expected one: the file is damaged")
    version = opsets.get("", opsets.get("ai.onnx", 0))
    if set(opsets) - {"", "ai.onnx"} or version not in OPSETS:
        found = ", ".join(
            f"{domain[:40] or 'ai.onnx'} {number}" for domain, number in sorted(opsets.items())[:4]
        )
        raise BundleError(
            f"{label} needs the operator sets {found or 'none'}; expected ai.onnx {OPSETS[0]} to "
            f"{OPSETS[-1]} alone: "
            "export the bundle again"
        )
    nodes = 0
    weights: set[str] = set()
    taken: list[tuple[str, int, list[int | None]]] = []
    given: list[tuple[str, int, list[int | None]]] = []
    for number, _, value in _fields(graphs[0]):
        if isinstance(value, int):
            continue
        if number == 1:
            nodes += 1
            if nodes > MAX_NODES:
                raise BundleError(f"{label} has more than {MAX_NODES} operators; expected a plain network")
            _node(value, label)
        elif number == 5:
            _tensor(value)
            weights.update(_text(name) for name in _parts(value, 8))
        elif number == 15:
            raise BundleError(f"{label} holds sparse weights; expected plain ones: export the bundle again")
        elif number == 11:
            taken.append(_port(value))
        elif number == 12:
            given.append(_port(value))
    taken = [port for port in taken if port[0] not in weights]
    # A second output, one row of features a spectrum, is allowed: the domain score looks at it.
    if len(given) == 2 and given[1][:2] == ("features", FLOAT) and len(given[1][2]) == 2:
        given = given[:1]
    for ports, name, shape in (
        (taken, "spectrum", [None, inputs]),
        (given, "g2", [None, *output]),
    ):
        wanted = (name, FLOAT, shape)
        fits = (
            len(ports) == 1
            and ports[0][:2] == wanted[:2]
            and len(ports[0][2]) == len(shape)
            and all(found in (None, size) for found, size in zip(ports[0][2][1:], shape[1:], strict=True))
        )
        if not fits:
            found_ports = "; ".join(f"{port[0][:40]} {port[2]}" for port in ports[:4])
            raise BundleError(
                f"{label} declares {found_ports or 'nothing'}; expected {name} in float32 of shape "
                f"{['batch', *shape[1:]]}: bundle.json and the model do not belong together, export the "
                "bundle again"
            )
