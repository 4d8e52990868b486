"""Calibration out of bag: of each spectrum only the members count that have not seen its group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import xnet_exporter.calibrate.intervals as intervals
from xnet_exporter.data.sets import Row
from xnet_onnx.errors import DataSetError
from xnet_onnx.spectrum import EnergyAxis

AXIS = EnergyAxis("edge", -7.5, 0.2, 238, (15.0, 39.9))
R = np.linspace(1.0, 6.0, 50)


def curve(distance: float) -> np.ndarray:
    return 2.0 * np.exp(-48.0 * (R - distance) ** 2)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Five members: the m-th says that the first shell is at 2 + m / 10 Angstrom."""

    def run(bundle: Any, inputs: np.ndarray, absorbers: np.ndarray) -> np.ndarray:
        assert len(absorbers) == len(inputs)
        return np.tile([curve(2.0 + 0.1 * m) for m in range(5)], (len(inputs), 1, 1))

    monkeypatch.setattr(intervals, "run_ensemble", run)
    monkeypatch.setattr(
        intervals,
        "domain_of",
        lambda domain, axis, part, features: SimpleNamespace(input_score=np.zeros(len(part))),
    )
    return SimpleNamespace(members=5, axis=AXIS, r=R)


def observe(bundle: Any, unseen: list[list[int]]) -> intervals.Observations:
    n = len(unseen)
    mask = np.zeros((n, 5), dtype=bool)
    for i, members in enumerate(unseen):
        mask[i, members] = True
    targets = np.tile(curve(2.0), (n, 1))
    inputs = np.zeros((n, AXIS.count), dtype=np.float32)
    return intervals.observe(bundle, inputs, np.full(n, 26), targets, None, mask)  # type: ignore[arg-type]


def test_only_unseen_members_are_asked(bundle: Any) -> None:
    seen = observe(bundle, [[0, 1, 2], [2, 3, 4], [0, 1]])
    # The third was left out by two members only; the mean of three curves has its peak in their middle.
    assert seen.error.shape == (2, 50)
    np.testing.assert_allclose(seen.shell_error, [0.1, 0.3], atol=0.03)
    np.testing.assert_allclose(seen.evidence.shell_moved, 0.0, atol=1e-9)


def test_too_few_members_are_refused(bundle: Any) -> None:
    with pytest.raises(DataSetError, match="train more members"):
        observe(bundle, [[0], [1, 2]])


def test_no_kind_outweighs_all_others() -> None:
    nothing = np.zeros(0)

    def row(i: int, source: str) -> Row:
        return Row(
            f"{source}-{i}",
            f"{source} {i}",
            nothing,
            nothing,
            nothing,
            nothing,
            nothing.astype(int),
            26,
            source,
        )

    rows = [row(i, "built") for i in range(1000)]
    rows += [row(i, "mineral") for i in range(200)] + [row(i, "molecule") for i in range(200)]
    kept = [rows[i].kind for i in intervals.balanced(rows, 0)]
    assert kept.count("mineral") == 200
    assert kept.count("molecule") == 200
    assert 320 < kept.count("built") < 480
    assert len(intervals.balanced(rows[:50], 0)) == 50
