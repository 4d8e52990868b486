"""How fast many spectra are predicted, as ratios within one run.

    python benchmarks/throughput.py [--threads 1] [--batches 1 4 16 64 256 1024] [--rounds 9]

Needs the extra [export]; prints Markdown tables for docs/performance.md. Every
case runs in turn in each round, and the fastest of the rounds is kept: what
else the machine does only ever adds time.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CASES = {
    "a": "15 torch members in a loop, as XANESNET runs them",
    "b": "the same, traced and frozen (torch.jit)",
    "c": "15 onnxruntime sessions, one a member",
    "d": "`ensemble.onnx` in one onnxruntime session",
    "e": "`predict_many`, spectra of one energy grid",
    "m": "the same as arrays, without an object a spectrum, as `map` runs it",
    "f": "roofline: the network's operations at the speed of a float32 matrix product",
}


def torch_members(outputs: int) -> list[Any]:
    """15 members of the default preset as plain torch layers, with random weights."""
    from torch import nn

    from xnet_exporter.train.presets import DEFAULT

    network = DEFAULT.network
    activations = {"relu": nn.ReLU, "gelu": nn.GELU}
    members = []
    for _ in range(15):
        layers: list[Any] = []
        channels, length = 1, DEFAULT.axis.count
        for conv in network.convolutions:
            pad = conv.kernel // 2 if network.padding else 0
            layers += [
                nn.Conv1d(channels, conv.filters, conv.kernel, conv.stride, pad),
                activations[network.activation](),
            ]
            channels, length = conv.filters, (length + 2 * pad - conv.kernel) // conv.stride + 1
        layers.append(nn.Flatten())
        width = channels * length
        for dense in network.dense:
            layers += [nn.Linear(width, dense), activations[network.dense_activation]()]
            width = dense
        layers.append(nn.Linear(width, outputs))
        members.append(nn.Sequential(*layers).eval())
    return members


def operations(outputs: int) -> int:
    """Floating-point operations of 15 members for one spectrum: two for each product of the layers."""
    from xnet_exporter.train.presets import DEFAULT

    total, channels, length = 0, 1, DEFAULT.axis.count
    for conv in DEFAULT.network.convolutions:
        length = (length + 2 * (conv.kernel // 2) - conv.kernel) // conv.stride + 1
        total += length * conv.filters * channels * conv.kernel
        channels = conv.filters
    width = channels * length
    for dense in (*DEFAULT.network.dense, outputs):
        total += width * dense
        width = dense
    return 2 * 15 * total


def matrix_speed(seconds: float = 1.0) -> float:
    """Best float32 matrix product of numpy here, in operations a second."""
    import numpy as np

    best = 0.0
    for n in (256, 512, 1024, 2048):
        a, b = (np.random.default_rng(0).random((n, n), dtype=np.float32) for _ in range(2))
        end = time.perf_counter() + seconds / 4
        while time.perf_counter() < end:
            start = time.perf_counter()
            _ = a @ b
            best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


def cases(threads: int, batch: int, outputs: int) -> dict[str, Callable[[], object]]:
    """What is run for one size of batch."""
    import numpy as np
    import torch

    from spectra import map_spectra
    from xnet_onnx.bundle.load import load_bundle, read_models
    from xnet_onnx.inference.ensemble import open_session, run_ensemble
    from xnet_onnx.maps.job import Settings
    from xnet_onnx.maps.predict_chunk import predict_chunk
    from xnet_onnx.pipeline import predict_many
    from xnet_onnx.preprocess.prepare import prepare_many
    from xnet_onnx.spectrum import ModelInput

    bundle = load_bundle()
    spectra = map_spectra(batch, grids=False)
    inputs = np.stack([item.values for item in prepare_many(spectra, bundle) if isinstance(item, ModelInput)])
    (absorber,) = [one for one in bundle.absorbers if one.element == "Fe"]
    absorbers = np.full(len(inputs), absorber.number, dtype=np.int64)
    feeds = {"spectrum": inputs, "absorber": absorbers}
    mu = np.stack([spectrum.mu for spectrum in spectra])
    settings = Settings(threads=threads)
    tensor = torch.from_numpy(inputs).unsqueeze(1)
    members = torch_members(outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out, and still what a script would use
        traced = [torch.jit.freeze(torch.jit.trace(member, tensor)) for member in members]
    names = [f"member_{i:02d}.onnx" for i in range(15)]
    models = read_models(bundle.path, names, bundle.card).values()
    sessions = [open_session(model, threads) for model in models]

    def loop(networks: list[Any]) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode():
                return np.stack([network(tensor).numpy() for network in networks], axis=1)

        return run

    return {
        "a": loop(members),
        "b": loop(traced),
        "c": lambda: np.stack([session.run(["g2"], feeds)[0] for session in sessions], axis=1),
        "d": lambda: run_ensemble(bundle, inputs, absorbers, threads),
        "e": lambda: predict_many(spectra, bundle=bundle, threads=threads),
        "m": lambda: predict_chunk(bundle, spectra[0].energy, mu, settings, absorber),
    }


def measured(threads: int, batches: list[int], rounds: int) -> tuple[dict[int, dict[str, float]], float]:
    """Seconds of each case for each size of batch; and of `predict_many` of as many own grids as the last."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    import torch

    from spectra import map_spectra
    from xnet_onnx.bundle.load import load_bundle
    from xnet_onnx.pipeline import predict_many

    torch.set_num_threads(threads)
    outputs = load_bundle().r.size
    fastest: dict[int, dict[str, float]] = {}
    speed = matrix_speed()
    for batch in batches:
        fastest[batch] = fastest_of(cases(threads, batch, outputs), rounds)
        speed = max(speed, matrix_speed(0.2))
    spectra = map_spectra(batches[-1], grids=True)
    apart = fastest_of({"own": lambda: predict_many(spectra, threads=threads)}, min(rounds, 3))["own"]
    work = operations(outputs)
    return {batch: best | {"f": batch * work / speed} for batch, best in fastest.items()}, apart


def fastest_of(run: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds that each took, each in turn in each round."""
    for call in run.values():
        call()
    best = dict.fromkeys(run, float("inf"))
    for _ in range(rounds):
        for name, call in run.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    fastest, apart = measured(arguments.threads, arguments.batches, arguments.rounds)
    import numpy as np
    import onnxruntime
    import torch

    from xnet_onnx.bundle.load import load_bundle

    print(
        f"{cpu_name()}, {arguments.threads} thread(s); Python {platform.python_version()}, "
        f"numpy {np.__version__}, "
        f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}; "
        f"{operations(load_bundle().r.size) / 1e6:.1f} million operations a spectrum.\n"
    )
    print("| time relative to d | " + " | ".join(f"batch {batch}" for batch in fastest) + " |")
    print("|---" * (len(fastest) + 1) + "|")
    for name, text in CASES.items():
        ratios = " | ".join(f"{best[name] / best['d']:.2f}" for best in fastest.values())
        print(f"| ({name}) {text} | {ratios} |")
    largest, graph = arguments.batches[-1], fastest[arguments.batches[-1]]["d"]
    print(
        f"\n`predict_many` of {largest} spectra that each have a grid of their own: "
        f"{apart / graph:.1f} times (d)."
    )
    print(f"(d) at a batch of {largest}: {1e3 * graph / largest:.3f} ms a spectrum.")


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()} ({len(names)} cores)"


if __name__ == "__main__":
    main()
