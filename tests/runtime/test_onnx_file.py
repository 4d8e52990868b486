"""Bundles from strangers: refused before onnxruntime sees them."""

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet_onnx.bundle.check import check_model
from xnet_onnx.bundle.load import default_bundle_path, load_bundle, read_verified
from xnet_onnx.errors import BundleError


def tensor(name: str, values: np.ndarray):
    """Constants, kept as bytes."""
    onnx = pytest.importorskip("onnx")
    kind = {"f": 1, "i": 7}[values.dtype.kind]
    return onnx.helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True)


def weight(value: float = 0.0):
    return tensor("w", np.full((475, 100), value, np.float32))


def shape():
    return tensor("s", np.array([-1, 2, 50]))


def model(nodes: list | None = None, opsets: dict[str, int] | None = None, **changes):
    """A small model of the right shape, or of a wrong one."""
    onnx = pytest.importorskip("onnx")
    make = onnx.helper
    inputs = changes.get("inputs", [make.make_tensor_value_info("spectrum", 1, ["batch", 475])])
    outputs = changes.get("outputs", [make.make_tensor_value_info("g2", 1, ["batch", 2, 50])])
    weights = changes.get("weights", [weight(), shape()])
    default = [
        make.make_node("MatMul", ["spectrum", "w"], ["h"]),
        make.make_node("Reshape", ["h", "s"], ["g2"]),
    ]
    graph = make.make_graph(nodes or default, "g", inputs, outputs, weights)
    made = make.make_model(
        graph, opset_imports=[make.make_opsetid(k, v) for k, v in (opsets or {"": 18}).items()]
    )
    for key, value in changes.get("model", {}).items():
        getattr(made, key).append(value)
    return made.SerializeToString()


def check(data: bytes) -> None:
    check_model(data, "m.onnx", inputs=475, output=(2, 50))


def test_a_good_model_passes() -> None:
    check(model())


def test_the_shipped_bundles_pass() -> None:
    """They are not checked when they are loaded."""
    for path in default_bundle_path().parent.glob("*/bundle.json"):
        bundle = load_bundle(path.parent)
        shape = (bundle.members, bundle.r.size)
        check_model(bundle.model, "m.onnx", inputs=bundle.axis.count, output=shape)


def test_other_operators() -> None:
    onnx = pytest.importorskip("onnx")
    node = onnx.helper.make_node
    for made, found in (
        (node("Tile", ["spectrum", "w"], ["g2"]), "Tile"),
        (node("ConstantOfShape", ["w"], ["g2"]), "ConstantOfShape"),
        (node("Read", ["w"], ["g2"], domain="evil"), "evil.Read"),
        (node("Loop", ["a", "b", "w"], ["g2"]), "Loop"),
    ):
        with pytest.raises(BundleError, match=f"uses the operator {found}"):
            check(model([made]))
    inner = onnx.helper.make_graph([], "i", [], [])
    with pytest.raises(BundleError, match="a graph inside an operator"):
        check(model([node("Relu", ["spectrum"], ["g2"], body=inner)]))


def test_operator_sets() -> None:
    for opsets in ({"": 7}, {"": 99}, {"": 18, "com.microsoft": 1}, {"ai.onnx.ml": 3}):
        with pytest.raises(BundleError, match="needs the operator sets"):
            check(model(opsets=opsets))


def test_weights_in_other_files() -> None:
    onnx = pytest.importorskip("onnx")
    weights = onnx.TensorProto(name="w", data_type=1, dims=[475, 100], data_location=1)
    weights.external_data.add(key="location", value="../../../etc/passwd")
    with pytest.raises(BundleError, match="the weights 'w' are kept outside"):
        check(model(weights=[weights]))
    huge = onnx.TensorProto(name="w", data_type=1, dims=[1 << 40, 1 << 20], raw_data=b"\0" * 8)
    with pytest.raises(BundleError, match="elements in"):
        check(model(weights=[huge]))


def test_shapes() -> None:
    onnx = pytest.importorskip("onnx")
    port = onnx.helper.make_tensor_value_info
    for change in (
        {"inputs": [port("spectrum", 1, ["batch", 476])]},
        {"inputs": [port("spectrum", 11, ["batch", 475])]},
        {"inputs": [port("spectrum", 1, ["batch", 475]), port("other", 1, [1])]},
        {"inputs": [port("x", 1, ["batch", 475])]},
        {"outputs": [port("g2", 1, ["batch", 3, 50])]},
        {"outputs": [port("g2", 1, ["batch", 50])]},
    ):
        with pytest.raises(
            BundleError, match=r"m.onnx declares .* bundle.json and the model do not belong together"
        ):
            check(model(**change))


def test_functions() -> None:
    onnx = pytest.importorskip("onnx")
    with pytest.raises(BundleError, match="functions of its own"):
        check(model(model={"functions": onnx.FunctionProto(name="f", domain="d")}))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(BundleError):
        check(data)


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, 300), at=st.integers(0, 300), piece=st.binary(max_size=8))
def test_damaged_models(cut: int, at: int, piece: bytes) -> None:
    data = bytearray(model(weights=[]))
    data[at : at + cut] = piece
    with contextlib.suppress(BundleError):
        check(bytes(data))


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A copy of the shipped bundle to change."""
    folder = tmp_path / "b"
    folder.mkdir()
    for name in (
        "bundle.json",
        "ensemble.onnx",
        "member_00.onnx",
        "weights.bin",
        "statistics.npz",
        "nearest.npz",
    ):
        shutil.copy(default_bundle_path() / name, folder / name)
    return folder


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("axis", "count"), 10**12),
        (("axis", "count"), 476),
        (("axis", "step"), 0.0),
        (("axis", "first"), float("inf")),
        (("axis", "first"), float("nan")),
        (("axis", "count"), "many"),
        (("axis", "kind"), "other"),
        (("descriptor", "count"), 10**15),
        (("descriptor", "last"), 1e300),
        # Found by fuzz/fuzz_bundles.py: distances that go backwards, and an axis that does not see the edge.
        (("descriptor", "last"), 0.5),
        (("axis", "first"), -4.0),
        (("axis", "first"), -60.0),
        (("axis", "step"), 6.0),
        (("members",), 10**9),
        (("members",), 14),
        (("members",), None),
        (("files",), []),
        (("files",), {"ensemble.onnx": 3}),
        (("absorbers",), []),
        (("absorbers", 0, "e0_range"), [1]),
        (("absorbers", 0, "energy"), float("nan")),
        (("absorbers", 0, "element"), "Xx"),
        (("axis",), [1, 2]),
    ],
)
def test_numbers_that_cannot_be(bundle: Path, keys: tuple[str, ...], value: object) -> None:
    card = json.loads((bundle / "bundle.json").read_text())
    place = card
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    (bundle / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(BundleError):
        load_bundle(bundle)


def test_files_outside_the_folder(bundle: Path) -> None:
    for name in ("../x", "a/b", "C:x", "..", "", "a\\b", "a\0b"):
        with pytest.raises(BundleError, match="names in the bundle's own folder"):
            read_verified(bundle, name, {"files": {name: "0"}})


def test_a_model_that_is_recorded_and_hostile(bundle: Path) -> None:
    onnx = pytest.importorskip("onnx")
    data = model([onnx.helper.make_node("Loop", ["a", "b", "w"], ["g2"])])
    (bundle / "ensemble.onnx").write_bytes(data)
    card = json.loads((bundle / "bundle.json").read_text())
    card["files"]["ensemble.onnx"] = hashlib.sha256(data).hexdigest()
    (bundle / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match="uses the operator Loop"):
        load_bundle(bundle)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"format": 1}', "null"])
def test_cards_that_are_none(bundle: Path, text: str) -> None:
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(BundleError):
        load_bundle(bundle)
