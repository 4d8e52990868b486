import copy
import inspect
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xnet_larch
import xnet_onnx
from xnet_larch import is_stale, xnet_plot, xnet_predict, xnet_table
from xnet_larch.groups import CALLED, CARRIED, shifted_energy
from xnet_onnx.errors import CoverageError, EdgeError, ElementError, SpectrumError

from .helpers import CLI, EXAMPLES, same_numbers

pytestmark = pytest.mark.slow

SCORODITE = EXAMPLES / "scorodite_simulated.xdi"


def test_import_loads_nothing_heavy():
    names = ("larch", "onnxruntime", "matplotlib", "scipy", "torch", "click")
    code = f"import sys, xnet_larch; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_is_there_and_sorted():
    assert xnet_larch.__all__ == sorted(xnet_larch.__all__)
    assert all(callable(getattr(xnet_larch, name)) for name in xnet_larch.__all__)


def test_a_group_without_normalisation_gets_larchs_and_the_runtimes_numbers(scorodite):
    expected = xnet_onnx.predict(scorodite.energy, scorodite.mu)
    result = xnet_predict(scorodite)
    assert result is scorodite.xnet
    same_numbers(result, expected)
    assert scorodite.xnet.preprocessing["normalization"] == CALLED
    assert scorodite.edge_step == pytest.approx(expected.preprocessing["edge_step"], abs=1e-9)
    assert result.first_shell.r == pytest.approx(expected.first_shell.r, abs=1e-6)
    assert [peak["r"] for peak in result.peaks] == pytest.approx([p.r for p in expected.peaks], abs=1e-6)
    assert f"{result.bundle} {result.version}" == expected.model


def test_the_command_line_gives_the_same_numbers(larch):
    done = subprocess.run(
        [sys.executable, "-c", CLI, "predict", "--json", str(SCORODITE)],
        capture_output=True,
        text=True,
        check=True,
    )
    (expected,) = json.loads(done.stdout)
    group = larch.io.read_xdi(str(SCORODITE))
    group.mu = np.log(group.i0 / group.itrans)
    xnet_predict(group)
    np.testing.assert_allclose(group.xnet.mean, expected["mean"], rtol=1e-6, atol=1e-6)
    assert group.xnet.first_shell.r == pytest.approx(expected["first_shell"]["r"], abs=1e-6)


def test_a_carried_normalisation_is_used_as_it_is(larch, scorodite):
    larch.xafs.pre_edge(scorodite, pre1=-25, pre2=-8, norm1=15, nnorm=0)
    flat, step = scorodite.flat, scorodite.edge_step
    by_default = xnet_onnx.predict(scorodite.energy, scorodite.mu)
    xnet_predict(scorodite)
    assert scorodite.flat is flat
    assert scorodite.edge_step == step
    done = scorodite.xnet.preprocessing
    assert done["normalization"] == CARRIED
    assert (done["norm1"], done["nnorm"]) == (15.0, 0)
    assert np.abs(scorodite.xnet.mean - by_default.mean).max() > 1e-4


def test_arrays_with_and_without_a_group(larch, scorodite):
    expected = xnet_onnx.predict(scorodite.energy, scorodite.mu)
    same_numbers(xnet_predict(scorodite.energy, scorodite.mu), expected)
    same_numbers(xnet_predict(list(scorodite.energy), mu=list(scorodite.mu)), expected)
    other = larch.Group(norm=np.ones(3), flat=np.ones(3))
    xnet_predict(scorodite.energy, scorodite.mu, group=other)
    same_numbers(other.xnet, expected)
    assert not is_stale(other)
    assert not hasattr(scorodite, "xnet")


def test_a_result_can_go_to_another_group(larch, scorodite):
    other = larch.Group()
    assert xnet_predict(scorodite, group=other) is other.xnet
    assert other.energy is not scorodite.energy
    assert not hasattr(scorodite, "xnet")


def test_signature_is_real():
    assert list(inspect.signature(xnet_predict).parameters) == [
        "energy",
        "mu",
        "group",
        "model",
        "level",
        "force",
        "_larch",
    ]


def test_the_call_is_recorded_as_larch_does(larch, scorodite):
    xnet_predict(scorodite)
    called = {"model": None, "level": 0.9, "force": False}
    assert scorodite.callargs.xnet_predict == called
    assert scorodite.journal.get("xnet_predict_callargs").value == called
    assert "pre_edge_callargs" in scorodite.journal.keys()  # noqa: SIM118 (Journal iterates over entries)


def test_duplicate_energies_as_larch_takes_them(larch, scorodite):
    scorodite.energy = np.insert(scorodite.energy, 40, scorodite.energy[40])
    scorodite.mu = np.insert(scorodite.mu, 40, scorodite.mu[40])
    assert xnet_predict(scorodite).first_shell is not None


def storable(larch, value):
    if larch.isgroup(value):
        return all(storable(larch, getattr(value, name)) for name in dir(value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and storable(larch, item) for key, item in value.items())
    if isinstance(value, list):
        return all(storable(larch, item) for item in value)
    if isinstance(value, np.ndarray):
        return value.dtype == np.float32
    return value is None or type(value) in (str, int, float, bool)


def test_only_what_a_session_file_keeps_is_stored(larch, scorodite):
    xnet = xnet_predict(scorodite)
    assert storable(larch, xnet)
    expected = {"r", "mean", "sigma", "lower", "upper", "members", "peaks", "first_shell", "warnings"}
    expected |= {"preprocessing", "bundle", "version", "fingerprint"}
    assert expected <= set(dir(xnet))
    assert np.all(xnet.lower <= xnet.mean)
    assert np.all(xnet.mean <= xnet.upper)


def test_a_deep_copy_keeps_the_prediction_and_knows_when_it_is_stale(scorodite):
    xnet_predict(scorodite)
    twin = copy.deepcopy(scorodite)
    assert not is_stale(twin)
    np.testing.assert_array_equal(twin.xnet.members, scorodite.xnet.members)
    twin.flat = twin.flat * 1.01
    assert is_stale(twin)
    assert "STALE" in xnet_table(twin)
    assert not is_stale(scorodite)
    assert "STALE" not in xnet_table(scorodite)


def test_stale_after_another_normalisation_or_shift(larch, scorodite):
    xnet_predict(scorodite)
    larch.xafs.pre_edge(scorodite, nnorm=0)
    assert is_stale(scorodite)
    xnet_predict(scorodite)
    scorodite.energy = scorodite.energy + 0.1
    assert is_stale(scorodite)
    del scorodite.flat
    assert is_stale(scorodite)


def without(name):
    return lambda group: delattr(group, name)


def assign(**values):
    def change(group):
        for name, value in values.items():
            setattr(group, name, value(group) if callable(value) else value)

    return change


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (without("mu"), SpectrumError, "no energy or no mu"),
        (assign(mu=lambda g: g.mu[:-1]), SpectrumError, "same length"),
        (assign(mu=lambda g: np.where(g.energy > 7150, np.nan, g.mu)), SpectrumError, "NaN"),
        (assign(energy=lambda g: g.energy[::-1].copy()), SpectrumError, "do not increase"),
        (assign(energy=lambda g: g.energy - 3000.0), EdgeError, "this looks like Sb L3"),
        (assign(mu=lambda g: np.ones_like(g.mu)), EdgeError, "mu is 1 at every energy"),
        (assign(mu=lambda g: -g.mu), EdgeError, "expected a rise"),
        (assign(mu=lambda g: g.mu + 0j), SpectrumError, "real numbers"),
        (assign(mu="mu"), SpectrumError, "real numbers"),
        (assign(mu=None), SpectrumError, "no mu"),
        (assign(atsym="Co", edge="K"), ElementError, "its element is Co"),
        (assign(element="Nd"), ElementError, "its element is Nd"),
        (
            assign(mu=lambda g: g.mu[g.energy < 7160], energy=lambda g: g.energy[g.energy < 7160]),
            CoverageError,
            "measure the whole range",
        ),
        (
            assign(norm=lambda g: g.mu, flat=lambda g: g.mu, e0=7126.0, edge_step=-1.0),
            SpectrumError,
            "call pre_edge(group) again",
        ),
    ],
)
def test_errors_say_what_to_do_and_leave_no_prediction(scorodite, change, error, says):
    change(scorodite)
    with pytest.raises(error) as caught:
        xnet_predict(scorodite)
    assert says in str(caught.value)
    assert not hasattr(scorodite, "xnet")


@pytest.mark.parametrize("arguments", [(np.arange(5.0),), ("name",), (None,)])
def test_arguments_that_are_no_spectrum(larch, arguments):
    with pytest.raises(SpectrumError, match="expected"):
        xnet_predict(*arguments)


def test_text_for_numbers(larch):
    with pytest.raises(SpectrumError, match="not an array of numbers"):
        xnet_predict(["a"], ["b"])


def test_larchs_guess_of_another_element_is_not_taken_for_metadata(larch, scorodite):
    import xraydb

    assert xraydb.guess_edge(7126.0) == ("Nd", "L1")  # where Fe(III) has its edge
    scorodite.energy = scorodite.energy - 0.8
    larch.xafs.pre_edge(scorodite)
    assert (scorodite.e0, scorodite.atsym) == (pytest.approx(7126.0), "Nd")
    assert xnet_predict(scorodite).first_shell is not None
    scorodite.energy = scorodite.energy + 2.0  # and the guess stays
    larch.xafs.pre_edge(scorodite, e0=7128.0)
    assert scorodite.atsym == "Nd"
    assert xnet_predict(scorodite).first_shell is not None


def test_no_prediction_yet(scorodite):
    for function in (xnet_table, is_stale, xnet_plot):
        with pytest.raises(SpectrumError, match=r"call xnet_predict\(group\) first"):
            function(scorodite)


SHIFTS = st.floats(-50, 50).map(lambda x: round(x, 4))


@given(shift=SHIFTS, included=st.booleans())
def test_a_recorded_shift_is_in_the_energies_exactly_once(shift, included):
    class Group:
        energy = np.linspace(7000.0, 7200.0, 50) + (shift if included else 0.0)
        energy_shift = shift

    if included:
        Group.energy_orig = np.linspace(7000.0, 7200.0, 50)
    energy, applied, changed = shifted_energy(Group)
    np.testing.assert_allclose(energy, np.linspace(7000.0, 7200.0, 50) + shift, atol=1e-9)
    assert applied == shift
    assert changed == (not included and abs(shift) > 1e-5)
    Group.energy_orig, Group.energy = np.linspace(7000.0, 7200.0, 50), energy
    assert not shifted_energy(Group)[2]


def test_larix_copies_that_record_no_shift_keep_their_energies():
    class Group:
        energy_orig = np.linspace(7000.0, 7200.0, 50)
        energy = energy_orig + 2.0
        energy_shift = 0.0

    energy, applied, changed = shifted_energy(Group)
    np.testing.assert_array_equal(energy, Group.energy)
    assert applied == pytest.approx(2.0)
    assert not changed


def test_plot_headless(scorodite, tmp_path):
    import matplotlib.pyplot as plt

    xnet_predict(scorodite)
    figure = xnet_plot(scorodite)
    spectrum, curve = figure.axes
    np.testing.assert_array_equal(spectrum.lines[0].get_ydata(), scorodite.xnet.spectrum)
    np.testing.assert_array_equal(curve.lines[0].get_ydata(), scorodite.xnet.mean)
    labels = [text.get_text() for text in curve.texts]
    assert labels == [f"{peak['r']:.2f}" for peak in scorodite.xnet.peaks]
    assert len(curve.collections) == 1
    assert plt.get_fignums() == []
    xnet_plot(scorodite, filename=tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    scorodite.flat = scorodite.flat + 0.01
    assert "STALE" in xnet_plot(scorodite).axes[0].get_title(loc="left")


@pytest.mark.parametrize("name", ["figure.txt", "nowhere/figure.png"])
def test_plot_that_cannot_be_written(scorodite, tmp_path, name):
    import matplotlib.pyplot as plt

    xnet_predict(scorodite)
    with pytest.raises(xnet_onnx.OutputError, match=r"expected|choose"):
        xnet_plot(scorodite, filename=tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    assert plt.get_fignums() == []
