"""The data that travel through the pipeline: a spectrum as read, and as normalised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "EnergyAxis", "ModelInput", "NormalizedSpectrum", "Spectrum"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An absorption spectrum as read from a file or given by the caller.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    mu : ndarray of float64, shape (n,)
        Absorption, on any scale.
    label : str
        What to call it in messages and tables: usually the file's name.
    element, edge : str or None
        Absorbing element ("Fe") and edge ("K") from the metadata, where given.
    mu_source : str
        How mu came about, in words ("mu = ln(i0/itrans), columns 2 and 3").
    warnings : tuple of str
        What the reader noticed and mended.
    energy_shift : float
        What was added to the file's energies, in eV: a shift that an Athena
        project records, or that the caller asked for.
    """

    energy: FloatArray
    mu: FloatArray
    label: str = "spectrum"
    element: str | None = None
    edge: str | None = None
    mu_source: str = "mu as given"
    warnings: tuple[str, ...] = ()
    energy_shift: float = 0.0


@dataclass(frozen=True, eq=False)
class NormalizedSpectrum:
    """A spectrum after pre-edge subtraction and normalisation.

    The names are Larch's (``larch.xafs.pre_edge``).

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    norm : ndarray of float64, shape (n,)
        (mu - pre_edge) / edge_step.
    flat : ndarray of float64, shape (n,)
        `norm` with the slope and curvature of the post-edge line removed
        above e0.
    e0 : float
        Edge energy in eV: the maximum of the derivative.
    edge_step : float
        Difference of the post-edge and the pre-edge line at e0, in units of mu.
    pre_edge, post_edge : ndarray of float64, shape (n,)
        The fitted lines, in units of mu.
    recipe : dict
        What was done: `method` ("pre_edge" or "as given") and, for "pre_edge",
        pre1, pre2, norm1, norm2 (eV relative to e0), nnorm, npre.
    warnings : tuple of str
        What the user should know about this normalisation.
    """

    energy: FloatArray
    norm: FloatArray
    flat: FloatArray
    e0: float
    edge_step: float
    pre_edge: FloatArray
    post_edge: FloatArray
    recipe: dict[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnergyAxis:
    """The energies of the network's input.

    Parameters
    ----------
    kind : {"edge", "absolute"}
        Whether `first` counts from the spectrum's edge position or is a
        photon energy.
    first, step : float
        First point and spacing in eV.
    count : int
        Number of points.
    scale_range : tuple of float, optional
        Range in eV, from the edge position, over whose mean the spectrum is
        divided. Without one the flattened spectrum is taken as it is.
    level : float
        The edge position is where the spectrum rises through this share of its edge step.
    """

    kind: Literal["edge", "absolute"]
    first: float
    step: float
    count: int
    scale_range: tuple[float, float] | None = None
    level: float = 0.5

    def from_edge(self) -> FloatArray:
        """Energies in eV from the edge, shape (count,); an `absolute` axis is taken to start 10 eV below."""
        return self.energies() - (0.0 if self.kind == "edge" else self.first + 10.0)

    @property
    def last(self) -> float:
        """Last point in eV."""
        return self.first + self.step * (self.count - 1)

    def energies(self, edge_position: float = 0.0) -> FloatArray:
        """Photon energies in eV, shape (count,), of a spectrum with that edge position."""
        origin = edge_position if self.kind == "edge" else 0.0
        return origin + self.first + self.step * np.arange(self.count, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ModelInput:
    """A spectrum made ready for the network.

    Parameters
    ----------
    label : str
    element : str
        The absorber.
    edge : str
    absorber : int
        Its atomic number.
    values : ndarray of float32, shape (axis.count,)
        The network's input.
    energy : ndarray of float64, shape (axis.count,)
        Their photon energies in eV.
    preprocessing : dict
        What was done, in words and numbers (the JSON key of that name).
    warnings : tuple of str
    """

    label: str
    element: str
    edge: str
    absorber: int
    values: npt.NDArray[np.float32]
    energy: FloatArray
    preprocessing: dict[str, Any]
    warnings: tuple[str, ...]
