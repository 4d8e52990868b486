"""Any bytes give a spectrum or one of our errors: no other exception, no hang, no more than 200 MB."""

import gzip
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xnet_onnx.errors import ReadError, XnetError
from xnet_onnx.readers import Choice, _spectra, _tables, read_bytes
from xnet_onnx.readers.absorption import to_spectrum
from xnet_onnx.readers.athena import parse_athena
from xnet_onnx.readers.columns import parse_columns
from xnet_onnx.readers.text import number, split_lines, unpack
from xnet_onnx.readers.xdi import parse_xdi
from xnet_onnx.spectrum import Spectrum

from ..limits import ends
from ..synthetic import ROOT, athena, athena_group, athena_json, scorodite_mu, table, xdi

ENERGY, MU = scorodite_mu()
SHORT = np.column_stack([ENERGY, MU])[::6]
SEEDS = {
    "xdi": xdi({"energy eV": SHORT[:, 0], "i0": SHORT[:, 1], "itrans": SHORT[:, 1]}),
    "columns": b"# Energy Io FY FY_c It\r\n" + table(np.repeat(SHORT, [1, 4], axis=1), ", ", "\r\n").encode(),
    "commas": table(SHORT, "\t", decimal=",").encode(),
    "perl": athena(athena_group("a'b", *SHORT.T, bkg_eshift="1.5")),
    "json": athena_json({"a": (*SHORT.T, {"bkg_eshift": "1"})}),
    "gzip": gzip.compress(b"# energy mu\n" + table(SHORT).encode()),
}
PARSERS = {
    "xdi": lambda data: [parse_xdi(data, "x")],
    "columns": lambda data: parse_columns(data, "x"),
    "athena": lambda data: parse_athena(data, "x"),
    "content": lambda data: _tables(data, "x"),
}


def survive(parse, data: bytes) -> None:
    """Read, take the rules over what was read, and allow our errors only."""
    try:
        tables = parse(data)
    except XnetError:
        return
    assert tables
    for found in tables:
        if isinstance(found, XnetError):
            continue
        for choice in (
            None,
            Choice(mu_column="ln(2/3)"),
            Choice(energy_column="1", mu_column="2", element="Fe"),
        ):
            try:
                spectrum = to_spectrum(found, choice)
            except XnetError:
                continue
            assert np.all(np.isfinite(spectrum.energy))
            assert np.all(np.isfinite(spectrum.mu))
            assert np.all(np.diff(spectrum.energy) > 0)


@st.composite
def damaged(draw: st.DrawFn, seed: str) -> bytes:
    """A good file with pieces replaced, repeated or cut out."""
    data = bytearray(SEEDS[seed])
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["replace", "repeat", "cut", "insert"]))
        piece = draw(
            st.binary(max_size=20)
            | st.sampled_from([b"\n", b"\r", b",", b"'", b"(", b"nan ", b"1e999", b"#", b"\\"])
        )
        if kind == "repeat":
            data[start:start] = data[start : start + length] * draw(st.integers(1, 50))
        elif kind == "insert":
            data[start:start] = piece
        else:
            data[start : start + length] = piece if kind == "replace" else b""
    return bytes(data)


@pytest.mark.parametrize("parser", PARSERS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")))
@example(data=b"")
@example(data=b"\x1f\x8b")
@example(data=b"# XDI/1.0\n")
@example(data=b"{")
@example(data=b"# Athena project file -- \n@x = (")
def test_any_bytes(parser: str, data: bytes) -> None:
    survive(PARSERS[parser], data)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files(seed: str, data: st.DataObject) -> None:
    survive(PARSERS["content"], data.draw(damaged(seed)))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.floats(6900, 7300), min_size=20, max_size=60, unique=True),
    separator=st.sampled_from([" ", "\t", ", ", ";"]),
    newline=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_what_is_written_is_read(rows: list[float], separator: str, newline: str) -> None:
    energy = np.sort(np.round(rows, 3))
    if np.any(np.diff(energy) <= 0):
        return
    mu = np.sin(energy)
    text = f"# energy{separator}mu{newline}" + newline.join(
        f"{float(e)!r}{separator}{float(m)!r}" for e, m in zip(energy, mu, strict=True)
    )
    spectrum = read_bytes(text.encode(), "x")
    np.testing.assert_array_equal(spectrum.energy, energy)
    np.testing.assert_array_equal(spectrum.mu, mu)


@settings(max_examples=200)
@given(data=st.binary(max_size=300))
def test_lines_are_those_of_the_three_line_ends(data: bytes) -> None:
    expected = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert len(list(split_lines(data))) == len(expected)


@given(word=st.text(max_size=80))
def test_numbers_are_decimal(word: str) -> None:
    value = number(word)
    if value is not None:
        assert word.isascii()
        assert "_" not in word


def test_numbers_of_fortran() -> None:
    assert number("1.25D+03") == 1250.0
    assert number("-.5d0") == -0.5
    assert number("1" * 65) is None
    assert number("dd") is None


# Limits ------------------------------------------------------------------------------------------


def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*(packer.compress(b"7000 1\n" * 150_000) for _ in range(200)), packer.flush()])


HOSTILE = {
    "gzip bomb": bomb,
    "a line of 30 MB": lambda: b"1 " * 15_000_000,
    "ten million columns": lambda: b"# energy mu\n" + b"1 " * 10_000_000 + b"\n",
    "many columns": lambda: (b"1 " * 5000 + b"\n") * 20,
    "many rows": lambda: b"7000 1\n" * 4_500_000,
    "many short lines": lambda: b"\n" * 30_000_000,
    "many comments": lambda: b"#\n" * 15_000_000,
    "many fields": lambda: b"# XDI/1.0\n" + b"# a.b: c\n" * 3_000_000,
    "many scans": lambda: b"#S 1\n7000 1\n" * 2_000_000,
    "too large": lambda: b"7000 1\n" * 5_000_000,
    "deep JSON": lambda: b'{"_____header1":' + b"[" * 90_000,
    "deep JSON objects": lambda: b'{"_____header1":' + b'{"a":' * 90_000,
    "wide JSON": lambda: b'{"_____header1":[' + b"[]," * 8_000_000 + b"[]]}",
    "JSON of numbers": lambda: (
        b'{"_____header1":1,"_____order":["a"],"a":{"x":[' + b"1.5," * 700_000 + b"1]}}"
    ),
    "a long JSON number": lambda: b'{"_____header1":1,"a":{"x":[' + b"9" * 1_000_000 + b"]}}",
    "deep Perl": lambda: b"# Athena project file -- \n@args = " + b"(" * 10_000_000,
    "Perl without an end": lambda: b"# Athena project file -- \n@x = ('" + b"1" * 30_000_000,
    "Perl of backslashes": lambda: b"# Athena project file -- \n@x = ('" + b"\\'" * 15_000_000,
    "Perl of numbers": lambda: b"# Athena project file -- \n@x = (" + b"1," * 15_000_000 + b");\n",
    "Perl of words": lambda: b"# Athena project file -- \n@args = (" + b"'a'," * 8_000_000 + b");\n",
    "Perl of groups": lambda: b"# Athena project file -- \n" + b"[record]\n" * 3_000_000,
    "a long word": lambda: b"7000 " + b"1" * 90_000 + b"\n7001 1\n",
    "quotes": lambda: b"'" * 30_000_000,
    "UTF-16": lambda: b"\xff\xfe" + "1 2\n".encode("utf-16-le") * 4_000_000,
    "wide letters": lambda: (
        ("# \U0001f600\n" + "7000 1\n" * 100).encode() + b"#" + "\U0001f600".encode() * 8_000_000
    ),
}


def first_error(data: bytes) -> None:
    """Raise the first error of a file."""
    for item in _spectra(_tables(data, "x"), None):
        if isinstance(item, XnetError):
            raise item


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_limits(name: str) -> None:
    data = HOSTILE[name]()
    with ends(), pytest.raises(XnetError):
        first_error(data)


CHILD = """
import sys
from xnet_onnx.errors import XnetError
from xnet_onnx.readers import read_all
try:
    for item in read_all(sys.argv[1]):
        pass
except XnetError as error:
    pass
# Not ru_maxrss, which a child takes over from its parent.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux only")
@pytest.mark.parametrize("name", HOSTILE)
def test_memory(name: str, tmp_path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(HOSTILE[name]())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 200 * 1024


@pytest.mark.slow
def test_hdf5_bombs(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = ENERGY
        made = file.create_dataset(
            "mu", shape=ENERGY.shape, dtype="f8", chunks=ENERGY.shape, compression="gzip"
        )
        made.id.write_direct_chunk((0,), zlib.compress(b"\0" * 3_000_000, 9))
    with pytest.raises(ReadError, match="unpacks to more than"):
        read_bytes(path.read_bytes(), "bomb.h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("energy", shape=(10**12,), dtype="f8", chunks=(10**4,), compression="gzip")
        file.create_dataset("mu", shape=(10**12,), dtype="f8", chunks=(10**4,), compression="gzip")
    with pytest.raises(ReadError, match=r"expected fewer|at most"):
        read_bytes(path.read_bytes(), "bomb.h5")
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(200):
            group = group.create_group("a")
        group["loop"] = h5py.SoftLink("/a")
        group["hard"] = file["a"]
    with pytest.raises(ReadError, match="no array of energies"):
        read_bytes(path.read_bytes(), "bomb.h5")


def test_a_hang_of_the_hdf5_library_is_ended(tmp_path, monkeypatch) -> None:
    pytest.importorskip("h5py")
    from xnet_onnx.readers import child

    monkeypatch.setattr(child, "TIME_LIMIT", 0.001)
    with pytest.raises(ReadError, match=r"not read within 0.001 s"):
        read_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 1000, "x.h5")


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "maps" / "crashers").iterdir()), ids=lambda path: path.name
)
def test_what_fuzzing_found(path, monkeypatch) -> None:
    """Inputs on which libhdf5 hangs, crashes or takes gigabytes: one of our errors, in time."""
    pytest.importorskip("h5py")
    from xnet_onnx.readers import child

    monkeypatch.setattr(child, "TIME_LIMIT", 3)
    with ends(), pytest.raises(ReadError):
        first_error(path.read_bytes())


@pytest.mark.slow
def test_gzip_is_followed_to_its_limit_only() -> None:
    assert unpack(gzip.compress(b"abc")) == b"abc"
    assert unpack(b"abc") == b"abc"
    with pytest.raises(ReadError, match="more than 32 MB"):
        unpack(bomb())


def test_names_in_projects_are_only_names() -> None:
    """No path in a project is followed, and no name breaks a line of output."""
    names = ["../../etc/passwd", "a\nb", "C:\\x", "\x1b[2Jx", "`rm`", "$(rm)", "@{[1]}"]
    found = _spectra(_tables(athena(*(athena_group(name, ENERGY, MU) for name in names)), "x"), None)
    assert len(found) == len(names)
    assert all(isinstance(item, Spectrum) and "\n" not in item.label for item in found)
