"""A prediction for machines: JSON, or a row of a CSV table."""

from __future__ import annotations

import csv
import io
from typing import Any

from ..errors import XnetError
from ..prediction import Prediction
from ..wording import printable
from .text import uncertain_peaks

__all__ = ["CSV_FIELDS", "as_csv_row", "as_json", "csv_cell", "csv_line"]

CSV_FIELDS = (
    "file",
    "status",
    "element",
    "edge",
    "first_shell_r",
    "first_shell_lower",
    "first_shell_upper",
    "interval_level",
    "verdict",
    "reasons",
    "error",
    "warnings",
    "neighbours",
    "neighbours_probability",
    "first_shell_r_sigma",
    "domain_score",
    "peaks_r",
    "peaks_r_sigma",
    "peaks_height",
    "peaks_uncertain",
    "e0",
    "edge_step",
    "energy_shift",
    "axis",
    "model",
    "settings",
    "file_size",
    "file_modified",
)
#: Columns of text, which may come from a file; the others hold our own numbers.
_TEXT = {"file", "element", "edge", "reasons", "error", "warnings", "axis", "model", "settings"}
#: A spreadsheet takes a cell that starts with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(label: str, result: Prediction | XnetError) -> dict[str, Any]:
    """One file's result as the JSON object that ``--json`` and ``--jsonl`` print.

    Parameters
    ----------
    label : str
        The file as the user named it.
    result : Prediction or XnetError

    Returns
    -------
    dict
        With the keys file, status, error, model, element, edge, preprocessing,
        r, mean, sigma, lower, upper, peaks, first_shell, confidence, nearest,
        warnings; after an error all but the first three are null or empty.
    """
    if isinstance(result, XnetError):
        return {
            "file": label,
            "status": "error",
            "error": str(result),
            "model": None,
            "element": None,
            "edge": None,
            "preprocessing": None,
            "r": [],
            "mean": [],
            "sigma": [],
            "lower": [],
            "upper": [],
            "peaks": [],
            "first_shell": None,
            "confidence": None,
            "nearest": [],
            "warnings": [],
        }
    return {"file": label, "status": "ok", "error": None, **result.to_dict()}


def as_csv_row(label: str, result: Prediction | XnetError) -> dict[str, str]:
    """One file's result as a row of `CSV_FIELDS`.

    Parameters
    ----------
    label : str
        The file as the user named it.
    result : Prediction or XnetError

    Returns
    -------
    dict of str to str
        Lists are joined with semicolons; what does not apply, or is not known here
        (settings, file_size, file_modified), is empty.
    """
    row = dict.fromkeys(CSV_FIELDS, "")
    row["file"] = label
    if isinstance(result, XnetError):
        row.update(status="error", error=str(result))
        return row
    done = result.preprocessing
    row.update(
        status="ok",
        model=result.model,
        element=result.element,
        edge=result.edge,
        e0=f"{done['e0']:.3f}",
        edge_step=f"{done['edge_step']:.6g}",
        energy_shift=f"{done['energy_shift']:g}",
        axis=str(done["axis"]),
        peaks_r=";".join(f"{peak.r:.4f}" for peak in result.peaks),
        peaks_r_sigma=";".join(f"{peak.r_sigma:.4f}" for peak in result.peaks),
        peaks_height=";".join(f"{peak.height:.4f}" for peak in result.peaks),
        peaks_uncertain=";".join(str(int(doubt)) for doubt in uncertain_peaks(result)),
        warnings="; ".join(result.warnings),
    )
    if result.first_shell is not None:
        row.update(
            first_shell_r=f"{result.first_shell.r:.4f}",
            first_shell_r_sigma=f"{result.first_shell.r_sigma:.4f}",
        )
        if result.first_shell.kinds:
            likely = result.first_shell.kinds[0]
            row.update(neighbours=likely.name, neighbours_probability=f"{likely.probability:.3f}")
        if result.first_shell.lower is not None and result.first_shell.upper is not None:
            row.update(
                first_shell_lower=f"{result.first_shell.lower:.4f}",
                first_shell_upper=f"{result.first_shell.upper:.4f}",
            )
    if result.confidence is not None:
        row.update(
            interval_level=f"{result.confidence.interval_level:g}",
            verdict=result.confidence.verdict,
            reasons=" ".join(result.confidence.reasons),
            domain_score=f"{result.confidence.domain_score:.3f}",
        )
    return row


def csv_cell(text: str, raw: bool = False) -> str:
    """Text of others as one safe cell.

    Parameters
    ----------
    text : str
    raw : bool
        Leave the beginning of cells as it is.

    Returns
    -------
    str
        In one line without control characters; with an apostrophe before what a
        spreadsheet would take for a formula.
    """
    formula = text.startswith(_FORMULA) and text != "-" and not raw
    return ("'" if formula else "") + printable(text)


def csv_line(row: dict[str, str], raw: bool = False) -> str:
    """One row of `CSV_FIELDS` as one line.

    Parameters
    ----------
    row : dict of str to str
        From `as_csv_row`.
    raw : bool
        As in `csv_cell`.

    Returns
    -------
    str
        With its newline.
    """
    text = io.StringIO()
    clean = {}
    for key, value in row.items():
        # The name of a file is kept letter by letter, so that it is found again.
        one = value if key == "file" else " ".join(value.split())
        clean[key] = csv_cell(one, raw) if key in _TEXT else one
    csv.DictWriter(text, CSV_FIELDS, lineterminator="\n").writerow(clean)
    return text.getvalue()
