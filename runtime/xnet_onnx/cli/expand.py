"""What the arguments of ``predict`` stand for, and what among it is no spectrum."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError

__all__ = ["Files", "below", "expand", "holds_no_spectrum", "stamp_of"]

MAX_FILES = 1_000_000
#: Files that lie beside spectra and are none.
_OTHERS = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".gif",
        ".bmp",
        ".svg",
        ".tif",
        ".tiff",
        ".pdf",
        ".ps",
        ".eps",
        ".doc",
        ".docx",
        ".odt",
        ".rtf",
        ".ppt",
        ".pptx",
        ".odp",
        ".xls",
        ".xlsx",
        ".ods",
        ".html",
        ".htm",
        ".md",
        ".rst",
        ".tex",
        ".bib",
        ".py",
        ".ipynb",
        ".m",
        ".r",
        ".sh",
        ".bat",
        ".lar",
        ".ini",
        ".cfg",
        ".toml",
        ".yaml",
        ".yml",
        ".xml",
        ".mp4",
        ".avi",
        ".mov",
        ".zip",
        ".tar",
        ".7z",
        ".rar",
        ".tmp",
        ".bak",
        ".lock",
    ]
)
_NUMBERS = re.compile(rb"^\s*[-+]?\d[\d.,eEdD+-]*[\s,;]+[-+]?\d")
#: A table has at least so many rows.
_ROWS = 5
_LOOKED_AT = 2 * 1024 * 1024


@dataclass(frozen=True)
class Files:
    """The files to read.

    Parameters
    ----------
    names : tuple of str
        Each once, in the order of the arguments; within a folder or a pattern sorted,
        numbers by their value (scan_2 before scan_10).
    found : frozenset of str
        Those found in folders or by patterns: among them may be files that are no
        spectra.
    skipped : tuple of str
        Files in folders that are known by their name to be no spectra.
    empty : tuple of str
        Folders and patterns that hold no file.
    """

    names: tuple[str, ...]
    found: frozenset[str]
    skipped: tuple[str, ...]
    empty: tuple[str, ...]


def expand(arguments: Iterable[str], leave_out: Path | None = None) -> Files:
    """Turn files, folders and patterns into files.

    Parameters
    ----------
    arguments : iterable of str
        Files ("-" for the standard input, "Fe.prj:Hematite" for one group), which are
        taken as they are; folders (all below them; names that start with a dot are
        left out, links to folders are not followed) and patterns ("scans/*.xdi",
        "**" for any folders).
    leave_out : Path, optional
        A file that is no input: the table that is being written.

    Returns
    -------
    Files
    """
    named: dict[str, bool] = {}
    skipped: list[str] = []
    empty: list[str] = []
    for argument in arguments:
        if argument != "-" and Path(argument).is_dir():
            several: Iterable[str] | None = below(argument)
        elif argument != "-" and not os.path.lexists(argument) and any(sign in argument for sign in "*?["):
            import glob

            paths = glob.iglob(argument, recursive=True)  # noqa: PTH207
            several = sorted((name for name in paths if Path(name).is_file()), key=_by_number)
        else:
            several = None
        held = several is None
        for name in (argument,) if several is None else several:
            if several is not None and leave_out is not None and _same(name, leave_out):
                continue
            held = True
            if several is not None and Path(name).suffix.lower() in _OTHERS:
                skipped.append(name)
                continue
            named[name] = named.get(name, True) and several is not None
            if len(named) > MAX_FILES:
                raise OutputError(f"more than {MAX_FILES} files; give fewer at a time")
        if not held:
            empty.append(argument)
    found = frozenset(name for name, is_found in named.items() if is_found)
    return Files(
        tuple(named), found, tuple(name for name in dict.fromkeys(skipped) if name not in named), tuple(empty)
    )


def below(folder: str) -> Iterator[str]:
    """All files below a folder, hidden ones left out, in the order of their numbers.

    Parameters
    ----------
    folder : str

    Yields
    ------
    str
        With the folder as the user wrote it.
    """
    for root, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_by_number)
        for name in sorted(names, key=_by_number):
            path = os.path.join(root, name)  # noqa: PTH118 - the name as the user wrote it
            if not name.startswith(".") and Path(path).is_file():
                yield path


def _by_number(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts as names are sorted, but digits by the number they make."""
    # The length first: a name of ten thousand digits is too long for int().
    return [
        (ord("0"), len(part.lstrip("0")), part) if part.isdecimal() else (ord(part), 0, part)
        for part in re.findall(r"[0-9]+|.", name, re.DOTALL)
    ]


def _same(name: str, path: Path) -> bool:
    try:
        return Path(name).samefile(path)
    except OSError:
        return False


def holds_no_spectrum(name: str) -> bool:
    """Whether a file that could not be read is none of ours to read: notes, a picture, a document.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
        True for files of known other kinds, and for text without a table of numbers.
        False for empty and other binary files, which may be spectra gone wrong.
    """
    from ..errors import ReadError
    from ..readers.content import is_athena, is_hdf5, refuse_others

    try:
        with Path(name).open("rb") as file:
            data = file.read(_LOOKED_AT)
    except OSError:
        return False
    if not data.strip() or is_hdf5(data) or data.startswith(b"\x1f\x8b") or is_athena(data):
        return False
    try:
        refuse_others(data)
    except ReadError:
        return True
    if b"\0" in data:
        return False
    return sum(1 for line in data.splitlines() if _NUMBERS.match(line)) < _ROWS


def stamp_of(name: str) -> tuple[str, str]:
    """Size and time of a file, as text.

    Parameters
    ----------
    name : str
        As in `expand`.

    Returns
    -------
    size, modified : str
        Bytes, and UTC to the microsecond; empty for the standard input and for what
        is no file.
    """
    import stat
    from datetime import UTC, datetime, timedelta

    path = name
    if not os.path.lexists(name):
        places = [i for i, letter in enumerate(name) if letter == ":"]
        path = next((name[:i] for i in places if Path(name[:i]).is_file()), name)
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return "", ""
    if name == "-" or not stat.S_ISREG(found.st_mode):
        return "", ""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found.st_mtime_ns // 1000)
    return str(found.st_size), moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
