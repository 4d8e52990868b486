"""The maps as one figure (extra ``[plot]``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..output.figure import VERDICT_COLOURS, check_figure, new_figure, save_pages
from .result import CONFIDENCE, STATUS, Maps

__all__ = ["plot_maps"]

MAX_PIXELS = 1024
NOTHING = "0.75"
STATUSES = {
    "predicted": "#0072B2",
    "no shell": "#56B4E9",
    "outside": "#D55E00",
    "refused": "#F0E442",
    "no edge": "#E5E5E5",
    "dead": "#000000",
    "masked": "#999999",
}


def plot_maps(maps: Maps, path: Path) -> None:
    """Draw distance, half width of its interval, confidence, edge step, edge energy and status.

    Parameters
    ----------
    maps : Maps
    path : Path
        The figure; its suffix sets the format (png, svg, pdf).

    Raises
    ------
    MissingExtraError, OutputError
        As `check_figure`; if the file cannot be written.
    """
    check_figure(path)
    save_pages([lambda: _draw_maps(maps)], path)


def _draw_maps(maps: Maps) -> Any:
    rows, columns = maps.status.shape
    every = max(1, -(-max(rows, columns) // MAX_PIXELS))
    wide = min(2.0, max(0.5, columns / rows))
    figure = new_figure(3.0 * (2.6 * wide + 1.6), 6.4)
    axes = figure.subplots(2, 3, squeeze=False)
    half = 0.5 * (maps.first_shell_upper - maps.first_shell_lower)
    level = maps.info.get("interval_level")
    named = "" if level is None else f"{100 * float(level):g} % "
    for place, values, title, unit in (
        (axes[0, 0], maps.first_shell, "first-shell distance", r"$\mathrm{\AA}$"),
        (axes[0, 1], half, f"half width of its {named}interval", r"$\mathrm{\AA}$"),
        (axes[1, 0], maps.edge_step, "edge step", "units of the stack"),
        (axes[1, 1], maps.edge_position, "edge position", "eV"),
    ):
        _numbers(figure, place, values[::every, ::every], title, unit)
    _codes(figure, axes[0, 2], maps.confidence[::every, ::every], "confidence", VERDICT_COLOURS, CONFIDENCE)
    _codes(figure, axes[1, 2], maps.status[::every, ::every], "status", STATUSES, STATUS)
    figure.suptitle(
        f"{Path(str(maps.info.get('stack', ''))).name}   (grey: nothing is given, see status; colours go "
        "from the "
        "1st to the 99th percentile)",
        fontsize=9,
    )
    for place in axes.flat:
        place.set_xlabel("x (pixel)", fontsize=8)
        place.set_ylabel("y (pixel)", fontsize=8)
        place.tick_params(labelsize=8)
    return figure


def _numbers(figure: Any, axes: Any, values: Any, title: str, unit: str) -> None:
    from matplotlib import colormaps

    found = values[np.isfinite(values)]
    low, high = (float(x) for x in np.percentile(found, [1.0, 99.0])) if found.size else (0.0, 1.0)
    colours = colormaps["viridis"].with_extremes(bad=NOTHING)
    image = axes.imshow(
        values, cmap=colours, vmin=low, vmax=max(high, low + 1e-9), interpolation="nearest", aspect="equal"
    )
    beyond = (bool(found.size and found.min() < low), bool(found.size and found.max() > high))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[
        beyond
    ]
    bar = figure.colorbar(image, ax=axes, extend=extend, shrink=0.85)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.formatter.set_useOffset(False)
    axes.set_title(title, fontsize=10)


def _codes(
    figure: Any, axes: Any, values: Any, title: str, colours: dict[str, str], codes: dict[str, int]
) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    count = max(codes.values()) + 1
    by_code = [NOTHING] * count
    for name, colour in colours.items():
        by_code[codes[name]] = colour
    shown = [name for name in codes if np.any(values == codes[name])]
    image = axes.imshow(
        values,
        cmap=ListedColormap(by_code),
        norm=BoundaryNorm(np.arange(count + 1) - 0.5, count),
        interpolation="nearest",
        aspect="equal",
    )
    bar = figure.colorbar(image, ax=axes, shrink=0.85, ticks=[codes[name] for name in codes])
    bar.ax.set_yticklabels([name if name in shown else f"({name})" for name in codes], fontsize=8)
    axes.set_title(title, fontsize=10)
