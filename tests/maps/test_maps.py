"""Maps: stacks of images over energy, in every form we read."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import xnet_onnx
from xnet_onnx.bundle.load import load_bundle
from xnet_onnx.cli import main
from xnet_onnx.errors import CoverageError, EdgeError, ElementError, OutputError, ReadError, SpectrumError
from xnet_onnx.maps import Maps, StackChoice, predict_map, read_maps
from xnet_onnx.maps import api as maps_api
from xnet_onnx.maps.layout import cut
from xnet_onnx.maps.result import CONFIDENCE, FIELDS, STATUS
from xnet_onnx.maps.stack import array_stack, describe_stack, energy_axis_of, reading, spectra_of
from xnet_onnx.readers import child

from ..synthetic import scan, step
from .stacks import COLUMNS, CONSTANT, EMPTY, MASKED, NAN, ROWS, cube, hdf5, mask, nexus

h5py = pytest.importorskip("h5py")
tifffile = pytest.importorskip("tifffile")

CRASHERS = Path(__file__).parent / "crashers"
NO_SAMPLE = {NAN: "dead", CONSTANT: "dead", EMPTY: "no edge"}


def same(one: Maps, other: Maps, names: tuple[str, ...] = tuple(FIELDS)) -> None:
    for name in names:
        left, right = getattr(one, name), getattr(other, name)
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes(), name


@pytest.fixture(scope="module")
def expected() -> Maps:
    energy, stack = cube()
    return predict_map(stack, energy=energy, choice=StackChoice(energy_axis=2), curves=True)


def test_pixels_are_predicted_as_spectra_are(expected: Maps) -> None:
    energy, stack = cube()
    for pixel in ((0, 2), (3, 3), (5, 4)):
        alone = xnet_onnx.predict(energy, stack[pixel].astype(np.float64))
        assert alone.first_shell is not None
        assert alone.confidence is not None
        assert expected.first_shell[pixel] == pytest.approx(alone.first_shell.r, abs=1e-4)
        assert expected.first_shell_lower[pixel] == pytest.approx(alone.first_shell.lower, abs=1e-4)
        assert expected.first_shell_upper[pixel] == pytest.approx(alone.first_shell.upper, abs=1e-4)
        assert expected.confidence[pixel] == CONFIDENCE[alone.confidence.verdict]
        assert expected.edge_step[pixel] == pytest.approx(alone.preprocessing["edge_step"], rel=1e-6)
        assert expected.e0[pixel] == pytest.approx(alone.preprocessing["e0"], abs=1e-3)
        assert expected.edge_position[pixel] == pytest.approx(alone.preprocessing["edge_position"], abs=1e-3)
        assert expected.g2_mean is not None
        assert expected.g2_lower is not None
        assert np.allclose(expected.g2_mean[pixel], alone.mean, atol=1e-4)
        assert np.allclose(expected.g2_lower[pixel], alone.lower, atol=1e-4)


def test_pixels_without_sample_have_no_distance(expected: Maps) -> None:
    for pixel, status in NO_SAMPLE.items():
        assert expected.status[pixel] == STATUS[status]
        assert np.isnan(expected.first_shell[pixel])
        assert np.isnan(expected.edge_step[pixel])
        assert expected.confidence[pixel] == CONFIDENCE["none"]
    others = np.ones((ROWS, COLUMNS), bool)
    for pixel in NO_SAMPLE:
        others[pixel] = False
    assert set(expected.status[others].tolist()) == {STATUS["predicted"]}
    assert expected.counts() == {"predicted": ROWS * COLUMNS - 3, "no edge": 1, "dead": 2}


@pytest.mark.parametrize(
    ("order", "options"),
    [
        ((2, 0, 1), {}),
        ((0, 1, 2), {}),
        ((0, 2, 1), {}),
        ((2, 0, 1), {"chunks": (1, ROWS, COLUMNS), "compression": "gzip"}),
        ((0, 1, 2), {"chunks": (4, 2, 50), "compression": "gzip", "shuffle": True}),
    ],
)
def test_hdf5(tmp_path: Path, expected: Maps, order: tuple[int, ...], options: dict) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy, stack.transpose(order), **options)
    same(predict_map(path), expected)


def test_nexus_says_which_array_and_which_axis(tmp_path: Path) -> None:
    energy, stack = cube()
    square = np.repeat(np.repeat(stack, 30, axis=0), 30, axis=1)[: energy.size, :1]
    path = nexus(tmp_path / "stack.nxs", energy, square, ["y", "x", "photon_energy"])
    found, _ = describe_stack(path)
    assert (found.dataset, found.energy_axis) == ("/entry/plot/absorbance", 2)
    assert found.image == (energy.size, 1)


@pytest.mark.slow
def test_tiff(tmp_path: Path, expected: Maps) -> None:
    energy, stack = cube()
    (tmp_path / "energies.txt").write_text("# eV\n" + "\n".join(f"{value:.6f}" for value in energy))
    choice = StackChoice(energy=str(tmp_path / "energies.txt"))
    for name, options in (
        ("plain", {}),
        ("big", {"byteorder": ">"}),
        ("deflate", {"compression": "zlib", "rowsperstrip": 4}),
        ("pages", {"contiguous": False}),
    ):
        path = tmp_path / f"{name}.tif"
        with tifffile.TiffWriter(path, byteorder=options.pop("byteorder", None)) as file:
            for image in stack.transpose(2, 0, 1):
                file.write(image, photometric="minisblack", **options)
        same(predict_map(path, choice=choice), expected)


@pytest.mark.slow
def test_energies_in_kev_from_the_end_and_repeated(tmp_path: Path, expected: Maps) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "down.h5", energy[::-1] / 1e3, stack[:, :, ::-1], unit="keV")
    found, _ = describe_stack(path)
    assert np.allclose(found.energy, energy)
    assert "decrease" in found.notes[-1]
    assert "keV" in found.notes[0]
    same(predict_map(path), expected, ("status", "confidence"))
    assert np.allclose(predict_map(path).first_shell, expected.first_shell, equal_nan=True, atol=1e-4)

    twice = np.sort(np.concatenate([energy, energy[:3]]))
    place = np.searchsorted(energy, twice)
    both, _ = array_stack(twice, stack[:, :, place], StackChoice())
    with reading(both) as read:
        mu = spectra_of(read(slice(2, 3), slice(0, 2)), both)
    assert np.allclose(mu, stack[2, 0:2])
    assert "averaged" in both.notes[0]


@pytest.mark.slow
def test_mask(tmp_path: Path, expected: Maps) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy, stack)
    np.save(tmp_path / "mask.npy", mask())
    tifffile.imwrite(tmp_path / "mask.tif", mask())
    for name in ("bad", str(tmp_path / "mask.npy"), str(tmp_path / "mask.tif")):
        found = predict_map(path, choice=StackChoice(mask=name))
        assert found.status[MASKED] == STATUS["masked"]
        assert np.isnan(found.first_shell[MASKED])
        assert found.counts()["masked"] == 1
        assert found.first_shell[4, 4] == expected.first_shell[4, 4]
    np.save(tmp_path / "mask.npy", np.zeros((2, 2)))
    with pytest.raises(ReadError, match=r"the mask is 2 x 2"):
        predict_map(path, choice=StackChoice(mask=str(tmp_path / "mask.npy")))
    with pytest.raises(ReadError, match=r"no data set of the stack"):
        predict_map(path, choice=StackChoice(mask="nowhere"))


def test_outside_pixels_have_no_distance_unless_forced() -> None:
    energy, stack = cube()
    # A wave that no compound makes; one row is left as it was.
    above = np.clip(energy - 7128.0, 0.0, None)
    flat = stack.copy()
    flat[1:] = step(energy, 7121.0) + 0.25 * np.sin(above / 2.0)
    flat[1:] += np.random.default_rng(3).normal(0.0, 0.002, flat[1:].shape)
    free, forced = (
        predict_map(flat, energy=energy, choice=StackChoice(energy_axis=2), curves=True, force=force)
        for force in (False, True)
    )
    outside = free.status == STATUS["outside"]
    assert outside.sum() > 10
    assert np.array_equal(outside, forced.status == STATUS["outside"])
    assert np.isnan(free.first_shell[outside]).all()
    assert free.g2_mean is not None
    assert np.isnan(free.g2_mean[outside]).all()
    assert np.isfinite(forced.first_shell[outside]).all()
    assert (free.confidence[outside] == CONFIDENCE["outside"]).all()
    assert (free.domain_score[outside] > 1.0).all()


def test_normalized_and_uncalibrated(bundle: xnet_onnx.Bundle) -> None:
    energy, stack = cube()
    below, above = stack[2:, 2:, :15].mean(axis=2), stack[2:, 2:, -20:].mean(axis=2)
    norm = (stack[2:, 2:] - below[..., None]) / (above - below)[..., None]
    bare = dataclasses.replace(bundle, calibration=None, domain=None)
    found = predict_map(
        norm, energy=energy, choice=StackChoice(energy_axis=2), normalized=True, bundle=bare, curves=True
    )
    assert found.counts() == {"predicted": norm.shape[0] * norm.shape[1]}
    assert (found.edge_step == 1.0).all()
    assert (found.confidence == CONFIDENCE["none"]).all()
    assert np.isfinite(found.first_shell).all()
    assert np.isnan(found.first_shell_lower).all()
    with pytest.raises(SpectrumError, match=r"normalised data start near 0"):
        predict_map(stack, energy=energy, choice=StackChoice(energy_axis=2), normalized=True)


@pytest.mark.slow
def test_the_file_is_nexus_and_reads_back(tmp_path: Path, expected: Maps) -> None:
    energy, stack = cube()
    out = tmp_path / "maps.h5"
    predict_map(hdf5(tmp_path / "stack.h5", energy, stack), out=out, curves=True)
    assert not list(tmp_path.glob("*.parts"))
    same(read_maps(out, curves=True), expected, (*FIELDS, "g2_mean", "g2_lower", "g2_upper"))
    with h5py.File(out) as file:
        data = file[file.attrs["default"]][file["entry"].attrs["default"]]
        assert data.attrs["NX_class"] == "NXdata"
        assert data[data.attrs["signal"]].attrs["units"] == "angstrom"
        assert list(data.attrs["axes"]) == ["y", "x"]
        assert "4 no edge" in data["status"].attrs["codes"]
        assert file["entry/curves/g2_mean"].shape == (ROWS, COLUMNS, expected.r.size)
        about = file["entry/process"].attrs
        assert about["bundle"] == load_bundle().title
        assert about["interval_level"] == 0.9
        assert about["stack_size_bytes"] == (tmp_path / "stack.h5").stat().st_size


# --- refusals -------------------------------------------------------------------------------------


def test_axis_that_cannot_be_told() -> None:
    assert energy_axis_of((6, 30, 5), 30, None) == 1
    assert energy_axis_of((30, 30, 5), 30, None, named=0) == 0
    with pytest.raises(ReadError, match=r"axes 0 and 2 can be the energy; say which with --energy-axis"):
        energy_axis_of((30, 5, 30), 30, None)
    with pytest.raises(ReadError, match=r"no|one axis of that length"):
        energy_axis_of((6, 7, 5), 30, None)
    with pytest.raises(ReadError, match=r"axis 1 of the stack"):
        energy_axis_of((30, 5, 30), 30, 1)


@pytest.mark.slow
def test_what_is_no_stack(tmp_path: Path) -> None:
    energy, stack = cube()
    (tmp_path / "text.txt").write_text("7000 1\n7001 2\n")
    with pytest.raises(ReadError, match=r"neither HDF5 nor TIFF"):
        predict_map(tmp_path / "text.txt")
    with pytest.raises(ReadError, match=r"cannot be opened"):
        predict_map(tmp_path / "nowhere.h5")
    with pytest.raises(ReadError, match=r"no array of three axes"):
        predict_map(hdf5(tmp_path / "flat.h5", energy, stack[0]))
    with h5py.File(tmp_path / "bare.h5", "w") as file:
        file["stack"] = stack
    with pytest.raises(ReadError, match=r"has no energies"):
        predict_map(tmp_path / "bare.h5")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["energy"], file["a"], file["b"] = energy, stack, stack
    with pytest.raises(ReadError, match=r"several stacks: /a .* choose one with --dataset"):
        predict_map(tmp_path / "two.h5")
    assert describe_stack(tmp_path / "two.h5", StackChoice(dataset="b"))[0].dataset == "/b"
    with pytest.raises(ReadError, match=r"holds no stack 'c'"):
        predict_map(tmp_path / "two.h5", choice=StackChoice(dataset="c"))
    tifffile.imwrite(tmp_path / "stack.tif", stack.transpose(2, 0, 1))
    with pytest.raises(ReadError, match=r"no energies; expected --energy FILE"):
        predict_map(tmp_path / "stack.tif")


def test_truncated_files(tmp_path: Path) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy, stack)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ReadError, match=r"damaged.*copy it again"):
        predict_map(path)
    (tmp_path / "e.txt").write_text("\n".join(map(str, energy)))
    tiff = tmp_path / "stack.tif"
    tifffile.imwrite(tiff, stack.transpose(2, 0, 1))
    tiff.write_bytes(tiff.read_bytes()[:10000])
    with pytest.raises(ReadError, match=r"copy it again"):
        predict_map(tiff, choice=StackChoice(energy=str(tmp_path / "e.txt")))


def test_data_in_other_files_is_not_followed(tmp_path: Path) -> None:
    energy, stack = cube()
    hdf5(tmp_path / "inner.h5", energy, stack)
    layout = h5py.VirtualLayout(stack.shape, "<f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "inner.h5"), "stack", stack.shape)
    with h5py.File(tmp_path / "outer.h5", "w") as file:
        file["energy"] = energy
        file.create_virtual_dataset("stack", layout)
    with pytest.raises(ReadError, match=r"virtual data set"):
        predict_map(tmp_path / "outer.h5")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name for path in CRASHERS.glob("hdf5-*")))
def test_what_makes_libhdf5_crash_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "TIME_LIMIT", 3)
    with pytest.raises(ReadError):
        predict_map(CRASHERS / name)


def made(e0: float, energy: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0.0, 0.002, (4, 4, energy.size))
    return step(energy, e0) + noise


@pytest.mark.slow
def test_another_edge_is_refused_once_and_before_the_work(tmp_path: Path) -> None:
    energy = np.arange(6100.0, 6480.0, 1.0)
    with pytest.raises(CoverageError, match=r"stops before the Mn K edge .*Nd L3 \(6208 eV\)"):
        predict_map(made(6210.0, energy), energy=energy)
    energy = scan(7112.0) - 7112.0 + 6977.0
    energy = np.concatenate([energy, np.arange(energy[-1] + 3.0, 7230.0, 3.0)])
    with pytest.raises(EdgeError, match=r"Eu L3"):
        predict_map(made(6980.0, energy), energy=energy)
    energy, stack = cube()
    path = nexus(tmp_path / "co.nxs", energy, stack, ["y", "x", "photon_energy"], element="Gd")
    with pytest.raises(ElementError, match=r"the spectrum is labelled element Gd"):
        predict_map(path, out=tmp_path / "maps.h5")
    assert [item.name for item in tmp_path.iterdir()] == ["co.nxs"]
    short = energy < 7150.0
    with pytest.raises(SpectrumError, match=r"mean spectrum"):
        predict_map(stack[:, :, short], energy=energy[short], choice=StackChoice(energy_axis=2))
    with pytest.raises(SpectrumError, match=r"every pixel looked at is masked"):
        predict_map(stack * np.nan, energy=energy, choice=StackChoice(energy_axis=2))
    with pytest.raises(SpectrumError):
        predict_map(3.0 - stack, energy=energy, choice=StackChoice(energy_axis=2))


def test_where_maps_cannot_be_written(tmp_path: Path) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy, stack)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"is the stack itself"):
        predict_map(path, out=path)
    other = tmp_path / "other.h5"
    other.write_bytes(before)
    with pytest.raises(OutputError, match=r"holds no maps of xnet-onnx"):
        predict_map(path, out=other)
    with pytest.raises(OutputError, match=r"cannot be written"):
        predict_map(path, out=tmp_path / "nowhere" / "maps.h5")
    assert path.read_bytes() == other.read_bytes() == before
    with pytest.raises(OutputError, match=r"need a file"):
        predict_map(path, workers=2)


def test_cli_errors_are_one_line(tmp_path: Path) -> None:
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy[:100], stack)
    for arguments, text in (
        ([str(path)], "has no energies: no array"),
        ([str(tmp_path / "nowhere.h5")], "cannot be opened"),
        ([str(path), "--preview", "figure.xyz"], "names no figure format"),
    ):
        done = CliRunner().invoke(main, ["map", *arguments, "--out", str(tmp_path / "maps.h5")])
        assert done.exit_code == 1
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
    done = CliRunner().invoke(main, ["map", str(path)])
    assert done.exit_code == 2


@pytest.mark.slow
def test_cli_and_preview(tmp_path: Path, expected: Maps) -> None:
    pytest.importorskip("matplotlib")
    energy, stack = cube()
    path = hdf5(tmp_path / "stack.h5", energy, stack.transpose(2, 0, 1))
    out, figure = tmp_path / "maps.h5", tmp_path / "maps.png"
    done = CliRunner().invoke(main, ["map", str(path), "--out", str(out), "--preview", str(figure)])
    assert done.exit_code == 0, done.output
    assert "30 pixels: 27 predicted, 1 no edge, 2 dead" in done.stderr
    assert done.stdout == ""
    assert figure.read_bytes().startswith(b"\x89PNG")
    same(read_maps(out), expected)
    again = CliRunner().invoke(main, ["map", str(path), "--out", str(out), "--resume"])
    assert again.exit_code == 0
    assert "nothing was left to do" in again.stderr


# --- interruption ---------------------------------------------------------------------------------


SLOW = """
import sys, time
import xnet_onnx.maps.api as api, xnet_onnx.maps.local as local, xnet_onnx.maps.workers as workers

from xnet_onnx.cli import main
api.CHUNK_PIXELS = 5
quick = local.evaluate
def slow(*arguments):
    time.sleep({delay})
    return quick(*arguments)
local.evaluate = slow
workers.COMMAND = [sys.executable, "-c", sys.orig_argv[2], "worker"]
if sys.argv[1] == "worker":
    del sys.argv[1]
    workers.main()
else:
    main(sys.argv[1:])
"""


#: A part being written has a hidden name, which "*" would find too.
FINISHED = "[0-9]*.npz"


def started(arguments: list[str], delay: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SLOW.format(delay=delay), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_parts(folder: Path, count: int) -> None:
    for _ in range(1000):
        if len(list(folder.glob(FINISHED))) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("no parts were written")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
@pytest.mark.parametrize("how", [getattr(signal, "SIGKILL", signal.SIGINT), signal.SIGINT])
def test_killed_and_resumed(
    tmp_path: Path, expected: Maps, how: signal.Signals, workers: tuple[str, ...]
) -> None:
    psutil = pytest.importorskip("psutil")
    energy, stack = cube()
    out = tmp_path / "maps.h5"
    stack_file = hdf5(tmp_path / "stack.h5", energy, stack)
    arguments = ["map", str(stack_file), "--out", str(out), "--curves", *workers]
    folder = tmp_path / "maps.h5.parts"
    process = started(arguments, 0.4)
    wait_for_parts(folder, 2)
    processes = psutil.Process(process.pid).children()
    assert len(processes) == (2 if workers else 0)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does
    else:
        os.kill(process.pid, how)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob(FINISHED)}
    assert 2 <= len(kept) < 6
    if how == signal.SIGINT:
        assert (
            said.strip() == f"Interrupted: {len(kept)} finished chunks are in {folder}; go on with --resume"
        )

    refused = started(arguments, 0.0)
    assert "go on with --resume, or delete the folder" in refused.communicate(timeout=60)[1]
    other = started([*arguments, "--resume", "--level", "0.8"], 0.0)
    assert "was begun differently: the level is 0.8, and was 0.9" in other.communicate(timeout=60)[1]
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob(FINISHED)} == kept

    done = started([*arguments, "--resume"], 0.0)
    said = done.communicate(timeout=60)[1]
    assert done.returncode == 0, said
    same(read_maps(out, curves=True), expected, (*FIELDS, "g2_mean", "g2_upper"))
    assert not folder.exists()


@pytest.mark.slow
def test_a_damaged_part_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: Maps
) -> None:
    monkeypatch.setattr(maps_api, "CHUNK_PIXELS", 5)
    energy, stack = cube()
    path, out = hdf5(tmp_path / "stack.h5", energy, stack), tmp_path / "maps.h5"

    def stop(done: int, _todo: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_map(path, out=out, progress=stop)
    (part,) = (tmp_path / "maps.h5.parts").glob(FINISHED)
    part.write_bytes(part.read_bytes()[:-200])
    with pytest.raises(ReadError, match=r"go on with --resume"):
        predict_map(path, out=out, resume=True)
    same(predict_map(path, out=out, resume=True), expected)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no limit on a file's size")
def test_full_disk(tmp_path: Path) -> None:
    energy, stack = cube()
    path, out = hdf5(tmp_path / "stack.h5", energy, stack), tmp_path / "maps.h5"
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000));"
        "from xnet_onnx.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "map", str(path), "--out", str(out), "--curves"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(item.name for item in tmp_path.iterdir()) in (["stack.h5"], ["maps.h5.parts", "stack.h5"])


def test_a_folder_of_the_user_is_left_alone(tmp_path: Path) -> None:
    energy, stack = cube()
    path, out = hdf5(tmp_path / "stack.h5", energy, stack), tmp_path / "z.h5"
    folder = tmp_path / "z.h5.parts"
    folder.mkdir()
    for resume in (False, True):
        with pytest.raises(OutputError, match=r"z\.h5\.parts is there and was not made by"):
            predict_map(path, out=out, resume=resume)
        assert folder.is_dir()
    mine = {"notes.txt": b"mine", "0000001.npz": b"mine too", "job.json": b"{}"}
    for name, data in mine.items():
        (folder / name).write_bytes(data)
    with pytest.raises(OutputError, match="was not made by"):
        predict_map(path, out=out)
    with pytest.raises(OutputError, match="was not made by"):
        predict_map(tmp_path / "nothing.h5", out=out)
    assert {item.name: item.read_bytes() for item in folder.iterdir()} == mine
    assert not out.exists()


@pytest.mark.slow
def test_files_put_into_our_folder_are_left(tmp_path: Path) -> None:
    energy, stack = cube()
    path, out = hdf5(tmp_path / "stack.h5", energy, stack), tmp_path / "z.h5"
    notes = tmp_path / "z.h5.parts" / "notes.txt"

    def write(_done: int, _todo: int) -> None:
        notes.write_text("mine")

    predict_map(path, out=out, progress=write)
    assert notes.read_text() == "mine"
    assert not list(notes.parent.glob("*.npz"))
    predict_map(path, out=out)
    assert notes.read_text() == "mine"
    notes.unlink()
    predict_map(path, out=out)
    assert not notes.parent.exists()


@pytest.mark.slow
def test_two_maps_to_one_output(tmp_path: Path, expected: Maps) -> None:
    energy, stack = cube()
    out = tmp_path / "maps.h5"
    path = hdf5(tmp_path / "stack.h5", energy, stack)
    first = started(["map", str(path), "--out", str(out)], 0.4)
    wait_for_parts(tmp_path / "maps.h5.parts", 1)
    for resume in (False, True):
        with pytest.raises(OutputError, match=r"another xnet-onnx map is at work on .*maps\.h5"):
            predict_map(path, out=out, resume=resume)
    assert first.communicate(timeout=60)[1].startswith("30 pixels")
    same(read_maps(out), expected)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["maps.h5", "stack.h5"]


# --- memory ---------------------------------------------------------------------------------------


def test_every_pixel_is_in_one_chunk_and_reads_are_bounded() -> None:
    energy, _ = cube()
    for image, footprint in (
        ((37, 41), None),
        ((37, 41), (8, 8)),
        ((37, 41), (37, 41)),
        ((3, 5000), None),
        ((1, 1), (1, 1)),
    ):
        values = np.zeros((*image, energy.size), np.float32)
        stack, _ = array_stack(energy, values, StackChoice(energy_axis=2))
        stack = dataclasses.replace(stack, footprint=footprint)
        limit = 400 * stack.pixel_bytes
        seen = np.zeros(image, int)
        numbers = []
        for slab in cut(stack, chunk_pixels=50, slab_bytes=limit):
            assert slab.area.size * stack.pixel_bytes <= limit or slab.area.shape[0] == 1
            for number, area in slab.chunks:
                numbers.append(number)
                seen[area.rows, area.columns] += 1
                assert area.size <= 50
        assert (seen == 1).all()
        assert numbers == list(range(len(numbers)))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no limit on data")
@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_memory_is_flat(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A stack of 260 MB, nearly all of it without sample, with 200 MB allowed beyond the imports."""
    energy, small = cube()
    path, out = tmp_path / "stack.h5", tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        file["energy"] = energy
        stack = file.create_dataset("stack", (energy.size, 680, 680), "<f4")
        for i in range(0, energy.size):
            image = np.zeros((680, 680), np.float32)
            image[300:306, 200:205] = small[:, :, i]
            stack[i] = image
        size = stack.nbytes
    limited = """
import resource, sys
from pathlib import Path
import h5py, onnxruntime, xnet_onnx.maps.api, xnet_onnx.maps.hdf5
taken = next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if "VmData" in l)
limit = taken * 1024 + 200 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

from xnet_onnx.cli import main
main(sys.argv[1:])
"""
    assert size > 200 * 2**20
    done = subprocess.run(
        [
            *(sys.executable, "-c", limited, "map", str(path), "--out", str(out)),
            *("--min-edge-step", "0.0", *workers),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert read_maps(out).counts()["predicted"] >= 20
