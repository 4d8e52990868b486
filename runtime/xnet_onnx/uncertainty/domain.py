"""How unlike the training spectra is this one?

Four scores of the same question, each with a threshold that a stated share of
good spectra passes:

- the model input, lightly smoothed against noise, in the space of the principal
  components of the training spectra (as calculated, and made to look measured): how far from their centre,
  and how much of it they cannot describe;
- the network's own features, the last hidden layer of one member: how far from
  those of the training spectra;
- named artefacts: is it better described as a training spectrum, or as one damped
  by self-absorption, flattened, or broadened far beyond any beamline?
- its highest point: is more of it just as high than of any compound, as where a
  detector is saturated?

Each gives 0 for a typical training spectrum and 1 at its threshold; the
score is the largest. A spectrum that is counted from its pre-edge peak, as
chromate's, is compared with others of its kind only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..bundle.statistics import Domain, InputStatistics
from ..inference.sensitivity import broadening_matrix
from ..preprocess.rise import falls_again
from ..spectrum import EnergyAxis, FloatArray

__all__ = [
    "DomainScores",
    "describe",
    "domain_of",
    "domain_scores",
    "flat_top_widths",
    "smoothed",
]

SMOOTHING = 1.5
#: What is within this of the highest point is as high.
AS_HIGH = 1e-3


@dataclass(frozen=True, eq=False)
class DomainScores:
    """How unlike the training spectra each of n spectra is.

    Parameters
    ----------
    score : ndarray of float64, shape (n,)
        1 is the threshold.
    input_score : ndarray of float64, shape (n,)
        The same by the model input alone.
    reasons : tuple of tuple of str, length n
        What is unusual, in sentences.
    """

    score: FloatArray
    input_score: FloatArray
    reasons: tuple[tuple[str, ...], ...]


#: What each descriptor out of its range means: below, above.
MEANING = {
    "pre_edge": (
        "The absorption just below the edge is lower than in the training spectra: was too much "
        "background subtracted?",
        "The absorption just below the edge is higher than in the training spectra: another element's "
        "edge below, or too little background subtracted?",
    ),
    "white_line": (
        "The white line is weaker than in the training spectra: self-absorption, or a metallic sample?",
        "The white line is stronger than in the training spectra: is the normalisation right?",
    ),
    "edge_slope": (
        "The edge rises more slowly than in the training spectra: poor energy resolution, or a "
        "mixture of oxidation states?",
        "The edge rises more steeply than in the training spectra: a glitch, or not an absorption edge?",
    ),
    "level": (
        "The spectrum lies lower above the edge than the training spectra: is the edge step right?",
        "The spectrum lies higher above the edge than the training spectra: is the edge step right?",
    ),
    "structure": (
        "The structure above the edge is weaker than in the training spectra: self-absorption, a "
        "saturated detector, or a thick sample?",
        "The structure above the edge is stronger than in the training spectra: is the edge step right?",
    ),
    "roughness": (
        "The spectrum is smoother than any training spectrum: was it smoothed, or is it a model curve?",
        "The spectrum is noisier than the training spectra: merge scans or measure longer.",
    ),
}
DISTANT = (
    "The spectrum as a whole is unlike every training spectrum: is it the edge it is taken for, and is its "
    "background right?"
)
RESIDUAL = (
    "The spectrum has structure that no training spectrum has: a glitch, another element's edge, or a "
    "kind of compound that was not trained on?"
)
FLAT_TOP = "The spectrum is cut off at a height, as by a saturated detector."
#: The score of what statistics that overflow can say nothing about.
UNKNOWN = 1e6
FEATURES = "The spectrum combines features as no training spectrum does."


def describe(inputs: npt.NDArray[np.float32], axis: EnergyAxis) -> dict[str, FloatArray]:
    """Properties of model inputs that a chemist knows.

    Parameters
    ----------
    inputs : ndarray of float32, shape (batch, axis.count)
    axis : EnergyAxis
        On the `absolute` axis the edge is taken to be 10 eV after the start.

    Returns
    -------
    dict of str to ndarray, shape (batch,)
        The keys of `MEANING`.
    """
    values = np.asarray(inputs, dtype=np.float32)
    kernel = _hann(axis.step)
    half = kernel.size // 2
    padded = np.concatenate(
        [np.repeat(values[:, :1], half, axis=1), values, np.repeat(values[:, -1:], half, axis=1)], axis=1
    )
    smooth = np.zeros_like(values)
    for i, weight in enumerate(kernel):
        smooth += weight * padded[:, i : i + axis.count]
    below, rise, line, after, structure = _parts(axis)
    around = smooth[:, rise.start - 1 : rise.stop + 1]
    properties = {
        "pre_edge": smooth[:, below].mean(axis=1),
        "white_line": smooth[:, line].max(axis=1),
        "edge_slope": (around[:, 2:] - around[:, :-2]).max(axis=1) / (2.0 * axis.step),
        "level": smooth[:, after].mean(axis=1),
        "structure": smooth[:, structure].std(axis=1),
        "roughness": np.abs(values - smooth).mean(axis=1),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in properties.items()}


@lru_cache(maxsize=4)
def _hann(step: float) -> npt.NDArray[np.float32]:
    """Weights of about 1 eV, to smooth with."""
    half = max(1, round(0.5 / step))
    kernel = np.hanning(2 * half + 3)[1:-1]
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


@lru_cache(maxsize=4)
def _parts(axis: EnergyAxis) -> tuple[slice, slice, slice, slice, slice]:
    """Points below the edge, on its rise, of the white line, of the level, and of the structure."""
    energy = axis.from_edge()
    ranges = ((-np.inf, -5.0), (-6.0, 8.0), (0.0, 15.0), (15.0, np.inf), (5.0, np.inf))
    below, rise, line, after, structure = (
        slice(int(energy.searchsorted(low, side="right")), int(energy.searchsorted(high)))
        for low, high in ranges
    )
    rise = slice(max(1, rise.start), min(rise.stop, axis.count - 1))
    return below, rise, line, after, structure


def domain_of(
    domain: Domain,
    axis: EnergyAxis,
    inputs: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32] | None,
) -> DomainScores:
    """Score model inputs.

    Parameters
    ----------
    domain : Domain
    axis : EnergyAxis
    inputs : ndarray of float32, shape (batch, axis.count)
    features : ndarray of float32, shape (batch, f), or None
        Last hidden layer, where the model gives it.

    Returns
    -------
    DomainScores
    """
    each = domain_scores(domain, axis, inputs, features)
    properties = describe(inputs, axis)
    # In the order in which they are told.
    unusual = [(each[name] > 1.0, reason) for name, reason in _reasons(domain).items()]
    for known in domain.properties:
        below, above = MEANING[known.name]
        value = properties[known.name]
        unusual += [(~(value >= known.low), below), (value > known.high, above)]
    looks = (("distance", DISTANT), ("residual", RESIDUAL), ("features", FEATURES), ("flat_top", FLAT_TOP))
    for name, sentence in looks:
        if name in each:
            unusual.append((each[name] > 1.0, sentence))
    reasons: list[list[str]] = [[] for _ in range(len(inputs))]
    for rows, sentence in unusual:
        for i in rows.nonzero()[0].tolist():
            if sentence not in reasons[i]:
                reasons[i].append(sentence)
    by_input = np.max([values for name, values in each.items() if name != "features"], axis=0)
    score = np.maximum(by_input, each["features"]) if "features" in each else by_input
    # What cannot be scored is outside.
    score, by_input = (np.nan_to_num(value, nan=UNKNOWN, posinf=UNKNOWN) for value in (score, by_input))
    return DomainScores(score, by_input, tuple(map(tuple, reasons)))


def smoothed(inputs: npt.NDArray[np.float32], axis: EnergyAxis) -> FloatArray:
    """Model inputs convolved with a Gaussian of 1.5 eV FWHM, so that noise is no news.

    Parameters
    ----------
    inputs : ndarray of float32, shape (batch, axis.count)
    axis : EnergyAxis

    Returns
    -------
    ndarray of float64, shape (batch, axis.count)
    """
    # In double precision: single precision depends, in its last digit, on the number of threads.
    return np.asarray(inputs, dtype=np.float64) @ broadening_matrix(axis.count, axis.step, SMOOTHING).T


def domain_scores(
    domain: Domain,
    axis: EnergyAxis,
    inputs: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32] | None,
) -> dict[str, FloatArray]:
    """Every score of model inputs, scaled to 1 at its threshold.

    Parameters
    ----------
    domain : Domain
    axis : EnergyAxis
    inputs : ndarray of float32, shape (batch, axis.count)
    features : ndarray of float32, shape (batch, f), or None

    Returns
    -------
    dict of str to ndarray, shape (batch,)
        "distance", "residual", "features", "flat_top" and the name of each artefact.
    """
    smooth = smoothed(inputs, axis)
    if domain.peaked is None:
        each = _input_scores(domain.inputs, smooth)
    else:
        peaked = falls_again(inputs, axis)
        # What one kind has no statistics of cannot be said of it.
        each = {name: np.zeros(len(inputs)) for name in ("distance", "residual", *_reasons(domain))}
        for statistics, rows in ((domain.inputs, ~peaked), (domain.peaked, peaked)):
            if rows.any():
                for name, values in _input_scores(statistics, smooth[rows]).items():
                    each[name][rows] = values
    if domain.flat_top is not None:
        each["flat_top"] = domain.flat_top(flat_top_widths(inputs, axis))
    if features is not None and domain.features is not None and domain.feature_distance is not None:
        projected, _ = domain.features.project(np.asarray(features, dtype=np.float64))
        each["features"] = domain.feature_distance(np.sqrt(np.mean(projected**2, axis=1)))
    return each


def _reasons(domain: Domain) -> dict[str, str]:
    """What each artefact means, of either kind of spectra, by name."""
    artefacts = domain.inputs.artefacts + (() if domain.peaked is None else domain.peaked.artefacts)
    return {artefact.name: artefact.reason for artefact in artefacts}


def _input_scores(statistics: InputStatistics, smooth: FloatArray) -> dict[str, FloatArray]:
    """Scores of smoothed model inputs (batch, axis.count): all but that of the features."""
    scores, residual = statistics.space.project(smooth)
    each = {
        "distance": statistics.distance(np.sqrt(np.mean(scores**2, axis=1))),
        "residual": statistics.residual(residual),
    }
    valid = statistics.valid.log_density(scores)
    for artefact in statistics.artefacts:
        each[artefact.name] = artefact.scale(artefact.gaussian.log_density(scores) - valid)
    return each


def flat_top_widths(inputs: npt.NDArray[np.float32], axis: EnergyAxis) -> FloatArray:
    """How much of each model input is as high as its highest point.

    Parameters
    ----------
    inputs : ndarray of float32, shape (batch, axis.count)
    axis : EnergyAxis

    Returns
    -------
    ndarray of float64, shape (batch,)
        In eV, over one place or several.
    """
    high = inputs >= inputs.max(axis=1, keepdims=True) - AS_HIGH
    return np.asarray(axis.step * np.count_nonzero(high, axis=1), dtype=np.float64)
