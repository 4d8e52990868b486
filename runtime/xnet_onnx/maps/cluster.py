"""The same work on dask workers (extra ``[dask]``).

A task is the slab with one number. Workers get the name of the folder of parts
and nothing else: the job is in it, each reads its own pixels from the stack and
writes its own parts. So nothing is lost with a worker, and nothing large passes
the scheduler. The bundle and its session are made once in each process.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from ..errors import MissingExtraError, XnetError
from .job import Job, cached_bundle
from .layout import Slab
from .local import run_slab
from .parts import Parts, open_parts
from .stack import reading

__all__ = ["connect", "run_cluster", "work"]

#: Seconds that a scheduler has to answer.
ANSWER_LIMIT = 20


@lru_cache(maxsize=2)
def _opened(folder: str, fingerprint: str) -> tuple[Parts, Job, tuple[Slab, ...]]:
    parts, job = open_parts(folder)
    return parts, job, job.slabs()


def work(folder: str, fingerprint: str, index: int) -> int:
    """Predict for one slab: the task of a worker.

    Parameters
    ----------
    folder : str
        Of the parts.
    fingerprint : str
        Of the job.
    index : int
        Which slab.

    Returns
    -------
    int
        Its pixels.
    """
    parts, job, slabs = _opened(folder, fingerprint)
    bundle = cached_bundle(job.bundle, job.bundle_sha256)
    slab = slabs[index]
    with reading(job.stack) as read:
        run_slab(
            job,
            bundle,
            read,
            slab,
            parts.has,
            lambda number, _area, arrays: parts.write(number, arrays),
            lambda _pixels: None,
        )
    return slab.area.size


@contextmanager
def connect(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """A client of a scheduler, or of workers started here.

    Parameters
    ----------
    scheduler : str or None
        Address of a running scheduler.
    workers : int or None
        Else: how many processes to start on this machine.

    Yields
    ------
    distributed.Client

    Raises
    ------
    MissingExtraError
        If dask is not installed.
    XnetError
        If no scheduler answers.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtraError(
            "workers need dask; install it with: pip install 'xnet-onnx[dask]'"
        ) from error
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=ANSWER_LIMIT)
        except (OSError, ValueError) as error:
            raise XnetError(
                f"no dask scheduler answers at {scheduler!r} ({error}); expected an address like "
                "tcp://host:8786: is it running?"
            ) from error
        with client:
            yield client
        return
    with _no_interrupts():
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.ERROR,
        )
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Have processes started here ignore Ctrl-C, which a terminal sends to all: this one ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run_cluster(
    folder: str,
    fingerprint: str,
    slabs: dict[int, int],
    progress: Callable[[int], None],
    *,
    scheduler: str | None = None,
    workers: int | None = None,
) -> None:
    """Have slabs predicted by dask workers.

    Parameters
    ----------
    folder : str
        Of the parts; every worker must see it, and the stack, under these names.
    fingerprint : str
        Of the job.
    slabs : dict of int to int
        How many pixels are to be done in each slab, by its number.
    progress : callable
        Takes the pixels done since the last call.
    scheduler : str, optional
        Address of a running scheduler.
    workers : int, optional
        Else: how many processes to start on this machine.

    Raises
    ------
    MissingExtraError
        If dask is not installed.
    XnetError
        If no scheduler answers, or a task fails.
    """
    with connect(scheduler, workers) as client:
        from distributed import as_completed

        futures = {
            client.submit(work, folder, fingerprint, index, key=f"xnet-map-{fingerprint[:16]}-{index}"): index
            for index in slabs
        }
        for future in as_completed(futures):
            error = future.exception()
            if isinstance(error, XnetError):
                raise error
            if error is not None:
                raise XnetError(
                    f"a worker failed ({type(error).__name__}: {str(error).splitlines()[0][:200]}); what "
                    "is done "
                    "is kept: go on with --resume"
                ) from error
            progress(slabs[futures[future]])
            future.release()
