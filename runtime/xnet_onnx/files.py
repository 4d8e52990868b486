"""Writing files so that nothing half-written is left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError

__all__ = ["replace_when_done", "write_bytes"]


@contextmanager
def replace_when_done(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it when the block succeeds.

    Parameters
    ----------
    path : Path
        The file to make or replace.

    Yields
    ------
    Path
        The temporary name, with the same suffix.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}); choose a folder that exists and is yours"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}); choose another place"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
    data : bytes

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with replace_when_done(path) as temporary:
        temporary.write_bytes(data)
