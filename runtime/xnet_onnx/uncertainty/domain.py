"""How unlike the training spectra is this one?

Three looks at the same question, each with a threshold that a stated share of
good spectra passes:

- the model input, lightly smoothed against noise, in the space of the principal
  components of the training spectra (as calculated, and made to look measured): how far from their centre,
  and how much of it they cannot describe;
- the network's own features, the last hidden layer of one member: how far from
  those of the training spectra;
- named doubts: is it better described as a training spectrum, or as one damped
  by self-absorption, flattened, or broadened far beyond any beamline?

Each look gives 0 for a typical training spectrum and 1 at its threshold; the
score is the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..inference.sensitivity import broadening_matrix
from ..preprocess.align import EnergyAxis
from ..spectrum import FloatArray

__all__ = [
    "Descriptor",
    "Domain",
    "DomainScores",
    "Doubt",
    "Gaussian",
    "Scale",
    "Space",
    "describe",
    "domain_looks",
    "domain_of",
    "parse_domain",
    "smoothed",
]

SMOOTHING = 1.5


@dataclass(frozen=True)
class Scale:
    """Maps a raw statistic to 0 at the training median and 1 at the threshold."""

    median: float
    threshold: float

    def __call__(self, value: FloatArray) -> FloatArray:
        """Scaled statistic, the same shape."""
        return (value - self.median) / (self.threshold - self.median)


@dataclass(frozen=True, eq=False)
class Space:
    """Whitened principal components: centre (n,), components (k, n), scale (k,)."""

    centre: FloatArray
    components: FloatArray
    scale: FloatArray

    def project(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores (batch, k), each with unit variance in training, and the residual's size (batch,)."""
        shifted = values - self.centre
        scores = shifted @ self.components.T
        residual = shifted - scores @ self.components
        return scores / self.scale, np.sqrt(np.mean(residual**2, axis=1))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution: mean (k,), precision (k, k), log determinant of the covariance."""

    mean: FloatArray
    precision: FloatArray
    log_det: float

    def log_density(self, scores: FloatArray) -> FloatArray:
        """Log density up to a constant, shape (batch,)."""
        shifted = scores - self.mean
        square: FloatArray = ((shifted @ self.precision) * shifted).sum(axis=1)
        return -0.5 * square - 0.5 * self.log_det


@dataclass(frozen=True, eq=False)
class Doubt:
    """A way in which a spectrum can be spoilt, as a distribution of its own."""

    name: str
    gaussian: Gaussian
    scale: Scale
    reason: str


@dataclass(frozen=True)
class Descriptor:
    """A property of the spectrum that a chemist knows, with the range of the training spectra."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Domain:
    """The statistics of the training spectra (``domain`` in ``bundle.json``)."""

    space: Space
    distance: Scale
    residual: Scale
    valid: Gaussian
    doubts: tuple[Doubt, ...]
    features: Space | None
    feature_distance: Scale | None
    descriptors: tuple[Descriptor, ...]


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
    "The spectrum as a whole is unlike every training spectrum: is it an iron K edge, rightly normalised?"
)
RESIDUAL = (
    "The spectrum has structure that no training spectrum has: a glitch, another element's edge, or a "
    "kind of compound that was not trained on?"
)
FEATURES = "The networks see in this spectrum what they saw in no training spectrum."


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
    energy = axis.energies() - (0.0 if axis.kind == "edge" else axis.first + 10.0)
    half = max(1, round(0.5 / axis.step))
    kernel = np.hanning(2 * half + 3)[1:-1]
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(values, ((0, 0), (half, half)), mode="edge")
    smooth = np.zeros_like(values)
    for i, weight in enumerate(kernel):
        smooth += weight * padded[:, i : i + axis.count]

    def between(low: float, high: float = np.inf) -> slice:
        return slice(int(np.searchsorted(energy, low, side="right")), int(np.searchsorted(energy, high)))

    rise = between(-6.0, 8.0)
    around = slice(max(0, rise.start - 1), rise.stop + 1)
    slope = np.gradient(smooth[:, around], axis.step, axis=1)[:, rise.start - around.start :]
    properties = {
        "pre_edge": smooth[:, : int(np.searchsorted(energy, -5.0))].mean(axis=1),
        "white_line": smooth[:, between(0.0, 15.0)].max(axis=1),
        "edge_slope": slope[:, : rise.stop - rise.start].max(axis=1),
        "level": smooth[:, between(15.0)].mean(axis=1),
        "structure": smooth[:, between(5.0)].std(axis=1),
        "roughness": np.abs(values - smooth).mean(axis=1),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in properties.items()}


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
    looks = domain_looks(domain, axis, inputs, features)
    properties = describe(inputs, axis)
    # In the order in which they are told.
    unusual = [(looks[doubt.name] > 1.0, doubt.reason) for doubt in domain.doubts]
    for descriptor in domain.descriptors:
        below, above = MEANING[descriptor.name]
        value = properties[descriptor.name]
        unusual += [(value < descriptor.low, below), (value > descriptor.high, above)]
    for name, sentence in (("distance", DISTANT), ("residual", RESIDUAL), ("features", FEATURES)):
        if name in looks:
            unusual.append((looks[name] > 1.0, sentence))
    reasons: list[list[str]] = [[] for _ in range(len(inputs))]
    for rows, sentence in unusual:
        for i in np.flatnonzero(rows).tolist():
            if sentence not in reasons[i]:
                reasons[i].append(sentence)
    by_input = np.max([values for name, values in looks.items() if name != "features"], axis=0)
    score = np.maximum(by_input, looks["features"]) if "features" in looks else by_input
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


def domain_looks(
    domain: Domain,
    axis: EnergyAxis,
    inputs: npt.NDArray[np.float32],
    features: npt.NDArray[np.float32] | None,
) -> dict[str, FloatArray]:
    """Every look at model inputs, scaled to 1 at its threshold.

    Parameters
    ----------
    domain : Domain
    axis : EnergyAxis
    inputs : ndarray of float32, shape (batch, axis.count)
    features : ndarray of float32, shape (batch, f), or None

    Returns
    -------
    dict of str to ndarray, shape (batch,)
        "distance", "residual", "features" and the name of each doubt.
    """
    scores, residual = domain.space.project(smoothed(inputs, axis))
    looks = {
        "distance": domain.distance(np.sqrt(np.mean(scores**2, axis=1))),
        "residual": domain.residual(residual),
    }
    valid = domain.valid.log_density(scores)
    for doubt in domain.doubts:
        looks[doubt.name] = doubt.scale(doubt.gaussian.log_density(scores) - valid)
    if features is not None and domain.features is not None and domain.feature_distance is not None:
        projected, _ = domain.features.project(np.asarray(features, dtype=np.float64))
        looks["features"] = domain.feature_distance(np.sqrt(np.mean(projected**2, axis=1)))
    return looks


def parse_domain(value: dict[str, Any]) -> Domain:
    """Read ``domain`` of ``bundle.json``.

    Parameters
    ----------
    value : dict

    Returns
    -------
    Domain

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `xnet_exporter.calibrate.domain.fit_domain` writes it.
    """

    def array(data: Any) -> FloatArray:
        return np.array(data, dtype=np.float64)

    def space(data: dict[str, Any]) -> Space:
        return Space(array(data["centre"]), array(data["components"]), array(data["scale"]))

    def gaussian(data: dict[str, Any]) -> Gaussian:
        return Gaussian(array(data["mean"]), array(data["precision"]), float(data["log_det"]))

    def scale(data: dict[str, Any]) -> Scale:
        return Scale(float(data["median"]), float(data["threshold"]))

    features = value.get("features")
    return Domain(
        space=space(value["space"]),
        distance=scale(value["distance"]),
        residual=scale(value["residual"]),
        valid=gaussian(value["valid"]),
        doubts=tuple(Doubt(str(d["name"]), gaussian(d), scale(d), str(d["reason"])) for d in value["doubts"]),
        features=None if features is None else space(features),
        feature_distance=None if features is None else scale(features),
        descriptors=tuple(
            Descriptor(str(d["name"]), float(d["low"]), float(d["high"])) for d in value["descriptors"]
        ),
    )
