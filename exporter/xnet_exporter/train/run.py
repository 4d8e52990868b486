"""Train the members of an ensemble (paper sections 2.1 and 2.4).

All members train at once (`xnet_exporter.train.fit`), each on its own bootstrap
resample.
"""

from __future__ import annotations

import dataclasses
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xnet_onnx.errors import DataSetError, OutputError
from xnet_onnx.files import write_bytes
from xnet_onnx.preprocess.align import align_one

from ..data.descriptor import RadialGrid
from ..data.sets import TrainingSet, hold_out, read_training_set, select_axis, split_fold
from ..export.bundle import hash_bags, k_edges, write_bundle
from ..export.graphs import SingleMember, fold_batch_norm
from .fit import THREADS, fit, start, training_bank, write_torch
from .networks import Ensemble
from .presets import Preset, preset_from_dict

__all__ = ["HELD_OUT", "Run", "bootstrap", "export_run", "load_run", "train"]

HELD_OUT = 0.1
RUN_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Run:
    """A finished training run.

    Parameters
    ----------
    record : dict
        ``run.json``: preset, seed, training set with its hash, ids of the rows
        trained on, held out and left out, in-bag indices, losses, versions.
    ensemble : Ensemble
        The trained members, batch normalisation folded in.
    """

    record: dict[str, Any]
    ensemble: Ensemble


def bootstrap(n: int, members: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw each member's resample with replacement (paper section 2.4).

    Parameters
    ----------
    n : int
        Number of training spectra.
    members : int
    seed : int

    Returns
    -------
    ndarray of int64, shape (members, n)
        In-bag indices from 0 to n - 1.
    """
    return np.stack(
        [np.random.default_rng([seed, 1, member]).integers(n, size=n) for member in range(members)]
    )


def _record(
    data: TrainingSet,
    preset: Preset,
    members: int,
    seed: int,
    epochs: int,
    fold: tuple[int, int] | None,
) -> dict[str, Any]:
    """What is known of a run before it starts."""
    names = [row.name for row in data.rows]
    training, held_out = hold_out(names, HELD_OUT, seed)
    if fold is not None:
        training, held_out = split_fold(names, training, fold, seed)
    if training.size < 2:
        raise DataSetError(
            f"{data.name} leaves {training.size} spectra to train on after {held_out.size} were held "
            "out; expected at least 2"
        )
    return {
        "format": RUN_FORMAT,
        "preset": dataclasses.asdict(preset) | {"epochs": epochs},
        "members": members,
        "seed": seed,
        "held_out_fraction": HELD_OUT,
        "fold": None if fold is None else list(fold),
        "set": {"name": data.name, "sha256": data.sha256},
        "training": [data.rows[i].id for i in training],
        "held_out": [data.rows[i].id for i in held_out],
        "absorbers": sorted({row.absorber for row in data.rows}),
        "left_out": [list(pair) for pair in data.left_out],
        "in_bag_sha256": hash_bags(bootstrap(training.size, members, seed).tolist()),
        "threads": THREADS,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def train(
    folder: Path,
    out: Path,
    preset: Preset,
    *,
    members: int = 15,
    seed: int = 0,
    epochs: int | None = None,
    fold: tuple[int, int] | None = None,
    resume: bool = False,
) -> Run:
    """Train an ensemble and write it to a folder.

    Parameters
    ----------
    folder : Path
        The training set, or a folder of sets, of which the newest is taken.
    out : Path
        Where ``run.json`` and ``members.pt`` go, and the checkpoint meanwhile.
    preset : Preset
    members : int
        Number of bootstrap members N.
    seed : int
        Of every random number.
    epochs : int, optional
        Instead of the preset's.
    fold : tuple of int, optional
        (k, n): leave out the k-th of n parts of the training compositions, to
        calibrate on; the held-out ones stay out too.
    resume : bool
        Go on from the checkpoint in `out`.

    Returns
    -------
    Run

    Raises
    ------
    DataSetError
        If the training set cannot be used, or is not the one of the checkpoint.
    OutputError
        If `out` holds another run, or cannot be written to.
    """
    epochs = preset.epochs if epochs is None else epochs
    data, origins = select_axis(read_training_set(folder), preset.axis)
    record = _record(data, preset, members, seed, epochs, fold)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, record, resume)

    index = {row.id: i for i, row in enumerate(data.rows)}
    used = [index[i] for i in record["training"]]
    rows, used_origins = [data.rows[i] for i in used], origins[used]
    targets = torch.from_numpy(np.stack([row.g2 for row in rows]).astype(np.float32))
    bank = training_bank(rows, used_origins, preset, seed)
    in_bag = torch.from_numpy(bootstrap(len(rows), members, seed))

    ensemble = start(preset, members, targets.mean(dim=0), seed)
    checkpoint = out / "checkpoint.pt"
    losses = fit(ensemble, bank, targets, in_bag, preset, epochs, seed, checkpoint=checkpoint, resume=resume)
    record["losses"] = losses
    _write_held_out(out / "held_out.npz", record, data, preset)
    # What was trained is from here on the folded network: the same function in fewer steps.
    folded = fold_batch_norm(ensemble)
    write_torch(out / "members.pt", folded.state_dict())
    _write_json(out / "run.json", record)
    checkpoint.unlink(missing_ok=True)
    return Run(record, folded)


def _write_held_out(
    path: Path,
    record: dict[str, Any],
    data: TrainingSet,
    preset: Preset,
) -> None:
    """Keep the held-out model inputs, to compare torch and onnxruntime on at export.

    With them one whole spectrum, which becomes the bundle's golden input; where
    nothing was held out, a training spectrum serves.
    """
    chosen = set(record["held_out"] or record["training"][:1])
    rows = [row for row in data.rows if row.id in chosen]
    inputs = [align_one(row.energy, row.mu, preset.axis)[0] for row in rows]
    buffer = io.BytesIO()
    np.savez(buffer, inputs=np.stack(inputs), energy=rows[0].energy, norm=rows[0].mu)
    write_bytes(path, buffer.getvalue())


def _claim(out: Path, record: dict[str, Any], resume: bool) -> None:
    """Refuse to mix runs: `out` must be empty, or hold this same run."""
    started = out / "started.json"
    if not started.is_file():
        if any(out.iterdir()):
            raise OutputError(f"{out} is not empty and holds no training run; choose an empty or new folder")
        _write_json(started, record)
        return
    found = json.loads(started.read_text())
    if not resume:
        raise OutputError(
            f"{out} holds a training run already; add --resume to go on with it, or choose another folder"
        )
    for key in ("set", "preset", "members", "seed", "fold"):
        wanted = json.loads(json.dumps(record[key]))
        if found.get(key) != wanted:
            raise OutputError(
                f"{out} holds a run with another {key}; give the same arguments to go on with it, or "
                "choose another folder"
            )


def _write_json(path: Path, value: Any) -> None:
    write_bytes(path, json.dumps(value, indent=1, sort_keys=True).encode())


def load_run(folder: Path) -> Run:
    """Read a finished training run.

    Parameters
    ----------
    folder : Path
        As written by `train`.

    Returns
    -------
    Run

    Raises
    ------
    DataSetError
        If it is not a finished run.
    """
    try:
        record = json.loads((folder / "run.json").read_text())
        state = torch.load(folder / "members.pt", weights_only=True)
    except OSError as error:
        raise DataSetError(
            f"{folder} holds no finished training run ({error.strerror}: {error.filename}); make one "
            "with: xnet-onnx train --data DIR --out RUN, or go on with --resume"
        ) from error
    preset = preset_from_dict(record["preset"])
    outputs = state[max(name for name in state if name.startswith("dense."))].shape[-1]
    network = dataclasses.replace(preset.network, batch_norm=False)
    ensemble = Ensemble(network, record["members"], preset.axis.count, outputs)
    ensemble.load_state_dict(state)
    return Run(record, ensemble.eval())


def export_run(folder: Path, out: Path, *, name: str, version: str) -> dict[str, float]:
    """Turn a finished run into a bundle.

    Parameters
    ----------
    folder : Path
        As written by `train`.
    out : Path
        The bundle's folder.
    name, version : str
        Of the bundle.

    Returns
    -------
    dict
        Largest differences in G2 of torch and onnxruntime (`torch`) and of the
        fused and the single models (`fused`), on the held-out spectra.

    Raises
    ------
    DataSetError
        If it is not a finished run.
    BundleError
        If parity is not reached.
    OutputError
        If `out` cannot be written.
    """
    run = load_run(folder)
    record = run.record
    preset = preset_from_dict(record["preset"])
    with np.load(folder / "held_out.npz", allow_pickle=False) as arrays:
        inputs, energy, norm = arrays["inputs"], arrays["energy"], arrays["norm"]
    summary = {
        "preset": preset.name,
        "set": record["set"]["name"],
        "set_sha256": record["set"]["sha256"],
        "spectra": len(record["training"]),
        "held_out_spectra": len(record["held_out"]),
        "left_out_spectra": len(record["left_out"]),
        "members": record["members"],
        "seed": record["seed"],
        "epochs": record["preset"]["epochs"],
        "parity_spectra": len(inputs),
        "command": f"xnet-onnx train --data training --out RUN --preset {preset.name} "
        f"--members {record['members']} --seed {record['seed']} --epochs {record['preset']['epochs']}",
        "versions": record["versions"],
    }
    return write_bundle(
        out,
        run.ensemble,
        [SingleMember(run.ensemble, i) for i in range(run.ensemble.members)],
        preset.axis,
        RadialGrid(),
        name=name,
        version=version,
        absorbers=k_edges(record["absorbers"]),
        golden=(energy, norm, inputs[0]),
        parity_inputs=inputs,
        training=record,
        summary=summary,
        licence="CC BY 4.0",
    )
