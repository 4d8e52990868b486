"""What a prediction can do for itself, and the ways to ask for one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import xnet_onnx
from xnet_onnx import Prediction, SpectrumError, predict, predict_many, read
from xnet_onnx.output.table import as_json
from xnet_onnx.output.text import uncertain_peaks

from ..conftest import EXAMPLE


@pytest.fixture(scope="module")
def result() -> Prediction:
    return predict(EXAMPLE)


def test_a_file_a_spectrum_and_arrays_are_the_same(result: Prediction) -> None:
    spectrum = read(EXAMPLE)
    order = np.random.default_rng(0).permutation(spectrum.energy.size)
    asked = (
        predict(str(EXAMPLE)),
        predict(spectrum),
        predict(spectrum.energy, spectrum.mu),
        predict(spectrum.energy[order], spectrum.mu[order]),
        predict(spectrum.energy.tolist(), spectrum.mu.tolist(), label="by hand"),
    )
    for other in asked:
        np.testing.assert_array_equal(other.mean, result.mean)
    assert any("sorted" in warning for warning in asked[3].warnings)
    assert asked[4].label == "by hand"


def test_what_is_no_question() -> None:
    spectrum = read(EXAMPLE)
    with pytest.raises(SpectrumError, match=r"expected predict\(energy, mu\)"):
        predict(spectrum.energy)
    with pytest.raises(SpectrumError, match="beside a file"):
        predict(EXAMPLE, spectrum.mu)
    with pytest.raises(SpectrumError, match="no numbers"):
        predict(["a"], ["b"])


def test_the_default_bundle_is_read_once() -> None:
    from xnet_onnx.bundle.load import default_bundle

    predict(EXAMPLE)
    assert default_bundle() is default_bundle()


def test_repr_is_the_answer(result: Prediction) -> None:
    assert result.first_shell is not None
    text = repr(result)
    assert len(text) < 160
    assert f"{result.first_shell.r:.2f} A (" in text
    assert "90 %" in text


def test_to_dict_is_ready_for_json(result: Prediction) -> None:
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["first_shell"]["r"] == pytest.approx(result.first_shell.r)  # type: ignore[union-attr]
    assert as_json("x", result) == {"file": "x", "status": "ok", "error": None, **result.to_dict()}


def test_html_holds_no_markup_of_a_file(result: Prediction) -> None:
    text = replace(result, label="<script>", warnings=("a <b> b",))._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "a &lt;b&gt; b" in text
    assert "<polyline" in text
    assert "http" not in text


@pytest.mark.parametrize(("verdict", "doubtful"), [("high", False), ("medium", False), ("low", True)])
def test_the_peak_of_a_first_shell_is_doubtful_where_its_verdict_is(
    result: Prediction, verdict: str, doubtful: bool
) -> None:
    assert result.confidence is not None
    assert result.lower is not None
    assert len(result.peaks) > 1
    nothing_known = replace(
        result, lower=np.zeros_like(result.lower), confidence=replace(result.confidence, verdict=verdict)
    )
    assert uncertain_peaks(nothing_known) == (doubtful, *(True,) * (len(result.peaks) - 1))


def test_plot(result: Prediction) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    assert len(result.plot().axes) == 2
    axes = Figure().subplots()
    assert result.plot(axes) is axes
    assert axes.lines


def test_to_frame(result: Prediction) -> None:
    pandas = pytest.importorskip("pandas")
    found = predict_many([read(EXAMPLE), SpectrumError("no edge")])
    frame = xnet_onnx.to_frame(found)
    assert isinstance(frame, pandas.DataFrame)
    assert frame["first_shell"][0] == pytest.approx(result.first_shell.r)  # type: ignore[union-attr]
    assert frame["error"][1] == "no edge"
