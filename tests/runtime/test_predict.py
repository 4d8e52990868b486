"""The whole road in the API, on our own spectrum and on measured ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import xnet_onnx
from xnet_onnx import (
    Bundle,
    CoverageError,
    EdgeError,
    ElementError,
    Spectrum,
    XnetError,
    load_bundle,
    normalize,
    predict,
    read,
)
from xnet_onnx.bundle.load import default_bundle
from xnet_onnx.edges import Absorber
from xnet_onnx.pipeline import predict_many, predict_normalized

from ..conftest import EXAMPLE, ROOT, SHARED, measured_files
from ..golden.regenerate import GOLDEN, golden

REFERENCES = {
    "Fe2O3_rt_01.xdi": 2.025,
    "FeO_rt_01.xdi": 2.153,
    "FeS2_rt_01.xdi": 2.264,
    "Hansel2001_goethite_xanes_003.xdi": 2.023,
    "Hansel2001_siderite_xanes_001.xdi": 2.147,
}


def test_golden(bundle: Bundle) -> None:
    expected = json.loads(GOLDEN.read_text())
    found = golden()
    assert found["model"] == expected["model"]
    for key in ("mean", "sigma"):
        np.testing.assert_allclose(found[key], expected[key], atol=1e-4)
    assert found["first_shell"]["r"] == pytest.approx(expected["first_shell"]["r"], abs=1e-3)


def test_the_example_is_what_it_says(bundle: Bundle) -> None:
    spectrum = read(EXAMPLE)
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
    result = predict(spectrum.energy, spectrum.mu)
    assert result.first_shell is not None
    # Six oxygen atoms at 2.01 Angstrom on average.
    assert result.first_shell.r == pytest.approx(2.01, abs=0.1)
    assert result.members.shape == (15, 50)
    np.testing.assert_allclose(result.mean, result.members.mean(axis=0))
    np.testing.assert_allclose(result.sigma, result.members.std(axis=0, ddof=1))


@pytest.mark.parametrize("path", measured_files(), ids=lambda path: path.name)
def test_measured_spectra(path: Path, bundle: Bundle) -> None:
    spectrum = read(path)
    result = predict(spectrum.energy, spectrum.mu, element=spectrum.element, edge=spectrum.edge)
    assert result.first_shell is not None
    if path.name in REFERENCES:
        assert result.first_shell.r == pytest.approx(REFERENCES[path.name], abs=0.1)


@pytest.mark.parametrize("shift", [-10.0, 3.3, 10.0])
def test_calibration_does_not_matter(shift: float) -> None:
    spectrum = read(EXAMPLE)
    reference = predict(spectrum.energy, spectrum.mu)
    moved = predict(spectrum.energy + shift, spectrum.mu)
    np.testing.assert_allclose(moved.mean, reference.mean, atol=2e-2)
    assert moved.preprocessing["e0"] == pytest.approx(reference.preprocessing["e0"] + shift, abs=0.5)


def test_already_normalised(bundle: Bundle) -> None:
    spectrum = read(EXAMPLE)
    reference = predict(spectrum.energy, spectrum.mu)
    done = normalize(spectrum.energy, spectrum.mu)
    same = predict_normalized(done)
    np.testing.assert_array_equal(same.mean, reference.mean)
    again = predict(done.energy, done.norm, normalized=True)
    np.testing.assert_allclose(again.mean, reference.mean, atol=1e-6)
    assert again.preprocessing["normalization"] == "as given"


def test_many_go_on_past_a_bad_one() -> None:
    good = read(EXAMPLE)
    bad = Spectrum(good.energy, -good.mu, label="upside down")
    unread = xnet_onnx.ReadError("not there")
    results = predict_many([good, bad, unread, good])
    assert isinstance(results[1], EdgeError)
    assert results[2] is unread
    assert not isinstance(results[0], XnetError)
    assert not isinstance(results[3], XnetError)
    np.testing.assert_array_equal(results[0].mean, results[3].mean)
    assert predict_many([]) == []


def test_one_or_many_is_the_same() -> None:
    good = read(EXAMPLE)
    other = Spectrum(good.energy, good.mu * 2 + 1, label="scaled")
    one = predict(good.energy, good.mu)
    many = predict_many([other] * 9 + [good])
    last = many[-1]
    assert not isinstance(last, XnetError)
    np.testing.assert_allclose(last.mean, one.mean, atol=1e-5)


def moved(to: float) -> Spectrum:
    good = read(EXAMPLE)
    return Spectrum(good.energy + to, good.mu, label="moved")


def test_other_edges_are_refused() -> None:
    good = read(EXAMPLE)
    iron = load_bundle(ROOT / "models" / "xnet_models" / "fe_k")
    with pytest.raises(ElementError, match="Mn"):
        predict(good.energy, good.mu, element="Mn", edge="K", bundle=iron)
    with pytest.raises(ElementError, match="L3"):
        predict(good.energy, good.mu, element="Fe", edge="L3")
    # Mn K at 6539, Co K at 7709, and Eu L3 at 6977 eV, without a word in the metadata.
    for shift in (6539 - 7112, 7709 - 7112, 6977 - 7112):
        (result,) = predict_many([moved(shift)], bundle=iron)
        assert isinstance(result, EdgeError | CoverageError)
        assert "7112 eV" in str(result)


@pytest.mark.parametrize("absorber", default_bundle().absorbers, ids=lambda one: one.element)
def test_each_element_is_found_by_the_energy_of_its_edge(absorber: Absorber) -> None:
    (result,) = predict_many([moved(absorber.energy - 7119.0)])
    assert not isinstance(result, XnetError)
    assert (result.element, result.edge) == (absorber.element, "K")


def test_what_a_file_says_counts() -> None:
    good = read(EXAMPLE)
    with pytest.raises(CoverageError, match=r"starts above the Mn K edge \(6539 eV\)"):
        predict(good.energy, good.mu, element="Mn")
    with pytest.raises(ElementError, match="knows Ti, V, Cr, Mn, Fe, Co, Ni, Cu, Zn K only"):
        predict(good.energy, good.mu, element="Eu", edge="L3")


def test_an_l_edge_beside_a_k_edge_is_asked_about() -> None:
    """La L3 (5483 eV) lies 18 eV above V K: without an element, neither is believed."""
    good = read(EXAMPLE)
    e0 = normalize(good.energy, good.mu).e0
    spectrum = Spectrum(good.energy + 5484.0 - e0, good.mu)
    (result,) = predict_many([spectrum])
    assert isinstance(result, EdgeError)
    assert "La L3 (5483 eV)" in str(result)
    assert "--element V" in str(result)
    assert predict(spectrum, element="V").element == "V"


def test_a_scan_cut_short_gives_the_same_distance() -> None:
    good = read(EXAMPLE)
    whole = predict(good)
    assert whole.first_shell is not None
    e0 = whole.preprocessing["e0"]
    for end in (50.0, 60.0, 80.0):
        part = good.energy < e0 + end
        cut = predict(good.energy[part], good.mu[part])
        assert cut.first_shell is not None
        assert cut.first_shell.r == pytest.approx(whole.first_shell.r, abs=1e-3)


def test_short_pre_edges() -> None:
    """A line from 20 eV on, a constant and a warning from 12 eV on, a refusal below."""
    good = read(EXAMPLE)
    e0 = normalize(good.energy, good.mu).e0
    for start, warned in ((25.0, False), (15.0, True)):
        part = good.energy > e0 - start
        found = predict(good.energy[part], good.mu[part])
        assert any("a constant was subtracted" in text for text in found.warnings) is warned
    part = good.energy > e0 - 10.0
    with pytest.raises(CoverageError, match="at least 12 eV of pre-edge"):
        predict(good.energy[part], good.mu[part])


def test_noise_is_no_edge() -> None:
    energy = np.arange(7050.0, 7250.0, 0.5)
    refused = 0
    for seed in range(30):
        mu = np.random.default_rng(seed).normal(size=energy.size)
        (result,) = predict_many([Spectrum(energy, mu)])
        refused += isinstance(result, XnetError)
    assert refused == 30


def test_doubtful_calibration_is_said() -> None:
    (result,) = predict_many([moved(-20.0)])
    assert not isinstance(result, XnetError)
    assert any("calibration" in warning for warning in result.warnings)


def test_public_names() -> None:
    for name in xnet_onnx.__all__:
        assert getattr(xnet_onnx, name) is not None
    assert set(xnet_onnx.__all__) == set(dir(xnet_onnx))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = xnet_onnx.nonsense


@pytest.mark.skipif(not (SHARED / "negative").is_dir(), reason="other people's files, not in a clone")
def test_negative_files_are_refused() -> None:
    files = sorted((SHARED / "negative").iterdir())
    assert files
    for path in files:
        try:
            spectrum = read(path)
        except XnetError:
            continue
        (result,) = predict_many([spectrum])
        # What was refused for its element alone is an edge that the model knows by now.
        known = path.name in ("MnO_rt_01.xdi", "co_metal_rt.xdi")
        assert isinstance(result, XnetError) is not known, path.name
