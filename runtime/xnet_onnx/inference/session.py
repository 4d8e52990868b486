"""A model in onnxruntime."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import BundleError

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["open_session"]


def open_session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX model for the CPU.

    Parameters
    ----------
    model : bytes
        The model.
    threads : int
        Threads inside one operator.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    BundleError
        If onnxruntime cannot be loaded or cannot run the model.
    """
    # Read by onnxruntime at its import: no telemetry from an analysis PC.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        hint = (
            "install the Microsoft Visual C++ Redistributable (x64) and try again"
            if os.name == "nt"
            else "install it again with: pip install --force-reinstall onnxruntime"
        )
        raise BundleError(f"onnxruntime cannot be loaded ({error}); {hint}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no public base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BundleError(
            f"onnxruntime cannot run the bundle's model: {reason[:200]}; update onnxruntime or "
            "reinstall the bundle"
        ) from error
