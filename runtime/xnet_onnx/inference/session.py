"""A model in onnxruntime."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..errors import BundleError

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["open_session", "run_model"]


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
        raise BundleError(
            f"onnxruntime cannot run the bundle's model: {_reason(error)}; update onnxruntime or "
            "reinstall the bundle"
        ) from error


def _reason(error: Exception) -> str:
    said = str(error).strip() or type(error).__name__
    return said.splitlines()[0][:200]


def run_model(
    session: onnxruntime.InferenceSession, given: dict[str, npt.NDArray[Any]]
) -> list[npt.NDArray[Any]]:
    """Run a model.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    given : dict of str to ndarray
        By the names of the inputs; those that the model does not take are left out.

    Returns
    -------
    list of ndarray
        Every output.

    Raises
    ------
    BundleError
        If it fails.
    """
    taken = {port.name: given[port.name] for port in session.get_inputs()}
    try:
        outputs: list[npt.NDArray[Any]] = session.run(None, taken)
    except Exception as error:  # onnxruntime's own exceptions share no public base
        raise BundleError(
            f"onnxruntime cannot run the bundle's model: {_reason(error)}; export the bundle again"
        ) from error
    return outputs
