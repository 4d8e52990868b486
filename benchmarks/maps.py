"""Maps of stacks whose answer is known: errors, scaling over workers, memory. Prints Markdown.

    python benchmarks/maps.py [--size 128] [--shared 256] [--memory 64 256 512] [--bigger 1024] [--work DIR]

- Error: a two-phase stack of --size squared pixels (see made_stack.py), all of it predicted.
- Workers: a stack of --shared squared pixels in one process, and shared among 1 and 2 workers, in
  turn in each of --rounds rounds; the least wall time, and processor time of all processes, of the
  whole command, as ratios to one process, and whether the arrays are the same to the byte.
- Memory: the largest resident set of the whole command for stacks of --memory squared pixels
  and 200 energies, and of one of --bigger in an address space that is smaller than its file.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from made_stack import make_stack, scan
from xnet_onnx.maps import Maps, read_maps
from xnet_onnx.maps.result import FIELDS, STATUS

#: Runs a command with a limit on its address space (0: none), prints the largest resident set in kB and
#: the processor time of all its processes.
MEASURED = """
import resource, subprocess, sys
limit = int(sys.argv[1])
def limited():
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
done = subprocess.run(sys.argv[2:], preexec_fn=limited)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("USED", used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(done.returncode)
"""
USED = re.compile(r"^USED (\d+) ([\d.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """Seconds of a whole command and of the processors for it, and its largest resident set in MB."""

    seconds: float
    processor: float
    peak: float


def run_map(stack: Path, out: Path, *options: str, limit: int = 0) -> Run:
    """Run the whole command; its children are counted."""
    command = [sys.executable, "-m", "xnet_onnx", "map", str(stack), "--out", str(out), *options]
    start = time.perf_counter()
    # From a fresh interpreter: a child starts with the resident set of what it is forked from.
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(limit), *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    seconds = time.perf_counter() - start
    found = USED.search(done.stdout)
    if done.returncode or not found:
        raise SystemExit(done.stderr)
    return Run(seconds, float(found.group(2)), int(found.group(1)) / 1024)


def workers_times(stack: Path, work: Path, rounds: int) -> tuple[dict[int, tuple[float, float]], bool]:
    """Wall and processor time with 1 and 2 workers relative to one process; whether all wrote the same."""
    runs: dict[int, list[Run]] = {0: [], 1: [], 2: []}
    equal = True
    for _ in range(rounds):
        for workers in runs:
            out = work / f"workers_{workers}.h5"
            runs[workers].append(run_map(stack, out, *(["--workers", str(workers)] if workers else [])))
    wall = {workers: min(run.seconds for run in some) for workers, some in runs.items()}
    processor = {workers: min(run.processor for run in some) for workers, some in runs.items()}
    first = read_maps(work / "workers_0.h5")
    for workers in (1, 2):
        other = read_maps(work / f"workers_{workers}.h5")
        equal &= all(getattr(first, name).tobytes() == getattr(other, name).tobytes() for name in FIELDS)
    return {
        workers: (wall[workers] / wall[0], processor[workers] / processor[0]) for workers in (1, 2)
    }, equal


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def head(*cells: str) -> None:
    print()
    row(*cells)
    row(*["---"] * len(cells))


def errors(stack: Path, maps: Maps) -> None:
    """Print errors of the distance by phase, and what became of the other pixels."""
    with h5py.File(stack) as file:
        truth = file["truth"]
        share, empty, dead = (truth[name][()] for name in ("share", "empty", "dead"))
        names, r = [truth.attrs["first"], truth.attrs["second"]], truth.attrs["r"]
    sample = ~empty & ~dead
    head(
        "phase",
        "true r (A)",
        "pixels",
        "error, median (A)",
        "error, 90 % (A)",
        "inside the interval",
        "outside",
    )
    for name, true, pure in zip(names, r, (share == 0.0, share == 1.0), strict=True):
        pixels = sample & pure
        good = pixels & (maps.status == STATUS["predicted"])
        off = np.abs(maps.first_shell[good] - true)
        inside = (maps.first_shell_lower[good] <= true) & (maps.first_shell_upper[good] >= true)
        outside = np.mean(maps.status[pixels] == STATUS["outside"])
        row(
            name, f"{true:.3f}", int(pixels.sum()), f"{np.median(off):.3f}", f"{np.percentile(off, 90):.3f}",
            f"{100 * inside.mean():.0f} %", f"{100 * outside:.0f} %",
        )  # fmt: skip
    mixed = sample & (share > 0.0) & (share < 1.0)
    low, high = min(r), max(r)
    given = mixed & np.isfinite(maps.first_shell)
    between = (maps.first_shell[given] > low - 0.05) & (maps.first_shell[given] < high + 0.05)
    outside = np.mean(maps.status[mixed] == STATUS["outside"])
    print(
        f"\nMixed pixels (both phases, {int(mixed.sum())}): {100 * outside:.0f} % outside, "
        f"{100 * between.mean():.0f} % of the rest within 0.05 A of the range between the two. "
        f"Pixels without sample: {int(np.isfinite(maps.first_shell[empty | dead]).sum())} of "
        f"{int((empty | dead).sum())} have a distance."
    )


def draw_errors(stack: Path, maps: Maps, out: Path) -> None:
    """Draw the error of every pixel that has a distance; of a mixed one, what lies beyond the two phases."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with h5py.File(stack) as file:
        share, r = file["truth/share"][()], file["truth"].attrs["r"]
    lowest = np.where(share == 1.0, r[1], np.where(share == 0.0, r[0], min(r)))
    highest = np.where(share == 1.0, r[1], np.where(share == 0.0, r[0], max(r)))
    error = maps.first_shell - np.clip(maps.first_shell, lowest, highest)
    figure, axes = pyplot.subplots(figsize=(4.2, 3.4), layout="constrained")
    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad="0.75")
    image = axes.imshow(np.ma.masked_invalid(error), cmap=colours, vmin=-0.1, vmax=0.1, interpolation="none")
    figure.colorbar(image, ax=axes, label="error of the distance (\u00c5)", extend="both")
    axes.set(xlabel="x (pixel)", ylabel="y (pixel)", title="grey: no distance given")
    figure.savefig(out, dpi=200)


def make_large(path: Path, size: int, count: int, source: Path, grain: bool = False) -> None:
    """A large stack made quickly: a small one again and again, or once amid noise."""
    with h5py.File(source) as file:
        tile = np.nan_to_num(file["entry/data/mu"][()])
    side = min(tile.shape[1], size)
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["energy"] = scan(count)
        stack = file.create_dataset("mu", (count, size, size), "<f4")
        for number in range(count):
            if grain:
                image = rng.normal(0.0, 0.003, (size, size)).astype(np.float32)
                image[size // 2 :, size // 2 :][:side, :side] = tile[number, :side, :side]
            else:
                times = -(-size // side)
                image = np.tile(tile[number, :side, :side], (times, times))[:size, :size]
            stack[number] = image


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--shared", type=int, default=256, help="of the table of workers")
    parser.add_argument("--rounds", type=int, default=2, help="of the table of workers")
    parser.add_argument("--memory", type=int, nargs="*", default=[64, 256, 512])
    parser.add_argument("--bigger", type=int, default=1024, help="0 leaves it out")
    parser.add_argument("--preview", type=Path, help="Where the figure of the first stack goes.")
    parser.add_argument("--error-map", type=Path, help="Where the figure of its errors goes.")
    parser.add_argument("--work", type=Path, help="Folder for the stacks (some GB); kept.")
    chosen = parser.parse_args()
    print(f"Machine: {platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}.")
    print(f"Command: `python benchmarks/maps.py {' '.join(sys.argv[1:])}`".rstrip())
    with tempfile.TemporaryDirectory() as temporary:
        work = chosen.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        stack = work / f"two_phases_{chosen.size}.h5"
        make_stack(stack, chosen.size)

        preview = [] if chosen.preview is None else ["--preview", str(chosen.preview)]
        run_map(stack, work / "alone.h5", *preview)
        first = read_maps(work / "alone.h5")
        print(f"\n## Errors: {chosen.size} x {chosen.size} x 200")
        errors(stack, first)
        if chosen.error_map is not None:
            draw_errors(stack, first, chosen.error_map)

        print(f"\n## Workers: {chosen.shared} x {chosen.shared} x 200")
        shared = work / f"two_phases_{chosen.shared}.h5"
        make_stack(shared, chosen.shared)
        times, equal = workers_times(shared, work, chosen.rounds)
        head("run", "time / one process", "processor time / one process", "same arrays")
        row("one process", 1.0, 1.0, "")
        for workers, (wall, processor) in times.items():
            row(f"{workers} worker{'s' * (workers > 1)}", wall, processor, "yes" if equal else "NO")

        print("\n## Memory, whole process, 200 energies in float32")
        head("image", "stack (MB)", "largest resident set (MB)", "limit on the address space (MB)")
        for size in chosen.memory:
            path = work / f"tiled_{size}.h5"
            make_large(path, size, 200, stack)
            peak = run_map(path, work / f"maps_{size}.h5").peak
            row(f"{size} x {size}", f"{size * size * 800 / 1e6:.0f}", f"{peak:.0f}", "none")
            path.unlink()
        if chosen.bigger:
            path = work / f"grain_{chosen.bigger}.h5"
            make_large(path, chosen.bigger, 200, stack, grain=True)
            megabytes = chosen.bigger**2 * 800 / 1e6
            limit = int(0.95 * megabytes * 1e6)
            peak = run_map(path, work / "maps_bigger.h5", limit=limit).peak
            row(
                f"{chosen.bigger} x {chosen.bigger}, one grain amid noise", f"{megabytes:.0f}", f"{peak:.0f}",
                f"{limit / 1e6:.0f}",
            )  # fmt: skip
            path.unlink()


if __name__ == "__main__":
    main()
