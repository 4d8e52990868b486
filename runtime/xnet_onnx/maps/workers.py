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
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from .. import errors
from ..child import module_command, module_environment
from ..errors import XnetError
from ..threads import limit_threads
from .job import cached_bundle
from .local import run_slab
from .parts import open_parts
from .stack import reading

__all__ = ["failure", "run_workers"]

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


def run_workers(
    folder: Path, slabs: dict[int, int], workers: int, threads: int, progress: Callable[[int], None]
) -> None:
    """Have slabs predicted by processes on this machine.

    Parameters
    ----------
    folder : Path
        Of the parts.
    slabs : dict of int to int
        How many pixels are to be done in each slab, by its number.
    workers : int
        How many processes.
    threads : int
        Threads inside one operator, in each of them.
    progress : callable
        Takes the pixels done since the last call, in this thread.

    Raises
    ------
    XnetError
        What a worker raised, or if a slab ends every worker that is at it.
    """
    waiting = deque(slabs)
    events: SimpleQueue[int | Exception] = SimpleQueue()
    running: set[Process] = set()
    lock, stopped = threading.Lock(), threading.Event()

    def begin() -> Process:
        with lock:
            if stopped.is_set():
                raise WorkerLostError
            process = _start(folder, threads)
            running.add(process)
        return process

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
                    process = process or begin()
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
        except WorkerLostError:  # this thread is to end
            return
        except Exception as error:  # for the thread that waits
            events.put(error)

    drivers = [threading.Thread(target=drive) for _ in range(min(workers, len(slabs)))]
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
        with lock:
            stopped.set()
            for process in running:
                process.kill()
        for driver in drivers:
            driver.join()
        for process in running:
            process.communicate()


def _next(events: SimpleQueue[int | Exception]) -> int | Exception:
    while True:
        try:
            return events.get(timeout=1.0)  # Windows lets no Ctrl-C into a wait
        except Empty:
            continue


def _start(folder: Path, threads: int) -> Process:
    environment = module_environment()
    limit_threads(threads, environment)
    return subprocess.Popen(
        [*COMMAND, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
        # A terminal sends Ctrl-C to a whole group: we end the workers ourselves.
        process_group=0,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _ask(process: Process, index: int) -> Iterator[int]:
    """Give a worker a slab; yield the pixels of each chunk when it is written."""
    try:
        print(index, file=_pipe(process.stdin), flush=True)
        for line in _pipe(process.stdout):
            said = json.loads(line)
            if said is None:
                return
            if isinstance(said, list):
                kind, text = said
                raise getattr(errors, kind, XnetError)(text)
            yield said
    except (OSError, ValueError):  # nobody reads, or it died within a line
        pass
    raise WorkerLostError


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def main() -> None:
    """Predict for the slabs that the standard input names: what `run_workers` runs as a process."""
    try:
        _serve(sys.argv[1])
    except BrokenPipeError:  # the command is gone
        os._exit(1)
    except XnetError as error:
        _say([type(error).__name__, str(error)])
    except Exception as error:  # the command says it
        _say(["XnetError", failure(error)])


def _serve(folder: str) -> None:
    parts, job = open_parts(folder)
    bundle = cached_bundle(job.bundle, job.bundle_sha256)
    slabs = job.slabs()
    with reading(job.stack) as read:
        for line in sys.stdin:
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
