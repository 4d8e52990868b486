"""The shipped bundle, and bundles that are not what they say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xnet_exporter.data.descriptor import RadialGrid
from xnet_onnx import Bundle, BundleError, SpectrumError, load_bundle
from xnet_onnx.bundle.load import read_verified
from xnet_onnx.cli.verification import verify_bundle
from xnet_onnx.inference.ensemble import run_ensemble


def test_shipped_bundle_is_whole(bundle: Bundle) -> None:
    done = verify_bundle(bundle)
    assert done.files == bundle.members + 8
    assert done.golden_difference < 1e-4
    assert done.member_difference < 1e-5
    assert bundle.members == 15
    assert bundle.axis.kind == "edge"
    np.testing.assert_array_equal(bundle.r, RadialGrid().centres)
    assert bundle.card["descriptor"]["eta"] == RadialGrid().eta


def test_shipped_bundle_is_as_good_as_its_card_says_it_must_be(bundle: Bundle) -> None:
    """On held-out compositions, calculated and broadened: the first shell, and what the interval holds."""
    held_out = json.loads(read_verified(bundle.path, "metrics.json", bundle.card))["held_out"]
    for condition in ("calculated", "broadened"):
        assert held_out[condition]["first_shell"]["median"] < 0.04
        covered = held_out[condition]["confidence"]["coverage"]["0.9"]["first_shell"]["percent"]
        assert 88.0 <= covered <= 94.0


def test_narrow_intervals_hold_as_often_as_wide_ones(bundle: Bundle) -> None:
    """By quarters of the held-out spectra: widths differ by more than twice, what they hold does not."""
    held_out = json.loads(read_verified(bundle.path, "metrics.json", bundle.card))["held_out"]
    for condition in ("calculated", "broadened"):
        widths = held_out[condition]["confidence"]["widths"]
        half = [part["half_width"] for part in widths]
        assert len(half) == 4
        assert half == sorted(half)
        assert half[-1] > 2.0 * half[0]
        assert all(0.85 <= part["inside"] <= 0.98 for part in widths)


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    shutil.copytree(bundle.path, tmp_path / "copy")
    return tmp_path / "copy"


def edit(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        card = json.loads((folder / "bundle.json").read_text())
        change(card)
        (folder / "bundle.json").write_text(json.dumps(card))

    return apply


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "ensemble.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "ensemble.onnx").write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_byte, r"ensemble\.onnx has SHA-256"),
        (lambda folder: (folder / "ensemble.onnx").unlink(), r"ensemble\.onnx cannot be read"),
        (lambda folder: (folder / "bundle.json").unlink(), "expected the folder of a bundle"),
        (lambda folder: (folder / "bundle.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "bundle.json").write_text("[]"), "is not JSON"),
        (lambda folder: (folder / "bundle.json").write_text("[" * 100_000), "is not JSON"),
        (
            edit(lambda card: card.update(format=1)),
            "runs format 3: convert",
        ),
        (edit(lambda card: card.update(format=2)), "format 2.* convert it with xnet-onnx export --convert"),
        (edit(lambda card: card.update(format=4)), "format 4.* install the version the bundle was made for"),
        (edit(lambda card: card.update(statistics_version=1)), "run xnet-onnx calibrate again"),
        (edit(lambda card: card.pop("axis")), "axis"),
        (edit(lambda card: card["axis"].update(kind="wave")), "wave"),
        (edit(lambda card: card["files"].pop("ensemble.onnx")), "records no SHA-256"),
        (edit(lambda card: card["files"].pop("weights.bin")), "records no SHA-256 for weights"),
    ],
)
def test_a_damaged_bundle_is_refused(copy: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(copy)
    with pytest.raises(BundleError, match=message):
        load_bundle(copy)


def test_a_bundle_of_other_constants_can_be_calibrated_again(copy: Path) -> None:
    edit(lambda card: card.update(statistics_version=1))(copy)
    bundle = load_bundle(copy, statistics=False)
    assert (bundle.calibration, bundle.domain, bundle.compounds) == (None, None, None)
    assert bundle.model == load_bundle().model


def test_verify_finds_what_load_does_not_read(copy: Path) -> None:
    (copy / "member_03.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"member_03\.onnx"):
        verify_bundle(load_bundle(copy))


def test_a_wrong_shape_is_refused(copy: Path) -> None:
    edit(lambda card: card.update(members=14))(copy)
    with pytest.raises(BundleError, match="shape"):
        load_bundle(copy)


def test_nan_never_reaches_the_network(bundle: Bundle) -> None:
    x = np.zeros((1, 475), dtype=np.float32)
    x[0, 3] = np.nan
    with pytest.raises(SpectrumError, match="NaN"):
        run_ensemble(bundle, x, np.array([26]))
