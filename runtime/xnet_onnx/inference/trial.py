"""A stranger's model runs in a process of its own first, under limits of time and memory.

`check_model` bounds what a graph asks for; this is for what onnxruntime makes of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..bundle.files import read_json, read_regular
from ..bundle.load import default_bundle_path, is_shipped, read_models
from ..bundle.wire import ROWS
from ..child import ChildError, limit_memory, limit_processor_time, run_child
from ..errors import BundleError
from .session import open_session, run_model

__all__ = ["try_models"]

#: Seconds until the answer, with onnxruntime loaded from a slow disk, and seconds of the processor.
TIME_LIMIT = 60
PROCESSOR_LIMIT = 10
MEMORY_LIMIT = 256 * 1024 * 1024

_passed: set[str] = set()


@lru_cache(maxsize=32)
def _shipped(name: str) -> frozenset[str]:
    """SHA-256 of the models of that name in the bundles of the wheel."""
    hashes: set[str] = set()
    for path in default_bundle_path().parent.glob("*/bundle.json"):
        card = read_json(read_regular(path), path)
        if name in card["files"]:
            model = read_models(path.parent, [name], card)[name]
            hashes.add(hashlib.sha256(model).hexdigest())
    return frozenset(hashes)


def try_models(
    folder: Path, models: dict[str, tuple[bytes, tuple[int, ...]]], inputs: int, absorbers: Sequence[int]
) -> None:
    """Run models once in another process, unless they are shipped with us or have run before.

    Parameters
    ----------
    folder : Path
        The bundle's.
    models : dict of str to tuple
        By their file names: the model, and the shape of its `g2` without the batch.
    inputs : int
        Points of the energy axis.
    absorbers : sequence of int
        Atomic numbers to run them with, where they take one.

    Raises
    ------
    BundleError
        If one crashes, takes too long or too much memory, or gives something else.
    """
    if is_shipped(folder):
        return
    hashes = {name: hashlib.sha256(model).hexdigest() for name, (model, _) in models.items()}
    left = [name for name, found in hashes.items() if found not in _passed and found not in _shipped(name)]
    if not left:
        return
    head = [(name, len(models[name][0]), models[name][1]) for name in left]
    asked = json.dumps({"models": head, "inputs": inputs, "absorbers": list(absorbers)}).encode()
    try:
        answer, _ = run_child(
            "xnet_onnx.inference.trial",
            [],
            b"\n".join([asked, b"".join(models[name][0] for name in left)]),
            TIME_LIMIT,
        )
    except ChildError as error:
        raise BundleError(
            f"the models of {folder} failed in a trial run ({error}); expected a small feed-forward network: "
            "do not run them unless you know who made them, and export the bundle again"
        ) from None
    if answer is not None:
        raise BundleError(f"{folder}: {answer}")
    _passed.update(hashes[name] for name in left)


def main() -> None:
    """Run the models on the standard input: what `try_models` runs as a process."""
    data = sys.stdin.buffer.read()
    head, _, body = data.partition(b"\n")
    del data
    asked = json.loads(head)
    # onnxruntime is loaded before what it needs is limited.
    import onnxruntime  # noqa: F401

    limit_memory(MEMORY_LIMIT)
    limit_processor_time(PROCESSOR_LIMIT)
    said: str | None = None
    position = 0
    for name, size, shape in asked["models"]:
        try:
            _run(body[position : position + size], tuple(shape), asked["inputs"], asked["absorbers"])
        except (BundleError, MemoryError) as error:
            said = f"{name} failed in a trial run: {str(error) or 'no memory'}"
            break
        position += size
    sys.stdout.write(json.dumps(said) + "\n")


def _run(model: bytes, shape: tuple[int, ...], inputs: int, absorbers: list[int]) -> None:
    session = open_session(model)
    for rows in (1, ROWS):  # of which the second sees every absorber
        spectra = np.zeros((rows, inputs), dtype=np.float32)
        spectra[:, inputs // 4 :] = 1.0
        given: dict[str, npt.NDArray[Any]] = {
            "spectrum": spectra,
            "absorber": np.resize(absorbers, rows).astype(np.int64),
        }
        outputs = run_model(session, given)
        if outputs[0].shape != (rows, *shape):
            raise BundleError(
                f"it gives an array of shape {outputs[0].shape}; expected {(rows, *shape)}: export it again"
            )
        if not all(np.all(np.isfinite(output)) for output in outputs):
            raise BundleError("it gives NaN or infinity; expected finite numbers: export it again")


if __name__ == "__main__":
    main()
