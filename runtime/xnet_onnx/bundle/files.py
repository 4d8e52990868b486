"""Reading the files of a bundle, which may come from a stranger."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import BundleError

__all__ = ["MAX_FILE_BYTES", "MAX_JSON_BYTES", "read_json", "read_regular", "text_of"]

MAX_JSON_BYTES = 4 * 1024 * 1024
#: Three times as much is in memory while onnxruntime takes a model up.
MAX_FILE_BYTES = 64 * 1024 * 1024


def read_regular(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Read a regular file whole; never a device, a pipe or a socket.

    A link to a regular file is followed: caches of downloads and some installers make them.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that it may have.

    Returns
    -------
    bytes

    Raises
    ------
    BundleError
        If it is no regular file, or larger.
    OSError
        If it cannot be read.
    """
    # Looked at before it is opened, which alone can act on a device, and again when it is open: it
    # may have been exchanged meanwhile. Without O_NONBLOCK a pipe that nobody writes to never opens.
    kind = path.stat()
    if stat.S_ISREG(kind.st_mode):
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
        with open(handle, "rb") as file:  # noqa: PTH123 - Path cannot open a descriptor
            kind = os.fstat(handle)
            if stat.S_ISREG(kind.st_mode):
                data = file.read(limit + 1) if kind.st_size <= limit else b""
                if kind.st_size > limit or len(data) > limit:
                    raise BundleError(
                        f"{path} has more than {limit} bytes; expected at most {limit}: is this a bundle of "
                        "xnet-onnx?"
                    )
                return data
    raise BundleError(
        f"{path} is {_kind(kind.st_mode)}; expected a regular file: copy the bundle again from its source"
    )


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "no file")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]}, which is not finite")
    return value


def _refuse(text: str) -> float:
    raise ValueError(f"the number {text}, which is not finite")


def read_json(data: bytes, path: Path) -> dict[str, Any]:
    """Read a JSON object whose numbers are all finite.

    Parameters
    ----------
    data : bytes
    path : Path
        For messages.

    Returns
    -------
    dict

    Raises
    ------
    BundleError
        If it is none, or nested too deeply.
    """
    try:
        value = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise BundleError(f"{path} is not JSON of a bundle (it is nested too deeply)") from None
    except ValueError as error:
        raise BundleError(f"{path} is not JSON ({error}); the file is damaged") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} is not JSON of a bundle (no object); the file is damaged")
    return value


def text_of(data: bytes, path: Path) -> str:
    """Decode a text of a bundle.

    Parameters
    ----------
    data : bytes
    path : Path
        For messages.

    Returns
    -------
    str

    Raises
    ------
    BundleError
        If it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(
            f"{path} is not text in UTF-8 (byte {error.start}); expected a model card: copy the bundle again"
        ) from error
