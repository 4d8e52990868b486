"""The constants that the statistics of a bundle were fitted with, and the version that counts them."""

from __future__ import annotations

import contextlib
import io
import zipfile

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_onnx.bundle.statistics import (
    STATISTICS_VERSION,
    join_arrays,
    read_arrays,
    split_arrays,
    unpack_arrays,
)
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


def _archive(made: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in made.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _npy(array: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


ARRAYS = {
    "matrix": np.arange(12.0).reshape(3, 4),
    "by_columns": np.asfortranarray(np.arange(12.0, dtype=np.float32).reshape(3, 4)),
    "number": np.array(0.25, dtype=np.float16),
    "whole": np.arange(5, dtype=np.int32),
    "names": np.array(["goethite", "Fe(ox)3"]),
    "none": np.zeros((3, 0)),
}


def test_arrays_come_back_as_numpy_wrote_them() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **ARRAYS)
    found = unpack_arrays(buffer.getvalue(), "a.npz")
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, strict=True)


@pytest.mark.parametrize("array", [np.array([{}]), np.arange(3, dtype=">f8"), np.arange(3.0) + 1j])
def test_arrays_of_other_things_are_refused(array: npt.NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="plain numbers or words"):
        unpack_arrays(_archive({"a.npy": _npy(array)}), "a.npz")


@given(st.data())
def test_a_damaged_archive_is_a_value_error(data: st.DataObject) -> None:
    """Bytes of the archive, and of an array whose sum of the archive was made again."""
    inside = data.draw(st.booleans())
    name = data.draw(st.sampled_from(sorted(ARRAYS)))
    whole = bytearray(_npy(ARRAYS[name]))
    for _ in range(data.draw(st.integers(1, 4)) if inside else 0):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
            st.sampled_from(b"0,()' <fiUO{}\n\0\xff")
        )
    packed = bytearray(_archive({f"{name}.npy": bytes(whole)}))
    for _ in range(0 if inside else data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        unpack_arrays(bytes(packed), "a.npz")
