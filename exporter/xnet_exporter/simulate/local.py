"""Many calculations at once on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .parts import Process, WorkerLostError, stop, work

__all__ = ["run_local"]

#: A killed calculation is begun again this often.
ATTEMPTS = 3


def run_local(folder: Path, keys: list[str], workers: int, progress: Callable[[str, str], None]) -> None:
    """Have clusters calculated, each in a process of its own.

    Parameters
    ----------
    folder : Path
        Of the parts.
    keys : list of str
    workers : int
        How many at once.
    progress : callable
        Takes the key of each that is done, and why there is no spectrum or "".

    Raises
    ------
    KeyboardInterrupt
        After every calculation under way was stopped; what is done is kept.
    """
    running: set[Process] = set()
    lock, stopped = threading.Lock(), threading.Event()

    def started(process: Process) -> None:
        with lock:
            running.add(process)
            if stopped.is_set():
                stop(process)

    def one(key: str) -> str:
        for _ in range(ATTEMPTS):
            try:
                return work(str(folder), key, started)
            except WorkerLostError as error:
                if stopped.is_set():
                    raise
                reason = str(error)
        return f"{reason} {ATTEMPTS} times; it is tried again in the next run"

    pool = ThreadPoolExecutor(workers)
    try:
        futures = {pool.submit(one, key): key for key in keys}
        for future in as_completed(futures):
            progress(futures[future], future.result())
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        with lock:
            for process in running:
                if process.poll() is None:
                    stop(process)
        pool.shutdown(wait=True)
