"""Does memory stay flat? Many predictions through one process: arrays, files, maps.

    python benchmarks/soak.py [COUNT] [--ways api files map] [--allow 8]

COUNT spectra go each way (100000 by default), a tenth of the files is damaged. Prints
the memory of the process in MiB after every tenth, and fails where it has grown by more
than --allow MiB after the first tenth. Linux; map needs the extra [maps].
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from xnet_onnx import XnetError, predict, read
from xnet_onnx.maps import predict_map

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "scorodite_simulated.xdi"
PIXELS = 400
#: Steps before memory is looked at: caches fill.
WARM = 8


def memory() -> float:
    """Of this process now, in MiB, without what the allocator only keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def by_api() -> Iterator[int]:
    """Arrays of ever other lengths, grids and noise."""
    whole = read(EXAMPLE)
    random_numbers = np.random.default_rng(0)
    while True:
        keep = np.sort(random_numbers.choice(whole.energy.size, whole.energy.size - 20, replace=False))
        mu = whole.mu[keep] + random_numbers.normal(0.0, 1e-3, keep.size)
        with contextlib.suppress(XnetError):
            predict(whole.energy[keep] + random_numbers.uniform(-1.0, 1.0), mu)
        yield 1


def by_files(folder: Path) -> Iterator[int]:
    """Files of ever other names, one in ten cut off or with noise in its bytes."""
    text = EXAMPLE.read_bytes()
    draw = random.Random(0)
    for number in itertools.count():
        path = folder / f"scan_{number}.xdi"
        data = bytearray(text)
        if number % 10 == 9:
            data = data[: draw.randrange(len(data))]
            data[draw.randrange(len(data) + 1) : 0] = draw.randbytes(20)
        path.write_bytes(data)
        with contextlib.suppress(XnetError):
            spectrum = read(path)
            predict(spectrum.energy, spectrum.mu)
        path.unlink()
        yield 1


def by_maps(folder: Path) -> Iterator[int]:
    """Small stacks, in memory and into a file in turn."""
    whole = read(EXAMPLE)
    random_numbers = np.random.default_rng(0)
    for number in itertools.count():
        noise = random_numbers.normal(0.0, 1e-3, (whole.mu.size, 20, PIXELS // 20))
        stack = whole.mu[:, np.newaxis, np.newaxis] + noise
        predict_map(stack, energy=whole.energy, out=folder / "maps.h5" if number % 2 else None)
        yield PIXELS


def soak(name: str, step: Iterator[int], count: int, allow: float) -> bool:
    """Go one way, and say how memory went.

    Parameters
    ----------
    name : str
    step : iterator of int
        Predicts a few spectra, and says how many.
    count : int
        Spectra.
    allow : float
        MiB of growth.

    Returns
    -------
    bool
        Whether memory stayed flat.
    """
    for _ in range(WARM):
        next(step)
    found: list[float] = []
    done, start = 0, time.perf_counter()
    while done < count:
        done += next(step)
        if done >= (len(found) + 1) * count / 10:
            found.append(memory())
    growth = found[-1] - found[0]
    rate = done / (time.perf_counter() - start)
    print(
        f"{name:6} {done} spectra, {rate:.0f}/s; MiB after each tenth: "
        f"{' '.join(f'{value:.1f}' for value in found)}; growth {growth:+.1f}",
        flush=True,
    )
    return growth <= allow


def main() -> None:
    """Parse the command line and soak."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--ways", nargs="+", default=["api", "files", "map"], choices=["api", "files", "map"])
    parser.add_argument("--allow", type=float, default=8.0, help="MiB of growth after the first tenth")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ways: dict[str, Callable[[], Iterator[int]]] = {
            "api": by_api,
            "files": lambda: by_files(Path(name)),
            "map": lambda: by_maps(Path(name)),
        }
        flat = [soak(way, ways[way](), chosen.count, chosen.allow) for way in chosen.ways]
    if not all(flat):
        sys.exit(1)


if __name__ == "__main__":
    main()
