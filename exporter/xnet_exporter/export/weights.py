"""One file for the weights that the fused graph and the members share."""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError

from xnet_onnx.bundle.external import WEIGHTS
from xnet_onnx.errors import BundleError

__all__ = ["share_weights"]

#: Bytes of an array that is worth a place of its own: a reference takes time at each start.
SMALLEST = 2048


def share_weights(files: dict[str, bytes]) -> dict[str, bytes]:
    """Move the weights of graphs into ``weights.bin``, each once, as ONNX's external data.

    What the fused graph holds of all members one behind the other is, for a member, a
    part of it. Biases and the like stay in the graphs.

    Parameters
    ----------
    files : dict of str to bytes
        Files of a bundle by their names; the graphs are those that end in ``.onnx``.

    Returns
    -------
    dict of str to bytes
        The same files, the graphs without their weights, and ``weights.bin``: float32,
        little endian.

    Raises
    ------
    BundleError
        If a graph is none.
    """
    graphs = {name: _parse(data, name) for name, data in files.items() if name.endswith(".onnx")}
    weights = bytearray()
    # The fused graph first: its arrays are the long ones, in which the members' are found.
    for name in sorted(graphs, key=lambda name: (-len(files[name]), name)):
        for tensor in graphs[name].graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.raw_data) >= SMALLEST:
                _move(tensor, weights)
    made = {name: graph.SerializeToString(deterministic=True) for name, graph in graphs.items()}
    return files | made | {WEIGHTS: bytes(weights)}


def _parse(data: bytes, name: str) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(data)
    except DecodeError as error:
        raise BundleError(f"{name} is no ONNX model ({error}); copy the bundle again") from error


def _move(tensor: onnx.TensorProto, weights: bytearray) -> None:
    raw = bytes(tensor.raw_data)
    offset = weights.find(raw)
    while offset > 0 and offset % 4:  # these bytes begin inside a number
        offset = weights.find(raw, offset + 1)
    if offset < 0:
        offset = len(weights)
        weights += raw
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", WEIGHTS), ("offset", str(offset)), ("length", str(len(raw)))):
        tensor.external_data.add(key=key, value=value)
