"""The edge position, the axes and what they need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_onnx import CoverageError, EdgeError
from xnet_onnx.preprocess.align import align, align_one, half_step_energy
from xnet_onnx.spectrum import EnergyAxis

EDGE = EnergyAxis("edge", -7.5, 0.1, 475)
SCALED = EnergyAxis("edge", -7.5, 0.1, 475, (15.0, 39.9))
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
    reference = align_one(energy, flat, EDGE)[0]
    moved = align_one(energy + shift, flat, EDGE)[0]
    np.testing.assert_allclose(moved, reference, atol=2e-3)


def test_the_window_must_be_covered() -> None:
    energy = np.arange(7080.0, 7180.0, 0.25)
    flat = step(energy, 7120.0)
    values, at = align_one(energy, flat, EDGE)
    assert at == pytest.approx(7120.0, abs=1e-6)
    assert values.dtype == np.float32
    assert values.shape == (475,)
    for part in (energy > 7113.0, energy < 7159.5):
        with pytest.raises(CoverageError, match=r"needs 7112\.5 to 7159\.9"):
            align_one(energy[part], flat[part], EDGE)
    hole = (energy < 7140.0) | (energy > 7147.0)
    with pytest.raises(CoverageError, match="no point between"):
        align_one(energy[hole], flat[hole], EDGE)
    with pytest.raises(CoverageError, match=r"at most 2\.5 eV"):
        align_one(energy[::12], flat[::12], EDGE)


def test_no_edge() -> None:
    energy = np.arange(7080.0, 7180.0, 0.25)
    with pytest.raises(EdgeError, match=r"rises through 0\.5"):
        half_step_energy(energy, np.full(energy.size, 0.2))


def wiggly(energy: np.ndarray, edge: float = 7120.0) -> np.ndarray:
    above = energy - edge
    return step(energy, edge) * (1.0 + 0.15 * np.sin(above / 4.0) * np.exp(-np.clip(above, 0, None) / 40.0))


@given(factor=st.floats(0.3, 3.0), shift=st.floats(-10, 10), spacing=st.floats(0.1, 0.5))
def test_a_scaled_axis_sees_neither_the_edge_step_nor_the_calibration(
    factor: float, shift: float, spacing: float
) -> None:
    energy = np.arange(7080.0, 7180.0, spacing)
    reference = align_one(energy, wiggly(energy), SCALED)[0]
    moved = align_one(energy + shift, factor * wiggly(energy), SCALED)[0]
    np.testing.assert_allclose(moved, reference, atol=5e-3)


@given(last=st.floats(41.0, 90.0))
def test_a_scaled_axis_does_not_see_what_follows_it(last: float) -> None:
    energy = np.arange(7080.0, 7210.0, 0.25)
    reference = align_one(energy, wiggly(energy), SCALED)[0]
    part = energy < 7120.0 + last
    np.testing.assert_allclose(align_one(energy[part], wiggly(energy)[part], SCALED)[0], reference, atol=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_the_scale_is_the_mean_over_its_range(level: float) -> None:
    energy = np.arange(7080.0, 7180.0, 0.1)
    aligned = align(energy, 2.0 * wiggly(energy)[np.newaxis], replace(SCALED, level=level))
    values, offsets = aligned.values[0], SCALED.energies()
    assert values[offsets >= 15.0].mean() == pytest.approx(1.0, abs=1e-3)
    at = float(aligned.edge_position[0])
    assert np.interp(at, energy, 2.0 * wiggly(energy)) / aligned.scale[0] == pytest.approx(level, abs=0.01)


def test_a_shoulder_that_passes_half_of_the_step_does_not_move_a_higher_level() -> None:
    """Metals: whether their shoulder is at 0.45 or at 0.55 of the step, the edge behind it is the same."""
    energy = np.arange(7080.0, 7180.0, 0.1)
    at = {}
    for shoulder in (0.45, 0.55):
        spectrum = shoulder * step(energy, 7112.0) + (1.0 - shoulder) * step(energy, 7124.0)
        for level in (0.5, 0.8):
            at[shoulder, level] = align(energy, spectrum[np.newaxis], replace(SCALED, level=level))
    moved = {
        level: abs(float((at[0.45, level].edge_position - at[0.55, level].edge_position)[0]))
        for level in (0.5, 0.8)
    }
    assert moved[0.5] > 2.0
    assert moved[0.8] < 0.3 * moved[0.5]


def peaked(energy: np.ndarray, height: float, fallen: float) -> np.ndarray:
    """An edge at 7124 eV behind a peak at 7112 eV on a shoulder that high."""
    peak = (height - fallen) * np.exp(-(((energy - 7112.0) / 1.5) ** 2))
    return peak + fallen * step(energy, 7112.0, 0.5) + (1.0 - fallen) * step(energy, 7124.0)


@pytest.mark.parametrize(
    ("height", "fallen", "at"),
    [(0.7, 0.2, 7111.5), (1.0, 0.2, 7111.5), (0.7, 0.6, 7124.0), (0.55, 0.48, 7125.0), (0.4, 0.2, 7125.5)],
)
def test_a_pre_edge_peak_is_no_shoulder(height: float, fallen: float, at: float) -> None:
    """Chromate: a spectrum is counted from its peak where that passes half and falls again, however high."""
    energy = np.arange(7080.0, 7190.0, 0.1)
    aligned = align(energy, peaked(energy, height, fallen)[np.newaxis], replace(SCALED, level=0.8))
    assert float(aligned.edge_position[0]) == pytest.approx(at, abs=1.5)


@given(height=st.floats(0.3, 1.2), dip=st.floats(0.0, 0.4), last=st.floats(40.5, 80.0))
def test_scale_and_position_settle_whatever_precedes_the_edge(height: float, dip: float, last: float) -> None:
    """Peaks and shoulders of any height: a mean of 1 over the range, and the scan's end changes nothing."""
    energy = np.arange(7080.0, 7215.0, 0.1)
    spectrum = peaked(energy, height, height - dip * min(height, 1.0))
    axis = replace(SCALED, level=0.8)
    values, at = align_one(energy, spectrum, axis)
    assert values[axis.energies() >= 15.0].mean() == pytest.approx(1.0, abs=2e-3)
    part = energy <= at + last
    again, moved = align_one(energy[part], spectrum[part], axis)
    assert moved == pytest.approx(at, abs=1e-6)
    np.testing.assert_allclose(again, values, atol=1e-6)


def test_edge_positions_do_not_depend_on_the_others() -> None:
    energy = np.arange(7080.0, 7190.0, 0.1)
    rows = np.array([peaked(energy, *pair) for pair in [(0.7, 0.2), (0.7, 0.6), (0.4, 0.2), (1.0, 0.3)] * 5])
    axis = replace(SCALED, level=0.8)
    for row, at in zip(rows, align(energy, rows, axis).edge_position, strict=True):
        assert align_one(energy, row, axis)[1] == pytest.approx(float(at), abs=1e-6)


def test_long_steps_at_the_end_of_a_xanes_scan() -> None:
    fine = np.arange(7080.0, 7157.0, 0.25)
    energy = np.concatenate([fine, fine[-1] + 20.0 * np.arange(1, 6)])
    assert np.isfinite(align_one(energy, wiggly(energy), SCALED)[0]).all()
    fine = np.arange(7080.0, 7150.0, 0.25)
    energy = np.concatenate([fine, fine[-1] + 20.0 * np.arange(1, 6)])
    with pytest.raises(CoverageError, match=r"a step of 20\.0 eV; expected steps of at most 5 eV"):
        align_one(energy, wiggly(energy), SCALED)


def test_many_are_as_one() -> None:
    """From 16 spectra a matrix does what a convolution does for fewer."""
    energy = np.arange(7080.0, 7180.0, 0.3)
    rows = np.array([wiggly(energy, 7118.0 + 0.2 * i) for i in range(20)])
    for axis in (EDGE, SCALED):
        many = align(energy, rows, axis)
        assert not many.errors
        for row, values, at in zip(rows, many.values, many.edge_position, strict=True):
            alone, origin = align_one(energy, row, axis)
            assert at == pytest.approx(origin, abs=1e-9)
            np.testing.assert_allclose(values, alone, atol=1e-6)
