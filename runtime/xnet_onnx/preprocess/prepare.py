"""Step 2 for one spectrum or many: from a spectrum as read to the network's input.

Spectra of one energy grid (a map, a series of scans) go through each step
together; a spectrum of its own grid is normalised and checked by itself, and
aligned with the others that have as many points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bundle.load import Bundle
from ..edges import Absorber
from ..errors import XnetError
from ..spectrum import EnergyAxis, FloatArray, ModelInput, NormalizedBatch, NormalizedSpectrum, Spectrum
from .align import Aligned, align
from .edge import absorber_at, check_edges, identify
from .normalize import as_normalized_many, check_spectrum, normalize_many, subtracted

__all__ = ["PreparedBatch", "prepare", "prepare_many", "prepare_normalized", "prepare_rows"]


@dataclass(frozen=True, eq=False)
class PreparedBatch:
    """Spectra of one energy grid and one e0, made ready for the network.

    Parameters
    ----------
    rows : ndarray of int64, shape (k,)
        Which of the spectra given they are.
    values : ndarray of float32, shape (k, axis.count)
        The network's inputs.
    half_step : ndarray of float64, shape (k,)
        Half-step energies in eV.
    scale : ndarray of float64, shape (k,)
        What `align` divided by.
    e0 : float
        In eV.
    edge_step : ndarray of float64, shape (k,)
    absorber : Absorber
    recipe : dict
        The normalisation's, as in `NormalizedSpectrum`.
    warnings : list of tuple of str, length k
    """

    rows: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    half_step: FloatArray
    scale: FloatArray
    e0: float
    edge_step: FloatArray
    absorber: Absorber
    recipe: dict[str, Any]
    warnings: list[tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class _Checked:
    """Spectra whose edges have been checked, before they are aligned: numbers of theirs, mu (k, n)."""

    rows: npt.NDArray[np.int64]
    normalized: NormalizedBatch
    mu: FloatArray
    edge_step: FloatArray
    absorber: Absorber
    warnings: list[tuple[str, ...]]


def _check(
    rows: npt.NDArray[np.int64], normalized: NormalizedBatch, bundle: Bundle, absorber: Absorber | None
) -> tuple[_Checked | None, dict[int, XnetError]]:
    """Check the edges of a batch, and take off what is not aligned; errors by the numbers in `rows`."""
    try:
        absorber = absorber_at(normalized.e0, bundle) if absorber is None else absorber
        warnings, wrong = check_edges(normalized, bundle, absorber)
        normalized, mu = subtracted(normalized, bundle.axis)
    except XnetError as error:
        return None, dict.fromkeys(rows.tolist(), error)
    kept = np.array([i for i in range(rows.size) if i not in wrong], dtype=np.int64)
    errors: dict[int, XnetError] = {int(rows[i]): error for i, error in wrong.items()}
    said = [(*normalized.warnings, *warnings[i]) for i in kept]
    return _Checked(rows[kept], normalized, mu[kept], normalized.edge_step[kept], absorber, said), errors


def _align(checked: Sequence[_Checked], axis: EnergyAxis) -> list[Aligned]:
    """Align batches; those of one spectrum each, on grids of as many points, together."""
    done: list[Aligned | None] = [None] * len(checked)
    lone: dict[int, list[int]] = {}
    for i, one in enumerate(checked):
        if len(one.mu) == 1:
            lone.setdefault(one.mu.shape[1], []).append(i)
    for places in lone.values():
        if len(places) > 1:
            several = [checked[i] for i in places]
            aligned = align(
                np.stack([one.normalized.energy for one in several]),
                np.concatenate([one.mu for one in several]),
                axis,
                near=np.array([one.normalized.e0 for one in several]),
            )
            for row, i in enumerate(places):
                done[i] = aligned.one(row)
    return [
        align(one.normalized.energy, one.mu, axis, near=one.normalized.e0) if found is None else found
        for one, found in zip(checked, done, strict=True)
    ]


def _ready(checked: _Checked, aligned: Aligned) -> tuple[PreparedBatch, dict[int, XnetError]]:
    """What could be aligned; errors by the numbers in `rows`."""
    errors: dict[int, XnetError] = {int(checked.rows[i]): error for i, error in aligned.errors.items()}
    good = np.array([i for i in range(checked.rows.size) if i not in aligned.errors], dtype=np.int64)
    ready = PreparedBatch(
        rows=checked.rows[good],
        values=aligned.values[good],
        half_step=aligned.half_step[good],
        scale=aligned.scale[good],
        e0=checked.normalized.e0,
        edge_step=checked.edge_step[good],
        absorber=checked.absorber,
        recipe=checked.normalized.recipe,
        warnings=[checked.warnings[i] for i in good],
    )
    return ready, errors


def _checked_rows(
    energy: FloatArray, mu: FloatArray, bundle: Bundle, absorber: Absorber | None, normalized: bool
) -> tuple[list[_Checked], dict[int, XnetError]]:
    """Normalise and check spectra of one energy grid."""
    found, errors = (as_normalized_many if normalized else normalize_many)(energy, mu)
    every: dict[int, XnetError] = dict(errors)
    checked = []
    for rows, batch in found:
        one, wrong = _check(rows, batch, bundle, absorber)
        every.update(wrong)
        if one is not None:
            checked.append(one)
    return checked, every


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
        One for each e0.
    errors : dict of int to XnetError
        For the rows that are in none of them.
    """
    checked, errors = _checked_rows(energy, mu, bundle, absorber, normalized)
    batches = []
    for one, aligned in zip(checked, _align(checked, bundle.axis), strict=True):
        ready, wrong = _ready(one, aligned)
        errors.update(wrong)
        if ready.rows.size:
            batches.append(ready)
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
    axis = bundle.axis
    half_step = float(batch.half_step[i])
    return ModelInput(
        label=label,
        element=batch.absorber.element,
        edge=batch.absorber.edge,
        absorber=batch.absorber.number,
        values=batch.values[i],
        energy=axis.energies(half_step),
        preprocessing={
            "mu": mu_source,
            "normalization": batch.recipe.get("method", "unknown"),
            "e0": batch.e0,
            "edge_step": float(batch.edge_step[i]),
            "scale": float(batch.scale[i]),
            "half_step_energy": half_step,
            "energy_shift": energy_shift,
            "axis": axis.kind,
            "axis_first": axis.first,
            "axis_last": axis.last,
            "axis_count": axis.count,
        }
        | {key: value for key, value in batch.recipe.items() if key != "method"},
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
    results: list[ModelInput | XnetError | None] = [None] * len(spectra)
    alike: dict[tuple[Any, ...], list[int]] = {}
    for i, spectrum in enumerate(spectra):
        if isinstance(spectrum, XnetError):
            results[i] = spectrum
            continue
        energy = np.asarray(spectrum.energy)
        shape = np.shape(spectrum.mu)
        # A shape of its own goes through `check_spectrum` alone, which says what is wrong with it.
        grid = (energy.tobytes(), energy.dtype.str) if shape == energy.shape and energy.ndim == 1 else i
        alike.setdefault((grid, spectrum.element, spectrum.edge, spectrum.warnings), []).append(i)
    waiting: list[tuple[list[int], _Checked]] = []
    for (grid, *_), members in alike.items():
        first = spectra[members[0]]
        assert isinstance(first, Spectrum)
        try:
            absorber = identify(first, bundle)
            if isinstance(grid, int):
                check_spectrum(first.energy, first.mu)
        except XnetError as error:
            for i in members:
                results[i] = error
            continue
        energy = np.asarray(first.energy, dtype=np.float64)
        mu = np.array([np.asarray(spectra[i].mu, dtype=np.float64) for i in members])  # type: ignore[union-attr]
        checked, errors = _checked_rows(energy, mu, bundle, absorber, normalized)
        for row, wrong in errors.items():
            results[members[row]] = wrong
        waiting += [(members, one) for one in checked]
    aligned = _align([one for _, one in waiting], bundle.axis)
    for (members, one), found in zip(waiting, aligned, strict=True):
        batch, errors = _ready(one, found)
        for row, wrong in errors.items():
            results[members[row]] = wrong
        for k, row in enumerate(batch.rows.tolist()):
            spectrum = spectra[members[row]]
            assert isinstance(spectrum, Spectrum)
            results[members[row]] = _model_input(
                batch,
                k,
                bundle,
                spectrum.label,
                spectrum.mu_source,
                spectrum.warnings,
                spectrum.energy_shift,
            )
    assert all(result is not None for result in results)
    return [result for result in results if result is not None]


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
    checked, errors = _check(np.zeros(1, dtype=np.int64), NormalizedBatch.of(normalized), bundle, absorber)
    for error in errors.values():
        raise error
    assert checked is not None
    (aligned,) = _align([checked], bundle.axis)
    batch, errors = _ready(checked, aligned)
    for error in errors.values():
        raise error
    return _model_input(batch, 0, bundle, label, mu_source, (), 0.0)
