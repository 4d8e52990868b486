"""The same work in processes beside this one.

Each worker is this module run as a program. It is told numbers of slabs, one a
line; it reads its own pixels from the stack, writes its own parts, and says so. So
nothing large passes between processes, and nothing is lost with a worker but the
chunk that it was at, which another makes again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Self

from .. import errors
from ..bundle.load import Bundle
from ..child import module_command, module_environment
from ..errors import XnetError
from ..threads import limit_threads
from .job import bundle_hash, cached_bundle, path_of
from .local import run_slab
from .parts import open_parts
from .stack import reading

__all__ = ["Team", "failure", "run_workers"]

#: After so many workers that died on one slab it is given up.
ATTEMPTS = 3
COMMAND = module_command("xnet_onnx.maps.workers")

Process = subprocess.Popen[str]


class WorkerLostError(Exception):
    """A worker ended that was not told to."""


def failure(error: BaseException) -> str:
    """What is said about an error of a worker that is not one of ours."""
    first = (str(error).splitlines() or [""])[0][:200]
    return f"a worker failed ({type(error).__name__}: {first}); what is done is kept: go on with --resume"


class Team:
    """Processes of this machine that wait for slabs; at the end of the block they are ended.

    They load the bundle while the stack is still looked at.

    Parameters
    ----------
    folder : Path
        Where the parts will be.
    bundle : Bundle
    size : int
        How many processes.
    threads : int
        Threads inside one operator, in each of them.
    """

    def __init__(self, folder: Path, bundle: Bundle, size: int, threads: int) -> None:
        self.size = size
        self._command = [*COMMAND, str(folder), path_of(bundle), bundle_hash(bundle)]
        self._environment = module_environment()
        limit_threads(threads, self._environment)
        self._lock, self._stopped = threading.Lock(), False
        self._running: list[Process] = []
        self._idle: deque[Process] = deque()

    def __enter__(self) -> Self:
        try:
            for _ in range(self.size):
                self._idle.append(self._start())
        except OSError as error:
            self.__exit__()
            raise XnetError(
                f"the system starts {len(self._running)} workers and not {self.size} "
                f"({error.strerror or error}); take fewer --workers"
            ) from error
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        for process in self._running:
            process.communicate()

    def take(self) -> Process:
        """A worker that is still to be used, or a new one.

        Returns
        -------
        Process

        Raises
        ------
        WorkerLostError
            After `stop`.
        """
        with self._lock:
            if self._stopped:
                raise WorkerLostError
            return self._idle.popleft() if self._idle else self._start()

    def stop(self) -> None:
        """End every worker, in the middle of what it does."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _start(self) -> Process:
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=self._environment,
            # A terminal sends Ctrl-C to a whole group: we end the workers ourselves.
            process_group=0,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._running.append(process)
        return process


def run_workers(team: Team, slabs: dict[int, int], progress: Callable[[int], None]) -> None:
    """Have slabs predicted by processes on this machine.

    Parameters
    ----------
    team : Team
        It is stopped at the end.
    slabs : dict of int to int
        How many pixels are to be done in each slab, by its number.
    progress : callable
        Takes the pixels done since the last call, in this thread.

    Raises
    ------
    XnetError
        What a worker raised, or if a slab ends every worker that is at it.
    """
    waiting = deque(slabs)
    events: SimpleQueue[int | Exception] = SimpleQueue()

    def drive() -> None:
        """Keep one worker at work, and one in its place when it dies."""
        process: Process | None = None
        try:
            while True:
                try:
                    index = waiting.popleft()
                except IndexError:
                    return
                left = slabs[index]
                for _ in range(ATTEMPTS):
                    process = process or team.take()
                    try:
                        for pixels in _ask(process, index):
                            left -= pixels
                            events.put(pixels)
                        break
                    except WorkerLostError:
                        process = None
                else:
                    raise XnetError(
                        f"{ATTEMPTS} workers died at one piece of the stack; expected enough memory for all "
                        "of them: go on with --resume and fewer --workers"
                    )
                if left:  # a worker wrote a chunk, and died before it said so
                    events.put(left)
        except WorkerLostError:  # the team was stopped
            return
        except Exception as error:  # for the thread that waits
            events.put(error)

    drivers = [threading.Thread(target=drive) for _ in range(min(team.size, len(slabs)))]
    try:
        for driver in drivers:
            driver.start()
        todo = sum(slabs.values())
        while todo:
            event = _next(events)
            if isinstance(event, Exception):
                raise event
            todo -= event
            progress(event)
    finally:
        team.stop()
        for driver in drivers:
            driver.join()


def _next(events: SimpleQueue[int | Exception]) -> int | Exception:
    while True:
        try:
            return events.get(timeout=1.0)  # Windows lets no Ctrl-C into a wait
        except Empty:
            continue


def _ask(process: Process, index: int) -> Iterator[int]:
    """Give a worker a slab; yield the pixels of each chunk when it is written."""
    try:
        with suppress(OSError):  # a worker that is gone may have said why
            print(index, file=_pipe(process.stdin), flush=True)
        for line in _pipe(process.stdout):
            said = json.loads(line)
            if said is None:
                return
            if isinstance(said, list):
                kind, text = said
                raise getattr(errors, kind, XnetError)(text)
            yield said
    except ValueError:  # it died within a line
        pass
    raise WorkerLostError


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def main() -> None:
    """Predict for the slabs that the standard input names: what `run_workers` runs as a process."""
    try:
        _serve(*sys.argv[1:])
    except BrokenPipeError:  # the command is gone
        os._exit(1)
    except XnetError as error:
        _say([type(error).__name__, str(error)])
    except Exception as error:  # the command says it
        _say(["XnetError", failure(error)])


def _serve(folder: str, bundle_path: str, bundle_sha256: str) -> None:
    bundle = cached_bundle(bundle_path, bundle_sha256)
    import onnxruntime  # noqa: F401 - now, while there is nothing to do

    first = sys.stdin.readline()
    if not first:
        return
    parts, job = open_parts(folder)
    slabs = job.slabs()
    with reading(job.stack) as read:
        for line in chain([first], sys.stdin):
            run_slab(
                job,
                bundle,
                read,
                slabs[int(line)],
                parts.has,
                lambda number, _area, arrays: parts.write(number, arrays),
                _say,
            )
            _say(None)


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
