"""Which kind of atoms the first shell is made of, with probabilities (not in the paper).

Lighter and heavier atoms scatter differently, and lie at different distances with
different shells behind them; the predicted curve holds enough of it.
"""

from __future__ import annotations

import numpy as np

from ..bundle.statistics import SHELL_KINDS, ShellKinds
from ..prediction import ShellKind
from ..spectrum import FloatArray

__all__ = ["kinds_of", "probabilities_of", "regressors_of"]


def kinds_of(shell_kinds: ShellKinds, mean: FloatArray) -> list[tuple[ShellKind, ...]]:
    """What the atoms of each first shell are.

    Parameters
    ----------
    shell_kinds : ShellKinds
    mean : ndarray of float64, shape (batch, n)
        Predicted G2.

    Returns
    -------
    list of tuple of ShellKind, length batch
        The most probable first.
    """
    return [
        tuple(
            ShellKind(name, round(probability, 4))
            for probability, name in sorted(zip(row, SHELL_KINDS, strict=True), key=lambda one: -one[0])
        )
        for row in probabilities_of(shell_kinds, mean).tolist()
    ]


def probabilities_of(shell_kinds: ShellKinds, mean: FloatArray) -> FloatArray:
    """Probability of each kind of first shell.

    Parameters
    ----------
    shell_kinds : ShellKinds
    mean : ndarray of float64, shape (batch, n)
        Predicted G2.

    Returns
    -------
    ndarray of float64, shape (batch, 3)
        In the order of `xnet_onnx.bundle.statistics.SHELL_KINDS`; rows add up to 1.
    """
    scores = regressors_of(mean) @ shell_kinds.weights.T + shell_kinds.bias
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def regressors_of(mean: FloatArray) -> FloatArray:
    """What the weights of the kinds are fitted to: the square root of G2, of the same shape."""
    return np.sqrt(np.maximum(mean, 0.0))
