"""The half-step energy, the axes and what they need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_onnx import CoverageError, EdgeError
from xnet_onnx.preprocess.align import EnergyAxis, half_step_energy, resample

EDGE = EnergyAxis("edge", -7.5, 0.1, 475)
ABSOLUTE = EnergyAxis("absolute", 7112.5, 47.5 / 474, 475)


def step(energy: np.ndarray, edge: float, width: float = 1.5) -> np.ndarray:
    return 1 / (1 + np.exp(-(energy - edge) / width))


@given(edge=st.floats(7110, 7135), width=st.floats(0.5, 3.0), spacing=st.floats(0.05, 0.6))
def test_half_step(edge: float, width: float, spacing: float) -> None:
    energy = np.arange(7080.0, 7180.0, spacing)
    assert half_step_energy(energy, step(energy, edge, width)) == pytest.approx(edge, abs=0.03)


def test_noise_moves_it_little() -> None:
    energy = np.arange(7080.0, 7180.0, 0.3)
    rng = np.random.default_rng(0)
    found = [
        half_step_energy(energy, step(energy, 7120.0) + rng.normal(scale=0.01, size=energy.size))
        for _ in range(50)
    ]
    assert np.std(found) < 0.06
    assert np.mean(found) == pytest.approx(7120.0, abs=0.03)


def test_axes_are_the_designs() -> None:
    assert EDGE.last == pytest.approx(39.9)
    assert ABSOLUTE.last == pytest.approx(7160.0)
    assert EDGE.energies(7120.0)[0] == pytest.approx(7112.5)


@given(shift=st.floats(-10, 10))
def test_edge_axis_does_not_see_the_calibration(shift: float) -> None:
    energy = np.arange(7080.0, 7180.0, 0.25)
    flat = step(energy, 7120.0) + 0.2 * np.exp(-(((energy - 7126.0) / 2.0) ** 2))
    reference = resample(energy, flat, EDGE, half_step_energy(energy, flat))
    moved = resample(energy + shift, flat, EDGE, half_step_energy(energy + shift, flat))
    np.testing.assert_allclose(moved, reference, atol=2e-3)


def test_the_window_must_be_covered() -> None:
    energy = np.arange(7080.0, 7180.0, 0.25)
    flat = step(energy, 7120.0)
    values = resample(energy, flat, EDGE, 7120.0)
    assert values.dtype == np.float32
    assert values.shape == (475,)
    for part in (energy > 7113.0, energy < 7159.5):
        with pytest.raises(CoverageError, match=r"needs 7112\.5 to 7159\.9"):
            resample(energy[part], flat[part], EDGE, 7120.0)
    hole = (energy < 7140.0) | (energy > 7147.0)
    with pytest.raises(CoverageError, match="no point between"):
        resample(energy[hole], flat[hole], EDGE, 7120.0)
    with pytest.raises(CoverageError, match=r"at most 2\.5 eV"):
        resample(energy[::12], flat[::12], EDGE, 7120.0)


def test_no_edge() -> None:
    energy = np.arange(7080.0, 7180.0, 0.25)
    with pytest.raises(EdgeError, match=r"rises through 0\.5"):
        half_step_energy(energy, np.full(energy.size, 0.2))
