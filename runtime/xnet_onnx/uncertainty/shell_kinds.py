"""Which kind of atoms the first shell is made of, with probabilities (not in the paper).

Lighter and heavier atoms scatter differently, and lie at different distances with
different shells behind them; the predicted curve holds enough of it.
"""

from __future__ import annotations

import numpy as np

from ..bundle.statistics import ShellKinds
from ..spectrum import FloatArray

__all__ = ["probabilities_of"]


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
    scores = np.sqrt(np.maximum(mean, 0.0)) @ shell_kinds.weights.T + shell_kinds.bias
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
