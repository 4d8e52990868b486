"""Every figure and table of the paper, from a tiny training set, in seconds."""

from __future__ import annotations

import base64
import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_exporter.data.paper_numbers import PAPER
from xnet_exporter.data.sets import read_training_set
from xnet_exporter.reproduce import folds, running
from xnet_exporter.reproduce.embedding import explained
from xnet_exporter.reproduce.folds import constant
from xnet_exporter.reproduce.material import Material
from xnet_exporter.reproduce.natoli import resonances, stretched, widened
from xnet_exporter.reproduce.redrawn import redrawn
from xnet_exporter.reproduce.running import MAKERS, reproduce
from xnet_exporter.reproduce.sensitivity import pre_edge_of, pre_edge_scaled
from xnet_exporter.reproduce.sizes import FULL, QUICK, TINY, Effort
from xnet_exporter.reproduce.statistics import against, clustered, pearson, slope
from xnet_exporter.train.presets import PRESETS
from xnet_exporter.train.run import export_run, train
from xnet_onnx import OutputError, load_bundle
from xnet_onnx.cli import main
from xnet_onnx.inference.ensemble import run_ensemble
from xnet_onnx.preprocess.align import align_one, half_step_energy

pytestmark = pytest.mark.slow

FIGURES = {
    "convergence": ("convergence",),
    "learning_curve": ("learning_curve",),
    "embedding": ("embedding",),
    "held_out": ("held_out", "peaks"),
    "sensitivity": ("shifts", "broadening", "pre_edge"),
    "natoli": ("natoli",),
    "uncertainty": ("uncertainty", "bands"),
}


@pytest.fixture(scope="module")
def bundles(tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of each preset, trained until its curves have peaks."""
    found = {}
    for preset, epochs in (("default", 2), ("paper", 40)):
        folder = tmp_path_factory.mktemp("bundles") / preset
        train(tiny_set, folder / "run", PRESETS[preset], members=2, seed=0, epochs=epochs)
        export_run(folder / "run", folder / "bundle", name=preset, version="1")
        found[preset] = folder / "bundle"
    return found


@pytest.fixture(scope="module")
def report(tiny_set: Path, bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "out"
    missing = reproduce(tiny_set, out, TINY, model=bundles["default"], paper_model=bundles["paper"])
    assert missing == []
    return out


def rows_of(report: Path, name: str) -> list[dict[str, str]]:
    with (report / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_there(report: Path) -> None:
    text, page = (report / "report.md").read_text(), (report / "report.html").read_text()
    assert "QUICK" not in text
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", text.lower())
    for name, stems in FIGURES.items():
        assert rows_of(report, name)
        for stem in stems:
            png = (report / "figures" / f"{stem}.png").read_bytes()
            svg = (report / "figures" / f"{stem}.svg").read_bytes()
            assert png.startswith(b"\x89PNG")
            assert b"</svg>" in svg
            assert f"figures/{stem}.png" in text
            assert base64.b64encode(png).decode() in page
    assert 'src="http' not in page
    lines = rows_of(report, "table")
    assert {"held-out MSE, median", "Pearson's correlation of sigma and MSE"} <= {r["result"] for r in lines}
    assert all(line["preset_paper"] and line["preset_default"] for line in lines)
    assert "Skipped: no folder was given" in text


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_numbers_are_those_of_the_bundle(
    report: Path, bundles: dict[str, Path], tiny_set: Path, preset: str
) -> None:
    """MSE, coverage and correlation, computed again without the code under test."""
    bundle = load_bundle(bundles[preset])
    data = {row.id: row for row in read_training_set(tiny_set).rows}
    own = [row for row in rows_of(report, "held_out") if row["preset"] == preset]
    spread = [row for row in rows_of(report, "uncertainty") if row["preset"] == preset]
    mse, coverage, sigma = [], [], []
    for line in own:
        row = data[line["id"]]
        values, _ = align_one(row.energy, row.mu, bundle.axis)
        members = run_ensemble(bundle, values[np.newaxis], np.array([row.absorber]))[0]
        error = members.mean(axis=0) - row.g2
        deviation = np.sqrt(((members - members.mean(axis=0)) ** 2).sum(axis=0) / (len(members) - 1))
        mse.append(np.mean(error**2))
        coverage.append(100 * np.mean(np.abs(error) <= 2 * deviation))
        sigma.append(deviation.mean())
    np.testing.assert_allclose([float(line["mse"]) for line in own], mse, rtol=1e-5)
    np.testing.assert_allclose([float(line["coverage_percent"]) for line in spread], coverage, atol=1e-4)
    np.testing.assert_allclose([float(line["mean_sigma"]) for line in spread], sigma, rtol=1e-4)
    table = {line["result"]: line[f"preset_{preset}"] for line in rows_of(report, "table")}
    variation = np.sqrt(np.mean((mse - np.mean(mse)) ** 2)) / np.mean(mse)
    x, y = sigma - np.mean(sigma), mse - np.mean(mse)
    correlation = (x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum())
    assert table["held-out MSE, coefficient of variation"].startswith(f"{variation:.2f} ")
    assert table["held-out MSE, median"].startswith(f"{np.median(mse):.3f} ")
    assert table["Pearson's correlation of sigma and MSE"].startswith(f"{correlation:.2f} ")


def test_learning_curve_rows(report: Path) -> None:
    lines = rows_of(report, "learning_curve")
    paper = [line for line in lines if line["preset"] == "paper" and line["folds_by"] == "composition"]
    assert len(paper) == len(TINY.paper.shares) * TINY.repeats * TINY.parts
    sizes = sorted({int(line["spectra"]) for line in paper})
    assert sizes[0] == pytest.approx(sizes[1] / 2, abs=1)
    assert {line["folds_by"] for line in lines} == {"composition", "row"}


def test_a_second_run_trains_nothing(
    report: Path, tiny_set: Path, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    before = (report / "tables" / "learning_curve.csv").read_bytes()
    monkeypatch.setattr(folds, "fit", never)
    reproduce(
        tiny_set,
        report,
        TINY,
        model=bundles["default"],
        paper_model=bundles["paper"],
        only=("convergence", "learning_curve"),
    )
    assert (report / "tables" / "learning_curve.csv").read_bytes() == before


def test_interrupted_goes_on_at_the_next_size(
    tiny_set: Path, bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Path
) -> None:
    """The first size is kept, and the end is the same as without the interruption."""
    calls = 0
    real = folds.fit

    def interrupt(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(*args, **options)  # type: ignore[arg-type]

    def run() -> None:
        reproduce(
            tiny_set,
            tmp_path,
            TINY,
            model=bundles["default"],
            paper_model=bundles["paper"],
            only=("learning_curve",),
        )

    monkeypatch.setattr(folds, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert [path.name for path in (tmp_path / "work").glob("*.npz")] == ["learning_paper_composition_0.5.npz"]
    assert not (tmp_path / "report.md").exists()
    run()
    name = "tables/learning_curve.csv"
    assert (tmp_path / name).read_bytes() == (report / name).read_bytes()
    total = len(
        TINY.paper.shares + TINY.paper.random_shares + TINY.default.shares + TINY.default.random_shares
    )
    assert calls == 1 + total


def test_only_makes_one_section(tiny_set: Path, bundles: dict[str, Path], tmp_path: Path) -> None:
    arguments = {"model": bundles["default"], "paper_model": bundles["paper"]}
    missing = reproduce(tiny_set, tmp_path, TINY, **arguments, only=("natoli",))  # type: ignore[arg-type]
    assert missing == [name for name in MAKERS if name != "natoli"]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["natoli.png", "natoli.svg"]
    reproduce(tiny_set, tmp_path, TINY, **arguments, only=("held_out",))  # type: ignore[arg-type]
    text = (tmp_path / "report.md").read_text()
    assert "## Natoli's rule" in text
    assert "## Held-out spectra" in text
    assert "## Uncertainty" not in text


def test_a_dead_member_is_drawn_again(tiny_set: Path, bundles: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    paper, default = load_bundle(bundles["paper"]), load_bundle(bundles["default"])
    material = Material(read_training_set(tiny_set), paper, default, None, tmp_path, 0, TINY)
    seen, other = material.seen
    members = seen.members.copy()
    members[:, 0] = members[:1, 0]
    assert constant(members).tolist()[0]
    # The predictions are kept with the material once they are made.
    material.__dict__["seen"] = (dataclasses.replace(seen, members=members), other)
    alive = members[:, ~constant(members)]
    found = redrawn(material)
    assert np.array_equal(found[:, : alive.shape[1]], alive)
    new = found[:, alive.shape[1] :]
    assert 1 <= new.shape[1] <= members.shape[1] - alive.shape[1]
    assert not constant(new).any()
    # As good as the member was before it was made constant, within what a seed changes.
    mse = [np.mean((m - seen.targets) ** 2) for m in (new[:, 0], seen.members[:, 0], members[:, 0])]
    assert mse[0] < 0.5 * (mse[1] + mse[2]) or mse[0] < 2 * mse[1]
    (tmp_path / "work" / "redrawn.npz").unlink()
    np.testing.assert_array_equal(redrawn(material), found)


def test_presets_are_trained_where_no_bundle_is_given(tiny_set: Path, tmp_path: Path) -> None:
    reproduce(tiny_set, tmp_path, TINY, only=("held_out",))
    for preset in ("paper", "default"):
        made = load_bundle(tmp_path / "runs" / f"fe_k_{preset}")
        assert (made.members, made.card["training"]["preset"]) == (TINY.members, preset)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nothing"], "no section nothing; expected of convergence"),
        (["--model", "PAPER"], "is a bundle of preset paper; expected one of preset default"),
        (["--paper-model", "DEFAULT"], "is a bundle of preset default; expected one of preset paper"),
        (["--data", "NOWHERE"], "is not a folder; expected a training set"),
        (["--model", "FE_K"], "was made by an earlier preset default, with another input"),
        (["--model", "SHIPPED"], "was made from training set"),
    ],
)
def test_wrong_use_is_one_line(
    arguments: list[str],
    message: str,
    tiny_set: Path,
    bundles: dict[str, Path],
    tmp_path: Path,
    root: Path,
) -> None:
    places = {"PAPER": bundles["paper"], "DEFAULT": bundles["default"], "NOWHERE": tmp_path / "nowhere"}
    places |= {"FE_K": root / "models" / "xnet_models" / "fe_k", "SHIPPED": load_bundle().path}
    words = [str(places.get(word, word)) for word in arguments]
    default = [] if "--model" in words else ["--model", str(bundles["default"])]
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["reproduce", "--data", str(tiny_set), "--out", str(out), *default, *words]
    )
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("Error")]) == 1
    assert "Traceback" not in done.output
    assert not out.exists()


def test_folders_of_other_things_are_refused(
    tiny_set: Path, bundles: dict[str, Path], report: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    def run(out: Path, effort: Effort = TINY, seed: int = 0) -> None:
        reproduce(tiny_set, out, effort, model=bundles["default"], paper_model=bundles["paper"], seed=seed)

    with pytest.raises(OutputError, match="is not empty and holds no report"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(OutputError, match="another seed"):
        run(report, seed=1)
    with pytest.raises(OutputError, match=r"another effort \(--quick\)"):
        run(report, QUICK)


def test_quick_says_so(
    tiny_set: Path, bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MAKERS", {"held_out": running.held_out})
    reproduce(tiny_set, tmp_path, QUICK, model=bundles["default"], paper_model=bundles["paper"])
    for name in ("report.md", "report.html"):
        assert "QUICK: fewer networks" in (tmp_path / name).read_text()


def test_folds_part_compositions() -> None:
    names = [name for name in "abcdefghijklmnopqrst" for _ in range(3)]
    rng = np.random.default_rng(0)
    part = folds.by_composition(names, 5, rng)
    assert np.bincount(part).tolist() == [12] * 5
    assert all(len(set(part[i : i + 3])) == 1 for i in range(0, 60, 3))
    rows = folds.by_row(names, 5, rng)
    assert np.bincount(rows).tolist() == [12] * 5
    assert any(len(set(rows[i : i + 3])) > 1 for i in range(0, 60, 3))
    made = folds.make_folds(names, folds.by_composition, 2, 5, 0)
    assert made.training.shape == (10, 48)
    for training, held in zip(made.training, made.held, strict=True):
        assert not set(training.tolist()) & set(held.tolist())
        assert not {names[i] for i in training} & {names[i] for i in held}
    assert made.first(0.5).training.shape == (10, 24)


def test_resonances_and_gaps() -> None:
    energy = np.arange(7100.0, 7180.0, 0.25)

    def spectrum(at: np.ndarray) -> np.ndarray:
        edge = 0.5 + np.arctan((at - 7120.0) / 1.0) / np.pi
        return edge + 0.5 * np.exp(-(((at - 7128) / 4) ** 2)) + 0.2 * np.exp(-(((at - 7148) / 6) ** 2))

    mu = spectrum(energy)
    origin = half_step_energy(energy, mu)
    pair = resonances(energy, mu, origin)
    assert pair is not None
    assert pair == pytest.approx((7128.0, 7148.0), abs=0.6)
    moved = resonances(widened(energy, *pair, 1.1), mu, origin)
    assert moved is not None
    assert moved[0] == pytest.approx(pair[0], abs=0.2)
    assert moved[1] - moved[0] == pytest.approx(1.1 * (pair[1] - pair[0]), abs=0.3)
    everything = stretched(energy, origin, 0.9)
    assert everything[-1] - origin == pytest.approx(0.9 * (energy[-1] - origin))
    np.testing.assert_array_equal(everything[energy < origin], energy[energy < origin])
    assert resonances(energy, np.where(energy > 7135.0, 1.0, mu), origin) is None


def test_pre_edge_alone_changes() -> None:
    energy = np.arange(7100.0, 7160.0, 0.25)
    rise = 1.0 / (1.0 + np.exp(-(energy - 7120.0) / 1.5))
    peak = 0.05 * np.exp(-(((energy - 7112.0) / 0.8) ** 2))
    found = pre_edge_of(energy, rise + peak, 7120.0)
    assert found.max() == pytest.approx(0.05, abs=0.005)
    assert energy[found.argmax()] == pytest.approx(7112.0, abs=0.3)
    assert pre_edge_of(energy, rise, 7120.0).max() < 1e-9
    same, without = pre_edge_scaled(0.0)(energy, rise + peak, 7120.0)
    np.testing.assert_array_equal(same, energy)
    np.testing.assert_allclose(without, rise, atol=5e-3)
    np.testing.assert_array_equal(without[energy > 7118.0], (rise + peak)[energy > 7118.0])


def test_statistics() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    y = -0.5 * x + 0.1 * rng.normal(size=200)
    assert slope(x, y) == pytest.approx(np.polyfit(x, y, 1)[0])
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert np.isnan(pearson(np.ones(5), np.arange(5.0)))
    single = [str(i) for i in range(200)]
    value, low, high = clustered(single, lambda rows: float(x[rows].mean()), 2000, 0)
    error = x.std() / np.sqrt(200)
    assert (low, high) == pytest.approx((value - 1.96 * error, value + 1.96 * error), abs=0.25 * error)
    # Four copies of each are no more evidence than one.
    fourfold = np.repeat(x[:50], 4)
    names = [str(i // 4) for i in range(200)]
    _, low, high = clustered(names, lambda rows: float(fourfold[rows].mean()), 2000, 0)
    assert high - low == pytest.approx(2 * 1.96 * x[:50].std() / np.sqrt(50), rel=0.1)
    assert against(0.07, 0.1, 3) == "0.070, smaller than the paper's 0.1 (better)"
    assert against(86, 64, 0, "higher") == "86, larger than the paper's 64 (better)"
    assert against(0.1, 0.1, 2) == "0.10, as in the paper"
    assert "states no number" in against(0.1, None, 2)


def test_neighbours_on_a_map() -> None:
    rng = np.random.default_rng(2)
    places = rng.uniform(size=(300, 2))
    names = [str(i) for i in range(300)]
    assert explained(places, places[:, 0], names) > 0.9
    assert explained(places, rng.normal(size=300), names) < 0.1
    # Copies of one composition tell nothing of each other.
    twice, values = np.tile(places[:20], (15, 1)), np.tile(rng.normal(size=20), 15)
    assert explained(twice, values, [str(i % 20) for i in range(300)]) < 0.3


def test_full_is_the_papers() -> None:
    assert (FULL.repeats, FULL.parts) == (5, 5)
    assert (FULL.perplexity, FULL.learning_rate, FULL.iterations) == tuple(
        PAPER[key].value for key in ("perplexity", "t-SNE learning rate", "t-SNE iterations")
    )
    assert FULL.members == PAPER["members"].value
    assert FULL.paper.epochs == PRESETS["paper"].epochs == PAPER["epochs"].value
    assert FULL.default.epochs == PRESETS["default"].epochs
