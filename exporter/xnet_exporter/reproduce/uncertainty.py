"""How far sigma tells the error (paper section 3.2, Figs. 8 and S4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xnet_onnx.prediction import DEFAULT_LEVEL
from xnet_onnx.spectrum import FloatArray
from xnet_onnx.uncertainty.verdict import Assessment

from ..data.paper_numbers import PAPER
from ..evaluate.evaluation import Trusted, run_held_out, trust
from .drawing import (
    DISTANCE,
    G2,
    PAGE,
    PRESET_COLOURS,
    PRESET_NAMES,
    TRUTH,
    canvas,
    letter,
    plain_ticks,
    scatter_step,
)
from .held_out import histogram
from .material import Material, Seen
from .parts import Part, bullets, compared, figure, table, text, write_csv
from .statistics import Interval, against, clustered, interval_of, pearson

__all__ = ["Spread", "measure", "uncertainty"]

TITLE = "Uncertainty"
#: Three examples each of the best tenth, the middle and the worst, in percentiles of the MSE.
EXAMPLES = ((2.0, 5.0, 8.0), (47.0, 50.0, 53.0), (92.0, 95.0, 98.0))


@dataclass(frozen=True, eq=False)
class Spread:
    """Coverage and spread of one bundle's members.

    Parameters
    ----------
    coverage : ndarray of float64, shape (n,)
        Share of the G2 values of a spectrum within two sigma of the mean, in %.
    sigma : ndarray of float64, shape (n,)
        Mean sigma of a spectrum.
    median, mean : Interval
        Of the coverage.
    linear, logarithmic : Interval
        Pearson's correlation of sigma and MSE, and of their logarithms.
    """

    coverage: FloatArray
    sigma: FloatArray
    median: Interval
    mean: Interval
    linear: Interval
    logarithmic: Interval


def measure(seen: Seen, draws: int, seed: int) -> Spread:
    """Compare the members' spread with the error.

    Parameters
    ----------
    seen : Seen
    draws, seed : int
        Of the intervals.

    Returns
    -------
    Spread
    """
    inside = np.abs(seen.mean - seen.targets) <= 2 * seen.sigma
    coverage = 100.0 * inside.mean(axis=1)
    sigma = seen.sigma.mean(axis=1)
    log_sigma, log_mse = np.log(sigma), np.log(seen.mse)
    return Spread(
        coverage,
        sigma,
        clustered(seen.names, lambda i: float(np.median(coverage[i])), draws, seed),
        clustered(seen.names, lambda i: float(coverage[i].mean()), draws, seed),
        clustered(seen.names, lambda i: pearson(sigma[i], seen.mse[i]), draws, seed),
        clustered(seen.names, lambda i: pearson(log_sigma[i], log_mse[i]), draws, seed),
    )


def uncertainty(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    found = [measure(seen, material.effort.draws, material.seed) for seen in material.seen]
    write_csv(
        material.csv("uncertainty"),
        {
            "preset": [seen.label for seen in material.seen for _ in seen.ids],
            "id": [name for seen in material.seen for name in seen.ids],
            "coverage_percent": np.concatenate([item.coverage for item in found]),
            "mean_sigma": np.concatenate([item.sigma for item in found]),
            "mse": np.concatenate([seen.mse for seen in material.seen]),
        },
    )
    _draw(material, found)
    seen = material.seen[1]
    held = None
    if seen.bundle.calibration is not None:
        held = run_held_out(seen.bundle, seen.inputs, seen.absorbers, seen.targets)
    _draw_bands(material, seen, None if held is None else held.at(DEFAULT_LEVEL))
    lines = []
    for own, item in zip(material.seen, found, strict=True):
        lines.append(
            f"preset {own.label}: median coverage "
            f"{against(item.median[0], PAPER['coverage median'].value, 0, 'higher')}; "
            f"{100 * np.mean(item.coverage >= 45):.0f} % of the spectra lie between 45 and 100 %; Pearson's "
            f"correlation {against(item.linear[0], PAPER['pearson'].value, 2, 'higher')}, of the logarithms "
            f"{item.logarithmic[0]:.2f}"
        )
    low, high = found[1].linear[1:]
    stated = PAPER["pearson"].value
    assert stated is not None
    certain = "does not hold" if not low <= stated <= high else "holds"
    blocks = [
        text(
            "Coverage is the share of the 50 values of G2 within two standard deviations of the members' "
            "mean; sigma of a spectrum is the mean over them. 95.4 % would be covered if the members' "
            "spread were the error and normal."
        ),
        figure(
            "uncertainty",
            "Coverage and spread on held-out spectra (paper: Fig. 8), preset paper above, default below: "
            "histogram of the coverage, sigma against MSE, the same on logarithmic axes.",
        ),
        bullets(*lines),
        text(
            "The linear correlation is set by a few spectra of large MSE: its 95 % interval for preset "
            "default "
            f"is {low:.2f} to {high:.2f}, and {certain} the paper's {PAPER['pearson'].text}. "
            f"{_tail(material)}"
        ),
        figure(
            "bands",
            "Held-out predictions of preset default with bands (paper: Fig. S4): three each of the best "
            "tenth "
            "by MSE, the middle and the worst tenth. Dark: two sigma of the members; light: calibrated 90 "
            "% band."
            if held is not None
            else "Held-out predictions of preset default with two sigma of the members (paper: Fig. S4): "
            "three "
            "each of the best tenth by MSE, the middle and the worst tenth.",
        ),
    ]
    if held is not None:
        blocks += _calibrated(seen, held)
    return Part(
        "uncertainty",
        TITLE,
        tuple(blocks),
        (
            compared(
                "G2 within 2 sigma, median (%)",
                "coverage median",
                *(interval_of(item.median, 0) for item in found),
            ),
            compared(
                "Pearson's correlation of sigma and MSE",
                "pearson",
                *(interval_of(item.linear, 2) for item in found),
            ),
        ),
    )


def _tail(material: Material) -> str:
    """Whether the worst spectra have more error than their sigma says, as in the paper."""
    words = []
    for seen in material.seen:
        ratio = seen.mse / np.maximum((seen.sigma**2).mean(axis=1), 1e-12)
        order = np.argsort(seen.mse, kind="stable")
        tenth = max(1, len(order) // 10)
        worst, rest = float(np.median(ratio[order[-tenth:]])), float(np.median(ratio[order[:-tenth]]))
        word = (
            "over-confident there, as in the paper" if worst > 1.5 * rest else "no more over-confident there"
        )
        words.append(
            f"preset {seen.label}: MSE over mean squared sigma is {worst:.1f} in the worst tenth and "
            f"{rest:.1f} in "
            f"the rest (medians), {word}"
        )
    sentence = "; ".join(words)
    return sentence[0].upper() + sentence[1:] + "."


def _calibrated(seen: Seen, held: Trusted) -> list[Any]:
    """What our own intervals are worth."""
    measured = trust(held, seen.targets, seen.names)
    rows = [("interval", *(f"{100 * float(level):g} %" for level in measured["coverage"]))]
    for key, title in (("first_shell", "first-shell distance"), ("band", "G2, mean over r")):
        cells = [
            f"{item[key]['percent']:.1f} +- {item[key]['standard_error']:.1f}"
            for item in measured["coverage"].values()
        ]
        rows.append((f"{title}: truth inside (%)", *cells))
    far = [
        f"{100 * float(level):g} % of {title}"
        for key, title in (("first_shell", "the first shell"), ("band", "G2"))
        for level, item in measured["coverage"].items()
        if abs(item[key]["percent"] - 100 * float(level)) > 2 * item[key]["standard_error"]
    ]
    return [
        text(
            "In place of two sigma the shipped bundle gives intervals that were calibrated by "
            "cross-validation on other compositions. On these held-out spectra (with the standard error that "
            "whole compositions give):"
        ),
        table(*rows),
        text(
            "All are within two standard errors of what they promise."
            if not far
            else f"Off by more than two standard errors: {', '.join(far)}."
        ),
    ]


def _draw(material: Material, found: list[Spread]) -> None:
    with canvas(material.out, "uncertainty", PAGE, 3.7) as drawn:
        panels = drawn.subplots(2, 3)
        for row, seen, item, names in zip(panels, material.seen, found, ("abc", "def"), strict=True):
            colour = PRESET_COLOURS[seen.label]
            histogram(row[0], item.coverage, np.linspace(0, 100, 26), colour)
            for value, style, word in ((item.median[0], "-", "median"), (95.4, ":", "normal")):
                row[0].axvline(value, color="black", lw=0.8, ls=style, label=f"{word} {value:.0f} %")
            row[0].legend(loc="upper left")
            row[0].set_ylabel("held-out spectra")
            letter(row[0], names[0], PRESET_NAMES[seen.label])
            for axes, name, correlation in (
                (row[1], names[1], item.linear),
                (row[2], names[2], item.logarithmic),
            ):
                axes.scatter(
                    item.sigma,
                    seen.mse,
                    s=scatter_step(seen.mse),
                    color=colour,
                    alpha=0.6,
                    lw=0,
                    rasterized=True,
                )
                axes.set_ylabel("MSE of $G^2$")
                axes.text(0.04, 0.96, rf"$\rho$ = {correlation[0]:.2f}", transform=axes.transAxes, va="top")
                letter(axes, name)
            row[2].set_xscale("log")
            row[2].set_yscale("log")
            plain_ticks(row[2].xaxis)
            plain_ticks(row[2].yaxis)
        panels[1, 0].set_xlabel(r"$G^2$ within $\pm 2\sigma$ (%)")
        for axes in panels[1, 1:]:
            axes.set_xlabel(r"mean $\sigma$ of $G^2$")


def _draw_bands(material: Material, seen: Seen, bands: Assessment | None) -> None:
    with canvas(material.out, "bands", PAGE, 4.6) as drawn:
        panels = drawn.subplots(3, 3, sharex=True)
        colour = PRESET_COLOURS[seen.label]
        r = seen.bundle.r
        for row, percentiles, word in zip(
            panels, EXAMPLES, ("best tenth", "middle", "worst tenth"), strict=True
        ):
            for axes, percentile in zip(row, percentiles, strict=True):
                i = seen.by_mse(percentile)
                mean, sigma = seen.mean[i], seen.sigma[i]
                if bands is not None and bands.band_lower is not None and bands.band_upper is not None:
                    axes.fill_between(
                        r,
                        bands.band_lower[i],
                        bands.band_upper[i],
                        color=colour,
                        alpha=0.15,
                        lw=0,
                        label="90 % band",
                    )
                axes.fill_between(
                    r,
                    mean - 2 * sigma,
                    mean + 2 * sigma,
                    color=colour,
                    alpha=0.4,
                    lw=0,
                    label=r"$\pm 2\sigma$",
                )
                axes.plot(r, mean, color=colour, label="predicted")
                axes.plot(r, seen.targets[i], color=TRUTH, label="true")
                top = 1.35 * max(seen.targets[i].max(), (mean + 2 * sigma).max())
                axes.set_ylim(-0.08 * top, top)
                axes.set_xlim(1, 6)
                axes.set_title(f"{seen.ids[i]}, MSE {seen.mse[i]:.3f}", loc="left")
            row[0].set_ylabel(f"{word}\n{G2}")
        for axes in panels[-1]:
            axes.set_xlabel(DISTANCE)
        panels[0, 2].legend(loc="upper right", ncols=2)
