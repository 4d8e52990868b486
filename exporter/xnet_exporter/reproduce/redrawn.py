"""Members of preset paper whose filters have died, drawn again."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.bundle.load import read_verified
from xnet_onnx.spectrum import FloatArray

from ..data.record import split_rows
from ..data.sets import select_axis
from ..train.fit import fit, start, training_bank
from ..train.presets import preset_from_dict
from ..train.run import draws_of
from .folds import constant
from .material import Material
from .parts import cached

__all__ = ["redrawn"]

#: Ensembles drawn at most until enough of their members live.
ATTEMPTS = 4


def redrawn(material: Material) -> FloatArray:
    """Predictions of preset paper with every constant member replaced by one that lives; kept between runs.

    Parameters
    ----------
    material : Material

    Returns
    -------
    ndarray of float64, shape (n, m, k)
        For the held-out spectra. Replacements are members of ensembles of the
        same rows with other seeds (weights, resamples and order), in their order;
        fewer than m where too few of them live.
    """
    seen = material.seen[0]
    dead = constant(seen.members)
    if not dead.any():
        return seen.members

    def compute() -> dict[str, npt.NDArray[np.generic]]:
        return {"members": _draw(material, int(dead.sum()))}

    again = cached(material.work("redrawn.npz"), compute)["members"]
    return np.concatenate([seen.members[:, ~dead], again], axis=1)


def _draw(material: Material, wanted: int) -> FloatArray:
    """Predictions of so many living members, shape (n, wanted or fewer, k)."""
    bundle, inputs = material.paper, torch.from_numpy(material.seen[0].inputs)
    record = json.loads(read_verified(bundle.path, "training.json", bundle.card))
    preset = preset_from_dict(record["preset"])
    covered, origins = select_axis(material.data, preset.axis)
    trained, _ = split_rows(record, covered)
    rows = [covered.rows[i] for i in trained]
    bank = training_bank(rows, origins[trained], preset, int(record["seed"]))
    targets = torch.from_numpy(np.stack([row.g2 for row in rows]).astype(np.float32))
    living: list[FloatArray] = []
    for attempt in range(1, ATTEMPTS + 1):
        seed = int(record["seed"]) + attempt
        draws = torch.from_numpy(draws_of(rows, preset, record["members"], seed))
        ensemble = start(preset, record["members"], targets.mean(dim=0), seed)
        checkpoint = material.work(f"redrawn_{attempt}.pt")
        fit(ensemble, bank, targets, draws, preset, preset.epochs, seed, checkpoint=checkpoint, resume=True)
        checkpoint.unlink(missing_ok=True)
        ensemble.eval()
        with torch.no_grad():
            found = ensemble(inputs).double().numpy()
        living += list(np.moveaxis(found[:, ~constant(found)], 1, 0))
        if len(living) >= wanted:
            break
    shape = (len(inputs), 0, targets.shape[1])
    return np.stack(living[:wanted], axis=1) if living else np.empty(shape)
