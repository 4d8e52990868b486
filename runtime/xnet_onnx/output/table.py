"""Step 6 of the road: a prediction as a table, JSON or CSV."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import XnetError
from ..pipeline import Prediction

__all__ = ["CSV_FIELDS", "as_csv_row", "as_json", "as_table"]

CSV_FIELDS = (
    "file",
    "status",
    "error",
    "model",
    "element",
    "edge",
    "e0",
    "edge_step",
    "energy_shift",
    "axis",
    "first_shell_r",
    "first_shell_r_sigma",
    "first_shell_lower",
    "first_shell_upper",
    "interval_level",
    "confidence",
    "confidence_reasons",
    "domain_score",
    "peaks_r",
    "peaks_r_sigma",
    "peaks_height",
    "warnings",
)


def _numbers(values: npt.ArrayLike) -> list[float]:
    return [float(f"{value:.9g}") for value in np.asarray(values, dtype=np.float64)]


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
        r, mean, sigma, lower, upper, peaks, first_shell, confidence, warnings;
        after an error all but the first three are null or empty.
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
            "warnings": [],
        }
    shell, verdict = result.first_shell, result.confidence
    return {
        "file": label,
        "status": "ok",
        "error": None,
        "model": result.model,
        "element": result.element,
        "edge": result.edge,
        "preprocessing": result.preprocessing,
        "r": _numbers(result.r),
        "mean": _numbers(result.mean),
        "sigma": _numbers(result.sigma),
        "lower": [] if result.lower is None else _numbers(result.lower),
        "upper": [] if result.upper is None else _numbers(result.upper),
        "peaks": [{"r": peak.r, "r_sigma": peak.r_sigma, "height": peak.height} for peak in result.peaks],
        "first_shell": None
        if shell is None
        else {"r": shell.r, "r_sigma": shell.r_sigma, "lower": shell.lower, "upper": shell.upper},
        "confidence": None
        if verdict is None
        else {
            "level": verdict.level,
            "reasons": list(verdict.reasons),
            "interval_level": verdict.interval_level,
            "domain_score": verdict.domain_score,
            "stability": {
                "first_shell": verdict.stability.first_shell,
                "curve": verdict.stability.curve,
            },
            "expected_error": verdict.expected_error,
            "expected_mse": verdict.expected_mse,
        },
        "warnings": list(result.warnings),
    }


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
        Lists are joined with semicolons; what does not apply is empty.
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
        warnings="; ".join(result.warnings),
    )
    if result.first_shell is not None:
        row.update(
            first_shell_r=f"{result.first_shell.r:.4f}",
            first_shell_r_sigma=f"{result.first_shell.r_sigma:.4f}",
        )
        if result.first_shell.lower is not None and result.first_shell.upper is not None:
            row.update(
                first_shell_lower=f"{result.first_shell.lower:.4f}",
                first_shell_upper=f"{result.first_shell.upper:.4f}",
            )
    if result.confidence is not None:
        row.update(
            interval_level=f"{result.confidence.interval_level:g}",
            confidence=result.confidence.level,
            confidence_reasons=" ".join(result.confidence.reasons),
            domain_score=f"{result.confidence.domain_score:.3f}",
        )
    return row


def as_table(label: str, result: Prediction) -> str:
    """One file's result as a short table for people.

    Parameters
    ----------
    label : str
        The file as the user named it.
    result : Prediction

    Returns
    -------
    str
        Several lines without a final newline.
    """
    done = result.preprocessing
    shell, verdict = result.first_shell, result.confidence
    lines = [label]
    if shell is not None:
        lines.append(
            f"  first shell   {shell.r:.2f} +- {shell.r_sigma:.2f} Angstrom   "
            f"(1 sigma over {len(result.members)} members)"
        )
        if verdict is not None and shell.lower is not None and shell.upper is not None:
            lines.append(
                f"                {shell.lower:.2f} to {shell.upper:.2f} Angstrom   "
                f"({100 * verdict.interval_level:g} % interval)"
            )
    elif verdict is not None and verdict.level == "outside":
        lines.append("  first shell   not given: the spectrum is outside the domain of the model")
    else:
        lines.append("  first shell   none: the curve has no peak")
    if verdict is not None:
        lines.append(f"  confidence    {verdict.level}")
        lines += [f"                {reason}" for reason in verdict.reasons]
    if result.peaks:
        lines.append("  peaks         r (Angstrom)   +-      height")
        lines += [
            f"                {peak.r:6.2f}         {peak.r_sigma:4.2f}   {peak.height:7.2f}"
            for peak in result.peaks
        ]
    lines.append(
        f"  spectrum      {result.element} {result.edge} edge, e0 {done['e0']:.1f} eV, edge step "
        f"{done['edge_step']:.3g}; {done['mu']}"
    )
    lines.append(f"  model         {result.model}, {done['axis']} axis")
    lines += [f"  warning       {warning}" for warning in result.warnings]
    return "\n".join(lines)
