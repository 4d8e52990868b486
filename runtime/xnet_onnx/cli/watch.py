"""Files as they arrive in a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .expand import expand, stamp_of

__all__ = ["arrivals"]

#: Seconds between looks; a file must stay as it is for so long to be taken as complete.
PAUSE = 2.0


def arrivals(
    folder: str,
    leave_out: Path | None = None,
    is_done: Callable[[str, tuple[str, str]], bool] = lambda _name, _stamp: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[str]]:
    """Look for files below a folder, for ever.

    Parameters
    ----------
    folder : str
    leave_out : Path, optional
        A file that is no input: the table that is being written.
    is_done : callable
        Whether a file of this name, size and time needs no more work.
    sleep : callable
        What to do between two looks, given the seconds.

    Yields
    ------
    list of str
        Files that are new, or have changed since they were yielded, and whose size and
        time were the same in two looks; empty files are waited for.
    """
    taken: dict[str, tuple[str, str]] = {}
    before: dict[str, tuple[str, str]] = {}
    while True:
        now = {name: stamp_of(name) for name in expand([folder], leave_out).names}
        ready = [
            name
            for name, stamp in now.items()
            if stamp == before.get(name)
            and stamp != taken.get(name)
            and stamp[0] not in ("", "0")
            and not is_done(name, stamp)
        ]
        before = now
        if ready:
            taken.update((name, now[name]) for name in ready)
            yield ready
        sleep(PAUSE)
