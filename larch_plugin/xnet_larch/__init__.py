"""Predictions of xnet-onnx inside a Larch session, beside the data.

>>> from xnet_larch import xnet_predict, xnet_plot, xnet_table
>>> xnet_predict(group)                            # doctest: +SKIP
>>> print(xnet_table(group))                       # doctest: +SKIP

The functions are those of the Larch language too, once `install` has been
called (``xnet-onnx larch install`` does it for every session). Larch, onnxruntime
and the bundle are loaded by the first call, not by the import.
"""

from __future__ import annotations

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
