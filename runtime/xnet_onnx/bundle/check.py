"""What a model file declares, checked before onnxruntime sees it.

A bundle from a stranger is checked for what it asks of the runtime. Refused are:
weights kept in other files than ours or not finite, operators that are not plain arithmetic
(loops, custom libraries), an operator set that is not known, other inputs and
outputs than those that bundle.json promises, and a graph that would take more
memory or time than a network can need.
"""

from __future__ import annotations

from ..errors import BundleError
from .shapes import OPERATORS, cost_of
from .wire import FLOAT, INT64, Graph, Port, read_graph

__all__ = ["check_model"]

OPSETS = range(13, 31)


def check_model(data: bytes, label: str, *, inputs: int, output: tuple[int, ...]) -> None:
    """Check what a bundle's model declares, and what it would take to run it.

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
        If the file is no ONNX model, declares something else, or asks for too much.
    """
    try:
        graph = read_graph(data, label, OPERATORS, OPSETS)
    except ValueError as error:
        raise BundleError(
            f"{label} is no ONNX model ({error}); the file is damaged: copy the bundle again"
        ) from error
    weights = {weight.name for weight in graph.weights}
    taken = [port for port in graph.inputs if port.name not in weights]
    given = graph.outputs
    absorber = Port("absorber", INT64, (None,))
    # A model of several elements takes their atomic numbers too.
    if len(taken) == 2 and _fits(taken[1], absorber):
        taken = taken[:1]
    # A second output, one row of features a spectrum, is allowed: the domain score looks at it.
    if len(given) == 2 and given[1].name == "features" and len(given[1].shape) == 2:
        given = given[:1]
    wanted = {
        Port("spectrum", FLOAT, (None, inputs)): taken,
        Port("g2", FLOAT, (None, *output)): given,
    }
    for port, found in wanted.items():
        if len(found) != 1 or not _fits(found[0], port):
            declared = "; ".join(f"{one.name[:40]!r} {list(one.shape)}" for one in found[:4])
            raise BundleError(
                f"{label} declares {declared or 'nothing'}; expected {port.name} in float32 of shape "
                f"{['batch', *port.shape[1:]]}: bundle.json and the model do not belong together, export the "
                "bundle again"
            )
    _check_shapes(graph, label, inputs, output)


def _fits(found: Port, wanted: Port) -> bool:
    return (
        (found.name, found.kind) == (wanted.name, wanted.kind)
        and len(found.shape) == len(wanted.shape)
        and found.shape[0] is None
        and all(a in (None, b) for a, b in zip(found.shape, wanted.shape, strict=True))
    )


def _check_shapes(graph: Graph, label: str, inputs: int, output: tuple[int, ...]) -> None:
    """Follow the arrays to the outputs: what is declared of those need not be true."""
    graph.inputs = [
        Port(port.name, port.kind, (None, inputs) if port.name == "spectrum" else port.shape)
        for port in graph.inputs
    ]
    try:
        cost = cost_of(graph)
    except ValueError as error:
        raise BundleError(
            f"{label}: {error}; expected the graph of a small feed-forward network: do not run it unless you "
            "know who made it, and export the bundle again"
        ) from error
    batch = ((1, 1),)
    kind, shape = cost.shapes.get("g2", (0, ()))
    if kind != FLOAT or shape != (*batch, *((one, 0) for one in output)):
        raise BundleError(
            f"{label} makes g2 of another shape than {['batch', *output]}; expected what bundle.json says: "
            "export the bundle again"
        )
    if len(graph.outputs) == 2:
        kind, shape = cost.shapes.get("features", (0, ()))
        if kind != FLOAT or len(shape) != 2 or shape[:1] != batch or shape[1][1]:
            raise BundleError(
                f"{label} makes features of no shape ['batch', n] in float32; export the bundle again"
            )
