"""A prediction as a notebook shows it: plain HTML and one small drawing, nothing from elsewhere."""

from __future__ import annotations

from html import escape

import numpy as np

from ..prediction import Prediction
from ..spectrum import FloatArray
from .figure import CURVE
from .text import headline, neighbours, similar

__all__ = ["as_html"]

WIDTH, HEIGHT, MARGIN = 420, 150, 24


def as_html(prediction: Prediction) -> str:
    """The answer, why, and G2 with its band as an SVG drawing.

    Parameters
    ----------
    prediction : Prediction

    Returns
    -------
    str
    """
    verdict = prediction.confidence
    reasons = [] if verdict is None else list(verdict.reasons)
    notes = "".join(f"<li>{escape(text)}</li>" for text in (*reasons, *prediction.warnings))
    beside = "".join(
        f"<br>{name}: {escape(said)}"
        for name, said in (("neighbours", neighbours(prediction)), ("most similar", similar(prediction)))
        if said
    )
    return (
        f"<div><b>{escape(prediction.label)}</b> ({escape(prediction.element)} {escape(prediction.edge)}): "
        f"first shell {escape(headline(prediction))}{beside}{_drawing(prediction)}"
        + (f"<ul>{notes}</ul>" if notes else "")
        + f"<small>{escape(prediction.model)}</small></div>"
    )


def _drawing(prediction: Prediction) -> str:
    if prediction.first_shell is None and prediction.confidence is not None:
        return ""
    r, mean, upper = prediction.r, prediction.mean, prediction.upper
    top = float(np.max(mean if upper is None else upper)) or 1.0

    def points(x: FloatArray, y: FloatArray) -> str:
        across = MARGIN + (x - r[0]) / (r[-1] - r[0]) * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - np.clip(y, 0.0, top) / top * (HEIGHT - 2 * MARGIN)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))

    band = ""
    if prediction.lower is not None and upper is not None:
        ends = points(np.concatenate([r, r[::-1]]), np.concatenate([prediction.lower, upper[::-1]]))
        band = f'<polygon points="{ends}" fill="{CURVE}" fill-opacity="0.2"/>'
    labels = "".join(
        f'<text x="{points(np.array([peak.r]), np.array([0.0])).split(",")[0]}" y="{HEIGHT - 6}" '
        f'text-anchor="middle">{peak.r:.2f}</text>'
        for peak in prediction.peaks
    )
    return (
        f'<br><svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" font-size="11" '
        f'fill="currentColor"><title>G2 against the distance from {r[0]:g} to {r[-1]:g} Angstrom</title>'
        f'{band}<polyline points="{points(r, mean)}" fill="none" stroke="{CURVE}" stroke-width="1.5"/>'
        f"{labels}</svg>"
    )
