"""Distances around an absorbing atom, read from its XANES spectrum.

>>> import xnet_onnx
>>> result = xnet_onnx.predict("file.xdi")         # doctest: +SKIP
>>> result.first_shell.r                           # doctest: +SKIP

Names are loaded when they are first used, so that importing the package (and
``xnet-onnx --help``) costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .bundle.load import Bundle, load_bundle
    from .errors import (
        BundleError,
        ColumnError,
        CoverageError,
        DataSetError,
        EdgeError,
        ElementError,
        MissingExtraError,
        OutputError,
        ReadError,
        SpectrumError,
        XnetError,
    )
    from .page.notebook import app
    from .pipeline import predict, predict_many, predict_normalized
    from .prediction import FirstShell, Peak, Prediction
    from .preprocess.normalize import as_normalized, normalize
    from .readers import Choice, read, read_all
    from .spectrum import NormalizedSpectrum, Spectrum

__all__ = [
    "Bundle",
    "BundleError",
    "Choice",
    "ColumnError",
    "Confidence",
    "CoverageError",
    "DataSetError",
    "EdgeError",
    "ElementError",
    "FirstShell",
    "MissingExtraError",
    "NormalizedSpectrum",
    "OutputError",
    "Peak",
    "Prediction",
    "ReadError",
    "Spectrum",
    "SpectrumError",
    "XnetError",
    "__version__",
    "app",
    "as_normalized",
    "load_bundle",
    "normalize",
    "predict",
    "predict_many",
    "predict_normalized",
    "read",
    "read_all",
    "to_frame",
]

_HOME = {
    "app": "page.notebook",
    "Bundle": "bundle.load",
    "load_bundle": "bundle.load",
    "FirstShell": "prediction",
    "Peak": "prediction",
    "as_normalized": "preprocess.normalize",
    "normalize": "preprocess.normalize",
    "Prediction": "prediction",
    "to_frame": "prediction",
    "Confidence": "prediction",
    "predict": "pipeline",
    "predict_many": "pipeline",
    "predict_normalized": "pipeline",
    "Choice": "readers",
    "read": "readers",
    "read_all": "readers",
    "NormalizedSpectrum": "spectrum",
    "Spectrum": "spectrum",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'xnet_onnx' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
