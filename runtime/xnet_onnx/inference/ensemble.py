"""Run the members."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..bundle.load import ENSEMBLE, FIRST_MEMBER, Bundle
from ..bundle.wire import ROWS
from ..errors import BundleError, SpectrumError
from ..spectrum import FloatArray
from .session import open_session, run_model
from .trial import try_models

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["open_session", "run_ensemble", "run_first_member", "run_session", "run_with_features"]


@lru_cache(maxsize=4)
def _session(bundle: Bundle, threads: int) -> onnxruntime.InferenceSession:
    shape, expected = (bundle.members, bundle.r.size), ["g2", "features"]
    return _opened(bundle, ENSEMBLE, bundle.model, shape, (expected[:1], expected), threads)


@lru_cache(maxsize=4)
def _first_member(bundle: Bundle, threads: int) -> onnxruntime.InferenceSession:
    return _opened(bundle, FIRST_MEMBER, bundle.first_member, (bundle.r.size,), (["g2"],), threads)


def _opened(
    bundle: Bundle,
    name: str,
    model: bytes,
    shape: tuple[int, ...],
    outputs: tuple[list[str], ...],
    threads: int,
) -> onnxruntime.InferenceSession:
    """Open a model of a bundle, after a trial run where it is a stranger's."""
    numbers = [one.number for one in bundle.absorbers]
    try_models(bundle.path, {name: (model, shape)}, bundle.axis.count, numbers)
    session = open_session(model, threads)
    _check_ports(session, bundle.path / name, outputs)
    return session


def _check_ports(session: onnxruntime.InferenceSession, path: Path, outputs: tuple[list[str], ...]) -> None:
    taken = [(port.name, port.type) for port in session.get_inputs()]
    with_absorber = [("spectrum", "tensor(float)"), ("absorber", "tensor(int64)")]
    given = [(port.name, port.type) for port in session.get_outputs()]
    float32 = "tensor(float)"
    if taken not in (with_absorber[:1], with_absorber) or given not in [
        [(n, float32) for n in names] for names in outputs
    ]:
        raise BundleError(
            f"{path} takes {taken} and gives {given}; expected 'spectrum' (and "
            "'absorber' in int64) and 'g2' (the ensemble with 'features') in float32: export the bundle again"
        )


def run_session(
    session: onnxruntime.InferenceSession,
    spectra: npt.NDArray[np.float32],
    absorbers: npt.NDArray[np.int64],
) -> list[npt.NDArray[np.float32]]:
    """Run a model on any number of spectra.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    spectra : ndarray of float32, shape (batch, axis.count)
    absorbers : ndarray of int64, shape (batch,)
        Atomic numbers; left out for a model that does not take them.

    Returns
    -------
    list of ndarray of float32
        Its outputs.

    Raises
    ------
    SpectrumError
        If an input is not finite.
    BundleError
        If the model fails on them.
    """
    if not np.all(np.isfinite(spectra)):
        raise SpectrumError("the model input holds NaN or infinity; expected finite numbers")
    starts = range(0, max(1, len(spectra)), ROWS)
    given: dict[str, npt.NDArray[Any]] = {"spectrum": spectra, "absorber": absorbers}
    parts = [
        run_model(session, {name: values[start : start + ROWS] for name, values in given.items()})
        for start in starts
    ]
    return parts[0] if len(parts) == 1 else [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _check_shape(output: npt.NDArray[np.float32], expected: tuple[int, ...], path: Path) -> None:
    if not np.all(np.isfinite(output)):
        raise BundleError(f"{path} gives NaN or infinity; expected finite numbers: export the bundle again")
    if output.shape != expected:
        raise BundleError(
            f"{path} gives an array of shape {output.shape}; expected {expected}: export the bundle again"
        )


def run_first_member(
    bundle: Bundle, spectra: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64], threads: int = 1
) -> FloatArray:
    """Predict G2 with the first member alone.

    Parameters
    ----------
    bundle, spectra, absorbers, threads
        As `run_ensemble`.

    Returns
    -------
    ndarray of float64, shape (batch, n)

    Raises
    ------
    SpectrumError, BundleError
        As `run_ensemble`.
    """
    (output,) = run_session(_first_member(bundle, threads), spectra, absorbers)
    _check_shape(output, (len(spectra), bundle.r.size), bundle.path / FIRST_MEMBER)
    return np.asarray(output, dtype=np.float64)


def run_ensemble(
    bundle: Bundle, spectra: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64], threads: int = 1
) -> FloatArray:
    """Predict G2 with every member.

    Parameters
    ----------
    bundle : Bundle
    spectra : ndarray of float32, shape (batch, axis.count)
        Model inputs.
    absorbers : ndarray of int64, shape (batch,)
        Atomic number of each absorber, for a model that takes it.
    threads : int
        Threads inside one operator.

    Returns
    -------
    ndarray of float64, shape (batch, members, n)

    Raises
    ------
    SpectrumError
        If an input is not finite.
    BundleError
        If the model cannot be run or gives another shape.
    """
    members, _ = run_with_features(bundle, spectra, absorbers, threads)
    return members


def run_with_features(
    bundle: Bundle, spectra: npt.NDArray[np.float32], absorbers: npt.NDArray[np.int64], threads: int = 1
) -> tuple[FloatArray, npt.NDArray[np.float32] | None]:
    """Predict G2 with every member, and give one member's last hidden layer.

    Parameters
    ----------
    bundle, spectra, absorbers, threads
        As `run_ensemble`.

    Returns
    -------
    members : ndarray of float64, shape (batch, members, n)
    features : ndarray of float32, shape (batch, f), or None
        None for a bundle without them.

    Raises
    ------
    SpectrumError, BundleError
        As `run_ensemble`.
    """
    output, *features = run_session(_session(bundle, threads), spectra, absorbers)
    _check_shape(output, (len(spectra), bundle.members, bundle.r.size), bundle.path / ENSEMBLE)
    return np.asarray(output, dtype=np.float64), features[0] if features else None
