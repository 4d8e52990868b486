"""The finished chunks of an unfinished map: a folder beside the output, one file a chunk.

Each file is written under another name and renamed, so that a process that is
killed leaves whole chunks or none; HDF5 itself would be left broken. Workers on
other machines write into the same folder.

The folder is ours alone: `claim` makes it and puts a marker in it that it keeps
locked, or takes up one that holds the marker. Of what lies in it only files of
our own names are ever deleted.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import OutputError, ReadError
from ..files import lock, write_bytes
from .job import Job, fingerprint, job_from_text, job_to_text
from .result import Arrays
from .stack import BoolArray

__all__ = ["Parts", "begin", "claim", "open_parts", "parts_folder"]

MARKER = "made-by-xnet-onnx-map"
MARKER_TEXT = b"The unfinished maps of xnet-onnx; 'xnet-onnx map --resume' goes on with them.\n"

#: The files that we make, finished or (with a dot) not: chunks, the job, the mask.
OWN_FILE = re.compile(r"\d{7,}\.npz|job\.json|mask\.npy|\.(\d{7,}|job|mask)-\w+\.(npz|json|npy)")


def parts_folder(out: Path) -> Path:
    """The folder of the parts of an output: "maps.h5.parts"."""
    return out.with_name(out.name + ".parts")


class Parts:
    """The folder of an unfinished map.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def done(self) -> set[int]:
        """Numbers of the chunks that are there."""
        if not self.folder.is_dir():
            return set()
        names = os.listdir(self.folder)  # noqa: PTH208 - the names alone, of thousands
        return {int(name[:-4]) for name in names if name.endswith(".npz") and name[:-4].isdigit()}

    def has(self, number: int) -> bool:
        """Whether a chunk is there."""
        return self._path(number).exists()

    def write(self, number: int, arrays: Arrays) -> None:
        """Keep a chunk.

        Parameters
        ----------
        number : int
        arrays : dict of str to ndarray

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        data = io.BytesIO()
        np.savez(data, **arrays)  # type: ignore[arg-type]
        write_bytes(self._path(number), data.getvalue())

    def read(self, number: int) -> Arrays:
        """Read a chunk back.

        Parameters
        ----------
        number : int

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        ReadError
            If it is missing or damaged; a damaged one is deleted, so that it is made again.
        """
        path = self._path(number)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            path.unlink(missing_ok=True)
            raise ReadError(
                f"{path} is missing or damaged ({error}); expected a finished chunk: go on with --resume"
            ) from error

    def clear(self) -> None:
        """Delete the files that we made, and no other."""
        for path in list(self.folder.iterdir()):
            if OWN_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:07d}.npz"


@contextmanager
def claim(out: Path) -> Iterator[Parts]:
    """Make the folder of a map, or take up that of an earlier run; no other process can meanwhile.

    At the end it is deleted, unless it holds finished chunks.

    Parameters
    ----------
    out : Path
        The map that is to be written.

    Yields
    ------
    Parts

    Raises
    ------
    OutputError
        If the folder cannot be made, was not made by us, or another process is at work in it.
    """
    folder = parts_folder(out)
    marker = folder / MARKER
    try:
        _make(folder, marker)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}); choose a folder that exists and is "
            "yours"
        ) from error
    parts = Parts(folder)
    with lock(marker) as locked:
        if not locked:
            raise OutputError(
                f"another xnet-onnx map is at work on {out}; wait for it, or choose another --out"
            )
        try:
            yield parts
        finally:
            if not parts.done():
                parts.clear()
                _remove(folder, marker)
    if os.name == "nt" and not parts.done():  # Windows deletes no file that is open
        _remove(folder, marker)


def _make(folder: Path, marker: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        if marker.is_file() and marker.read_bytes() == MARKER_TEXT:
            return
        raise OutputError(
            f"{folder} is there and was not made by 'xnet-onnx map', which keeps its finished chunks under "
            "that name; choose another --out, or move it away"
        ) from None
    marker.write_bytes(MARKER_TEXT)


def _remove(folder: Path, marker: Path) -> None:
    """Delete the folder with its marker; where a user has put files into it, both stay."""
    try:
        if any(path.name != MARKER for path in folder.iterdir()):
            return
        marker.unlink()
        folder.rmdir()
    except OSError:
        return


def begin(parts: Parts, job: Job, resume: bool) -> Job:
    """Write down a job in the folder of its map, or take up that of an earlier run.

    Parameters
    ----------
    parts : Parts
        From `claim`.
    job : Job
    resume : bool
        Go on with what an earlier run left.

    Returns
    -------
    Job
        With the survey of the earlier run, where there was one.

    Raises
    ------
    OutputError
        If there are chunks without `resume`, or of another stack, bundle or other options.
    """
    folder = parts.folder
    try:
        if not resume and parts.done():
            raise OutputError(
                f"{folder} holds {len(parts.done())} finished chunks of an earlier run; go on with "
                "--resume, or "
                "delete the folder to begin again"
            )
        file = folder / "job.json"
        if file.exists() and parts.done():
            before = job_from_text(file.read_text(encoding="utf-8"), job.mask)
            _check_same(folder, before, job)
            job = replace(job, survey=before.survey)
        elif parts.done():
            raise OutputError(f"{folder} holds chunks and no job.json; delete the folder to begin again")
        if job.mask is not None:
            data = io.BytesIO()
            np.save(data, job.mask)
            write_bytes(folder / "mask.npy", data.getvalue())
        write_bytes(file, job_to_text(job).encode())
    except ReadError as error:
        raise OutputError(str(error)) from error
    return job


def _check_same(folder: Path, before: Job, now: Job) -> None:
    import json

    found = json.loads((folder / "job.json").read_text(encoding="utf-8"))["fingerprint"]
    if found == fingerprint(now):
        return
    why = next(
        (
            f"{what} is {new}, and was {old}"
            for what, old, new in (
                ("the bundle", before.bundle_title, now.bundle_title),
                ("the bundle", before.bundle_sha256[:12], now.bundle_sha256[:12]),
                ("the stack's data set", before.stack.dataset, now.stack.dataset),
                ("the stack's shape", before.stack.shape, now.stack.shape),
                ("the stack's size", f"{before.size} bytes", f"{now.size} bytes"),
                ("the level", before.settings.level, now.settings.level),
                ("--force", before.settings.force, now.settings.force),
                ("--normalized", before.settings.normalized, now.settings.normalized),
                ("--curves", before.settings.curves, now.settings.curves),
                ("--min-edge-step", before.settings.min_edge_step, now.settings.min_edge_step),
            )
            if old != new
        ),
        "the stack, its energies or its mask were changed",
    )
    raise OutputError(
        f"{folder} was begun differently: {why}; expected the same stack, bundle and options: choose another "
        "--out, or delete the folder to begin again"
    )


def open_parts(folder: str) -> tuple[Parts, Job]:
    """Open the folder of a map where another process has begun it.

    Parameters
    ----------
    folder : str

    Returns
    -------
    parts : Parts
    job : Job

    Raises
    ------
    ReadError
        If it is not there.
    """
    path = Path(folder)
    try:
        mask: BoolArray | None = None
        if (path / "mask.npy").exists():
            mask = np.load(path / "mask.npy", allow_pickle=False)
        return Parts(path), job_from_text((path / "job.json").read_text(encoding="utf-8"), mask)
    except OSError as error:
        raise ReadError(
            f"{folder} cannot be read ({error.strerror or error}); expected the folder that the map is "
            "begun in: workers must see the same files as the command, under the same names"
        ) from error
