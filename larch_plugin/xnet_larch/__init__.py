"""Predictions of xnet-onnx inside a Larch session, beside the data.

>>> from xnet_larch import xnet_predict, xnet_plot, xnet_table
>>> xnet_predict(group)                            # doctest: +SKIP
>>> print(xnet_table(group))                       # doctest: +SKIP

The functions are those of the Larch language too, once `install` has been
called (``xnet-onnx larch install`` does it for every session). Larch, onnxruntime
and the bundle are loaded by the first call, not by the import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .functions import is_stale, xnet_plot, xnet_predict, xnet_table
    from .plugin import install
    from .projects import predict_session, xnet_predict_project

__all__ = [
    "install",
    "is_stale",
    "predict_session",
    "xnet_plot",
    "xnet_predict",
    "xnet_predict_project",
    "xnet_table",
]

_HOME = {"install": "plugin", "predict_session": "projects", "xnet_predict_project": "projects"}


def __getattr__(name: str) -> Any:
    # numpy takes a while, and the help of the command line needs none of it.
    if name not in __all__:
        raise AttributeError(f"module 'xnet_larch' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME.get(name, 'functions')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
