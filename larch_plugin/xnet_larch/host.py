"""Larch itself, imported when it is first needed and nowhere else."""

from __future__ import annotations

import importlib
from typing import Any

from xnet_onnx.errors import MissingExtraError

__all__ = ["larch_module", "say"]


def larch_module(name: str = "larch") -> Any:
    """Import a module of Larch.

    Parameters
    ----------
    name : str
        "larch", "larch.xafs", ...

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If Larch is not installed in this Python.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"Larch cannot be loaded here ({error}); expected xraylarch in the same Python: install it "
            'with: pip install "xnet-onnx[larch]"'
        ) from error


def say(text: str, session: Any = None) -> None:
    """Write a line to a Larch session, where there is one.

    Parameters
    ----------
    text : str
    session : larch.Interpreter, optional
    """
    if session is not None:
        session.writer.write(f"{text}\n")
