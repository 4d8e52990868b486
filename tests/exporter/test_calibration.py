"""Calibration out of bag: of each spectrum only the members count that have not seen its group."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import QuantileRegressor

import xnet_exporter.calibrate.intervals as intervals
from xnet_exporter.calibrate.distortions import realigned
from xnet_exporter.calibrate.domain import aligned_inputs, domain_inputs
from xnet_exporter.calibrate.nearest import compound_name, fit_compounds
from xnet_exporter.calibrate.shell_kinds import fit_shell_kinds, kind_of_shell
from xnet_exporter.data.sets import Row, select_axis
from xnet_exporter.train.augment import Distortion, distort
from xnet_exporter.train.presets import DEFAULT
from xnet_onnx.bundle.nearest import parse_compounds
from xnet_onnx.bundle.statistics import ShellKinds, parse_calibration
from xnet_onnx.errors import DataSetError
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.spectrum import EnergyAxis, FloatArray
from xnet_onnx.uncertainty.intervals import Evidence, shell_error, shell_half_width
from xnet_onnx.uncertainty.nearest import nearest_of
from xnet_onnx.uncertainty.shell_kinds import probabilities_of

if TYPE_CHECKING:
    from xnet_exporter.data.sets import TrainingSet

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


def made_up(shell_error: FloatArray, seed: int) -> intervals.Observations:
    """Predictions of which nothing tells the errors."""
    rng = np.random.default_rng(seed)
    n = shell_error.size
    curve = np.abs(rng.normal(1.0, 0.1, (n, 50)))
    evidence = Evidence(
        *(np.full(n, 0.1) for _ in range(4)),
        *(np.zeros(n), np.full(n, 0.2), (curve**2).mean(axis=1), np.zeros(n), np.zeros(n)),
        *(np.full(n, 2.0), np.full(n, 0.1)),
    )
    error = shell_error[:, np.newaxis] * rng.normal(size=(n, 50))
    return intervals.Observations(
        evidence, np.full((n, 50), 0.1), error, shell_error, curve, np.arange(n, dtype=np.int64)
    )


def test_kinds_count_by_their_shares_and_not_by_their_number() -> None:
    rng = np.random.default_rng(0)
    few, many = np.abs(rng.normal(0, 0.3, 400)), np.abs(rng.normal(0, 0.02, 4000))
    errors, kinds = np.concatenate([few, many]), ["molecule"] * 400 + ["built"] * 4000
    value = intervals.fit_calibration(made_up(errors, 1), kinds)
    calibration = parse_calibration(value, 50)
    seen = made_up(errors, 1)
    half = shell_half_width(calibration, shell_error(calibration, seen.evidence), 0.9)
    # Four shares of five: 0.9 of all weight is 7/8 of the molecules', all others being inside.
    assert np.mean(errors[:400] <= half[:400]) == pytest.approx(0.875, abs=0.01)
    assert np.all(errors[400:] <= half[400:])
    other = intervals.fit_calibration(made_up(errors[:800], 1), kinds[:800])
    more = intervals.fit_calibration(made_up(errors, 1), kinds)
    assert other["shell"][:10] == pytest.approx(more["shell"][:10], rel=0.1)


def test_quantiles_of_one_weight_are_the_conformal_ones() -> None:
    values = np.random.default_rng(2).permutation(np.arange(1.0, 20.0))
    found = intervals._quantiles(values, np.full(19, 0.3), (0.5, 0.9, 0.95))
    assert found.tolist() == [10.0, 18.0, 19.0]


def test_the_quantile_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(500), rng.normal(size=(500, 2))])
    y = x @ [1.0, 2.0, -1.0] + np.exp(0.5 * x[:, 1]) * rng.normal(size=500)
    weights = rng.uniform(0.5, 2.0, 500)
    found = intervals._fit_quantile(x, y, weights, 0.9)
    reference = QuantileRegressor(quantile=0.9, alpha=0.0, fit_intercept=False).fit(x, y, weights)
    np.testing.assert_allclose(found, reference.coef_, atol=1e-6)
    below = weights[y <= x @ found + 1e-9].sum() / weights.sum()
    assert below == pytest.approx(0.9, abs=3 * 2.0 / weights.sum())


def test_half_of_the_errors_are_smaller_than_expected_and_nine_tenths_inside_whatever_tells_them() -> None:
    """Errors whose spread grows with the evidence: narrow intervals where it is small, and both right."""
    rng = np.random.default_rng(4)
    tells = rng.uniform(-2.0, 0.0, 4000)
    seen = made_up(np.abs(np.exp(tells) * rng.normal(size=4000)), 5)
    seen = dataclasses.replace(seen, evidence=dataclasses.replace(seen.evidence, r_sigma=np.exp(tells)))
    calibration = parse_calibration(intervals.fit_calibration(seen, ["built"] * 4000), 50)
    expected = shell_error(calibration, seen.evidence)
    half = shell_half_width(calibration, expected, 0.9)
    for part in (tells < -1.5, tells > -0.5):
        assert np.mean(seen.shell_error[part] <= expected[part]) == pytest.approx(0.5, abs=0.05)
        assert np.mean(seen.shell_error[part] <= half[part]) == pytest.approx(0.9, abs=0.03)
    assert np.median(half[tells > -0.5]) > 3.0 * np.median(half[tells < -1.5])


def test_good_spectra_are_aligned_as_measured_and_spoilt_ones_are(training: TrainingSet) -> None:
    """Aligned once more they stay; the networks' own training spectra, with an error of the edge, do not."""
    assert DEFAULT.augmentation is not None
    preset = dataclasses.replace(
        DEFAULT, augmentation=dataclasses.replace(DEFAULT.augmentation, noise=0.0, damage=0.0)
    )
    covered, origins = select_axis(training, preset.axis)
    rows, at = list(covered.rows[:40]), origins[:40]

    def moved(values: np.ndarray) -> float:
        again, kept = realigned(values.astype(np.float64), preset.axis)
        return float(np.median(np.abs(again - values[kept]).max(axis=1)))

    assert moved(aligned_inputs(rows, at, preset, 1, draws=3)) < 2e-3
    assert moved(domain_inputs(rows, at, preset, 1, draws=3)[len(rows) :]) > 2e-2


# --- kinds of neighbours -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([26, 8, 8, 8, 8], 0),
        ([26, 16, 16, 7], 1),
        ([26, 7, 17], 0),
        ([26, 17, 7], 1),
        ([26, 26, 26, 8], 2),
        ([26, 1, 1, 1, 6], 0),
        ([26], -1),
    ],
)
def test_kind_of_the_first_shell(numbers: list[int], expected: int) -> None:
    nothing = np.zeros(0)
    distances = np.array([0.0, *(2.0 + 0.01 * i for i in range(len(numbers) - 1))])
    assert kind_of_shell(Row("1", "x", nothing, nothing, nothing, distances, np.array(numbers))) == expected


def test_probabilities_of_kinds_are_how_often_they_are_right() -> None:
    rng = np.random.default_rng(0)
    centre = rng.choice([10, 16, 22], 6000)
    kinds = np.where(rng.random(6000) < 0.8, np.searchsorted([10, 16, 22], centre), 0).astype(np.int64)
    mean = 5.0 * np.exp(-(((np.arange(50) - centre[:, np.newaxis]) / 2.0) ** 2)) + 0.1 * rng.random(
        (6000, 50)
    )
    kinds[:100] = -1
    found = fit_shell_kinds(mean, kinds)
    assert found == fit_shell_kinds(mean, kinds)
    fitted = ShellKinds(np.array(found["weights"]), np.array(found["bias"]))
    probability = probabilities_of(fitted, mean)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    for i, at in enumerate((10, 16, 22)):
        said = probability[centre == at].mean(axis=0)
        assert said[i] == pytest.approx(0.8 if i else 1.0, abs=0.05)
        assert said[0] == pytest.approx(0.2 if i else 1.0, abs=0.05)


# --- compounds to compare with ----------------------------------------------------------------------


def named(name: str, source: str, absorber: int = 26) -> Row:
    nothing = np.zeros(0)
    distances = np.array([0.0, 1.9, 1.95, 1.95, 2.05, 2.1, 2.1, 2.9])
    numbers = np.array([absorber, 8, 7, 7, 8, 7, 7, 6])
    return Row("1", name, nothing, nothing, nothing, distances, numbers, absorber, source)


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("Hematite", "mineral", "Hematite"),
        ("<missing>", "mineral", ""),
        ("Fe in Massicot (Pb site)", "mvar", "Fe in Massicot (Pb site)"),
        ("oct:ox+ox+ox", "built", "Fe(ox)3 octahedral"),
        ("pi:Cp+CO+Me+CO", "built", "Fe(Cp)(CO)2(Me)"),
        ("tbp:NO3_2+H2O", "built", "Fe(NO3)(H2O) trigonal bipyramidal"),
        ("GIYDIC C22H26F6FeN4O6S2", "molecule", "refcode GIYDIC, C22H26F6FeN4O6S2"),
        ("HEBMOQ01", "molecule", "refcode HEBMOQ01"),
        ("train_0474_hs", "molecule", "FeN4O2 (molecule train_0474_hs)"),
        ("Cu in <missing> (Tl site)", "mvar", "Cu in a mineral (Tl site)"),
        ("a\x1b[2Jb", "", "a\\x1b[2Jb"),
        ("x" * 300, "mineral", "x" * 100),
    ],
)
def test_what_a_chemist_calls_it(name: str, source: str, expected: str) -> None:
    assert compound_name(named(name, source)) == expected


@pytest.fixture(scope="module")
def some_rows(training: TrainingSet) -> tuple[list[Row], np.ndarray]:
    chosen = dataclasses.replace(training, rows=training.rows[::40])
    covered, origins = select_axis(chosen, DEFAULT.axis)
    return list(covered.rows), origins


@pytest.mark.slow
def test_a_compound_is_most_like_itself(some_rows: tuple[list[Row], np.ndarray]) -> None:
    rows, origins = some_rows
    kept = fit_compounds(rows, origins, DEFAULT, 0)
    assert kept is not None
    assert len(kept.data) < 2_000_000
    compounds = parse_compounds(kept.data, DEFAULT.axis.count)
    assert kept.said["compounds"] == len(compounds.names)
    sharpnesses, scores, _ = compounds.points.shape
    assert sharpnesses * (scores - 1) <= 24
    assert 0.005 < compounds.close < 0.3
    measured = distort(rows, origins, DEFAULT.axis, Distortion(4.0, 6.0, 1.03, 0.9))
    found = nearest_of(compounds, measured)
    own = [compound_name(row) for row in rows]
    first = np.mean([name == near[0].name for name, near in zip(own, found, strict=True) if name])
    assert first > 0.9
    truth = first_peaks(np.linspace(1.0, 6.0, 50), np.stack([row.g2 for row in rows]))
    off = [
        abs(near[0].first_shell - r)
        for name, near, r in zip(own, found, truth, strict=True)
        if name == near[0].name
    ]
    assert np.median(off) < 0.01
    assert fit_compounds(rows, origins, DEFAULT, 0) == kept


def test_too_few_compounds_to_compare_with(some_rows: tuple[list[Row], np.ndarray]) -> None:
    rows, origins = some_rows
    assert fit_compounds(rows[:3], origins[:3], DEFAULT, 0) is None


def test_spectra_that_are_not_made_to_look_measured(some_rows: tuple[list[Row], np.ndarray]) -> None:
    rows, origins = some_rows
    plain = dataclasses.replace(DEFAULT, augmentation=None)
    kept = fit_compounds(rows, origins, plain, 0)
    assert kept is not None
    assert kept.said["sharpnesses"] == 1
