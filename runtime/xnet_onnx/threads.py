"""What a command does before it imports numpy."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

__all__ = ["limit_threads"]


def limit_threads(threads: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell the libraries under numpy how many threads to use, unless the user has told them.

    Parameters
    ----------
    threads : int
        They read it when numpy is imported: call this before.
    environment : mutable mapping of str to str
        This process's; or that of one that is to be started.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, str(threads))
