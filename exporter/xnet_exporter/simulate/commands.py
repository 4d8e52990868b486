"""``xnet-onnx structures`` and ``xnet-onnx simulate`` (extra ``[simulate]``)."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xnet_onnx.edges import as_element
from xnet_onnx.errors import MissingExtraError, StructureError, XnetError

if TYPE_CHECKING:
    from .recipe import Recipe

__all__ = ["simulate", "structures"]

#: What structures are drawn from, and the packages that each needs beside ASE.
DRAWN: dict[str, tuple[str, ...]] = {
    "minerals": ("pymatgen", "larixite"),
    "complexes": ("pymatgen", "rdkit"),
    "compounds": (),
    "salts": ("pymatgen", "rdkit"),
    "halides": ("pymatgen", "rdkit"),
}


def _require(command: str, *modules: str) -> None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"xnet-onnx {command} needs {', '.join(missing)}, which is not installed; install with: "
            'pip install "xnet-onnx[simulate]"'
        )


@click.command()
@click.option("--element", required=True, metavar="SYMBOL", help="The absorber.")
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    metavar="|".join([*DRAWN, "FILE"]),
    help=f"{', '.join(DRAWN)}, a file (CIF, POSCAR, xyz, extxyz) or a folder of files; may be repeated.",
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Clusters to draw from each source but files; of a file, all sites are taken.",
)
@click.option(
    "--coordination",
    type=click.IntRange(1, 12),
    help="Only sites with so many neighbours in the first shell.",
)
@click.option(
    "--neighbour", metavar="SYMBOL", help="Only sites whose first shell is of this element, or mostly."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of every random number."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="FILE.extxyz", help="File of clusters."
)
def structures(
    element: str,
    sources: tuple[str, ...],
    number: int,
    coordination: int | None,
    neighbour: str | None,
    seed: int,
    out: Path,
) -> None:
    """Make clusters around an absorber, for simulate."""
    symbol = as_element(element)
    if symbol is None:
        raise StructureError(f"--element {element} is no element; expected a symbol such as Fe")
    around = None if neighbour is None else as_element(neighbour)
    if neighbour is not None and around is None:
        raise StructureError(f"--neighbour {neighbour} is no element; expected a symbol such as O")
    drawn = [source for source in sources if source in DRAWN]
    files = _files([source for source in sources if source not in DRAWN])
    _require("structures", "ase", *dict.fromkeys(name for source in drawn for name in DRAWN[source]))
    from ..structures.cluster import Cluster, Rejected, Shell, write_clusters
    from ..structures.cutting import clusters_in_file
    from ..structures.draw import draw

    shell = Shell(coordination, around)
    clusters: list[Cluster] = []
    rejected: list[Rejected] = []
    for path in files:
        try:
            for item in clusters_in_file(path, symbol):
                if isinstance(item, Rejected):
                    rejected.append(item)
                elif shell.fits(item.neighbours):
                    clusters.append(item)
        except StructureError as error:
            rejected.append(Rejected(path.name, str(error)))
    for source in drawn:
        with click.progressbar(
            draw(symbol, source, number, seed, shell),
            length=number,
            label=source,
            file=sys.stderr,
        ) as found:
            clusters += list(found)
    for item in rejected:
        click.echo(f"left out: {item.id}: {' '.join(item.reason.split())}", err=True)
    if not clusters:
        raise StructureError(
            f"no cluster around {symbol}{shell.suffix} was found; {len(rejected)} structures were left out"
        )
    write_clusters(out, clusters)
    click.echo(f"{len(clusters)} clusters around {symbol} in {out}; {len(rejected)} structures left out")


def _files(sources: list[str]) -> list[Path]:
    """Files given, and those of folders given."""
    found = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            inside = sorted(
                item for item in path.iterdir() if item.is_file() and not item.name.startswith(".")
            )
            if not inside:
                raise StructureError(f"{path} holds no file; expected CIF, POSCAR, xyz or extxyz files")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise StructureError(
                f"--source {source} is neither a file nor a folder; expected one, or {', '.join(DRAWN)}"
            )
    return found


@click.command()
@click.argument("clusters", required=False, type=click.Path(path_type=Path), metavar="[FILE.extxyz]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="SET",
    help="Folder of the set; an interrupted run is gone on with, a finished set added to.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Calculations at once; one a core without it.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="A dask scheduler, whose workers calculate instead ([dask])."
)
@click.option("--edge", type=click.Choice(["K", "L1", "L2", "L3"]), default="K", show_default=True)
@click.option(
    "--scf-radius",
    type=click.FloatRange(2.0, 10.0),
    default=4.5,
    show_default=True,
    help="Of the self-consistent potentials, in Angstrom.",
)
@click.option(
    "--fms-radius",
    type=click.FloatRange(3.0, 10.0),
    default=6.0,
    show_default=True,
    help="Of the full multiple scattering, in Angstrom.",
)
@click.option(
    "--l-max",
    type=click.IntRange(2, 4),
    help="Largest angular momentum in the full multiple scattering, of every element but hydrogen.  "
    "[default: 3 for Sc to Zn, 2 for others]",
)
@click.option("--core-hole", type=click.Choice(["fsr", "rpa", "none"]), default="fsr", show_default=True)
@click.option(
    "--exchange",
    type=click.Choice(["hedin-lundqvist", "dirac-hara", "ground-state", "dirac-hara-broadened"]),
    default="hedin-lundqvist",
    show_default=True,
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    help="Seconds that each stage of a calculation may take.",
)
@click.option(
    "--report",
    is_flag=True,
    help="Write SET.report.md and a figure of what the set holds; alone, without computing.",
)
def simulate(
    clusters: Path | None,
    out: Path,
    workers: int | None,
    scheduler: str | None,
    edge: str,
    scf_radius: float,
    fms_radius: float,
    l_max: int | None,
    core_hole: str,
    exchange: str,
    timeout: float,
    report: bool,
) -> None:
    """Calculate the spectra of clusters with FEFF10: a set for train --data."""
    if clusters is None and not report:
        raise click.UsageError("give a file of clusters, or --report for a set that is there")
    _require("simulate", "ase", "tqdm")
    if clusters is not None:
        from .recipe import Recipe

        recipe = Recipe(
            edge=edge,
            scf_radius=scf_radius,
            fms_radius=fms_radius,
            core_hole=core_hole,
            exchange=exchange,
            l_max=l_max,
        )
        _run(clusters, out, recipe, workers or os.cpu_count() or 1, scheduler, timeout)
    if report:
        _require("simulate --report", "matplotlib")
        from .report import write_report
        from .sets import read_set

        contents = read_set(out, recorded=False)
        if contents is None:
            raise StructureError(
                f"{out} holds no set; expected a training set, such as xnet-onnx simulate makes"
            )
        page, _ = write_report(contents, out)
        click.echo(f"report in {page}")


def _run(
    clusters: Path, out: Path, recipe: Recipe, workers: int, scheduler: str | None, timeout: float
) -> None:
    from tqdm import tqdm

    from .run import simulate as run

    bar: Any = tqdm(total=0, unit="spectrum", disable=None)

    def begin(todo: int, before: int) -> None:
        bar.reset(todo)
        if before:
            bar.write(f"{before} of {before + todo} are there already", file=sys.stderr)

    def progress(identity: str, reason: str) -> None:
        if reason:
            bar.write(f"left out: {identity}: {reason}", file=sys.stderr)
        bar.update()

    try:
        with bar:
            done = run(
                clusters,
                out,
                recipe,
                workers=workers,
                scheduler=scheduler,
                timeout=timeout,
                begin=begin,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise XnetError(f"interrupted; what is done is kept, go on with the same command ({out})") from None
    sources = ", ".join(f"{count} {source}" for source, count in done.by_source.items())
    click.echo(
        f"{done.spectra} {done.element} {recipe.edge} spectra in {out} ({sources}), {done.added} new; "
        f"{len(done.left_out)} structures left out (reasons in {out / 'simulation.json'})"
    )
