"""Many spectra as rows of arrays: the energy grid that they share, or a grid for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray, NormalizedSpectrum

__all__ = ["Grids", "NormalizedBatch", "held"]

#: Steps in eV with which a grid goes on beyond its end: no window around an edge reaches there.
BEYOND = 1e5


@dataclass(frozen=True, eq=False)
class Grids:
    """Energy grids as rows, g = 1 that all k spectra share or g = k.

    Parameters
    ----------
    energy : ndarray of float64, shape (g, n)
        Photon energy in eV, strictly increasing. A grid of fewer points goes on in
        steps of 100 keV, which no range in eV around an edge reaches.
    size : ndarray of int64, shape (g,)
        Points of each grid.
    """

    energy: FloatArray
    size: npt.NDArray[np.int64]

    @classmethod
    def shared(cls, energy: FloatArray) -> Grids:
        """One grid (n,) for all spectra."""
        return cls(energy[np.newaxis], np.array([energy.size]))

    @classmethod
    def each(cls, energies: Sequence[FloatArray]) -> Grids:
        """A grid for each spectrum, of any number of points."""
        size = np.array([energy.size for energy in energies])
        rows = held(energies)
        beyond = np.maximum(np.arange(rows.shape[1]) - (size - 1)[:, np.newaxis], 0)
        return cls(rows + BEYOND * beyond, size)

    @cached_property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Which points belong to their grid, (g, n)."""
        return np.asarray(np.arange(self.energy.shape[1]) < self.size[:, np.newaxis])

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        return np.arange(len(self.energy))

    @property
    def first(self) -> FloatArray:
        """First energies, (g,)."""
        return self.energy[:, 0]

    @cached_property
    def last(self) -> FloatArray:
        """Last energies, (g,)."""
        return self.at(self.size - 1)

    def at(self, index: npt.NDArray[np.int64]) -> FloatArray:
        """Energies (k,) of one point of each row, (k,)."""
        return np.asarray(self.energy[self._rows, index])

    def at_or_below(self, energies: FloatArray) -> npt.NDArray[np.int64]:
        """Last points (k,) that are not above energies (k,), or the first."""
        below = (self.energy <= energies[:, np.newaxis]).sum(axis=1)
        return np.asarray(np.maximum(below - 1, 0))

    def nearest(self, energies: FloatArray) -> npt.NDArray[np.int64]:
        """Points (k,) nearest to energies (k,)."""
        return np.asarray(np.abs(self.energy - energies[:, np.newaxis]).argmin(axis=1))

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Grids:
        """The grids of some of the spectra."""
        return self if len(self.energy) == 1 else Grids(self.energy[rows], self.size[rows])

    def one(self, row: int) -> FloatArray:
        """The grid of one of the spectra, without what lies beyond its end."""
        row = 0 if len(self.energy) == 1 else row
        return self.energy[row, : self.size[row]]


def held(rows: Sequence[FloatArray]) -> FloatArray:
    """Arrays of any length as rows (k, n); a shorter one keeps its last value to the end."""
    count = max(row.size for row in rows)
    made = np.empty((len(rows), count))
    for place, row in zip(made, rows, strict=True):
        place[: row.size] = row
        place[row.size :] = row[-1]
    return made


@dataclass(frozen=True, eq=False)
class NormalizedBatch:
    """Spectra that were normalised alike, a row each.

    Parameters
    ----------
    grids : Grids
    norm, pre_edge : ndarray of float64, shape (k, n)
    e0, edge_step : ndarray of float64, shape (k,)
    curves : callable
        Gives `flat` and `post_edge`, shape (k, n); an input that does not depend on
        the post-edge never asks for them.
    recipes : list of dict, length k
    warnings : list of tuple of str, length k
        All as in `NormalizedSpectrum`.
    """

    grids: Grids
    norm: FloatArray
    e0: FloatArray
    edge_step: FloatArray
    pre_edge: FloatArray
    curves: Callable[[], tuple[FloatArray, FloatArray]]
    recipes: list[dict[str, str | int | float]]
    warnings: list[tuple[str, ...]]

    @cached_property
    def flat(self) -> FloatArray:
        """`norm` without the slope and curvature of the post-edge, (k, n)."""
        return self.curves()[0]

    @cached_property
    def post_edge(self) -> FloatArray:
        """The line above the edge, (k, n)."""
        return self.curves()[1]

    def take(self, rows: npt.NDArray[np.int64]) -> NormalizedBatch:
        """Some of the spectra."""
        if rows.size == len(self.norm):
            return self
        return replace(
            self,
            grids=self.grids.take(rows),
            norm=self.norm[rows],
            e0=self.e0[rows],
            edge_step=self.edge_step[rows],
            pre_edge=self.pre_edge[rows],
            curves=lambda: (self.flat[rows], self.post_edge[rows]),
            recipes=[self.recipes[i] for i in rows],
            warnings=[self.warnings[i] for i in rows],
        )

    def one(self, row: int) -> NormalizedSpectrum:
        """One of the spectra."""
        energy = self.grids.one(row)
        inside = slice(energy.size)
        return NormalizedSpectrum(
            energy=energy,
            norm=self.norm[row, inside],
            flat=self.flat[row, inside],
            e0=float(self.e0[row]),
            edge_step=float(self.edge_step[row]),
            pre_edge=self.pre_edge[row, inside],
            post_edge=self.post_edge[row, inside],
            recipe=self.recipes[row],
            warnings=self.warnings[row],
        )

    @classmethod
    def of(cls, spectrum: NormalizedSpectrum) -> NormalizedBatch:
        """A batch of one."""
        return cls(
            grids=Grids.shared(spectrum.energy),
            norm=spectrum.norm[np.newaxis],
            e0=np.array([spectrum.e0]),
            edge_step=np.array([spectrum.edge_step]),
            pre_edge=np.asarray(spectrum.pre_edge)[np.newaxis],
            curves=lambda: (spectrum.flat[np.newaxis], np.asarray(spectrum.post_edge)[np.newaxis]),
            recipes=[spectrum.recipe],
            warnings=[spectrum.warnings],
        )
