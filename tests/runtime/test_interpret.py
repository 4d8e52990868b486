"""Peaks: found where they are, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_exporter.data.descriptor import RadialGrid, g2_of_shells
from xnet_onnx.inference.peaks import FOOT, WEAK, curves_of, first_peaks, peak_table, peaks_of

GRID = RadialGrid()
R = GRID.centres


def shells(distances: list[float], numbers: list[int]) -> np.ndarray:
    return g2_of_shells(np.array(distances), np.array(numbers), GRID)


@given(r=st.floats(1.2, 4.5), count=st.integers(1, 12), z=st.sampled_from([8, 16, 26]))
def test_one_shell_is_found_between_grid_points(r: float, count: int, z: int) -> None:
    curve = shells([r] * count, [z] * count)
    if curve.max() < 0.31:
        return
    (found,) = peak_table(R, curve[np.newaxis]).r
    # Exact for one Gaussian; the tail is only rounding.
    assert found == pytest.approx(r, abs=1e-6)


@given(r=st.floats(1.5, 3.0), gap=st.floats(0.35, 1.5))
def test_two_shells(r: float, gap: float) -> None:
    first, second = peak_table(R, shells([r] * 6 + [r + gap] * 6, [8] * 12)[np.newaxis]).r
    assert first == pytest.approx(r, abs=0.02)
    assert second == pytest.approx(r + gap, abs=0.03)


def test_what_is_no_peak() -> None:
    ripple = shells([2.5] * 8, [26] * 8)
    ripple[5] += 0.4
    found = peak_table(R, np.array([np.zeros(50), np.linspace(0, 5, 50), shells([1.5], [1]), ripple]))
    assert found.curve.tolist() == [3]
    assert found.r == pytest.approx([2.5], abs=0.05)


def test_light_neighbours_before_many_heavy_ones_are_the_first_shell() -> None:
    """Cuprite: two oxygens at 1.85 Angstrom, twelve coppers at 3.02."""
    cuprite = shells([1.85] * 2 + [3.02] * 12 + [3.54] * 6, [8] * 2 + [29] * 12 + [8] * 6)
    assert 0.05 < shells([1.85] * 2, [8] * 2).max() / cuprite.max() < 0.1
    assert first_peaks(R, cuprite[np.newaxis])[0] == pytest.approx(1.85, abs=0.01)


def test_the_foot_of_a_shell_is_no_shell() -> None:
    """A vanadyl oxygen before four others is one, a carbon behind three sulfurs too; before them not."""
    vanadyl = shells([1.6, *[1.97] * 4], [8] * 5)
    foot = shells([1.75, *[2.25] * 3], [6, *[16] * 3])
    assert 3.0 < vanadyl.max() / shells([1.6], [8]).max() < FOOT < foot.max() / shells([1.75], [6]).max()
    found = peak_table(R, np.array([vanadyl, foot, foot[::-1]]))
    assert found.r[found.curve == 0] == pytest.approx([1.6, 1.97], abs=0.03)
    assert found.r[found.curve == 1] == pytest.approx([2.25], abs=0.03)
    assert found.r[found.curve == 2] == pytest.approx([7.0 - 2.25, 7.0 - 1.75], abs=0.03)


def test_a_weak_peak_before_the_shell_counts_where_the_members_agree() -> None:
    """As of titanium metal, where some members saw an oxygen at 1.8 Angstrom before twelve metals."""
    metal, oxygen = shells([2.9] * 12, [22] * 12), shells([1.8] * 3, [8] * 3)
    assert 0.05 < oxygen.max() / metal.max() < WEAK
    some = np.array([metal + (i % 4 == 0) * 4.0 * oxygen for i in range(16)])
    every = np.array([metal + (0.8 + 0.4 * (i % 2)) * oxygen for i in range(16)])
    curves = curves_of(R, np.array([some, every]))
    np.testing.assert_allclose(curves.mean[0], curves.mean[1], atol=1e-9)
    assert curves.first_shell == pytest.approx([2.9, 1.8], abs=0.03)
    behind = curves_of(R, np.array([some[:, ::-1]]))
    assert behind.peaks.r == pytest.approx([7.0 - 2.9, 7.0 - 1.8], abs=0.03)


def test_spread_is_that_of_the_members() -> None:
    rng = np.random.default_rng(1)
    centres = 2.0 + rng.normal(scale=0.03, size=15)
    members = np.array([shells([float(r)] * 6, [8] * 6) for r in centres])
    curves = curves_of(R, members[np.newaxis])
    ((peak,),) = peaks_of(curves)
    assert peak.r == pytest.approx(centres.mean(), abs=0.01)
    assert peak.r_sigma == pytest.approx(centres.std(ddof=1), rel=0.02)
    assert curves.first_shell.tolist() == [peak.r]


def test_no_peak_no_shell() -> None:
    curves = curves_of(R, np.zeros((1, 3, 50)))
    assert peaks_of(curves) == [()]
    assert np.isnan(curves.first_shell).all()


@given(
    st.lists(st.floats(-5, 50, allow_nan=False), min_size=150, max_size=150).map(
        lambda values: np.array(values).reshape(3, 50)
    )
)
def test_any_curve(members: np.ndarray) -> None:
    for peak in peaks_of(curves_of(R, members[np.newaxis]))[0]:
        assert R[0] <= peak.r <= R[-1]
        assert peak.r_sigma >= 0
        assert np.isfinite(peak.height)


def test_a_lone_member_has_no_spread() -> None:
    ((peak,),) = peaks_of(curves_of(R, shells([2.0] * 6, [8] * 6)[np.newaxis, np.newaxis]))
    assert peak.r_sigma == 0.0


def test_first_peaks_are_those_of_the_table() -> None:
    rng = np.random.default_rng(0)
    smooth = np.array([np.convolve(row, np.hanning(7), "same") for row in rng.random((400, 50))])
    curves = np.concatenate([rng.random((400, 50)), smooth, 0.5 * rng.random((400, 50)), np.zeros((3, 50))])
    expected, _ = peak_table(R, curves).first(len(curves))
    assert np.isnan(expected).any()
    assert np.array_equal(first_peaks(R, curves), expected, equal_nan=True)
