"""Normalisation against Larch, in digits."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_onnx import CoverageError, EdgeError, SpectrumError, normalize, read
from xnet_onnx.preprocess.normalize import as_normalized

from ..conftest import EXAMPLE, measured_files

FILES = [EXAMPLE, *measured_files()]


@pytest.fixture(scope="session")
def larch_pre_edge() -> Callable[..., Any]:
    import warnings

    if find_spec("larch") is None:
        pytest.skip("parity with Larch needs xraylarch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from larch.xafs import pre_edge

        from larch import Group

    def run(energy: np.ndarray, mu: np.ndarray, **kwargs: Any) -> Any:
        group = Group(energy=energy.copy(), mu=mu.copy())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pre_edge(group, **kwargs)
        return group

    return run


def assert_parity(ours: Any, theirs: Any) -> None:
    assert ours.e0 == pytest.approx(theirs.e0, abs=1e-6)
    assert ours.edge_step == pytest.approx(theirs.edge_step, rel=1e-6)
    np.testing.assert_allclose(ours.norm, theirs.norm, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.flat, theirs.flat, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.pre_edge, theirs.pre_edge, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(ours.post_edge, theirs.post_edge, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_defaults(path: Path, larch_pre_edge: Callable[..., Any]) -> None:
    spectrum = read(path)
    assert_parity(normalize(spectrum.energy, spectrum.mu), larch_pre_edge(spectrum.energy, spectrum.mu))


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "parameters",
    [
        {"pre1": -50.0, "pre2": -20.0, "norm1": 20.0, "norm2": 45.0, "nnorm": 1},
        {"pre1": -40.0, "norm1": 15.0, "nnorm": 2},
        {"e0": 7121.3, "nnorm": 0},
        {"norm2": 50.0, "nnorm": 3, "pre2": -25.0},
    ],
    ids=["ranges", "quadratic", "e0", "cubic"],
)
def test_same_parameters(path: Path, parameters: dict[str, Any], larch_pre_edge: Callable[..., Any]) -> None:
    spectrum = read(path)
    assert_parity(
        normalize(spectrum.energy, spectrum.mu, **parameters),
        larch_pre_edge(spectrum.energy, spectrum.mu, **parameters),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("below", "above"), [(25.0, 110.0), (30.0, 60.0), (60.0, 90.0), (50.0, 45.0)])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_xanes_only_ranges(
    path: Path, below: float, above: float, larch_pre_edge: Callable[..., Any]
) -> None:
    spectrum = read(path)
    e0 = normalize(spectrum.energy, spectrum.mu).e0
    inside = (spectrum.energy > e0 - below) & (spectrum.energy < e0 + above)
    energy, mu = spectrum.energy[inside], spectrum.mu[inside]
    ours = normalize(energy, mu)
    assert_parity(ours, larch_pre_edge(energy, mu))
    assert np.median(ours.flat[energy > e0 + 20]) == pytest.approx(1.0, abs=0.3)


@given(scale=st.floats(0.01, 100.0), offset=st.floats(-5.0, 5.0), shift=st.floats(-10.0, 10.0))
def test_scale_offset_and_shift_change_nothing(scale: float, offset: float, shift: float) -> None:
    spectrum = read(EXAMPLE)
    reference = normalize(spectrum.energy, spectrum.mu, e0=7126.0)
    moved = normalize(spectrum.energy + shift, scale * spectrum.mu + offset, e0=7126.0 + shift)
    np.testing.assert_allclose(moved.flat, reference.flat, atol=1e-6)
    assert moved.edge_step == pytest.approx(scale * reference.edge_step, rel=1e-6)


def test_as_normalized_keeps_the_data() -> None:
    spectrum = read(EXAMPLE)
    done = normalize(spectrum.energy, spectrum.mu)
    again = as_normalized(done.energy, done.flat)
    np.testing.assert_array_equal(again.flat, done.flat)
    assert again.edge_step == 1.0
    with pytest.raises(SpectrumError, match="leave out --normalized"):
        as_normalized(spectrum.energy, spectrum.mu)


def test_errors() -> None:
    spectrum = read(EXAMPLE)
    energy, mu = spectrum.energy, spectrum.mu
    with pytest.raises(SpectrumError, match="same length"):
        normalize(energy, mu[:-1])
    with pytest.raises(SpectrumError, match="at least 20"):
        normalize(energy[:10], mu[:10])
    bad = mu.copy()
    bad[17] = np.nan
    with pytest.raises(SpectrumError, match="point 18"):
        normalize(energy, bad)
    with pytest.raises(SpectrumError, match="do not increase"):
        normalize(energy[::-1], mu)
    with pytest.raises(EdgeError, match="every energy"):
        normalize(energy, np.ones_like(mu))
    with pytest.raises(EdgeError, match="falls"):
        normalize(energy, -mu, e0=7124.0)
    with pytest.raises(CoverageError, match="outside the data"):
        normalize(energy, mu, e0=8000.0)
    with pytest.raises(CoverageError, match="post-edge"):
        normalize(energy[energy < 7140], mu[energy < 7140])
    with pytest.raises(CoverageError, match="below the edge"):
        normalize(energy, np.exp(-(energy - energy[0]) / 3), e0=float(energy[2]))
