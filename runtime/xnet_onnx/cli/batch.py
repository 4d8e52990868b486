"""Many files at once: what the arguments of ``predict`` stand for, and a table that survives an "
"interruption.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from ..errors import OutputError, XnetError
from ..output.table import CSV_FIELDS, as_csv_row
from ..pipeline import Prediction
from ..wording import printable

__all__ = ["CsvTable", "expand"]

MAX_FILES = 1_000_000


def expand(arguments: Iterable[str], leave_out: Path | None = None) -> tuple[list[str], list[str]]:
    """Turn files, folders and patterns into files.

    Parameters
    ----------
    arguments : iterable of str
        Files ("-" for the standard input, "Fe.prj:Hematite" for one group),
        folders (taken with all below them; names that start with a dot are left
        out, links to folders are not followed) and patterns ("scans/*.xdi",
        "**" for any folders).
    leave_out : Path, optional
        A file that is no input: the table that is being written.

    Returns
    -------
    files : list of str
        Each once, in the order of the arguments, sorted within a folder or a
        pattern.
    empty : list of str
        Folders and patterns that hold no file.
    """
    found: dict[str, None] = {}
    empty: list[str] = []
    for argument in arguments:
        files: Iterable[str] = (argument,)
        if argument != "-" and Path(argument).is_dir():
            files = _below(argument)
        elif argument != "-" and not os.path.lexists(argument) and any(sign in argument for sign in "*?["):
            import glob

            files = sorted(name for name in glob.iglob(argument, recursive=True) if Path(name).is_file())  # noqa: PTH207
        several, held = not isinstance(files, tuple), False
        for name in files:
            if several and leave_out is not None and _same(name, leave_out):
                continue
            held = True
            found.setdefault(name)
            if len(found) > MAX_FILES:
                raise OutputError(f"more than {MAX_FILES} files; give fewer at a time")
        if several and not held:
            empty.append(argument)
    return list(found), empty


def _below(folder: str) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(root, name)  # noqa: PTH118 - the name as the user wrote it
            if not name.startswith(".") and Path(path).is_file():
                yield path


def _same(name: str, path: Path) -> bool:
    try:
        return Path(name).samefile(path)
    except OSError:
        return False


class CsvTable:
    """A CSV file to which one row is added for each spectrum, whole or not at all.

    Parameters
    ----------
    path : Path
        The file to make.
    model : str
        Name and version of the bundle.
    resume : list of str, optional
        Go on with what an earlier run left: the files that are asked for now.

    Attributes
    ----------
    done : set of str
        Files whose rows were there.
    rows : int
        How many they were.
    failed : int
        Rows with an error, those that were there included.

    Raises
    ------
    OutputError
        If the file cannot be written, is there and is not such a table, or was made
        by another model.
    """

    def __init__(self, path: Path, model: str, resume: list[str] | None = None) -> None:
        self.path = path
        self.done: set[str] = set()
        self.failed = self.rows = 0
        header = _line(dict(zip(CSV_FIELDS, CSV_FIELDS, strict=True)))
        try:
            if path.exists():
                with path.open("rb") as file:
                    ours = file.readline(4096).decode("utf-8", "replace").rstrip("\r\n") == header.rstrip(
                        "\n"
                    )
                if not ours and path.stat().st_size:
                    raise OutputError(
                        f"{path} is there and is not a table of this version of xnet-onnx; expected a "
                        "new name: to "
                        "read it as a spectrum, give it before --csv"
                    )
            if resume is not None and path.exists() and path.stat().st_size:
                self._take_up(model, {printable(name) for name in resume})
            else:
                self.file: TextIO = path.open("w", encoding="utf-8", newline="")
                self.file.write(header)
                self.file.flush()
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror}); choose a folder that exists and is yours"
            ) from error

    def _take_up(self, model: str, asked: set[str]) -> None:
        """Keep the whole rows of an earlier run, but for those of its last file."""
        import csv

        position = start_of_last = 0
        last: str | None = None
        held: list[bool] = []
        with self.path.open("rb") as file:
            for number, raw in enumerate(file):
                if not raw.endswith(b"\n"):
                    break
                if number:
                    row = next(csv.DictReader(io.StringIO(raw.decode("utf-8", "replace")), CSV_FIELDS), {})
                    made_by = row.get("model") or ""
                    if made_by and made_by != model:
                        raise OutputError(
                            f"{self.path} was made with the model {made_by}; this is {model}: choose "
                            "another file, or "
                            "leave out --resume to begin again"
                        )
                    name = _file_of(row.get("file") or "", asked)
                    if name != last:
                        if last is not None:
                            self.done.add(last)
                            self.failed += sum(held)
                            self.rows += len(held)
                        last, start_of_last, held = name, position, []
                    held.append(row.get("status") == "error")
                position += len(raw)
        # Whether all groups of the last file were written cannot be told: it is done again.
        self.file = self.path.open("r+", encoding="utf-8", newline="")
        self.file.truncate(start_of_last or position)
        self.file.seek(0, os.SEEK_END)

    def has(self, name: str) -> bool:
        """Whether a file's rows were there."""
        return printable(name) in self.done

    def add(self, rows: Iterable[tuple[str, Prediction | XnetError]]) -> None:
        """Write rows, and have them on disk.

        Parameters
        ----------
        rows : iterable of (str, Prediction or XnetError)
        """
        text = ""
        for label, result in rows:
            self.failed += isinstance(result, XnetError)
            text += _line(as_csv_row(label, result))
        try:
            self.file.write(text)
            self.file.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written ({error.strerror}); go on with --resume"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _file_of(label: str, asked: set[str]) -> str:
    """The file of a row: its label, or what stands before ":group"."""
    places = [i for i, letter in enumerate(label) if letter == ":"]
    return next((label[:i] for i in [len(label), *reversed(places)] if label[:i] in asked), label)


def _line(row: dict[str, str]) -> str:
    """One row as one line, whatever is in it."""
    import csv

    text = io.StringIO()
    clean = {
        key: printable(" ".join(value.split()) if key != "file" else value) for key, value in row.items()
    }
    csv.DictWriter(text, CSV_FIELDS, lineterminator="\n").writerow(clean)
    return text.getvalue()
