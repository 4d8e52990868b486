"""Many spectra go through each step together, on one energy grid or a grid each: as one by one."""

import numpy as np
import pytest

from xnet_onnx.bundle.load import Bundle, load_bundle
from xnet_onnx.errors import XnetError
from xnet_onnx.pipeline import predict_many
from xnet_onnx.prediction import Prediction
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.preprocess.normalize import as_normalized, normalize, normalize_many
from xnet_onnx.preprocess.prepare import prepare, prepare_many
from xnet_onnx.preprocess.rows import Grids, held
from xnet_onnx.readers import read
from xnet_onnx.spectrum import ModelInput, Spectrum

from ..synthetic import SHARED, scorodite_mu


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


@pytest.fixture(scope="module")
def stack() -> tuple[np.ndarray, np.ndarray]:
    """A map's spectra, good and bad."""
    energy, mu = scorodite_mu()
    rng = np.random.default_rng(3)
    rows = []
    for i in range(40):
        shifted = np.interp(energy, energy + rng.uniform(-3.0, 3.0), mu)
        rows.append(
            rng.uniform(0.2, 4.0) * shifted + rng.uniform(-1.0, 1.0) + 0.001 * i * (energy - 7112.0) / 100
        )
    noisy = [mu + rng.normal(0.0, level, mu.size) for level in (0.005, 0.02, 0.03, 0.05, 0.1, 0.3)]
    dead = mu.copy()
    dead[50] = np.nan
    spiked = mu.copy()
    spiked[np.argmin(np.abs(energy - 7150.0))] += 0.2
    broken = mu.copy()
    broken[np.argmin(np.abs(energy - 7140.0))] += 1.5
    strange = [np.zeros_like(mu), np.ones_like(mu), -mu, energy - 7000.0, dead, spiked, broken, mu[::-1]]
    return energy, np.array([*rows, *noisy, *strange])


def same_error(one: XnetError, other: object) -> None:
    assert type(one) is type(other)
    assert str(one) == str(other)


def taken(energy: np.ndarray, mu: np.ndarray, normalized: bool) -> list[Spectrum]:
    if normalized:
        mu = (mu - mu[:, :1]) / (mu[:, -1:] - mu[:, :1] + 1e-9)
    return [Spectrum(energy, row, label=str(i)) for i, row in enumerate(mu)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("normalized", [False, True])
def test_model_inputs(stack: tuple[np.ndarray, np.ndarray], bundle: Bundle, normalized: bool) -> None:
    spectra = taken(*stack, normalized)
    together = prepare_many(spectra, bundle, normalized=normalized)
    good = 0
    for spectrum, found in zip(spectra, together, strict=True):
        try:
            alone = prepare(spectrum, bundle, normalized=normalized)
        except XnetError as error:
            same_error(error, found)
            continue
        good += 1
        assert isinstance(found, ModelInput)
        assert found.label == alone.label
        assert found.warnings == alone.warnings
        assert found.values == pytest.approx(alone.values, abs=1e-6)
        assert found.energy == pytest.approx(alone.energy, abs=1e-6)
        assert found.preprocessing == pytest.approx(alone.preprocessing)
    assert 30 < good < len(spectra) - 5


def test_against_the_road_step_by_step(stack: tuple[np.ndarray, np.ndarray], bundle: Bundle) -> None:
    for spectrum, found in zip(
        taken(*stack, False)[:40], prepare_many(taken(*stack, False)[:40], bundle), strict=True
    ):
        assert isinstance(found, ModelInput)
        done = normalize(spectrum.energy, spectrum.mu)
        mu = done.flat if bundle.axis.scale_range is None else done.norm
        expected, _ = align_one(done.energy, mu, bundle.axis)
        assert found.values == pytest.approx(expected, abs=1e-6)


def test_predictions(stack: tuple[np.ndarray, np.ndarray], bundle: Bundle) -> None:
    spectra = taken(*stack, False)
    together = predict_many(spectra, bundle=bundle)
    levels = set()
    for spectrum, found in zip(spectra, together, strict=True):
        (alone,) = predict_many([spectrum], bundle=bundle)
        if isinstance(alone, XnetError):
            same_error(alone, found)
            continue
        assert isinstance(found, Prediction)
        assert found.members == pytest.approx(alone.members, abs=2e-5)
        assert found.lower == pytest.approx(alone.lower, abs=1e-3)
        assert found.upper == pytest.approx(alone.upper, abs=1e-3)
        assert found.confidence is not None
        assert alone.confidence is not None
        assert found.confidence.verdict == alone.confidence.verdict
        assert found.confidence.reasons == alone.confidence.reasons
        levels.add(found.confidence.verdict)
        if alone.first_shell is not None and alone.first_shell.lower is not None:
            assert found.first_shell is not None
            assert found.first_shell.lower is not None
            assert found.first_shell.r == pytest.approx(alone.first_shell.r, abs=1e-4)
            assert found.first_shell.lower == pytest.approx(alone.first_shell.lower, abs=1e-3)
    assert len(levels) > 1


@pytest.fixture(scope="module")
def own_grids(stack: tuple[np.ndarray, np.ndarray]) -> list[Spectrum]:
    """The same spectra, each on energies of its own: shifted, thinned, cut, or with points very close."""
    energy, rows = stack
    straight = [i for i, mu in enumerate(rows) if np.ptp(np.diff(mu) / np.diff(energy)) < 1e-9]
    spectra = []
    for i, mu in enumerate(rows):
        if i in straight:  # every point of it is as steep as the others
            continue
        kept = np.ones(energy.size, dtype=bool)
        kept[: 3 * (i % 4)] = False
        kept[energy.size - 5 * (i % 3) :] = False
        if i % 7 == 3:
            kept[5:60:2] = False
        x, y = (energy + 0.013 * i)[kept], mu[kept]
        if i % 5 == 4:
            x = np.insert(x, 21, x[20] + 2e-4)
            y = np.insert(y, 21, y[20])
        spectra.append(Spectrum(x, y, label=str(i)))
    return spectra


def measured() -> list[Spectrum]:
    """Every spectrum of ../shared that can be read as one."""
    found = []
    for folder in ("experimental", "experimental_other", "negative"):
        for path in sorted((SHARED / folder).glob("*")):
            try:
                found.append(read(path))
            except XnetError:
                continue
    return found


def assert_as_alone(spectra: list[Spectrum], bundle: Bundle) -> int:
    """Compare the inputs of many with those of each alone; how many have one."""
    good = 0
    for spectrum, found in zip(spectra, prepare_many(spectra, bundle), strict=True):
        try:
            alone = prepare(spectrum, bundle)
        except XnetError as error:
            same_error(error, found)
            continue
        good += 1
        assert isinstance(found, ModelInput)
        assert (found.label, found.element, found.warnings) == (alone.label, alone.element, alone.warnings)
        assert found.preprocessing["e0"] == alone.preprocessing["e0"]
        assert found.preprocessing.keys() == alone.preprocessing.keys()
        for key, value in alone.preprocessing.items():
            near = value if isinstance(value, str) else pytest.approx(value, rel=1e-10, abs=1e-10)
            assert found.preprocessing[key] == near
        np.testing.assert_allclose(found.values, alone.values, rtol=0.0, atol=2e-7)
        np.testing.assert_allclose(found.energy, alone.energy, rtol=0.0, atol=1e-9)
    return good


@pytest.mark.filterwarnings("error")
def test_inputs_of_own_grids(own_grids: list[Spectrum], bundle: Bundle) -> None:
    assert assert_as_alone(own_grids, bundle) > 30


def test_inputs_of_measured_spectra(bundle: Bundle) -> None:
    spectra = measured()
    if not spectra:
        pytest.skip("the measured spectra are not at hand")
    assert assert_as_alone(spectra, bundle) > len(spectra) // 3


@pytest.mark.parametrize("points", [1000, 50])
def test_long_batches_in_parts(
    own_grids: list[Spectrum], bundle: Bundle, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = prepare_many(own_grids, bundle)
    monkeypatch.setattr("xnet_onnx.preprocess.prepare.ROWS", 7)
    monkeypatch.setattr("xnet_onnx.preprocess.prepare.POINTS", points)
    for together, found in zip(whole, prepare_many(own_grids, bundle), strict=True):
        if isinstance(together, XnetError):
            same_error(together, found)
        else:
            assert isinstance(found, ModelInput)
            assert found.label == together.label
            np.testing.assert_allclose(found.values, together.values, rtol=0.0, atol=2e-7)


def test_normalization_of_own_grids(own_grids: list[Spectrum]) -> None:
    usable = [one for one in own_grids if np.isfinite(one.mu).all()]
    grids = Grids.each([one.energy for one in usable])
    rows, batch, errors = normalize_many(grids, held([one.mu for one in usable]))
    assert batch is not None
    assert len(rows) + len(errors) == len(usable)
    for place, i in enumerate(rows.tolist()):
        alone, found = normalize(usable[i].energy, usable[i].mu), batch.one(place)
        assert found.e0 == alone.e0
        assert found.recipe == alone.recipe
        for name in ("energy", "norm", "flat", "pre_edge", "post_edge"):
            np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=1e-10, atol=1e-10)


def test_predictions_of_own_grids(own_grids: list[Spectrum], bundle: Bundle) -> None:
    spectra = [*own_grids, *measured()]
    for spectrum, found in zip(spectra, predict_many(spectra, bundle=bundle), strict=True):
        (alone,) = predict_many([spectrum], bundle=bundle)
        if isinstance(alone, XnetError):
            same_error(alone, found)
            continue
        assert isinstance(found, Prediction)
        assert found.confidence is not None
        assert alone.confidence is not None
        assert found.confidence.verdict == alone.confidence.verdict
        assert found.confidence.reasons == alone.confidence.reasons
        np.testing.assert_allclose(found.members, alone.members, rtol=0.0, atol=2e-5)


def test_grids_of_their_own(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    spectra = [Spectrum(energy + 0.1 * i, mu, label=str(i)) for i in range(5)]
    spectra.insert(2, Spectrum(energy[:-1], mu, label="odd"))
    spectra.insert(4, Spectrum(energy[::-1], mu, label="down"))
    found = predict_many(spectra, bundle=bundle)
    assert [isinstance(item, XnetError) for item in found] == [False, False, True, False, True, False, False]
    assert [item.label for item in found if isinstance(item, Prediction)] == ["0", "1", "2", "3", "4"]


def test_normalized_data_stay(stack: tuple[np.ndarray, np.ndarray]) -> None:
    energy, mu = stack
    done = normalize(energy, mu[0])
    assert np.array_equal(as_normalized(energy, done.flat).flat, done.flat)
