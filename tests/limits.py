"""Inputs made to harm must end: what runs without end fails here instead of hanging the tests.

No measure of speed (benchmarks/ are): the limits are tens of times what the slowest machine takes.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest


@contextmanager
def ends(seconds: int = 60) -> Iterator[None]:
    """Fail when the body has not come to its end by then."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"no end within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def most_memory() -> float:
    """The most bytes that this process has had, where the system says."""
    if not sys.platform.startswith("linux"):
        return 0.0
    import resource

    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def bounded(seconds: int = 60, memory: float = 300e6) -> Iterator[None]:
    """Fail when the body does not end, or takes more than `memory` bytes over what was taken before."""
    before = most_memory()
    with ends(seconds):
        yield
    assert most_memory() - before < memory
