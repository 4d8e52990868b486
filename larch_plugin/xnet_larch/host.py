"""Larch itself, imported when it is first needed and nowhere else."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from xnet_onnx.errors import MissingExtraError

__all__ = ["file_encoding", "larch_module", "say"]


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


@contextmanager
def file_encoding(encoding: str = "utf-8") -> Iterator[None]:
    """Let Larch read and write its files in one encoding.

    It takes the encoding of standard output for them, which may be a code page,
    or none at all in a GUI.

    Parameters
    ----------
    encoding : str

    Yields
    ------
    None
        What is printed meanwhile follows at the end.
    """
    data = io.BytesIO()
    try:
        with redirect_stdout(io.TextIOWrapper(data, encoding, errors="replace", write_through=True)) as out:
            yield
    finally:
        text = data.getvalue().decode(encoding, errors="replace")
        out.detach()
        if text and sys.stdout is not None:
            sys.stdout.write(text)
