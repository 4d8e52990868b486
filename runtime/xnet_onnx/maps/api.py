"""`predict_map`: a stack in, maps out, in memory or in a file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..bundle.load import Bundle, load_bundle
from ..errors import OutputError
from ..uncertainty.intervals import check_level
from .job import Job, Settings, bundle_hash, fingerprint, path_of
from .layout import CHUNK_PIXELS, Rectangle
from .local import run_local
from .output import check_output, fingerprint_of, info_of, read_maps, write_maps
from .parts import Parts, begin, claim
from .result import Arrays, Maps, empty
from .stack import BoolArray, Stack, StackChoice, array_stack, describe_stack
from .survey import survey
from .workers import Team, run_workers

__all__ = ["make_job", "predict_map"]

#: Takes the pixels done since the last call and how many are to do; the first call is (0, all).
Progress = Callable[[int, int], None]


def predict_map(
    source: str | Path | npt.NDArray[Any],
    *,
    energy: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    choice: StackChoice | None = None,
    out: str | Path | None = None,
    bundle: Bundle | None = None,
    level: float = 0.9,
    force: bool = False,
    normalized: bool = False,
    curves: bool = False,
    min_edge_step: float = 0.05,
    threads: int = 1,
    resume: bool = False,
    scheduler: str | None = None,
    workers: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Maps:
    """Predict the first shell in every pixel of a stack.

    Parameters
    ----------
    source : str, Path or ndarray
        A stack in HDF5 or TIFF, or an array of three axes: mu, or anything
        proportional to it, over energy, y and x.
    energy : array_like, shape (m,), optional
        Energies of an array, in eV or keV.
    mask : array_like, shape (rows, columns), optional
        Of an array: not zero where a pixel is left out.
    choice : StackChoice, optional
        What a file (or the shape of an array) does not say.
    out : str or Path, optional
        File to write; needed to resume, and for workers.
    bundle : Bundle, optional
        The shipped one by default.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    normalized : bool
        Take mu as normalised already.
    curves : bool
        Keep G2 and its band too.
    min_edge_step : float
        The lowest edge that counts, as a share of the stack's typical one.
    threads : int
        Threads inside one operator, in each process.
    resume : bool
        Go on with what an earlier run left beside `out`.
    scheduler : str, optional
        Address of a dask scheduler.
    workers : int, optional
        Processes to share the work among, on this machine.
    command : str
        The command line, for the record.
    progress : callable, optional
        Takes the pixels done since the last call and how many are to do.

    Returns
    -------
    Maps
        Without the curves where they were written to `out`.

    Raises
    ------
    ReadError, SpectrumError
        If the stack cannot be read, or is not of the bundle's edge.
    OutputError
        If the output cannot be written, or begun parts are of another job.
    MissingExtraError
        If h5py, tifffile or dask is needed and not installed.
    """
    settings = Settings(level, force, normalized, curves, threads, min_edge_step)

    def look() -> tuple[Job, Bundle]:
        return make_job(source, settings, energy=energy, mask=mask, choice=choice, bundle=bundle)

    report = progress or (lambda _done, _todo: None)
    if out is None:
        if scheduler is not None or workers is not None or resume:
            raise OutputError("workers and --resume need a file for the maps; expected one: give out")
        return _in_memory(*look(), report, command)
    path = Path(out)
    file = Path(source) if isinstance(source, str | Path) else None
    check_output(path, file)
    if (scheduler is not None or workers is not None) and file is None:
        raise OutputError("workers read the stack themselves; expected a file: write the array to one first")
    bundle = load_bundle() if bundle is None else bundle
    with claim(path) as parts, _team(parts, bundle, workers, threads) as team:
        job, bundle = look()
        if resume and not parts.done() and path.exists() and fingerprint_of(path) == fingerprint(job):
            report(0, 0)
            return read_maps(path)
        job = begin(parts, job, resume)
        _run(job, bundle, parts, report, scheduler, team)
        write_maps(path, parts.folder, bundle.r, command)
        parts.clear()
    return read_maps(path)


def _team(
    parts: Parts, bundle: Bundle, workers: int | None, threads: int
) -> AbstractContextManager[Team | None]:
    return nullcontext() if workers is None else Team(parts.folder.resolve(), bundle, workers, threads)


def _run(
    job: Job, bundle: Bundle, parts: Parts, report: Progress, scheduler: str | None, team: Team | None
) -> None:
    """Make the chunks that are not there, here or on workers."""
    slabs, done = job.slabs(), parts.done()
    pixels = (sum(area.size for number, area in slab.chunks if number not in done) for slab in slabs)
    todo = {index: count for index, count in enumerate(pixels) if count}
    total = sum(todo.values())
    report(0, total)
    if not todo:
        return

    def progress(pixels: int) -> None:
        report(pixels, total)

    if scheduler is not None:
        from .cluster import run_cluster

        run_cluster(str(parts.folder.resolve()), fingerprint(job), todo, scheduler, progress)
    elif team is not None:
        run_workers(team, todo, progress)
    else:
        run_local(
            job,
            bundle,
            [slabs[index] for index in todo],
            done.__contains__,
            lambda number, _area, arrays: parts.write(number, arrays),
            progress,
        )


def make_job(
    source: str | Path | npt.NDArray[Any],
    settings: Settings,
    *,
    energy: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    choice: StackChoice | None = None,
    bundle: Bundle | None = None,
) -> tuple[Job, Bundle]:
    """Look at a stack, and refuse it or say what is to be done.

    Parameters
    ----------
    source, energy, mask, choice, bundle
        As `predict_map`.
    settings : Settings

    Returns
    -------
    job : Job
    bundle : Bundle

    Raises
    ------
    ReadError, SpectrumError, BundleError, OutputError
        As `predict_map`.
    """
    bundle = load_bundle() if bundle is None else bundle
    if bundle.calibration is not None:
        check_level(bundle.calibration, settings.level)
    size = mtime = 0
    stack: Stack
    found: BoolArray | None
    if isinstance(source, str | Path):
        stack, found = describe_stack(source, choice)
        status = Path(source).stat()
        size, mtime = status.st_size, status.st_mtime_ns
    else:
        if energy is None:
            raise OutputError("an array has no energies; expected them as energy")
        stack, found = array_stack(energy, source, choice or StackChoice(), mask)
        size = source.nbytes
    job = Job(
        stack=stack,
        mask=found,
        bundle=path_of(bundle),
        bundle_title=bundle.title,
        bundle_sha256=bundle_hash(bundle),
        settings=settings,
        survey=survey(stack, found, bundle, settings.normalized),
        size=size,
        mtime_ns=mtime,
        chunk_pixels=CHUNK_PIXELS,
    )
    return job, bundle


def _in_memory(job: Job, bundle: Bundle, report: Progress, command: str) -> Maps:
    rows, columns = job.stack.image
    whole = empty((rows, columns), bundle.r.size if job.settings.curves else 0)

    def keep(_number: int, area: Rectangle, arrays: Arrays) -> None:
        for name, values in arrays.items():
            whole[name][area.rows, area.columns] = values.reshape(*area.shape, *values.shape[1:])

    report(0, rows * columns)
    run_local(
        job, bundle, job.slabs(), lambda _number: False, keep, lambda pixels: report(pixels, rows * columns)
    )
    return Maps(**whole, r=bundle.r, info=info_of(job, command))
