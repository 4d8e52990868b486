"""Training spectra made to look measured ("The energy axis" in docs/design.md).

Theory is sharper than experiment, the more so the further above the edge, its
energy scale is a little short and its structure a little strong. Of the measured
references, metals look as if broadened by a wide Gaussian; oxides by a narrow one
and, above the edge, by the Lorentzian of a short lifetime. Broadening,
stretch and alignment go together: a broadened spectrum has another edge
position and another mean, and the runtime aligns a measured one on its own. So each
spectrum is distorted in several ways beforehand, aligned by the runtime's own
`align`, and kept on a grid a little wider than the axis; training then draws one
of these variants, shifts it, scales its structure, and adds a curve like what
theory still leaves of measured spectra (`misfit_factor`), and noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnet_onnx.numerics import FWHM_TO_SIGMA, gaussian_kernel
from xnet_onnx.preprocess.align import align
from xnet_onnx.spectrum import EnergyAxis, FloatArray

from ..data.sets import Row
from .presets import Augmentation

__all__ = [
    "GRID",
    "Distortion",
    "amplitude_ramp",
    "augment",
    "broaden",
    "distort",
    "misfit_factor",
    "on_grid",
    "operator_of",
    "spectrum_bank",
]

STEP = 0.1
#: Largest shift in eV: so much is kept below and above the axis.
MAX_SHIFT = 2.0
STRETCH_RANGE = (0.92, 1.13)
#: Energy above the edge at which the damping has its full width, in eV.
DAMPING_RANGE = 30.0
LEVELS = 9
#: Energies from the edge position, in eV, on which spectra are distorted; the ends are held.
GRID = np.arange(-25.0, 75.001, 0.25)
#: Narrowest Gaussian that interpolates on that grid, FWHM in eV.
NARROWEST = 0.3
#: Different distortions that the variants are drawn from, and the share of them that is mild.
DISTORTIONS = 96
MILD, MILD_BROADENING, MILD_DAMPING = 0.2, 3.0, 4.0
#: Share of the distortions with a Lorentzian, the largest Gaussian before it, and the range of energies above
#: the edge over which it widens, in eV.
LIFETIME, LIFETIME_BROADENING, ONSET = 0.5, 4.5, (6.0, 15.0)
#: Where the structure begins to be scaled and where it is scaled in full, in eV above the edge position.
AMPLITUDE_RAMP = (2.0, 8.0)
#: Of what theory leaves of measured spectra, in eV: how far it is correlated, and its period; and energies
#: with its size there beside that at the edge.
MISFIT_LENGTH, MISFIT_PERIOD = 3.5, 10.0
MISFIT_SIZE = ((0.0, 25.0), (1.0, 0.4))
#: Largest curvature of the background over 40 eV, strength of self-absorption and ripple, and range of
#: the heights at which a spectrum is clipped.
CURVATURE, SELF_ABSORPTION, RIPPLE, CLIP = 0.06, 1.0, 0.02, (1.05, 1.5)


@dataclasses.dataclass(frozen=True)
class Distortion:
    """How one calculated spectrum is made to look measured.

    Parameters
    ----------
    broadening : float
        FWHM of a Gaussian in eV, at and below the edge.
    damping : float
        FWHM in eV of what is added above it: a Gaussian, of that width 30 eV
        above the edge, or with an `onset` a Lorentzian.
    stretch : float
        Factor on the energies above the edge.
    amplitude : float
        Factor on the structure above the edge.
    onset : float
        Energy above the edge in eV over which the Lorentzian grows to its width.
    """

    broadening: float
    damping: float
    stretch: float
    amplitude: float = 1.0
    onset: float = 0.0


def distort(
    rows: Sequence[Row], origins: FloatArray, axis: EnergyAxis, distortion: Distortion
) -> npt.NDArray[np.float32]:
    """Make spectra look measured, all in one way.

    Parameters
    ----------
    rows : sequence of Row, length n
    origins : ndarray of float64, shape (n,)
        Edge position of each in eV.
    axis : EnergyAxis
        An `edge` axis.
    distortion : Distortion

    Returns
    -------
    ndarray of float32, shape (n, axis.count)
        Model inputs; as calculated where a spectrum loses its edge.
    """
    plain = on_grid(rows, origins)
    aligned = align(GRID, plain @ operator_of(distortion).T.astype(np.float64), axis)
    lost = np.flatnonzero(np.isnan(aligned.values).any(axis=1))
    values = aligned.values
    if lost.size:
        values[lost] = align(GRID, plain[lost], axis).values
    change = (distortion.amplitude - 1.0) * amplitude_ramp(axis)
    return np.asarray(values + change * (values - 1.0), dtype=np.float32)


def amplitude_ramp(axis: EnergyAxis) -> FloatArray:
    """Give the share to which the structure is scaled at each energy.

    Parameters
    ----------
    axis : EnergyAxis

    Returns
    -------
    ndarray of float64, shape (axis.count,)
    """
    start, full = AMPLITUDE_RAMP
    return np.clip((axis.energies() - start) / (full - start), 0.0, 1.0)


def on_grid(rows: Sequence[Row], origins: FloatArray) -> FloatArray:
    """Put spectra on `GRID`, counted from their own edge positions.

    Parameters
    ----------
    rows : sequence of Row, length n
    origins : ndarray of float64, shape (n,)
        Edge position of each in eV.

    Returns
    -------
    ndarray of float64, shape (n, GRID.size)
    """
    return np.stack(
        [np.interp(GRID + origin, row.energy, row.mu) for row, origin in zip(rows, origins, strict=True)]
    )


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


def operator_of(distortion: Distortion) -> npt.NDArray[np.float32]:
    """Make the matrix that broadens, damps and stretches a spectrum on `GRID`.

    Parameters
    ----------
    distortion : Distortion
        Its amplitude is not in the matrix: it is counted on the axis.

    Returns
    -------
    ndarray of float32, shape (GRID.size, GRID.size)
        To multiply with from the left.
    """
    distance = GRID[:, np.newaxis] / distortion.stretch - GRID
    broadening = max(distortion.broadening, NARROWEST)
    if distortion.onset:
        half = 0.5 * distortion.damping * np.clip(GRID / distortion.onset, 0.0, 1.0)[:, np.newaxis]
        half = np.maximum(half, 0.5 * NARROWEST)
        weights = half**2 / (distance**2 + half**2)
        gaussian = np.exp(-0.5 * ((GRID[:, np.newaxis] - GRID) / (broadening * FWHM_TO_SIGMA)) ** 2)
        weights = weights @ (gaussian / gaussian.sum(axis=1, keepdims=True))
    else:
        width = np.hypot(broadening, distortion.damping * np.clip(GRID / DAMPING_RANGE, 0.0, 1.5))
        weights = np.exp(-0.5 * (distance / (width[:, np.newaxis] * FWHM_TO_SIGMA)) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _distortions(augmentation: Augmentation, rng: np.random.Generator) -> list[Distortion]:
    """Draw the distortions that the variants are drawn from."""
    found = []
    for _ in range(DISTORTIONS):
        mild = rng.uniform() < MILD
        broadening = min(MILD_BROADENING, augmentation.broadening) if mild else augmentation.broadening
        damping = min(MILD_DAMPING, augmentation.damping) if mild else augmentation.damping
        stretch = float(np.clip(rng.normal(augmentation.stretch_mean, augmentation.stretch), *STRETCH_RANGE))
        distortion = Distortion(rng.uniform(0.0, broadening), rng.uniform(0.0, damping), stretch)
        if augmentation.lifetime and rng.uniform() < LIFETIME:
            distortion = Distortion(
                rng.uniform(0.0, min(LIFETIME_BROADENING, augmentation.broadening)),
                rng.uniform(0.0, augmentation.lifetime),
                stretch,
                onset=rng.uniform(*ONSET),
            )
        found.append(distortion)
    return found


def _margin(axis: EnergyAxis) -> int:
    return round(MAX_SHIFT / axis.step) + 1


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
        Edge position of each in eV.
    axis : EnergyAxis
        An `edge` axis.
    augmentation : Augmentation
        `variants` is v.
    seed : int
        Of the distortions drawn.

    Returns
    -------
    ndarray of float32, shape (n, v, axis.count + margins)
        The first variant is the spectrum itself. Where the calculation does not
        reach the margin, its last value is held.
    """
    rng = np.random.default_rng([seed, 4])
    margin = _margin(axis)
    wide = dataclasses.replace(axis, first=axis.first - margin * axis.step, count=axis.count + 2 * margin)
    plain = on_grid(rows, origins)
    bank = np.empty((len(rows), augmentation.variants, wide.count), dtype=np.float32)
    bank[:, 0] = align(GRID, plain, wide).values
    distortions = _distortions(augmentation, rng)
    drawn = rng.integers(DISTORTIONS, size=(len(rows), augmentation.variants))
    drawn[:, 0] = -1
    single = plain.astype(np.float32)
    for number, distortion in enumerate(distortions):
        chosen, variant = np.nonzero(drawn == number)
        if chosen.size == 0:
            continue
        aligned = align(GRID, (single[chosen] @ operator_of(distortion).T).astype(np.float64), wide)
        lost = np.isnan(aligned.values).any(axis=1, keepdims=True)
        bank[chosen, variant] = np.where(lost, bank[chosen, 0], aligned.values)
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
    margin = _margin(axis)
    shift = (augmentation.shift * normal(n) / axis.step).round().long().clamp(-margin, margin)
    windows = bank.view(-1, bank.shape[2]).unfold(1, axis.count, 1)
    spectra = windows[chosen * bank.shape[1] + variant, margin + shift]
    low, high = augmentation.amplitude
    amplitude = low + (high - low) * torch.rand(n, 1, generator=generator)
    ramp = torch.from_numpy(amplitude_ramp(axis).astype(np.float32))
    spectra = spectra + (amplitude - 1.0) * ramp * (spectra - 1.0)
    if augmentation.misfit:
        size = augmentation.misfit * torch.rand(n, 1, generator=generator)
        spectra = spectra + size * (normal(n, axis.count) @ misfit_factor(axis))
    if augmentation.damage:
        spectra = _damaged(spectra, energy, axis, augmentation.damage, generator)
    # A wrong pre-edge line tilts what lies above the edge; the mean over the range of the scale stays.
    tilt = (energy / energy[-1]).clamp(min=0.0)
    tilt = tilt - tilt[_scaled_over(energy, axis)].mean()
    noise = augmentation.noise * torch.rand(n, 1, generator=generator)
    spectra = spectra * (1.0 + augmentation.slope * normal(n, 1) * tilt) + noise * normal(n, axis.count)
    return spectra.view(*rows.shape, axis.count)


@lru_cache(maxsize=4)
def misfit_factor(axis: EnergyAxis) -> Tensor:
    """Turn independent normal numbers into curves like what theory leaves of measured spectra.

    That is wavy, and smaller further above the edge (``benchmarks/theory_gap.py`` prints its size and its
    correlation).

    Parameters
    ----------
    axis : EnergyAxis
        An `edge` axis.

    Returns
    -------
    Tensor of float32, shape (axis.count, axis.count)
        To multiply with from the right; a curve has a standard deviation of 1 at the edge.
    """
    energy = axis.energies()
    apart = energy[:, np.newaxis] - energy
    correlation = np.exp(-0.5 * (apart / MISFIT_LENGTH) ** 2) * np.cos(2.0 * np.pi * apart / MISFIT_PERIOD)
    # A little more on the diagonal: smooth curves of so many points are not independent in double precision.
    factor = np.linalg.cholesky(correlation + 1e-5 * np.eye(axis.count))
    size = np.interp(energy, *MISFIT_SIZE)
    return torch.from_numpy((factor.T * size).astype(np.float32))


def _scaled_over(energy: Tensor, axis: EnergyAxis) -> Tensor:
    """Which points of the axis the scale is the mean of; all of them without a range."""
    low, high = axis.scale_range or (float(energy[0]), float(energy[-1]))
    return (energy >= low - 1e-3) & (energy <= high + 1e-3)


def _damaged(
    spectra: Tensor, energy: Tensor, axis: EnergyAxis, probability: float, generator: torch.Generator
) -> Tensor:
    """Each with that probability: a curved background, self-absorption, clipping, a ripple."""
    n = len(spectra)
    range_of_scale = _scaled_over(energy, axis)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, generator=generator)

    def happens() -> Tensor:
        return (torch.rand(n, 1, generator=generator) < probability).float()

    far = energy / 40.0
    spectra = spectra + happens() * uniform(-CURVATURE, CURVATURE) * (far * far - 1.0 / 3.0)
    strength = happens() * uniform(0.0, SELF_ABSORPTION)
    absorbed = spectra * (1.0 + strength) / (1.0 + strength * spectra.clamp(min=-0.2))
    spectra = absorbed / absorbed[:, range_of_scale].mean(dim=1, keepdim=True)
    clipped = torch.minimum(spectra, uniform(*CLIP))
    spectra = torch.where(happens() > 0.0, clipped, spectra)
    phase = 2.0 * torch.pi * (energy / uniform(6.0, 40.0) + uniform(0.0, 1.0))
    return spectra + happens() * uniform(0.0, RIPPLE) * torch.sin(phase)
