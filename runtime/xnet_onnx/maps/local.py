"""The work itself: slab by slab, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..bundle.load import Bundle
from .job import Job
from .layout import Rectangle, Slab
from .predict_chunk import evaluate
from .result import Arrays
from .stack import Read, reading, spectra_of

__all__ = ["run_local", "run_slab"]


def run_local(
    job: Job,
    bundle: Bundle,
    slabs: Iterable[Slab],
    has: Callable[[int], bool],
    keep: Callable[[int, Rectangle, Arrays], None],
    progress: Callable[[int], None],
) -> None:
    """Predict for every chunk that is not there.

    Parameters
    ----------
    job : Job
    bundle : Bundle
    slabs : iterable of Slab
    has : callable
        Whether a chunk is done, by number.
    keep : callable
        Takes number, rectangle and arrays of a chunk.
    progress : callable
        Takes the pixels done since the last call.
    """
    with reading(job.stack) as read:
        for slab in slabs:
            run_slab(job, bundle, read, slab, has, keep, progress)


def run_slab(
    job: Job,
    bundle: Bundle,
    read: Read,
    slab: Slab,
    has: Callable[[int], bool],
    keep: Callable[[int, Rectangle, Arrays], None],
    progress: Callable[[int], None],
) -> None:
    """Predict for the chunks of a slab that are not there (parameters as `run_local`)."""
    todo = [(number, area) for number, area in slab.chunks if not has(number)]
    if not todo:
        return
    block = read(slab.area.rows, slab.area.columns)
    top, left = slab.area.top, slab.area.left
    for number, area in todo:
        piece = block[:, area.top - top : area.bottom - top, area.left - left : area.right - left]
        mu = spectra_of(piece, job.stack)
        masked = (
            np.zeros(area.size, dtype=bool)
            if job.mask is None
            else job.mask[area.rows, area.columns].reshape(-1)
        )
        keep(number, area, evaluate(job, bundle, mu, masked))
        progress(area.size)
