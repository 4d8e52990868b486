"""Convergence with epochs (paper section 3.1, Fig. S1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..train.presets import PRESETS
from .drawing import PAGE, PRESET_COLOURS, PRESET_NAMES, canvas, letter, plain_ticks
from .folds import by_composition, make_folds, prepare, train_folds
from .material import Material
from .parts import Part, cached, compared, figure, table, text, write_csv

__all__ = ["Convergence", "convergence"]

TITLE = "Convergence with epochs"


@dataclass(frozen=True, eq=False)
class Convergence:
    """Losses of the networks of one preset, one a fold.

    Parameters
    ----------
    preset : str
    spectra : int
        That each network is trained on.
    training, validation : ndarray of float64, shape (epochs, folds)
    constant : ndarray of bool, shape (folds,)
        Which networks predict the same for every spectrum at the end.
    """

    preset: str
    spectra: int
    training: FloatArray
    validation: FloatArray
    constant: npt.NDArray[np.bool_]

    @property
    def mean(self) -> FloatArray:
        """Validation MSE, mean over the folds, shape (epochs,)."""
        return np.asarray(self.validation.mean(axis=1), dtype=np.float64)

    @property
    def best(self) -> int:
        """Epoch of the lowest mean validation MSE, from 1."""
        return int(self.mean.argmin()) + 1

    def excess(self, epoch: int) -> float:
        """How much larger than the lowest the mean validation MSE is at an epoch, in %."""
        value = self.mean[min(epoch, len(self.mean)) - 1]
        return float(100.0 * (value / self.mean.min() - 1.0))


def follow(material: Material, preset: str) -> Convergence:
    """Train one network a fold and validate it after each epoch; kept between runs."""
    effort = material.effort

    def compute() -> dict[str, FloatArray]:
        prepared = prepare(material.data, PRESETS[preset], material.seed)
        folds = make_folds(prepared.names, by_composition, 1, effort.parts, material.seed)
        training, validation, _, constant = train_folds(
            prepared,
            folds,
            effort.of(preset).convergence_epochs,
            material.seed,
            material.work("checkpoint.pt"),
            follow=True,
        )
        spectra = np.array(float(folds.training.shape[1]))
        return {"training": training, "validation": validation, "spectra": spectra, "constant": constant}

    found = cached(material.work(f"convergence_{preset}.npz"), compute)
    return Convergence(
        preset, int(found["spectra"]), found["training"], found["validation"], found["constant"]
    )


def convergence(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    curves = [follow(material, preset) for preset in ("paper", "default")]
    columns: dict[str, list[object]] = {
        key: [] for key in ("preset", "fold", "epoch", "training_mse", "validation_mse")
    }
    for curve in curves:
        for (epoch, fold), value in np.ndenumerate(curve.training):
            row = (curve.preset, fold, epoch + 1, value, curve.validation[epoch, fold])
            for key, item in zip(columns, row, strict=True):
                columns[key].append(item)
    write_csv(material.csv("convergence"), columns)
    _draw(material, curves)
    paper, default = curves
    epochs = PRESETS["paper"].epochs
    rows = [
        (
            "preset",
            "trained on",
            "epochs followed",
            "lowest at epoch",
            "lowest",
            "at the preset's epochs",
            "constant networks",
        )
    ]
    for curve in curves:
        planned = PRESETS[curve.preset].epochs
        at = min(planned, len(curve.mean))
        rows.append(
            (
                curve.preset,
                str(curve.spectra),
                str(len(curve.mean)),
                str(curve.best),
                f"{curve.mean.min():.3f}",
                f"{curve.mean[at - 1]:.3f} ({at})",
                f"{int(curve.constant.sum())} of {curve.constant.size}",
            )
        )
    excess = paper.excess(epochs)
    followed = len(paper.mean)
    where = (
        f"{PAPER['epochs'].words}, says the paper of its training set of {PAPER['training spectra'].text}. "
    )
    if followed <= epochs:
        verdict = f"Only {followed} epochs were followed here, too few to say whether more would help."
    elif excess < 2.0:
        verdict = (
            f"On ours, 50 epochs are enough too: the lowest validation MSE of {followed} epochs is only "
            f"{excess:.1f} % lower."
        )
    elif paper.best > epochs:
        verdict = (
            f"On ours, not quite: the validation MSE falls by a further {excess / (1 + excess / 100):.0f} % "
            f"until epoch {paper.best}. Our set is smaller, and 50 epochs are fewer steps: "
            f"{50 * -(-paper.spectra // 32):,} here, about {50 * round(0.8 * 36657 / 32):,} there."
        )
    else:
        verdict = (
            f"On ours, the validation MSE is lowest at epoch {paper.best} and {excess:.0f} % higher at 50: "
            "the networks overfit the smaller set."
        )
    return Part(
        "convergence",
        TITLE,
        (
            text(
                f"{len(paper.training[0])} networks for each preset, one a fold (whole compositions), "
                "validated on the fold left out, on spectra as calculated. The training MSE is the mean over "
                "an epoch while the weights change; of preset default it is that of augmented spectra, "
                "relative to the mean square of their G2, and steps up where it is less so, in the last "
                "third of the epochs."
            ),
            figure(
                "convergence",
                "Mean squared error of G2 against epochs (paper: Fig. S1): mean over the folds, with each "
                "fold as a thin line.",
            ),
            table(*rows),
            text(where[0].upper() + where[1:] + verdict),
        ),
        (
            compared(
                "epochs to the lowest validation MSE",
                "epochs",
                f"{paper.best} (of {followed} followed)",
                f"{default.best} (of {len(default.mean)}, one-cycle)",
            ),
        ),
    )


def _draw(material: Material, curves: list[Convergence]) -> None:
    with canvas(material.out, "convergence", PAGE * 0.8, 2.1) as drawn:
        panels = drawn.subplots(1, 2, sharey=True)
        for axes, name, curve in zip(panels, "ab", curves, strict=True):
            epochs = np.arange(1, len(curve.mean) + 1)
            for values, colour, label in (
                (curve.training, "0.55", "training"),
                (curve.validation, PRESET_COLOURS[curve.preset], "validation"),
            ):
                axes.plot(epochs, values, color=colour, lw=0.4, alpha=0.5)
                axes.plot(epochs, values.mean(axis=1), color=colour, lw=1.3, label=label)
            planned = PRESETS[curve.preset].epochs
            if len(epochs) > planned:
                axes.axvline(planned, color="0.4", lw=0.6, ls=":")
            axes.set_yscale("log")
            plain_ticks(axes.yaxis)
            axes.set_xlabel("epoch")
            axes.set_xlim(0, len(epochs) + 1)
            axes.locator_params(axis="x", integer=True, nbins=6)
            letter(axes, name, PRESET_NAMES[curve.preset])
            axes.legend()
        panels[0].set_ylabel("MSE of $G^2$")
