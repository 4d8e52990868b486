"""The learning curve: repeated cross-validation against the number of spectra (section 2.3, Fig. 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..train.presets import PRESETS
from .drawing import COLUMN, PRESET_COLOURS, PRESET_NAMES, canvas, plain_ticks
from .folds import Prepared, by_composition, by_row, make_folds, prepare, train_folds
from .material import Material
from .parts import Part, cached, compared, figure, table, text, write_csv
from .statistics import slope

__all__ = ["Point", "learning_curve"]

TITLE = "Learning curve"
DIVISIONS = {"composition": by_composition, "row": by_row}


@dataclass(frozen=True, eq=False)
class Point:
    """One size of one curve.

    Parameters
    ----------
    preset, division : str
    spectra : int
        That each network is trained on.
    validation, median, training : ndarray of float64, shape (networks,)
        Mean and median MSE over the fold left out, and the last training loss.
    constant : ndarray of bool, shape (networks,)
        Which networks predict the same for every spectrum.
    """

    preset: str
    division: str
    spectra: int
    validation: FloatArray
    median: FloatArray
    training: FloatArray
    constant: npt.NDArray[np.bool_]

    def error(self, repeats: int) -> float:
        """Standard deviation of the mean of each repeat."""
        means = self.validation.reshape(repeats, -1).mean(axis=1)
        return float(means.std(ddof=1)) if repeats > 1 else 0.0


def points(material: Material, preset: str) -> list[Point]:
    """Both divisions of one preset; every size is kept when done, and gone on with."""
    effort, seed = material.effort, material.seed
    sizes = effort.of(preset)
    wanted = [
        (division, share)
        for division, shares in (("composition", sizes.shares), ("row", sizes.random_shares))
        for share in shares
    ]
    prepared = cache(partial(prepare, material.data, PRESETS[preset], seed))
    found = []
    for division, share in wanted:
        name = f"learning_{preset}_{division}_{share:g}"
        arrays = cached(
            material.work(f"{name}.npz"),
            partial(_train, prepared, division, share, sizes.epochs, material, material.work(f"{name}.pt")),
        )
        found.append(
            Point(
                preset,
                division,
                int(arrays["spectra"]),
                arrays["validation"],
                arrays["median"],
                arrays["training"],
                arrays["constant"],
            )
        )
    return found


def _train(
    prepared: Callable[[], Prepared],
    division: str,
    share: float,
    epochs: int,
    material: Material,
    checkpoint: Path,
) -> dict[str, FloatArray]:
    effort, seed = material.effort, material.seed
    ready = prepared()
    folds = make_folds(ready.names, DIVISIONS[division], effort.repeats, effort.parts, seed).first(share)
    training, validation, median, constant = train_folds(ready, folds, epochs, seed, checkpoint)
    return {
        "spectra": np.array(float(folds.training.shape[1])),
        "validation": validation[-1],
        "median": median,
        "training": training[-1],
        "constant": constant,
    }


def learning_curve(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    effort = material.effort
    curves = {preset: points(material, preset) for preset in ("paper", "default")}
    columns: dict[str, list[object]] = {
        key: []
        for key in (
            "preset", "folds_by", "spectra", "repeat", "fold", "validation_mse", "validation_median",
            "training_mse", "constant",
        )
    }  # fmt: skip
    for point in [point for curve in curves.values() for point in curve]:
        for i, value in enumerate(point.validation):
            repeat, fold = divmod(i, effort.parts)
            row = (
                point.preset, point.division, point.spectra, repeat, fold, value, point.median[i],
                point.training[i], int(point.constant[i]),
            )  # fmt: skip
            for key, item in zip(columns, row, strict=True):
                columns[key].append(item)
    write_csv(material.csv("learning_curve"), columns)
    _draw(material, curves)
    rows = [("preset", "folds by", "spectra", "mean MSE", "+-", "median MSE", "constant networks")]
    for point in [point for curve in curves.values() for point in curve]:
        rows.append(
            (
                point.preset,
                point.division,
                str(point.spectra),
                f"{point.validation.mean():.3f}",
                f"{point.error(effort.repeats):.3f}" if effort.repeats > 1 else "-",
                f"{point.median.mean():.3f}",
                f"{int(point.constant.sum())} of {point.constant.size}",
            )
        )
    last = {preset: _whole(curve, "composition") for preset, curve in curves.items()}
    sentences = []
    for preset, curve in curves.items():
        own = [point for point in curve if point.division == "composition"]
        if len(own) > 1:
            exponent = slope(
                np.log([point.spectra for point in own[-3:]]),
                np.log([point.validation.mean() for point in own[-3:]]),
            )
            sentences.append(
                f"Preset {preset}: over its last {len(own[-3:])} sizes the mean MSE goes as the number of "
                f"spectra to the power {exponent:.2f}"
                + (
                    f", so doubling the set would lower it by about {100 * (1 - 2**exponent):.0f} %."
                    if exponent < 0.0
                    else ": it no longer falls."
                )
            )
        rows_random = _whole(curve, "row")
        whole = last[preset]
        if rows_random is not None and whole is not None:
            ratio = rows_random.validation.mean() / whole.validation.mean()
            medians = rows_random.median.mean() / whole.median.mean()
            sentences.append(
                f"Preset {preset}: folds by rows, as in the paper, where rows of one composition can "
                "stand on "
                f"both sides, give {ratio:.2f} times the mean MSE and {medians:.2f} times the median of "
                "folds "
                "by compositions: "
                + ("optimistic by both." if max(ratio, medians) < 1 else "not optimistic by both.")
            )
    dead = {
        preset: (sum(int(p.constant.sum()) for p in curve), sum(p.constant.size for p in curve))
        for preset, curve in curves.items()
    }
    sentences.append(
        "Networks that end up predicting one curve for every spectrum (their rectified filters have died): "
        + ", ".join(f"{some} of {every} of preset {preset}" for preset, (some, every) in dead.items())
        + "; they are in the means above."
    )
    return Part(
        "learning_curve",
        TITLE,
        (
            text(
                f"{effort.repeats} times repeated {effort.parts}-fold cross-validation over the whole set, "
                "one network a fold (no ensemble). Folds part whole compositions, as everywhere in this "
                "project; beside them, folds by rows as the paper makes them. Smaller sizes are random "
                f"samples of the training rows of the same folds. Preset paper: {effort.paper.epochs} "
                "epochs; "
                f"preset default: {effort.default.epochs} epochs"
                + (", at fewer sizes, for it takes longer" if len(effort.default.shares) < 5 else "")
                + ". Validated on spectra as calculated."
            ),
            figure(
                "learning_curve",
                "Mean squared error of G2 in repeated cross-validation against the number of training "
                "spectra (paper: Fig. 3). Points: mean over the networks; bars: standard deviation of the "
                "repeats' means.",
            ),
            table(*rows),
            text(
                f"The paper's curve runs to about 29 000 spectra ({PAPER['learning curve'].words}); ours "
                "ends "
                f"where the paper's begins, at {_count(last['paper'])}. " + " ".join(sentences)
            ),
        ),
        (
            compared(
                "cross-validated MSE, mean, single networks",
                "learning curve",
                _show(last["paper"], effort.repeats),
                _show(last["default"], effort.repeats),
            ),
        ),
    )


def _whole(curve: list[Point], division: str) -> Point | None:
    own = [point for point in curve if point.division == division]
    return own[-1] if own else None


def _count(point: Point | None) -> str:
    return "-" if point is None else str(point.spectra)


def _show(point: Point | None, repeats: int) -> str:
    if point is None:
        return "-"
    error = f" +- {point.error(repeats):.3f}" if repeats > 1 else ""
    return f"{point.validation.mean():.3f}{error} ({point.spectra} spectra)"


def _draw(material: Material, curves: dict[str, list[Point]]) -> None:
    repeats = material.effort.repeats
    with canvas(material.out, "learning_curve", COLUMN, 2.4) as drawn:
        axes = drawn.subplots()
        for preset, curve in curves.items():
            for division, style in (("composition", "o-"), ("row", "s--")):
                own = [point for point in curve if point.division == division]
                if not own:
                    continue
                open_face = {"mfc": "white"} if division == "row" else {}
                axes.errorbar(
                    [point.spectra for point in own],
                    [point.validation.mean() for point in own],
                    [point.error(repeats) for point in own],
                    fmt=style,
                    ms=3.5,
                    mew=0.8,
                    lw=1.0,
                    elinewidth=0.7,
                    capsize=1.5,
                    color=PRESET_COLOURS[preset],
                    label=f"{PRESET_NAMES[preset]}, folds by {division}"
                    + (f", {material.effort.default.epochs} epochs" if preset == "default" else ""),
                    **open_face,
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("training spectra")
        axes.set_ylabel("cross-validated MSE of $G^2$")
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        means = [point.validation.mean() for curve in curves.values() for point in curve]
        axes.set_ylim(0.8 * min(means), 1.7 * max(means))
        axes.legend(loc="upper right")
