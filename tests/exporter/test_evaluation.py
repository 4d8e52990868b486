"""What evaluation counts, against counting peak by peak."""

from __future__ import annotations

import numpy as np
import pytest

from xnet_exporter.evaluate.evaluation import peak_errors
from xnet_onnx.inference.peaks import curves_of, peak_table

R = np.linspace(1.0, 6.0, 50)


def curves(count: int, height: float = 1.0) -> np.ndarray:
    rows = np.random.default_rng(int(count + 10 * height)).random((count, 50))
    return np.array([np.convolve(height * row, np.hanning(7), "same") for row in rows])


def test_each_true_peak_is_held_against_the_nearest_one_of_its_curve() -> None:
    mean = np.concatenate([curves(60), np.zeros((5, 50)), curves(30, 0.1), curves(20, 2.0)])
    targets = np.concatenate([curves(65, 1.5), curves(30), curves(20, 0.1)])
    errors, first, without = peak_errors(curves_of(R, mean[:, np.newaxis]), targets, R)
    expected = []
    for i, pair in enumerate(zip(mean, targets, strict=True)):
        found, truth = (peak_table(R, curve[np.newaxis]) for curve in pair)
        for r, index in zip(truth.r, truth.index, strict=True):
            if found.r.size:
                on_grid = np.abs(R[found.index] - R[index]).min()
                expected.append((i, r, np.abs(found.r - r).min(), on_grid))
        lost = truth.r.size and not found.r.size
        assert np.isnan(first[i]) or first[i] == abs(found.r[0] - truth.r[0])
        assert not (lost and not np.isnan(first[i]))
        without -= bool(lost)
    assert without == 0
    assert len(expected) > 300
    made = (errors.row, errors.position, errors.error, errors.on_grid)
    assert np.array_equal(np.column_stack(made), np.array(expected))


@pytest.mark.parametrize("flat", ["mean", "targets"])
def test_without_peaks_there_are_no_errors(flat: str) -> None:
    given = {"mean": curves(3), "targets": curves(3), flat: np.zeros((3, 50))}
    errors, first, without = peak_errors(curves_of(R, given["mean"][:, np.newaxis]), given["targets"], R)
    assert errors.row.size == 0
    assert np.isnan(first).all()
    assert without == (3 if flat == "mean" else 0)
