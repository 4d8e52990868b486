"""Where maps meet the pipeline of single spectra: spectra in, arrays out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..bundle.load import Bundle
from ..edges import Absorber
from ..pipeline import BATCH, Outcome, run_inputs
from ..prediction import VERDICTS
from ..preprocess.prepare import prepare_rows
from ..spectrum import FloatArray
from .job import Job, Settings
from .result import CONFIDENCE, STATUS, Arrays, empty
from .screening import usable, visible
from .stack import BoolArray

__all__ = ["evaluate", "predict_chunk"]

#: Codes of the verdicts by their places, and at the end, where -1 points, that of none.
CODES = np.array([CONFIDENCE[name] for name in (*VERDICTS, "none")], dtype=np.uint8)


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
    absorber = bundle.absorber(job.survey.element)
    found = predict_chunk(bundle, job.stack.energy, mu[seen], job.settings, absorber)
    for name, values in found.items():
        if name != "step_estimate":
            arrays[name][seen] = values
    return arrays


def predict_chunk(
    bundle: Bundle, energy: FloatArray, mu: FloatArray, settings: Settings, absorber: Absorber
) -> Arrays:
    """Predict for spectra that share their energies.

    Parameters
    ----------
    bundle : Bundle
    energy : ndarray of float64, shape (n,)
        In eV, ascending.
    mu : ndarray of float64, shape (k, n)
        Finite.
    settings : Settings
    absorber : Absorber

    Returns
    -------
    dict of str to ndarray, shape (k,) or (k, points)
        As `evaluate`; without distances where the status is not "predicted"
        (or "outside", with `force`).
    """
    arrays = empty((len(mu),), bundle.r.size if settings.curves else 0)
    batches, errors = prepare_rows(energy, mu, bundle, absorber=absorber, normalized=settings.normalized)
    arrays["status"][list(errors)] = STATUS["refused"]
    for ready in batches:
        arrays["edge_step"][ready.rows] = ready.edge_step
        arrays["e0"][ready.rows] = ready.e0
        arrays["edge_position"][ready.rows] = ready.edge_position
    if batches:
        rows = np.concatenate([ready.rows for ready in batches])
        values = np.concatenate([ready.values for ready in batches])
        absorbers = np.full(BATCH, absorber.number, dtype=np.int64)
        for start in range(0, rows.size, BATCH):
            part = values[start : start + BATCH]
            outcome = run_inputs(
                part,
                bundle,
                absorbers[: len(part)],
                level=settings.level,
                force=settings.force,
                threads=settings.threads,
            )
            _put(arrays, rows[start : start + BATCH], outcome, settings)
    return arrays


def _put(arrays: Arrays, rows: npt.NDArray[np.int64], outcome: Outcome, settings: Settings) -> None:
    """Put what comes out for model inputs where it belongs."""
    curves, assessment, shown = outcome.curves, outcome.assessment, outcome.assessment.shown
    arrays["first_shell"][rows] = assessment.first_shell
    arrays["first_shell_lower"][rows] = assessment.lower
    arrays["first_shell_upper"][rows] = assessment.upper
    arrays["confidence"][rows] = CODES[assessment.verdict]
    arrays["status"][rows] = np.where(np.isnan(curves.first_shell), STATUS["no shell"], STATUS["predicted"])
    arrays["status"][rows[assessment.verdict == VERDICTS.index("outside")]] = STATUS["outside"]
    if outcome.scores is not None:
        arrays["domain_score"][rows] = outcome.scores.score
    if settings.curves:
        arrays["g2_mean"][rows[shown]] = curves.mean[shown]
        if assessment.band_lower is not None and assessment.band_upper is not None:
            arrays["g2_lower"][rows[shown]] = assessment.band_lower[shown]
            arrays["g2_upper"][rows[shown]] = assessment.band_upper[shown]
