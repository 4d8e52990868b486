"""Weights that the graphs of a bundle share, and bundles of older formats."""

from __future__ import annotations

import filecmp
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner

from xnet_exporter.export.bundle import convert_bundle
from xnet_exporter.export.weights import SMALLEST, share_weights
from xnet_onnx import Bundle, BundleError, OutputError, load_bundle
from xnet_onnx.bundle.external import WEIGHTS, link
from xnet_onnx.bundle.load import read_models
from xnet_onnx.cli import main


def graph(*weights: np.ndarray) -> bytes:
    """A sum of weights."""
    tensors = [
        onnx.helper.make_tensor(f"w{i}", 1, one.shape, one.astype("<f4").tobytes(), raw=True)
        for i, one in enumerate(weights)
    ]
    node = onnx.helper.make_node("Sum", [one.name for one in tensors], ["g2"])
    output = onnx.helper.make_tensor_value_info("g2", 1, None)
    return onnx.helper.make_model(
        onnx.helper.make_graph([node], "g", [], [output], tensors)
    ).SerializeToString()


def test_a_weight_lies_there_once() -> None:
    stack = np.random.default_rng(1).normal(size=(3, 40, 50))
    small = np.ones(SMALLEST // 4 - 1)
    files = {f"member_{i:02d}.onnx": graph(one, small) for i, one in enumerate(stack)}
    files |= {"ensemble.onnx": graph(stack), "training.json": b"{}"}
    made = share_weights(files)
    assert made[WEIGHTS] == stack.astype("<f4").tobytes()
    assert made["training.json"] == b"{}"
    for name in files:
        if name.endswith(".onnx"):
            assert link(made[name], made[WEIGHTS], name) == files[name]
            assert len(made[name]) < 3000


def test_weights_that_only_a_member_has() -> None:
    one, other = np.random.default_rng(2).normal(size=(2, 30, 30))
    files = {"ensemble.onnx": graph(np.stack([one] * 2)), "member_00.onnx": graph(other)}
    made = share_weights(files)
    assert len(made[WEIGHTS]) == 3 * 3600
    assert link(made["member_00.onnx"], made[WEIGHTS], "m") == files["member_00.onnx"]


def test_a_weight_does_not_begin_inside_a_number() -> None:
    data = np.frombuffer(bytes(range(256)) * 16, dtype="<f4")
    inside = np.frombuffer(data.tobytes()[3 : 3 + SMALLEST], dtype="<f4")
    made = share_weights({"ensemble.onnx": graph(data), "member_00.onnx": graph(inside)})
    place = {one.key: one.value for one in _weights(made["member_00.onnx"])[0].external_data}
    assert int(place["offset"]) % 4 == 0
    assert link(made["member_00.onnx"], made[WEIGHTS], "m") == graph(inside)


def _weights(data: bytes) -> list[onnx.TensorProto]:
    return list(onnx.load_from_string(data).graph.initializer)


def test_the_shipped_graphs_open_by_themselves(bundle: Bundle) -> None:
    """With onnx and onnxruntime alone, which look for the weights beside the graph."""
    given = {
        "spectrum": np.ones((2, bundle.axis.count), dtype=np.float32),
        "absorber": np.array([22, 26], dtype=np.int64),
    }
    models = read_models(bundle.path, ["ensemble.onnx", "member_14.onnx"], bundle.card)
    for name, linked in models.items():
        onnx.checker.check_model(str(bundle.path / name), full_check=True)
        alone = onnxruntime.InferenceSession(str(bundle.path / name)).run(["g2"], given)
        ours = onnxruntime.InferenceSession(linked).run(["g2"], given)
        np.testing.assert_array_equal(alone, ours)
    assert sum(path.stat().st_size for path in bundle.path.iterdir()) < 8e6


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle as it was in format 2: every graph with its weights inside."""
    bundle, folder = load_bundle(), tmp_path_factory.mktemp("old") / "b"
    folder.mkdir()
    files = {name: (bundle.path / name).read_bytes() for name in bundle.card["files"] if name != WEIGHTS}
    files |= read_models(bundle.path, [name for name in files if name.endswith(".onnx")], bundle.card)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    (folder / "bundle.json").write_text(json.dumps(bundle.card | {"format": 2, "files": hashes}))
    return folder


def test_format_2_is_converted(old: Path, tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"format 2; .* convert it with xnet-onnx export --convert"):
        load_bundle(old)
    result = CliRunner().invoke(main, ["export", "--convert", str(old), "--out", str(tmp_path / "b")])
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in bundle.path.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    # README.md is made anew, from the words of this version.
    _, other, failed = filecmp.cmpfiles(bundle.path, tmp_path / "b", names, shallow=False)
    assert (set(other) - {"README.md", "bundle.json"}, failed) == (set(), [])
    assert load_bundle(tmp_path / "b").model == bundle.model


def test_what_is_not_converted(old: Path, tmp_path: Path, bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="format 3; expected an older one than 3"):
        convert_bundle(bundle.path, tmp_path / "b")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(OutputError, match="is not empty"):
        convert_bundle(old, tmp_path / "full")
    card = json.loads((old / "bundle.json").read_text())
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for name in card["files"]:
        (damaged / name).write_bytes((old / name).read_bytes())
    (damaged / "member_03.onnx").write_bytes(b"\xff")
    card["files"]["member_03.onnx"] = hashlib.sha256(b"\xff").hexdigest()
    (damaged / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"member_03\.onnx is no ONNX model"):
        convert_bundle(damaged, tmp_path / "c")
    assert not (tmp_path / "c").exists()
