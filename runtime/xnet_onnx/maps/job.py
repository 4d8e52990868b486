"""The whole job as data: what a worker needs, and what must be the same to go on with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle.load import Bundle, load_bundle
from ..errors import BundleError, ReadError
from .layout import CHUNK_PIXELS, SLAB_BYTES, Slab, cut
from .stack import BoolArray, Stack
from .survey import Survey

__all__ = ["Job", "Settings", "bundle_hash", "cached_bundle", "fingerprint", "job_from_text", "job_to_text"]

FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """Options of a map.

    Parameters
    ----------
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    normalized : bool
        Take mu as normalised already.
    curves : bool
        Keep the curves.
    threads : int
        Threads inside one operator, in each process.
    min_edge_step : float
        The lowest edge that counts, as a share of the stack's typical one.
    """

    level: float = 0.9
    force: bool = False
    normalized: bool = False
    curves: bool = False
    threads: int = 1
    min_edge_step: float = 0.05


@dataclass(frozen=True, eq=False)
class Job:
    """A stack, a bundle, the options, and what the survey found."""

    stack: Stack
    mask: BoolArray | None
    bundle: str
    bundle_title: str
    bundle_sha256: str
    settings: Settings
    survey: Survey
    size: int
    mtime_ns: int
    chunk_pixels: int = CHUNK_PIXELS
    slab_bytes: int = SLAB_BYTES

    @property
    def least_step(self) -> float:
        """The lowest edge that counts, in units of mu."""
        return self.settings.min_edge_step * self.survey.typical_step

    def slabs(self) -> tuple[Slab, ...]:
        """Every slab of the stack."""
        return cut(self.stack, self.chunk_pixels, self.slab_bytes)


def bundle_hash(bundle: Bundle) -> str:
    """SHA-256 of all of a bundle that predictions depend on: not of its card and its metrics."""
    files = {
        name: value
        for name, value in bundle.card["files"].items()
        if name not in ("README.md", "metrics.json")
    }
    return hashlib.sha256(json.dumps({**bundle.card, "files": files}, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=2)
def cached_bundle(path: str, expected: str) -> Bundle:
    """Load a bundle once in a process.

    Parameters
    ----------
    path : str
        Its folder.
    expected : str
        From `bundle_hash`, where the job was made.

    Returns
    -------
    Bundle

    Raises
    ------
    BundleError
        If it cannot be loaded, or is another one.
    """
    bundle = load_bundle(path)
    if bundle_hash(bundle) != expected:
        raise BundleError(
            f"the bundle in {path} is not the one the map was begun with; expected the same on every worker: "
            "install the same version there, or give a folder that all can read with --model"
        )
    return bundle


def job_to_text(job: Job) -> str:
    """A job as JSON, without the values of its mask.

    Parameters
    ----------
    job : Job

    Returns
    -------
    str
    """
    stack = {item.name: getattr(job.stack, item.name) for item in fields(Stack) if item.name != "array"}
    stack |= {"energy": job.stack.energy.tolist(), "place": job.stack.place.tolist()}
    mask = None if job.mask is None else hashlib.sha256(np.packbits(job.mask).tobytes()).hexdigest()
    rest = {
        item.name: getattr(job, item.name)
        for item in fields(Job)
        if item.name not in ("stack", "mask", "settings", "survey")
    }
    whole = {
        "format": FORMAT,
        "fingerprint": fingerprint(job),
        "stack": stack,
        "mask_sha256": mask,
        "settings": asdict(job.settings),
        "survey": asdict(job.survey),
        **rest,
    }
    return json.dumps(whole, indent=1)


def fingerprint(job: Job) -> str:
    """Hash of all that the numbers depend on: the stack and not where it lies, the bundle, the options.

    Parameters
    ----------
    job : Job

    Returns
    -------
    str
    """
    settings = asdict(job.settings)
    del settings["threads"]
    parts: list[Any] = [
        FORMAT,
        job.stack.dataset,
        job.stack.shape,
        job.stack.dtype,
        job.stack.energy_axis,
        job.stack.energy.tolist(),
        job.stack.place.tolist(),
        job.size,
        job.mtime_ns,
        None if job.mask is None else hashlib.sha256(np.packbits(job.mask).tobytes()).hexdigest(),
        job.bundle_sha256,
        settings,
        # Not what was calculated from it: another processor may differ in the last digit.
        job.survey.sample,
        job.survey.element,
        job.chunk_pixels,
        job.slab_bytes,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def job_from_text(text: str, mask: BoolArray | None) -> Job:
    """Read a job back.

    Parameters
    ----------
    text : str
        From `job_to_text`.
    mask : ndarray of bool or None

    Returns
    -------
    Job

    Raises
    ------
    ReadError
        If it is not one.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        stack = dict(data["stack"])
        stack["shape"] = tuple(stack["shape"])
        stack["energy"] = np.array(stack["energy"], dtype=np.float64)
        stack["place"] = np.array(stack["place"], dtype=np.int64)
        stack["footprint"] = None if stack["footprint"] is None else tuple(stack["footprint"])
        stack["notes"] = tuple(stack["notes"])
        rest = {
            item.name: data[item.name]
            for item in fields(Job)
            if item.name not in ("stack", "mask", "settings", "survey")
        }
        return Job(
            stack=Stack(**stack),
            mask=mask,
            settings=Settings(**data["settings"]),
            survey=Survey(**data["survey"]),
            **rest,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ReadError(
            f"job.json of the unfinished map is not of this version ({error}); delete its folder to "
            "begin again"
        ) from error


def path_of(bundle: Bundle) -> str:
    """The bundle's folder as other processes find it."""
    return str(Path(bundle.path).resolve())
