"""The same work on dask workers (extra ``[dask]``).

A task is the slab with one number. Workers get the name of the folder of parts
and nothing else: the job is in it, each reads its own pixels from the stack and
writes its own parts. So nothing is lost with a worker, and nothing large passes
the scheduler. The bundle and its session are made once in each process.
"""

from __future__ import annotations

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
from .workers import failure

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
def connect(scheduler: str) -> Iterator[Any]:
    """A client of a scheduler.

    Parameters
    ----------
    scheduler : str
        Address of a running scheduler.

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
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            "a scheduler needs dask; install it with: pip install 'xnet-onnx[dask]'"
        ) from error
    try:
        client = Client(scheduler, timeout=ANSWER_LIMIT)
    except (OSError, ValueError) as error:
        raise XnetError(
            f"no dask scheduler answers at {scheduler!r} ({error}); expected an address like "
            "tcp://host:8786: is it running?"
        ) from error
    with client:
        yield client


def run_cluster(
    folder: str, fingerprint: str, slabs: dict[int, int], scheduler: str, progress: Callable[[int], None]
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
    scheduler : str
        Address of a running scheduler.
    progress : callable
        Takes the pixels done since the last call.

    Raises
    ------
    MissingExtraError
        If dask is not installed.
    XnetError
        If no scheduler answers, or a task fails.
    """
    with connect(scheduler) as client:
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
                raise XnetError(failure(error)) from error
            progress(slabs[futures[future]])
            future.release()
