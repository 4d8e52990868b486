"""Training spectra made to look measured ("The energy axis" in docs/design.md).

Theory is sharper than experiment, the more so the further above the edge, and
its energy scale is a little short. Broadening and alignment go together: a
broadened spectrum has another half-step energy, and the runtime aligns a
measured one on its own. So each spectrum is broadened in several ways
beforehand, aligned by the runtime's own code, and kept on a grid a little wider
than the axis; training then draws one of these variants and reads it at shifted
and stretched energies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnet_onnx.numerics import FWHM_TO_SIGMA, gaussian_kernel
from xnet_onnx.preprocess.align import align
from xnet_onnx.spectrum import EnergyAxis, FloatArray

from ..data.sets import Row
from .presets import Augmentation

__all__ = ["augment", "broaden", "spectrum_bank"]

STEP = 0.1
#: Points kept below and above the axis, for shifts and stretches to read from.
MARGIN_BELOW, MARGIN_ABOVE = 40, 64
MAX_SHIFT = 2.0
STRETCH_RANGE = (0.9, 1.2)
#: Energy above the edge at which the damping has its full width, in eV.
DAMPING_RANGE = 30.0
LEVELS = 9


def _convolve(values: FloatArray, fwhm: float) -> FloatArray:
    """Convolve values on the 0.1 eV grid with a Gaussian; the ends are held."""
    if fwhm * FWHM_TO_SIGMA < 0.1 * STEP:
        return values
    kernel = gaussian_kernel(fwhm, STEP)
    return np.convolve(np.pad(values, kernel.size // 2, mode="edge"), kernel, mode="valid")


def broaden(
    energy: FloatArray,
    mu: FloatArray,
    fwhm: float,
    damping: float = 0.0,
    edge: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Convolve a spectrum with a Gaussian that may widen above the edge.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        Photon energy in eV and absorption; the ends are held.
    fwhm : float
        Full width at half maximum in eV, at and below the edge.
    damping : float
        Further width in eV, added in quadrature, 30 eV above the edge; it grows
        in proportion to the energy above the edge.
    edge : float
        Where the edge is, in eV; not used without damping.

    Returns
    -------
    energy, mu : ndarray of float64, shape (m,)
        On a uniform grid of 0.1 eV; the input itself when both widths are 0.
    """
    if fwhm == 0.0 and damping == 0.0:
        return energy, mu
    grid = energy[0] + STEP * np.arange(int((energy[-1] - energy[0]) / STEP + 1e-9) + 1)
    values = np.interp(grid, energy, mu)
    if damping == 0.0:
        return grid, _convolve(values, fwhm)
    width = np.hypot(fwhm, damping * np.clip((grid - edge) / DAMPING_RANGE, 0.0, 1.5))
    # A width for each energy, by interpolation between a few convolutions.
    levels = np.linspace(float(width.min()), float(width.max()), LEVELS)
    stack = np.array([_convolve(values, float(level)) for level in levels])
    position = (width - levels[0]) / (levels[1] - levels[0])
    lower = np.minimum(position.astype(int), LEVELS - 2)
    fraction = position - lower
    columns = np.arange(grid.size)
    return grid, (1.0 - fraction) * stack[lower, columns] + fraction * stack[lower + 1, columns]


def spectrum_bank(
    rows: Sequence[Row],
    origins: FloatArray,
    axis: EnergyAxis,
    augmentation: Augmentation,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Every spectrum in several sharpnesses, aligned, with a margin to shift in.

    Parameters
    ----------
    rows : sequence of Row, length n
    origins : ndarray of float64, shape (n,)
        Half-step energy of each in eV.
    axis : EnergyAxis
    augmentation : Augmentation
        `variants` is v.
    seed : int
        Of the widths drawn.

    Returns
    -------
    ndarray of float32, shape (n, v, axis.count + margins)
        The first variant is the spectrum itself. Where the calculation does not
        reach the margin, its last value is held.
    """
    rng = np.random.default_rng([seed, 4])
    wide = axis.first + axis.step * np.arange(-MARGIN_BELOW, axis.count + MARGIN_ABOVE)
    bank = np.empty((len(rows), augmentation.variants, wide.size), dtype=np.float32)
    for i, row in enumerate(rows):
        for j in range(augmentation.variants):
            fwhm = damping = 0.0
            if j > 0:
                fwhm = float(rng.uniform(0.0, augmentation.broadening))
                damping = float(rng.uniform(0.0, augmentation.damping))
            energy, mu = broaden(row.energy, row.mu, fwhm, damping, float(origins[i]))
            aligned = align(energy, mu[np.newaxis], axis)
            origin = float(aligned.half_step[0]) if axis.kind == "edge" else 0.0
            bank[i, j] = np.interp(wide + origin, energy, mu) / aligned.scale[0]
    return bank


def augment(
    bank: Tensor,
    rows: Tensor,
    axis: EnergyAxis,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> Tensor:
    """Draw augmented spectra.

    Parameters
    ----------
    bank : Tensor, shape (n, v, axis.count + margins)
        From `spectrum_bank`.
    rows : Tensor of int64, shape (...)
        Which spectra to draw.
    axis : EnergyAxis
        An `edge` axis.
    augmentation : Augmentation
    generator : torch.Generator

    Returns
    -------
    Tensor of float32, shape (..., axis.count)
    """
    chosen = rows.flatten()
    n = chosen.numel()

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    energy = torch.from_numpy(axis.energies().astype(np.float32))
    variant = torch.randint(bank.shape[1], (n,), generator=generator)
    stretch = (augmentation.stretch_mean + augmentation.stretch * normal(n, 1)).clamp(*STRETCH_RANGE)
    shift = (augmentation.shift * normal(n, 1)).clamp(-MAX_SHIFT, MAX_SHIFT)
    position = (energy / stretch + shift - axis.first) / axis.step + MARGIN_BELOW
    position = position.clamp(0, bank.shape[2] - 1.001)
    lower = position.long()
    wide = bank.view(-1, bank.shape[2])[chosen * bank.shape[1] + variant]
    spectra = torch.lerp(wide.gather(1, lower), wide.gather(1, lower + 1), position - lower)
    # A wrong edge step scales all of it; a wrong post-edge line tilts what lies above the edge.
    ramp = (energy / energy[-1]).clamp(min=0.0)
    scale = 1.0 + augmentation.scale * normal(n, 1) + augmentation.slope * normal(n, 1) * ramp
    noise = augmentation.noise * torch.rand(n, 1, generator=generator)
    spectra = spectra * scale + noise * normal(n, axis.count)
    return spectra.view(*rows.shape, axis.count)
