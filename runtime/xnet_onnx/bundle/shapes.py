"""What a graph would take to run: the shape of every array in it, followed before it is run.

A graph of a kilobyte can double an array until no memory is left, or multiply large
matrices for hours. So each operator that is allowed has its rule here, and the sum
of what they make and of their products is bounded. The number of spectra at a time
is a letter: a dimension is a multiple of one of its powers, which grows with it, so
that what holds for the largest number holds for every other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from .wire import (
    BOOL,
    FLOAT,
    INT32,
    INT64,
    ITEM_SIZE,
    MAX_DIMENSIONS,
    MAX_INTEGERS,
    ROWS,
    Attribute,
    Graph,
    Node,
    Tensor,
)

__all__ = ["MAX_BYTES", "MAX_PRODUCTS", "OPERATORS", "ROWS", "Cost", "Dimension", "cost_of"]

#: Bytes that a run over that many needs at a time.
MAX_BYTES = 192 * 1024 * 1024
#: Products of a run over that many: a second or two of a core.
MAX_PRODUCTS = 30_000_000_000
#: What a value that is read or written costs in products.
ELEMENT_COST = 4

#: (c, p) is c times the number of spectra to the power of p.
Dimension = tuple[int, int]
Shape = tuple[Dimension, ...]


@dataclass(frozen=True, eq=False)
class Array:
    """An array of the graph: element type, shape, and its integers where they are known."""

    kind: int
    shape: Shape
    values: Shape | None = None


@dataclass
class Cost:
    """What a run over `ROWS` spectra takes: bytes at a time, and products."""

    bytes: int = 0
    products: int = 0
    shapes: dict[str, tuple[int, Shape]] = field(default_factory=dict)


def _size(shape: Shape) -> Dimension:
    return prod(coefficient for coefficient, _ in shape), sum(power for _, power in shape)


def _count(shape: Shape) -> int:
    coefficient, power = _size(shape)
    return coefficient * int(ROWS**power)


def _fixed(dimension: Dimension) -> int:
    coefficient, power = dimension
    if power:
        raise ValueError("works along the axis of spectra")
    return coefficient


def _need(array: Array | None) -> Array:
    if array is None:
        raise ValueError("lacks an input")
    return array


def _known(array: Array | None) -> Shape:
    values = _need(array).values
    if values is None:
        raise ValueError("has a shape that depends on the data")
    return values


def _constants(array: Array | None) -> tuple[int, ...]:
    return tuple(_fixed(value) for value in _known(array))


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"has the axis {axis} of {rank}")
    return axis % rank


def _broadcast(*shapes: Shape) -> Shape:
    rank = max(len(shape) for shape in shapes)
    result: list[Dimension] = []
    for place in range(-rank, 0):
        found: Dimension = (1, 0)
        for shape in shapes:
            one = shape[place] if -place <= len(shape) else (1, 0)
            if one == (1, 0) or one == found:
                continue
            if found != (1, 0):
                raise ValueError("takes arrays whose shapes do not fit")
            found = one
        result.append(found)
    return tuple(result)


@dataclass
class _Step:
    """An operator with the arrays that it takes."""

    node: Node
    inputs: list[Array | None]
    products: int = 0
    #: Bytes beside the arrays that it takes and makes.
    scratch: int = 0

    def array(self, place: int) -> Array | None:
        return self.inputs[place] if place < len(self.inputs) else None

    @property
    def x(self) -> Array:
        return _need(self.array(0))

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise ValueError(f"lacks the attribute {name}")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, tuple) or (default and len(value) != len(default)):
            raise ValueError(f"lacks the attribute {name}")
        return value

    def axes(self, place: int = 1) -> tuple[int, ...] | None:
        """Axes that are an attribute in older operator sets and an input in newer ones."""
        if self.array(place) is not None:
            return _constants(self.array(place))
        return self.integers("axes") if "axes" in self.node.attributes else None


Rule = Callable[[_Step], list[Array]]


def _same(step: _Step) -> list[Array]:
    return [Array(step.x.kind, step.x.shape)]


def _identity(step: _Step) -> list[Array]:
    return [step.x]


def _elementwise(step: _Step) -> list[Array]:
    arrays = [_need(one) for one in step.inputs]
    return [Array(step.x.kind, _broadcast(*(one.shape for one in arrays)))]


def _compare(step: _Step) -> list[Array]:
    (made,) = _elementwise(step)
    return [Array(BOOL, made.shape)]


def _where(step: _Step) -> list[Array]:
    (made,) = _elementwise(step)
    return [Array(_need(step.array(1)).kind, made.shape)]


def _clip(step: _Step) -> list[Array]:
    if any(one is not None and one.shape not in ((), ((1, 0),)) for one in step.inputs[1:]):
        raise ValueError("has limits that are no numbers")
    return _same(step)


def _prelu(step: _Step) -> list[Array]:
    if _broadcast(step.x.shape, _need(step.array(1)).shape) != step.x.shape:
        raise ValueError("has slopes that do not fit")
    return _same(step)


def _cast(step: _Step) -> list[Array]:
    kind = step.integer("to")
    if kind not in ITEM_SIZE:
        raise ValueError(f"makes elements of type {kind}")
    whole = kind in (INT32, INT64) and step.x.kind in (INT32, INT64)
    return [Array(kind, step.x.shape, step.x.values if whole else None)]


def _norm(step: _Step) -> list[Array]:
    """Batch and layer normalisation: constants along one axis."""
    if any(one is not None and _count(one.shape) > _count(step.x.shape) for one in step.inputs[1:]):
        raise ValueError("has constants that do not fit")
    if len(step.node.outputs) != 1 or step.integer("training_mode", 0):
        raise ValueError("is one of training")
    return _same(step)


def _gemm(step: _Step) -> list[Array]:
    a, b = step.x, _need(step.array(1))
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise ValueError("takes no matrices")
    rows, inner = a.shape[::-1] if step.integer("transA", 0) else a.shape
    other, columns = b.shape[::-1] if step.integer("transB", 0) else b.shape
    made = (rows, columns)
    bias = step.array(2)
    if inner != other or (bias is not None and _broadcast(bias.shape, made) != made):
        raise ValueError("takes matrices whose shapes do not fit")
    step.products = _count((*made, inner))
    return [Array(a.kind, made)]


def _matmul(step: _Step) -> list[Array]:
    a, b = step.x.shape, _need(step.array(1)).shape
    if not a or not b:
        raise ValueError("takes no matrices")
    rows, columns = a[-2:-1], b[-1:] if len(b) > 1 else ()
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise ValueError("takes matrices whose shapes do not fit")
    made = (*_broadcast(a[:-2], b[:-2]), *rows, *columns)
    step.products = _count((*made, inner))
    return [Array(step.x.kind, made)]


def _windows(step: _Step, spatial: Shape, kernel: tuple[int, ...]) -> Shape:
    """Lengths of what a window that moves along each spatial axis gives."""
    rank = len(spatial)
    if step.node.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"") or step.integer(
        "ceil_mode", 0
    ):
        raise ValueError("pads by itself")
    pads = step.integers("pads", (0,) * (2 * rank))
    strides, dilations = step.integers("strides", (1,) * rank), step.integers("dilations", (1,) * rank)
    if len(kernel) != rank or min(*kernel, *strides, *dilations, 1) < 1 or min(*pads, 0) < 0:
        raise ValueError("has a kernel, strides or padding that do not fit")
    made: list[Dimension] = []
    for i, dimension in enumerate(spatial):
        free = _fixed(dimension) + pads[i] + pads[rank + i] - dilations[i] * (kernel[i] - 1) - 1
        if free < 0:
            raise ValueError("has a kernel longer than its input")
        made.append((free // strides[i] + 1, 0))
    return tuple(made)


def _conv(step: _Step) -> list[Array]:
    x, weight = step.x.shape, _need(step.array(1)).shape
    if len(x) < 3 or len(x) != len(weight):
        raise ValueError("takes arrays whose shapes do not fit")
    filters, channels, *kernel = (_fixed(one) for one in weight)
    group = step.integer("group", 1)
    bias = step.array(2)
    if (
        group < 1
        or filters % group
        or _fixed(x[1]) != channels * group
        or (bias is not None and bias.shape != ((filters, 0),))
    ):
        raise ValueError("takes arrays whose shapes do not fit")
    made = (x[0], (filters, 0), *_windows(step, x[2:], tuple(kernel)))
    patch = channels * prod(kernel)
    step.products = _count(made) * patch
    # The patches of one spectrum side by side, for one product of matrices.
    step.scratch = 4 * patch * _count(made[2:])
    return [Array(step.x.kind, made)]


def _pool(step: _Step) -> list[Array]:
    if len(step.x.shape) < 3 or len(step.node.outputs) != 1:
        raise ValueError("takes an array whose shape does not fit")
    kernel = step.integers("kernel_shape")
    made = (*step.x.shape[:2], *_windows(step, step.x.shape[2:], kernel))
    step.products = _count(made) * prod(kernel)
    return [Array(step.x.kind, made)]


def _global_pool(step: _Step) -> list[Array]:
    return [Array(step.x.kind, (*step.x.shape[:2], *((1, 0),) * (len(step.x.shape) - 2)))]


def _reduce(step: _Step) -> list[Array]:
    rank = len(step.x.shape)
    axes = step.axes()
    chosen = set(range(rank)) if not axes else {_axis(axis, rank) for axis in axes}
    keep = step.integer("keepdims", 1)
    made = ((1, 0) if i in chosen else one for i, one in enumerate(step.x.shape) if keep or i not in chosen)
    return [Array(step.x.kind, tuple(made))]


def _reshape(step: _Step) -> list[Array]:
    asked = _known(step.array(1))
    whole, power = _size(step.x.shape)
    made: list[Dimension] = []
    for place, dimension in enumerate(asked):
        if dimension == (0, 0):
            if step.integer("allowzero", 0) or place >= len(step.x.shape):
                raise ValueError("makes an empty array")
            dimension = step.x.shape[place]
        made.append(dimension)
    if asked.count((-1, 0)) == 1:
        coefficient, taken = _size(tuple(one for one in made if one != (-1, 0)))
        if coefficient < 1 or whole % coefficient or taken > power:
            raise ValueError("gives an array another size")
        made[made.index((-1, 0))] = (whole // coefficient, power - taken)
    if any(coefficient < 1 for coefficient, _ in made) or _size(tuple(made)) != (whole, power):
        raise ValueError("gives an array another size")
    return [Array(step.x.kind, tuple(made), step.x.values)]


def _flatten(step: _Step) -> list[Array]:
    axis = step.integer("axis", 1)
    axis = axis + len(step.x.shape) if axis < 0 else axis
    return [Array(step.x.kind, (_size(step.x.shape[:axis]), _size(step.x.shape[axis:])))]


def _unsqueeze(step: _Step) -> list[Array]:
    axes = step.axes() or ()
    rank = len(step.x.shape) + len(axes)
    places = {_axis(axis, rank) for axis in axes}
    if len(places) != len(axes):
        raise ValueError("names an axis twice")
    rest = iter(step.x.shape)
    made = tuple((1, 0) if place in places else next(rest) for place in range(rank))
    return [Array(step.x.kind, made, step.x.values)]


def _squeeze(step: _Step) -> list[Array]:
    rank, axes = len(step.x.shape), step.axes()
    if axes is None:
        raise ValueError("names no axes")
    places = {_axis(axis, rank) for axis in axes}
    if any(step.x.shape[place] != (1, 0) for place in places):
        raise ValueError("drops an axis that is longer than one")
    made = tuple(one for place, one in enumerate(step.x.shape) if place not in places)
    return [Array(step.x.kind, made, step.x.values)]


def _transpose(step: _Step) -> list[Array]:
    rank = len(step.x.shape)
    order = step.integers("perm", tuple(range(rank))[::-1])
    if sorted(order) != list(range(rank)):
        raise ValueError("has an order of axes that is none")
    return [Array(step.x.kind, tuple(step.x.shape[axis] for axis in order))]


def _concat(step: _Step) -> list[Array]:
    arrays = [_need(one) for one in step.inputs]
    first = arrays[0].shape
    axis = _axis(step.integer("axis"), len(first))
    coefficient = 0
    for one in arrays:
        if (
            len(one.shape) != len(first)
            or one.shape[:axis] != first[:axis]
            or one.shape[axis + 1 :] != first[axis + 1 :]
            or one.shape[axis][1] != first[axis][1]
        ):
            raise ValueError("joins arrays whose shapes do not fit")
        coefficient += one.shape[axis][0]
    made = (*first[:axis], (coefficient, first[axis][1]), *first[axis + 1 :])
    values: Shape | None = None
    if len(first) == 1 and coefficient <= MAX_INTEGERS and all(one.values is not None for one in arrays):
        values = tuple(value for one in arrays for value in one.values or ())
    return [Array(step.x.kind, made, values)]


def _split(step: _Step) -> list[Array]:
    axis = _axis(step.integer("axis", 0), len(step.x.shape))
    whole, outputs = _fixed(step.x.shape[axis]), len(step.node.outputs)
    if step.array(1) is not None:
        sizes = _constants(step.array(1))
    else:
        each = -(-whole // outputs)
        sizes = (*(each,) * (outputs - 1), whole - each * (outputs - 1))
    if len(sizes) != outputs or min(sizes) < 1 or sum(sizes) != whole:
        raise ValueError("has parts that do not fit")
    before, after = step.x.shape[:axis], step.x.shape[axis + 1 :]
    return [Array(step.x.kind, (*before, (size, 0), *after)) for size in sizes]


def _slice(step: _Step) -> list[Array]:
    rank = len(step.x.shape)
    starts, ends = _constants(step.array(1)), _constants(step.array(2))
    axes = tuple(range(len(starts))) if step.array(3) is None else _constants(step.array(3))
    steps = (1,) * len(starts) if step.array(4) is None else _constants(step.array(4))
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError("has starts and ends that do not fit")
    made = list(step.x.shape)
    values = step.x.values
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        if stride < 1:
            raise ValueError("goes backwards")
        place = _axis(axis, rank)
        length = len(range(*slice(start, end, stride).indices(_fixed(made[place]))))
        if length < 1:
            raise ValueError("makes an empty array")
        made[place] = (length, 0)
        values = values[start:end:stride] if values is not None and rank == 1 else None
    return [Array(step.x.kind, tuple(made), values)]


def _expand(step: _Step) -> list[Array]:
    asked = _known(step.array(1))
    if any(coefficient < 1 for coefficient, _ in asked):
        raise ValueError("makes an empty array")
    return [Array(step.x.kind, _broadcast(step.x.shape, asked))]


def _shape(step: _Step) -> list[Array]:
    rank = len(step.x.shape)
    found = step.x.shape[slice(step.integer("start", 0), step.integer("end", rank))]
    return [Array(INT64, ((len(found), 0),), found)]


def _gather(step: _Step) -> list[Array]:
    indices = _need(step.array(1))
    if indices.kind not in (INT32, INT64):
        raise ValueError("takes indices that are no integers")
    axis = _axis(step.integer("axis", 0), len(step.x.shape))
    made = (*step.x.shape[:axis], *indices.shape, *step.x.shape[axis + 1 :])
    values: Shape | None = None
    if step.x.values is not None and indices.values is not None and len(step.x.shape) == 1:
        places = [_axis(_fixed(place), len(step.x.values)) for place in indices.values]
        values = tuple(step.x.values[place] for place in places)
    return [Array(step.x.kind, made, values)]


def _one_hot(step: _Step) -> list[Array]:
    (depth,) = _constants(step.array(1))
    values = _need(step.array(2))
    if depth < 1 or values.shape != ((2, 0),):
        raise ValueError("has a depth or values that do not fit")
    rank = len(step.x.shape) + 1
    axis = _axis(step.integer("axis", -1), rank)
    return [Array(values.kind, (*step.x.shape[:axis], (depth, 0), *step.x.shape[axis:]))]


def _constant(step: _Step) -> list[Array]:
    value: Attribute = step.node.attributes.get("value", ())
    if isinstance(value, Tensor):
        return [_of_tensor(value)]
    for name, kind in (("value_int", INT64), ("value_float", FLOAT)):
        number = step.node.attributes.get(name)
        if isinstance(number, int | float):
            return [Array(kind, (), ((int(number), 0),) if kind == INT64 else None)]
    whole = step.integers("value_ints")
    return [Array(INT64, ((len(whole), 0),), tuple((one, 0) for one in whole))]


def _of_tensor(tensor: Tensor) -> Array:
    if 0 in tensor.shape:
        raise ValueError("is empty")
    values = None if tensor.integers is None else tuple((one, 0) for one in tensor.integers)
    return Array(tensor.kind, tuple((one, 0) for one in tensor.shape), values)


_RULES: tuple[tuple[Rule, str], ...] = (
    (
        _same,
        "Abs Celu Elu Erf Exp Gelu HardSigmoid HardSwish LeakyRelu Log LogSoftmax Mish Neg Reciprocal Relu "
        "Selu Sigmoid Softmax Softplus Softsign Sqrt Tanh",
    ),
    (_identity, "Identity Dropout"),
    (_elementwise, "Add Div Max Mean Min Mul Pow Sub Sum"),
    (_compare, "Equal Greater GreaterOrEqual Less LessOrEqual"),
    (_where, "Where"),
    (_clip, "Clip"),
    (_prelu, "PRelu"),
    (_cast, "Cast"),
    (_norm, "BatchNormalization LayerNormalization"),
    (_gemm, "Gemm"),
    (_matmul, "MatMul"),
    (_conv, "Conv"),
    (_pool, "AveragePool MaxPool"),
    (_global_pool, "GlobalAveragePool GlobalMaxPool"),
    (_reduce, "ReduceMax ReduceMean ReduceMin ReduceSum"),
    (_reshape, "Reshape"),
    (_flatten, "Flatten"),
    (_unsqueeze, "Unsqueeze"),
    (_squeeze, "Squeeze"),
    (_transpose, "Transpose"),
    (_concat, "Concat"),
    (_split, "Split"),
    (_slice, "Slice"),
    (_expand, "Expand"),
    (_shape, "Shape"),
    (_gather, "Gather"),
    (_one_hot, "OneHot"),
    (_constant, "Constant"),
)
_RULE_OF = {name: rule for rule, names in _RULES for name in names.split()}

#: Operators of a feed-forward network, each with a rule that says what it makes.
OPERATORS = frozenset(_RULE_OF)


def cost_of(graph: Graph) -> Cost:
    """Follow the shapes through a graph.

    Parameters
    ----------
    graph : Graph
        The first axis of its inputs is that of the spectra.

    Returns
    -------
    Cost
        With element type and shape of every array by its name.

    Raises
    ------
    ValueError
        If a shape does not fit or cannot be told, or the cost is above `MAX_BYTES` or `MAX_PRODUCTS`.
    """
    arrays: dict[str, Array] = {}
    for weight in graph.weights:
        if weight.name in arrays:
            raise ValueError(f"the array {weight.name[:40]!r} is made twice")
        # Kept empty by some exporters: an input that is not given.
        if 0 not in weight.shape:
            arrays[weight.name] = _of_tensor(weight)
    for port in graph.inputs:
        if port.name not in arrays:
            rest = tuple((size or 0, 0) for size in port.shape[1:])
            arrays[port.name] = Array(port.kind, ((1, 1), *rest))
    cost = Cost()
    last_use = {name: number for number, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= {port.name: len(graph.nodes) for port in graph.outputs}
    weights = set(arrays)
    live = 0
    for number, node in enumerate(graph.nodes):
        try:
            step, made = _follow(node, arrays)
            live += sum(_bytes(one) for one in made)
            cost.bytes = max(cost.bytes, live + step.scratch)
            touched = sum(_count(one.shape) for one in (*step.inputs, *made) if one is not None)
            cost.products += step.products + ELEMENT_COST * touched
            _check(cost)
        except ValueError as error:
            raise ValueError(f"operator {number}, {node.operator}, {error}") from error
        done = {name for name in (*node.inputs, *node.outputs) if last_use.get(name, number) == number}
        live -= sum(_bytes(arrays[name]) for name in done - weights if name)
    cost.shapes = {name: (array.kind, array.shape) for name, array in arrays.items()}
    return cost


def _bytes(array: Array) -> int:
    return _count(array.shape) * ITEM_SIZE[array.kind]


def _check(cost: Cost) -> None:
    if cost.bytes > MAX_BYTES:
        raise ValueError(
            f"takes the arrays to {_round(cost.bytes)} bytes; expected at most {_round(MAX_BYTES)}"
        )
    if cost.products > MAX_PRODUCTS:
        raise ValueError(
            f"takes the products to {_round(cost.products)}; expected at most {_round(MAX_PRODUCTS)}"
        )


def _follow(node: Node, arrays: dict[str, Array]) -> tuple[_Step, list[Array]]:
    """Add what one operator makes."""
    for name in node.inputs:
        if name and name not in arrays:
            raise ValueError(f"takes {name[:40]!r}, which is not there")
    step = _Step(node, [arrays[name] if name else None for name in node.inputs])
    made = _RULE_OF[node.operator](step)
    outputs = [name for name in node.outputs if name]
    if len(outputs) != len(made):
        raise ValueError(f"gives {len(outputs)} arrays; expected {len(made)}")
    for name, array in zip(outputs, made, strict=True):
        if name in arrays:
            raise ValueError(f"makes {name[:40]!r} a second time")
        if len(array.shape) > MAX_DIMENSIONS:
            raise ValueError(f"makes an array of {len(array.shape)} dimensions")
        arrays[name] = array
    return step, made


def _round(value: int) -> str:
    # Not %g: a whole number can be too large for a float.
    digits = len(str(value)) if value < 10**300 else 300
    return f"{value / 10 ** (digits - 1):.1f}e{digits - 1}" if value < 10**300 else "more than 1e300"
