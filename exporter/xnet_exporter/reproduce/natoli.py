"""Natoli's rule: the gap between the first two resonances and the first shell (section 3.1, Fig. 7).

The paper has it as dE R ~ constant, a slope of -1 of ln R on ln dE. Natoli's own
argument, k R ~ constant with k the wavenumber above the zero of energy, gives
dE R2 ~ constant, a slope of -1/2. Both are tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from xnet_onnx.inference.peaks import peak_table
from xnet_onnx.preprocess.align import align, half_step_energy
from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..data.sets import Row
from ..evaluate.evaluation import run_chunks
from ..train.augment import broaden
from ..train.presets import DEFAULT
from .drawing import DISTANCE, G2, PAGE, PRESET_COLOURS, PRESET_NAMES, SHADES, canvas, letter
from .held_out import STATISTICS
from .material import Material, Seen
from .parts import Part, bullets, compared, figure, table, text, write_csv
from .sensitivity import energies
from .statistics import Interval, clustered, interval_of, pearson, shown, slope

__all__ = ["Slopes", "natoli", "resonances", "stretched", "widened"]

TITLE = "Natoli's rule"
FACTORS = (0.9, 0.95, 1.05, 1.1)
#: Resonances are maxima of the spectrum, smoothed by 1 eV FWHM, that rise by half a per cent of the
#: edge step out of the higher valley beside them, from 1 to 38 eV above the half-step energy.
SMOOTHING, PROMINENCE = 1.0, 0.005
WINDOW = (1.0, 38.0)
#: A first shell that is not within this of its place before is another one, in Angstrom.
FOLLOW = 0.3
#: A correlation smaller than this says little.
WEAK = 0.2
EXPECTED = {"dE R constant (the paper)": -1.0, "dE R2 constant (free electron)": -0.5}


def resonances(energy: FloatArray, mu: FloatArray, origin: float) -> tuple[float, float] | None:
    """Energies of the first two resonances above the edge.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        In eV, and normalised absorption.
    origin : float
        Half-step energy in eV.

    Returns
    -------
    first, second : float
        In eV; None where there are not two.
    """
    from scipy.signal import find_peaks

    grid, smooth = broaden(energy, mu, SMOOTHING)
    places, _ = find_peaks(smooth, prominence=PROMINENCE)
    above = grid[places] - origin
    kept = grid[places][(above > WINDOW[0]) & (above < WINDOW[1])]
    return (float(kept[0]), float(kept[1])) if kept.size > 1 else None


def widened(energy: FloatArray, first: float, second: float, factor: float) -> FloatArray:
    """Energies with the gap between two resonances times a factor; what lies above is moved along.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        In eV.
    first, second : float
        In eV.
    factor : float

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return energy + (factor - 1.0) * (np.clip(energy, first, second) - first)


def stretched(energy: FloatArray, origin: float, factor: float) -> FloatArray:
    """Energies with all that lies above `origin` stretched by a factor."""
    return np.where(energy > origin, origin + factor * (energy - origin), energy)


@dataclass(frozen=True, eq=False)
class Slopes:
    """How the first shell of one preset follows the gap.

    Parameters
    ----------
    seen : Seen
    rows : ndarray of int64, shape (p,)
        Held-out spectra with two resonances and a first shell.
    gaps : ndarray of float64, shape (p, 2)
        Their resonances in eV.
    distances : dict of str to ndarray of float64, shape (p, factors + 1)
        First-shell distance in Angstrom for each way of widening ("gap",
        "all"), that of the original first; NaN where it is lost.
    inputs, curves : dict of str to ndarray
        Model inputs and mean G2 in the same order.
    """

    seen: Seen
    rows: npt.NDArray[np.int64]
    gaps: FloatArray
    distances: dict[str, FloatArray]
    inputs: dict[str, npt.NDArray[np.float32]]
    curves: dict[str, FloatArray]

    def own(self, way: str) -> FloatArray:
        """Slope of ln R on ln dE of each spectrum, through the original; shape (p,)."""
        x = np.log(FACTORS)
        y = np.log(self.distances[way][:, 1:] / self.distances[way][:, :1])
        known = np.isfinite(y)
        xx = np.where(known, x**2, 0.0).sum(axis=1)
        return np.where(xx > 0, np.where(known, x * y, 0.0).sum(axis=1) / np.where(xx > 0, xx, 1.0), np.nan)

    def names(self) -> list[str]:
        """Composition of each of these spectra."""
        return [self.seen.names[i] for i in self.rows]


def _place(r: FloatArray, curve: FloatArray, near: float | None = None) -> float:
    """First peak, or the one within 0.3 Angstrom of where it was."""
    found = peak_table(r, curve[np.newaxis]).r
    if not found.size:
        return np.nan
    if near is None:
        return float(found[0])
    closest = float(found[np.abs(found - near).argmin()])
    return closest if abs(closest - near) <= FOLLOW else np.nan


def measure(seen: Seen) -> Slopes:
    """Widen the gap of every held-out spectrum that has two resonances, and predict.

    Parameters
    ----------
    seen : Seen

    Returns
    -------
    Slopes
    """
    axis, r = seen.bundle.axis, seen.bundle.r
    rows, gaps = [], []
    stacks: dict[str, list[npt.NDArray[np.float32]]] = {"gap": [], "all": []}
    for i, row in enumerate(seen.rows):
        origin = half_step_energy(row.energy, row.mu)
        pair = resonances(row.energy, row.mu, origin)
        if pair is None or np.isnan(_place(r, seen.mean[i])):
            continue
        rows.append(i)
        gaps.append(pair)
        aligned = align(row.energy, row.mu[np.newaxis], axis)
        at = axis.energies(float(aligned.edge_position[0]))
        for way, stack in stacks.items():
            for factor in (1.0, *FACTORS):
                energy = (
                    widened(row.energy, *pair, factor)
                    if way == "gap"
                    else stretched(row.energy, origin, factor)
                )
                # The half-step energy lies below all that moves.
                stack.append((np.interp(at, energy, row.mu) / aligned.scale[0]).astype(np.float32))
    count = len(FACTORS) + 1
    distances, inputs, curves = {}, {}, {}
    for way, stack in stacks.items():
        if not rows:
            distances[way] = np.empty((0, count))
            inputs[way], curves[way] = (
                np.empty((0, count, axis.count), np.float32),
                np.empty((0, count, r.size)),
            )
            continue
        inputs[way] = np.array(stack).reshape(len(rows), count, axis.count)
        mean = run_chunks(seen.bundle, np.array(stack), np.repeat(seen.absorbers[rows], count)).mean(axis=1)
        curves[way] = mean.reshape(len(rows), count, r.size)
        before = [_place(r, own[0]) for own in curves[way]]
        distances[way] = np.array(
            [
                [near, *(_place(r, curve, near) for curve in own[1:])]
                for near, own in zip(before, curves[way], strict=True)
            ]
        )
    return Slopes(
        seen, np.array(rows, dtype=np.int64), np.array(gaps).reshape(-1, 2), distances, inputs, curves
    )


@dataclass(frozen=True, eq=False)
class Across:
    """True first-shell distances and measured gaps of many spectra."""

    names: list[str]
    gap: FloatArray
    distance: FloatArray


def across(rows: tuple[Row, ...], r: FloatArray) -> Across:
    """Measure gap and first shell of every spectrum that has both."""
    names, gaps, distances = [], [], []
    for row in rows:
        pair = resonances(row.energy, row.mu, half_step_energy(row.energy, row.mu))
        place = _place(r, row.g2)
        if pair is not None and np.isfinite(place):
            names.append(row.name)
            gaps.append(pair[1] - pair[0])
            distances.append(place)
    return Across(names, np.array(gaps), np.array(distances))


def _taught() -> str:
    """What preset default was taught about the energy scale."""
    drawn = DEFAULT.augmentation
    if drawn is None:
        return ""
    return (
        f" Preset default was trained on energies stretched at random by {100.0 * drawn.stretch:.2g} % about "
        f"a mean of {100.0 * (drawn.stretch_mean - 1.0):.2g} %, without the distances being changed: it was "
        "taught not to believe small changes of the energy scale."
    )


def natoli(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    found = [measure(seen) for seen in material.seen]
    draws, seed = material.effort.draws, material.seed
    seen = material.seen[1]
    groups = {
        "held-out": across(seen.rows, seen.bundle.r),
        "whole set": across(material.data.rows, seen.bundle.r),
    }
    _csv(material, found)
    _draw(material, found, groups["whole set"])
    rows = [
        (
            "preset",
            "changed",
            "spectra",
            "slope, mean (95 %)",
            "slope, median (95 %)",
            "of the right sign (%)",
            "lost (%)",
        )
    ]
    medians: dict[tuple[str, str], Interval] = {}
    for item in found:
        for way, words in (("gap", "the gap alone"), ("all", "all above the edge")):
            own = item.own(way)
            kept = np.isfinite(own)
            if not kept.any():
                rows.append((item.seen.label, words, "0", "-", "-", "-", "-"))
                continue
            values, names = own[kept], [name for name, good in zip(item.names(), kept, strict=True) if good]
            mean, median = (
                clustered(names, partial(_statistic, STATISTICS[kind], values), draws, seed)
                for kind in ("mean", "median")
            )
            medians[item.seen.label, way] = median
            lost = np.isnan(item.distances[way][:, 1:]).mean()
            rows.append(
                (
                    item.seen.label,
                    words,
                    str(int(kept.sum())),
                    interval_of(mean, 2),
                    interval_of(median, 2),
                    f"{100 * np.mean(values < 0):.0f}",
                    f"{100 * lost:.1f}",
                )
            )
    lines = []
    for label, group in groups.items():
        if len(group.gap) < 3:
            continue
        x, y = np.log(group.gap), np.log(group.distance)
        fitted = clustered(group.names, partial(_pair_slope, x, y), draws, seed)
        lines.append(
            f"{label}, {len(x)} spectra: slope of the true ln R on the measured ln dE "
            f"{interval_of(fitted, 2)}, "
            f"Pearson's correlation {shown(pearson(x, y), '.2f')}"
        )
    inside = _within(groups["whole set"])
    learnt = ""
    if inside is not None:
        lines.append(inside[0])
        learnt = _learnt(inside[1])
    total = len(seen.rows)
    return Part(
        "natoli",
        TITLE,
        (
            text(
                f"The paper: {PAPER['natoli'].words} (dE R ~ constant). Resonances are taken to be maxima "
                "between 1 and 38 eV above the half-step energy that stand out by 0.5 % of the edge step "
                f"after smoothing by 1 eV; {len(found[1].rows)} of {total} held-out spectra have two (the "
                "others show a shoulder or none). The energies between the two are stretched or compressed "
                f"by 5 and 10 %, what lies above is moved along; or, as a free electron would have it, all "
                "above the edge is stretched. For each spectrum the slope of ln R (the first peak predicted, "
                "followed within 0.3 Angstrom) on ln dE is fitted through the original."
            ),
            table(*rows),
            bullets(*_verdicts(medians)),
            figure(
                "natoli",
                "Natoli's rule (paper: Fig. 7, left). (a), (b) one spectrum with its gap changed, and the "
                "prediction; (c) slopes over all held-out spectra with two resonances; (d) first shell and "
                "gap across all spectra of the set.",
            ),
            bullets(*lines) if lines else text("Too few spectra with two resonances to compare across them."),
            text(
                f"{learnt}"
                "Between different compounds the gap depends on far more than the first shell (the kind of "
                "the neighbours, the second shell), so the correlation across them is a weak form of the "
                "rule; the slope within a spectrum asks what the network has made of it."
                f"{_taught()}"
            ),
        ),
        (
            compared(
                "Natoli: slope of ln R on ln dE, median, the gap alone",
                "natoli",
                *(_show(medians, preset, "gap") for preset in ("paper", "default")),
            ),
            compared(
                "Natoli: slope of ln R on ln dE, median, all above the edge",
                "natoli",
                *(_show(medians, preset, "all") for preset in ("paper", "default")),
            ),
        ),
    )


def _statistic(
    measured: Callable[[FloatArray], float], values: FloatArray, rows: npt.NDArray[np.int64]
) -> float:
    return measured(values[rows])


def _pair_slope(x: FloatArray, y: FloatArray, rows: npt.NDArray[np.int64]) -> float:
    return slope(x[rows], y[rows])


def _within(group: Across) -> tuple[str, float] | None:
    """The same within compositions that the set has at several distances; with the correlation."""
    label = np.unique(group.names, return_inverse=True)[1]
    count = np.bincount(label)
    x, y = np.log(group.gap), np.log(group.distance)
    x, y = (values - (np.bincount(label, values) / count)[label] for values in (x, y))
    several = count[label] > 1
    if several.sum() < 10:
        return None
    correlation = pearson(x[several], y[several])
    return (
        f"whole set, within compositions that it holds several of ({int(several.sum())} spectra, each "
        "less the "
        f"mean of its composition): slope {shown(slope(x[several], y[several]), '.2f')}, Pearson's "
        "correlation "
        f"{shown(correlation, '.2f')}",
        correlation,
    )


def _learnt(correlation: float) -> str:
    """Whether the spectra themselves follow the rule, within compositions."""
    if correlation < -WEAK:
        return "The calculated spectra themselves follow the rule in its direction. "
    return (
        "So the calculated spectra of our set do not follow the rule themselves, as far as these resonances "
        "show it, and the networks had little to learn it from. "
    )


def _show(medians: dict[tuple[str, str], Interval], preset: str, way: str) -> str:
    found = medians.get((preset, way))
    return "-" if found is None else interval_of(found, 2)


def _verdicts(medians: dict[tuple[str, str], Interval]) -> list[str]:
    lines = []
    for (preset, way), (value, low, high) in medians.items():
        sign = (
            "the first shell moves the right way"
            if high < 0
            else "the first shell moves the wrong way"
            if low > 0
            else "no movement either way is certain"
        )
        inside = [name for name, expected in EXPECTED.items() if low <= expected <= high]
        strength = (
            f"the interval holds {' and '.join(inside)}"
            if inside
            else f"by {-100 * value:.0f} % of what dE R constant asks for, {-200 * value:.0f} % of dE R2 "
            "constant"
        )
        words = "the gap alone" if way == "gap" else "all above the edge"
        lines.append(f"preset {preset}, {words}: {sign}; {strength}")
    return lines or ["no held-out spectrum has two resonances: nothing can be said"]


def _csv(material: Material, found: list[Slopes]) -> None:
    columns: dict[str, list[object]] = {
        key: [] for key in ("preset", "id", "first_ev", "second_ev", "changed", "slope")
    }
    for item in found:
        for way in ("gap", "all"):
            for i, pair, value in zip(item.rows, item.gaps, item.own(way), strict=True):
                row = (item.seen.label, item.seen.ids[i], pair[0], pair[1], way, value)
                for key, cell in zip(columns, row, strict=True):
                    columns[key].append(cell)
    write_csv(material.csv("natoli"), columns)


def _example(item: Slopes) -> int | None:
    """The spectrum of the better half by MSE whose slope is the median of that half."""
    own = item.own("gap")
    good = np.flatnonzero(np.isfinite(own) & (item.seen.mse[item.rows] <= np.median(item.seen.mse)))
    if not good.size:
        return None
    return int(good[np.argsort(own[good], kind="stable")[good.size // 2]])


def _draw(material: Material, found: list[Slopes], group: Across) -> None:
    with canvas(material.out, "natoli", PAGE, 4.2) as drawn:
        panels = drawn.subplots(2, 3, width_ratios=(1, 1, 1.1))
        for column, item in enumerate(found):
            top, low = panels[0, column], panels[1, column]
            letter(top, "ab"[column], f"preset {item.seen.label}")
            top.set_xlabel(energies(item.seen)[1])
            low.set_xlabel(DISTANCE)
            i = _example(item)
            if i is None:
                continue
            energy, _ = energies(item.seen)
            letter(top, "ab"[column], f"preset {item.seen.label}\n{item.seen.ids[item.rows[i]]}")
            order = (0, 1, 2, 3, 4)
            for k, colour in zip(order, SHADES, strict=True):
                label = "original" if k == 0 else f"gap {100 * (FACTORS[k - 1] - 1):+.0f} %"
                front = 3 if k == 0 else 2
                top.plot(energy, item.inputs["gap"][i, k], color=colour, lw=0.8, label=label, zorder=front)
                low.plot(item.seen.bundle.r, item.curves["gap"][i, k], color=colour, lw=0.8, zorder=front)
            top.set_xlim(energy[0], energy[-1])
            place = item.distances["gap"][i, 0]
            low.set_xlim(max(1.0, place - 0.7), place + 0.9)
        panels[0, 0].set_ylabel(r"normalised $\mu$")
        panels[1, 0].set_ylabel(G2)
        if panels[0, 0].lines:
            panels[0, 0].legend(loc="lower right")
        axes = panels[0, 2]
        bins = np.linspace(-1.2, 0.8, 41)
        for item in found:
            own = item.own("gap")
            own = np.clip(own[np.isfinite(own)], bins[0], bins[-1])
            label = f"{PRESET_NAMES[item.seen.label]}" + (
                f", median {np.median(own):.2f}" if own.size else ""
            )
            axes.hist(
                own, bins=bins, histtype="step", lw=1.2, color=PRESET_COLOURS[item.seen.label], label=label
            )
        for value, style, word in ((-1.0, "--", r"$\Delta E\,R$"), (-0.5, ":", r"$\Delta E\,R^2$")):
            axes.axvline(value, color="0.3", lw=0.8, ls=style)
            axes.text(
                value + 0.03,
                0.4,
                f"{word} const.",
                rotation=90,
                transform=axes.get_xaxis_transform(),
                va="center",
                fontsize=6,
            )
        axes.set_xlabel(r"slope of $\ln R$ on $\ln\Delta E$")
        axes.set_ylabel("held-out spectra")
        top_edge = axes.get_ylim()[1]
        axes.set_ylim(0, 1.35 * top_edge)
        axes.legend(loc="upper left", frameon=True, framealpha=1.0, edgecolor="none", borderpad=0.2)
        letter(axes, "c", "the gap alone")
        axes = panels[1, 2]
        axes.plot(group.gap, group.distance, ".", ms=2, color="0.45", mew=0, rasterized=True)
        if group.gap.size > 2:
            low_gap, high_gap = np.percentile(group.gap, [2, 98])
            x = np.linspace(low_gap, high_gap, 50)
            centre = np.exp(np.log(group.gap).mean()), np.exp(np.log(group.distance).mean())
            for exponent, style, word in ((-1.0, "--", r"$\Delta E\,R$"), (-0.5, ":", r"$\Delta E\,R^2$")):
                axes.plot(
                    x,
                    centre[1] * (x / centre[0]) ** exponent,
                    color="black",
                    lw=0.9,
                    ls=style,
                    label=f"{word} constant",
                )
            axes.set_ylim(1.5, 2.9)
            axes.legend(loc="upper right")
        axes.set_xlabel(r"$\Delta E$ of the first two resonances (eV)")
        axes.set_ylabel(r"true first shell ($\mathrm{\AA}$)")
        letter(axes, "d", f"{len(group.gap)} spectra of the set")
