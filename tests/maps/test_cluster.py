"""Maps on dask workers: the same numbers, and nothing lost with a worker."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from xnet_onnx.errors import BundleError, ReadError, XnetError
from xnet_onnx.maps import Maps, predict_map
from xnet_onnx.maps import api as maps_api
from xnet_onnx.maps.cluster import work
from xnet_onnx.maps.job import Settings, cached_bundle, fingerprint, job_from_text, job_to_text
from xnet_onnx.maps.parts import begin, claim, open_parts
from xnet_onnx.maps.result import FIELDS

from .stacks import cube, hdf5, mask

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")

pytestmark = pytest.mark.slow


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(maps_api, "CHUNK_PIXELS", 5)
    energy, values = cube()
    np.save(tmp_path / "mask.npy", mask())
    return hdf5(tmp_path / "stack.h5", energy, values)


def equal(one: Maps, other: Maps) -> None:
    for name in (*FIELDS, "g2_mean"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is right is None) or left.tobytes() == right.tobytes(), name


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_two_workers_of_which_one_is_killed(tmp_path: Path, stack: Path) -> None:
    alone = predict_map(stack, out=tmp_path / "alone.h5")
    killed = []

    def kill(done: int, _todo: int) -> None:
        if done and not killed:
            workers = [
                child
                for child in psutil.Process().children(recursive=True)
                if any("spawn_main" in word for word in child.cmdline())
            ]
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR
    ) as cluster:
        together = predict_map(
            stack, out=tmp_path / "together.h5", scheduler=cluster.scheduler_address, progress=kill
        )
    assert killed
    equal(together, alone)
    assert not (tmp_path / "together.h5.parts").exists()


def test_a_task_needs_nothing_but_the_folder(tmp_path: Path, stack: Path) -> None:
    job, bundle = maps_api.make_job(stack, Settings(curves=True))
    with claim(tmp_path / "maps.h5") as parts:
        begin(parts, job, resume=False)
        first, *_ = job.slabs()
        assert work(str(parts.folder), fingerprint(job), 0) == first.area.size
        assert parts.done() == {number for number, _ in first.chunks}
        before = {number: (parts.folder / f"{number:07d}.npz").stat().st_mtime_ns for number in parts.done()}
        work(str(parts.folder), fingerprint(job), 0)
        assert {n: (parts.folder / f"{n:07d}.npz").stat().st_mtime_ns for n in parts.done()} == before
    _, again = open_parts(str(parts.folder))
    assert fingerprint(again) == fingerprint(job)
    assert fingerprint(job_from_text(job_to_text(job), None)) == fingerprint(job)
    assert cached_bundle(job.bundle, job.bundle_sha256) is cached_bundle(job.bundle, job.bundle_sha256)
    with pytest.raises(BundleError, match=r"is not the one the map was begun with"):
        cached_bundle(job.bundle, "0" * 64)
    with pytest.raises(ReadError, match=r"workers must see the same files"):
        work(str(tmp_path / "nowhere"), "", 0)
    assert bundle.title == job.bundle_title


def test_refusals(tmp_path: Path, stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xnet_onnx.maps import cluster

    monkeypatch.setattr(cluster, "ANSWER_LIMIT", 1)
    with pytest.raises(XnetError, match=r"no dask scheduler answers at 'tcp://127.0.0.1:1'"):
        predict_map(stack, out=tmp_path / "maps.h5", scheduler="tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(XnetError, match=r"xnet-onnx\[dask\]"):
        predict_map(stack, out=tmp_path / "maps.h5", scheduler="tcp://127.0.0.1:1", resume=True)
