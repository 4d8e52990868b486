"""Step 2 for one spectrum or many: from a spectrum as read to the network's input.

Spectra of one energy grid (a map, a series of scans) go through each step
together; a spectrum of its own grid is a batch of one.
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
from ..spectrum import FloatArray, ModelInput, NormalizedBatch, NormalizedSpectrum, Spectrum
from .align import align
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


def _finish(
    rows: npt.NDArray[np.int64], normalized: NormalizedBatch, bundle: Bundle, absorber: Absorber | None
) -> tuple[PreparedBatch | None, dict[int, XnetError]]:
    """Check the edges of a batch and align it; errors by the numbers in `rows`."""
    try:
        absorber = absorber_at(normalized.e0, bundle) if absorber is None else absorber
    except XnetError as error:
        return None, dict.fromkeys(rows.tolist(), error)
    warnings, wrong = check_edges(normalized, bundle, absorber)
    kept = np.array([i for i in range(rows.size) if i not in wrong], dtype=np.int64)
    try:
        normalized, mu = subtracted(normalized, bundle.axis)
    except XnetError as error:
        return None, dict.fromkeys(rows.tolist(), error)
    aligned = align(normalized.energy, mu[kept], bundle.axis, near=normalized.e0)
    errors: dict[int, XnetError] = {int(rows[i]): error for i, error in wrong.items()}
    errors |= {int(rows[kept[i]]): error for i, error in aligned.errors.items()}
    good = np.array([i for i in range(kept.size) if i not in aligned.errors], dtype=np.int64)
    kept = kept[good]
    ready = PreparedBatch(
        rows=rows[kept],
        values=aligned.values[good],
        half_step=aligned.half_step[good],
        scale=aligned.scale[good],
        e0=normalized.e0,
        edge_step=normalized.edge_step[kept],
        absorber=absorber,
        recipe=normalized.recipe,
        warnings=[(*normalized.warnings, *warnings[i]) for i in kept],
    )
    return ready, errors


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
    found, errors = (as_normalized_many if normalized else normalize_many)(energy, mu)
    every: dict[int, XnetError] = dict(errors)
    batches = []
    for rows, batch in found:
        ready, wrong = _finish(rows, batch, bundle, absorber)
        every.update(wrong)
        if ready is not None and ready.rows.size:
            batches.append(ready)
    return batches, every


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
        batches, errors = prepare_rows(energy, mu, bundle, absorber=absorber, normalized=normalized)
        for row, wrong in errors.items():
            results[members[row]] = wrong
        for batch in batches:
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
    batch, errors = _finish(np.zeros(1, dtype=np.int64), NormalizedBatch.of(normalized), bundle, absorber)
    for error in errors.values():
        raise error
    assert batch is not None
    return _model_input(batch, 0, bundle, label, mu_source, (), 0.0)
