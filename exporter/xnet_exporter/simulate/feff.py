"""One spectrum by FEFF10, and the program that computes it in a process of its own.

``python -m xnet_exporter.simulate.feff`` reads a request (JSON) on stdin and writes the answer to the file
named in it. Computing apart keeps FEFF's prints, crashes and threads away from the caller, and lets a
calculation be stopped with all its stages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from xnet_onnx.errors import SimulationError
from xnet_onnx.spectrum import FloatArray

from ..structures.cluster import Cluster
from .recipe import FeffInput, Recipe, feff_input

__all__ = ["KILLED", "calculate", "request_text"]

#: Exit status where a stage was ended from outside, as for want of memory or at a shutdown: no answer is
#: written, for it says nothing of the structure. (EX_TEMPFAIL of sysexits.h.)
KILLED = 75

#: After atomic: potentials are made with work arrays cut to the cluster of the self-consistency.
BEFORE, SCF, AFTER = (
    ("rdinp", "atomic"),
    ("pot",),
    ("screen", "xsph", "fms", "mkgtr", "path", "genfmt", "ff2x"),
)
#: Potentials that do not converge are tried once more, with this share of the mixing and so many times the
#: iterations: slower where the first attempt converges, and most that do not then do.
GENTLER, LONGER = 0.25, 2


class StageKilledError(Exception):
    """A stage of FEFF was killed or terminated."""


def calculate(cluster: Cluster, recipe: Recipe, timeout: float) -> tuple[FloatArray, FloatArray, int]:
    """Calculate one spectrum.

    Two things make it several times faster than FEFF's defaults with the same result: l up to 2 in the
    self-consistency, and its work arrays cut to the atoms that it needs.

    Parameters
    ----------
    cluster : Cluster
    recipe : Recipe
    timeout : float
        Seconds that each stage may take.

    Returns
    -------
    energy, mu : ndarray of float64
        In eV on FEFF's own scale; normalised.
    atoms : int
        How many counted.

    Raises
    ------
    SimulationError
        If a stage fails, or the potentials do not converge in two attempts.
    StageKilledError
        If a stage was killed.
    """
    import feff10

    stages = {stage.executable_name: stage for stage in feff10.Stage.all()}
    gentler = replace(
        recipe, scf_mixing=GENTLER * recipe.scf_mixing, scf_iterations=LONGER * recipe.scf_iterations
    )
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="xnet-feff-", dir=memory if os.access(memory, os.W_OK) else None))

    def run(made: FeffInput, names: tuple[str, ...]) -> None:
        chosen = [stages[name] for name in names]
        config = feff10.FeffConfig(str(folder), feff10.FeffInput.parse(made.text), chosen, timeout)
        try:
            feff10.FeffPipeline(config).run()
        except feff10.FeffError as error:
            reason = " ".join(str(error).split())
            if re.search(r"exited with signal: (9|15)\b", reason):
                raise StageKilledError(reason) from error
            raise SimulationError(f"FEFF failed: {reason[:200]}") from error

    def converge(settings: Recipe) -> FeffInput:
        made = feff_input(cluster, settings)
        (folder / "feff.inp").write_text(made.text)
        run(made, BEFORE)
        dimensions = folder / ".dimensions.dat"
        full = dimensions.read_text()
        sizes = full.split()
        cut = [str(min(int(sizes[0]), made.scf_atoms + 1)), str(min(int(sizes[1]), 2)), *sizes[2:]]
        dimensions.write_text(" ".join(cut) + "\n")
        run(made, SCF)
        if "Convergence reached" not in (folder / "log1.dat").read_text(errors="replace"):
            raise SimulationError(
                f"the self-consistent potentials did not converge in {settings.scf_iterations} iterations"
            )
        dimensions.write_text(full)
        return made

    try:
        try:
            made = converge(recipe)
        except SimulationError:
            made = converge(gentler)
        run(made, AFTER)
        table = np.loadtxt(folder / "xmu.dat", ndmin=2)
    except (OSError, ValueError, IndexError) as error:
        raise SimulationError(f"FEFF left no usable result ({error})") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return table[:, 0], table[:, 3], made.atoms


def request_text(cluster: Cluster, recipe: Recipe, timeout: float, answer: Path) -> str:
    """What the program reads on stdin.

    Parameters
    ----------
    cluster : Cluster
    recipe : Recipe
    timeout : float
        Seconds that each stage may take.
    answer : Path
        File for the answer.

    Returns
    -------
    str
        JSON.
    """
    return json.dumps(
        {
            "id": cluster.id,
            "source": cluster.source,
            "name": cluster.name,
            "numbers": cluster.numbers.tolist(),
            "positions": cluster.positions.tolist(),
            "recipe": asdict(recipe),
            "timeout": timeout,
            "answer": str(answer),
        }
    )


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    recipe = dict(request["recipe"])
    for name in ("scf_tolerance", "energy_mesh"):
        recipe[name] = tuple(recipe[name])
    numbers = np.array(request["numbers"], dtype=np.int64)
    positions = np.array(request["positions"], dtype=np.float64)
    cluster = Cluster(request["id"], request["source"], request["name"], numbers, positions)
    try:
        energy, mu, atoms = calculate(cluster, Recipe(**recipe), request["timeout"])
    except SimulationError as error:
        return {"id": cluster.id, "error": str(error)}
    return {
        "id": cluster.id,
        "energy": np.round(energy, 4).tolist(),
        "mu": np.round(mu, 6).tolist(),
        "atoms": atoms,
    }


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    target = Path(asked["answer"])
    partial = target.with_suffix(".partial")
    try:
        partial.write_text(json.dumps(_answer(asked)))
    except StageKilledError:
        sys.exit(KILLED)
    partial.replace(target)
