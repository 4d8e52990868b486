"""libhdf5 in a process of its own.

On a damaged file it can hang, crash or take all memory (fuzzing found all three
within minutes), so what looks into a file runs as a child with a time limit and,
on Linux, a memory limit.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from .. import child
from ..errors import MissingExtraError, ReadError

__all__ = ["limit_memory", "run_child"]

TIME_LIMIT = 10
MEMORY_LIMIT = 96 * 1024 * 1024


def run_child(module: str, arguments: list[str], data: bytes = b"", extra: str = "hdf5") -> tuple[Any, bytes]:
    """Run a module that reads an HDF5 file, and take its answer.

    Parameters
    ----------
    module : str
        Its full name. It writes one line of JSON to stdout, then bytes; a JSON
        string is an error message.
    arguments : list of str
    data : bytes
        For its standard input.
    extra : str
        The extra that brings h5py, for the message.

    Returns
    -------
    answer : object
        From the JSON.
    body : bytes

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    ReadError
        If the file is damaged, or the child says that it cannot be read.
    """
    if importlib.util.find_spec("h5py") is None:
        raise MissingExtraError(
            f"the file is HDF5 and h5py is not installed; install it with: pip install 'xnet-onnx[{extra}]'"
        )
    try:
        answer, body = child.run_child(module, arguments, data, TIME_LIMIT)
    except child.ChildError as error:
        if error.timed_out:
            raise ReadError(
                f"the HDF5 file was not read within {TIME_LIMIT} s; expected one measurement: it is damaged, "
                "copy it again"
            ) from None
        raise ReadError(
            "the HDF5 file is damaged: the HDF5 library failed on it; expected a whole file: copy it again"
        ) from None
    if isinstance(answer, str):
        raise ReadError(answer)
    return answer, body


def limit_memory() -> None:
    """Allow this process `MEMORY_LIMIT` more than it has taken to start (Linux)."""
    child.limit_memory(MEMORY_LIMIT)
