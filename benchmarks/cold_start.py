"""How long a command takes against the imports it cannot do without, as ratios.

    python benchmarks/cold_start.py [--repeats 15]

Whole processes, run in turn within one run; the median of each is compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "scorodite_simulated.xdi"
COMMANDS = {
    "import click": [sys.executable, "-c", "import click"],
    "xnet-onnx --help": [sys.executable, "-m", "xnet_onnx", "--help"],
    "import numpy, onnxruntime": [sys.executable, "-c", "import numpy, onnxruntime"],
    "xnet-onnx predict FILE": [sys.executable, "-m", "xnet_onnx", "predict", str(EXAMPLE)],
}
#: As on a user's machine, where pip compiled the packages when it installed them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
RATIOS = (
    ("xnet-onnx --help", "import click"),
    ("xnet-onnx predict FILE", "import numpy, onnxruntime"),
)


def measured(repeats: int) -> dict[str, float]:
    """Ratios of the medians, by what is divided by what."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_number in range(repeats + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
            if round_number > 0:  # the first round warms the file cache
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {f"{above} / {below}": medians[above] / medians[below] for above, below in RATIOS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=15)
    for name, ratio in measured(parser.parse_args().repeats).items():
        print(f"{name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
