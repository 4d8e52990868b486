"""What a bundle keeps of its training: the sets, the rule and the seed, and what checks them.

Which spectra were trained on follows from these. ``training.json`` has how many
there were and a SHA-256 of their ids in place of the ids; ``run.json`` of the run has all.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from xnet_onnx.errors import DataSetError

from .sets import TrainingSet, hold_out

__all__ = ["keep_record", "split_rows"]

SPLIT = ("training", "held_out")


def keep_record(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a run as a bundle keeps it.

    Parameters
    ----------
    record : dict
        Of a run, or of a bundle that lists the ids.

    Returns
    -------
    dict
        With counts and hashes of the ids, and of the losses the mean over the members
        after each epoch and each member's last.
    """
    kept = record | {key: _summary(record[key]) for key in SPLIT if isinstance(record.get(key), list)}
    if isinstance(record.get("losses"), list):
        losses = np.array(record["losses"])
        kept["losses"] = {
            "epochs": losses.mean(axis=1).round(5).tolist(),
            "members": losses[-1].round(5).tolist(),
        }
    return kept


def split_rows(
    record: dict[str, Any], data: TrainingSet
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which rows of a set a bundle was trained on, and which its rule holds out.

    Parameters
    ----------
    record : dict
        ``training.json``.
    data : TrainingSet
        What it was trained on, or newer sets; the rows that cover its axis
        (`xnet_exporter.data.sets.select_axis`).

    Returns
    -------
    training, held_out : ndarray of int64
        Row indices, ascending.

    Raises
    ------
    DataSetError
        If the sets are those that it was trained on and the rows are not.
    """
    # Bundles up to 1.1.0 kept whole names apart.
    by_group = record.get("held_out_by") == "group"
    groups = [row.group if by_group else row.name for row in data.rows]
    split = hold_out(groups, record["held_out_fraction"], record["seed"])
    if data.sha256 == record["set"]["sha256"]:
        for key, chosen in zip(SPLIT, split, strict=True):
            recorded = record[key] if isinstance(record[key], dict) else _summary(record[key])
            found = _summary([data.rows[i].id for i in chosen])
            if found != recorded:
                raise DataSetError(
                    f"by its rule {found['count']} spectra of {data.name} are in {key} "
                    f"({found['sha256'][:8]}), and training.json has {recorded['count']} "
                    f"({recorded['sha256'][:8]}); expected the same: use the version of xnet-onnx that the "
                    "bundle was made with, or train again"
                )
    return split


def _summary(ids: list[str]) -> dict[str, Any]:
    return {"count": len(ids), "sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest()}
