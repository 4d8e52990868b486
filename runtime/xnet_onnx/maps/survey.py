"""A look at a part of the stack before the long work: is it this edge at all, and how high is it?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..bundle import Bundle
from ..errors import EdgeError, SpectrumError, XnetError
from ..prediction import prepare
from ..spectrum import FloatArray, Spectrum
from .screening import step_weights, usable
from .stack import BoolArray, Stack, reading, spectra_of

__all__ = ["Survey", "survey"]

SAMPLE_BYTES = 32 * 1024 * 1024
SAMPLE_PIXELS = 4096


@dataclass(frozen=True)
class Survey:
    """What the sample of a stack says about the whole.

    Parameters
    ----------
    e0 : float
        Of the mean spectrum, in eV.
    typical_step : float
        Edge that 95 % of the sampled pixels stay below, in units of mu.
    sample : str
        SHA-256 of the sampled spectra.
    """

    e0: float
    typical_step: float
    sample: str


def survey(stack: Stack, mask: BoolArray | None, bundle: Bundle, normalized: bool = False) -> Survey:
    """Look at up to 4096 pixels, and refuse a stack that cannot be predicted.

    Parameters
    ----------
    stack : Stack
    mask : ndarray of bool, optional
        True where a pixel is left out.
    bundle : Bundle
    normalized : bool
        Take mu as normalised already.

    Returns
    -------
    Survey

    Raises
    ------
    SpectrumError
        If the mean spectrum of the pixels with the higher edges is refused, for its
        reason; if no pixel has usable numbers.
    """
    mu, digest = _sample(stack, mask)
    if not len(mu):
        raise SpectrumError(
            f"{stack.label}: every pixel looked at is masked, constant, or holds NaN or infinity; expected "
            "absorption spectra: is it the right data set and mask?"
        )
    mean = _mean_of_the_higher(mu, stack.energy, bundle.edge_energy)
    spectrum = Spectrum(stack.energy, mean, stack.label, stack.element, stack.edge)
    try:
        inputs = prepare(spectrum, bundle, normalized=normalized)
    except XnetError as error:
        raise type(error)(f"{stack.label}, the mean spectrum: {error}") from error
    e0 = float(inputs.preprocessing["e0"])
    steps = mu @ step_weights(stack.energy, e0)
    typical = float(np.percentile(steps, 95.0))
    if not typical > 0.0:
        raise EdgeError(
            f"{stack.label}: mu does not rise at {e0:.1f} eV in more than 5 % of the pixels; expected "
            "absorption, which rises at the edge: are these transmitted intensities? Give ln(I0/I)"
        )
    return Survey(e0, typical, digest)


def _sample(stack: Stack, mask: BoolArray | None) -> tuple[FloatArray, str]:
    """Spectra of evenly spaced pixels, (k, n), and a hash of all that were read."""
    height, width = stack.image
    rows = min(height, max(1, SAMPLE_BYTES // (width * stack.pixel_bytes)))
    columns = min(width, max(1, SAMPLE_BYTES // stack.pixel_bytes))
    down, across = -(-height // rows), -(-width // columns)
    picked_rows = slice(down // 2, None, down)
    with reading(stack) as read:
        block = read(picked_rows, slice(0, width) if across == 1 else slice(0, columns))
    digest = hashlib.sha256(np.ascontiguousarray(block).tobytes()).hexdigest()
    thin = max(1, -(-block.shape[1] * block.shape[2] // SAMPLE_PIXELS))
    picked = np.arange(0, block.shape[1] * block.shape[2], thin)
    mu = spectra_of(block.reshape(block.shape[0], -1, 1)[:, picked], stack)
    good = usable(mu)
    if mask is not None:
        good &= ~mask[picked_rows, : block.shape[2]].reshape(-1)[picked]
    return mu[good], digest


def _mean_of_the_higher(mu: FloatArray, energy: FloatArray, edge_energy: float) -> FloatArray:
    """Mean spectrum of the pixels above the median edge, without the outliers at the top."""
    steps = mu @ step_weights(energy, edge_energy)
    low, high = np.percentile(steps, [50.0, 98.0])
    chosen = (steps >= low) & (steps <= high)
    mean: FloatArray = mu[chosen].mean(axis=0)
    return mean
