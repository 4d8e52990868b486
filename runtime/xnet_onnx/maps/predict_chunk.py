"""The seam between maps and the road of single spectra: spectra in, arrays out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..bundle.load import Bundle
from ..inference.ensemble import run_ensemble
from ..inference.peaks import read_curves
from ..pipeline import BATCH, read_inputs
from ..preprocess.prepare import prepare_rows
from ..spectrum import FloatArray
from ..uncertainty.verdict import LEVELS
from .job import Job, Settings
from .result import CONFIDENCE, STATUS, Arrays, empty
from .screening import usable, visible
from .stack import BoolArray

__all__ = ["evaluate", "predict_chunk"]


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
    batches, errors = prepare_rows(energy, mu, bundle, normalized=settings.normalized)
    arrays["status"][list(errors)] = STATUS["refused"]
    for ready in batches:
        arrays["edge_step"][ready.rows] = ready.edge_step
        arrays["e0"][ready.rows] = ready.e0
        arrays["half_step_energy"][ready.rows] = ready.half_step
    if batches:
        rows = np.concatenate([ready.rows for ready in batches])
        values = np.concatenate([ready.values for ready in batches])
        for start in range(0, rows.size, BATCH):
            _put(arrays, rows[start : start + BATCH], values[start : start + BATCH], bundle, settings)
    return arrays


def _put(
    arrays: Arrays,
    rows: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    bundle: Bundle,
    settings: Settings,
) -> None:
    """Predict for model inputs and put the result where they belong."""
    if bundle.calibration is None:
        curves, reading = read_curves(bundle.r, run_ensemble(bundle, values, settings.threads)), None
        told = np.ones(rows.size, dtype=bool)
    else:
        reading = read_inputs(values, bundle, level=settings.level, threads=settings.threads)
        curves = reading.curves
        outside = reading.level == LEVELS.index("outside")
        told = ~outside | settings.force
        codes = np.array([CONFIDENCE[name] for name in LEVELS], dtype=np.uint8)
        arrays["confidence"][rows] = codes[reading.level]
        arrays["domain_score"][rows] = reading.domain.score
        half = np.where(told, reading.half_width, np.nan)
        arrays["first_shell_lower"][rows] = np.maximum(0.0, curves.first_shell - half)
        arrays["first_shell_upper"][rows] = curves.first_shell + half
    arrays["first_shell"][rows] = np.where(told, curves.first_shell, np.nan)
    arrays["status"][rows] = np.where(np.isnan(curves.first_shell), STATUS["no shell"], STATUS["predicted"])
    if reading is not None:
        arrays["status"][rows[outside]] = STATUS["outside"]
    if settings.curves:
        arrays["g2_mean"][rows[told]] = curves.mean[told]
        if reading is not None:
            arrays["g2_lower"][rows[told]] = reading.lower[told]
            arrays["g2_upper"][rows[told]] = reading.upper[told]
