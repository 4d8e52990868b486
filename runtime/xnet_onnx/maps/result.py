"""What a map holds: the arrays, their units and their codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray

__all__ = ["CONFIDENCE", "CURVES", "FIELDS", "STATUS", "Arrays", "Field", "Maps", "empty"]

Arrays = dict[str, npt.NDArray[Any]]

#: Codes of `Maps.status`: what became of a pixel.
STATUS = {
    "predicted": 0,
    "no shell": 1,
    "outside": 2,
    "refused": 3,
    "no edge": 4,
    "dead": 5,
    "masked": 6,
}
#: Codes of `Maps.confidence`; 0 where there is no verdict.
CONFIDENCE = {"none": 0, "outside": 1, "low": 2, "medium": 3, "high": 4}


@dataclass(frozen=True)
class Field:
    """One array of a map: its type, its unit and its name in a figure."""

    dtype: str
    units: str
    title: str


FIELDS = {
    "first_shell": Field("<f4", "angstrom", "distance of the first shell"),
    "first_shell_lower": Field("<f4", "angstrom", "lower end of its interval"),
    "first_shell_upper": Field("<f4", "angstrom", "upper end of its interval"),
    "confidence": Field("|u1", "", "confidence (code)"),
    "status": Field("|u1", "", "what became of the pixel (code)"),
    "edge_step": Field("<f4", "", "edge step, in units of the stack"),
    "e0": Field("<f4", "eV", "e0, the maximum of the derivative"),
    "edge_position": Field(
        "<f4", "eV", "edge position: where the spectrum rises through the level of the axis"
    ),
    "domain_score": Field("<f4", "", "domain score (1 is the edge of the domain)"),
    "step_estimate": Field("<f4", "", "edge step by a straight-line fit, every live pixel"),
}
CURVES = {
    "g2_mean": Field("<f4", "", "G2, mean of the members"),
    "g2_lower": Field("<f4", "", "G2, lower end of the band"),
    "g2_upper": Field("<f4", "", "G2, upper end of the band"),
}


def empty(shape: tuple[int, ...], points: int = 0) -> Arrays:
    """Arrays with nothing predicted yet: NaN, and code 0.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns), or (pixels,).
    points : int
        Points of the curves; 0 without them.

    Returns
    -------
    dict of str to ndarray
    """
    arrays = {
        name: np.full(shape, np.nan, item.dtype) for name, item in FIELDS.items() if item.dtype != "|u1"
    }
    arrays |= {name: np.zeros(shape, item.dtype) for name, item in FIELDS.items() if item.dtype == "|u1"}
    if points:
        arrays |= {name: np.full((*shape, points), np.nan, item.dtype) for name, item in CURVES.items()}
    return {name: arrays[name] for name in (FIELDS | CURVES) if name in arrays}


@dataclass(frozen=True, eq=False)
class Maps:
    """A prediction for every pixel; NaN where there is none.

    Parameters
    ----------
    first_shell, first_shell_lower, first_shell_upper : ndarray of float32, shape (rows, columns)
        Distance of the first shell and its interval, in Angstrom.
    confidence : ndarray of uint8, shape (rows, columns)
        Codes of `CONFIDENCE`.
    status : ndarray of uint8, shape (rows, columns)
        Codes of `STATUS`.
    edge_step : ndarray of float32, shape (rows, columns)
        In units of the stack.
    e0, edge_position : ndarray of float32, shape (rows, columns)
        In eV.
    domain_score : ndarray of float32, shape (rows, columns)
        0 is a typical training spectrum, 1 the edge of the domain.
    step_estimate : ndarray of float32, shape (rows, columns)
        Height of the edge by a straight-line fit, also where nothing was predicted.
    r : ndarray of float64, shape (n,)
        Distances of the curves in Angstrom.
    g2_mean, g2_lower, g2_upper : ndarray of float32, shape (rows, columns, n), or None
        The curves, where they were asked for (and not left in a file).
    info : dict
        Bundle, options and stack, as in the attributes of the file.
    """

    first_shell: npt.NDArray[np.float32]
    first_shell_lower: npt.NDArray[np.float32]
    first_shell_upper: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.uint8]
    status: npt.NDArray[np.uint8]
    edge_step: npt.NDArray[np.float32]
    e0: npt.NDArray[np.float32]
    edge_position: npt.NDArray[np.float32]
    domain_score: npt.NDArray[np.float32]
    step_estimate: npt.NDArray[np.float32]
    r: FloatArray
    g2_mean: npt.NDArray[np.float32] | None = None
    g2_lower: npt.NDArray[np.float32] | None = None
    g2_upper: npt.NDArray[np.float32] | None = None
    info: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Pixels of each status, those that occur."""
        found = np.bincount(self.status.reshape(-1), minlength=len(STATUS))
        return {name: int(found[code]) for name, code in STATUS.items() if found[code]}
