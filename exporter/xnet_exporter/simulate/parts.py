"""The folder of an unfinished run: a request and an answer for each spectrum, each written whole.

Resuming is by id: what has an answer is not asked again. A worker needs the folder and a key, nothing else,
and what it has finished stays when it is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xnet_onnx.errors import SimulationError
from xnet_onnx.files import lock, write_bytes

from ..structures.cluster import Cluster
from .feff import KILLED, request_text
from .recipe import Recipe

__all__ = [
    "WorkerLostError",
    "alone",
    "answers",
    "ask",
    "has_answer",
    "key_of",
    "open_parts",
    "parts_folder",
    "stop",
    "work",
]

Process = subprocess.Popen[str]
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLostError(SimulationError):
    """The process of a calculation was killed from outside: it says nothing of the structure."""


def key_of(identity: str) -> str:
    """File name of a cluster's id, which may hold anything."""
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def parts_folder(out: Path) -> Path:
    """Where the parts of a set are while it is being made: beside it."""
    return out.with_name(out.name + ".parts")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep other processes from making the same set: what one writes last would lack the other's spectra.

    Parameters
    ----------
    out : Path
        The set to be made; a file beside it is locked meanwhile.

    Raises
    ------
    SimulationError
        If another process is making it, or nothing can be written there.
    """
    path = out.with_name(out.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise SimulationError(f"{path} cannot be made ({error}); choose a place that is yours") from error
    with lock(path) as mine:
        if not mine:
            raise SimulationError(
                f"{out} is being made by another process; wait until it has ended, or give another folder"
            )
        try:
            yield
        finally:
            # Windows deletes no open file; an empty one that is left is locked again the next time.
            with suppress(PermissionError):
                path.unlink(missing_ok=True)


def open_parts(out: Path, recipe: Recipe) -> Path:
    """Begin the folder of parts, or go on with it.

    Parameters
    ----------
    out : Path
        The set to be made.
    recipe : Recipe

    Returns
    -------
    Path

    Raises
    ------
    SimulationError
        If the folder was begun with other settings, or cannot be made.
    """
    folder = parts_folder(out)
    begun = folder / "recipe.sha256"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if begun.exists() and begun.read_text().strip() != recipe.sha256():
            raise SimulationError(
                f"{folder} was begun with other settings; give the same ones to go on, or delete it"
            )
        write_bytes(begun, recipe.sha256().encode())
    except OSError as error:
        raise SimulationError(f"{folder} cannot be made ({error}); choose a place that is yours") from error
    return folder


def ask(folder: Path, cluster: Cluster, recipe: Recipe, timeout: float) -> None:
    """Write the request for a cluster.

    Parameters
    ----------
    folder : Path
        Of the parts.
    cluster : Cluster
    recipe : Recipe
    timeout : float
        Seconds that each stage may take.
    """
    key = key_of(cluster.id)
    text = request_text(cluster, recipe, timeout, (folder / f"{key}.answer").resolve())
    write_bytes(folder / f"{key}.request", text.encode())


def has_answer(folder: Path, key: str) -> bool:
    """Whether a cluster is done."""
    return (folder / f"{key}.answer").is_file()


def answers(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What is done.

    Parameters
    ----------
    folder : Path

    Yields
    ------
    request, answer : dict
        Damaged ones are passed over, and so asked again.
    """
    for path in sorted(folder.glob("*.answer")):
        try:
            answer = json.loads(path.read_text())
            request = json.loads(path.with_suffix(".request").read_text())
        except (OSError, ValueError):
            continue
        yield request, answer


def stop(process: Process) -> None:
    """End a calculation with all its stages."""
    if os.name == "nt":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def work(folder: str, key: str, started: Callable[[Process], None] | None = None) -> str:
    """Calculate one spectrum in a process of its own.

    Parameters
    ----------
    folder : str
        Of the parts.
    key : str
        From `key_of`.
    started : callable, optional
        Takes the process.

    Returns
    -------
    str
        Why there is no spectrum; "" where there is one.

    Raises
    ------
    WorkerLostError
        If the process was killed.
    """
    place = Path(folder)
    answer = place / f"{key}.answer"
    if not answer.is_file():
        process = subprocess.Popen(
            [sys.executable, "-m", "xnet_exporter.simulate.feff"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
            start_new_session=True,
        )
        if started is not None:
            started(process)
        _, said = process.communicate((place / f"{key}.request").read_text())
        if not answer.is_file():
            if process.returncode < 0:
                raise WorkerLostError(f"the process was ended by signal {-process.returncode}")
            if process.returncode == KILLED:
                raise WorkerLostError("FEFF was killed")
            last = said.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            request = json.loads((place / f"{key}.request").read_text())
            write_bytes(answer, json.dumps({"id": request["id"], "error": last[0][:300]}).encode())
    return str(json.loads(answer.read_text()).get("error", ""))
