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
    trouble : str
        The line of the file that Larch cannot take, and why; "" where there is none.
    """

    file: Path
    line: bool
    commands: bool
    answer: str
    works: bool
    trouble: str = ""


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
    # A line of the user may end with our comment too: only what is ours to the last byte is taken out.
    return bom + b"".join(line for line in rest.splitlines(keepends=True) if line.rstrip(b"\r\n") != LINE)


def _with(data: bytes) -> bytes:
    bom, rest = _split_bom(data)
    newline = b"\r\n" if rest.split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    return bom + LINE + newline + _without(rest)


def _write(path: Path, data: bytes) -> None:
    target = path.resolve()  # a link into a folder of dotfiles stays a link
    mode = target.stat().st_mode if target.exists() else None
    write_bytes(target, data)
    if mode is not None:
        target.chmod(mode)


def backup_of(path: Path) -> Path:
    """Where the file is kept as it was before our line was put in."""
    return path.with_name(f"{path.name}.before-xnet")


def _places(path: Path) -> list[Path]:
    """Where copies are kept: the first, and others where that name is taken."""
    first = backup_of(path)
    return [first, *(path.with_name(f"{first.name}-{i}") for i in range(2, 100))]


def _backups(path: Path) -> list[Path]:
    return [one for one in _places(path) if one.exists()]


def _back_up(path: Path, data: bytes) -> None:
    """Keep a file as it is, under a name that is free."""
    taken = _backups(path)
    if any(_read(one) == data for one in taken):
        return
    backup = next((one for one in _places(path) if one not in taken), None)
    if backup is None:
        raise OutputError(
            f"{path.parent} holds {len(taken)} copies of {path.name}; delete some, and try again"
        )
    write_bytes(backup, data)
    shutil.copymode(path.resolve(), backup)


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
    if path.exists():
        if _without(before) == before:
            _back_up(path, before)
    else:
        with contextlib.suppress(OSError):
            path.resolve().parent.mkdir(parents=True, exist_ok=True)
    _write(path, after)
    return True


def uninstall_line(path: Path) -> str:
    """Take our line out of a startup file.

    Where that gives the copy that `install_line` kept, the copy takes the file's place; a file
    that `install_line` made, and nobody has written into, is deleted.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        What was done: "restored", "deleted" or "taken out"; "" where no line of ours was there.

    Raises
    ------
    OutputError
        If it cannot be read or written; it is as it was then.
    """
    before = _read(path)
    after = _without(before)
    if after == before:
        return ""
    backups = _backups(path)
    same = next((one for one in backups if _read(one) == after), None)
    if same is None and not backups and not after.strip() and not path.is_symlink():
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(f"{path} cannot be deleted ({error.strerror or error})") from error
        return "deleted"
    _write(path, after)
    if same is None:
        return "taken out"
    same.unlink()
    return "restored"


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

    def failed(why: str) -> Status:
        return Status(path, line, False, why, False)

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
        return failed(f"the session gave no answer within {TIMEOUT} s")
    except (ValueError, IndexError):
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        return failed(f"the session ended early: {said.splitlines()[-1]}")
    return Status(
        path,
        line,
        bool(found["commands"]),
        str(found["answer"]),
        bool(found["works"]),
        str(found["trouble"]),
    )
