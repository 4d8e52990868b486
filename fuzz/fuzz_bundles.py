"""Structure-aware fuzzing of bundles: a good bundle, changed in its JSON and its graph, is used or refused.

    python fuzz/fuzz_bundles.py SECONDS [SEED]

Every case is made from its number, in a process with a limit of memory. A case fails
when anything but one of our errors comes out, when it takes more than LIMIT seconds,
when the process dies, or when onnxruntime makes an array of another shape than
`xnet_onnx.bundle.shapes` has told. Failing cases are put into fuzz/crashers/ and
belong into tests/runtime/test_bundle_hostile.py. Needs onnx (extra [export]).
"""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import onnx

from xnet_onnx.bundle.check import OPSETS, check_model
from xnet_onnx.bundle.external import WEIGHTS, link
from xnet_onnx.bundle.load import default_bundle_path, load_bundle, read_models
from xnet_onnx.bundle.shapes import OPERATORS, cost_of
from xnet_onnx.bundle.wire import read_graph
from xnet_onnx.child import limit_memory
from xnet_onnx.errors import XnetError
from xnet_onnx.inference.session import open_session
from xnet_onnx.pipeline import predict

LIMIT = 10
MEMORY = 1 << 30
CRASHERS = Path(__file__).parent / "crashers"
NUMBERS = (0, -1, 1, 2, 0.5, 1e-300, 1e300, 2**31, 2**63, 10**40, float("nan"), float("inf"), -7112.0)
OTHERS = (None, True, "", "Fe", "\x1b[31m", [], {}, [[]], "x" * 1000)
INTEGERS = (-(2**63), -2, -1, 0, 1, 2, 3, 7, 50, 100, 475, 2**20, 2**40, 2**62)


def places(value, found=None):
    """Every place in nested JSON: (container, key)."""
    found = [] if found is None else found
    for key in value if isinstance(value, dict) else range(min(len(value), 50)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            places(value[key], found)
    return found


def change_json(card, draw):
    """Change a bundle.json in a few places."""
    for _ in range(draw.randint(1, 3)):
        where, key = draw.choice(places(card))
        kind = draw.randrange(5)
        if kind == 0 and isinstance(where, dict):
            del where[key]
        elif kind == 1 and isinstance(where[key], list):
            where[key] = where[key][: draw.randint(0, len(where[key]))] * draw.randint(0, 3)
        elif kind == 2 and isinstance(where[key], int | float):
            where[key] = where[key] * draw.choice((-1, 0, 1.01, 1e6))
        else:
            where[key] = draw.choice(NUMBERS if draw.random() < 0.7 else OTHERS)
    return card


def grown(model, draw):
    """Add operators that take what is there, of any shape, at any place."""
    graph = model.graph
    for _ in range(draw.randint(1, 8)):
        names = [port.name for port in graph.input] + [weight.name for weight in graph.initializer]
        names += [name for one in graph.node for name in one.output]
        name = f"new{len(graph.node)}"
        values = np.array([draw.choice(INTEGERS) for _ in range(draw.randint(0, 3))], dtype=np.int64)
        if values.size and draw.random() < 0.3:
            values = values[:1].reshape(())
        graph.initializer.append(onnx.numpy_helper.from_array(values, f"{name}_i"))
        taken = [draw.choice([*names, f"{name}_i"]) for _ in range(draw.randint(1, 3))]
        attributes = {
            key: draw.choice(INTEGERS[1:10])
            for key in ("axis", "keepdims", "group", "allowzero", "start", "end", "transB", "num_outputs")
            if draw.random() < 0.15
        }
        for key in ("perm", "kernel_shape", "pads", "strides", "dilations", "axes"):
            if draw.random() < 0.1:
                attributes[key] = [draw.choice(INTEGERS[1:9]) for _ in range(draw.randint(1, 4))]
        if draw.random() < 0.2:
            attributes["to"] = draw.choice((1, 6, 7, 9, 10, 11))
        operator = draw.choice(sorted(OPERATORS))
        outputs = [name, *(f"{name}_{i}" for i in range(draw.choice((0, 0, 0, 0, 1, 2))))]
        graph.node.append(onnx.helper.make_node(operator, taken, outputs, **attributes))


def change_graph(data, draw):
    """Change a model as its parts, or as bytes."""
    if draw.random() < 0.15:
        raw = bytearray(data)
        for _ in range(draw.randint(1, 5)):
            place = draw.randrange(min(len(raw), 4000)) if draw.random() < 0.7 else draw.randrange(len(raw))
            raw[place] = draw.randrange(256)
        return bytes(raw)
    model = onnx.load_from_string(data)
    graph = model.graph
    kind = draw.randrange(6)
    if kind == 0:
        draw.choice(graph.node).op_type = draw.choice(sorted(OPERATORS))
    elif kind == 1:
        weight = draw.choice(graph.initializer)
        for place in range(len(weight.dims)):
            if draw.random() < 0.5:
                weight.dims[place] = draw.choice(INTEGERS)
    elif kind == 2:
        one, other = draw.choice(graph.node), draw.choice(graph.node)
        one.input[draw.randrange(len(one.input))] = draw.choice([*other.input, *other.output])
    elif kind == 3:
        node = draw.choice([node for node in graph.node if node.attribute])
        attribute = draw.choice(node.attribute)
        attribute.i = draw.choice(INTEGERS)
        for place in range(len(attribute.ints)):
            attribute.ints[place] = draw.choice(INTEGERS)
    if kind > 3 or draw.random() < 0.3:
        grown(model, draw)
    return model.SerializeToString()


def compare_shapes(data, points):
    """Run a model that passed the checks, and hold every shape against what was told."""
    graph = read_graph(data, "fuzz", OPERATORS, OPSETS)
    told = cost_of(graph).shapes
    made = [name for node in graph.nodes for name in node.outputs if name]
    model = onnx.load_from_string(data)
    del model.graph.output[:]
    for name in made:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, told[name][0], None))
    for rows in (1, 3):
        try:
            session = open_session(model.SerializeToString())
            given = {"spectrum": np.ones((rows, points), np.float32), "absorber": np.full(rows, 26)}
            arrays = session.run(made, {port.name: given[port.name] for port in session.get_inputs()})
        except Exception:  # what onnxruntime refuses is refused
            return
        for name, array in zip(made, arrays, strict=True):
            expected = tuple(coefficient * rows**power for coefficient, power in told[name][1])
            assert array.shape == expected, f"{name}: {array.shape}, told {expected}"


def one_case(number, folder):
    """Make a bundle and use it."""
    draw = random.Random(number)
    source = draw.choice(sorted(path.parent for path in default_bundle_path().parent.glob("*/bundle.json")))
    card = json.loads((source / "bundle.json").read_text())
    if draw.random() < 0.4:
        text = json.dumps(change_json(card, draw))
        (folder / "bundle.json").write_text(text)
        for name in ("ensemble.onnx", "member_00.onnx", "weights.bin", "statistics.npz"):
            if (source / name).is_file():
                shutil.copy(source / name, folder / name)
        bundle = load_bundle(folder)
        golden = json.loads((source / "golden.json").read_text())
        predict(np.array(golden["energy"]), np.array(golden["norm"]), normalized=True, bundle=bundle)
        return
    points = card["axis"]["count"]
    name = "member_00.onnx"
    if draw.random() < 0.2:
        data = (source / name).read_bytes()
        at = draw.randrange(len(data))
        data = data[:at] + bytes(draw.randrange(256) for _ in range(draw.randrange(4))) + data[at + 1 :]
        data = link(data, (source / WEIGHTS).read_bytes(), "fuzz")
    else:
        data = change_graph(read_models(source, [name], card)[name], draw)
    (folder / "m.onnx").write_bytes(data)
    check_model(data, "fuzz", inputs=points, output=(50,))
    compare_shapes(data, points)


def work(start, folder):
    """Go through cases until one fails: what a process of its own does."""
    limit_memory(MEMORY)
    for number in range(start, start + 100_000):
        (folder / "number").write_text(str(number))
        if hasattr(signal, "alarm"):
            signal.alarm(LIMIT)
        try:
            one_case(number, folder)
        except XnetError as error:
            if "\n" in str(error):
                raise
        except Exception:
            traceback.print_exc()
            sys.exit(3)


def main():
    """Fuzz for some seconds."""
    if sys.argv[1] == "work":
        work(int(sys.argv[2]), Path(sys.argv[3]))
        return
    end = time.monotonic() + float(sys.argv[1])
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    first, failed = number, 0
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            command = [sys.executable, __file__, "work", str(number), name]
            try:
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    errors="backslashreplace",
                    timeout=end - time.monotonic(),
                    check=False,
                )
            except subprocess.TimeoutExpired:
                number = int((folder / "number").read_text())
                break
            number = int((folder / "number").read_text())
            failed += 1
            said = (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1]
            print(f"case {number}: {said[:300]}", flush=True)
            kept = folder / ("m.onnx" if (folder / "m.onnx").exists() else "bundle.json")
            if kept.exists():
                CRASHERS.mkdir(exist_ok=True)
                digest = hashlib.sha256(kept.read_bytes()).hexdigest()[:8]
                shutil.copy(kept, CRASHERS / f"{number}-{digest}{kept.suffix}")
            number += 1
    print(f"{number - first} cases, {failed} failed")


if __name__ == "__main__":
    main()
