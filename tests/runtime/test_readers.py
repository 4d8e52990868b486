"""Every format, read from data made here."""

import gc
import gzip
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from xnet_onnx.errors import ColumnError, CoverageError, ElementError, ReadError, SpectrumError, XnetError
from xnet_onnx.readers import Choice, read, read_all, read_bytes
from xnet_onnx.readers.labels import column_role

from ..synthetic import EXAMPLE, athena, athena_group, athena_json, scorodite, scorodite_mu, table, xdi


def close(spectrum, tolerance: float = 2e-5) -> None:
    """Check a spectrum against the example's mu, on any scale."""
    energy, mu = scorodite_mu()
    np.testing.assert_allclose(spectrum.energy, energy, atol=2e-3)
    scaled = np.polyval(np.polyfit(spectrum.mu, mu, 1), spectrum.mu)
    np.testing.assert_allclose(scaled, mu, atol=tolerance)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [" ", "\t", ",", ";", "   ", ", "])
@pytest.mark.parametrize("comment", ["# ", "% ", "; ", "", "#"])
def test_columns_however_they_are_written(newline: str, separator: str, comment: str) -> None:
    head = f"{comment}a made file{newline}{comment}{separator.join(['energy', 'i0', 'itrans'])}{newline}"
    spectrum = read_bytes((head + table(scorodite(), separator, newline)).encode(), "x.dat")
    assert spectrum.mu_source == "mu = ln(i0/itrans), columns 2 and 3"
    close(spectrum)


@pytest.mark.parametrize("separator", [" ", "\t", ";"])
def test_decimal_commas(separator: str) -> None:
    text = "energy" + separator + "i0" + separator + "itrans\n" + table(scorodite(), separator, decimal=",")
    close(read_bytes(text.encode(), "x.csv"))


def test_decimal_commas_in_two_bare_columns() -> None:
    close(read_bytes(table(np.column_stack(scorodite_mu()), "\t", decimal=",").encode(), "x.txt"))


@pytest.mark.parametrize("coding", ["utf-8", "latin-1", "utf-8-sig", "utf-16"])
def test_encodings(coding: str) -> None:
    text = "# Température : 20 °C, 3 µm\n# Energy I0 IT\n" + table(scorodite())
    close(read_bytes(text.encode(coding), "x.dat"))


def test_file_names_that_are_not_ascii(tmp_path) -> None:
    path = tmp_path / "Ærø 鉄 K.dat"
    path.write_text("# energy mu\n" + table(np.column_stack(scorodite_mu())), encoding="utf-8")
    spectrum = read(path)
    assert spectrum.label == path.name
    close(spectrum)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of bytes")
def test_file_names_that_are_not_text(tmp_path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.dat"
    with open(path, "w") as file:  # noqa: PTH123 - a name of bytes
        file.write("# energy mu\n" + table(np.column_stack(scorodite_mu())))
    close(read(os.fsdecode(path)))


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("# energy(keV) mu", 1e-3),
        ("# Energy (keV)\tmu", 1e-3),
        ("# E_keV mu", 1e-3),
        ("# energy mu", 1e-3),
        ("", 1e-3),
        ("# energy mu\n# keV -", 1e-3),
        ("# E/eV  mu(E)", 1.0),
        ("# Energy [eV]  Absorption (a.u.)", 1.0),
    ],
)
def test_units_of_energy(header: str, scale: float) -> None:
    energy, mu = scorodite_mu()
    spectrum = read_bytes(f"{header}\n{table(np.column_stack([energy * scale, mu]))}".encode(), "x.dat")
    close(spectrum)
    guessed = scale != 1.0 and "keV" not in header
    assert any("taken as keV" in warning for warning in spectrum.warnings) == guessed


@pytest.mark.parametrize(
    ("unit", "factor"), [("degrees", 1.0), ("deg", 1.0), ("rad", np.pi / 180), ("mrad", np.pi / 0.18)]
)
def test_monochromator_angle(unit: str, factor: float) -> None:
    energy, i0, itrans = scorodite().T
    angle = np.degrees(np.arcsin(12398.419843320026 / (2 * 3.13555 * energy)))
    made = np.array2string(angle[:1])
    assert 15.0 < float(made.strip("[]")) < 17.0
    columns = {f"angle {unit}": angle * factor, "i0": i0, "itrans": itrans}
    text = xdi(columns, {"Mono.d_spacing": "3.13555"})
    # Eight digits of an angle are 1e-3 eV.
    spectrum = read_bytes(text, "x.xdi")
    np.testing.assert_allclose(spectrum.energy, energy, atol=0.01)
    assert "energy from the angle, column 1" in spectrum.mu_source
    with pytest.raises(ColumnError, match=r"gives no Mono\.d_spacing"):
        read_bytes(xdi(columns), "x.xdi")


def test_xdi_by_content_and_not_by_name(tmp_path) -> None:
    energy, i0, itrans = scorodite().T
    path = tmp_path / "scan.0001"
    path.write_bytes(xdi({"energy eV": energy, "itrans": itrans, "i0": i0}))
    spectrum = read(path)
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
    assert spectrum.mu_source == "mu = ln(i0/itrans), columns 3 and 2"
    close(spectrum)


def test_several_detectors_are_summed_and_dead_ones_left_out() -> None:
    energy, i0, itrans = scorodite().T
    signal = np.log(i0 / itrans) * i0
    channels = {f"Fe_Ka_mca{i}": signal * (0.2 + 0.1 * i) for i in range(1, 4)}
    columns = {"energy eV": energy, "I0": i0, **channels, "Fe_Ka_mca4": np.zeros_like(i0)}
    columns |= {f"OCR_mca{i}": signal * 5 for i in range(1, 5)} | {
        f"DTFactor_mca{i}": i0 for i in range(1, 5)
    }
    spectrum = read_bytes(xdi(columns), "x.xdi")
    assert "sum of 3 channels, fe_ka_mca1 to fe_ka_mca3, / i0, columns 3, 4, 5 and 2" in spectrum.mu_source
    assert "fe_ka_mca4, column 6: no signal" in spectrum.mu_source
    close(spectrum)


def test_dead_time_corrected_fluorescence_comes_before_the_raw_one() -> None:
    """The layout of a LUCIA file: It is zero, TEY is left aside, FY_c replaces FY."""
    energy, i0, itrans = scorodite().T
    signal = np.log(i0 / itrans) * i0
    dead = np.linspace(1.0, 30.0, energy.size)
    rows = np.column_stack(
        [energy, i0, signal * (1 - dead / 100), dead, signal, i0 * 1e-3 + dead, i0 * 0, i0 * 0]
    )
    text = "# TARGET : Ére\r\n#\r\n# Energy\tIo\t\tFY\tDeadTime\tFY_c\tTEY\tIt\tCtr4\r\n" + table(
        rows, "\t", "\r\n"
    )
    spectrum = read_bytes(text.encode("latin-1"), "x.dat")
    assert spectrum.mu_source.startswith("mu = FY_c/Io, columns 5 and 2; FY_c is corrected for dead time")
    assert "It, column 7: no signal" in spectrum.mu_source
    assert "TEY, column 6: electron yield" in spectrum.mu_source
    close(spectrum)


def test_transmission_and_fluorescence_together_are_ambiguous() -> None:
    energy, i0, itrans = scorodite().T
    text = xdi({"energy eV": energy, "i0": i0, "itrans": itrans, "ifluor": i0 - itrans})
    with pytest.raises(
        ColumnError, match=r"1 energy, 2 i0, 3 itrans, 4 ifluor; choose with --mu-column 'ln\(i0/itrans\)'"
    ):
        read_bytes(text, "x.xdi")
    close(read_bytes(text, "x.xdi", Choice(mu_column="ln(i0/itrans)")))


@pytest.mark.parametrize(
    "expression",
    ["ln(i0/itrans)", "ln(2/3)", "LN( I0 / itrans )", "-ln(itrans/i0)", "log(2/3)", "ln((2)/(3))"],
)
def test_mu_as_an_expression(expression: str) -> None:
    spectrum = read_bytes(
        table(scorodite()).encode().join([b"# energy i0 itrans\n", b""]), "x", Choice(mu_column=expression)
    )
    assert spectrum.mu_source.endswith("as chosen")
    close(spectrum)


def test_mu_as_a_sum_over_a_monitor() -> None:
    energy, i0, itrans = scorodite().T
    signal = np.log(i0 / itrans) * i0
    text = table(np.column_stack([energy, signal * 0.3, signal * 0.7, i0]))
    close(read_bytes(text.encode(), "x", Choice(mu_column="(2+3)/4")))


@pytest.mark.parametrize(
    "wrong", ["9", "nothing", "i0/", "ln(i0/nothing)", "1/2/3", "", "-", "ln()", "+", "0"]
)
def test_a_chosen_column_that_is_not_there(wrong: str) -> None:
    with pytest.raises(ColumnError, match="--mu-column"):
        read_bytes(b"# energy i0 itrans\n" + table(scorodite()).encode(), "x", Choice(mu_column=wrong))


def test_without_labels_three_columns_are_ambiguous_and_two_are_not() -> None:
    with pytest.raises(ColumnError, match=r"which column is mu is not clear.* 3 columns: 1, 2, 3"):
        read_bytes(table(scorodite()).encode(), "x")
    spectrum = read_bytes(b"a title of two\n" + table(np.column_stack(scorodite_mu())).encode(), "x")
    assert spectrum.mu_source == "mu = column 2, of two without labels"
    close(spectrum)


def test_a_comment_of_as_many_words_as_columns_is_no_line_of_labels() -> None:
    spectrum = read_bytes(b"# iron foil\n" + table(np.column_stack(scorodite_mu())).encode(), "x")
    assert spectrum.mu_source == "mu = column 2, of two without labels"


@pytest.mark.parametrize("label", ["i0", "itrans", "time", "chi", "bkg"])
def test_two_columns_of_which_none_is_an_absorption(label: str) -> None:
    with pytest.raises(ColumnError, match=r"no absorption|no incident intensity"):
        read_bytes(f"# energy {label}\n{table(np.column_stack(scorodite_mu()))}".encode(), "x")


def test_mu_before_normalised_mu() -> None:
    energy, mu = scorodite_mu()
    text = "# energy mu norm flat bkg\n" + table(np.column_stack([energy, mu, mu * 2, mu * 3, mu * 4]))
    assert read_bytes(text.encode(), "x").mu_source == "mu = mu, column 2"
    with pytest.raises(ColumnError, match="2 columns are labelled as absorption"):
        read_bytes(text.replace("mu norm", "mutrans mufluor").encode(), "x")


def test_labels_that_contradict_the_fields_of_xdi() -> None:
    energy, i0, itrans = scorodite().T
    text = xdi({"energy eV": energy, "i0": i0, "itrans": itrans})
    with pytest.raises(
        ReadError, match=r"column 2 is 'i0' in the field Column.2 and 'itrans' in the line of labels"
    ):
        read_bytes(text.replace(b"# energy i0 itrans", b"# energy itrans i0"), "x.xdi")
    with pytest.raises(ReadError, match=r"Column.4 \('mu'\) names a column that is not there"):
        read_bytes(text.replace(b"# ///", b"# Column.4: mu\n# ///"), "x.xdi")


def test_several_scans_in_one_file() -> None:
    energy, mu = scorodite_mu()
    block = table(np.column_stack([energy, mu]))
    text = f"#F made\n\n#S 3 ascan\n#N 2\n#L Energy  mu\n{block}\n#S 7 ascan\n#N 2\n#L Energy  mu\n{block}"
    found = read_all_bytes(text.encode())
    assert [item.label for item in found] == ["x:scan 3", "x:scan 7"]
    close(found[1])
    with pytest.raises(ReadError, match=r"holds 2 spectra \(scan 3, scan 7\)"):
        read_bytes(text.encode(), "x")


def read_all_bytes(data: bytes) -> list:
    from xnet_onnx.readers import _spectra, _tables

    return _spectra(_tables(data, "x"), None)


def test_a_gzipped_file() -> None:
    close(
        read_bytes(gzip.compress(b"# energy mu\n" + table(np.column_stack(scorodite_mu())).encode()), "x.gz")
    )


def test_feff_xmu_takes_the_photon_energy() -> None:
    energy, mu = scorodite_mu()
    rows = np.column_stack([energy, energy - 7124, energy * 0 + 1, mu, mu * 0.9, mu * 0.1])
    spectrum = read_bytes(
        ("#  xsedge+ 50\n#  omega    e    k    mu    mu0     chi     @#\n" + table(rows)).encode(), "xmu.dat"
    )
    assert spectrum.mu_source == "mu = mu, column 4"
    close(spectrum)


def test_the_plain_energy_before_a_readback() -> None:
    energy, mu = scorodite_mu()
    text = "# Energy_readback Energy mu\n" + table(np.column_stack([energy + 0.3, energy, mu]))
    close(read_bytes(text.encode(), "x"))


# Athena ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["perl", "json"])
def test_athena_projects(tmp_path, packed: bool, form: str) -> None:
    energy, mu = scorodite_mu()
    if form == "perl":
        data = athena(
            athena_group("scorodite", energy, mu),
            athena_group("it's (shifted); [x]", energy - 5.5, mu, bkg_eshift="5.5"),
            athena_group("k", energy, mu, is_chi="1", is_xmu="0"),
            athena_group("reference", energy, mu, bkg_z="Co"),
            athena_group("scorodite", energy, mu),
        )
    else:
        data = athena_json(
            {
                "scorodite": (energy, mu, {}),
                "it's (shifted); [x]": (energy - 5.5, mu, {"bkg_eshift": "5.5"}),
                "k": (energy, mu, {"datatype": "chi"}),
                "reference": (energy, mu, {"bkg_z": "Co"}),
                "again": (energy, mu, {"label": "scorodite"}),
            }
        )
    path = tmp_path / "made.prj"
    path.write_bytes(gzip.compress(data) if packed else data)
    found = read_all(path)
    names = ["scorodite", "it's (shifted); [x]", "k", "reference", "scorodite #2"]
    assert [item.label for item in found] == [f"made.prj:{name}" for name in names]
    plain, moved, chi, reference, again = found
    close(plain)
    close(again)
    close(moved)
    assert plain.energy_shift == 0.0
    assert moved.energy_shift == 5.5
    assert "shifted by +5.500 eV as the file records" in moved.mu_source
    assert isinstance(chi, ReadError)
    assert "chi(k)" in str(chi)
    assert isinstance(reference, CoverageError)
    assert "stops before the Co K edge (7709 eV) that the file names" in str(reference)
    with pytest.raises(ReadError, match="holds 5 spectra"):
        read(path)
    close(read(f"{path}:it's (shifted); [x]"))
    with pytest.raises(ReadError, match="holds no spectrum 'none'; it holds: scorodite"):
        read(f"{path}:none")


def test_a_project_that_is_cut_short() -> None:
    energy, mu = scorodite_mu()
    data = athena(athena_group("a", energy, mu), athena_group("b", energy, mu))
    after_first = data.index(b"[record]") + 20
    (first,) = read_all_bytes(data[:after_first])
    assert "groups may be missing" in first.warnings[0]
    for end in (after_first // 2, after_first + 500, len(data) - 300):
        with pytest.raises(ReadError, match=r"damaged|cut short|ends inside|no group"):
            read_all_bytes(data[:end])
    with pytest.raises(ReadError, match="ends early"):
        read_all_bytes(gzip.compress(data)[:-20])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["perl", "json"])
def test_athena_as_larch_reads_it(tmp_path, form: str) -> None:
    larch_io = pytest.importorskip("larch.io")
    energy, mu = scorodite_mu()
    made = {"one": (energy, mu, {}), "two": (energy + 1.25, 2 * mu, {"bkg_eshift": "-1.25"})}
    data = (
        athena_json(made)
        if form == "json"
        else athena(*(athena_group(k, x, y, **a) for k, (x, y, a) in made.items()))
    )
    path = tmp_path / "made.prj"
    path.write_bytes(data)
    theirs = larch_io.read_athena(str(path), do_preedge=False, do_bkg=False)
    for item in read_all(path):
        other = getattr(theirs, item.label.partition(":")[2])
        np.testing.assert_array_equal(item.energy - item.energy_shift, other.energy)
        np.testing.assert_array_equal(item.mu, other.mu)
    gc.collect()  # Larch leaves files open: let their warnings come here


# HDF5 --------------------------------------------------------------------------------------------


def nexus(path, **options) -> None:
    """Write a NeXus file of two entries."""
    h5py = pytest.importorskip("h5py")
    energy, i0, itrans = scorodite().T
    with h5py.File(path, "w") as file:
        for name in ("scan_1", "scan_2"):
            entry = file.create_group(name)
            entry["definition"] = "NXxas"
            entry["scan/xrayedge/element"] = "Fe"
            entry["scan/xrayedge/edge"] = "K"
            axis = entry.create_dataset("instrument/monochromator/energy", data=energy / 1e3, **options)
            axis.attrs["units"] = "keV"
            entry.create_dataset("instrument/i0/data", data=i0, **options)
            entry.create_dataset("instrument/itrans/data", data=itrans, **options)
            entry["data/energy"] = h5py.SoftLink(f"/{name}/instrument/monochromator/energy")


@pytest.mark.parametrize(
    "options", [{}, {"compression": "gzip", "shuffle": True}, {"compression": "gzip", "fletcher32": True}]
)
def test_nexus_entries(tmp_path, options: dict) -> None:
    path = tmp_path / "made.nxs"
    nexus(path, **options)
    found = read_all(path)
    assert [item.label for item in found] == ["made.nxs:scan_1", "made.nxs:scan_2"]
    assert (found[0].element, found[0].edge) == ("Fe", "K")
    assert found[0].mu_source == "mu = ln(i0/itrans), columns 2 and 3; energy in keV, column 1"
    close(found[1])
    close(read(f"{path}:scan_2"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_nexus_as_larch_writes_it(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    larch_io = pytest.importorskip("larch.io")
    nexus_xas = pytest.importorskip("larch.io.nexus_xas")
    with h5py.File(tmp_path / "larch.nxs", "w") as file:
        nexus_xas.xdi2NXxas(larch_io.read_xdi(str(EXAMPLE)), file)
    spectrum = read(tmp_path / "larch.nxs")
    assert (spectrum.element, spectrum.edge) == ("Fe", "K")
    close(spectrum)
    gc.collect()


def test_hdf5_with_arrays_at_the_top_and_from_bytes(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    energy, mu = scorodite_mu()
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["energy"], file["mu"], file["comment"] = energy, mu, "x"
    close(read_bytes(data.getvalue(), "x.h5"))


def test_hdf5_that_reaches_out_of_the_file(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    energy, mu = scorodite_mu()
    nexus(tmp_path / "other.h5")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["energy"] = energy
        file["mu"] = h5py.ExternalLink("other.h5", "/scan_1/instrument/i0/data")
    with pytest.raises(ReadError, match="nothing else of that length"):
        read(tmp_path / "link.h5")
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file["energy"] = energy
        file.create_dataset("mu", shape=mu.shape, dtype="f8", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])
    (tmp_path / "raw.bin").write_bytes(mu.tobytes())
    with pytest.raises(ReadError, match="keeps its data in another file"):
        read(tmp_path / "external.h5")
    layout = h5py.VirtualLayout(shape=mu.shape, dtype="f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "scan_1/instrument/i0/data", shape=mu.shape)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file["energy"] = energy
        file.create_virtual_dataset("mu", layout)
    with pytest.raises(ReadError, match="virtual data set"):
        read(tmp_path / "virtual.h5")


@pytest.mark.slow
def test_hdf5_that_is_damaged_or_none(tmp_path) -> None:
    pytest.importorskip("h5py")
    nexus(tmp_path / "a.h5")
    data = (tmp_path / "a.h5").read_bytes()
    for end in (8, 100, 2000, len(data) // 2):
        with pytest.raises(ReadError, match=r"damaged|no array"):
            read_bytes(data[:end], "a.h5")


def test_hdf5_without_h5py(tmp_path, monkeypatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(XnetError, match=r"pip install 'xnet-onnx\[hdf5\]'"):
        read_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "a.h5")


# What is no spectrum -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty"),
        (b"   \r\n \t", "empty"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"PK\x03\x04abc", "Larix session"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\1\2\3 1 2", "binary"),
        (b"just words\nand more", "no line of the file is a row of numbers"),
        (b"7000\n7001\n7002\n", "no line of the file is a row of numbers"),
        (b"<html><body>7000 1</body></html>", "no line of the file is a row of numbers"),
        (b"# XDI/2.0\n# ---\n1 2\n", "XDI/2.0; expected XDI/1.0"),
        (b'{"_____header1": "x"', "not JSON"),
        (b"# Athena project file -- Demeter version 1\n", "no group"),
    ],
)
def test_other_files(data: bytes, found: str) -> None:
    with pytest.raises(ReadError, match=found):
        read_bytes(data, "x")


def test_paths_that_are_no_files(tmp_path) -> None:
    with pytest.raises(ReadError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(ReadError, match="cannot be opened"):
        read(tmp_path / "none.xdi")
    with pytest.raises(ReadError, match="cannot be opened"):
        read("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ReadError, match="a device or a pipe"):
            read(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("7000 1\n7001 2\n7002\n", "line 4 has 1 values and line 2 has 2"),
        ("7000 1\n7001 2 3\n", "line 3 has 3 values and line 2 has 2"),
        ("7000 1\n7001 STRING\n", "line 3: 'STRING' is not a number"),
        ("7000 1\n7001 1.4.9\n", "line 3: '1.4.9' is not a number"),
        ("7000 1\n7001 1_0\n", "line 3: '1_0' is not a number"),
        ("7000 STRING\n7001 2\n", "above line 3 starts as a row of data and 'STRING' is not a number"),
    ],
)
def test_broken_rows_are_named(rows: str, found: str) -> None:
    with pytest.raises(ReadError, match=found):
        read_bytes(f"# energy mu\n{rows}".encode(), "x")


def test_xdi_without_its_version_line() -> None:
    energy, i0, itrans = scorodite().T
    text = xdi({"energy eV": energy, "i0": i0, "itrans": itrans}, {"Element.symbol": "Cu"})
    with pytest.raises(ReadError, match=r"no version line; expected '# XDI/1.0'.*\(the file is of Cu K\)"):
        read_bytes(text.replace(b"# XDI/1.0 test", b"#"), "x.xdi")


def test_nan_in_xdi() -> None:
    energy, i0, itrans = scorodite().T
    dark = i0.copy()
    dark[3] = np.nan
    spectrum = read_bytes(xdi({"energy eV": energy, "i0": i0, "itrans": itrans, "dark": dark}), "x.xdi")
    assert "dark (column 4) is nan at line 15" in spectrum.warnings[0]
    dark[::4] = np.nan
    with pytest.raises(ReadError, match=r"dark .column 4. is nan at line 12, .* XDI expects finite numbers"):
        read_bytes(xdi({"energy eV": energy, "i0": i0, "itrans": itrans, "dark": dark}), "x.xdi")


def test_a_position_is_no_energy() -> None:
    energy, i0, itrans = scorodite().T
    text = xdi({"x mm": energy, "i0": i0, "itrans": itrans}).replace(b"# x i0", b"# energy i0")
    with pytest.raises(
        ColumnError, match=r"column 1 is x in mm, not an energy.*the line of labels says 'energy'"
    ):
        read_bytes(text, "x.xdi")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"Element.symbol": "Xx"}, "element 'Xx', which is none"),
        ({"Element.edge": "Q"}, "edge 'Q', which is none"),
    ],
)
def test_metadata_that_name_nothing(fields: dict, found: str) -> None:
    energy, i0, itrans = scorodite().T
    with pytest.raises(ElementError, match=found):
        read_bytes(xdi({"energy eV": energy, "i0": i0, "itrans": itrans}, fields), "x.xdi")


@pytest.mark.parametrize("column", [np.linspace(-100, 200, 169), np.arange(169.0), np.full(169, 1e9)])
def test_numbers_that_are_no_photon_energies(column: np.ndarray) -> None:
    _, mu = scorodite_mu()
    with pytest.raises(SpectrumError, match=r"the energies .* run from"):
        read_bytes(f"# energy mu\n{table(np.column_stack([column[: mu.size], mu[:169]]))}".encode(), "x")


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("Energy (eV)", "energy"),
        ("energy_keV", "energy"),
        ("I0", "i0"),
        ("IT", "itrans"),
        ("FY_c", "ifluor"),
        ("Fe_Ka_mca12", "ifluor"),
        ("MCA1_FeKa", "ifluor"),
        ("OutputCount_mca1", "other"),
        ("Clock_mca1", "other"),
        ("µ(E)", "mu"),
        ("sample 7", ""),
        ("irefer", "irefer"),
        ("", ""),
    ],
)
def test_roles_of_labels(label: str, role: str) -> None:
    assert column_role(label)[0] == role


def test_reading_text_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); from xnet_onnx.readers import read; read(sys.argv[1]);"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLE)], capture_output=True, text=True, check=True
    )
    unwanted = {
        "h5py",
        "json",
        "gzip",
        "zlib",
        "subprocess",
        "csv",
        "glob",
        "onnxruntime",
        "click",
        "larch",
        "scipy",
    }
    assert not unwanted & set(done.stdout.split())
