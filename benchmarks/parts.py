"""Where the time of a prediction goes: each part of `predict_many` relative to the graph.

    python benchmarks/parts.py [--count 1024] [--rounds 5]

Processor time of one thread, without what a part calls and is listed itself; the
least of the rounds. Needs no extra.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parent))
from spectra import map_spectra  # noqa: E402

#: Module, function, part.
PARTS = (
    ("pipeline", "run_with_features", "the graph"),
    ("pipeline", "run_first_member", "the first member on three copies"),
    ("preprocess.normalize", "find_e0s", "e0"),
    ("preprocess.normalize", "_normalize_at", "pre-edge and post-edge lines"),
    ("preprocess.prepare", "check_edges", "checks of the edge"),
    ("preprocess.prepare", "align", "edge position, scale, resampling"),
    ("preprocess.prepare", "_model_input", "objects of the inputs"),
    ("pipeline", "prepare_many", "the rest of the preparation"),
    ("pipeline", "perturb", "shifted and broadened copies"),
    ("pipeline", "measure_sensitivity", "movement of the peaks"),
    ("pipeline", "curves_of", "mean, spread, peaks"),
    ("pipeline", "domain_of", "domain"),
    ("pipeline", "evidence_of", "intervals and verdict"),
    ("pipeline", "assess", "intervals and verdict"),
    ("pipeline", "nearest_of", "nearest compounds, kinds of neighbours"),
    ("pipeline", "kinds_of", "nearest compounds, kinds of neighbours"),
    ("pipeline", "peaks_of", "objects and sentences"),
    ("pipeline", "_prediction", "objects and sentences"),
)
GRAPH, REST = "the graph", "the rest"
#: Spectra that are predicted one by one.
ALONE = 20


@contextmanager
def watched(spent: dict[str, float]) -> Iterator[None]:
    """Add up what each part takes, while this lasts."""
    inner = [0.0]
    kept = []

    def timed(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            inner.append(0.0)
            start = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                whole = time.process_time() - start
                spent[part] = spent.get(part, 0.0) + whole - inner.pop()
                inner[-1] += whole

        return call

    for name, attribute, part in PARTS:
        module = import_module(f"xnet_onnx.{name}")
        if hasattr(module, attribute):
            kept.append((module, attribute, getattr(module, attribute)))
            setattr(module, attribute, timed(getattr(module, attribute), part))
    start = time.process_time()
    try:
        yield
    finally:
        spent[REST] = time.process_time() - start - inner[0]
        for module, attribute, function in kept:
            setattr(module, attribute, function)


def least(run: Callable[[], object], rounds: int) -> dict[str, float]:
    """Time of each part, the least of the rounds."""
    run()
    found: dict[str, float] = {}
    for _ in range(rounds):
        spent: dict[str, float] = {}
        with watched(spent):
            run()
        found = {part: min(value, found.get(part, value)) for part, value in spent.items()}
    return found


def measure(count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Parts by what was predicted."""
    from xnet_onnx import load_bundle, predict
    from xnet_onnx.pipeline import predict_many

    bundle = load_bundle()
    same, own = map_spectra(count, grids=False), map_spectra(count, grids=True)
    one = same[0]
    return {
        f"{count} spectra of one grid": least(lambda: predict_many(same, bundle=bundle), rounds),
        f"{count} spectra, a grid each": least(lambda: predict_many(own, bundle=bundle), rounds),
        "one spectrum": least(
            lambda: [predict(one.energy, one.mu, bundle=bundle) for _ in range(ALONE)], rounds
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = measure(arguments.count, arguments.rounds)
    print("| part, relative to the graph | " + " | ".join(found) + " |")
    print("|---" * (len(found) + 1) + "|")
    for part in dict.fromkeys([*(part for *_, part in PARTS), REST]):
        ratios = " | ".join(f"{one.get(part, 0.0) / one[GRAPH]:.3f}" for one in found.values())
        print(f"| {part} | {ratios} |")
    sums = " | ".join(f"{sum(one.values()) / one[GRAPH]:.2f}" for one in found.values())
    print(f"| everything | {sums} |")
    counts = [arguments.count, arguments.count, ALONE]
    milliseconds = [1e3 * sum(one.values()) / n for one, n in zip(found.values(), counts, strict=True)]
    print("| ms of the processor a spectrum | " + " | ".join(f"{one:.2f}" for one in milliseconds) + " |")


if __name__ == "__main__":
    main()
