"""The compounds of a bundle that a spectrum is compared with."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnet_onnx import Bundle, Prediction, load_bundle, predict
from xnet_onnx.bundle.load import default_bundle_path
from xnet_onnx.bundle.nearest import parse_compounds
from xnet_onnx.errors import BundleError
from xnet_onnx.output.html import as_html
from xnet_onnx.output.table import as_json
from xnet_onnx.output.text import as_block, similar
from xnet_onnx.uncertainty.nearest import nearest_of

COUNT = 222
NAMES = ("Alpha", "Beta", "Fe in Gamma (Ti site)", "Delta")


def arrays(**changed: Any) -> dict[str, Any]:
    """Four compounds of 1, 2, 1 and 1 spectra in two sharpnesses, on two components."""
    scores = np.array(
        [
            [[0.0, 1.0, 2.0, 3.0, 9.0], [0.5, 1.5, 2.5, 3.5, 9.0]],
            [[0.0, 0.0, 0.0, 0.0, 9.0], [0.5, 0.5, 0.5, 0.5, 9.0]],
        ]
    )
    made = {
        "centre": np.zeros(COUNT, dtype=np.float32),
        "components": np.eye(2, COUNT, dtype=np.float32),
        "scores": scores.astype(np.float16),
        "first_shell": np.array([1.9, 2.0, 2.1, 2.2, 2.3], dtype=np.float32),
        "compound": np.array([0, 1, 1, 2, 3], dtype=np.int32),
        "names": np.array(NAMES),
        "absorbers": np.array([26, 26, 26, 22], dtype=np.int32),
        "close": np.array(0.1, dtype=np.float32),
    }
    return made | changed


def packed(made: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **made)
    return buffer.getvalue()


def with_compounds(folder: Path, data: bytes) -> Path:
    """A copy of the shipped bundle with other compounds."""
    shutil.copytree(default_bundle_path(), folder)
    (folder / "nearest.npz").write_bytes(data)
    card = json.loads((folder / "bundle.json").read_text())
    card["files"]["nearest.npz"] = hashlib.sha256(data).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, example: Path) -> tuple[Bundle, Prediction]:
    bundle = load_bundle(with_compounds(tmp_path_factory.mktemp("b") / "b", packed(arrays())))
    return bundle, predict(example, bundle=bundle)


def test_the_nearest_are_those_of_plain_arithmetic() -> None:
    """Against the differences of the whole curves, one by one."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(COUNT, 6)))[0].T
    centre = rng.normal(size=COUNT)
    curves = centre + rng.normal(size=(3, 40, 6)) @ axes
    compound = np.sort(rng.integers(0, 12, size=40))
    compound = np.unique(compound, return_inverse=True)[1].astype(np.int32)
    names = np.array([f"Compound {i}" for i in range(compound[-1] + 1)])
    made = arrays(
        centre=centre,
        components=axes,
        scores=np.moveaxis((curves - centre) @ axes.T, 2, 0),
        first_shell=np.linspace(1.8, 2.6, 40),
        compound=compound,
        names=names,
        absorbers=np.full(names.size, 26),
    )
    compounds = parse_compounds(packed(made), COUNT)
    inputs = (curves[0, :5] + 0.1 * rng.normal(size=(5, COUNT))).astype(np.float32)
    for row, found in zip(inputs, nearest_of(compounds, inputs, 4), strict=True):
        apart = np.sqrt(((curves - row) ** 2).mean(axis=2)).min(axis=0)
        best = sorted((float(apart[compound == i].min()), i) for i in range(names.size))[:4]
        assert [one.name for one in found] == [f"Compound {i}" for _, i in best]
        np.testing.assert_allclose([one.difference for one in found], [d for d, _ in best], rtol=1e-4)
        at = [int(np.argmin(np.where(compound == i, apart, np.inf))) for _, i in best]
        np.testing.assert_allclose([one.first_shell for one in found], made["first_shell"][at])


def test_a_compound_is_named_once(compared: tuple[Bundle, Prediction]) -> None:
    _, result = compared
    names = [one.name for one in result.nearest]
    assert len(names) == 3
    assert len(set(names)) == 3
    assert [one.difference for one in result.nearest] == sorted(one.difference for one in result.nearest)


def test_what_is_told(compared: tuple[Bundle, Prediction]) -> None:
    _, result = compared
    line = similar(result)
    first = result.nearest[0]
    assert line.startswith("none is close; ")
    assert f"{first.name} {first.first_shell:.2f} A (curves differ by {100 * first.difference:.0f} %)" in line
    assert f"  most similar  {line}" in as_block("file", result).splitlines()
    assert first.name in as_html(result)
    close = replace(result, nearest=tuple(replace(one, close=True) for one in result.nearest))
    assert not similar(close).startswith("none")
    other = replace(result, element="Cu", nearest=tuple(replace(one, name="Alpha") for one in result.nearest))
    assert "Alpha (Fe)" in similar(other)


def test_in_json(compared: tuple[Bundle, Prediction]) -> None:
    _, result = compared
    told = json.loads(json.dumps(as_json("file", result)))["nearest"]
    assert [one["name"] for one in told] == [one.name for one in result.nearest]
    assert set(told[0]) == {"name", "element", "first_shell", "difference", "close"}


def test_none_beside_a_distance_that_is_not_shown(compared: tuple[Bundle, Prediction], example: Path) -> None:
    from xnet_onnx import read

    bundle, _ = compared
    spectrum = read(example)
    # Absorbed by itself beyond what is known.
    spoilt = replace(
        spectrum, mu=np.where(spectrum.energy > spectrum.energy[60], 1.0, 0.0) + 0.0 * spectrum.mu
    )
    hidden = predict(spoilt, bundle=bundle)
    assert hidden.confidence is not None
    assert hidden.confidence.verdict == "outside"
    assert hidden.nearest == ()
    assert len(predict(spoilt, bundle=bundle, force=True).nearest) == 3


def test_a_bundle_without_compounds(example: Path, bundle: Bundle) -> None:
    result = predict(example, bundle=replace(bundle, compounds=None))
    assert result.nearest == ()
    assert similar(result) == ""
    assert "most similar" not in as_block("file", result)
    assert result.to_dict()["nearest"] == []


NAN = np.full(COUNT, np.nan, dtype=np.float32)


@pytest.mark.parametrize(
    "changed",
    [
        {"centre": NAN},
        {"centre": np.zeros(COUNT - 1, dtype=np.float32)},
        {"components": np.zeros((2, COUNT, 1), dtype=np.float32)},
        {"components": np.zeros((3, COUNT), dtype=np.float32)},
        {"components": np.full((2, COUNT), np.inf)},
        {"scores": np.full((2, 2, 5), np.nan, dtype=np.float16)},
        {"scores": np.full((2, 2, 5), 1e30)},
        {"scores": np.zeros((2, 2, 4), dtype=np.float16)},
        {"scores": np.zeros((2, 2, 0), dtype=np.float16)},
        {"scores": np.zeros((2, 5), dtype=np.float16)},
        {"scores": np.zeros((25, 2, 5), dtype=np.float16)},
        {"scores": np.zeros((2, 2, 5), dtype=np.complex64)},
        {"scores": np.zeros((2, 100, 50_000), dtype=np.bool_)},
        {"first_shell": np.full(5, -1.0)},
        {"first_shell": np.full(5, np.nan)},
        {"first_shell": np.array(["a"] * 5)},
        {"compound": np.array([0, 1, 1, 2, 4], dtype=np.int32)},
        {"compound": np.array([1, 0, 1, 2, 3], dtype=np.int32)},
        {"compound": np.array([0, 0, 1, 2, 2], dtype=np.int32)},
        {"compound": np.array([0.0, 1.0, 1.0, 2.0, 3.0])},
        {"compound": np.array([-1, 0, 1, 2, 3], dtype=np.int64)},
        {"names": np.array(["Alpha", "Beta", "Gamma", "\x1b[2J"])},
        {"names": np.array(["Alpha", "Beta", "Gamma", "a\u202eb"])},
        {"names": np.array(["Alpha", "Beta", "Gamma", ""])},
        {"names": np.array(["Alpha", "Beta", "Gamma", "x" * 101])},
        {"names": np.array(["Alpha", "Beta", "Gamma"])},
        {"names": np.array([b"Alpha", b"Beta", b"Gamma", b"Delta"])},
        {"names": np.zeros(4)},
        {"absorbers": np.array([0, 1, 2, 3], dtype=np.int32)},
        {"absorbers": np.array([26, 26, 26, 10_000], dtype=np.int32)},
        {"close": np.array(np.nan)},
        {"close": np.array(0.0)},
        {"close": np.array([0.1, 0.2])},
    ],
)
def test_compounds_that_cannot_be(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nearest\.npz"):
        parse_compounds(packed(arrays(**changed)), COUNT)


@pytest.mark.parametrize("missing", sorted(arrays()))
def test_compounds_that_lack_something(missing: str) -> None:
    made = arrays()
    del made[missing]
    with pytest.raises(KeyError):
        parse_compounds(packed(made), COUNT)


def test_pickles_are_never_opened() -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a pickle was opened",))

    data = packed(arrays(names=np.array([Trap()] * 4, dtype=object)))
    with pytest.raises(ValueError, match="plain numbers or words"):
        parse_compounds(data, COUNT)


@pytest.mark.parametrize(
    "data", [b"", b"nothing", packed(arrays())[:300], packed(arrays(names=np.array(["\x1b[2J"] * 4)))]
)
def test_a_bundle_that_is_refused(tmp_path: Path, data: bytes) -> None:
    folder = with_compounds(tmp_path / "b", data)
    with pytest.raises(BundleError, match="export the bundle again") as caught:
        load_bundle(folder)
    assert str(caught.value).isprintable()


def test_compounds_that_were_exchanged(tmp_path: Path) -> None:
    folder = with_compounds(tmp_path / "b", packed(arrays()))
    (folder / "nearest.npz").write_bytes(packed(arrays(close=np.array(0.2))))
    with pytest.raises(BundleError, match="SHA-256"):
        load_bundle(folder)
