"""Held-out spectra: MSE and peak positions (paper section 3.1, Fig. 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from xnet_onnx.inference.peaks import curves_of
from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..evaluate.evaluation import NEAR, PeakErrors, peak_errors
from .drawing import DISTANCE, G2, PAGE, PRESET_COLOURS, PRESET_NAMES, TRUTH, canvas, letter
from .folds import constant
from .material import Material, Seen
from .parts import Block, Part, bullets, compared, figure, table, text, write_csv
from .redrawn import redrawn
from .statistics import Interval, against, clustered, interval_of, pearson, quantile, shown

__all__ = ["HeldOutErrors", "held_out", "measure"]

TITLE = "Held-out spectra"
#: Where the examples are taken, in percentiles of the MSE: of the best tenth, the middle, the worst.
EXAMPLES = (5.0, 50.0, 95.0)


@dataclass(frozen=True, eq=False)
class HeldOutErrors:
    """What the paper measures on held-out spectra, each with its 95 % interval.

    Parameters
    ----------
    mse : dict of str to Interval
        Under "median", "mean" and "cv".
    peaks : dict of (str, str) to Interval
        Under region ("near", "far") and "median", "mean", "iqr"; between the grid points.
    on_grid : dict of (str, str) to Interval
        The same by the nearest grid points, as in the paper.
    missed : dict of str to float
        Share of the peaks of a region with none predicted within 0.5 Angstrom.
    errors : PeakErrors
    first : ndarray of float64, shape (n,)
        Error of the first peak in Angstrom, or NaN.
    """

    mse: dict[str, Interval]
    peaks: dict[tuple[str, str], Interval]
    on_grid: dict[tuple[str, str], Interval]
    missed: dict[str, float]
    errors: PeakErrors
    first: FloatArray


def coefficient(values: FloatArray) -> float:
    """Coefficient of variation: standard deviation over mean."""
    return float(values.std() / values.mean())


def iqr(values: FloatArray) -> float:
    """Interquartile range."""
    return float(np.subtract(*np.percentile(values, [75, 25])))


STATISTICS: dict[str, Callable[[FloatArray], float]] = {
    "median": lambda values: float(np.median(values)),
    "mean": lambda values: float(values.mean()),
    "cv": coefficient,
    "iqr": iqr,
}


def measure(seen: Seen, draws: int, seed: int) -> HeldOutErrors:
    """Errors of a bundle on its held-out spectra.

    Parameters
    ----------
    seen : Seen
    draws, seed : int
        Of the intervals.

    Returns
    -------
    HeldOutErrors
    """

    def bootstrap(values: FloatArray, kind: str, names: list[str]) -> Interval:
        return clustered(names, lambda rows: STATISTICS[kind](values[rows]), draws, seed)

    errors, first, _ = peak_errors(curves_of(seen.bundle.r, seen.members), seen.targets, seen.bundle.r)
    peaks, on_grid, missed = {}, {}, {}
    for region in ("near", "far"):
        inside = (errors.position < NEAR) == (region == "near")
        if not inside.any():
            continue
        names = [seen.names[i] for i in errors.row[inside]]
        for kind in ("median", "mean", "iqr"):
            peaks[region, kind] = bootstrap(errors.error[inside], kind, names)
            on_grid[region, kind] = bootstrap(errors.on_grid[inside], kind, names)
        missed[region] = float(np.mean(errors.error[inside] > 0.5))
    mse = {kind: bootstrap(seen.mse, kind, seen.names) for kind in ("median", "mean", "cv")}
    return HeldOutErrors(mse, peaks, on_grid, missed, errors, first)


def held_out(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    found = [measure(seen, material.effort.draws, material.seed) for seen in material.seen]
    _tables(material, found)
    _draw_examples(material)
    _draw_peaks(material, found)
    comparisons, rows = [], [("", "paper", "preset paper", "preset default")]
    for what, key, digits, pick in _LINES:
        paper, default_ = (interval_of(pick(item), digits) if _has(item, key) else "-" for item in found)
        if not key.startswith(("near", "far")) or "grid" in what:
            comparisons.append(compared(what, key, paper, default_))
        rows.append((what, PAPER[key].text, paper, default_))
    count = len(material.seen[1].rows)
    compositions = len(set(material.seen[1].names))
    sentences = [
        f"median MSE of preset {seen.label}: {against(item.mse['median'][0], PAPER['mse median'].value, 3)}; "
        f"mean: {against(item.mse['mean'][0], PAPER['mse mean'].value, 3)}; coefficient of variation: "
        f"{against(item.mse['cv'][0], PAPER['mse cv'].value, 2)}"
        for seen, item in zip(material.seen, found, strict=True)
    ]
    examples = [
        f"{seen.label}, {percentile:g}th percentile: {seen.ids[i]} ({seen.names[i]}), MSE {seen.mse[i]:.3f}"
        for seen in material.seen
        for percentile in EXAMPLES
        for i in [seen.by_mse(percentile)]
    ]
    regions = [
        f"preset {seen.label}, peaks {'1-3.5' if region == 'near' else '3.5-6'} Angstrom: "
        f"{100 * item.missed[region]:.0f} % have no predicted peak within 0.5 Angstrom; on the grid, the "
        f"mean error is {against(item.on_grid[region, 'mean'][0], PAPER[f'{region} mean'].value, 2)}"
        for seen, item in zip(material.seen, found, strict=True)
        for region in item.missed
    ]
    return Part(
        "held_out",
        TITLE,
        (
            text(
                f"{count} spectra of {compositions} compositions that neither ensemble was trained on, as "
                "calculated. In brackets: 95 % intervals, from a bootstrap over whole compositions. The "
                f"paper held out {PAPER['held out'].text} spectra."
            ),
            table(*rows),
            bullets(*sentences),
            text(_tail(material)),
            figure(
                "held_out",
                "Held-out MSE and examples (paper: Fig. 4), preset paper above, default below. (a), (e) "
                "histograms, on a logarithmic axis, with the examples as grey lines; the others: true G2 "
                "(black) "
                "and predicted (colour) at the 5th, 50th and 95th percentile of the MSE.",
            ),
            bullets(*examples),
            figure(
                "peaks",
                "Errors of peak positions near the absorber and far from it (paper: section 3.1): distance "
                "from each true peak of G2 to the nearest predicted one.",
            ),
            bullets(*regions),
            text(
                "The paper's median of 0 and its remark on the grid mean that it reads peaks off the 50 grid "
                "points, 0.10 Angstrom apart; the lines on the grid do the same, the others read between "
                "the points. The paper does not say how peaks are paired or what becomes of those that "
                "are not "
                "predicted at all; here each true peak is paired with the nearest predicted one, however "
                "far, so missed peaks weigh on the mean and the interquartile range."
            ),
            text(
                "First shell, error of the first peak, median and 90th percentile: "
                + "; ".join(
                    f"preset {seen.label} {shown(quantile(item.first, 50), '.3f')} and "
                    f"{shown(quantile(item.first, 90), '.3f')} Angstrom"
                    for seen, item in zip(material.seen, found, strict=True)
                )
                + "."
            ),
            *_constant(material),
        ),
        tuple(comparisons),
    )


def _constant(material: Material) -> list[Block]:
    """How many members predict the same for every spectrum, and the ensemble without, and with others."""
    words = [
        f"{int(still.sum())} of {still.size} of preset {seen.label}"
        for seen in material.seen
        for still in [constant(seen.members)]
    ]
    said = f"Members that predict one and the same curve for every held-out spectrum: {', '.join(words)}"
    paper = material.seen[0]
    dead = constant(paper.members)
    if not dead.any():
        return [text(said + ".")]
    again = redrawn(material)
    ensembles = {f"as trained ({dead.size} members, {int(dead.sum())} of them constant)": paper.members}
    if np.sum(~dead) > 1:
        ensembles[f"the other {int(np.sum(~dead))} alone"] = paper.members[:, ~dead]
    ensembles[f"the constant ones drawn again ({again.shape[1]} members)"] = again
    return [
        text(
            said
            + " (their rectified filters have died, and they pull the mean towards the average structure). "
            "The numbers of this report are those of all members, as trained. Beside them, preset paper "
            "without the constant members, and with members in their place that were drawn with other seeds "
            "until enough of them live:"
        ),
        table(
            ("preset paper", *(name for name, _ in _ENSEMBLE)),
            *(
                (name, *(show(members, paper) for _, show in _ENSEMBLE))
                for name, members in ensembles.items()
                if members.shape[1] > 1
            ),
        ),
    ]


def _mse(members: FloatArray, seen: Seen) -> FloatArray:
    return np.asarray(((members.mean(axis=1) - seen.targets) ** 2).mean(axis=1), dtype=np.float64)


def _peak(members: FloatArray, seen: Seen, far: bool) -> str:
    errors, _, _ = peak_errors(curves_of(seen.bundle.r, members), seen.targets, seen.bundle.r)
    return shown(quantile(errors.error[(errors.position >= NEAR) == far], 50), ".2f")


def _first(members: FloatArray, seen: Seen) -> str:
    _, first, _ = peak_errors(curves_of(seen.bundle.r, members), seen.targets, seen.bundle.r)
    return shown(quantile(first, 50), ".3f")


def _covered(members: FloatArray, seen: Seen) -> str:
    inside = np.abs(members.mean(axis=1) - seen.targets) <= 2 * members.std(axis=1, ddof=1)
    return f"{np.median(100 * inside.mean(axis=1)):.0f}"


def _correlation(members: FloatArray, seen: Seen) -> str:
    return f"{pearson(members.std(axis=1, ddof=1).mean(axis=1), _mse(members, seen)):.2f}"


#: What is said of an ensemble with other members.
_ENSEMBLE: tuple[tuple[str, Callable[[FloatArray, Seen], str]], ...] = (
    ("MSE, median", lambda members, seen: f"{np.median(_mse(members, seen)):.3f}"),
    ("MSE, mean", lambda members, seen: f"{_mse(members, seen).mean():.3f}"),
    ("MSE, coefficient of variation", lambda members, seen: f"{coefficient(_mse(members, seen)):.2f}"),
    ("peaks 1-3.5 A: error, median (A)", partial(_peak, far=False)),
    ("peaks 3.5-6 A: error, median (A)", partial(_peak, far=True)),
    ("first shell: error, median (A)", _first),
    ("within 2 sigma, median (%)", _covered),
    ("correlation of sigma and MSE", _correlation),
)


def _tail(material: Material) -> str:
    """What the worst spectra are."""
    seen = material.seen[1]
    order = np.argsort(-seen.mse, kind="stable")
    top = max(1, len(order) // 20)
    mineral = np.array([row.id.startswith("amcsd") for row in seen.rows])
    share = 100 * seen.mse[order[:top]].sum() / seen.mse.sum()
    size = (seen.targets**2).mean(axis=1)
    words = (
        f"The coefficient of variation is that of a long tail: the worst {top} of {len(order)} spectra carry "
        f"{share:.0f} % of the summed MSE of preset default. "
    )
    if mineral.any() and not mineral.all():
        words += (
            f"{int(mineral[order[:top]].sum())} of these {top} are minerals, which are "
            f"{100 * mineral.mean():.0f} % of the held-out spectra. G2 of minerals is larger (mean square "
            f"{size[mineral].mean():.1f}, of complexes {size[~mineral].mean():.1f}), and with it any squared "
            f"error: median MSE {np.median(seen.mse[mineral]):.2f} against "
            f"{np.median(seen.mse[~mineral]):.3f}; "
            f"without minerals the mean is {seen.mse[~mineral].mean():.3f} and the coefficient of variation "
            f"{coefficient(seen.mse[~mineral]):.2f}. "
        )
    times = 36657 / len(material.data.rows)
    return words + f"The paper's set holds molecules alone, and is {times:.0f} times larger."


def _has(item: HeldOutErrors, key: str) -> bool:
    region = key.partition(" ")[0]
    return region == "mse" or (region, "mean") in item.peaks


def _peak_interval(item: HeldOutErrors, on_grid: bool, region: str, kind: str) -> Interval:
    return (item.on_grid if on_grid else item.peaks)[region, kind]


_Line = tuple[str, str, int, Callable[[HeldOutErrors], Interval]]


def _peak_lines() -> list[_Line]:
    lines: list[_Line] = []
    for region, span in (("near", "1-3.5"), ("far", "3.5-6")):
        for kind in ("median", "mean", "iqr"):
            word = "interquartile range" if kind == "iqr" else kind
            for label in ("", " on the grid"):
                lines.append(
                    (
                        f"peaks {span} Angstrom: error, {word}{label} (Angstrom)",
                        f"{region} {kind}",
                        2,
                        partial(_peak_interval, on_grid=bool(label), region=region, kind=kind),
                    )
                )
    return lines


_LINES: list[_Line] = [
    ("held-out MSE, median", "mse median", 3, lambda item: item.mse["median"]),
    ("held-out MSE, mean", "mse mean", 3, lambda item: item.mse["mean"]),
    ("held-out MSE, coefficient of variation", "mse cv", 2, lambda item: item.mse["cv"]),
    *_peak_lines(),
]


def _tables(material: Material, found: list[HeldOutErrors]) -> None:
    seen = material.seen
    write_csv(
        material.csv("held_out"),
        {
            "preset": [item.label for item in seen for _ in item.ids],
            "id": [name for item in seen for name in item.ids],
            "composition": [name for item in seen for name in item.names],
            "mse": np.concatenate([item.mse for item in seen]),
            "first_shell_error": np.concatenate([item.first for item in found]),
        },
    )
    write_csv(
        material.csv("peaks"),
        {
            "preset": [item.label for item, own in zip(seen, found, strict=True) for _ in own.errors.row],
            "id": [item.ids[i] for item, own in zip(seen, found, strict=True) for i in own.errors.row],
            "true_r": np.concatenate([own.errors.position for own in found]),
            "error": np.concatenate([own.errors.error for own in found]),
            "error_on_grid": np.concatenate([own.errors.on_grid for own in found]),
        },
    )


def histogram(axes: object, values: FloatArray, bins: npt.NDArray[np.float64], colour: str) -> None:
    """Draw a histogram in the common look."""
    axes.hist(values, bins=bins, color=colour, alpha=0.85, edgecolor="white", lw=0.3)  # type: ignore[attr-defined]


def _draw_examples(material: Material) -> None:
    with canvas(material.out, "held_out", PAGE, 3.4) as drawn:
        panels = drawn.subplots(2, 4, width_ratios=(1.15, 1, 1, 1))
        low = min(seen.mse.min() for seen in material.seen)
        high = max(seen.mse.max() for seen in material.seen)
        bins = np.geomspace(low * 0.99, high * 1.01, 36)
        for row, seen, names in zip(panels, material.seen, ("abcd", "efgh"), strict=True):
            axes = row[0]
            histogram(axes, seen.mse, bins, PRESET_COLOURS[seen.label])
            axes.set_xscale("log")
            axes.set_ylabel("held-out spectra")
            axes.text(
                0.98,
                0.97,
                f"median {np.median(seen.mse):.3f}\nmean {seen.mse.mean():.3f}\n"
                f"$C_v$ {coefficient(seen.mse):.2f}",
                transform=axes.transAxes,
                ha="right",
                va="top",
                fontsize=6,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
            )
            letter(axes, names[0], PRESET_NAMES[seen.label])
            for panel, name, percentile in zip(row[1:], names[1:], EXAMPLES, strict=True):
                i = seen.by_mse(percentile)
                axes.axvline(seen.mse[i], color="0.5", lw=0.7, ls="--", zorder=0)
                panel.plot(seen.bundle.r, seen.targets[i], color=TRUTH, label="true")
                panel.plot(seen.bundle.r, seen.mean[i], color=PRESET_COLOURS[seen.label], label="predicted")
                panel.set_ylim(top=1.25 * max(seen.targets[i].max(), seen.mean[i].max()))
                panel.set_xlim(1, 6)
                panel.text(
                    0.98,
                    0.97,
                    f"{seen.ids[i]}\nMSE {seen.mse[i]:.3f}",
                    transform=panel.transAxes,
                    ha="right",
                    va="top",
                    fontsize=6,
                )
                letter(panel, name)
            row[1].set_ylabel(G2)
            row[1].legend(loc="center right")
        panels[1, 0].set_xlabel("MSE of $G^2$")
        for panel in panels[1, 1:]:
            panel.set_xlabel(DISTANCE)


def _draw_peaks(material: Material, found: list[HeldOutErrors]) -> None:
    bins = np.append(np.arange(0.0, 1.0001, 0.05), 1.05)
    with canvas(material.out, "peaks", PAGE * 0.8, 2.1) as drawn:
        panels = drawn.subplots(1, 2)
        for axes, name, region, title in (
            (panels[0], "a", "near", r"peaks 1-3.5 $\mathrm{\AA}$"),
            (panels[1], "b", "far", r"peaks 3.5-6 $\mathrm{\AA}$"),
        ):
            for seen, own in zip(material.seen, found, strict=True):
                inside = (own.errors.position < NEAR) == (region == "near")
                values = np.minimum(own.errors.error[inside], 1.02)
                axes.hist(
                    values,
                    bins=bins,
                    weights=np.full(values.size, 100.0 / max(1, values.size)),
                    histtype="step",
                    color=PRESET_COLOURS[seen.label],
                    lw=1.2,
                    label=PRESET_NAMES[seen.label]
                    + (f", mean {own.peaks[region, 'mean'][0]:.2f}" if (region, "mean") in own.peaks else ""),
                )
            axes.set_xlabel(r"error of the position ($\mathrm{\AA}$)")
            axes.set_xticks((0, 0.25, 0.5, 0.75, 1.0), ("0", "0.25", "0.5", "0.75", r"$\geq$1"))
            axes.legend()
            letter(axes, name, title)
        panels[0].set_ylabel("peaks (%)")
