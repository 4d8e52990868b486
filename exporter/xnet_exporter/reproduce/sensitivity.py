"""What shifts, broadening and the pre-edge do to a prediction (paper section 3.1, Figs. 5 to 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.preprocess.align import align, half_step_energy
from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..evaluate.evaluation import run_chunks
from ..train.augment import broaden
from .drawing import DISTANCE, G2, PAGE, PRESET_COLOURS, PRESET_NAMES, SHADES, canvas, letter
from .material import Material, Seen
from .parts import Block, Comparison, Part, bullets, compared, figure, table, text, write_csv
from .statistics import pearson, quantile, ranks, shown

__all__ = ["Change", "Response", "changed_inputs", "respond", "sensitivity"]

TITLE = "Sensitivity to shifts, broadening and the pre-edge"
SHIFTS = (-2.0, -1.0, 1.0, 2.0)
BROADENINGS = (0.5, 1.0, 2.0, 3.0)
PRE_EDGE = (0.0, 0.5, 1.5, 2.0)
#: The pre-edge is looked for up to this far below the half-step energy, in eV.
PRE_EDGE_END = -2.0
#: A pre-edge worth the name, in edge steps.
VISIBLE = 0.01
#: A change of G2 that is called small, in %.
SMALL = 3.0
#: A first shell that moves less than this has not moved, in Angstrom.
STILL = 0.02
GOOD, BAD = 5.0, 95.0

Change = Callable[[FloatArray, FloatArray, float], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, eq=False)
class Response:
    """Predictions for spectra that were all changed in one way.

    Parameters
    ----------
    label : str
        For the legend.
    value : float
        How strongly.
    inputs : ndarray of float32, shape (n, axis.count)
    mean : ndarray of float64, shape (n, k)
    change : ndarray of float64, shape (n,)
        Mean absolute change of G2 over the mean of G2, in %.
    shell : ndarray of float64, shape (n,)
        Change of the first-shell distance in Angstrom; NaN where it is lost.
    mse : ndarray of float64, shape (n,)
    """

    label: str
    value: float
    inputs: npt.NDArray[np.float32]
    mean: FloatArray
    change: FloatArray
    shell: FloatArray
    mse: FloatArray


def changed_inputs(seen: Seen, change: Change, realign: bool) -> npt.NDArray[np.float32]:
    """Model inputs of changed spectra; what the axis lacks at its ends is held.

    Parameters
    ----------
    seen : Seen
    change : callable
        Energy (eV), mu and half-step energy (eV) to energy and mu.
    realign : bool
        Find the half-step energy again, as the runtime would for a spectrum
        that comes like this, instead of keeping the original one.

    Returns
    -------
    ndarray of float32, shape (n, axis.count)
    """
    axis = seen.bundle.axis
    inputs = []
    for row in seen.rows:
        aligned = align(row.energy, row.mu[np.newaxis], axis)
        energy, mu = change(row.energy, row.mu, half_step_energy(row.energy, row.mu))
        if realign:
            aligned = align(energy, mu[np.newaxis], axis)
        at = axis.energies(float(aligned.edge_position[0]))
        inputs.append(np.interp(at, energy, mu) / aligned.scale[0])
    return np.array(inputs, dtype=np.float32)


def respond(seen: Seen, change: Change, label: str, value: float, realign: bool) -> Response:
    """Predict for changed spectra and compare with the originals.

    Parameters
    ----------
    seen : Seen
    change, realign
        As `changed_inputs`.
    label : str
    value : float

    Returns
    -------
    Response
    """
    inputs = changed_inputs(seen, change, realign)
    mean = run_chunks(seen.bundle, inputs, seen.absorbers).mean(axis=1)
    moved = np.abs(mean - seen.mean).mean(axis=1) / np.abs(seen.mean).mean(axis=1)
    shell = first_peaks(seen.bundle.r, mean) - first_peaks(seen.bundle.r, seen.mean)
    return Response(
        label, value, inputs, mean, 100.0 * moved, shell, ((mean - seen.targets) ** 2).mean(axis=1)
    )


def shifted(value: float) -> Change:
    """Move a spectrum up in energy by `value` eV."""
    return lambda energy, mu, _: (energy + value, mu)


def broadened(value: float) -> Change:
    """Broaden a spectrum by `value` eV FWHM."""
    return lambda energy, mu, _: broaden(energy, mu, value)


def pre_edge_of(energy: FloatArray, mu: FloatArray, origin: float) -> FloatArray:
    """What stands out of the rising edge below it: mu less its lower convex hull.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        In eV, and normalised absorption.
    origin : float
        Half-step energy in eV; looked at is what lies more than 2 eV below.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 outside; a peak and a shoulder both count.
    """
    feature = np.zeros(mu.size)
    inside = np.flatnonzero(energy <= origin + PRE_EDGE_END)
    if inside.size < 3:
        return feature
    hull: list[int] = []
    for i in inside:
        while len(hull) > 1 and (mu[hull[-1]] - mu[hull[-2]]) * (energy[i] - energy[hull[-2]]) >= (
            mu[i] - mu[hull[-2]]
        ) * (energy[hull[-1]] - energy[hull[-2]]):
            hull.pop()
        hull.append(int(i))
    feature[inside] = mu[inside] - np.interp(energy[inside], energy[hull], mu[hull])
    return feature


def pre_edge_scaled(value: float) -> Change:
    """Multiply the pre-edge by `value`."""
    return lambda energy, mu, origin: (energy, mu + (value - 1.0) * pre_edge_of(energy, mu, origin))


def pre_edge_heights(seen: Seen) -> FloatArray:
    """Height of each spectrum's pre-edge, in edge steps."""
    return np.array(
        [pre_edge_of(row.energy, row.mu, half_step_energy(row.energy, row.mu)).max() for row in seen.rows]
    )


@dataclass(frozen=True, eq=False)
class Series:
    """One kind of change at several strengths, for one preset."""

    name: str
    seen: Seen
    responses: tuple[Response, ...]


def series(
    name: str,
    seen: Seen,
    make: Callable[[float], Change],
    values: Sequence[float],
    label: str,
    realign: bool,
) -> Series:
    """Respond to one kind of change at several strengths; the label is a format of the value."""
    return Series(
        name,
        seen,
        tuple(respond(seen, make(value), label.format(value), value, realign) for value in values),
    )


def sensitivity(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    found: dict[str, tuple[Series, Series]] = {}
    for name, make, values, label, realign in (
        ("shift of the model input", shifted, SHIFTS, "{:+g} eV", False),
        ("shift of the spectrum", shifted, SHIFTS, "{:+g} eV", True),
        ("broadening", broadened, BROADENINGS, "{:g} eV", True),
        ("pre-edge", pre_edge_scaled, PRE_EDGE, "times {:g}", False),
    ):
        paper, default = (series(name, seen, make, values, label, realign) for seen in material.seen)
        found[name] = (paper, default)
    _csv(material, found)
    _draw(material, "shifts", found["shift of the model input"], "shift (eV)", _by_rank)
    _draw(material, "broadening", found["broadening"], "broadening (eV FWHM)", _by_rank)
    _draw(material, "pre_edge", found["pre-edge"], "factor on the pre-edge", _by_pre_edge)
    return Part(
        "sensitivity",
        TITLE,
        (
            *_shift_blocks(material, found),
            *_broadening_blocks(found),
            *_pre_edge_blocks(found),
        ),
        (
            *_lines("shift of the model input", "shift", found, (1.0, 2.0), " eV"),
            *_lines("shift of the spectrum", "shift", found, (2.0,), " eV"),
            *_lines("broadening", "broadening", found, (1.0, 3.0), " eV FWHM"),
            *_lines("pre-edge", "pre-edge", found, (0.0,), " times"),
        ),
    )


def _median(values: FloatArray) -> float:
    return quantile(np.abs(values), 50)


def _lines(
    name: str, key: str, found: dict[str, tuple[Series, Series]], values: tuple[float, ...], unit: str
) -> list[Comparison]:
    lines = []
    for value in values:
        cells = []
        for own in found[name]:
            response = next(item for item in own.responses if item.value == value)
            cells.append(f"{response.change.mean():.0f} % / {shown(_median(response.shell), '.3f')} A")
        what = f"{name} by {value:g}{unit}" if unit != " times" else f"{name} times {value:g}"
        lines.append(compared(f"{what}: change of G2, mean / of the first shell, median", key, *cells))
    return lines


def _summary(pair: tuple[Series, Series]) -> Block:
    rows = [
        (
            "preset", "change", "G2, median (%)", "G2, 90th percentile (%)", "first shell, median (A)",
            "first shell, 90th percentile (A)", "lost (%)", "MSE, median", "MSE, mean",
        )
    ]  # fmt: skip
    for own in pair:
        seen = own.seen
        rows.append(
            (
                seen.label,
                "none",
                "-",
                "-",
                "-",
                "-",
                "-",
                f"{np.median(seen.mse):.3f}",
                f"{seen.mse.mean():.3f}",
            )
        )
        for item in own.responses:
            rows.append(
                (
                    seen.label,
                    item.label,
                    f"{np.median(item.change):.1f}",
                    f"{np.percentile(item.change, 90):.1f}",
                    shown(_median(item.shell), ".3f"),
                    shown(quantile(np.abs(item.shell), 90), ".3f"),
                    f"{100 * np.isnan(item.shell).mean():.1f}",
                    f"{np.median(item.mse):.3f}",
                    f"{item.mse.mean():.3f}",
                )
            )
    return table(*rows)


def _worse_moves_more(own: Series, strongest: Response) -> str:
    """The paper's remark that bad predictions change more, in numbers."""
    order = np.argsort(own.seen.mse, kind="stable")
    tenth = max(1, len(order) // 10)
    best, worst = (float(np.median(strongest.change[rows])) for rows in (order[:tenth], order[-tenth:]))
    rank = pearson(ranks(own.seen.mse), ranks(strongest.change))
    holds = "holds" if rank > 0.1 else "does not hold" if rank < -0.1 else "hardly shows"
    return (
        f"preset {own.seen.label}, {strongest.label}: the worst tenth by MSE changes by {worst:.1f} %, "
        "the best "
        f"by {best:.1f} % (medians); Spearman's correlation of MSE and change {rank:.2f}: the paper's remark "
        f"that worse predictions are more sensitive {holds}"
    )


def _shift_blocks(material: Material, found: dict[str, tuple[Series, Series]]) -> list[Block]:
    user = found["shift of the spectrum"][1]
    largest = quantile(np.concatenate([np.abs(item.shell) for item in user.responses]), 100)
    paper, default = found["shift of the model input"]
    two = [next(item for item in own.responses if item.value == 2.0) for own in (paper, default)]
    return [
        text(
            f"Shifts. The paper: {PAPER['shift'].words}. On its absolute energy axis a shifted spectrum is a "
            "shifted model input. Preset default counts energies from each spectrum's own edge position: "
            "the runtime takes a shift of the whole spectrum out, and only an error of that alignment shifts "
            "the model input. Both are measured, over all held-out spectra."
        ),
        _summary(found["shift of the model input"]),
        figure(
            "shifts",
            "Shifts of the model input (paper: Fig. 5): a spectrum of the best tenth and one of the "
            "worst, for "
            "each preset, and below, the change over all held-out spectra (line: median; area: 10th to 90th "
            "percentile).",
        ),
        text(
            "A shift of the spectrum itself by up to 2 eV moves the first shell of preset default by at "
            "most "
            f"{shown(largest, '.4f')} Angstrom (interpolation); preset paper has no such protection, and "
            "its numbers "
            "are those of the table."
        ),
        bullets(*(_worse_moves_more(own, item) for own, item in zip((paper, default), two, strict=True))),
    ]


def _broadening_blocks(found: dict[str, tuple[Series, Series]]) -> list[Block]:
    pair = found["broadening"]
    strongest = [own.responses[-1] for own in pair]
    ratio = strongest[0].change.mean() / strongest[1].change.mean()
    return [
        text(f"Broadening. The paper: {PAPER['broadening'].words}."),
        _summary(pair),
        figure("broadening", "Gaussian broadening (paper: Fig. 6), as the figure before."),
        bullets(
            *(_worse_moves_more(own, item) for own, item in zip(pair, strongest, strict=True)),
            f"at {strongest[0].value:g} eV, G2 of preset paper changes {ratio:.1f} times as much as that "
            "of preset "
            "default; the median MSE goes "
            + " and ".join(
                f"from {np.median(own.seen.mse):.3f} to {np.median(item.mse):.3f} (preset {own.seen.label})"
                for own, item in zip(pair, strongest, strict=True)
            ),
            "preset default was trained on spectra broadened by up to 3 eV, preset paper on none",
        ),
    ]


def _pre_edge_blocks(found: dict[str, tuple[Series, Series]]) -> list[Block]:
    pair = found["pre-edge"]
    lines, most = [], 0.0
    for own in pair:
        none = own.responses[0]
        height = pre_edge_heights(own.seen)
        words = []
        for label, rows in (
            ("all spectra", np.ones(len(height), bool)),
            (f"those whose pre-edge is higher than {VISIBLE:g} edge steps", height > VISIBLE),
        ):
            if not rows.any():
                words.append(f"{label}: none")
                continue
            moved = 100 * np.mean(~(np.abs(none.shell[rows]) <= STILL))
            most = max(most, float(np.median(none.change[rows])))
            words.append(
                f"{label} ({int(rows.sum())}): G2 changes by {np.median(none.change[rows]):.1f} %, the first "
                f"shell by {shown(_median(none.shell[rows]), '.3f')} Angstrom (medians), by more than "
                f"{STILL:g} in "
                f"{moved:.0f} %"
            )
        lines.append(f"preset {own.seen.label}, pre-edge taken away: " + "; ".join(words))
    height = pre_edge_heights(pair[1].seen)
    whole = max(float(np.median(own.responses[0].change)) for own in pair)
    agree = (
        f"Over the whole set G2 hardly changes (medians up to {whole:.1f} %), as in the paper's example; "
        "where "
        f"the pre-edge can be seen, it does by up to {most:.1f} %."
        if whole < SMALL
        else f"The paper's example does not stand for the whole set here: G2 does change (medians up to "
        f"{whole:.1f} %), though nothing else in the spectrum did."
    )
    return [
        text(
            f"The pre-edge. The paper: {PAPER['pre-edge'].words}. Here the pre-edge is what stands out of "
            "the "
            f"rising edge more than {-PRE_EDGE_END:g} eV below the half-step energy (mu less its lower "
            "convex "
            "hull), and is multiplied by a factor; the alignment of the energy axis is kept. In "
            "muffin-tin FEFF it is weak: median height "
            f"{np.median(height):.3f} edge steps, 90th percentile {np.percentile(height, 90):.3f}."
        ),
        _summary(pair),
        figure(
            "pre_edge",
            "The pre-edge scaled (paper: Fig. 7, right), as the figures before, but for the examples: the "
            "strongest pre-edge of the better and of the worse half by MSE.",
        ),
        bullets(*lines),
        text(agree),
    ]


def _csv(material: Material, found: dict[str, tuple[Series, Series]]) -> None:
    columns: dict[str, list[Any]] = {
        key: []
        for key in (
            "preset", "id", "change", "value", "g2_change_percent", "first_shell_change", "mse_before", "mse",
        )
    }  # fmt: skip
    for name, pair in found.items():
        for own in pair:
            for item in own.responses:
                for i, row_id in enumerate(own.seen.ids):
                    row = (
                        own.seen.label, row_id, name, item.value, item.change[i], item.shell[i],
                        own.seen.mse[i], item.mse[i],
                    )  # fmt: skip
                    for key, value in zip(columns, row, strict=True):
                        columns[key].append(value)
    write_csv(material.csv("sensitivity"), columns)


def _change(item: Response) -> FloatArray:
    return item.change


def _shell(item: Response) -> FloatArray:
    return np.abs(item.shell)


def energies(seen: Seen) -> tuple[FloatArray, str]:
    """Energies of the model input with the name of their axis."""
    if seen.bundle.axis.kind == "edge":
        return seen.bundle.axis.energies(), r"$E - E_\mathrm{edge}$ (eV)"
    return seen.bundle.axis.energies(), "energy (eV)"


def _by_rank(seen: Seen) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("best tenth", seen.by_mse(GOOD)), ("worst tenth", seen.by_mse(BAD))


def _by_pre_edge(seen: Seen) -> tuple[tuple[str, int], tuple[str, int]]:
    order = np.argsort(seen.mse, kind="stable")
    height = pre_edge_heights(seen)
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    better, worse = (int(rows[np.argmax(height[rows])]) for rows in halves)
    return ("better half", better), ("worse half", worse)


def _draw(
    material: Material,
    stem: str,
    pair: tuple[Series, Series],
    strength: str,
    examples: Callable[[Seen], tuple[tuple[str, int], tuple[str, int]]],
) -> None:
    with canvas(material.out, stem, PAGE, 5.2) as drawn:
        panels = drawn.subplots(3, 4, height_ratios=(1, 1, 0.95))
        for half, own in enumerate(pair):
            seen = own.seen
            energy, axis_name = energies(seen)
            for column, (word, i) in enumerate(examples(seen), 2 * half):
                top, middle = panels[0, column], panels[1, column]
                drawn_curves = [("original", seen.inputs[i], seen.mean[i])]
                drawn_curves += [(item.label, item.inputs[i], item.mean[i]) for item in own.responses]
                for (label, spectrum, curve), colour in zip(drawn_curves, SHADES, strict=True):
                    front = 3 if label == "original" else 2
                    top.plot(energy, spectrum, color=colour, lw=0.8, label=label, zorder=front)
                    middle.plot(seen.bundle.r, curve, color=colour, lw=0.8, zorder=front)
                middle.plot(
                    seen.bundle.r, seen.targets[i], color="0.6", lw=0.8, ls=":", label="true", zorder=1
                )
                letter(top, "abcd"[column], f"{seen.label}, {word}\n{seen.ids[i]}")
                top.set_xlabel(axis_name)
                top.set_xlim(energy[0], energy[-1])
                middle.set_xlabel(DISTANCE)
                middle.set_xlim(1, 6)
        panels[0, 0].set_ylabel(r"normalised $\mu$")
        panels[1, 0].set_ylabel(G2)
        panels[0, 0].legend(loc="lower right")
        panels[1, 0].legend(loc="upper right")
        grid = panels[2, 0].get_gridspec()
        for axes in panels[2]:
            axes.remove()
        left, right = drawn.add_subplot(grid[2, :2]), drawn.add_subplot(grid[2, 2:])
        neutral = 1.0 if stem == "pre_edge" else 0.0
        for own in pair:
            colour = PRESET_COLOURS[own.seen.label]
            ordered = sorted([*((item.value, item) for item in own.responses)], key=lambda item: item[0])
            values = np.array([neutral, *(value for value, _ in ordered)])
            order = np.argsort(values)
            for axes, pick in ((left, _change), (right, _shell)):
                quantiles = np.array(
                    [[0.0] * 3, *([quantile(pick(item), q) for q in (10, 50, 90)] for _, item in ordered)]
                )
                low, middle_, high = quantiles[order].T
                axes.fill_between(values[order], low, high, color=colour, alpha=0.18, lw=0)
                axes.plot(
                    values[order], middle_, "o-", ms=2.5, color=colour, label=PRESET_NAMES[own.seen.label]
                )
        for axes, name, label in (
            (left, "e", "change of $G^2$ (%)"),
            (right, "f", r"first shell moves by ($\mathrm{\AA}$)"),
        ):
            axes.set_xlabel(strength)
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
            letter(axes, name, "all held-out spectra")
        left.legend()
