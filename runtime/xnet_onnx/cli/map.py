"""``xnet-onnx map``."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from ..errors import XnetError
from ..threads import limit_threads
from ..wording import printable
from .options import (
    energy_shift_option,
    examples,
    force_option,
    level_option,
    model_option,
    normalized_option,
    threads_option,
)

__all__ = ["map_stack"]


@click.command(
    "map",
    epilog=examples(
        "xnet-onnx map stack.h5 --out maps.h5 --preview maps.png",
        "xnet-onnx map stack.tif --energy energies.txt --out maps.h5 --workers 4",
    ),
)
@click.argument("stack", metavar="STACK")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False), metavar="maps.h5", help="File to write."
)
@click.option("--preview", type=click.Path(dir_okay=False), metavar="OUT.png", help="Draw the maps.")
@click.option("--curves", is_flag=True, help="Keep G2 and its band in every pixel too.")
@click.option("--resume", is_flag=True, help="Go on where an earlier run ended.")
@click.option("--dataset", metavar="PATH", help="Data set of the stack in an HDF5 file.")
@click.option("--energy", metavar="PATH|FILE", help="Data set of the energies, or a text file, one a line.")
@click.option("--energy-axis", type=click.IntRange(0, 2), metavar="0|1|2", help="Axis that is the energy.")
@energy_shift_option
@click.option("--mask", metavar="PATH|FILE", help="Data set, .npy or TIFF: not zero where to leave out.")
@click.option(
    "--min-edge-step",
    type=click.FloatRange(0.0, 1.0),
    default=0.05,
    show_default=True,
    metavar="SHARE",
    help="Lowest edge that counts, as a share of the stack's.",
)
@normalized_option
@model_option
@level_option
@force_option
@threads_option("CPU threads of each process.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Share the work among N processes.")
@click.option("--scheduler", metavar="ADDRESS", help="Use the workers of a dask scheduler ([dask]).")
def map_stack(
    stack: str,
    out: str,
    preview: str | None,
    curves: bool,
    resume: bool,
    dataset: str | None,
    energy: str | None,
    energy_axis: int | None,
    energy_shift: float,
    mask: str | None,
    min_edge_step: float,
    normalized: bool,
    model: str | None,
    level: float,
    force: bool,
    threads: int,
    workers: int | None,
    scheduler: str | None,
) -> None:
    """Predict the first shell in every pixel of a STACK of images over energy.

    STACK is HDF5 (NeXus) or multi-page TIFF, of mu or what is proportional to it.
    """
    if workers is not None and scheduler is not None:
        raise click.UsageError("--workers and --scheduler exclude each other; choose one")
    limit_threads(threads)
    import shlex
    from pathlib import Path

    from ..bundle.load import load_bundle
    from ..maps.api import predict_map
    from ..maps.parts import Parts, parts_folder
    from ..maps.preview import plot_maps
    from ..maps.stack import StackChoice
    from ..output.figure import check_figure

    if preview is not None:
        check_figure(Path(preview))
    bar = _Bar()
    start = time.perf_counter()
    try:
        maps = predict_map(
            stack,
            choice=StackChoice(dataset, energy, energy_axis, mask, energy_shift),
            out=out,
            bundle=load_bundle(model),
            level=level,
            force=force,
            normalized=normalized,
            curves=curves,
            min_edge_step=min_edge_step,
            threads=threads,
            resume=resume,
            scheduler=scheduler,
            workers=workers,
            command=shlex.join(["xnet-onnx", *sys.argv[1:]]),
            progress=bar,
        )
    except KeyboardInterrupt:
        bar.close()
        folder = parts_folder(Path(out))
        kept = len(Parts(folder).done())
        click.echo(
            f"\nInterrupted: {kept} finished chunks are in {printable(str(folder))}; go on with --resume",
            err=True,
        )
        sys.exit(130)
    finally:
        bar.close()
    if maps.info.get("notes"):
        click.echo(f"note: {printable(str(maps.info['notes']))}", err=True)
    if preview is not None:
        plot_maps(maps, Path(preview))
    counts = ", ".join(f"{count} {name}" for name, count in maps.counts().items())
    rate = f"; {bar.done / (time.perf_counter() - start):.0f} spectra/s" if bar.done else ""
    click.echo(f"{maps.status.size} pixels: {counts}; maps in {printable(out)}{rate}", err=True)
    if bar.total == 0:
        click.echo("nothing was left to do", err=True)
    if not maps.counts().get("predicted") and not maps.counts().get("outside"):
        raise XnetError(f"no pixel could be predicted; look at status and step_estimate in {printable(out)}")


class _Bar:
    """A bar with rate and estimate on a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        self.done = 0
        self.total = -1
        self.start = time.perf_counter()
        self.bar: Any = None

    def __call__(self, pixels: int, total: int) -> None:
        if self.total < 0:
            self.total, self.start = total, time.perf_counter()
            if total and sys.stderr.isatty():
                self.bar = click.progressbar(
                    length=total,
                    label="predicting",
                    show_pos=True,
                    item_show_func=self._rate,
                    file=sys.stderr,
                )
                self.bar.render_progress()
        self.done += pixels
        if self.bar is not None and pixels:
            self.bar.update(pixels, self.done)

    def _rate(self, _done: Any) -> str | None:
        taken = time.perf_counter() - self.start
        return f"{self.done / taken:.0f} spectra/s" if self.done and taken > 0 else None

    def close(self) -> None:
        """End the line."""
        if self.bar is not None:
            self.bar.render_finish()
            self.bar = None
