"""The figures of the page: the spectrum, the distribution and the series, in Bokeh.

They are made once and filled again for each spectrum: the browser draws new
points in a fraction of the time that it needs for a new figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import SpectrumError
from ..output.figure import curve_limits
from ..output.text import uncertain_peaks
from ..prediction import Prediction
from ..preprocess.normalize import normalize
from ..spectrum import FloatArray, Spectrum
from .uploads import Answer

__all__ = [
    "DARK",
    "LIGHT",
    "Figures",
    "Palette",
    "make_figures",
    "make_series",
    "show_prediction",
    "show_series",
    "show_spectrum",
]


@dataclass(frozen=True)
class Palette:
    """Colours of a figure, after Okabe and Ito: colour-blind readers can tell them apart."""

    text: str
    rule: str
    spectrum: str
    curve: str
    line: str


LIGHT = Palette(text="#333333", rule="#dddddd", spectrum="#0072B2", curve="#D55E00", line="#009E73")
DARK = Palette(text="#dddddd", rule="#3a3f45", spectrum="#56B4E9", curve="#E69F00", line="#2BC79B")

#: Shape and colour of the verdicts in the series.
_SHAPES = {
    "high": ("circle", "spectrum"),
    "medium": ("diamond", "line"),
    "low": ("square", "curve"),
    "outside": ("x", "curve"),
    "no interval": ("triangle", "text"),
}
_POINT = ("x", "r", "low", "high", "file")


@dataclass(frozen=True, eq=False)
class Figures:
    """The figures of one answer.

    Parameters
    ----------
    distribution, used, measured : bokeh.models.Plot
    """

    distribution: Any
    used: Any
    measured: Any


def make_figures(palette: Palette) -> Figures:
    """Make the figures, empty.

    Parameters
    ----------
    palette : Palette

    Returns
    -------
    Figures
    """
    return Figures(_distribution(palette), _used(palette), _measured(palette))


def _figure(title: str, x: str, y: str, palette: Palette, hover: Any = None) -> Any:
    """A figure without curves; ``bokeh.plotting``, slow to import, would make more parts."""
    from bokeh.models import (
        BoxZoomTool,
        Grid,
        HoverTool,
        LinearAxis,
        PanTool,
        Plot,
        Range1d,
        ResetTool,
        Span,
        Title,
        WheelZoomTool,
    )

    made = Plot(
        title=Title(text=title, text_color=palette.text, text_font_size="11pt"),
        x_range=Range1d(0, 1),
        y_range=Range1d(0, 1),
        height=300,
        min_width=260,
        sizing_mode="stretch_width",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=palette.rule,
    )
    hover = hover or HoverTool(tooltips=[("", "$x{0.00}, $y{0.000}")], visible=False)
    made.add_tools(BoxZoomTool(), PanTool(), WheelZoomTool(modifiers="ctrl"), ResetTool(), hover)
    made.toolbar.update(logo=None, autohide=True)
    for dimension, (label, side) in enumerate(((x, "below"), (y, "left"))):
        axis = LinearAxis(
            axis_label=label,
            axis_label_text_font_style="normal",
            axis_label_text_color=palette.text,
            major_label_text_color=palette.text,
            axis_line_color=palette.text,
            major_tick_line_color=palette.text,
            minor_tick_line_color=palette.text,
        )
        made.add_layout(axis, side)
        made.add_layout(
            Grid(dimension=dimension, axis=axis, grid_line_color=palette.rule, grid_line_alpha=0.6)
        )
    made.add_layout(
        Span(name="e0", location=None, dimension="height", line_color=palette.text, line_dash="dotted")
    )
    return made


def _draw(made: Any, glyph: Any, source: Any, name: str | None = None) -> Any:
    """Add a curve or points; nothing can be selected or muted, so there is no glyph for that."""
    from bokeh.models import GlyphRenderer

    drawn = GlyphRenderer(
        data_source=source, glyph=glyph, nonselection_glyph=None, muted_glyph=None, name=name
    )
    made.renderers.append(drawn)
    return drawn


def _line(made: Any, name: str, color: str, width: float = 2, dash: str = "solid") -> Any:
    from bokeh.models import ColumnDataSource, Line

    source = ColumnDataSource({"x": [], "y": []})
    return _draw(made, Line(x="x", y="y", line_color=color, line_width=width, line_dash=dash), source, name)


def _legend(
    made: Any, items: Sequence[tuple[str, Any]], palette: Palette, place: str = "center", **more: Any
) -> Any:
    from bokeh.models import Legend, LegendItem

    legend = Legend(
        items=[LegendItem(label=label, renderers=drawn) for label, drawn in items],
        background_fill_alpha=0,
        border_line_alpha=0,
        label_text_color=palette.text,
        label_text_font_size="9pt",
        padding=2,
        **{"spacing": 0} | more,
    )
    made.add_layout(legend, place)
    return made


def _distribution(palette: Palette) -> Any:
    from bokeh.models import BoxAnnotation, ColumnDataSource, LabelSet, Line, VArea

    made = _figure("Atoms around the absorber", "distance r (\u00c5)", "G2", palette)
    made.add_layout(
        BoxAnnotation(name="shell", fill_color=palette.line, fill_alpha=0.18, line_alpha=0, visible=False)
    )
    curve = ColumnDataSource({"r": [], "mean": [], "lower": [], "upper": []}, name="curve")
    band = VArea(x="r", y1="lower", y2="upper", fill_color=palette.curve, fill_alpha=0.25)
    mean = Line(x="r", y="mean", line_color=palette.curve, line_width=2)
    drawn = _draw(made, band, curve), _draw(made, mean, curve, "curve")
    made.add_layout(
        LabelSet(
            name="peaks",
            x="r",
            y="height",
            text="text",
            source=ColumnDataSource({"r": [], "height": [], "text": []}),
            y_offset=5,
            text_align="center",
            text_color=palette.text,
            text_font_size="10pt",
        )
    )
    items = [(label, [each]) for label, each in zip(("interval", "predicted"), drawn, strict=True)]
    return _legend(made, items, palette, name="legend")


def _used(palette: Palette) -> Any:
    made = _figure("The spectrum as used", "energy (eV)", "normalised mu", palette)
    _line(made, "mu", palette.spectrum)
    return made


def _measured(palette: Palette) -> Any:
    made = _figure("The spectrum as read", "energy (eV)", "mu", palette)
    drawn = [
        _line(made, "mu", palette.spectrum),
        _line(made, "pre-edge line", palette.line, 1),
        _line(made, "post-edge line", palette.line, 1, "dashed"),
    ]
    items = [(each.name, [each]) for each in drawn]
    return _legend(made, items, palette, "below", location="center", orientation="horizontal", spacing=12)


def make_series(palette: Palette) -> Any:
    """Make the figure of several answers, empty; most tabs never show it.

    Parameters
    ----------
    palette : Palette

    Returns
    -------
    bokeh.models.Plot
    """
    from bokeh.models import ColumnDataSource, HoverTool, Scatter, Segment

    hover = HoverTool(
        tooltips=[("", "@file"), ("", "@r{0.00} (@low{0.00} to @high{0.00})")],
        visible=False,
    )
    made = _figure(
        "First shell of all files",
        "file, in the order of the table",
        "first shell (\u00c5)",
        palette,
        hover,
    )
    made.below[0].ticker.update(min_interval=1, num_minor_ticks=0)
    items = []
    for level, (shape, color) in _SHAPES.items():
        source = ColumnDataSource({name: [] for name in _POINT})
        color = getattr(palette, color)
        interval = Segment(
            x0="x", y0="low", x1="x", y1="high", line_color=color, line_width=2, line_alpha=0.7
        )
        _draw(made, interval, source)
        point = Scatter(x="x", y="r", marker=shape, size=9, line_color=color, fill_color=color)
        items.append((level, [_draw(made, point, source, level)]))
    hover.renderers = [drawn for _, (drawn,) in items]
    return _legend(made, items, palette, name="legend")


def _span(made: Any, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Show this much, at first and after a reset."""
    for axis, (low, high) in ((made.x_range, x), (made.y_range, y)):
        axis.update(start=low, end=high, reset_start=low, reset_end=high)


def _around(values: FloatArray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low or 1.0)
    return low - margin, high + margin


def _named(made: Any, name: str) -> Any:
    """A part of a figure; Bokeh's own select takes 20 ms, for it looks through all models."""
    return next(part for part in (*made.renderers, *made.center) if part.name == name)


def _fill(made: Any, name: str, x: FloatArray, y: FloatArray) -> None:
    _named(made, name).data_source.data = {"x": x, "y": y}


def show_prediction(figures: Figures, prediction: Prediction) -> None:
    """Show a prediction: G2 with its band and its peaks, and what it was read from.

    Parameters
    ----------
    figures : Figures
    prediction : Prediction
    """
    r, mean, made = prediction.r, prediction.mean, figures.distribution
    verdict = prediction.confidence
    lower = mean if prediction.lower is None else prediction.lower
    upper = mean if prediction.upper is None else prediction.upper
    _named(made, "curve").data_source.data = {
        "r": r,
        "mean": mean,
        "lower": lower,
        "upper": upper,
    }
    band = "no interval" if verdict is None else f"{100 * verdict.interval_level:g} % interval"
    _named(made, "legend").items[0].label = {"value": band}
    _named(made, "peaks").source.data = {
        "r": [peak.r for peak in prediction.peaks],
        "height": [peak.height for peak in prediction.peaks],
        "text": [
            f"{peak.r:.2f}{' ?' if doubt else ''}"
            for peak, doubt in zip(prediction.peaks, uncertain_peaks(prediction), strict=True)
        ],
    }
    shell, box = prediction.first_shell, _named(made, "shell")
    if shell is None or shell.lower is None or shell.upper is None:
        box.visible = False
    else:
        box.update(left=shell.lower, right=shell.upper, visible=True)
    _span(made, (float(r[0]), float(r[-1])), curve_limits(mean, prediction.sigma))
    used = figures.used
    _fill(used, "mu", prediction.energy, prediction.spectrum)
    _span(used, _around(prediction.energy), _around(prediction.spectrum))
    _named(used, "e0").location = float(prediction.preprocessing["e0"])


def show_spectrum(figures: Figures, spectrum: Spectrum, normalized: bool) -> None:
    """Show a spectrum as it was read, with e0 and the lines before and after the edge.

    Parameters
    ----------
    figures : Figures
    spectrum : Spectrum
    normalized : bool
        Whether mu is taken as normalised already: there are no lines then.
    """
    made, energy, mu = figures.measured, spectrum.energy, spectrum.mu
    none = np.empty(0)
    try:
        done = None if normalized else normalize(energy, mu)
    except SpectrumError:
        done = None
    _fill(made, "mu", energy, mu)
    _fill(made, "pre-edge line", *((none, none) if done is None else (done.energy, done.pre_edge)))
    _fill(made, "post-edge line", *((none, none) if done is None else (done.energy, done.post_edge)))
    _named(made, "e0").location = None if done is None else done.e0
    made.title.text = "The spectrum as read" + ("" if done is None else f", e0 = {done.e0:.1f} eV")
    _span(made, _around(energy), _around(mu))


def show_series(made: Any, answers: Sequence[Answer]) -> bool:
    """Show the first-shell distances of several spectra with their intervals, in the order given.

    Parameters
    ----------
    made : bokeh.models.Plot
        Of `make_series`.
    answers : sequence of Answer

    Returns
    -------
    bool
        Whether there are two at least.
    """
    points: dict[str, dict[str, list[Any]]] = {level: {name: [] for name in _POINT} for level in _SHAPES}
    heights: list[float] = []
    for i, answer in enumerate(answers, start=1):
        result = answer.result
        if not isinstance(result, Prediction) or result.first_shell is None:
            continue
        shell = result.first_shell
        low = shell.r if shell.lower is None else shell.lower
        high = shell.r if shell.upper is None else shell.upper
        heights += [low, high]
        level: str = "no interval" if result.confidence is None else result.confidence.verdict
        for name, value in zip(_POINT, (i, shell.r, low, high, answer.file), strict=True):
            points[level][name].append(value)
    if len(heights) < 4:
        return False
    for level, data in points.items():
        source = _named(made, level).data_source
        if data["x"] or source.data["x"]:
            source.data = data
    for item, data in zip(_named(made, "legend").items, points.values(), strict=True):
        item.visible = bool(data["x"])
    _span(made, (0.5, len(answers) + 0.5), _around(np.array(heights)))
    return True
