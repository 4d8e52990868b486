"""The seam between maps and the road of single spectra: spectra in, arrays out."""

from __future__ import annotations

import numpy as np

from ..bundle import Bundle
from ..errors import XnetError
from ..prediction import Prediction, predict_many
from ..spectrum import FloatArray, Spectrum
from .job import Job, Settings
from .result import CONFIDENCE, STATUS, Arrays, empty
from .screening import usable, visible
from .stack import BoolArray

__all__ = ["evaluate", "predict_chunk"]

#: Spectra given to the ensemble at a time; about 2.6 MB of work space each.
BATCH = 64


def evaluate(job: Job, bundle: Bundle, mu: FloatArray, masked: BoolArray) -> Arrays:
    """Sort the pixels of a chunk by what they hold, and predict for those with an edge.

    Parameters
    ----------
    job : Job
    bundle : Bundle
    mu : ndarray of float64, shape (k, n)
        Spectra in order of energy.
    masked : ndarray of bool, shape (k,)

    Returns
    -------
    dict of str to ndarray, shape (k,) or (k, points)
        `result.FIELDS`, and `result.CURVES` if asked for.
    """
    arrays = empty((len(mu),), bundle.r.size if job.settings.curves else 0)
    live = usable(mu) & ~masked
    step, seen = np.full(len(mu), np.nan), np.zeros(len(mu), dtype=bool)
    step[live], seen[live] = visible(mu[live], job.stack.energy, job.survey.e0, job.least_step)
    arrays["status"][:] = np.where(
        masked, STATUS["masked"], np.where(live, STATUS["no edge"], STATUS["dead"])
    )
    arrays["step_estimate"][:] = step
    for name, values in predict_chunk(bundle, job.stack.energy, mu[seen], job.settings).items():
        if name != "step_estimate":
            arrays[name][seen] = values
    return arrays


def predict_chunk(bundle: Bundle, energy: FloatArray, mu: FloatArray, settings: Settings) -> Arrays:
    """Predict for spectra that share their energies.

    Parameters
    ----------
    bundle : Bundle
    energy : ndarray of float64, shape (n,)
        In eV, ascending.
    mu : ndarray of float64, shape (k, n)
        Finite.
    settings : Settings

    Returns
    -------
    dict of str to ndarray, shape (k,) or (k, points)
        As `evaluate`; without distances where the status is not "predicted"
        (or "outside", with `force`).
    """
    arrays = empty((len(mu),), bundle.r.size if settings.curves else 0)
    for start in range(0, len(mu), BATCH):
        results = predict_many(
            [Spectrum(energy, row) for row in mu[start : start + BATCH]],
            bundle=bundle,
            normalized=settings.normalized,
            level=settings.level,
            force=settings.force,
            threads=settings.threads,
        )
        for i, result in enumerate(results, start=start):
            if isinstance(result, XnetError):
                arrays["status"][i] = STATUS["refused"]
            else:
                _put(arrays, i, result, settings)
    return arrays


def _put(arrays: Arrays, i: int, result: Prediction, settings: Settings) -> None:
    done, shell, verdict = result.preprocessing, result.first_shell, result.confidence
    outside = verdict is not None and verdict.level == "outside"
    status = "outside" if outside else "no shell" if shell is None else "predicted"
    arrays["status"][i] = STATUS[status]
    for name in ("edge_step", "e0", "half_step_energy"):
        arrays[name][i] = done[name]
    if verdict is not None:
        arrays["confidence"][i] = CONFIDENCE[verdict.level]
        arrays["domain_score"][i] = verdict.domain_score
    if shell is not None:
        arrays["first_shell"][i] = shell.r
        if shell.lower is not None and shell.upper is not None:
            arrays["first_shell_lower"][i], arrays["first_shell_upper"][i] = shell.lower, shell.upper
    if settings.curves and (not outside or settings.force):
        arrays["g2_mean"][i] = result.mean
        if result.lower is not None and result.upper is not None:
            arrays["g2_lower"][i], arrays["g2_upper"][i] = result.lower, result.upper
