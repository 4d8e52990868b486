"""What fewer bits for the weights change and save: int8 in the dense layers, bfloat16 everywhere.

    python benchmarks/precision.py [--data training/fe_k_feff10_v3] [--batch 96] [--rounds 40]

Needs the extra [export]. The shipped ensemble and its variants run on the same spectra of a training
set, as calculated; onnxruntime's processor kernels know int8 products but no bfloat16, so of that only
the rounding of the weights is shown. One thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from xnet_exporter.data.sets import read_training_set, select_axis
from xnet_onnx import load_bundle
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.inference.session import open_session
from xnet_onnx.preprocess.align import align_one

ROOT = Path(__file__).resolve().parent.parent


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose float32 weights have the 8 bits of a bfloat16's significand."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            bits = numpy_helper.to_array(tensor).astype(np.float32).view(np.uint32)
            # To the nearest, ties to even.
            bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
            tensor.CopyFrom(numpy_helper.from_array(bits.view(np.float32), tensor.name))
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=ROOT / "training" / "fe_k_feff10_v3")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    bundle = load_bundle()
    model = onnx.load(bundle.path / "ensemble.onnx")
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, whole)
        quantize_dynamic(
            whole,
            small,
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
        )
        graphs = {
            "float32, as shipped": whole.read_bytes(),
            "int8 in the dense layers": small.read_bytes(),
            "weights rounded to bfloat16": rounded(model).SerializeToString(),
        }
    rows = select_axis(read_training_set(arguments.data), bundle.axis)[0].rows[:512]
    inputs = np.stack([align_one(row.energy, row.mu, bundle.axis)[0] for row in rows])
    absorbers = np.array([row.absorber for row in rows], dtype=np.int64)

    def run(name: str, count: int) -> npt.NDArray[np.float64]:
        feed = {"spectrum": inputs[:count], "absorber": absorbers[:count]}
        return np.asarray(sessions[name].run(None, feed)[0], dtype=np.float64)

    sessions = {name: open_session(graph) for name, graph in graphs.items()}
    best = dict.fromkeys(graphs, float("inf"))
    for _ in range(arguments.rounds):
        for name in graphs:
            start = time.perf_counter()
            run(name, arguments.batch)
            best[name] = min(best[name], time.perf_counter() - start)
    members = {name: run(name, len(inputs)) for name in graphs}
    shipped = members["float32, as shipped"]
    spread = shipped.std(axis=1, ddof=1).mean()
    shells = first_peaks(bundle.r, shipped.mean(axis=1))
    print(
        "| weights | time | size | G2 moves, rms, of sigma | first shell moves, median (A) | most (A) |\n"
        "|---|---|---|---|---|---|"
    )
    for name, found in members.items():
        curves = np.sqrt(np.mean((found.mean(axis=1) - shipped.mean(axis=1)) ** 2)) / spread
        moved = np.abs(first_peaks(bundle.r, found.mean(axis=1)) - shells)
        size = f"{len(graphs[name]) / len(graphs['float32, as shipped']):.2f}"
        pace = "-" if "rounded" in name else f"{best[name] / best['float32, as shipped']:.2f}"
        print(
            f"| {name} | {pace} | {'0.5' if 'rounded' in name else size} | {100 * curves:.1f} % | "
            f"{np.nanmedian(moved):.4f} | {np.nanmax(moved):.4f} |"
        )


if __name__ == "__main__":
    main()
