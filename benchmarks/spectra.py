"""Spectra to measure with: noisy mixtures of two simulated ones, as of a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xnet_onnx.spectrum import Spectrum

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "scorodite_simulated.xdi"

__all__ = ["EXAMPLE", "map_spectra"]


def map_spectra(count: int, grids: bool) -> list[Spectrum]:
    """The example and a copy with a lower, shifted white line, mixed; each on its own grid where `grids`."""
    from xnet_onnx.readers import read

    example = read(EXAMPLE)
    energy = np.concatenate(
        [np.arange(7012, 7100, 4.0), np.arange(7100, 7150, 0.4), np.arange(7150, 7260, 2.0)]
    )
    rng = np.random.default_rng(0)
    spectra = []
    for i in range(count):
        share = rng.integers(2)
        x = energy + (0.001 * i if grids else 0.0)
        first = np.interp(x, example.energy, example.mu)
        other = np.interp(x, example.energy - 1.5, example.mu)
        mu = share * first + (1 - share) * 0.5 * (first + other)
        spectra.append(Spectrum(x, 1.3 * mu + rng.normal(0.0, 0.005, x.size), label=str(i)))
    return spectra
