"""Maps: a prediction for every pixel of a stack of images (extras ``[maps]``, ``[dask]``).

>>> from xnet_onnx.maps import predict_map
>>> maps = predict_map("stack.h5")                 # doctest: +SKIP
>>> maps.first_shell                               # doctest: +SKIP

The pipeline of a stack, one module per step::

    stack (what is in the file) -> survey (is it this edge? how high is it?)
      -> layout (rectangles of pixels) -> predict_chunk -> parts (a file a chunk) -> output (maps.h5)

`local` goes it in this process, `workers` in processes beside it, `cluster` on dask's workers elsewhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import predict_map
    from .output import read_maps
    from .result import Maps
    from .stack import StackChoice

__all__ = ["Maps", "StackChoice", "predict_map", "read_maps"]

_HOME = {"Maps": "result", "StackChoice": "stack", "predict_map": "api", "read_maps": "output"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'xnet_onnx.maps' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
