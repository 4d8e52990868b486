"""The constants that the statistics of a bundle were fitted with, and the version that counts them."""

from __future__ import annotations

import numpy as np
import pytest

from xnet_onnx.bundle.statistics import STATISTICS_VERSION, join_arrays, read_arrays, split_arrays
from xnet_onnx.inference import peaks, sensitivity
from xnet_onnx.preprocess import rise, uniform
from xnet_onnx.uncertainty import domain, intervals

#: Change a number here only together with STATISTICS_VERSION: bundles fitted with another one are refused.
CONSTANTS = {
    "version": 2,
    "half step": (1.0, 0.1, 60.0),
    "pre-edge peaks": (0.5, 0.42, 16.0, 0.46, 1.0, 12.0),
    "as high": 1e-3,
    "perturbed copies": ((-1.0, 1.0), (2.0,), 1.0),
    "peaks": (0.3, 0.05, 0.1, 6, 5.0, 0.2, 3.0, 0.3),
    "resolution": (0.005, 1e-3, 0.01),
    "smoothing": 1.5,
}


def test_constants_and_version_change_together() -> None:
    assert {
        "version": STATISTICS_VERSION,
        "half step": (uniform.SMOOTH_FWHM, uniform.GRID_STEP, uniform.SEARCH_WINDOW),
        "pre-edge peaks": (
            *(rise.HALF, rise.FALLEN, rise.PEAK_RANGE),
            *(rise.ALIGNED_FALLEN, rise.ALIGNED_FROM, rise.ALIGNED_TO),
        ),
        "as high": domain.AS_HIGH,
        "perturbed copies": (sensitivity.SHIFTS, sensitivity.BROADENINGS, sensitivity.LOST),
        "peaks": (
            *(peaks.MIN_HEIGHT, peaks.MIN_RELATIVE_HEIGHT, peaks.MIN_PROMINENCE),
            *(peaks.FOOT_POINTS, peaks.FOOT, peaks.WEAK, peaks.CERTAIN, peaks.MEMBER_WINDOW),
        ),
        "resolution": (intervals.RESOLUTION, intervals.G2_RESOLUTION, intervals.SIGMA_RESOLUTION),
        "smoothing": domain.SMOOTHING,
    } == CONSTANTS


def test_arrays_are_taken_out_and_put_back() -> None:
    value = {"space": {"centre": [1.0] * 20, "count": 3}, "artefacts": [{"name": "a", "mean": [2.0] * 9}]}
    arrays: dict[str, np.ndarray] = {}
    left = split_arrays(value, "domain", arrays)
    assert left == {"space": {"count": 3}, "artefacts": [{"name": "a"}]}
    assert set(arrays) == {"domain.space.centre", "domain.artefacts.0.mean"}
    whole = join_arrays({"domain": left}, arrays)
    assert whole["domain"]["space"]["centre"].tolist() == [1.0] * 20
    assert whole["domain"]["artefacts"][0]["mean"].tolist() == [2.0] * 9
    assert left == {"space": {"count": 3}, "artefacts": [{"name": "a"}]}


def test_what_is_no_archive() -> None:
    with pytest.raises(ValueError, match=r"statistics\.npz"):
        read_arrays(b"PK no archive")
