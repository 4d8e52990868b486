"""A look at a part of the stack before the long work: is it this edge at all, and how high is it?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..bundle.load import Bundle
from ..errors import EdgeError, SpectrumError, XnetError
from ..preprocess.edge import absorber_of
from ..preprocess.prepare import prepare
from ..spectrum import FloatArray, Spectrum
from .screening import step_weights, usable, visible
from .stack import BoolArray, Stack, reading, spectra_of

__all__ = ["Survey", "survey"]

SAMPLE_BYTES = 32 * 1024 * 1024
SAMPLE_PIXELS = 4096
BLOCK = 1024
#: Pixels with an edge that are enough to speak for the stack.
ENOUGH = 20


@dataclass(frozen=True)
class Survey:
    """What the sample of a stack says about the whole.

    Parameters
    ----------
    element : str
        The absorber.
    e0 : float
        Of the mean spectrum, in eV.
    typical_step : float
        Edge that 95 % of the sampled pixels with an edge stay below, in units of mu.
    sample : str
        SHA-256 of the sampled spectra.
    """

    element: str
    e0: float
    typical_step: float
    sample: str


def survey(stack: Stack, mask: BoolArray | None, bundle: Bundle, normalized: bool = False) -> Survey:
    """Look at up to 32 MB of the stack, and refuse one that cannot be predicted.

    Where no pixel in that part has an edge, the rest is looked at too: a grain can
    be small in its field of view.

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
        If the mean spectrum of the pixels with an edge is refused, for its
        reason; if no pixel has usable numbers.
    """
    shape = Spectrum(stack.energy, np.zeros_like(stack.energy), stack.label, stack.element, stack.edge)
    try:
        edge_energy = absorber_of(shape, bundle).energy
    except XnetError as error:
        raise type(error)(f"{stack.label}, the mean spectrum: {error}") from error
    digest, steps, mu = _look(stack, mask, edge_energy)
    if not len(mu):
        raise SpectrumError(
            f"{stack.label}: every pixel looked at is masked, constant, or holds NaN or infinity; expected "
            "absorption spectra: is it the right data set and mask?"
        )
    typical = float(np.percentile(steps, 95.0))
    chosen = (steps >= 0.5 * typical) & (steps <= 1.2 * typical)
    mean = mu[chosen if chosen.any() else slice(None)].mean(axis=0)
    spectrum = Spectrum(stack.energy, mean, stack.label, stack.element, stack.edge)
    try:
        inputs = prepare(spectrum, bundle, normalized=normalized)
    except XnetError as error:
        raise type(error)(f"{stack.label}, the mean spectrum: {error}") from error
    e0 = float(inputs.preprocessing["e0"])
    typical = float(np.percentile(mu @ step_weights(stack.energy, e0), 95.0))
    if not typical > 0.0:
        raise EdgeError(
            f"{stack.label}: mu does not rise at {e0:.1f} eV in more than 5 % of the pixels; expected "
            "absorption, which rises at the edge: are these transmitted intensities? Give ln(I0/I)"
        )
    return Survey(inputs.element, e0, typical, digest)


def _look(stack: Stack, mask: BoolArray | None, edge_energy: float) -> tuple[str, FloatArray, FloatArray]:
    """Read evenly spaced rows, and others between them while no pixel with an edge is found.

    Returns a hash of the first rows, the height of the edge (k,) and the spectra
    (k, n) of up to 4096 pixels that have one; of any pixels where none has.
    """
    height, width = stack.image
    every = -(-height // min(height, max(1, SAMPLE_BYTES // (width * stack.pixel_bytes))))
    digest, steps, spectra = "", [np.zeros(0)], [np.zeros((0, stack.energy.size))]
    others_steps, others = steps[:1], spectra[:1]
    with reading(stack) as read:
        # From the middle of the gaps, so that the border is not all that is seen of a small stack.
        for start in np.roll(np.arange(every), -(every // 2)).tolist():
            rows = slice(start, None, every)
            block = read(rows, slice(0, width))
            digest = digest or hashlib.sha256(np.ascontiguousarray(block).tobytes()).hexdigest()
            flat = block.reshape(block.shape[0], -1, 1)
            left_out = np.zeros(flat.shape[1], bool) if mask is None else mask[rows].reshape(-1)
            for first in range(0, flat.shape[1], BLOCK):
                mu = spectra_of(flat[:, first : first + BLOCK], stack)
                mu = mu[usable(mu) & ~left_out[first : first + BLOCK]]
                step, seen = visible(mu, stack.energy, edge_energy, 0.0)
                thin = max(1, flat.shape[1] // SAMPLE_PIXELS)
                steps, spectra = [*steps, step[seen][::thin]], [*spectra, mu[seen][::thin]]
                if sum(map(len, others)) < BLOCK:
                    others_steps, others = [*others_steps, step[~seen][::thin]], [*others, mu[~seen][::thin]]
            if sum(map(len, steps)) >= ENOUGH:
                break
    if sum(map(len, steps)):
        return digest, np.concatenate(steps), np.concatenate(spectra)
    return digest, np.concatenate(others_steps), np.concatenate(others)
