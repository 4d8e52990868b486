"""The training loop: members side by side in one module, each on rows of its own.

Random numbers are drawn per epoch from the seed and the epoch, so what was
interrupted goes on to the same weights.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from xnet_onnx.errors import DataSetError
from xnet_onnx.files import write_bytes
from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import FloatArray

from ..data.sets import Row
from ..threads import THREADS
from .augment import augment, spectrum_bank
from .networks import Ensemble
from .presets import Preset

__all__ = ["fit", "start", "training_bank", "write_torch"]

CHECKPOINT_SECONDS = 60.0
#: What a spectrum's squared error counts relative to: 1 and so much of the mean square of its G2. Less of it
#: in the last share of the epochs, or the far shells of solids come out a fourth too low.
RELATIVE, LAST_RELATIVE, LAST = 0.25, 0.08, 0.3
#: Share of the spectra whose absorber is told to the network.
KNOWN = 0.5


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


def training_bank(rows: Sequence[Row], origins: FloatArray, preset: Preset, seed: int) -> Tensor:
    """What a preset draws its training spectra from.

    Parameters
    ----------
    rows : sequence of Row, length n
    origins : ndarray of float64, shape (n,)
        Edge position of each in eV.
    preset : Preset
    seed : int

    Returns
    -------
    Tensor of float32
        Shape (n, axis.count), or as `spectrum_bank` for a preset that augments.
    """
    if preset.augmentation is not None:
        return torch.from_numpy(spectrum_bank(rows, origins, preset.axis, preset.augmentation, seed))
    plain = [align_one(row.energy, row.mu, preset.axis)[0] for row in rows]
    return torch.from_numpy(np.stack(plain))


def start(preset: Preset, members: int, mean: Tensor, seed: int) -> Ensemble:
    """Members with weights drawn from the seed, ready to train.

    Parameters
    ----------
    preset : Preset
    members : int
    mean : Tensor of float32, shape (outputs,) or (members, 1, outputs)
        Mean target, of all members or of each, for a preset that starts from it.
    seed : int

    Returns
    -------
    Ensemble
    """
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)
    ensemble = Ensemble(preset.network, members, preset.axis.count, mean.shape[-1])
    ensemble.initialize([torch.Generator().manual_seed(_seed(seed, 2, member)) for member in range(members)])
    if preset.network.start_at_mean:
        ensemble.set_output_bias(mean)
    return ensemble


def fit(
    ensemble: Ensemble,
    bank: Tensor,
    targets: Tensor,
    rows: Tensor,
    preset: Preset,
    epochs: int,
    seed: int,
    *,
    checkpoint: Path,
    resume: bool,
    absorbers: Tensor | None = None,
    chances: Tensor | None = None,
    after_epoch: Callable[[Ensemble], None] | None = None,
) -> list[list[float]]:
    """Train members side by side.

    Parameters
    ----------
    ensemble : Ensemble
        From `start`; changed in place.
    bank : Tensor
        From `training_bank`.
    targets : Tensor of float32, shape (n, outputs)
    rows : Tensor of int64, shape (members, k)
        Rows of the bank each member trains on; some may come several times.
    preset : Preset
    epochs : int
    seed : int
    checkpoint : Path
        Written once a minute and at the end; its folder exists.
    resume : bool
        Go on from the checkpoint where there is one.
    absorbers : Tensor of int64, shape (n,), optional
        Atomic number of each row of the bank, for a network that takes it.
    chances : Tensor of float32, shape (members, k), optional
        How often each member draws each of its `rows`, on any scale: an epoch is
        k draws. Without them it is each row once.
    after_epoch : callable, optional
        Given the ensemble, in training mode, after each epoch.

    Returns
    -------
    list of list of float
        Training loss of each member after each epoch: as it is minimised, so it steps up where a relative
        loss becomes less so.

    Raises
    ------
    DataSetError
        If a loss is not finite.
    """
    members, count = rows.shape
    steps = -(-count // preset.batch)
    optimizer = _optimizer(ensemble, preset)
    schedule = (
        torch.optim.lr_scheduler.OneCycleLR(optimizer, preset.learning_rate, total_steps=steps * epochs)
        if preset.one_cycle
        else None
    )
    losses: list[list[float]] = []
    if resume and checkpoint.is_file():
        losses = _restore(checkpoint, ensemble, optimizer, schedule)
    ensemble.train()
    saved = time.monotonic()
    for epoch in tqdm(
        range(len(losses), epochs),
        initial=len(losses),
        total=epochs,
        desc=f"training {members} members",
        unit="epoch",
        disable=None,
    ):
        generator = torch.Generator().manual_seed(_seed(seed, 3, epoch))
        relative = RELATIVE if epoch < round((1.0 - LAST) * epochs) else LAST_RELATIVE
        order = _order(rows, chances, generator)
        total = torch.zeros(members)
        for first in range(0, count, preset.batch):
            chosen = order[first : first + preset.batch]
            spectra = (
                bank[chosen]
                if preset.augmentation is None
                else augment(bank, chosen, preset.axis, preset.augmentation, generator)
            )
            wanted = targets[chosen]
            squares = ((ensemble(spectra, _some_known(absorbers, chosen, generator)) - wanted) ** 2).mean(2)
            if preset.relative_loss:
                squares = squares / (1.0 + relative * wanted.square().mean(2))
            errors = squares.mean(0)
            optimizer.zero_grad()
            # Members share no weight, so the gradient of the sum is each one's own.
            errors.sum().backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            total += errors.detach() * len(chosen)
        mean = (total / count).tolist()
        if not np.all(np.isfinite(mean)):
            raise DataSetError(
                f"the loss is {mean} after epoch {epoch + 1}; expected finite numbers: look for "
                "extreme values in the training set"
            )
        losses.append(mean)
        if after_epoch is not None:
            after_epoch(ensemble)
        if time.monotonic() - saved > CHECKPOINT_SECONDS or epoch + 1 == epochs:
            _save(checkpoint, ensemble, optimizer, schedule, losses)
            saved = time.monotonic()
    return losses


def _order(rows: Tensor, chances: Tensor | None, generator: torch.Generator) -> Tensor:
    """Rows of the bank in the order of an epoch, shape (k, members)."""
    count = rows.shape[1]
    if chances is None:
        return torch.stack([bag[torch.randperm(count, generator=generator)] for bag in rows], dim=1)
    drawn = torch.multinomial(chances, count, replacement=True, generator=generator)
    return rows.gather(1, drawn).T.contiguous()


def _some_known(absorbers: Tensor | None, chosen: Tensor, generator: torch.Generator) -> Tensor | None:
    """Atomic numbers of the spectra drawn, half of them 0: what is common to all absorbers is learnt too."""
    if absorbers is None:
        return None
    return absorbers[chosen] * (torch.rand(chosen.shape, generator=generator) < KNOWN).long()


def _optimizer(ensemble: Ensemble, preset: Preset) -> torch.optim.Optimizer:
    if preset.optimizer == "adamw":
        return torch.optim.AdamW(
            ensemble.parameters(), lr=preset.learning_rate, weight_decay=preset.weight_decay, fused=True
        )
    return torch.optim.Adam(ensemble.parameters(), lr=preset.learning_rate)


def write_torch(path: Path, value: Any) -> None:
    """Save with torch, whole or not at all."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    write_bytes(path, buffer.getvalue())


def _save(
    path: Path,
    ensemble: Ensemble,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None,
    losses: list[list[float]],
) -> None:
    state = {
        "ensemble": ensemble.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": None if schedule is None else schedule.state_dict(),
        "losses": losses,
    }
    write_torch(path, state)


def _restore(
    path: Path,
    ensemble: Ensemble,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None,
) -> list[list[float]]:
    state = torch.load(path, weights_only=True)
    ensemble.load_state_dict(state["ensemble"])
    optimizer.load_state_dict(state["optimizer"])
    if schedule is not None:
        schedule.load_state_dict(state["schedule"])
    losses: list[list[float]] = state["losses"]
    return losses
