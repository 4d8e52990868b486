"""Layouts of beamlines and of Athena's exports: the right energies, the right mu, or a clear refusal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xnet_onnx.errors import ColumnError, ElementError, ReadError, XnetError
from xnet_onnx.output.columns import describe_file
from xnet_onnx.readers import Choice, _spectra, _tables, read, read_all, read_bytes
from xnet_onnx.readers.formats import as_markdown, format_of
from xnet_onnx.readers.text import unpack
from xnet_onnx.spectrum import Spectrum

from ..limits import ends
from ..synthetic import ROOT, scan, step, table
from .beamlines import (
    ENERGY,
    FLUORESCENCE,
    I0,
    ITRANS,
    MU,
    SAMPLES,
    SNBL,
    STANDARDS,
    athena_groups,
    athena_report,
    balder,
    f9809,
    fio,
    old_report,
    ones,
    rows,
    snbl,
    standards,
)


def same(spectrum: Spectrum, mu: np.ndarray = MU, scaled: bool = False, tolerance: float = 2e-5) -> None:
    """Check energies and mu; `scaled` allows another scale and zero."""
    np.testing.assert_allclose(spectrum.energy, ENERGY, atol=2e-3)
    found = np.polyval(np.polyfit(spectrum.mu, mu, 1), spectrum.mu) if scaled else spectrum.mu
    np.testing.assert_allclose(found, mu, atol=tolerance)


def several(data: bytes, choice: Choice | None = None) -> list[Spectrum | XnetError]:
    return _spectra(_tables(data, "x"), choice)


FORMATS = {
    "9809": "9809",
    "9809 of a multi-element detector": "9809",
    "SNBL": "Columns of text",
    "Balder": "MAX IV Balder",
    "fio": "DESY",
    "nor": "Several groups",
    "report": "XDI",
    "old report": "Columns of text",
    "standards": "Columns of text",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_known_and_read(name: str) -> None:
    assert format_of(unpack(SAMPLES[name])).name.startswith(FORMATS[name])
    found = several(SAMPLES[name])
    assert found
    for spectrum in found:
        assert isinstance(spectrum, Spectrum), spectrum
        np.testing.assert_allclose(spectrum.energy, ENERGY, atol=2e-3)
        scaled = np.polyval(np.polyfit(spectrum.mu, MU, 1), spectrum.mu)
        np.testing.assert_allclose(scaled, MU, atol=2e-5)


# The 9809 format ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facility", ["KEK-PF   BL12C", "KEK-PF   NW10A", "SPring-8 01b1", "SAGA-LS  BL11", "AichiSR  BL5S1"]
)
def test_9809_transmission(facility: str) -> None:
    spectrum = read_bytes(f9809([(1, 826.15, I0), (2, 652.975, ITRANS)], facility=facility), "x.dat")
    assert spectrum.mu_source == (
        "mu = ln(i0/itrans), columns 4 and 5; dark counts taken off; energy from the angle, column 2, with "
        "d = 3.13551 Angstrom"
    )
    same(spectrum)


def test_9809_follows_the_time_of_each_point() -> None:
    """Dark counts are given a second; the dwell time changes along the scan."""
    seconds = np.where(ENERGY < 7120, 1.0, np.where(ENERGY < 7200, 2.0, 4.0))
    channels = [(1, 5000.0, I0 * seconds), (2, 3000.0, ITRANS * seconds)]
    same(read_bytes(f9809(channels, seconds=seconds), "x.dat"))


def test_9809_fluorescence_sums_the_elements() -> None:
    channels = [(3, 0.0, FLUORESCENCE * (0.5 + 0.1 * i)) for i in range(5)]
    channels += [(3, 0.0, 0 * I0), (1, 10.0, I0)]
    channels += [(103, 0.0, I0 * 7) for _ in range(6)] + [(101, 0.0, 0 * I0)]
    spectrum = read_bytes(f9809(channels, "Fluorescence( 3)", "AichiSR  BL11S"), "x.dat")
    assert "sum of 5 channels, ifluor1 to ifluor5, / i0" in spectrum.mu_source
    assert "ifluor6, column 9: no signal" in spectrum.mu_source
    same(spectrum, MU * 3.5)


@pytest.mark.parametrize("measurement", ["Transmission( 2)", "Fluorescence( 3)", "EXTRA( 5)"])
def test_9809_of_both_follows_its_header(measurement: str) -> None:
    data = f9809([(1, 0.0, I0), (2, 0.0, ITRANS), (3, 0.0, FLUORESCENCE * 2)], measurement)
    if measurement.startswith("EXTRA"):
        with pytest.raises(
            ColumnError, match=r"transmission and fluorescence.*4 i0, 5 itrans, 6 ifluor; choose"
        ):
            read_bytes(data, "x.dat")
        same(read_bytes(data, "x.dat", Choice(mu_column="ln(i0/itrans)")))
    else:
        same(read_bytes(data, "x.dat"), MU if measurement.startswith("T") else 2 * MU)


def test_9809_of_two_chambers_behind_the_sample_is_ambiguous() -> None:
    data = f9809([(1, 0.0, I0), (2, 0.0, ITRANS), (2, 0.0, ITRANS * 0.1)])
    with pytest.raises(ColumnError, match=r"4 i0, 5 itrans1, 6 itrans2; choose with --mu-column"):
        read_bytes(data, "x.dat")
    same(read_bytes(data, "x.dat", Choice(mu_column="ln(4/5)")))


def test_9809_electron_yield_is_not_taken_for_something_else() -> None:
    with pytest.raises(ColumnError, match="channel5_mode4_1"):
        read_bytes(f9809([(1, 0.0, I0), (4, 0.0, FLUORESCENCE)]), "x.dat")


def test_9809_dark_counts_above_the_signal_are_left() -> None:
    counts = ITRANS * 9e4 / ITRANS.max()
    (found,) = several(f9809([(1, 1.0, I0), (2, 99999.0, counts - 99999.0)]))
    assert isinstance(found, Spectrum)
    assert "as high as its signal: none were taken off" in found.warnings[0]


def test_9809_without_spacing_or_modes() -> None:
    channels = [(1, 0.0, I0), (2, 0.0, ITRANS)]
    with pytest.raises(ColumnError, match=r"gives no Mono\.d_spacing"):
        read_bytes(f9809(channels, mono=" Mono :   SI(111)"), "x.dat")
    good = f9809(channels)
    with pytest.raises(ReadError, match=r"no lines of Angle\(c\) and Mode"):
        read_bytes(good.replace(b"Mode", b"Mood"), "x.dat")
    with pytest.raises(ReadError, match="the line Mode names 6 columns and line"):
        read_bytes(good.replace(b"      Mode  ", b"      Mode 0"), "x.dat")


def test_zinc_energies_that_start_with_9809_are_columns() -> None:
    energy = scan(9709.0)
    text = table(np.column_stack([energy, step(energy, 9709.0)]))
    first = f"9809 {text.split()[1]}\n"
    assert format_of((first + text).encode()).name.startswith("Columns")


# ESRF, SNBL, Balder -------------------------------------------------------------------------------


def test_zapline_of_snbl() -> None:
    spectrum = read_bytes(snbl(**SNBL), "x.dat")
    assert spectrum.mu_source.startswith(
        "mu = ln(Mon/Ion1), columns 1 and 4 (xmap_roi00, column 12: no signal)"
    )
    assert spectrum.mu_source.endswith("energy in keV, column 10")
    same(spectrum)


def test_zapline_with_a_fluorescence_detector_is_ambiguous() -> None:
    data = snbl(**{**SNBL, "xmap_roi00": FLUORESCENCE})
    with pytest.raises(ColumnError, match=r"--mu-column 'ln\(Mon/Ion1\)' or --mu-column 'xmap_roi00/Mon'"):
        read_bytes(data, "x.dat")
    same(read_bytes(data, "x.dat", Choice(mu_column="xmap_roi00/Mon")))


def test_regions_of_a_detector_are_not_summed() -> None:
    """Two regions are two lines, of two elements perhaps."""
    both = {**SNBL, "Ion1": 0 * I0, "Ion2": 0 * I0, "xmap_roi00": FLUORESCENCE, "xmap_roi01": I0}
    with pytest.raises(ColumnError, match=r"'xmap_roi00/Mon' or --mu-column 'xmap_roi01/Mon'"):
        read_bytes(snbl(**both), "x.dat")


def test_the_computed_monitor_where_there_is_no_other() -> None:
    columns = {name: values for name, values in SNBL.items() if name != "Mon"}
    same(read_bytes(snbl(**columns), "x.dat"), MU, scaled=True)


def test_columns_of_bliss() -> None:
    columns = {"energy_enc": ENERGY / 1e3, "I0_eh2": I0, "I1": ITRANS, "I2": ITRANS / 9, "epoch": ENERGY}
    same(read_bytes(snbl(**columns), "x.dat"))


def test_the_chambers_of_balder() -> None:
    data = balder(I0 * 0.49, I0 * 0.51, ITRANS * 0.5, ITRANS * 0.52)
    spectrum = read_bytes(data, "x.dat")
    assert spectrum.mu_source == "mu = ln((4+5)/(6+7)), columns 4, 5, 6, 7; the two plates of each chamber"
    same(spectrum, MU - np.log(1.02))


def test_another_wiring_of_balder_is_refused() -> None:
    """Channels 1 and 4 before the sample, as in older scans: the plates do not agree."""
    data = balder(I0 * 0.49, ITRANS * 0.5, ITRANS * 0.52, I0 * 0.51)
    with pytest.raises(ColumnError, match=r"4 albaem02_ch1, .* choose with --mu-column"):
        read_bytes(data, "x.dat")
    same(read_bytes(data, "x.dat", Choice(mu_column="ln((4+7)/(5+6))")), MU, scaled=True)


# DESY ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "made_00012_"])
def test_fio(prefix: str) -> None:
    columns = {"ENERGY": ENERGY, "I0": I0, "I1": ITRANS, "I2": ITRANS / 5, "sumvfcs_counts_xi": I0 * 3}
    spectrum = read_bytes(fio(columns, "ELEMENT = Fe\nEDGE = K\n", prefix), "x.fio")
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
    assert spectrum.mu_source == "mu = ln(I0/I1), columns 2 and 3"
    same(spectrum)


def test_fio_of_names_that_say_nothing() -> None:
    data = fio({"energy": ENERGY, "vfc01": I0, "vfc02": ITRANS})
    with pytest.raises(ColumnError, match=r"1 energy, 2 vfc01, 3 vfc02; choose with --mu-column"):
        read_bytes(data, "x.fio")
    same(read_bytes(data, "x.fio", Choice(mu_column="ln(vfc01/vfc02)")))


def test_fio_with_an_angle() -> None:
    from .beamlines import angle

    data = fio({"bragg": angle(ENERGY, 1.9202), "I0": I0, "I1": ITRANS}, "D_SPACING = 1.9202\n")
    same(read_bytes(data, "x.fio"))


def test_fio_of_an_aborted_scan_and_of_names_that_do_not_fit() -> None:
    data = fio({"energy": ENERGY, "I0": I0, "I1": ITRANS})
    with pytest.raises(ReadError, match=r"section %d of the \.fio file holds no row"):
        read_bytes(data[: data.index(b" Col 3")], "x.fio")
    with pytest.raises(ReadError, match="names 2 columns and line 20 has 3 values"):
        read_bytes(data.replace(b" Col 3 I1 DOUBLE\n", b"! gone\n"), "x.fio")


# Athena -------------------------------------------------------------------------------------------


def test_several_groups_of_athena(tmp_path: Path) -> None:
    groups = {"Fe foil": MU, "goethite": MU * 1.1 + 0.01, "I0": MU * 1.2}
    path = tmp_path / "made.nor"
    path.write_bytes(athena_groups(groups))
    found = read_all(path)
    assert [item.label for item in found] == ["made.nor:Fe_foil", "made.nor:goethite", "made.nor:I0"]
    for spectrum, mu in zip(found, groups.values(), strict=True):
        assert isinstance(spectrum, Spectrum)
        assert (spectrum.element, spectrum.edge) == ("Fe", "K")
        assert spectrum.warnings == ("normalised in the file",)
        assert "one of 3 spectra in columns; normalised in the file" in spectrum.mu_source
        same(spectrum, mu)
    same(read(f"{path}:goethite"), groups["goethite"])
    same(read(path, Choice(mu_column="3")), groups["goethite"])
    with pytest.raises(ReadError, match=r"holds 3 spectra \(Fe_foil, goethite, I0\).*choose with FILE:NAME"):
        read(path)
    with pytest.raises(ReadError, match="holds no spectrum 'none'; it holds: Fe_foil, goethite, I0"):
        read(f"{path}:none")


def test_groups_saved_as_mu_are_not_called_normalised() -> None:
    (spectrum,) = several(athena_groups({"one": MU}, "mu(E)"))
    assert isinstance(spectrum, Spectrum)
    assert spectrum.warnings == ()
    assert "normalised" not in spectrum.mu_source
    same(spectrum)


@pytest.mark.parametrize("what", ["derivative mu(E)", "chi(k)", "derivative of normalized mu(E)"])
def test_other_curves_of_athena_are_refused(what: str) -> None:
    with pytest.raises(ReadError, match=re.escape(f"the columns are the {what.lower()} of several groups")):
        several(athena_groups({"one": MU, "two": MU}, what))


def test_one_group_of_athena_takes_what_is_normalised_and_not_flattened() -> None:
    spectrum = read_bytes(athena_report(), "x.nor")
    assert spectrum.mu_source == "mu = norm, column 2, normalised in the file"
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
    same(spectrum)


@pytest.mark.parametrize(
    "last",
    [
        "#  energy xmu bkg pre_edge post_edge",
        "#  energy: xmu: bkg: pre_edge: post_edge:",
        "# Column labels: energy xmu bkg pre_edge post_edge",
        "energy xmu bkg pre_edge post_edge:",
    ],
)
def test_headers_whose_lines_end_in_colons(last: str) -> None:
    spectrum = read_bytes(old_report(last), "x.xmu")
    assert spectrum.mu_source == "mu = xmu, column 2"
    same(spectrum)


# Several spectra in columns -----------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_eleven_standards(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "standards.csv"
    path.write_bytes(standards(separator))
    found = read_all(path)
    assert [item.label for item in found] == [f"standards.csv:{name}" for name in STANDARDS]
    for i, spectrum in enumerate(found):
        assert isinstance(spectrum, Spectrum)
        assert f"column {i + 2}; one of 11 spectra in columns" in spectrum.mu_source
        same(spectrum, MU * (1 + 0.05 * i) + 0.01 * i)
    same(read(f"{path}:siderite"), MU * 1.2 + 0.04)
    same(read(path, Choice(mu_column="pyrite")), MU * 1.25 + 0.05)
    text, good = describe_file(str(path), Choice())
    assert good
    assert text.count("  spectrum  standards.csv:") == 11
    assert "steepest rise at 71" in text
    text, good = describe_file(f"{path}:pyrite", Choice())
    assert good
    assert text.count("  mu        mu = pyrite, column 7") == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"sample": MU, "standard": 1e5 * MU},  # counts beside mu
        {"sample": 1e-8 * MU, "other": 1e-8 * MU},  # currents
        {"sample": MU, "monitor_2": np.linspace(1.0, 0.9, MU.size)},  # no edge
        {"sample": MU, "mirror": -MU},  # a falling one
        {"det1": MU, "det2": MU},  # detectors
        {"sample": MU, "temperature": 20 + MU},
        {"sample": MU, "other": np.interp(ENERGY - 60.0, ENERGY, MU)},  # another edge
        {"sample": MU, "noise": np.random.default_rng(1).normal(size=MU.size)},
        {"sample": MU, "broken": np.where(np.arange(MU.size) == 9, np.nan, MU)},
    ],
    ids=lambda columns: list(columns)[1],
)
def test_columns_that_are_not_all_spectra_are_refused(columns: dict[str, np.ndarray]) -> None:
    data = f"# energy {' '.join(columns)}\n{rows(ENERGY, *columns.values())}".encode()
    (error,) = several(data)
    assert isinstance(error, ColumnError)
    assert f"1 energy, 2 {next(iter(columns))}, 3 " in str(error)
    assert "choose with --mu-column" in str(error)


def test_spectra_without_names_are_refused() -> None:
    (error,) = several(rows(ENERGY, MU, MU * 2).encode())
    assert isinstance(error, ColumnError)


def test_names_that_come_twice() -> None:
    found = several(f"energy,a,a,b\n{table(np.column_stack([ENERGY, MU, MU, MU]), ',')}".encode())
    assert [item.label for item in found] == ["x:a", "x:a #2", "x:b"]


# Control characters -------------------------------------------------------------------------------

HOSTILE = "\x1b[31mred\x07\u202eevil\x9b2J"


def clean(text: str) -> bool:
    return text.isprintable()


def test_no_control_character_of_a_file_gets_out(tmp_path: Path) -> None:
    name = f"a{HOSTILE}.csv"
    path = tmp_path / name
    path.write_bytes(
        f"energy,one{HOSTILE},two\n".encode() + table(np.column_stack([ENERGY, MU, MU]), ",").encode()
    )
    for item in read_all(path):
        assert isinstance(item, Spectrum)
        assert clean(item.label)
        assert clean(item.mu_source)
        assert "\\x1b[31mred\\x07\\x202eevil\\x9b2J" in item.label
    text, _ = describe_file(str(path), Choice())
    assert all(clean(line) for line in text.split("\n"))
    assert read(f"{path}:one{HOSTILE}").label.endswith("one\\x1b[31mred\\x07\\x202eevil\\x9b2J")


@pytest.mark.parametrize(
    "data",
    [
        f"energy\ti0\tit{HOSTILE}\n7000 1 2\n7001 2 x{HOSTILE}\n",
        f"# XDI/1.0\n# Element.symbol: {HOSTILE}\n# energy mu\n{rows(ENERGY, MU)}",
        f"# XDI/1.0\n# Column.9: {HOSTILE}\n# energy mu\n{rows(ENERGY, MU)}",
        f"# energy {HOSTILE} b c\n{rows(ENERGY, I0, I0, I0)}",
        f"# Demeter.output_filetype: multicolumn {HOSTILE}\n# energy a\n{rows(ENERGY, MU)}",
        f"! x\n%c\n%p\n%d\n Col 1 {HOSTILE} DOUBLE\n{rows(ENERGY, I0, I0)}",
    ],
)
def test_no_control_character_gets_into_an_error(data: str) -> None:
    try:
        found = several(data.encode())
    except XnetError as error:
        found = [error]
    assert found
    for item in found:
        assert isinstance(item, XnetError)
        assert clean(str(item))
        assert clean(item.label)


def test_an_error_is_clean_wherever_it_is_raised() -> None:
    error = ReadError(f"{HOSTILE}\nsecond line")
    error.label = HOSTILE
    assert clean(str(error))
    assert clean(error.label)
    assert str(error).endswith("evil\\x9b2J second line")


def test_letters_of_any_language_stay() -> None:
    assert str(ReadError("Ærø 鉄 µ Å")) == "Ærø 鉄 µ Å"


# Messages -----------------------------------------------------------------------------------------


def test_a_missing_file_is_named_once(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from xnet_onnx.cli import main

    for command in ("predict", "columns"):
        done = CliRunner().invoke(main, [command, "nosuch.dat"])
        assert done.exit_code != 0
        assert done.stderr.count("nosuch.dat") == 1
        assert "nosuch.dat: the file cannot be opened: No such file" in done.stderr
    with pytest.raises(ReadError) as caught:
        read(tmp_path / "nosuch.dat")
    assert caught.value.label == str(tmp_path / "nosuch.dat")
    assert caught.value.__notes__ == [f"in {tmp_path / 'nosuch.dat'}"]


def test_what_is_no_edge_is_told_what_one_is() -> None:
    with pytest.raises(ElementError, match=r"'Foo' is no edge; expected one such as 'K'$"):
        read_bytes(SAMPLES["fio"], "x", Choice(edge="Foo"))
    with pytest.raises(ElementError, match=r"'Foo' is no element; expected one such as 'Fe'$"):
        read_bytes(SAMPLES["fio"], "x", Choice(element="Foo"))


# Properties ---------------------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample with pieces replaced, repeated, cut out, or taken from another sample."""
    data = bytearray(draw(st.sampled_from(list(SAMPLES.values()))))
    for _ in range(draw(st.integers(1, 5))):
        # Half of the damage is in the header.
        last = draw(st.sampled_from([min(len(data), 900), len(data)]))
        start = draw(st.integers(0, last))
        length = draw(st.integers(0, 60))
        other = draw(st.sampled_from(list(SAMPLES.values())))
        at = draw(st.integers(0, min(len(other), 1200)))
        piece = draw(
            st.binary(max_size=12)
            | st.sampled_from(
                [
                    b"\n",
                    b"\r",
                    b"nan",
                    b"-1",
                    b"1e999",
                    b"Mode",
                    b"Offset",
                    b"%d",
                    b"Col 9999 a b",
                    b"#L ",
                    b":",
                ]
            )
            | st.just(other[at : at + length])
        )
        data[start : start + draw(st.sampled_from([0, length]))] = piece
    return bytes(data)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(data=damaged())
def test_damaged_samples_give_a_spectrum_or_one_of_our_errors(data: bytes) -> None:
    try:
        tables = _tables(data, "x")
    except XnetError as error:
        tables = [error]
    for choice in (None, Choice(mu_column="ln(2/3)"), Choice(energy_column="1")):
        for item in _spectra(tables, choice):
            assert clean(item.label)
            if isinstance(item, XnetError):
                assert clean(str(item))
                continue
            assert clean(item.mu_source)
            assert np.all(np.isfinite(item.energy))
            assert np.all(np.isfinite(item.mu))
            assert np.all(np.diff(item.energy) > 0)


@pytest.mark.parametrize(
    "start", [b"  9809     KEK-PF\n", b"!\n%c\n%p\n%d\n", b"#L albaem\n#L albaem02_ch1\n"]
)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_behind_the_first_lines(start: bytes, data: bytes) -> None:
    try:
        tables = _tables(start + data, "x")
    except XnetError:
        return
    _spectra(tables, None)


@pytest.mark.parametrize(
    "data",
    [
        b"  9809     KEK-PF\n" + b"x\n" * 10_000_000,
        b"  9809     KEK-PF\n Angle(c)\n Mode" + b" 1" * 40_000 + b"\n Offset 1 1 1\n" + b"1 " * 40_000,
        b"!\n%c\n%p\n" + b"a = b\n" * 3_000_000 + b"%d\n 1 2\n",
        b"!\n%c\n%p\n%d\n" + b" Col 1 a b\n" * 2_000_000,
        b"!\n" + b"%c\n" * 9_000_000,
        b"#L albaem" * 3_000_000,
        b"# Demeter.output_filetype: multicolumn mu(E)\n" + b"# a\n" * 5_000_000,
        b"energy," + b"a," * 40_000 + b"\n" + b"7000," * 4000,
    ],
    ids=range(8),
)
def test_large_files_of_these_formats_end_soon(data: bytes) -> None:
    with ends():
        try:
            found = several(data)
        except XnetError as error:
            found = [error]
    assert isinstance(found[0], XnetError)


def test_the_documentation_has_the_table_of_formats() -> None:
    """`python -m xnet_onnx.readers.formats` prints it."""
    assert as_markdown() in (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def test_every_row_of_the_table_is_used() -> None:
    assert ones().size == ENERGY.size
    named = {format_of(unpack(data)).name for data in SAMPLES.values()}
    assert len(named) >= 6
