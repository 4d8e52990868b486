"""From a tiny training set to a bundle: the same road as the shipped one, in seconds."""

from __future__ import annotations

import dataclasses
import filecmp
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet_exporter.calibrate.intervals import calibrate
from xnet_exporter.data.sets import Row, TrainingSet, read_training_set, select_axis
from xnet_exporter.evaluate.evaluation import HeldOut, evaluate, metrics
from xnet_exporter.export.graphs import SingleMember, fold_batch_norm, members_to_onnx, to_onnx
from xnet_exporter.train.augment import (
    GRID,
    Distortion,
    augment,
    broaden,
    misfit_factor,
    operator_of,
    spectrum_bank,
)
from xnet_exporter.train.fit import LAST, LAST_RELATIVE, RELATIVE, _order, fit
from xnet_exporter.train.networks import Ensemble
from xnet_exporter.train.presets import PRESETS, preset_from_dict
from xnet_exporter.train.run import bootstrap, chances_of, draws_of, export_run, load_run, train, unseen_by
from xnet_onnx import BundleError, DataSetError, OutputError, load_bundle, predict, read
from xnet_onnx.cli.verification import verify_bundle
from xnet_onnx.inference.session import open_session
from xnet_onnx.preprocess.align import align_one

from ..conftest import EXAMPLE

pytestmark = pytest.mark.slow

DEFAULT, PAPER = PRESETS["default"], PRESETS["paper"]


def random_ensemble(preset_name: str, members: int = 3) -> Ensemble:
    preset = PRESETS[preset_name]
    ensemble = Ensemble(preset.network, members, preset.axis.count, 50)
    ensemble.initialize([torch.Generator().manual_seed(i) for i in range(members)])
    generator = torch.Generator().manual_seed(9)
    for buffer_name, buffer in ensemble.named_buffers():
        low = 0.5 if buffer_name.endswith("var") else -0.5
        buffer.uniform_(low, low + 1.0, generator=generator)
    if preset.network.absorbers:
        with torch.no_grad():
            ensemble.absorber_weight.uniform_(-0.3, 0.3, generator=generator)
    return ensemble.eval()


def spectra(count: int = 5, preset_name: str = "paper") -> torch.Tensor:
    points = PRESETS[preset_name].axis.count
    return torch.rand(count, points, generator=torch.Generator().manual_seed(1))


def absorbers(count: int) -> torch.Tensor:
    """Every third one unknown to the network."""
    return torch.tensor([(22, 30, 5)[i % 3] for i in range(count)])


def test_the_papers_network() -> None:
    """Three Conv1d of 2 filters, kernel 8, stride 2; dense 256, 128, 50 (section 2.1)."""
    ensemble = random_ensemble("paper", 1)
    reference = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 8, 2),
        torch.nn.ReLU(),
        torch.nn.Conv1d(2, 2, 8, 2),
        torch.nn.ReLU(),
        torch.nn.Conv1d(2, 2, 8, 2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(2 * 54, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 50),
    )
    weights = [p for p in ensemble.parameters() if p.ndim >= 3 and p.shape[1] > 1]
    plain = [p for p in reference.parameters() if p.ndim >= 2]
    for target, source in zip(plain, weights, strict=True):
        value = source[0] if source.ndim == 4 else source[0].T
        target.data.copy_(value)
    for parameter in reference.parameters():
        if parameter.ndim == 1:
            parameter.data.zero_()
    with torch.no_grad():
        expected = reference(spectra().unsqueeze(1))
        found = ensemble(spectra())[:, 0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_glorot_weights() -> None:
    ensemble = random_ensemble("paper", 2)
    dense = next(m for m in ensemble.dense if hasattr(m, "weight"))
    weight = dense.weight.detach()
    bound = (6 / (weight.shape[1] + weight.shape[2])) ** 0.5
    assert float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not torch.equal(weight[0], weight[1])


@pytest.mark.parametrize("name", ["default", "paper"])
def test_members_do_not_mix(name: str) -> None:
    ensemble = random_ensemble(name)
    x, z = spectra(6, name), absorbers(6)
    with torch.no_grad():
        together = ensemble(x, z)
        for i in range(3):
            alone = ensemble.member(i)(x, z)[:, 0]
            torch.testing.assert_close(alone, together[:, i], atol=1e-5, rtol=0)
        one_each = ensemble(x.unsqueeze(1).expand(-1, 3, -1), z.unsqueeze(1).expand(-1, 3))
    torch.testing.assert_close(one_each, together)


def test_an_absorber_without_spectra_is_unknown() -> None:
    """What the absorber adds starts from zero, and an unknown number adds nothing."""
    x = spectra(3, "default")
    ensemble = random_ensemble("default")
    with torch.no_grad():
        known, unknown = ensemble(x, torch.tensor([26] * 3)), ensemble(x, torch.tensor([92] * 3))
        torch.testing.assert_close(unknown, ensemble(x))
        assert float((known - unknown).abs().max()) > 1e-3
        untrained = Ensemble(DEFAULT.network, 1, DEFAULT.axis.count, 50)
    assert not untrained.absorber_weight.any()


@pytest.mark.parametrize("name", ["default", "paper"])
def test_onnx_parity(name: str) -> None:
    ensemble = random_ensemble(name)
    folded = fold_batch_norm(ensemble)
    points = PRESETS[name].axis.count
    fused = open_session(to_onnx(folded, points))
    members = [SingleMember(folded, i) for i in range(3)]
    graphs = members_to_onnx(members, points)
    # One graph with the weights of each is what exporting each would give.
    assert graphs[2] == to_onnx(members[2], points)
    assert len(set(graphs)) == 3
    singles = [open_session(graph) for graph in graphs]
    takes = [port.name for port in fused.get_inputs()]
    assert takes == (["spectrum", "absorber"] if name == "default" else ["spectrum"])
    for count in (1, 7, 64):
        x, z = spectra(count, name), absorbers(count)
        feeds = dict(zip(takes, (x.numpy(), z.numpy()), strict=False))
        with torch.no_grad():
            expected = ensemble(x, z).numpy()
        found = fused.run(["g2"], feeds)[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        for i, single in enumerate(singles):
            one = single.run(["g2"], feeds)[0]
            assert one.shape == (count, 50)
            np.testing.assert_allclose(one, found[:, i], rtol=0, atol=1e-5)


def test_graphs_hold_no_paths() -> None:
    model = onnx.load_model_from_string(
        to_onnx(fold_batch_norm(random_ensemble("default")), DEFAULT.axis.count)
    )
    # Three letters in half a megabyte of random weights are chance.
    for weights in model.graph.initializer:
        weights.ClearField("raw_data")
    data = model.SerializeToString()
    for word in (b"/root", b"/home", b"site-packages", b"xnet_exporter", b".py"):
        assert word not in data


def test_bootstrap() -> None:
    bags = bootstrap(1000, 15, 0)
    assert bags.shape == (15, 1000)
    shares = [len(set(bag.tolist())) / 1000 for bag in bags]
    assert np.mean(shares) == pytest.approx(1 - np.exp(-1), abs=0.01)
    assert len({tuple(bag) for bag in bags.tolist()}) == 15
    np.testing.assert_array_equal(bootstrap(1000, 15, 0), bags)
    np.testing.assert_array_equal(bootstrap(1000, 3, 0), bags[:3])
    assert not np.array_equal(bootstrap(1000, 15, 1), bags)


def row(name: str, source: str) -> Row:
    nothing = np.zeros(0)
    return Row(f"{name}-{source}", name, nothing, nothing, nothing, nothing, nothing.astype(int), 26, source)


def test_whole_groups_are_drawn() -> None:
    """A host mineral is one group with what was substituted in it; 37 % of the groups are unseen."""
    rows = [row(f"M{i}", "mineral") for i in range(300)]
    rows += [row(f"Fe in M{i} (Si site)", "mvar") for i in range(300)]
    rows += [row(f"oct:L{i}", "built") for i in range(300)]
    unseen = unseen_by(rows, DEFAULT, 15, 0)
    np.testing.assert_array_equal(unseen[:300], unseen[300:600])
    assert unseen.mean() == pytest.approx(np.exp(-1), abs=0.02)
    draws = draws_of(rows, DEFAULT, 15, 0)
    np.testing.assert_array_equal(draws.T == 0, unseen)
    assert draws.mean() == pytest.approx(1.0, abs=0.05)
    # What else is in the set changes nothing.
    np.testing.assert_array_equal(unseen_by(rows[250:400], DEFAULT, 15, 0), unseen[250:400])
    # The paper's rows, too, are unseen only where their whole group is.
    paper = unseen_by(rows, PAPER, 15, 0)
    np.testing.assert_array_equal(paper[:300], paper[300:600])
    assert paper[:600].mean() == pytest.approx(np.exp(-2), abs=0.02)
    assert paper[600:].mean() == pytest.approx(np.exp(-1), abs=0.02)


def test_kinds_are_drawn_by_their_shares() -> None:
    rows = [row(f"M{i}", "mvar") for i in range(20)] + [row(f"L{i}", "built") for i in range(200)]
    chances = chances_of(
        rows, draws_of(rows, DEFAULT, 3, 0), (("mineral", 0.5), ("molecule", 0.3), ("built", 0.2))
    )
    minerals = chances[:, :20].sum(axis=1) / chances.sum(axis=1)
    np.testing.assert_allclose(minerals, 0.5 / 0.7, rtol=1e-5)
    generator = torch.Generator().manual_seed(0)
    every = torch.arange(len(rows)).expand(3, -1)
    drawn = torch.cat([_order(every, torch.from_numpy(chances), generator) for _ in range(20)])
    assert drawn.shape == (20 * 220, 3)
    assert float((drawn < 20).float().mean()) == pytest.approx(0.5 / 0.7, abs=0.02)


def test_presets_survive_json() -> None:
    for preset in PRESETS.values():
        assert preset_from_dict(json.loads(json.dumps(dataclasses.asdict(preset)))) == preset


def test_an_earlier_recipe_is_refused() -> None:
    value = json.loads(json.dumps(dataclasses.asdict(DEFAULT)))
    for part, field in (("network", "absorbers"), ("augmentation", "shift")):
        older = value | {part: {key: one for key, one in value[part].items() if key != field}}
        with pytest.raises(DataSetError, match=f"{field}.*train again"):
            preset_from_dict(older)


@settings(max_examples=25)
@given(fwhm=st.floats(0.3, 4.0))
def test_broadening_has_the_width_it_says(fwhm: float) -> None:
    energy = np.arange(7100.0, 7140.0, 0.05)
    line = np.exp(-4 * np.log(2) * ((energy - 7120.0) / 1.5) ** 2)
    grid, wide = broaden(energy, line, fwhm)
    above = grid[wide >= wide.max() / 2]
    assert above[-1] - above[0] == pytest.approx(np.hypot(1.5, fwhm), abs=0.2)
    assert np.trapezoid(wide, grid) == pytest.approx(np.trapezoid(line, energy), rel=1e-3)


def test_damping_grows_above_the_edge() -> None:
    energy = np.arange(7100.0, 7160.0, 0.1)
    wave = np.sin(energy)
    grid, damped = broaden(energy, wave, 0.0, damping=6.0, edge=7110.0)
    swing = [np.ptp(damped[(grid > e) & (grid < e + 6.5)]) for e in (7101.0, 7115.0, 7125.0, 7140.0)]
    assert swing == sorted(swing, reverse=True)
    assert swing[0] == pytest.approx(2.0, abs=0.01)


def width_at(operator: np.ndarray, energy: float) -> float:
    """FWHM in eV of what a value at an energy is a mean over."""
    weights = operator[np.argmin(np.abs(GRID - energy))]
    return float(np.count_nonzero(weights > 0.5 * weights.max()) * (GRID[1] - GRID[0]))


def test_a_lifetime_broadens_above_the_edge_only() -> None:
    gaussian = operator_of(Distortion(2.0, 0.0, 1.0))
    lifetime = operator_of(Distortion(2.0, 6.0, 1.0, onset=10.0))
    np.testing.assert_allclose(lifetime @ np.ones(GRID.size), 1.0, atol=1e-5)
    assert width_at(lifetime, -5.0) == pytest.approx(width_at(gaussian, -5.0), abs=0.5)
    # A Gaussian of 2 eV and a Lorentzian of 6 eV are a Voigt profile (Olivero and Longbothum).
    voigt = 0.5346 * 6.0 + (0.2166 * 6.0**2 + 2.0**2) ** 0.5
    assert width_at(lifetime, 15.0) == pytest.approx(voigt, abs=0.6)
    assert width_at(gaussian, -5.0) < width_at(lifetime, 5.0) < width_at(lifetime, 15.0)


UNCHANGED = dataclasses.replace(
    DEFAULT.augmentation,
    variants=1, shift=0.0, stretch_mean=1.0, stretch=0.0, amplitude=(1.0, 1.0),
    slope=0.0, noise=0.0, damage=0.0, misfit=0.0,
)  # fmt: skip


def test_augmentation(tiny_set: Path) -> None:
    data, origins = select_axis(read_training_set(tiny_set), DEFAULT.axis)
    bank = torch.from_numpy(spectrum_bank(data.rows, origins, DEFAULT.axis, UNCHANGED, 0))
    rows = torch.arange(len(data.rows))

    def drawn(**changes: Any) -> torch.Tensor:
        augmentation = dataclasses.replace(UNCHANGED, **changes)
        return augment(bank, rows, DEFAULT.axis, augmentation, torch.Generator().manual_seed(0))

    same = drawn()
    for i, row in enumerate(data.rows):
        np.testing.assert_allclose(same[i], align_one(row.energy, row.mu, DEFAULT.axis)[0], atol=0.01)
    changed = drawn(noise=0.01) - same
    assert changed.std(dim=1).max() <= 0.0115
    assert changed.std() == pytest.approx(0.01 / 3**0.5, rel=0.2)
    energy = torch.from_numpy(DEFAULT.axis.energies())
    missed = drawn(misfit=0.04) - same
    assert missed[:, energy.abs() < 1.0].std() == pytest.approx(0.04 / 3**0.5, rel=0.5)
    halved = drawn(amplitude=(0.5, 0.5))
    torch.testing.assert_close(halved[:, energy > 8.0] - 1.0, 0.5 * (same[:, energy > 8.0] - 1.0))
    torch.testing.assert_close(halved[:, energy < 2.0], same[:, energy < 2.0])
    damaged = drawn(damage=1.0)
    assert torch.isfinite(damaged).all()
    assert float((damaged - same).abs().mean()) > 0.01


def test_misfit_is_wavy_and_smaller_further_above_the_edge() -> None:
    """As `benchmarks/theory_gap.py` finds what theory leaves of measured spectra."""
    axis = DEFAULT.axis
    curves = torch.randn(20_000, axis.count, generator=torch.Generator().manual_seed(0)) @ misfit_factor(axis)
    size = curves.std(dim=0).numpy()
    assert np.interp([0.0, 30.0], axis.energies(), size) == pytest.approx([1.0, 0.4], abs=0.02)
    edge = int(np.argmin(np.abs(axis.energies())))
    near, far = (np.corrcoef(curves[:, edge], curves[:, edge + step])[0, 1] for step in (6, 24))
    assert near == pytest.approx(0.67, abs=0.1)
    assert far == pytest.approx(-0.33, abs=0.1)


def test_variants_are_aligned_as_the_runtime_would(tiny_set: Path) -> None:
    """However distorted, a variant rises through the level at 0 and has a mean of 1 over the scale's range.

    A few lie above it: where a shoulder is as high as the level, there is no scale at whose level they rise.
    """
    data, origins = select_axis(read_training_set(tiny_set), DEFAULT.axis)
    bank = spectrum_bank(data.rows, origins, DEFAULT.axis, DEFAULT.augmentation, 0)
    margin = (bank.shape[2] - DEFAULT.axis.count) // 2
    energy = DEFAULT.axis.energies()
    inside = bank[:, :, margin : margin + energy.size]
    assert np.isfinite(bank).all()
    low, high = DEFAULT.axis.scale_range
    range_of_scale = (energy > low - 0.01) & (energy < high + 0.01)
    np.testing.assert_allclose(inside[..., range_of_scale].mean(axis=-1), 1.0, atol=0.005)
    at = inside[..., np.argmin(np.abs(energy))]
    rises = np.minimum(np.abs(at - DEFAULT.axis.level), np.abs(at - 0.5)) < 0.12
    assert rises.mean() > 0.97
    assert (at[~rises] > DEFAULT.axis.level).all()
    assert np.ptp(inside, axis=-1).mean() < np.ptp(inside[:, 0], axis=-1).mean()


@pytest.fixture(scope="module")
def run(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    train(tiny_set, folder, DEFAULT, members=3, seed=7, epochs=3)
    return folder


def test_same_seed_same_bytes(tiny_set: Path, run: Path, tmp_path: Path) -> None:
    train(tiny_set, tmp_path / "run", DEFAULT, members=3, seed=7, epochs=3)
    for source, out in ((run, "one"), (tmp_path / "run", "two")):
        export_run(source, tmp_path / out, name="tiny", version="0")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert "member_02.onnx" in names
    match, mismatch, errors = filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", names, shallow=False)
    assert (match, mismatch, errors) == (names, [], [])
    train(tiny_set, tmp_path / "other", DEFAULT, members=3, seed=6, epochs=3)
    assert not filecmp.cmp(tmp_path / "other" / "members.pt", run / "members.pt", shallow=False)


def test_interrupted_and_resumed_is_the_same(
    tiny_set: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xnet_exporter.train.fit as fitting

    monkeypatch.setattr(fitting, "CHECKPOINT_SECONDS", 0.0)
    calls = 0
    real = fitting.augment

    def interrupt(*args: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "augment", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_set, tmp_path / "run", DEFAULT, members=3, seed=7, epochs=3)
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    with pytest.raises(OutputError, match="--resume"):
        train(tiny_set, tmp_path / "run", DEFAULT, members=3, seed=7, epochs=3)
    with pytest.raises(OutputError, match="another seed"):
        train(tiny_set, tmp_path / "run", DEFAULT, members=3, seed=6, epochs=3, resume=True)
    train(tiny_set, tmp_path / "run", DEFAULT, members=3, seed=7, epochs=3, resume=True)
    assert filecmp.cmp(tmp_path / "run" / "members.pt", run / "members.pt", shallow=False)


def test_heavy_shells_count_more_in_the_last_epochs(tmp_path: Path) -> None:
    # A network that does not change: its loss tells how errors are counted.
    preset = dataclasses.replace(PAPER, relative_loss=True, learning_rate=0.0)
    ensemble = random_ensemble("paper", 2)
    bank = spectra(6)
    targets = 4.0 * torch.rand(6, 50, generator=torch.Generator().manual_seed(2))
    rows = torch.arange(6).expand(2, -1)
    with torch.no_grad():
        squares = ((ensemble(bank[rows.T], None) - targets[rows.T]) ** 2).mean(2)
    losses = fit(
        ensemble, bank, targets, rows, preset, 10, 0, checkpoint=tmp_path / "checkpoint.pt", resume=False
    )
    size = targets.square().mean(1)
    for epoch, found in enumerate(losses):
        share = RELATIVE if epoch < 10 * (1.0 - LAST) - 1e-9 else LAST_RELATIVE
        expected = (squares / (1.0 + share * size[:, None])).mean(0)
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4)
    assert losses[-1][0] > 1.1 * losses[0][0]


def test_run_record(run: Path, tiny_set: Path) -> None:
    record = load_run(run).record
    data = read_training_set(tiny_set)
    assert record["set"] == {"name": "tiny_v1", "sha256": data.sha256}
    ids = set(record["training"]) | set(record["held_out"]) | {i for i, _ in record["left_out"]}
    assert ids == {row.id for row in data.rows}
    assert record["sets"] == [["tiny_v1", data.sha256]]
    groups = {row.id: row.group for row in data.rows}
    assert not {groups[i] for i in record["training"]} & {groups[i] for i in record["held_out"]}
    assert np.array(record["losses"]).shape == (3, 3)
    # In the last third of the epochs errors count otherwise.
    assert np.all(np.array(record["losses"])[1] < np.array(record["losses"])[0])


def test_a_bundle_works_from_end_to_end(run: Path, tiny_set: Path, tmp_path: Path) -> None:
    parity = export_run(run, tmp_path / "b", name="tiny", version="3")
    assert max(parity.values()) < 1e-5
    bundle = load_bundle(tmp_path / "b")
    assert bundle.title == "tiny 3"
    assert verify_bundle(bundle).files == 3 + 5
    spectrum = read(EXAMPLE)
    result = predict(spectrum.energy, spectrum.mu, bundle=bundle)
    assert result.members.shape == (3, 50)
    found = evaluate(bundle, read_training_set(tiny_set))
    assert found["calculated"]["spectra"] == len(load_run(run).record["held_out"])


@pytest.mark.slow
def test_a_bundle_is_calibrated(tiny_set: Path, tmp_path: Path) -> None:
    train(tiny_set, tmp_path / "run", DEFAULT, members=8, seed=1, epochs=2)
    export_run(tmp_path / "run", tmp_path / "b", name="tiny", version="1")
    assert load_bundle(tmp_path / "b").compounds is None
    calibrate(tmp_path / "b", tiny_set)
    card = json.loads((tmp_path / "b" / "bundle.json").read_text())
    (tmp_path / "b" / "bundle.json").write_text(json.dumps(card | {"statistics_version": 1}))
    with pytest.raises(BundleError, match="run xnet-onnx calibrate again"):
        load_bundle(tmp_path / "b")
    calibrate(tmp_path / "b", tiny_set)
    bundle = load_bundle(tmp_path / "b")
    assert bundle.calibration is not None
    assert bundle.compounds is not None
    assert bundle.card["nearest"]["compounds"] == len(bundle.compounds.names) > 30
    # Of the eight members' files, the ensemble's and four others.
    assert verify_bundle(bundle).files == 8 + 7
    assert len(predict(EXAMPLE, bundle=bundle, force=True).nearest) == 3


def test_paper_preset(tiny_set: Path, tmp_path: Path) -> None:
    train(tiny_set, tmp_path / "run", PAPER, members=2, seed=0, epochs=2)
    export_run(tmp_path / "run", tmp_path / "b", name="paper", version="1")
    bundle = load_bundle(tmp_path / "b")
    assert bundle.axis.kind == "absolute"
    assert bundle.axis.last == pytest.approx(7160.0)
    verify_bundle(bundle)


def test_refusals(tiny_set: Path, tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="no finished training run"):
        load_run(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        train(tiny_set, tmp_path, DEFAULT, members=1, epochs=1)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_metrics_by_hand(training: TrainingSet) -> None:
    r = np.linspace(1, 6, 50)
    targets = np.stack([row.g2 for row in training.rows[:40]])
    rng = np.random.default_rng(0)
    size = np.linspace(0.01, 0.3, 40)[:, None]
    error = size * rng.normal(size=targets.shape)
    spread = size[:, None] * rng.normal(size=(40, 15, 50))
    spread -= spread.mean(axis=1, keepdims=True)
    held = HeldOut(tuple("abc"), targets[:, None] + error[:, None] + spread, targets)
    found = metrics(held, r)
    mse = (error**2).mean(axis=1)
    assert found["mse"]["median"] == pytest.approx(np.median(mse))
    assert found["mse"]["coefficient_of_variation"] == pytest.approx(mse.std() / mse.mean())
    # Two sigma of a t distribution with 14 degrees of freedom hold 93.5 %.
    assert found["coverage"]["mean"] == pytest.approx(93.5, abs=2.0)
    assert found["sigma_mse_pearson"] > 0.9
    perfect = metrics(HeldOut(("a",), targets[:, None], targets), r)
    assert perfect["first_shell"]["mean"] == 0.0
    assert perfect["peaks_near"]["missed"] == 0.0
