"""Fit the kind of the first shell's atoms to the predicted curve.

A second output of the networks, trained with the first, tells the kind hardly
better than this regression on what they predict anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.bundle.statistics import SHELL_KINDS
from xnet_onnx.edges import SYMBOLS
from xnet_onnx.spectrum import FloatArray
from xnet_onnx.uncertainty.shell_kinds import regressors_of

from ..data.sets import Row
from ..structures.cluster import first_shell

__all__ = ["fit_shell_kinds", "kind_of_shell"]

LIGHT = frozenset(("B", "C", "N", "O", "F"))
HEAVY = frozenset(("Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Sb", "Te", "I", "Xe", "At"))
#: Squares of the weights, relative to the mean log-likelihood.
RIDGE = 1e-4
STEPS = 200
UNKNOWN = -1


def kind_of_shell(row: Row) -> int:
    """Which of `xnet_onnx.bundle.statistics.SHELL_KINDS` most atoms of the first shell are.

    Parameters
    ----------
    row : Row

    Returns
    -------
    int
        Of two kinds that are equally many, the nearer one's; -1 without neighbours.
    """
    symbols = [SYMBOLS[row.numbers[i] - 1] for i in first_shell(row.distances, row.numbers)]
    kinds = [0 if one in LIGHT else 1 if one in HEAVY else 2 for one in symbols]
    return max(dict.fromkeys(kinds), key=kinds.count, default=UNKNOWN)


def fit_shell_kinds(mean: FloatArray, kinds: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Fit a multinomial regression with a touch of ridge.

    Parameters
    ----------
    mean : ndarray of float64, shape (n, k)
        G2 as predicted by members that have not seen the spectrum's group.
    kinds : ndarray of int64, shape (n,)
        From `kind_of_shell`; those that are -1 do not count.

    Returns
    -------
    dict
        ``calibration.shell_kinds`` of ``bundle.json``.
    """
    known = kinds != UNKNOWN
    inputs = torch.from_numpy(regressors_of(mean[known]))
    wanted = torch.from_numpy(kinds[known])
    weights = torch.zeros((len(SHELL_KINDS), inputs.shape[1]), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(SHELL_KINDS), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        found = torch.nn.functional.cross_entropy(inputs @ weights.T + bias, wanted)
        found = found + RIDGE * (weights**2).sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    search.step(loss)  # type: ignore[no-untyped-call]
    return {
        "weights": np.round(weights.detach().numpy(), 5).tolist(),
        "bias": np.round(bias.detach().numpy(), 5).tolist(),
    }
