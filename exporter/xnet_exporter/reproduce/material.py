"""What every section starts from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnet_onnx.bundle.load import Bundle
from xnet_onnx.spectrum import FloatArray

from ..data.sets import Row, TrainingSet
from ..evaluate.evaluation import absorbers_of, held_out_rows, model_inputs, run_chunks
from .sizes import Effort

__all__ = ["Material", "Seen"]


@dataclass(frozen=True, eq=False)
class Seen:
    """A bundle's predictions for its held-out spectra.

    Parameters
    ----------
    label : {"paper", "default"}
        The preset.
    bundle : Bundle
    rows : tuple of Row, length n
    origins : ndarray of float64, shape (n,)
        Edge positions in eV; 0 on the absolute axis.
    inputs : ndarray of float32, shape (n, axis.count)
    members : ndarray of float64, shape (n, m, k)
    targets : ndarray of float64, shape (n, k)
    """

    label: str
    bundle: Bundle
    rows: tuple[Row, ...]
    origins: FloatArray
    inputs: npt.NDArray[np.float32]
    members: FloatArray
    targets: FloatArray

    @cached_property
    def absorbers(self) -> npt.NDArray[np.int64]:
        """Atomic number of each absorber, shape (n,)."""
        return absorbers_of(self.rows)

    @cached_property
    def mean(self) -> FloatArray:
        """Mean over the members, shape (n, k)."""
        return np.asarray(self.members.mean(axis=1), dtype=np.float64)

    @cached_property
    def sigma(self) -> FloatArray:
        """Standard deviation over the members, shape (n, k)."""
        return np.asarray(self.members.std(axis=1, ddof=1), dtype=np.float64)

    @cached_property
    def mse(self) -> FloatArray:
        """Mean squared error of each spectrum, shape (n,)."""
        return np.asarray(((self.mean - self.targets) ** 2).mean(axis=1), dtype=np.float64)

    @cached_property
    def ids(self) -> list[str]:
        """Id of each row."""
        return [row.id for row in self.rows]

    @cached_property
    def names(self) -> list[str]:
        """Composition of each row."""
        return [row.name for row in self.rows]

    def by_mse(self, percentile: float) -> int:
        """The spectrum at a percentile of the MSE."""
        order = np.argsort(self.mse, kind="stable")
        return int(order[round(percentile / 100 * (len(order) - 1))])


@dataclass(frozen=True, eq=False)
class Material:
    """Training set, bundles and sizes.

    Parameters
    ----------
    data : TrainingSet
    paper, default : Bundle
        One of each preset.
    measured : Path or None
        Folder of measured spectra.
    out : Path
        Folder of the report.
    seed : int
    effort : Effort
    """

    data: TrainingSet
    paper: Bundle
    default: Bundle
    measured: Path | None
    out: Path
    seed: int
    effort: Effort

    @cached_property
    def seen(self) -> tuple[Seen, Seen]:
        """Held-out predictions of the paper and the default preset."""
        return self._see("paper", self.paper), self._see("default", self.default)

    def _see(self, label: str, bundle: Bundle) -> Seen:
        held, origins = held_out_rows(bundle, self.data)
        inputs = model_inputs(held.rows, bundle)
        targets = np.stack([row.g2 for row in held.rows])
        return Seen(
            label,
            bundle,
            held.rows,
            origins,
            inputs,
            run_chunks(bundle, inputs, absorbers_of(held.rows)),
            targets,
        )

    def csv(self, name: str) -> Path:
        """Where the numbers of that name go."""
        return self.out / "tables" / f"{name}.csv"

    def work(self, name: str) -> Path:
        """Where results that took long are kept."""
        return self.out / "work" / name
