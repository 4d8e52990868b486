"""Step 2 for one spectrum or many: from a spectrum as read to the network's input.

Spectra go through each step together, a few hundred at a time, whether they share
their energy grid (a map, a series of scans) or each has its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bundle.load import Bundle
from ..edges import Absorber
from ..errors import XnetError
from ..spectrum import FloatArray, ModelInput, NormalizedSpectrum, Spectrum
from .align import align
from .edge import absorber_at, check_edges, identify
from .normalize import as_normalized_many, check_spectrum, normalize_many, subtracted
from .rows import Grids, NormalizedBatch, held

__all__ = ["PreparedBatch", "prepare", "prepare_many", "prepare_normalized", "prepare_rows"]

#: Spectra that go through the steps together: more gain nothing, and take memory.
ROWS = 256
#: Points of all of them where they are of different lengths.
POINTS = 256 * 1024
#: How many times as long as the shortest of them the longest may be: all are padded to it.
LONGER = 2
#: From so many spectra of one energy grid, they go by themselves: what depends on the grid is done once.
SHARED = 16


@dataclass(frozen=True, eq=False)
class PreparedBatch:
    """Spectra made ready for the network.

    Parameters
    ----------
    rows : ndarray of int64, shape (k,)
        Which of the spectra given they are.
    values : ndarray of float32, shape (k, axis.count)
        The network's inputs.
    edge_position : ndarray of float64, shape (k,)
        In eV, as of `align`.
    scale : ndarray of float64, shape (k,)
        What `align` divided by.
    e0 : ndarray of float64, shape (k,)
        In eV.
    edge_step : ndarray of float64, shape (k,)
    absorbers : list of Absorber, length k
    recipes : list of dict, length k
        The normalisation's, as in `NormalizedSpectrum`.
    warnings : list of tuple of str, length k
    """

    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    edge_position: FloatArray
    scale: FloatArray
    e0: FloatArray
    edge_step: FloatArray
    absorbers: list[Absorber]
    recipes: list[dict[str, Any]]
    warnings: list[tuple[str, ...]]


def _prepared(
    rows: npt.NDArray[np.int64],
    normalized: NormalizedBatch,
    bundle: Bundle,
    absorbers: Sequence[Absorber | None],
) -> tuple[PreparedBatch, dict[int, XnetError]]:
    """Check and align normalised spectra; errors by the numbers in `rows`."""
    known, errors = _absorbers(normalized, bundle, absorbers)
    kept = np.array(list(known), dtype=np.int64)
    normalized = normalized.take(kept)
    found = list(known.values())
    noticed, wrong = check_edges(normalized, bundle, found)
    normalized, mu, uncovered = subtracted(normalized, bundle.axis)
    aligned = align(normalized.grids, mu, bundle.axis, near=normalized.e0)
    wrong = {**aligned.errors, **wrong, **uncovered}
    errors |= {int(kept[i]): error for i, error in wrong.items()}
    good = np.array([i for i in range(kept.size) if i not in wrong], dtype=np.int64)
    ready = PreparedBatch(
        rows=rows[kept[good]],
        values=aligned.values[good],
        edge_position=aligned.edge_position[good],
        scale=aligned.scale[good],
        e0=normalized.e0[good],
        edge_step=normalized.edge_step[good],
        absorbers=[found[i] for i in good],
        recipes=[normalized.recipes[i] for i in good],
        warnings=[(*normalized.warnings[i], *noticed[i]) for i in good],
    )
    return ready, {int(rows[i]): error for i, error in errors.items()}


def _absorbers(
    normalized: NormalizedBatch, bundle: Bundle, given: Sequence[Absorber | None]
) -> tuple[dict[int, Absorber], dict[int, XnetError]]:
    """The absorber of each spectrum, by the energy of its rise where it is not given; or what is wrong."""
    known: dict[int, Absorber] = {}
    errors: dict[int, XnetError] = {}
    by_e0: dict[float, Absorber] = {}
    for i, (absorber, e0) in enumerate(zip(given, normalized.e0.tolist(), strict=True)):
        try:
            if absorber is None and e0 not in by_e0:
                by_e0[e0] = absorber_at(e0, bundle)
            known[i] = by_e0[e0] if absorber is None else absorber
        except XnetError as error:
            errors[i] = error
    return known, errors


def _from_mu(
    grids: Grids, mu: FloatArray, bundle: Bundle, absorbers: Sequence[Absorber | None], normalized: bool
) -> tuple[PreparedBatch | None, dict[int, XnetError]]:
    """All steps for spectra that fit into memory at once."""
    rows, batch, wrong = (as_normalized_many if normalized else normalize_many)(grids, mu)
    errors: dict[int, XnetError] = dict(wrong)
    if batch is None:
        return None, errors
    ready, later = _prepared(rows, batch, bundle, [absorbers[i] for i in rows])
    return ready, errors | later


def prepare_rows(
    energy: FloatArray,
    mu: FloatArray,
    bundle: Bundle,
    *,
    absorber: Absorber | None = None,
    normalized: bool = False,
) -> tuple[list[PreparedBatch], dict[int, XnetError]]:
    """Take spectra of one energy grid to the network's inputs.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        Photon energy in eV, strictly increasing.
    mu : ndarray of float64, shape (k, n)
        Absorption, a row a spectrum.
    bundle : Bundle
    absorber : Absorber, optional
        By the energy of the rise where it is not known.
    normalized : bool
        Take mu as normalised already.

    Returns
    -------
    batches : list of PreparedBatch
        Of a few hundred each.
    errors : dict of int to XnetError
        For the rows that are in none of them.
    """
    grids, batches = Grids.shared(energy), []
    errors: dict[int, XnetError] = {}
    for start in range(0, len(mu), ROWS):
        part = mu[start : start + ROWS]
        ready, wrong = _from_mu(grids, part, bundle, [absorber] * len(part), normalized)
        errors |= {start + i: error for i, error in wrong.items()}
        if ready is not None and ready.rows.size:
            batches.append(replace(ready, rows=start + ready.rows))
    return batches, errors


def _model_input(
    batch: PreparedBatch,
    i: int,
    bundle: Bundle,
    label: str,
    mu_source: str,
    warnings: tuple[str, ...],
    energy_shift: float,
) -> ModelInput:
    axis, absorber, recipe = bundle.axis, batch.absorbers[i], batch.recipes[i]
    edge_position = float(batch.edge_position[i])
    return ModelInput(
        label=label,
        element=absorber.element,
        edge=absorber.edge,
        absorber=absorber.number,
        values=batch.values[i],
        energy=axis.energies(edge_position),
        preprocessing={
            "mu": mu_source,
            "normalization": recipe.get("method", "unknown"),
            "e0": float(batch.e0[i]),
            "edge_step": float(batch.edge_step[i]),
            "scale": float(batch.scale[i]),
            "edge_position": edge_position,
            "energy_shift": energy_shift,
            "axis": axis.kind,
            "axis_first": axis.first,
            "axis_last": axis.last,
            "axis_count": axis.count,
        }
        | {key: value for key, value in recipe.items() if key != "method"},
        warnings=warnings + batch.warnings[i],
    )


def prepare_many(
    spectra: Sequence[Spectrum | XnetError], bundle: Bundle, *, normalized: bool = False
) -> list[ModelInput | XnetError]:
    """Take spectra as read to the network's inputs; a bad one does not stop the others.

    Parameters
    ----------
    spectra : sequence of Spectrum or XnetError
        An error is passed through in its place.
    bundle : Bundle
    normalized : bool
        Take mu as normalised already.

    Returns
    -------
    list of ModelInput or XnetError
        In the order given.
    """
    results: dict[int, ModelInput | XnetError] = {}
    waiting: dict[int, _Waiting] = {}
    identified: dict[tuple[Any, ...], Absorber | None] = {}
    for i, spectrum in enumerate(spectra):
        if isinstance(spectrum, XnetError):
            results[i] = spectrum
            continue
        try:
            waiting[i] = _taken_up(spectrum, bundle, identified)
        except XnetError as error:
            results[i] = error
    for members in _batches(waiting):
        some = [waiting[i] for i in members]
        alike = all(one.grid == some[0].grid for one in some)
        grids = Grids.shared(some[0].energy) if alike else Grids.each([one.energy for one in some])
        absorbers = [one.absorber for one in some]
        batch, errors = _from_mu(grids, held([one.mu for one in some]), bundle, absorbers, normalized)
        results |= {members[row]: error for row, error in errors.items()}
        for k, row in enumerate([] if batch is None else batch.rows.tolist()):
            assert batch is not None
            spectrum = some[row].spectrum
            results[members[row]] = _model_input(
                batch,
                k,
                bundle,
                spectrum.label,
                spectrum.mu_source,
                spectrum.warnings,
                spectrum.energy_shift,
            )
    return [results[i] for i in range(len(spectra))]


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A spectrum that can be one, its arrays as numbers, and its absorber where something says it."""

    spectrum: Spectrum
    energy: FloatArray
    mu: FloatArray
    grid: bytes
    absorber: Absorber | None


def _taken_up(
    spectrum: Spectrum, bundle: Bundle, identified: dict[tuple[Any, ...], Absorber | None]
) -> _Waiting:
    """Take up one spectrum; `identified` are those before it, by what tells their absorbers."""
    energy = np.asarray(spectrum.energy, dtype=np.float64)
    grid = energy.tobytes()
    told = (grid, spectrum.element, spectrum.edge)
    if told not in identified:
        identified[told] = identify(spectrum, bundle)
    mu = np.asarray(spectrum.mu, dtype=np.float64)
    if energy.ndim != 1 or energy.shape != mu.shape or not energy.size:
        check_spectrum(energy, mu)
    return _Waiting(spectrum, energy, mu, grid, identified[told])


def _batches(waiting: dict[int, _Waiting]) -> Iterator[list[int]]:
    """Which spectra go through the steps together: of one grid, or of grids about as long."""
    alike: dict[bytes, list[int]] = {}
    for i, one in waiting.items():
        alike.setdefault(one.grid, []).append(i)
    for members in alike.values():
        if len(members) >= SHARED:
            yield from (members[start : start + ROWS] for start in range(0, len(members), ROWS))
    others = [i for members in alike.values() if len(members) < SHARED for i in members]
    batch: list[int] = []
    for i in sorted(others, key=lambda i: waiting[i].energy.size):
        size = waiting[i].energy.size
        if batch and (
            len(batch) == ROWS
            or (len(batch) + 1) * size > POINTS
            or size > LONGER * waiting[batch[0]].energy.size
        ):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def prepare(spectrum: Spectrum, bundle: Bundle, *, normalized: bool = False) -> ModelInput:
    """Take a spectrum as read to the network's input.

    Parameters
    ----------
    spectrum : Spectrum
    bundle : Bundle
    normalized : bool
        Take mu as normalised already.

    Returns
    -------
    ModelInput

    Raises
    ------
    SpectrumError
        If it is not a usable spectrum of the bundle's edge.
    """
    (result,) = prepare_many([spectrum], bundle, normalized=normalized)
    if isinstance(result, XnetError):
        raise result
    return result


def prepare_normalized(
    normalized: NormalizedSpectrum,
    bundle: Bundle,
    *,
    absorber: Absorber | None = None,
    label: str = "spectrum",
    mu_source: str = "mu as given",
) -> ModelInput:
    """Take a normalised spectrum, Larch's or ours, to the network's input.

    Parameters
    ----------
    normalized : NormalizedSpectrum
    bundle : Bundle
    absorber : Absorber, optional
        By the energy of the rise where it is not known.
    label, mu_source : str
        For the output.

    Returns
    -------
    ModelInput

    Raises
    ------
    SpectrumError
        If the edge is not the bundle's, or the axis is not covered.
    """
    batch, errors = _prepared(np.zeros(1, dtype=np.int64), NormalizedBatch.of(normalized), bundle, [absorber])
    for error in errors.values():
        raise error
    return _model_input(batch, 0, bundle, label, mu_source, (), 0.0)
