"""Strain and rattle, as heat and impurities make them."""

from __future__ import annotations

import numpy as np

from xnet_onnx.spectrum import FloatArray

from .cluster import RADIUS, IntArray

__all__ = ["rattled"]


def rattled(
    numbers: IntArray, positions: FloatArray, rng: np.random.Generator, most: int = 105
) -> tuple[IntArray, FloatArray] | None:
    """Strain a cluster by 0.01, rattle it by 0.02 Angstrom, and cut it at `RADIUS`.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        Atomic numbers, the absorber's first.
    positions : ndarray of float64, shape (n, 3)
        In Angstrom; the absorber is at the origin.
    rng : numpy.random.Generator
    most : int
        Atoms of a cluster: its calculation takes the third power of their number.

    Returns
    -------
    numbers, positions : ndarray, or None
        None where atoms come too near, or the cluster is an odd one.
    """
    positions = positions * (1 + rng.normal(0, 0.01)) + rng.normal(0, 0.02, positions.shape)
    positions[0] = 0
    distance = np.linalg.norm(positions, axis=1)
    near = distance <= RADIUS
    numbers, positions, distance = numbers[near], positions[near], distance[near]
    heavy = numbers > 1
    if not 10 <= len(numbers) <= most or len(set(numbers.tolist())) > 9:
        return None
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2) + 9 * np.eye(len(numbers))
    if distance[1:].min() < 0.9 or (heavy[1:] & (distance[1:] < 1.45)).any():
        return None
    if apart.min() < 0.6 or apart[np.ix_(heavy, heavy)].min() < 1.05:
        return None
    return numbers, positions
