"""The shipped bundle against the training set: its card, its coverage, its domain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xnet_exporter.calibrate.domain import domain_inputs
from xnet_exporter.calibrate.intervals import BAND_SHARES, SHELL_SHARES
from xnet_exporter.data.record import split_rows
from xnet_exporter.data.sets import TrainingSet, read_training_sets, select_axis
from xnet_exporter.evaluate.evaluation import (
    absorbers_of,
    evaluate,
    held_out_rows,
    model_inputs,
    run_held_out,
    trust,
)
from xnet_exporter.export.bundle import hash_bags, read_card
from xnet_exporter.export.card import model_card
from xnet_exporter.train.presets import PRESETS, preset_from_dict
from xnet_exporter.train.run import bootstrap, draws_of
from xnet_onnx import Bundle, XnetError
from xnet_onnx.pipeline import predict_many
from xnet_onnx.preprocess.rise import falls_again
from xnet_onnx.uncertainty.domain import domain_of

from ..conftest import ROOT, SHARED

pytestmark = pytest.mark.slow

Held = tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]


@pytest.fixture(scope="session")
def made_from(bundle: Bundle, training: TrainingSet) -> TrainingSet:
    """The sets that the shipped bundle was trained on."""
    sets = json.loads((bundle.path / "training.json").read_text()).get("sets")
    if sets is None:
        return training
    folders = []
    for name, _ in sets:
        places = [root / "training" / name for root in (ROOT, SHARED)]
        folders += [place for place in places if place.is_dir()][:1]
    if len(folders) < len(sets):
        pytest.skip("trained on sets that are not in a clone")
    return read_training_sets(folders)


def test_shipped_metrics_are_reproduced(bundle: Bundle, made_from: TrainingSet) -> None:
    """The numbers in the card are those of this bundle on this training set."""
    recorded = read_card(bundle.path)["metrics"]["held_out"]
    if recorded["sha256"] != made_from.sha256:
        pytest.fail("the card was made with another training set: run xnet-onnx evaluate again")
    found = evaluate(bundle, made_from)
    for condition in ("calculated", "broadened"):
        for section in ("mse", "peaks_near", "peaks_far", "first_shell", "coverage"):
            for key, value in recorded[condition][section].items():
                assert found[condition][section][key] == pytest.approx(value, rel=0.02, abs=0.01)


def test_held_out_compositions_were_not_trained_on(bundle: Bundle, made_from: TrainingSet) -> None:
    record = json.loads((bundle.path / "training.json").read_text())
    by_group = record.get("held_out_by") == "group"
    held, _ = held_out_rows(bundle, made_from)
    covered, _ = select_axis(made_from, bundle.axis)
    trained = [covered.rows[i] for i in split_rows(record, covered)[0]]
    assert len(trained) == record["training"]["count"]
    assert len(held.rows) == record["held_out"]["count"]
    for what in ("name", "group") if by_group else ("name",):
        assert not {getattr(row, what) for row in trained} & {getattr(row, what) for row in held.rows}
    draws = (
        draws_of(trained, preset_from_dict(record["preset"]), record["members"], record["seed"])
        if by_group
        else bootstrap(len(trained), record["members"], record["seed"])
    )
    assert record["in_bag_sha256"] == hash_bags(draws.tolist())
    assert record["set"]["sha256"] == bundle.card["training"]["set_sha256"]


def test_card_is_made_from_the_bundles_files(bundle: Bundle) -> None:
    assert (bundle.path / "README.md").read_text() == model_card(read_card(bundle.path))


@pytest.fixture(scope="session")
def held(bundle: Bundle, made_from: TrainingSet) -> Held:
    """Held-out inputs as calculated and broadened, targets and compositions."""
    rows, _ = held_out_rows(bundle, made_from)
    inputs = np.concatenate([model_inputs(rows.rows, bundle, width) for width in (0.0, 2.0)])
    targets = np.tile(np.stack([row.g2 for row in rows.rows]), (2, 1))
    return inputs, np.tile(absorbers_of(rows.rows), 2), targets, [row.group for row in rows.rows] * 2


@pytest.fixture(scope="session")
def held_kinds(bundle: Bundle, made_from: TrainingSet) -> np.ndarray:
    """The kind of compound of each held-out input."""
    return np.array([row.kind for row in held_out_rows(bundle, made_from)[0].rows] * 2)


def test_coverage_on_held_out_compositions(bundle: Bundle, held: Held, held_kinds: np.ndarray) -> None:
    """The coverage is within 2 points of nominal, as a hypothesis.

    Rejected at the 1 % level, with the standard error of whole compositions. Kinds of compound count
    as the calibration has them count, and not by their numbers: the one that is predicted worst more.
    """
    inputs, absorbers, targets, groups = held
    kinds = {
        kind: trust(
            run_held_out(bundle, inputs[at], absorbers[at], targets[at]),
            targets[at],
            [groups[i] for i in np.flatnonzero(at)],
        )["coverage"]
        for kind in sorted(set(held_kinds.tolist()))
        if (at := held_kinds == kind).any()
    }
    assert len(kinds) == 3
    for level in ("0.5", "0.8", "0.9", "0.95"):
        for what, shares in (("band", BAND_SHARES), ("first_shell", SHELL_SHARES)):
            weights = np.array([shares.get(kind, 1.0) for kind in kinds])
            weights /= weights.sum()
            percent = weights @ [found[level][what]["percent"] for found in kinds.values()]
            error = np.hypot.reduce(
                weights * [found[level][what]["standard_error"] for found in kinds.values()]
            )
            # Out of bag, a third of the members speak: with all of them the bands of G2 hold a little more
            # than they promise, which is the side to err on.
            short = 100 * float(level) - percent
            excess = (short if what == "band" else abs(short)) - 2.0
            assert excess < 2.58 * error, (level, what, percent, error)
            # The test has power: it would notice the paper's 64 % for 95 %.
            assert error < 6.0


def test_false_alarms_are_rare(bundle: Bundle, held: Held) -> None:
    """Each score is set to 0.2 or 1 % of the training spectra; these overlap, and 0.3 % a score is enough."""
    seen = run_held_out(bundle, *held[:3])
    assert bundle.domain is not None
    scores = 3 + len(bundle.domain.inputs.artefacts)
    assert scores == 13
    assert seen.share("outside").mean() <= 0.003 * scores


def test_what_is_counted_from_a_pre_edge_peak_is_compared_with_its_kind(
    bundle: Bundle, made_from: TrainingSet
) -> None:
    """Chromates and vanadates are no saturated detectors, and one of theirs is noticed."""
    covered, _ = select_axis(made_from, bundle.axis)
    tetrahedral = [i for i, row in enumerate(covered.rows) if row.absorber in (22, 23, 24, 25)]
    rows, absorbers = [covered.rows[i] for i in tetrahedral], absorbers_of(covered.rows)[tetrahedral]
    inputs = model_inputs(rows, bundle, 2.0)
    peaked = falls_again(inputs, bundle.axis)
    assert peaked.sum() > 40
    seen = run_held_out(bundle, inputs[peaked], absorbers[peaked], np.stack([row.g2 for row in rows])[peaked])
    assert seen.share("outside").mean() < 0.03
    cut = np.minimum(inputs[peaked], 0.9 * inputs[peaked].max(axis=1, keepdims=True))
    spoilt = run_held_out(bundle, cut, absorbers[peaked], np.stack([row.g2 for row in rows])[peaked])
    assert spoilt.share("outside").mean() > 0.5


def test_absolute_axis_notices_a_shift(tmp_path: Path, training: TrainingSet) -> None:
    """15 eV on an absolute axis is far from every training spectrum."""
    from xnet_exporter.calibrate.domain import fit_domain
    from xnet_exporter.data.sets import select_axis
    from xnet_onnx.bundle.statistics import parse_domain

    paper = PRESETS["paper"]
    covered, origins = select_axis(training, paper.axis)
    rows = list(covered.rows)
    domain = parse_domain(
        fit_domain(rows[::2], origins[::2], paper, lambda inputs, absorbers: None, 0), paper.axis.count
    )
    good = domain_inputs(rows[1::2], origins[1::2], paper, 0)
    alarms = np.mean(domain_of(domain, paper.axis, good, None).score > 1)
    assert alarms < 0.05
    for shift in (-15.0, 15.0):
        moved = np.stack(
            [np.interp(paper.axis.energies(), row.energy + shift, row.mu) for row in rows[1::20]]
        ).astype(np.float32)
        noticed = domain_of(domain, paper.axis, moved, None).score > 1
        assert np.mean(noticed) > 0.95


@pytest.mark.skipif(not (SHARED / "experimental").is_dir(), reason="other people's files, not in a clone")
def test_measured_references_are_inside_the_interval() -> None:
    from xnet_exporter.data.measured import measured_references
    from xnet_onnx.inference.peaks import first_peaks

    inside = []
    for item in measured_references(SHARED / "experimental"):
        (result,) = predict_many([item.spectrum])
        assert not isinstance(result, XnetError)
        assert result.first_shell is not None
        assert result.first_shell.lower is not None
        assert result.first_shell.upper is not None
        (truth,) = first_peaks(result.r, item.g2[np.newaxis])
        inside.append(result.first_shell.lower <= truth <= result.first_shell.upper)
    assert np.mean(inside) >= 0.8


def test_the_example_of_measured_references_is_whole(root: Path) -> None:
    """What the README gives to --measured: three spectra whose structures say where the first shell is."""
    from xnet_exporter.data.descriptor import RadialGrid
    from xnet_exporter.data.measured import measured_references
    from xnet_onnx.inference.peaks import first_peaks

    found = measured_references(root / "examples" / "references")
    assert [item.phase for item in found] == ["goethite", "wustite", "pyrite"]
    for item in found:
        (first,) = first_peaks(RadialGrid().centres, item.g2[np.newaxis])
        assert first == pytest.approx(item.first_shell, abs=0.02)
