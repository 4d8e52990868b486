"""Writing files so that nothing half-written is left behind, and locking them."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError

__all__ = ["lock", "lock_open", "replace_when_done", "write_bytes"]


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


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Lock a file against other processes; the system unlocks it where ours is killed.

    Parameters
    ----------
    path : Path
        A file that is there.

    Yields
    ------
    bool
        False where another process has it locked, or has deleted it meanwhile.

    Raises
    ------
    OutputError
        If it cannot be opened.
    """
    try:
        file = path.open("r+b")
    except OSError as error:
        raise OutputError(
            f"{path} cannot be locked ({error.strerror or error}); choose a folder that is yours"
        ) from error
    with file:
        yield lock_open(file.fileno(), path)


#: What a file system says that knows no locks, as some of clusters: we go on without.
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


def lock_open(file: int, path: Path) -> bool:
    """Lock an open file against other processes until it is closed, or this process ends however.

    Parameters
    ----------
    file : int
        Its descriptor.
    path : Path
        Where it was opened.

    Returns
    -------
    bool
        False where another process has it locked, or has deleted or replaced it meanwhile.
    """
    if sys.platform == "win32":
        import msvcrt

        # Far beyond the end, so that others can still read what is in the file.
        place = os.lseek(file, 0, os.SEEK_CUR)
        os.lseek(file, 0x7FFFFFF0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file, place, os.SEEK_SET)
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                return False
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
