"""What a command does before it imports numpy."""

from __future__ import annotations

import os

__all__ = ["limit_threads"]


def limit_threads(threads: int) -> None:
    """Tell the libraries under numpy how many threads to use, unless the user has told them.

    Parameters
    ----------
    threads : int
        They read it when numpy is imported: call this before.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
