"""Spectra by FEFF10: the committed ones again, resuming, what is left out, the report."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_exporter.simulate import feff, parts, run, sets
from xnet_exporter.simulate.local import run_local
from xnet_exporter.simulate.recipe import Recipe, feff_input
from xnet_exporter.structures.cluster import Cluster, read_clusters, write_clusters
from xnet_onnx.cli import main
from xnet_onnx.errors import DataSetError, SimulationError, StructureError

from ..limits import ends
from .test_structures import octahedron

pytest.importorskip("feff10")

#: The smallest clusters of the committed set.
SMALL = ("built-22-1859", "built-22-431")


def arrays(folder: Path) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    with np.load(folder / "spectra.npz") as opened:
        return dict(opened)


def committed(training: Path, ids: tuple[str, ...]) -> list[Cluster]:
    found = read_clusters(training / "fe_k_feff10_v1" / "structures.extxyz.gz")
    return [item for item in found if isinstance(item, Cluster) and item.id in ids]


def fake_answer(folder: Path, key: str, error: str = "") -> None:
    """What FEFF would answer, without FEFF: an edge at 7120 eV whose shape depends on the structure."""
    request = json.loads((folder / f"{key}.request").read_text())
    energy = np.arange(7095.0, 7185.0, 0.5)
    size = len(request["numbers"])
    mu = 0.5 + np.arctan((energy - 7120) / 1.5) / np.pi + 0.1 * np.sin(energy / size)
    mu *= energy > 7100
    answer = {"id": request["id"], "energy": energy.tolist(), "mu": mu.tolist(), "atoms": size}
    (folder / f"{key}.answer").write_text(
        json.dumps({"id": request["id"], "error": error} if error else answer)
    )


@pytest.fixture
def without_feff(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers at once; the list of ids asked for."""
    asked: list[str] = []

    def run_local(folder, keys, workers, progress):  # type: ignore[no-untyped-def]
        for key in keys:
            identity = json.loads((folder / f"{key}.request").read_text())["id"]
            asked.append(identity)
            if identity == "interrupt":
                raise KeyboardInterrupt
            error = "FEFF failed: atomic: overlap" if identity == "fails" else ""
            fake_answer(folder, key, error)
            progress(key, error)

    monkeypatch.setattr(run, "run_local", run_local)
    return asked


def some(tmp_path: Path, *clusters: Cluster) -> Path:
    path = tmp_path / "some.extxyz"
    write_clusters(path, clusters)
    return path


def test_input_holds_one_potential_an_element() -> None:
    made = feff_input(octahedron(), Recipe(edge="K", scf_radius=3.0))
    lines = made.text.splitlines()
    assert made.atoms == made.scf_atoms == 7
    assert lines[lines.index("POTENTIALS") + 1 : lines.index("ATOMS")] == ["0 26 Fe 2 3 0.001", "1 8 O 1 2 6"]
    assert "SCF 3.005 1 30 0.2 1" in lines
    assert len(lines[lines.index("ATOMS") + 1 : lines.index("END")]) == 7


def test_the_largest_angular_momentum_can_be_given_and_sets_without_it_keep_their_hash(root: Path) -> None:
    lines = feff_input(octahedron(), Recipe(l_max=3)).text.splitlines()
    assert lines[lines.index("POTENTIALS") + 1 : lines.index("ATOMS")] == ["0 26 Fe 2 3 0.001", "1 8 O 1 3 6"]
    made = json.loads((next((root / "training").glob("ti_k_feff10_v*")) / "simulation.json").read_text())
    assert Recipe().sha256() == made["recipe_sha256"]
    assert Recipe(l_max=3).sha256() != Recipe().sha256()


def test_an_edge_out_of_reach_is_refused() -> None:
    with pytest.raises(SimulationError, match=r"no L3 edge of Fe between 4 and 14 keV \(known of Fe: K\)"):
        Recipe(edge="L3").edge_energy("Fe")


def test_a_set_is_made_added_to_and_read_by_train(tmp_path: Path, without_feff: list[str]) -> None:
    from xnet_exporter.data.sets import read_training_set

    out = tmp_path / "sets" / "fe_k"
    first = some(tmp_path, octahedron(), octahedron(26, 2.0, "fails"), octahedron(26, 2.1, "again"))
    summary = run.simulate(first, out)
    assert (summary.spectra, summary.added) == (1, 1)
    assert summary.left_out == {
        "again": "duplicate of six: the same composition and descriptor",
        "fails": "FEFF failed: atomic: overlap",
    }
    assert not parts.parts_folder(out).exists()
    second = some(tmp_path, octahedron(), octahedron(26, 2.0, "fails"), octahedron(26, 1.9, "short"))
    summary = run.simulate(second, out)
    assert without_feff == ["six", "fails", "short"]
    assert (summary.spectra, summary.added) == (2, 1)
    rows = read_training_set(out).rows
    assert [row.id for row in rows] == ["short", "six"]
    record = json.loads((out / "simulation.json").read_text())
    assert record["left_out"]["fails"] == "FEFF failed: atomic: overlap"
    assert record["recipe_sha256"] == Recipe().sha256()
    assert len(record["structures"]) == 2
    assert record["versions"]["feff10-rs"]


@pytest.mark.slow
def test_an_interrupted_run_goes_on(tmp_path: Path, without_feff: list[str]) -> None:
    out = tmp_path / "fe_k"
    path = some(tmp_path, octahedron(), octahedron(26, 2.0, "interrupt"), octahedron(26, 1.9, "short"))
    result = CliRunner().invoke(main, ["simulate", str(path), "--out", str(out)])
    assert result.exit_code == 1
    assert "interrupted; what is done is kept, go on with the same command" in result.stderr
    assert not out.exists()
    path.write_text(path.read_text().replace("id=interrupt", "id=good"))
    result = CliRunner().invoke(main, ["simulate", str(path), "--out", str(out), "--report"])
    assert result.exit_code == 0, result.output
    assert without_feff == ["six", "interrupt", "good", "short"]
    assert "3 Fe K spectra" in result.stdout
    page = (tmp_path / "fe_k.report.md").read_text()
    assert "| O | 6 | 3 | 2.00 (1.91 to 2.09) |" in page
    assert "4 O (0)" in page
    assert (tmp_path / "fe_k.report.png").read_bytes().startswith(b"\x89PNG")
    # The large set of iron was not made by this command, and is reported on all the same.
    (out / "simulation.json").unlink()
    result = CliRunner().invoke(main, ["simulate", "--out", str(out), "--report"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "fe_k.report.md").read_text() == page.replace(
        "0 structures were left out.", "What was left out is not recorded."
    )
    with pytest.raises(DataSetError, match="cannot be added to"):
        run.simulate(path, out)


def test_other_settings_are_not_mixed(tmp_path: Path, without_feff: list[str]) -> None:
    path = some(tmp_path, octahedron())
    run.simulate(path, tmp_path / "fe_k")
    with pytest.raises(SimulationError, match="made with other settings"):
        run.simulate(path, tmp_path / "fe_k", Recipe(fms_radius=5.0))
    parts.open_parts(tmp_path / "new", Recipe())
    with pytest.raises(SimulationError, match="begun with other settings"):
        run.simulate(path, tmp_path / "new", Recipe(fms_radius=5.0))


def test_two_runs_do_not_make_one_set(tmp_path: Path, without_feff: list[str]) -> None:
    path, out = some(tmp_path, octahedron()), tmp_path / "sets" / "fe_k"
    with parts.alone(out):
        result = CliRunner().invoke(main, ["simulate", str(path), "--out", str(out)])
    assert result.exit_code == 1
    assert "is being made by another process; wait until it has ended" in result.stderr
    assert not without_feff
    assert run.simulate(path, out).spectra == 1
    assert [item.name for item in out.parent.iterdir()] == ["fe_k"]


def test_what_cannot_be_used_is_named(tmp_path: Path, without_feff: list[str]) -> None:
    path = some(tmp_path, octahedron(), octahedron(25, 2.2, "manganese"), octahedron(26, 0.3, "dense"))
    summary = run.simulate(path, tmp_path / "fe_k")
    assert "the absorber is Mn, that of the set Fe" in summary.left_out["manganese"]
    assert "Angstrom apart" in summary.left_out["dense"]
    with pytest.raises(StructureError, match=r"holds no usable cluster; the first: dense: atoms"):
        run.simulate(some(tmp_path, octahedron(26, 0.3, "dense")), tmp_path / "none")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(DataSetError, match="holds files and no training set"):
        run.simulate(path, tmp_path / "full")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, m: (e, np.where(e > 7150, np.nan, m)), "not finite"),
        (lambda e, m: (e, m * 9), "not normalised"),
        (lambda e, m: (e[e < 7150], m[e < 7150]), "runs from 7095.0 to 7149.5 eV"),
    ],
)
def test_spectra_of_no_use_are_refused(change, message) -> None:  # type: ignore[no-untyped-def]
    from xnet_onnx.errors import XnetError

    energy = np.arange(7095.0, 7185.0, 0.5)
    mu = 0.5 + np.arctan((energy - 7120) / 1.5) / np.pi
    sets.check_spectrum(energy, mu)
    with pytest.raises(XnetError, match=message):
        sets.check_spectrum(*change(energy, mu))


def test_a_killed_calculation_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xnet_exporter.simulate.local as local

    calls: list[str] = []

    def work(folder: str, key: str, started: object) -> str:
        calls.append(key)
        if len(calls) == 1:
            raise parts.WorkerLostError("the process was ended by signal 9")
        return ""

    monkeypatch.setattr(local, "work", work)
    told: list[tuple[str, str]] = []
    run_local(tmp_path, ["a"], 1, lambda key, reason: told.append((key, reason)))
    assert calls == ["a", "a"]
    assert told == [("a", "")]


@pytest.mark.slow
def test_committed_spectra_are_reproduced(tmp_path: Path, root: Path) -> None:
    path = some(tmp_path, *committed(root / "training", SMALL))
    result = CliRunner().invoke(
        main, ["simulate", str(path), "--out", str(tmp_path / "fe_k"), "--workers", "2"]
    )
    assert result.exit_code == 0, result.output
    new, old = (arrays(folder) for folder in (tmp_path / "fe_k", root / "training" / "fe_k_feff10_v1"))
    rows = [old["id"].tolist().index(identity) for identity in new["id"].tolist()]
    assert len(rows) == len(SMALL)
    assert np.array_equal(new["energy"], old["energy"])
    both = np.isfinite(new["mu"]) & np.isfinite(old["mu"][rows])
    assert both.sum(axis=1).min() > 280
    assert np.abs(new["mu"] - old["mu"][rows])[both].max() < 0.005


@pytest.mark.slow
def test_potentials_that_do_not_converge_are_tried_again_gently(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    (cluster,) = committed(root / "training", SMALL[1:])
    few = Recipe(scf_iterations=5)
    energy, mu, atoms = feff.calculate(cluster, few, 600.0)
    assert atoms == len(cluster.numbers)
    usual = feff.calculate(cluster, Recipe(), 600.0)
    assert np.abs(np.interp(usual[0], energy, mu) - usual[1]).max() < 0.01
    monkeypatch.setattr(feff, "GENTLER", 1.0)
    monkeypatch.setattr(feff, "LONGER", 1)
    with pytest.raises(SimulationError, match="did not converge in 5 iterations"):
        feff.calculate(cluster, few, 600.0)


@pytest.mark.slow
def test_a_calculation_that_is_stopped_leaves_no_answer(tmp_path: Path, root: Path) -> None:
    """A killed process is told apart from a failure of FEFF, and its spectrum is asked again."""
    folder = parts.open_parts(tmp_path / "fe_k", Recipe())
    (cluster,) = committed(root / "training", SMALL[:1])
    parts.ask(folder, cluster, Recipe(), 600.0)
    key = parts.key_of(cluster.id)
    with pytest.raises(parts.WorkerLostError, match="signal 9"):
        parts.work(str(folder), key, parts.stop)
    assert not parts.has_answer(folder, key)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for the stage in /proc")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_a_stage_that_is_killed_is_no_failure_of_the_structure(
    by: signal.Signals, tmp_path: Path, root: Path
) -> None:
    """The system kills what takes most memory: the stage, not the process that waits for it."""
    folder = parts.open_parts(tmp_path / "fe_k", Recipe())
    (cluster,) = committed(root / "training", SMALL[:1])
    parts.ask(folder, cluster, Recipe(), 600.0)
    key = parts.key_of(cluster.id)

    def kill_stage(process: parts.Process) -> None:
        while process.poll() is None:
            for stage in stages_of(process.pid):
                os.kill(stage, by)
            time.sleep(0.05)

    def started(process: parts.Process) -> None:
        Thread(target=kill_stage, args=(process,)).start()

    with pytest.raises(parts.WorkerLostError, match="FEFF was killed"):
        parts.work(str(folder), key, started)
    assert not parts.has_answer(folder, key)


def stages_of(session: int) -> list[int]:
    """Processes of FEFF's stages in a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (
                b"feff10._worker" in (entry / "cmdline").read_bytes()
                and os.getsid(int(entry.name)) == session
            ):
                found.append(int(entry.name))
    return found


def test_dask_workers_answer_the_same_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task is a folder and a key; a worker that loses its process is given the task again."""
    distributed = pytest.importorskip("distributed")
    from xnet_exporter.simulate import cluster

    folder = parts.open_parts(tmp_path / "fe_k", Recipe())
    items = [octahedron(), octahedron(26, 1.9, "lost")]
    for item in items:
        parts.ask(folder, item, Recipe(), 60.0)
    keys = [parts.key_of(item.id) for item in items]
    lost = keys[1]

    def work(place: str, key: str) -> str:
        begun = Path(place) / "begun"
        if key == lost and not begun.exists():
            begun.touch()
            raise parts.WorkerLostError("the process was ended by signal 9")
        fake_answer(Path(place), key)
        return ""

    monkeypatch.setattr(cluster, "work", work)
    told: list[str] = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        cluster.run_cluster(folder, keys, local.scheduler_address, lambda key, reason: told.append(key))
    assert sorted(told) == sorted(keys)
    assert (folder / "begun").exists()
    assert all(parts.has_answer(folder, key) for key in keys)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_dask_worker_that_is_killed_loses_no_spectrum(tmp_path: Path, root: Path) -> None:
    """A real worker process, killed while FEFF runs below it; the nanny starts another."""
    distributed = pytest.importorskip("distributed")
    psutil = pytest.importorskip("psutil")
    clusters = committed(root / "training", SMALL)
    path = some(tmp_path, *clusters)
    killed: list[int] = []

    def kill_one_at_work() -> None:
        while not killed:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    is_worker = any("spawn_main" in word for word in child.cmdline())
                    if is_worker and any(
                        "xnet_exporter.simulate.feff" in one.cmdline() for one in child.children()
                    ):
                        child.kill()
                        killed.append(child.pid)
                        return
            time.sleep(0.05)

    with (
        ends(240),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as local,
    ):
        killer = Thread(target=kill_one_at_work, daemon=True)
        killer.start()
        done = run.simulate(path, tmp_path / "fe_k", scheduler=local.scheduler_address)
        killer.join(10)
    assert len(killed) == 1
    assert done.added == len(clusters) == 2
    assert done.left_out == {}
    assert sorted(arrays(tmp_path / "fe_k")["id"].tolist()) == sorted(SMALL)


def test_a_scheduler_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    from xnet_onnx.errors import XnetError
    from xnet_onnx.maps import cluster as maps_cluster

    monkeypatch.setattr(maps_cluster, "ANSWER_LIMIT", 1)
    with pytest.raises(XnetError, match=r"no dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        run.simulate(some(tmp_path, octahedron()), tmp_path / "fe_k", scheduler="tcp://127.0.0.1:9")
