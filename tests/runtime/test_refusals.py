"""What the spectrum itself shows: mended with a warning, or refused with its name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet_onnx.bundle.load import Bundle, load_bundle
from xnet_onnx.edges import EDGES, as_edge, as_element, nearest_edge
from xnet_onnx.errors import CoverageError, EdgeError, ElementError, SpectrumError, XnetError
from xnet_onnx.pipeline import predict_many
from xnet_onnx.preprocess.edge import check_edges
from xnet_onnx.preprocess.normalize import normalize
from xnet_onnx.preprocess.prepare import prepare
from xnet_onnx.preprocess.quality import check_points
from xnet_onnx.preprocess.rows import Grids, NormalizedBatch
from xnet_onnx.readers import Choice, read, read_bytes
from xnet_onnx.spectrum import Spectrum

from ..conftest import ROOT
from ..synthetic import EXAMPLE, scan, scorodite, scorodite_mu, step, table, xdi


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The model of one element, which refuses all others."""
    return load_bundle(ROOT / "models" / "xnet_models" / "fe_k")


def taken(energy: np.ndarray, mu: np.ndarray, header: str = "# energy mu") -> Spectrum:
    """Go through a file, so that readers and checks are met in their order."""
    text = f"{header}\n" + "".join(f"{e:.10g} {m:.10g}\n" for e, m in zip(energy, mu, strict=True))
    return read_bytes(text.encode(), "made.dat")


def test_the_example_is_good(bundle: Bundle) -> None:
    assert prepare(read(EXAMPLE), bundle).warnings == ()
    assert prepare(taken(*scorodite_mu()), bundle).warnings == ()
    energy = scan(7120.0)
    assert prepare(taken(energy, step(energy, 7120.0)), bundle).warnings == ()


# Points ------------------------------------------------------------------------------------------


def test_unsorted_energies_are_sorted_with_a_warning(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    order = np.random.default_rng(0).permutation(energy.size)
    spectrum = taken(energy[order], mu[order])
    np.testing.assert_allclose(spectrum.energy, energy)
    assert "not in order" in spectrum.warnings[0]
    assert "not in order" in taken(energy[::-1], mu[::-1]).warnings[0]
    assert "not in order" in prepare(spectrum, bundle).warnings[0]


def test_repeated_energies_are_averaged_with_a_warning() -> None:
    energy, mu = scorodite_mu()
    spectrum = taken(np.repeat(energy, 2), np.column_stack([mu + 0.1, mu - 0.1]).ravel())
    np.testing.assert_allclose(spectrum.mu, mu, atol=1e-8)
    assert f"{energy.size} points with a repeated energy" in spectrum.warnings[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_a_few_points_without_a_number_are_left_out(bad: float, column: int, bundle: Bundle) -> None:
    rows = np.column_stack(scorodite_mu())
    rows[[2, 100], column] = bad
    spectrum = taken(*rows.T)
    assert spectrum.energy.size == len(rows) - 2
    assert "at line 4; 2 of 139 points cannot be used and are left out" in spectrum.warnings[0]
    prepare(spectrum, bundle)
    rows[::8, column] = bad
    with pytest.raises(SpectrumError, match=r"cannot be used; expected finite numbers .* 5 %"):
        taken(*rows.T)


def test_intensities_that_allow_no_logarithm() -> None:
    energy, i0, itrans = scorodite().T
    itrans[5] = -3.0
    spectrum = read_bytes(xdi({"energy eV": energy, "i0": i0, "itrans": itrans}), "x")
    assert "itrans, column 3 is -3 at line 16; 1 of 139 points" in spectrum.warnings[0]
    itrans[: energy.size // 2] = 0.0
    with pytest.raises(SpectrumError, match="itrans, column 3 is 0 at line 11"):
        read_bytes(xdi({"energy eV": energy, "i0": i0, "itrans": itrans}), "x")


def test_too_few_points(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    with pytest.raises(SpectrumError, match="has 12 points; at least 20"):
        prepare(taken(energy[10:70:5], mu[10:70:5]), bundle)


# The scan ----------------------------------------------------------------------------------------


def test_a_scan_that_stops_before_the_edge(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    stop = energy < 7094.5
    energy, mu = np.linspace(7000, energy[stop][-1], 40), np.linspace(1.1, 1.0, 40)
    with pytest.raises(CoverageError, match=r"stops before the Fe K edge \(7112 eV\)"):
        prepare(taken(energy, mu), bundle)
    with pytest.raises(CoverageError, match=r"stops before the Fe K edge .7112 eV. that the file names"):
        taken(energy + 13, mu, "# Element: Fe\n# energy mu")


def test_a_scan_that_stops_before_the_window(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    short = energy < 7160.0
    with pytest.raises(CoverageError, match=r"the model needs|post-edge"):
        prepare(taken(energy[short], mu[short]), bundle)
    shorter = energy < 7140.0
    with pytest.raises(CoverageError, match=r"the data end .* above it; expected at least 30 eV"):
        prepare(taken(energy[shorter], mu[shorter]), bundle)


def test_a_scan_that_starts_after_the_edge(bundle: Bundle) -> None:
    energy = scan(7709.0)
    with pytest.raises(
        CoverageError, match=r"starts above the Fe K edge .*edges in its range: Co K \(7709 eV\)"
    ):
        prepare(taken(energy, step(energy, 7709.0)), bundle)


def test_a_grid_too_coarse_for_the_edge_is_named(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    keep = (energy < 7115) | (energy > 7130) | (np.arange(energy.size) % 10 == 0)
    with pytest.raises(CoverageError, match=r"the grid of 4.0 eV is too coarse for the edge at 71\d\d.\d eV"):
        prepare(taken(energy[keep], mu[keep]), bundle)
    coarse = np.arange(6950.0, 7400.0, 3.3)
    with pytest.raises(CoverageError, match=r"the grid of 3.3 eV is too coarse .* steps of at most 2.5 eV"):
        prepare(taken(coarse, np.interp(coarse, energy, mu)), bundle)


def test_a_gap_near_the_edge_is_named(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    keep = (energy < 7128) | (energy > 7132)
    with pytest.raises(CoverageError, match=r"the gap of 4.\d eV from 712\d.\d to 7132.\d eV is too wide"):
        prepare(taken(energy[keep], mu[keep]), bundle)


def test_a_scan_that_begins_just_below_the_edge_says_how_many_points_it_has() -> None:
    energy = 7112.0 + np.arange(0.0, 80.0, 2.4)
    (error,) = check_points(Grids.shared(energy), np.array([7112.0])).values()
    assert isinstance(error, CoverageError)
    assert "only 9 points from 10 eV below to 20 eV above" in str(error)


def test_an_inverted_edge(bundle: Bundle) -> None:
    energy, i0, itrans = scorodite().T
    for mu in (-np.log(i0 / itrans), itrans / i0, itrans / itrans.max()):
        with pytest.raises(EdgeError, match=r"swapped|wrong column"):
            prepare(taken(energy, mu), bundle)
    swapped = xdi({"energy eV": energy, "i0": itrans, "itrans": i0})
    with pytest.raises(EdgeError, match=r"swapped|wrong column"):
        prepare(read_bytes(swapped, "x"), bundle)


@pytest.mark.parametrize("at", [7117.0, 7131.0, 7150.0, 7170.0])
def test_a_glitch_is_named(at: float, bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    i = int(np.abs(energy - at).argmin())
    height = 0.92 * 0.2
    spiked = mu.copy()
    spiked[i] += height
    warnings = prepare(taken(energy, spiked), bundle).warnings
    assert any(f"1 glitch: the point at {energy[i]:.2f} eV" in warning for warning in warnings)
    spiked[i] += 1.0
    with pytest.raises(XnetError, match=f"the point at {energy[i]:.2f} eV stands out|steepest rise"):
        prepare(taken(energy, spiked), bundle)


@pytest.mark.slow
def test_noise_is_no_glitch() -> None:
    energy, mu = scorodite_mu()
    for seed in range(20):
        noisy = mu + np.random.default_rng(seed).normal(0.0, 0.01, mu.size)
        (warnings,), errors = check_edges(
            NormalizedBatch.of(normalize(energy, noisy)), load_bundle(), [load_bundle().absorber("Fe")]
        )
        assert not errors
        assert not any("glitch" in warning for warning in warnings)


def test_noise_is_no_edge(bundle: Bundle) -> None:
    energy = scan(7120.0)
    for seed in range(10):
        with pytest.raises(XnetError):
            prepare(taken(energy, np.random.default_rng(seed).normal(1.0, 0.1, energy.size)), bundle)


@pytest.mark.parametrize("shift", [-14.0, 9.0])
def test_a_shifted_axis_is_named(shift: float, bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    e0 = normalize(energy, mu).e0
    away = (7112.0 if shift < 0 else 7128.0) - e0 + shift
    (warning,) = prepare(taken(energy + away, mu), bundle).warnings
    assert "the energy axis seems shifted by" in warning
    assert "does not depend on it" in warning


# Element and edge --------------------------------------------------------------------------------


@pytest.mark.parametrize(("element", "edge"), [("Eu", "L3"), ("Gd", "L3"), ("Sm", "L2"), ("Pm", "L2")])
def test_another_edge_within_the_scan_is_refused_without_metadata(
    element: str, edge: str, bundle: Bundle
) -> None:
    at = EDGES[element, edge]
    energy = np.arange(6900.0, 7600.0, 1.0)
    with pytest.raises(EdgeError, match=rf"the steepest rise is at .*{element} {edge} \({at:.0f} eV\)"):
        prepare(taken(energy, step(energy, at + 2.0)), bundle)


def test_manganese_exafs_over_the_window(bundle: Bundle) -> None:
    energy = np.arange(6400.0, 7540.0, 1.5)
    mu = step(energy, 6550.0)
    with pytest.raises(EdgeError, match=r"Mn K \(6539 eV\)"):
        prepare(taken(energy, mu), bundle)
    # A trace of iron in it does not make it one of iron.
    with pytest.raises(EdgeError, match=r"Mn K \(6539 eV\)"):
        prepare(taken(energy, mu + 0.1 * step(energy, 7122.0)), bundle)


def test_metadata_are_checked_and_can_be_overridden(bundle: Bundle) -> None:
    energy, i0, itrans = scorodite().T
    columns = {"energy eV": energy, "i0": i0, "itrans": itrans}
    wrong = xdi(columns, {"Element.symbol": "Nd", "Element.edge": "L1"})
    with pytest.raises(ElementError, match=r"the spectrum is labelled element Nd .Nd L1 edge."):
        prepare(read_bytes(wrong, "x"), bundle)
    prepare(read_bytes(wrong, "x", Choice(element="iron", edge="k")), bundle)
    with pytest.raises(CoverageError, match=r"starts above the Mn K edge \(6539 eV\) that was asked for"):
        read_bytes(wrong, "x", Choice(element="Mn", edge="K"))
    for what, said, such in (("element", "Xx", "Fe"), ("edge", "Foo", "K")):
        made = Spectrum(energy=energy, mu=np.log(i0 / itrans), **{what: said})
        with pytest.raises(ElementError, match=f"'{said}' is no {what}; expected one such as '{such}'"):
            prepare(made, bundle)
    without = xdi(columns, {"Element.symbol": "", "Element.edge": ""})
    spectrum = read_bytes(without, "x")
    assert (spectrum.element, spectrum.edge) == (None, None)
    prepare(spectrum, bundle)
    with pytest.raises(ElementError, match="'Qq' is no element"):
        read_bytes(without, "x", Choice(element="Qq"))


def test_metadata_of_plain_columns() -> None:
    spectrum = taken(*scorodite_mu(), "# Element: 26\n# edge = 1s\n# energy mu")
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")


def test_overrides_do_not_override_physics(bundle: Bundle) -> None:
    energy = scan(6977.0)
    energy = np.concatenate([energy, np.arange(energy[-1] + 3, 7300.0, 3.0)])
    columns = {"energy eV": energy, "mutrans": step(energy, 6979.0)}
    text = xdi(columns, {"Element.symbol": "Eu", "Element.edge": "L3"})
    with pytest.raises(ElementError, match="element Eu"):
        prepare(read_bytes(text, "x"), bundle)
    with pytest.raises(EdgeError, match=r"this looks like Eu L3 \(6977 eV\)"):
        prepare(read_bytes(text, "x", Choice(element="Fe", edge="K")), bundle)


def test_what_was_noticed_is_told_with_the_refusal(bundle: Bundle) -> None:
    energy, i0, itrans = scorodite().T
    i0[4] = np.nan
    text = xdi(
        {"energy eV": energy, "i0": i0, "itrans": itrans}, {"Element.symbol": "Nd", "Element.edge": "L1"}
    )
    with pytest.raises(ElementError, match=r"element Nd .*noticed before: i0 .column 2. is nan at line 15"):
        prepare(read_bytes(text, "x"), bundle)


def test_names_of_elements_and_edges() -> None:
    assert [as_element(word) for word in ("fe", "FE ", "26", "Iron", "x", "")] == [
        "Fe",
        "Fe",
        "Fe",
        "Fe",
        None,
        None,
    ]
    assert [as_edge(word) for word in ("k", "K-edge", "LIII", "l3", "1s", "z")] == [
        "K",
        "K",
        "L3",
        "L3",
        "K",
        None,
    ]
    assert nearest_edge(7120.0) == "Fe K (7112 eV) or Nd L1 (7126 eV)"
    assert nearest_edge(7000.0 + 500.0) == "Tb L3 (7514 eV)"


# Energy ------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(shift=st.floats(-10.0, 10.0))
def test_the_prediction_does_not_depend_on_the_energy_scale(shift: float) -> None:
    """On the edge axis a shift of the file's energies leaves the result as it is."""
    bundle = load_bundle()
    if bundle.axis.kind != "edge":
        pytest.skip("this bundle is on the absolute axis")
    spectra = []
    for energy, mu in (scorodite_mu(), (scan(7119.3), step(scan(7119.3), 7119.3))):
        spectra += [Spectrum(energy=energy + 2.0, mu=mu), Spectrum(energy=energy + 2.0 + shift, mu=mu)]
    found = predict_many(spectra, bundle=bundle)
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert not isinstance(first, XnetError)
        assert not isinstance(second, XnetError)
        np.testing.assert_allclose(second.members, first.members, atol=1e-4)
        assert second.preprocessing["e0"] - first.preprocessing["e0"] == pytest.approx(shift, abs=1e-6)


def test_an_energy_shift_is_applied_once_and_reported(bundle: Bundle) -> None:
    energy, mu = scorodite_mu()
    text = b"# energy mu\n" + table(np.column_stack([energy, mu])).encode()
    spectrum = read_bytes(text, "x", Choice(energy_shift=3.5))
    np.testing.assert_allclose(spectrum.energy, energy + 3.5)
    assert prepare(spectrum, bundle).preprocessing["energy_shift"] == 3.5
    assert "shifted by +3.500 eV as asked" in spectrum.mu_source
