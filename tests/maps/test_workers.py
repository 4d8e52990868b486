"""Maps by several processes: the same bytes, and a worker that dies costs the chunk it was at."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from xnet_onnx.errors import BundleError, OutputError, ReadError, XnetError
from xnet_onnx.maps import Maps, StackChoice, predict_map, workers
from xnet_onnx.maps import api as maps_api
from xnet_onnx.maps.result import CURVES, FIELDS

from .stacks import COLUMNS, ROWS, cube, hdf5, mask

pytest.importorskip("h5py")

CHUNK = 5
CHUNKS = ROWS * COLUMNS // CHUNK

#: A worker that notes each chunk it begins; then {what}.
NOTING = """
import os, signal, sys
from pathlib import Path
from xnet_onnx.errors import ReadError
from xnet_onnx.maps import local, workers

notes = Path(sys.argv[1]).parent / "begun"
quick = local.evaluate

def noted(*arguments):
    with notes.open("a") as file:
        file.write("-")
    begun = notes.stat().st_size
    {what}
    return quick(*arguments)

local.evaluate = noted
workers.main()
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maps_api, "CHUNK_PIXELS", CHUNK)
    energy, values = cube()
    np.save(tmp_path / "mask.npy", mask())
    return hdf5(tmp_path / "stack.h5", energy, values)


def predicted(stack: Path, out: str, **options: object) -> Maps:
    choice = StackChoice(mask=str(stack.with_name("mask.npy")))
    maps = predict_map(stack, out=stack.with_name(out), choice=choice, curves=True, **options)  # type: ignore[arg-type]
    with_curves = maps_api.read_maps(stack.with_name(out), curves=True)
    assert not stack.with_name(out + ".parts").exists()
    assert maps.status.tobytes() == with_curves.status.tobytes()
    return with_curves


def same(one: Maps, other: Maps) -> None:
    for name in (*FIELDS, *CURVES):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def workers_that(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(workers, "COMMAND", [sys.executable, "-c", NOTING.format(what=what)])


@pytest.mark.slow
def test_one_or_two_workers_give_the_same_bytes(stack: Path) -> None:
    alone = predicted(stack, "alone.h5")
    for count in (1, 2):
        done: list[int] = []
        found = predicted(
            stack, f"{count}.h5", workers=count, progress=lambda pixels, _todo, done=done: done.append(pixels)
        )
        same(found, alone)
        assert done[0] == 0
        assert done[1:] == [CHUNK] * CHUNKS


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("count", [1, 2])
def test_a_worker_that_is_killed_costs_its_chunk_alone(
    stack: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    workers_that(monkeypatch, "if begun == 3: os.kill(os.getpid(), signal.SIGKILL)")
    done: list[int] = []
    found = predicted(stack, "killed.h5", workers=count, progress=lambda pixels, _todo: done.append(pixels))
    assert stack.with_name("begun").stat().st_size == CHUNKS + 1
    assert sum(done) == ROWS * COLUMNS
    same(found, predicted(stack, "alone.h5"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_what_kills_every_worker_is_given_up_and_resumed(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers_that(monkeypatch, "if begun > 3: os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(XnetError, match=r"3 workers died at one piece of the stack; .* fewer --workers"):
        predicted(stack, "maps.h5", workers=1)
    assert stack.with_name("begun").stat().st_size == 3 + workers.ATTEMPTS
    assert len(list(stack.with_name("maps.h5.parts").glob("[0-9]*.npz"))) == 3
    monkeypatch.undo()
    monkeypatch.setattr(maps_api, "CHUNK_PIXELS", CHUNK)
    same(predicted(stack, "maps.h5", workers=2, resume=True), predicted(stack, "alone.h5"))


@pytest.mark.slow
def test_what_a_worker_raises_is_raised_here(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers_that(monkeypatch, "raise ReadError('gone')")
    with pytest.raises(ReadError, match=r"^gone$"):
        predicted(stack, "maps.h5", workers=2)
    workers_that(monkeypatch, "raise ValueError('odd')")
    with pytest.raises(XnetError, match=r"a worker failed \(ValueError: odd\); .*--resume"):
        predicted(stack, "maps.h5", workers=2, resume=True)


@pytest.mark.slow
def test_what_a_worker_says_before_it_is_asked_is_raised_too(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = "from xnet_onnx.maps import workers; workers._say(['BundleError', 'another bundle'])"
    monkeypatch.setattr(workers, "COMMAND", [sys.executable, "-c", say])
    with pytest.raises(BundleError, match=r"^another bundle$"):
        predicted(stack, "maps.h5", workers=1)


def test_more_workers_than_the_system_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "COMMAND", [str(tmp_path / "nothing")])
    with pytest.raises(XnetError, match=r"the system starts 0 workers and not 2 \(.*\); take fewer"):
        predict_map(tmp_path / "stack.h5", out=tmp_path / "maps.h5", workers=2)
    assert list(tmp_path.iterdir()) == []


def test_workers_need_a_file(tmp_path: Path) -> None:
    energy, values = cube()
    with pytest.raises(OutputError, match=r"expected a file: write the array to one first"):
        predict_map(values.transpose(2, 0, 1), energy=energy, out=tmp_path / "maps.h5", workers=2)
