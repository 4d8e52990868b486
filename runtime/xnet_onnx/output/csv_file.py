"""A table on disk to which rows are added, and that survives an interruption.

Rows are written whole, and are on the disk (fsync) before the next spectra are
predicted. What they depend on stands in them: the settings, and the size and time
of each file. One process at a time writes a table.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError
from ..files import lock_open, replace_when_done
from ..wording import counted, printable
from .table import CSV_FIELDS, csv_cell, csv_line

__all__ = ["CsvFile"]

Stamp = tuple[str, str]
HEADER = csv_line(dict(zip(CSV_FIELDS, CSV_FIELDS, strict=True))).encode()


@dataclass
class _Group:
    """Rows of one file that stand together in a table."""

    name: str
    stamp: Stamp
    start: int
    end: int
    rows: int = 0
    failed: int = 0


class CsvFile:
    """A CSV file that takes rows as they come.

    Parameters
    ----------
    path : Path
        The file to make; a pipe or a device takes the rows as a stream.
    settings : str
        What the rows depend on besides their files; it is written into each.
    names : list of str
        The files that are asked for: their rows are known by them.
    stamp_of : callable
        Size and time of a file, as they are written into its rows.
    resume : bool
        Keep the rows of files that are as they were, and go on.
    overwrite : bool
        Begin again where there is such a table.
    raw : bool
        Leave cells as they are that a spreadsheet takes for formulas.

    Attributes
    ----------
    done : dict of str to (str, str)
        Files whose rows were there, with the stamp in them.
    rows, failed : int
        How many rows were there, and how many of them hold an error.
    changed : int
        Files that have changed since, and are done again.

    Raises
    ------
    OutputError
        If the file cannot be written, is written by another process, is there and
        is to stay, is no such table, or was made with other settings.
    """

    def __init__(
        self,
        path: Path,
        settings: str,
        names: Iterable[str],
        stamp_of: Callable[[str], Stamp],
        *,
        resume: bool = False,
        overwrite: bool = False,
        raw: bool = False,
    ) -> None:
        self.path, self.settings, self.raw = path, settings, raw
        self.done: dict[str, Stamp] = {}
        self.rows = self.failed = self.changed = self.added = 0
        self._end = 0
        try:
            self.stream = path.exists() and not stat.S_ISREG(path.stat().st_mode)
            if self.stream and resume:
                raise OutputError(
                    f"{path} is a pipe or a device; --resume needs a file that can be read again"
                )
            flags = os.O_WRONLY if self.stream else os.O_RDWR | os.O_CREAT
            self._file = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            if not self.stream:
                self._begin(list(names), stamp_of, resume, overwrite)
            if not self._end:
                self._write(HEADER)
        except BaseException:
            os.close(self._file)
            raise

    def _begin(
        self, names: list[str], stamp_of: Callable[[str], Stamp], resume: bool, overwrite: bool
    ) -> None:
        _lock(self._file, self.path)
        size = os.fstat(self._file).st_size
        if not size:
            return
        with self.path.open("rb") as file:
            first = file.readline(4096)
        # The header may be cut where the very first write was.
        if first != HEADER and not (size == len(first) and HEADER.startswith(first)):
            raise OutputError(
                f"{self.path} is there and is not a table of this version of xnet-onnx; expected a new name: "
                "to read it as a spectrum, give it before --csv"
            )
        if resume and first == HEADER:
            self._take_up(names, stamp_of)
        elif not overwrite and size > len(HEADER):
            raise OutputError(
                f"{self.path} is there and holds rows; expected a new name, --resume to go on with it, or "
                "--overwrite to begin again"
            )
        os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)

    def _take_up(self, names: list[str], stamp_of: Callable[[str], Stamp]) -> None:
        """Keep the whole rows of files that have not changed, but for those of the last."""
        asked: dict[str, str] = {}
        for name in names:
            asked[csv_cell(name)] = asked[csv_cell(name, raw=True)] = name
        groups = self._groups(asked)
        # Whether all groups of the last file were written cannot be told: it is done again.
        kept: list[_Group] = []
        for group in groups[:-1]:
            known = asked.get(group.name)
            if known is not None and stamp_of(known) != group.stamp:
                self.changed += 1
                continue
            kept.append(group)
            if known is not None:
                self.done[known] = group.stamp
        self.rows = sum(group.rows for group in kept)
        self.failed = sum(group.failed for group in kept)
        if len(kept) < len(groups) - 1:
            self._copy(kept)
        self._end = len(HEADER) + sum(group.end - group.start for group in kept)

    def _groups(self, asked: dict[str, str]) -> list[_Group]:
        groups: list[_Group] = []
        position = 0
        for number, raw in enumerate(self._lines()):
            start, position = position, position + len(raw)
            if not number:
                continue
            row = next(csv.DictReader(io.StringIO(raw.decode("utf-8", "replace")), CSV_FIELDS), {})
            if row.get("settings") != self.settings:
                raise OutputError(
                    f"{self.path} was made with other settings ({printable(str(row.get('settings')))}) than "
                    f"now ({self.settings}); expected the same: give the same options, another file, or "
                    "--overwrite to begin again"
                )
            name = _file_of(row.get("file") or "", asked)
            stamp = (row.get("file_size") or "", row.get("file_modified") or "")
            if not groups or (groups[-1].name, groups[-1].stamp) != (name, stamp):
                groups.append(_Group(name, stamp, start, start))
            last = groups[-1]
            last.end = position
            last.rows += 1
            last.failed += row.get("status") == "error"
        return groups

    def _lines(self) -> Iterator[bytes]:
        """The whole lines of the table."""
        with self.path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                yield raw

    def _copy(self, kept: list[_Group]) -> None:
        """Make the table anew of the rows that stay, and take its place."""
        with replace_when_done(self.path) as temporary, self.path.open("rb") as old:
            with temporary.open("wb") as new:
                new.write(HEADER)
                for group in kept:
                    old.seek(group.start)
                    new.write(old.read(group.end - group.start))
                new.flush()
                os.fsync(new.fileno())
            if sys.platform == "win32":
                old.close()
                os.close(self._file)
        if sys.platform != "win32":
            os.close(self._file)
        self._file = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        _lock(self._file, self.path)

    def is_done(self, name: str, stamp: Stamp) -> bool:
        """Whether a file's rows were there, and it is as it was.

        Parameters
        ----------
        name : str
        stamp : (str, str)

        Returns
        -------
        bool
        """
        return self.done.get(name) == stamp

    def add(self, rows: Iterable[dict[str, str]]) -> None:
        """Write rows, all or none of them, and have them on the disk.

        Parameters
        ----------
        rows : iterable of dict
            From `xnet_onnx.output.table.as_csv_row`.

        Raises
        ------
        OutputError
            If there is no room, or whatever else the system says; the message says
            what is safe.
        """
        text = [csv_line({**row, "settings": self.settings}, self.raw) for row in rows]
        self._write("".join(text).encode())
        self.added += len(text)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except BaseException as error:
            if not self.stream:
                with suppress(OSError):
                    os.ftruncate(self._file, self._end)
            if not isinstance(error, OSError):
                raise
            raise self._failed(error) from error
        self._end += len(data)
        if not self.stream:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        safe = counted(self.rows + self.added, "row")
        if self.stream:
            return OutputError(f"{self.path} takes no more ({error.strerror}); {safe} went out before")
        return OutputError(
            f"{self.path} cannot be written ({error.strerror}); {safe} written before are whole and stay: "
            "make room and go on with --resume"
        )

    def close(self) -> None:
        """Close the file, and let others write it."""
        os.close(self._file)


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path} cannot be written ({error.strerror}); choose a folder that exists and is yours"
    )


def _lock(file: int, path: Path) -> None:
    """Keep other processes out until the file is closed, or this one ends however."""
    if not lock_open(file, path):
        raise OutputError(
            f"{path} is being written by another process; wait until it has ended, or choose another name"
        )


def _file_of(label: str, asked: dict[str, str]) -> str:
    """The file of a row: its label, or what stands before ":group"."""
    places = [i for i, letter in enumerate(label) if letter == ":"]
    return next((label[:i] for i in [len(label), *reversed(places)] if label[:i] in asked), label)
