"""What a bundle keeps of its training, and that it notices when its sets give something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from xnet_exporter.data.record import keep_record, split_rows
from xnet_exporter.data.sets import Row, TrainingSet, hold_out
from xnet_onnx.errors import DataSetError

NONE = np.empty(0)


def rows(count: int) -> tuple[Row, ...]:
    return tuple(
        Row(f"{i}", f"compound {i // 2}", NONE, NONE, NONE, NONE, np.empty(0, np.int64)) for i in range(count)
    )


DATA = TrainingSet("made", "0" * 64, rows(60), ())


def run_record() -> dict[str, Any]:
    training, held_out = hold_out([row.group for row in DATA.rows], 0.2, 3)
    return {
        "held_out_fraction": 0.2,
        "held_out_by": "group",
        "seed": 3,
        "set": {"name": "made", "sha256": DATA.sha256},
        "training": [DATA.rows[i].id for i in training],
        "held_out": [DATA.rows[i].id for i in held_out],
        "losses": [[1.0, 2.0], [0.5, 1.5]],
    }


def test_counts_and_hashes_stand_for_the_ids() -> None:
    run = run_record()
    kept = keep_record(run)
    assert kept["training"]["count"] == len(run["training"])
    assert kept["held_out"]["count"] == len(run["held_out"]) > 0
    assert kept["losses"] == {"epochs": [1.5, 1.0], "members": [0.5, 1.5]}
    assert keep_record(kept) == kept


@pytest.mark.parametrize("record", [run_record(), keep_record(run_record())], ids=["ids", "hashes"])
def test_the_rows_follow_from_the_record(record: dict[str, Any]) -> None:
    training, held_out = split_rows(record, DATA)
    assert [DATA.rows[i].id for i in training] == run_record()["training"]
    assert [DATA.rows[i].id for i in held_out] == run_record()["held_out"]
    # Newer sets keep each compound on its side.
    newer = replace(DATA, sha256="1" * 64, rows=rows(90))
    _, held_out = split_rows(record, newer)
    assert set(run_record()["held_out"]) < {newer.rows[i].id for i in held_out}


@pytest.mark.parametrize("record", [run_record(), keep_record(run_record())], ids=["ids", "hashes"])
@pytest.mark.parametrize("change", ["seed", "row"])
def test_other_rows_than_the_recorded_are_refused(record: dict[str, Any], change: str) -> None:
    data = replace(DATA, rows=DATA.rows[:-1]) if change == "row" else DATA
    record = record | {"seed": 4} if change == "seed" else record
    with pytest.raises(DataSetError, match=r"spectra of made are in training .* training.json has"):
        split_rows(record, data)
