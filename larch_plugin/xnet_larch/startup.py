"""The line in the user's startup file that makes the commands.

Larch runs that file when a shell, the Larch GUI or Larix starts, and silently
leaves out all that follows an error in it. So our line goes first, and cannot
fail itself: not when xnet-onnx has been removed, not in another Python.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from xnet_onnx.errors import OutputError
from xnet_onnx.files import write_bytes

from .host import larch_module

__all__ = ["Status", "check_startup", "install_line", "startup_file", "uninstall_line"]

MARK = b"# xnet-onnx: added by 'xnet-onnx larch install'"

# The Larch language has no one-line try, and an import would leave a module among the user's
# variables, which read_session cannot decode. Python's exec has neither fault.
LINE = (
    rb'exec("try:\n    import xnet_larch\n    xnet_larch.install(session)\n'
    rb"except Exception as error:\n    session.writer.write('xnet-onnx: no commands: ' + str(error) + '\\n')"
    rb'", {"session": _larch})  '
) + MARK

BOM = b"\xef\xbb\xbf"
TIMEOUT = 300


@dataclass(frozen=True)
class Status:
    """What a session started just now has to say.

    Parameters
    ----------
    file : Path
        The startup file.
    line : bool
        Whether our line is in it, and first.
    commands : bool
        Whether the started session has the commands.
    answer : str
        The first line of the prediction for the bundle's test spectrum, or
        what went wrong.
    works : bool
        Whether that prediction was made.
    """

    file: Path
    line: bool
    commands: bool
    answer: str
    works: bool


def startup_file() -> Path:
    """The file that Larch runs at its start.

    Returns
    -------
    Path
        LARCHSTARTUP where that names a file, else init.lar of the user's Larch
        folder: what Larch itself says.

    Raises
    ------
    MissingExtraError
        If Larch is not installed.
    """
    return Path(larch_module("larch.site_config").init_files[0])


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise OutputError(
            f"{path} cannot be read ({error.strerror or error}); expected your startup file: check its rights"
        ) from error
    if b"\x00" in data:
        raise OutputError(
            f"{path} is not plain text (it holds zero bytes) and was left alone: save it as UTF-8, try again"
        )
    return data


def _split_bom(data: bytes) -> tuple[bytes, bytes]:
    return (BOM, data[len(BOM) :]) if data.startswith(BOM) else (b"", data)


def _without(data: bytes) -> bytes:
    bom, rest = _split_bom(data)
    return bom + b"".join(line for line in rest.splitlines(keepends=True) if MARK not in line)


def _with(data: bytes) -> bytes:
    bom, rest = _split_bom(data)
    newline = b"\r\n" if rest.split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    return bom + LINE + newline + _without(rest)


def _replace(path: Path, before: bytes, after: bytes) -> None:
    target = path.resolve()  # a link into a folder of dotfiles stays a link
    if target.exists():
        write_bytes(backup_of(path), before)
    else:
        with contextlib.suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode if target.exists() else None
    write_bytes(target, after)
    if mode is not None:
        target.chmod(mode)
        shutil.copymode(target, backup_of(path))


def backup_of(path: Path) -> Path:
    """Where the file is kept as it was before the last change."""
    return path.with_name(f"{path.name}.before-xnet")


def install_line(path: Path) -> bool:
    """Put our line first in a startup file.

    Parameters
    ----------
    path : Path
        Made if it is not there.

    Returns
    -------
    bool
        Whether the file changed.

    Raises
    ------
    OutputError
        If it cannot be read or written; it is as it was then.
    """
    before = _read(path)
    after = _with(before)
    if after == before:
        return False
    _replace(path, before, after)
    return True


def uninstall_line(path: Path) -> bool:
    """Take our line out of a startup file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
        Whether the file changed.

    Raises
    ------
    OutputError
        If it cannot be read or written; it is as it was then.
    """
    before = _read(path)
    after = _without(before)
    if after == before:
        return False
    _replace(path, before, after)
    return True


def check_startup(path: Path) -> Status:
    """Start a session as Larch's shell does and call the command in it.

    Parameters
    ----------
    path : Path
        From `startup_file`.

    Returns
    -------
    Status
    """
    data = _read(path)
    line = bool(data) and _with(data) == data
    try:
        done = subprocess.run(
            [sys.executable, "-m", "xnet_larch.probe"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        found = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Status(path, line, False, f"the session gave no answer within {TIMEOUT} s", False)
    except (ValueError, IndexError):
        last = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[
            -1
        ]
        return Status(path, line, False, f"the session ended early: {last}", False)
    return Status(path, line, bool(found["commands"]), str(found["answer"]), bool(found["works"]))
