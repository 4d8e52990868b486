"""Bundles made to harm: each is refused in one line, soon and without taking memory."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnet_onnx import predict
from xnet_onnx.bundle.check import check_model
from xnet_onnx.bundle.external import WEIGHTS, link
from xnet_onnx.bundle.files import MAX_FILE_BYTES
from xnet_onnx.bundle.load import Bundle, default_bundle_path, load_bundle, read_models, read_verified
from xnet_onnx.bundle.shapes import MAX_PRODUCTS, ROWS, cost_of
from xnet_onnx.bundle.statistics import (
    PROPERTIES,
    join_arrays,
    parse_calibration,
    parse_domain,
    read_arrays,
)
from xnet_onnx.bundle.wire import read_graph
from xnet_onnx.child import ChildError, run_child
from xnet_onnx.cli.verification import verify_bundle
from xnet_onnx.errors import BundleError
from xnet_onnx.inference import trial
from xnet_onnx.uncertainty.domain import MEANING

from ..limits import bounded
from ..synthetic import scorodite_mu
from .test_onnx_file import model, shape, tensor, weight

POSIX = pytest.mark.skipif(os.name == "nt", reason="no device files")


def refused(data: bytes, message: str) -> None:
    with bounded(), pytest.raises(BundleError, match=message) as caught:
        check_model(data, "m.onnx", inputs=475, output=(2, 50))
    assert "\n" not in str(caught.value)


def node(*arguments: Any, **attributes: Any) -> Any:
    return pytest.importorskip("onnx").helper.make_node(*arguments, **attributes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped bundle to change."""
    shutil.copytree(default_bundle_path(), tmp_path / "b")
    return tmp_path / "b"


def record(folder: Path, name: str, data: bytes) -> None:
    """Put a file into a bundle and its hash into bundle.json."""
    (folder / name).write_bytes(data)
    card = json.loads((folder / "bundle.json").read_text())
    card["files"][name] = hashlib.sha256(data).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(card))


# --- files ------------------------------------------------------------------------------------------


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def linked_pipe(path: Path) -> None:
    os.mkfifo(path.with_suffix(".pipe"))
    path.symlink_to(path.with_suffix(".pipe"))


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


@POSIX
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (device, "is a device; expected a regular file"),
        (pipe, "is a named pipe; expected a regular file"),
        (linked_pipe, "is a named pipe; expected a regular file"),
        (a_socket, "is a socket; expected a regular file"),
        (Path.mkdir, "is a folder; expected a regular file"),
        (large, "has more than [0-9]+ bytes; expected at most"),
    ],
)
@pytest.mark.parametrize(
    "name", ["bundle.json", "ensemble.onnx", WEIGHTS, "golden.json", "README.md", "member_00.onnx"]
)
def test_what_is_no_regular_file(folder: Path, name: str, make: Callable[[Path], None], found: str) -> None:
    bundle = load_bundle(folder)
    (folder / name).unlink()
    make(folder / name)
    with bounded(), pytest.raises(BundleError, match=f"{name} {found}"):
        load_bundle(folder) if name == "bundle.json" else read_verified(folder, name, bundle.card)


@POSIX
def test_a_link_to_a_file_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "ensemble.onnx").rename(tmp_path / "blob")
    (folder / "ensemble.onnx").symlink_to(tmp_path / "blob")
    assert load_bundle(folder).model == load_bundle().model


# --- weights that lie in a file of their own ----------------------------------------------------------


def external(dims: tuple[int, ...] = (475, 100), kind: int = 1, flag: int = 1, **entries: object) -> Any:
    """A weight that refers to a file; good unless something else is asked for."""
    onnx = pytest.importorskip("onnx")
    size = 4 * int(np.prod(dims, dtype=object))
    made = onnx.TensorProto(name="w", data_type=kind, dims=dims, data_location=flag)
    for key, value in ({"location": WEIGHTS, "offset": 8, "length": size} | entries).items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                made.external_data.add(key=key, value=str(one))
    return made


def test_weights_are_put_back_where_they_were() -> None:
    weights = np.random.default_rng(0).normal(size=2 + 475 * 100).astype(np.float32)
    inside = model(weights=[tensor("w", weights[2:].reshape(475, 100)), shape()])
    linked = link(model(weights=[external(), shape()]), weights.tobytes(), "m.onnx")
    assert linked == inside
    check_model(linked, "m.onnx", inputs=475, output=(2, 50))
    assert link(inside, b"", "m.onnx") == inside


SIZE = 8 + 4 * 475 * 100


@pytest.mark.parametrize(
    "location",
    [
        "../weights.bin",
        "/etc/passwd",
        "a/weights.bin",
        "weights.bin\0",
        "./weights.bin",
        "",
        None,
        "bundle.json",
    ],
)
def test_weights_in_any_other_file(location: str | None) -> None:
    data = model(weights=[external(location=location), shape()])
    with bounded(), pytest.raises(BundleError, match="'w' are kept outside the model file, in") as caught:
        link(data, bytes(SIZE), "m.onnx")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset": 12}, "are bytes 12 and 190000 more of 190008"),
        ({"offset": -4}, "are bytes -4 and"),
        ({"offset": 1 << 62}, "are bytes"),
        ({"offset": "9" * 400}, "are bytes"),
        ({"offset": "0x8"}, "are bytes 0x8"),
        ({"offset": "\u0668"}, "are bytes"),
        ({"length": 4}, "are bytes 8 and 4 more"),
        ({"length": -1}, "are bytes"),
        ({"dims": (-1, -1), "length": 4}, "are bytes"),
        ({"dims": (1 << 40, 1 << 20), "length": 8}, "are bytes"),
        ({"dims": (475, 101)}, "are bytes"),
        ({"dims": (0, 5), "length": 4}, "are bytes"),
        ({"dims": (1,) * 9, "length": 4}, "more than 8|of type"),
        ({"length": None}, "kept outside the model file with location, offset; expected"),
        ({"offset": [8, 8]}, "kept outside the model file with"),
        ({"location": [WEIGHTS, WEIGHTS]}, "kept outside the model file with"),
        ({"checksum": "0"}, "kept outside the model file with"),
        ({"kind": 7}, "no plain float32"),
        ({"kind": 11}, "no plain float32"),
        ({"flag": 0, "location": "x"}, "kept outside the model file, in x"),
    ],
)
def test_weights_that_are_not_in_that_file(change: dict[str, Any], message: str) -> None:
    data = model(weights=[external(**change), shape()])
    with bounded(), pytest.raises(BundleError, match=message) as caught:
        check_model(link(data, bytes(SIZE), "m.onnx"), "m.onnx", inputs=475, output=(2, 50))
    assert "\n" not in str(caught.value)


def test_weights_inside_and_outside() -> None:
    both = external()
    both.raw_data = bytes(8)
    with bounded(), pytest.raises(BundleError, match="no plain float32"):
        link(model(weights=[both, shape()]), bytes(SIZE), "m.onnx")


def test_weights_taken_many_times() -> None:
    """A few kilobytes of graph that take the same weights a thousand times."""
    size = 4 << 20
    many = [external((1 << 20,), offset=0) for _ in range(1000)]
    with bounded(), pytest.raises(BundleError, match=f"more than {MAX_FILE_BYTES} bytes with its weights"):
        link(model(weights=many), bytes(size), "m.onnx")


def test_weights_of_an_operator_are_inside() -> None:
    constant = node("Constant", [], ["c"], value=external())
    data = model([constant, node("MatMul", ["spectrum", "c"], ["h"]), node("Reshape", ["h", "s"], ["g2"])])
    refused(link(data, bytes(SIZE), "m.onnx"), "the weights 'w' are kept outside")


def test_weights_of_that_file_that_are_not_finite(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[1000:1004] = np.float32(np.nan).tobytes()
    record(folder, WEIGHTS, bytes(data))
    with bounded(), pytest.raises(BundleError, match=r"ensemble.onnx: the weights .* hold NaN or infinity"):
        load_bundle(folder)


def test_weights_that_were_changed(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[1000] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(BundleError, match=r"weights\.bin has SHA-256"):
        load_bundle(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=r"weights\.bin cannot be read"):
        load_bundle(folder)


# --- texts and numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("key", ["first", "step", "high"])
def test_numbers_that_are_none(folder: Path, key: str, number: str) -> None:
    text = (folder / "bundle.json").read_text()
    changed, count = re.subn(rf'("{key}": )[-0-9.e]+', rf"\g<1>{number}", text, count=1)
    assert count == 1
    (folder / "bundle.json").write_text(changed)
    with bounded(), pytest.raises(BundleError, match="which is not finite"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["[" * 1_000_000, '{"a":' * 500_000, '{"g2": NaN}', "[1]", "\x00", "{}"])
def test_golden_inputs_that_are_none(folder: Path, text: str) -> None:
    record(folder, "golden.json", text.encode())
    bundle = load_bundle(folder)
    with bounded(), pytest.raises(BundleError, match=r"golden\.json (is not JSON|lacks or misstates)"):
        verify_bundle(bundle)


def test_a_card_that_is_no_text(folder: Path) -> None:
    record(folder, "README.md", b"\xff\xfe\x00bad")
    with pytest.raises(BundleError, match=r"README\.md is not text in UTF-8"):
        verify_bundle(load_bundle(folder))


def test_more_files_than_a_bundle_has(folder: Path) -> None:
    bundle = load_bundle(folder)
    many = {f"x{i}": "0" * 64 for i in range(200)} | bundle.card["files"]
    with bounded(), pytest.raises(BundleError, match="has 223 files"):
        verify_bundle(replace(bundle, card=bundle.card | {"files": many}))


# --- graphs -----------------------------------------------------------------------------------------


def doubled(count: int) -> list[Any]:
    """A spectrum put beside itself, again and again."""
    return [
        node("Concat", [name, name], [f"d{i + 1}"], axis=1)
        for i, name in enumerate(["spectrum", *(f"d{i}" for i in range(1, count))])
    ]


def test_arrays_that_double() -> None:
    data = model(doubled(40), weights=[])
    assert len(data) < 2000
    refused(data, "operator 9, Concat, takes the arrays to .* bytes; expected at most")


def test_arrays_that_expand() -> None:
    sizes = tensor("n", np.array([1 << 20, 1 << 12, 1]))
    for made in (
        [node("Expand", ["w", "n"], ["e"])],
        [node("Expand", ["one", "n"], ["e"])],
        [node("OneHot", ["s", "depth", "two"], ["e"])],
        [node("Gather", ["w", "indices"], ["e"])],
    ):
        weights = [
            weight(),
            shape(),
            sizes,
            tensor("one", np.ones(1, np.float32)),
            tensor("two", np.ones(2, np.float32)),
            tensor("depth", np.array(1 << 40)),
            tensor("indices", np.zeros(1_000_000, np.int64)),
        ]
        refused(model(made, weights=weights), "bytes; expected at most|shapes do not fit")


def test_a_size_that_is_largest_for_few_spectra() -> None:
    """Checked for one number of spectra alone, 720720 / batch would pass."""
    made = [
        node("Shape", ["spectrum"], ["b"], start=0, end=1),
        node("Concat", ["b", "minus"], ["to"], axis=0),
        node("Reshape", ["many", "to"], ["r"]),
    ]
    weights = [tensor("many", np.zeros(720720, np.float32)), tensor("minus", np.array([-1]))]
    refused(model(made, weights=weights), "Reshape, gives an array another size")


def test_products_without_end() -> None:
    wide = tensor("wide", np.zeros((475, 2000), np.float32))
    square = tensor("square", np.zeros((2000, 2000), np.float32))
    made = [node("MatMul", ["spectrum", "wide"], ["m0"])]
    made += [node("MatMul", [f"m{i}", "square"], [f"m{i + 1}"]) for i in range(5000)]
    refused(model(made, weights=[wide, square]), "MatMul, takes the products to .* expected at most")
    made = [node("Concat", ["spectrum"] * 8, ["m0"], axis=1)]
    made += [node("Sum", [f"m{i}"] * 15_000, [f"m{i + 1}"]) for i in range(5)]
    refused(model(made, weights=[]), "Sum, takes the products to")


def test_sizes_that_depend_on_the_data() -> None:
    made = [node("Cast", ["spectrum"], ["c"], to=7), node("Expand", ["w", "c"], ["e"])]
    refused(model(made, weights=[weight()]), "Expand, has a shape that depends on the data")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (("MatMul", ["spectrum", "s"], ["g2"]), "whose shapes do not fit"),
        (("Gemm", ["w", "w"], ["g2"]), "whose shapes do not fit"),
        (("Conv", ["spectrum", "w"], ["g2"]), "whose shapes do not fit"),
        (("Relu", ["nothing"], ["g2"]), "takes 'nothing', which is not there"),
        (("Relu", [""], ["g2"]), "lacks an input"),
        (("Relu", [], ["g2"]), "lacks an input"),
        (("Relu", ["spectrum"], ["spectrum"]), "makes 'spectrum' a second time"),
        (("Relu", ["spectrum"], ["g2"]), "makes g2 of another shape"),
        (("Relu", ["spectrum"], ["g2", "more"]), "gives 2 arrays; expected 1"),
        (("Reshape", ["spectrum", "w"], ["g2"]), "depends on the data"),
    ],
)
def test_graphs_that_do_not_fit(made: tuple[Any, ...], message: str) -> None:
    refused(model([node(*made)]), message)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value: float) -> None:
    refused(model(weights=[weight(value), shape()]), "the weights 'w' hold NaN or infinity")
    onnx = pytest.importorskip("onnx")
    listed = onnx.helper.make_tensor("w", 1, [475, 100], np.full(47500, value))
    refused(model(weights=[listed, shape()]), "the weights 'w' hold NaN or infinity")
    constant = node("Constant", [], ["c"], value=onnx.helper.make_tensor("v", 1, [1], [value]))
    refused(model([constant]), "the weights 'v' hold NaN or infinity")
    refused(model([node("Elu", ["spectrum"], ["g2"], alpha=value)]), "'alpha' that is not finite")


def test_files_of_nothing_but_fields() -> None:
    refused(b"\x08\x01" * 5_000_000, "more than 100000 fields")
    refused(model([node("Relu", ["spectrum"], ["g2"], axes=[1] * 5000)]), "more than 64 integers")
    refused(model([node("Sum", ["x"] * 300_000, ["g2"])]), "more than 100000 fields")


# --- what may pass ----------------------------------------------------------------------------------


def with_absorber(*more: Any) -> bytes:
    """A model that looks its absorber up in a table of rows."""
    make = pytest.importorskip("onnx").helper
    inputs = [
        make.make_tensor_value_info("spectrum", 1, ["batch", 475]),
        make.make_tensor_value_info("absorber", 7, ["batch"]),
    ]
    nodes = [
        node("Gather", ["table", "absorber"], ["row"]),
        node("OneHot", ["absorber", "depth", "two"], ["hot"]),
        node("Unsqueeze", ["absorber", "axis"], ["column"]),
        node("Equal", ["column", "numbers"], ["same"]),
        node("Cast", ["same"], ["mask"], to=1),
        node("Concat", ["spectrum", "row", "hot", "mask"], ["all"], axis=1),
        node("MatMul", ["all", "dense"], ["h"]),
        node("Clip", ["h", "low"], ["positive"]),
        node("Reshape", ["positive", "s"], ["g2"]),
    ]
    weights = [
        shape(),
        tensor("table", np.ones((40, 8), np.float32)),
        tensor("depth", np.array(40)),
        tensor("two", np.array([0, 1], np.float32)),
        tensor("axis", np.array([1])),
        tensor("numbers", np.array([22, 26, 30])),
        tensor("dense", np.ones((475 + 8 + 40 + 3, 100), np.float32)),
        tensor("low", np.array(0, np.float32)),
    ]
    return model([*nodes, *more], inputs=inputs, weights=weights)


def test_a_model_of_several_elements_passes() -> None:
    check_model(with_absorber(), "m.onnx", inputs=475, output=(2, 50))


@pytest.mark.parametrize("name", ["ensemble.onnx", "member_00.onnx"])
def test_what_is_counted_is_what_is_run(name: str) -> None:
    """Products and shapes of the shipped graphs, against onnx's own inference of shapes."""
    onnx = pytest.importorskip("onnx")
    from xnet_onnx.bundle.shapes import OPERATORS

    bundle = load_bundle()
    data = read_models(bundle.path, [name], bundle.card)[name]
    cost = cost_of(read_graph(data, name, OPERATORS, range(13, 31)))
    made = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), strict_mode=True)
    compared = 0
    for value in (*made.graph.value_info, *made.graph.output):
        dims = value.type.tensor_type.shape.dim
        _, ours = cost.shapes[value.name]
        assert len(ours) == len(dims)
        for dimension, (coefficient, power) in zip(dims, ours, strict=True):
            assert dimension.dim_value == (0 if power else coefficient)
            compared += 1
    assert compared > 20
    assert cost.products < MAX_PRODUCTS / 10


# --- the trial run ----------------------------------------------------------------------------------


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    fresh: set[str] = set()
    monkeypatch.setattr(trial, "_passed", fresh)
    return fresh


def test_a_model_runs_once_in_another_process(
    tmp_path: Path, passed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(module: str, *arguments: Any) -> tuple[Any, bytes]:
        calls.append(module)
        return run_child(module, *arguments)

    monkeypatch.setattr(trial, "run_child", counted)
    for _ in range(2):
        trial.try_models(
            tmp_path, {"m.onnx": (model(), (2, 50)), "n.onnx": (with_absorber(), (2, 50))}, 475, [26]
        )
    assert calls == ["xnet_onnx.inference.trial"]
    assert len(passed) == 2


def test_the_shipped_model_is_known_wherever_it_lies(
    folder: Path, bundle: Bundle, passed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(trial, "run_child", never)
    models = {"ensemble.onnx": (bundle.model, (bundle.members, bundle.r.size))}
    trial.try_models(bundle.path, models, bundle.axis.count, [26])
    trial.try_models(folder, models, bundle.axis.count, [26])
    with pytest.raises(AssertionError):
        trial.try_models(folder, {"m.onnx": (model(), (2, 50))}, 475, [26])


@pytest.mark.parametrize(
    ("data", "absorber", "message"),
    [
        (lambda: model(weights=[weight(3e38), shape()]), 26, "gives NaN or infinity"),
        (lambda: model(weights=[weight(), shape()]), 26, r"gives an array of shape \(1, 2, 50\)"),
        (with_absorber, 41, "onnxruntime cannot run the bundle's model: .* out of data bounds"),
        (lambda: b"\x08\x01", 26, "onnxruntime cannot run the bundle's model"),
    ],
)
def test_models_that_fail_when_they_run(
    tmp_path: Path, passed: set[str], data: Callable[[], bytes], absorber: int, message: str
) -> None:
    expected = (2, 51) if "shape" in message else (2, 50)
    with pytest.raises(BundleError, match=message) as caught:
        trial.try_models(tmp_path, {"m.onnx": (data(), expected)}, 475, [26, absorber])
    assert "\n" not in str(caught.value)
    assert not passed


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("child.limit_memory(1 << 27)\nbytearray(1 << 29)", "ended with 1"),
        ("child.limit_processor_time(0)\nwhile True: pass", "ended with -"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "ended with -11"),
        ("print('no JSON')", "gave no answer"),
        ("import time\ntime.sleep(60)", "no answer within 5 s"),
    ],
)
def test_limits_of_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    (tmp_path / "harmful.py").write_text(f"from xnet_onnx import child\n{code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ChildError, match=reason):
        run_child("harmful", [], b"", 5.0 if "sleep" in code else 60.0)


@pytest.mark.slow
def test_a_stranger_s_bundle_is_used(folder: Path, passed: set[str]) -> None:
    """Another graph of the same function, so of another hash, after its trial."""
    onnx = pytest.importorskip("onnx")
    changed = onnx.load_from_string((folder / "ensemble.onnx").read_bytes())
    changed.doc_string = "mine"
    record(folder, "ensemble.onnx", changed.SerializeToString())
    energy, mu = scorodite_mu()
    ours, theirs = predict(energy, mu), predict(energy, mu, bundle=load_bundle(folder))
    assert len(passed) == 1
    np.testing.assert_allclose(theirs.members, ours.members, atol=1e-6)


def test_a_run_is_no_longer_than_it_was_counted_for() -> None:
    from xnet_onnx.inference import ensemble

    assert ensemble.ROWS is ROWS


# --- statistics -------------------------------------------------------------------------------------


def test_every_property_has_a_meaning() -> None:
    assert set(MEANING) == set(PROPERTIES)


@pytest.mark.parametrize(
    ("part", "path", "value"),
    [
        # Found by fuzz/fuzz_bundles.py, case 50217.
        ("domain", ("properties", 0, "name"), None),
        ("domain", ("properties", 0, "low"), 1e9),
        ("domain", ("inputs", "distance", "threshold"), 0.0),
        ("domain", ("inputs", "distance", "threshold"), float("nan")),
        ("domain", ("inputs", "valid", "log_det"), float("inf")),
        ("domain", ("inputs", "space", "scale", 0), 0.0),
        ("domain", ("inputs", "space", "components", 0), [1.0]),
        ("domain", ("peaked", "space", "components", 0), [1.0]),
        ("domain", ("peaked", "residual", "threshold"), 0.0),
        ("calibration", ("levels", 0), -0.5),
        ("calibration", ("floor", 0), -1.0),
        ("calibration", ("band_lower", 0, 0), float("nan")),
        ("calibration", ("typical_mse",), 0.0),
        ("calibration", ("shell_widening",), -1.0),
    ],
)
def test_statistics_that_cannot_be(bundle: Bundle, part: str, path: tuple[Any, ...], value: Any) -> None:
    arrays = read_arrays(read_verified(bundle.path, "statistics.npz", bundle.card))
    found = json.loads(json.dumps(join_arrays(bundle.card, arrays)[part], default=np.ndarray.tolist))
    parse = (
        (lambda: parse_domain(found, bundle.axis.count))
        if part == "domain"
        else (lambda: parse_calibration(found, bundle.r.size))
    )
    parse()
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=r"."):
        parse()
