"""A process of its own for what can hang, crash or take all memory."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = [
    "ChildError",
    "limit_memory",
    "limit_processor_time",
    "module_command",
    "module_environment",
    "run_child",
]


class ChildError(Exception):
    """The process gave no answer.

    Parameters
    ----------
    reason : str
    timed_out : bool
    """

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours as a process.

    Parameters
    ----------
    module : str
        Its full name.
    *arguments : str

    Returns
    -------
    list of str
    """
    # -P: no module from the folder that the command runs in.
    return [sys.executable, "-P", "-W", "ignore", "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """The environment in which a process finds this very package, wherever this one did."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def run_child(module: str, arguments: list[str], data: bytes, seconds: float) -> tuple[Any, bytes]:
    """Run a module of ours in another process, and take its answer.

    Parameters
    ----------
    module : str
        Its full name. It writes one line of JSON to stdout, then bytes.
    arguments : list of str
    data : bytes
        For its standard input.
    seconds : float
        How long it may take.

    Returns
    -------
    answer : object
        From the JSON.
    body : bytes

    Raises
    ------
    ChildError
        If it takes longer, crashes, or gives something else.
    """
    import subprocess

    try:
        done = subprocess.run(
            module_command(module, *arguments),
            input=data,
            capture_output=True,
            timeout=seconds,
            env={**module_environment(), "OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildError(f"no answer within {seconds:g} s", timed_out=True) from None
    head, _, body = done.stdout.partition(b"\n")
    if done.returncode != 0:
        raise ChildError(f"ended with {done.returncode}")
    try:
        return json.loads(head), body
    except ValueError:
        raise ChildError("gave no answer") from None


def limit_memory(more: int) -> None:
    """Allow this process some memory more than it has taken to start (Linux).

    Parameters
    ----------
    more : int
        Bytes.
    """
    try:
        import resource

        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except (ImportError, OSError):  # Windows, macOS
        return
    taken = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData")), None)
    if taken is not None:
        limit = taken * 1024 + more
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def limit_processor_time(seconds: int) -> None:
    """Allow this process some seconds more of the processor; waiting for a disk does not count.

    Parameters
    ----------
    seconds : int
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
