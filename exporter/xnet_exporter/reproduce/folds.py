"""Cross-validation: folds, and one network for each, trained side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import FloatArray

from ..data.sets import TrainingSet, select_axis
from ..train.fit import fit, start, training_bank
from ..train.networks import Ensemble
from ..train.presets import Preset

__all__ = [
    "Folds",
    "Prepared",
    "by_composition",
    "by_row",
    "constant",
    "make_folds",
    "prepare",
    "train_folds",
]

CHUNK = 256
#: Spread of G2 over spectra below which a network is said to be constant.
CONSTANT = 1e-3


@dataclass(frozen=True, eq=False)
class Prepared:
    """A training set made ready for one preset.

    Parameters
    ----------
    preset : Preset
    names : list of str, length n
        Composition of each row.
    bank : Tensor
        From `training_bank`.
    plain : Tensor of float32, shape (n, axis.count)
        The spectra as calculated: what is validated on.
    targets : Tensor of float32, shape (n, k)
    """

    preset: Preset
    names: list[str]
    bank: Tensor
    plain: Tensor
    targets: Tensor


@dataclass(frozen=True, eq=False)
class Folds:
    """Rows that each network trains on, and those it is validated on.

    Parameters
    ----------
    training : ndarray of int64, shape (members, k)
        In an order of their own: the first of them are a random sample.
    held : tuple of ndarray of int64
    """

    training: npt.NDArray[np.int64]
    held: tuple[npt.NDArray[np.int64], ...]

    def first(self, share: float) -> Folds:
        """The same with a share of the training rows."""
        count = max(2, round(share * self.training.shape[1]))
        return Folds(self.training[:, :count], self.held)


def prepare(data: TrainingSet, preset: Preset, seed: int) -> Prepared:
    """Make a training set ready for a preset.

    Parameters
    ----------
    data : TrainingSet
    preset : Preset
    seed : int
        Of the augmentation.

    Returns
    -------
    Prepared
    """
    covered, origins = select_axis(data, preset.axis)
    plain = [align_one(row.energy, row.mu, preset.axis)[0] for row in covered.rows]
    return Prepared(
        preset,
        [row.name for row in covered.rows],
        training_bank(covered.rows, origins, preset, seed),
        torch.from_numpy(np.stack(plain)),
        torch.from_numpy(np.stack([row.g2 for row in covered.rows]).astype(np.float32)),
    )


def by_composition(names: list[str], parts: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Part of each row, whole compositions together, parts of about the same size.

    Parameters
    ----------
    names : list of str, length n
    parts : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int64, shape (n,)
        From 0 to parts - 1.
    """
    unique, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
    order = rng.permutation(unique.size)
    before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    middle = np.empty(unique.size)
    middle[order] = before + 0.5 * counts[order]
    return np.minimum((middle * parts / len(names)).astype(np.int64), parts - 1)[inverse]


def by_row(names: list[str], parts: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Part of each row at random, as the paper's: rows of one composition are parted."""
    return np.asarray(rng.permutation(len(names)) % parts, dtype=np.int64)


def make_folds(
    names: list[str],
    divide: Callable[[list[str], int, np.random.Generator], npt.NDArray[np.int64]],
    repeats: int,
    parts: int,
    seed: int,
) -> Folds:
    """Folds of a repeated cross-validation, in order of the repeats.

    Parameters
    ----------
    names : list of str
    divide : callable
        `by_composition` or `by_row`.
    repeats, parts, seed : int

    Returns
    -------
    Folds
        All with as many training rows as the smallest has.
    """
    training, held = [], []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, 7, repeat])
        part = divide(names, parts, rng)
        for k in range(parts):
            training.append(rng.permutation(np.flatnonzero(part != k)))
            held.append(np.flatnonzero(part == k))
    count = min(rows.size for rows in training)
    return Folds(np.stack([rows[:count] for rows in training]), tuple(held))


def validate(ensemble: Ensemble, prepared: Prepared, folds: Folds) -> list[FloatArray]:
    """MSE of each network for each of its validation spectra.

    Parameters
    ----------
    ensemble : Ensemble
        Left in the mode it was in.
    prepared : Prepared
    folds : Folds

    Returns
    -------
    list of ndarray of float64
        One a network.
    """
    training = ensemble.training
    ensemble.eval()
    used = np.unique(np.concatenate(folds.held))
    errors = np.empty((len(prepared.names), ensemble.members))
    with torch.no_grad():
        for first in range(0, used.size, CHUNK):
            chosen = torch.from_numpy(used[first : first + CHUNK])
            difference = ensemble(prepared.plain[chosen]) - prepared.targets[chosen].unsqueeze(1)
            errors[chosen.numpy()] = (difference**2).mean(dim=2).numpy()
    ensemble.train(training)
    return [errors[rows, member] for member, rows in enumerate(folds.held)]


def constant(members: FloatArray) -> npt.NDArray[np.bool_]:
    """Which members predict one and the same curve for every spectrum.

    Parameters
    ----------
    members : ndarray of float64, shape (n, m, k)

    Returns
    -------
    ndarray of bool, shape (m,)
    """
    return np.asarray(np.ptp(members, axis=0).max(axis=1) < CONSTANT)


def constant_members(ensemble: Ensemble, prepared: Prepared) -> npt.NDArray[np.bool_]:
    """Which members predict the same for every spectrum: their filters have died."""
    ensemble.eval()
    with torch.no_grad():
        found = ensemble(prepared.plain[:CHUNK]).numpy()
    return constant(found)


def train_folds(
    prepared: Prepared,
    folds: Folds,
    epochs: int,
    seed: int,
    checkpoint: Path,
    follow: bool = False,
) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Train one network a fold, side by side, and validate each.

    Parameters
    ----------
    prepared : Prepared
    folds : Folds
    epochs, seed : int
    checkpoint : Path
        Gone on with where it is there, but for a run that is followed; removed
        at the end.
    follow : bool
        Validate after each epoch, not only the last.

    Returns
    -------
    training : ndarray of float64, shape (epochs, members)
        Loss while training.
    validation : ndarray of float64, shape (epochs or 1, members)
        Mean MSE over the validation spectra.
    median : ndarray of float64, shape (members,)
        Median MSE over them at the end.
    constant : ndarray of bool, shape (members,)
        Which networks predict the same for every spectrum.
    """
    rows = torch.from_numpy(folds.training)
    means = prepared.targets[rows].mean(dim=1, keepdim=True)
    ensemble = start(prepared.preset, len(rows), means, seed)
    history: list[list[float]] = []

    def look(now: Ensemble) -> None:
        history.append([float(values.mean()) for values in validate(now, prepared, folds)])

    losses = fit(
        ensemble,
        prepared.bank,
        prepared.targets,
        rows,
        prepared.preset,
        epochs,
        seed,
        checkpoint=checkpoint,
        resume=not follow,
        after_epoch=look if follow else None,
    )
    final = validate(ensemble, prepared, folds)
    if not follow:
        history = [[float(values.mean()) for values in final]]
    checkpoint.unlink(missing_ok=True)
    median = np.array([float(np.median(values)) for values in final])
    return np.array(losses), np.array(history), median, constant_members(ensemble, prepared)
