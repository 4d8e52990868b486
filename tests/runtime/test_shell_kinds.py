"""The kind of the first shell's atoms: probabilities, how they are told, and when they are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_onnx import Prediction, predict, read
from xnet_onnx.bundle.load import Bundle
from xnet_onnx.bundle.statistics import SHELL_KINDS, ShellKinds, parse_calibration
from xnet_onnx.output.html import as_html
from xnet_onnx.output.table import as_json
from xnet_onnx.output.text import as_block, neighbours
from xnet_onnx.prediction import ShellKind
from xnet_onnx.uncertainty.shell_kinds import probabilities_of


def knowing(bundle: Bundle, kinds: ShellKinds | None) -> Bundle:
    assert bundle.calibration is not None
    return replace(bundle, calibration=replace(bundle.calibration, shell_kinds=kinds))


@pytest.fixture(scope="module")
def told(bundle: Bundle, example: Path) -> Prediction:
    bias = np.log([0.7, 0.28, 0.02])
    return predict(example, bundle=knowing(bundle, ShellKinds(np.zeros((3, bundle.r.size)), bias)))


@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 1e4))
def test_probabilities(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = ShellKinds(size * rng.normal(size=(3, 50)), size * rng.normal(size=3))
    mean = rng.normal(1.0, 2.0, size=(4, 50))
    found = probabilities_of(kinds, mean)
    assert np.all((found >= 0.0) & (found <= 1.0))
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    # The same for each spectrum alone, and whatever is added to all scores.
    np.testing.assert_allclose(probabilities_of(kinds, mean[2:3]), found[2:3], atol=1e-9)
    np.testing.assert_allclose(
        probabilities_of(ShellKinds(kinds.weights, kinds.bias + 3.0), mean), found, atol=1e-6
    )


def test_what_is_told(told: Prediction) -> None:
    assert told.first_shell is not None
    assert [one.name for one in told.first_shell.kinds] == list(SHELL_KINDS)
    assert [one.probability for one in told.first_shell.kinds] == [0.7, 0.28, 0.02]
    assert neighbours(told) == "C/N/O/F (70 %), P/S/Cl or heavier (28 %)"
    assert "  neighbours    C/N/O/F (70 %), P/S/Cl or heavier (28 %)" in as_block("file", told).splitlines()
    assert "neighbours: C/N/O/F (70 %)" in as_html(told)
    in_json: Any = json.loads(json.dumps(as_json("file", told)))
    assert in_json["first_shell"]["kinds"][1] == {"name": "P/S/Cl or heavier", "probability": 0.28}


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.9, "metal (90 %)"), (0.97, "metal (97 %)"), (0.9999, "metal (99 %)")]
)
def test_one_kind_where_it_is_sure(told: Prediction, probability: float, expected: str) -> None:
    assert told.first_shell is not None
    kinds = (ShellKind("metal", probability), ShellKind("C/N/O/F", 1.0 - probability))
    assert neighbours(replace(told, first_shell=replace(told.first_shell, kinds=kinds))) == expected


def test_the_most_probable_comes_first(bundle: Bundle, example: Path) -> None:
    bias = np.log([0.1, 0.2, 0.7])
    result = predict(example, bundle=knowing(bundle, ShellKinds(np.zeros((3, bundle.r.size)), bias)))
    assert result.first_shell is not None
    assert [one.name for one in result.first_shell.kinds] == list(SHELL_KINDS[::-1])


def test_none_without_a_distance_or_from_an_older_bundle(bundle: Bundle, example: Path) -> None:
    older = predict(example, bundle=knowing(bundle, None))
    assert older.first_shell is not None
    assert older.first_shell.kinds == ()
    assert neighbours(older) == ""
    assert "neighbours" not in as_block("file", older)
    spectrum = read(example)
    spoilt = replace(spectrum, mu=np.where(spectrum.energy > spectrum.energy[60], 1.0, 0.0))
    hidden = predict(spoilt, bundle=bundle)
    assert hidden.first_shell is None
    assert neighbours(hidden) == ""


@pytest.mark.parametrize(
    "broken",
    [
        {"bias": [0.0, 0.0, 0.0]},
        {"weights": np.zeros((3, 50)), "bias": [0.0, 0.0]},
        {"weights": np.zeros((2, 50)), "bias": [0.0, 0.0, 0.0]},
        {"weights": np.full((3, 50), np.nan), "bias": [0.0, 0.0, 0.0]},
    ],
)
def test_broken_statistics_are_refused(bundle: Bundle, broken: dict[str, Any]) -> None:
    calibration = bundle.calibration
    assert calibration is not None
    value = {name: getattr(calibration, name) for name in calibration.__dataclass_fields__}
    good = {"weights": np.zeros((3, 50)), "bias": [0.0, 0.0, 0.0]}
    assert parse_calibration({**value, "shell_kinds": good}, 50).shell_kinds is not None
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_calibration({**value, "shell_kinds": broken}, 50)
