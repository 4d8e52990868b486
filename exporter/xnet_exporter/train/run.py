"""Train the members of an ensemble (paper sections 2.1 and 2.4).

All members train at once (`xnet_exporter.train.fit`), each on its own bootstrap
resample.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Sequence
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
from ..data.record import keep_record
from ..data.sets import Row, TrainingSet, hold_out, name_draw, read_training_sets, select_axis
from ..export.bundle import hash_bags, k_edges, write_bundle
from ..export.graphs import SingleMember, fold_batch_norm
from ..threads import THREADS
from .fit import fit, start, training_bank, write_torch
from .networks import Ensemble
from .presets import Preset, preset_from_dict

__all__ = ["HELD_OUT", "Run", "bootstrap", "draws_of", "export_run", "load_run", "train", "unseen_by"]

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


def group_bootstrap(groups: Sequence[str], members: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw whole groups for each member, each a Poisson number of times.

    What a member draws of a group depends on the group's name and the seed alone,
    so that it can be told afterwards which members have never seen it.

    Parameters
    ----------
    groups : sequence of str, length n
        Group of each row.
    members : int
    seed : int

    Returns
    -------
    ndarray of int64, shape (members, n)
        How often each member draws each row; 0 for 37 % of the groups.
    """
    unique, inverse = np.unique(np.array(groups), return_inverse=True)
    limits = np.cumsum([np.exp(-1.0) / math.factorial(k) for k in range(8)])
    drawn = np.array(
        [[name_draw(f"member {member}:{group}", seed) for group in unique] for member in range(members)]
    )
    return np.searchsorted(limits, drawn).astype(np.int64)[:, inverse]


def draws_of(rows: Sequence[Row], preset: Preset, members: int, seed: int) -> npt.NDArray[np.int64]:
    """What each member draws of the training rows.

    Parameters
    ----------
    rows : sequence of Row, length n
    preset : Preset
    members : int
    seed : int

    Returns
    -------
    ndarray of int64, shape (members, n)
        For a preset with shares how often each row (`group_bootstrap`), for
        another which rows (`bootstrap`).
    """
    if preset.shares:
        return group_bootstrap([row.group for row in rows], members, seed)
    return bootstrap(len(rows), members, seed)


def unseen_by(rows: Sequence[Row], preset: Preset, members: int, seed: int) -> npt.NDArray[np.bool_]:
    """Which members have not been trained on any spectrum of a row's group.

    Parameters
    ----------
    rows, preset, members, seed
        As in `draws_of`.

    Returns
    -------
    ndarray of bool, shape (n, members)
    """
    draws = draws_of(rows, preset, members, seed)
    groups, inverse = np.unique(np.array([row.group for row in rows]), return_inverse=True)
    unseen = np.ones((groups.size, members), dtype=bool)
    for member, drawn in enumerate(draws):
        unseen[inverse[np.flatnonzero(drawn) if preset.shares else drawn], member] = False
    return np.asarray(unseen[inverse])


def chances_of(
    rows: Sequence[Row], draws: npt.NDArray[np.int64], shares: Sequence[tuple[str, float]]
) -> npt.NDArray[np.float32]:
    """Chance of each row in a draw of each member: the kinds by their shares, within a kind alike.

    Parameters
    ----------
    rows : sequence of Row, length n
    draws : ndarray of int64, shape (members, n)
        From `group_bootstrap`.
    shares : sequence of (str, float)
        Of `Preset`; where a kind is missing, the others take its place.

    Returns
    -------
    ndarray of float32, shape (members, n)
    """
    counts = draws.astype(np.float64)
    kinds = np.array([row.kind for row in rows])
    chances = np.zeros_like(counts)
    for kind, share in shares:
        of_kind = np.where(kinds == kind, counts, 0.0)
        chances += share * of_kind / np.maximum(of_kind.sum(axis=1, keepdims=True), 1.0)
    # Of a tiny set a member may have drawn nothing: it then takes all of it.
    chances[chances.sum(axis=1) == 0.0] = 1.0
    return chances.astype(np.float32)


def _record(
    data: TrainingSet,
    preset: Preset,
    members: int,
    seed: int,
    epochs: int,
) -> dict[str, Any]:
    """What is known of a run before it starts."""
    groups = [row.group for row in data.rows]
    training, held_out = hold_out(groups, HELD_OUT, seed)
    if training.size < 2:
        raise DataSetError(
            f"{data.name} leaves {training.size} spectra to train on after {held_out.size} were held "
            "out; expected at least 2"
        )
    draws = draws_of([data.rows[i] for i in training], preset, members, seed)
    return {
        "format": RUN_FORMAT,
        "preset": dataclasses.asdict(preset) | {"epochs": epochs},
        "members": members,
        "seed": seed,
        "held_out_fraction": HELD_OUT,
        "held_out_by": "group",
        "set": {"name": data.name, "sha256": data.sha256},
        "sets": [list(part) for part in data.parts or ((data.name, data.sha256),)],
        "training": [data.rows[i].id for i in training],
        "held_out": [data.rows[i].id for i in held_out],
        "absorbers": sorted({row.absorber for row in data.rows}),
        "left_out": [list(pair) for pair in data.left_out],
        "in_bag_sha256": hash_bags(draws.tolist()),
        "threads": THREADS,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def train(
    folders: Path | Sequence[Path],
    out: Path,
    preset: Preset,
    *,
    members: int = 15,
    seed: int = 0,
    epochs: int | None = None,
    resume: bool = False,
) -> Run:
    """Train an ensemble and write it to a folder.

    Parameters
    ----------
    folders : Path or sequence of Path
        Training sets, each itself or a folder of sets, of which the newest is taken.
    out : Path
        Where ``run.json`` and ``members.pt`` go, and the checkpoint meanwhile.
    preset : Preset
    members : int
        Number of bootstrap members N.
    seed : int
        Of every random number.
    epochs : int, optional
        Instead of the preset's.
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
    every = [folders] if isinstance(folders, Path) else list(folders)
    data, origins = select_axis(read_training_sets(every), preset.axis)
    record = _record(data, preset, members, seed, epochs)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, record, resume)

    index = {row.id: i for i, row in enumerate(data.rows)}
    used = [index[i] for i in record["training"]]
    rows, used_origins = [data.rows[i] for i in used], origins[used]
    targets = torch.from_numpy(np.stack([row.g2 for row in rows]).astype(np.float32))
    bank = training_bank(rows, used_origins, preset, seed)
    draws = torch.from_numpy(draws_of(rows, preset, members, seed))
    chances = None
    if preset.shares:
        chances = torch.from_numpy(chances_of(rows, draws.numpy(), preset.shares))
        draws = torch.arange(len(rows)).expand(members, -1)

    ensemble = start(preset, members, targets.mean(dim=0), seed)
    checkpoint = out / "checkpoint.pt"
    losses = fit(
        ensemble,
        bank,
        targets,
        draws,
        preset,
        epochs,
        seed,
        checkpoint=checkpoint,
        resume=resume,
        absorbers=torch.tensor([row.absorber for row in rows]) if preset.network.absorbers else None,
        chances=chances,
    )
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

    With the first of them, of the lightest absorber, comes its whole spectrum: the
    bundle's golden input. Where none was held out, a training spectrum serves.
    """
    held_out = set(record["held_out"])
    rows = sorted((row for row in data.rows if row.id in held_out), key=lambda row: row.absorber)
    lightest = min(row.absorber for row in data.rows)
    if not rows or rows[0].absorber != lightest:
        rows.insert(0, next(row for row in data.rows if row.absorber == lightest))
    inputs = [align_one(row.energy, row.mu, preset.axis)[0] for row in rows]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        inputs=np.stack(inputs),
        absorbers=np.array([row.absorber for row in rows], dtype=np.int64),
        energy=rows[0].energy,
        norm=rows[0].mu,
    )
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
    for key in ("set", "preset", "members", "seed"):
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
        inputs, absorbers = arrays["inputs"], arrays["absorbers"]
        energy, norm = arrays["energy"], arrays["norm"]
    summary = {
        "preset": preset.name,
        "set": record["set"]["name"],
        "set_sha256": record["set"]["sha256"],
        "sets": record["sets"],
        "spectra": len(record["training"]),
        "held_out_spectra": len(record["held_out"]),
        "left_out_spectra": len(record["left_out"]),
        "members": record["members"],
        "seed": record["seed"],
        "epochs": record["preset"]["epochs"],
        "parity_spectra": len(inputs),
        "command": "xnet-onnx train "
        + " ".join(f"--data {name}" for name, _ in record["sets"])
        + f" --out RUN --preset {preset.name} "
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
        parity_numbers=absorbers if preset.network.absorbers else None,
        training=keep_record(record),
        summary=summary,
        licence="CC BY 4.0",
    )
