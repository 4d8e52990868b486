"""Clusters in, a training set out."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xnet_onnx.errors import MissingExtraError, SimulationError, StructureError, XnetError

from ..structures.cluster import Cluster, Rejected, check_cluster, read_clusters
from .local import run_local
from .parts import alone, answers, ask, has_answer, key_of, open_parts
from .recipe import Recipe
from .sets import Calculated, Contents, Twins, calculated, read_set, write_set

__all__ = ["Summary", "simulate"]


@dataclass(frozen=True)
class Summary:
    """What a run has made.

    Parameters
    ----------
    element : str
    spectra : int
        In the set now.
    added : int
        Of these, by this run.
    by_source : dict of str to int
    left_out : dict of str to str
        Reason by id, of this run's structures.
    """

    element: str
    spectra: int
    added: int
    by_source: dict[str, int]
    left_out: dict[str, str]


def simulate(
    structures: Path,
    out: Path,
    recipe: Recipe | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    timeout: float = 600.0,
    begin: Callable[[int, int], None] = lambda todo, done: None,
    progress: Callable[[str, str], None] = lambda identity, reason: None,
) -> Summary:
    """Calculate the spectrum of every cluster in a file.

    Parameters
    ----------
    structures : Path
        Extended XYZ, such as ``xnet-onnx structures`` writes.
    out : Path
        Folder of the set; an interrupted run is gone on with, a finished set added to.
    recipe : Recipe, optional
    workers : int
        How many at once.
    scheduler : str, optional
        Address of a dask scheduler, whose workers calculate instead.
    timeout : float
        Seconds that each stage of FEFF may take.
    begin : callable
        Takes how many are to be calculated, and how many were before.
    progress : callable
        Takes each id that is done, and why there is no spectrum or "".

    Returns
    -------
    Summary

    Raises
    ------
    MissingExtraError
        If FEFF is not installed.
    XnetError
        If the structures cannot be read, or `out` holds something else.
    """
    if importlib.util.find_spec("feff10") is None:
        raise MissingExtraError('FEFF10 is not installed; install it with: pip install "xnet-onnx[simulate]"')
    recipe = Recipe() if recipe is None else recipe
    with alone(out):
        before = read_set(out)
        clusters, left_out = _accepted(structures, before)
        element = clusters[0].element if before is None else str(before.record["element"])
        edge = recipe.edge_energy(element)
        if before is not None and before.record["recipe_sha256"] != recipe.sha256():
            raise SimulationError(
                f"{out} was made with other settings; give the same ones, or another folder"
            )
        known: set[str] = set() if before is None else before.rows.keys() | before.record["left_out"].keys()
        folder = open_parts(out, recipe)
        wanted = [cluster for cluster in clusters if cluster.id not in known]
        for cluster in wanted:
            ask(folder, cluster, recipe, timeout)
        keys = {key_of(cluster.id): cluster.id for cluster in wanted}
        todo = [key for key in keys if not has_answer(folder, key)]
        begin(len(todo), len(clusters) - len(todo))

        def done(key: str, reason: str) -> None:
            progress(keys[key], reason)

        if scheduler is None:
            run_local(folder, todo, workers, done)
        else:
            from .cluster import run_cluster

            run_cluster(folder, todo, scheduler, done)
        return _finish(out, folder, element, edge, recipe, before, left_out, structures)


def _accepted(structures: Path, before: Contents | None) -> tuple[list[Cluster], dict[str, str]]:
    """Clusters that can be calculated, and the reasons for the others by id."""
    twins = Twins()
    seen: set[str] = set()
    element = None if before is None else before.record["element"]
    if before is not None:
        for row in before.rows.values():
            twins.of(row.cluster)
    accepted: list[Cluster] = []
    left_out: dict[str, str] = {}
    for item in read_clusters(structures):
        if item.id in seen:
            left_out[f"{item.id} (again)"] = "the id occurs twice; expected one for each structure"
            continue
        seen.add(item.id)
        try:
            if isinstance(item, Rejected):
                raise StructureError(item.reason)
            check_cluster(item)
            element = element or item.element
            if item.element != element:
                raise StructureError(
                    f"the absorber is {item.element}, that of the set {element}; expected one element a set"
                )
            twin = None if before is not None and item.id in before.rows else twins.of(item)
            if twin is not None:
                raise StructureError(f"duplicate of {twin}: the same composition and descriptor")
        except StructureError as error:
            left_out[item.id] = str(error)
            continue
        accepted.append(item)
    if not accepted:
        reason = next(iter(left_out.values()), "it holds no frame")
        raise StructureError(f"{structures} holds no usable cluster; the first: {reason}")
    return accepted, left_out


def _finish(
    out: Path,
    folder: Path,
    element: str,
    edge: float,
    recipe: Recipe,
    before: Contents | None,
    left_out: dict[str, str],
    structures: Path,
) -> Summary:
    """Pack what is answered and what was there before; delete the parts."""
    rows: dict[str, Calculated] = {} if before is None else dict(before.rows)
    earlier = len(rows)
    for request, answer in answers(folder):
        numbers = np.array(request["numbers"], dtype=np.int64)
        positions = np.array(request["positions"], dtype=np.float64)
        cluster = Cluster(request["id"], request["source"], request["name"], numbers, positions)
        item = calculated(cluster, answer, edge)
        if isinstance(item, str):
            left_out[cluster.id] = item
        else:
            rows[cluster.id] = item
    data = structures.read_bytes()
    entry: dict[str, Any] = {"name": structures.name, "sha256": hashlib.sha256(data).hexdigest()}
    listed = [] if before is None else list(before.record["structures"])
    if entry not in listed:
        listed.append(entry)
    everything = left_out if before is None else {**before.record["left_out"], **left_out}
    note = "" if before is None else str(before.record.get("note", ""))
    try:
        record = write_set(out, element, recipe, rows.values(), everything, listed, note)
    except XnetError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return Summary(element, record["spectra"], record["spectra"] - earlier, record["by_source"], left_out)
