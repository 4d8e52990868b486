"""The answer in words, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..errors import XnetError
from ..output.text import NO_PEAK, OUTSIDE, UNCALIBRATED, neighbours, similar, uncertain_peaks
from ..prediction import Prediction
from .uploads import Answer

__all__ = ["MARKS", "NUMBERS", "lead", "row_of", "tell", "understood"]

#: A mark beside each verdict, so that colour is never the only sign.
MARKS = {"high": "\u25cf", "medium": "\u25d0", "low": "\u25cb", "outside": "\u2715", "error": "!"}

#: Columns of the table that are distances in Angstrom.
NUMBERS = ("first shell (\u00c5)", "from", "to")


def _sentence(text: str) -> str:
    """An error's or a warning's text as a sentence."""
    text = " ".join(text.split())
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def lead(result: Prediction | XnetError) -> str:
    """The answer in one line of text.

    Parameters
    ----------
    result : Prediction or XnetError

    Returns
    -------
    str
        "2.01 \u00c5 (1.92 to 2.09, 90 %)".
    """
    if isinstance(result, XnetError):
        return "no answer"
    shell, verdict = result.first_shell, result.confidence
    if shell is None:
        return OUTSIDE if verdict is not None and verdict.verdict == "outside" else NO_PEAK
    if shell.lower is None or shell.upper is None or verdict is None:
        return f"{shell.r:.2f} \u00c5 ({UNCALIBRATED})"
    return (
        f"{shell.r:.2f} \u00c5 ({shell.lower:.2f} to {shell.upper:.2f}, {100 * verdict.interval_level:g} %)"
    )


def _badge(level: str) -> str:
    return f'<span class="verdict {level}"><span aria-hidden="true">{MARKS[level]}</span> {level}</span>'


def _list(items: Sequence[str], kind: str) -> str:
    if not items:
        return ""
    return f'<ul class="{kind}">' + "".join(f"<li>{escape(_sentence(item))}</li>" for item in items) + "</ul>"


def tell(answer: Answer) -> str:
    """What is said about one spectrum: distance, interval, verdict, reasons, peaks.

    Parameters
    ----------
    answer : Answer

    Returns
    -------
    str
        HTML.
    """
    result = answer.result
    head = f"<h2>{escape(answer.file)}</h2>"
    if isinstance(result, XnetError):
        return f'{head}<p class="lead">{_badge("error")} {escape(_sentence(str(result)))}</p>'
    verdict = result.confidence
    badge = "" if verdict is None else _badge(verdict.verdict)
    parts = [
        head,
        f'<p class="lead">First shell <strong>{escape(lead(result))}</strong> {badge}</p>',
    ]
    if atoms := neighbours(result):
        parts.append(f'<p class="similar">Neighbours: {escape(atoms)}</p>')
    if verdict is not None:
        parts.append(_list(verdict.reasons, "reasons"))
    if result.nearest:
        alike = similar(result).replace(" A (", " \u00c5 (")
        parts.append(f'<p class="similar">Most similar: {escape(alike)}</p>')
    if len(result.peaks) > 1:
        rows = "".join(
            f"<tr><td>{peak.r:.2f}</td><td>{peak.height:.1f}</td>"
            f"<td>{'not certain' if doubt else ''}</td></tr>"
            for peak, doubt in zip(result.peaks, uncertain_peaks(result), strict=True)
        )
        parts.append(
            "<details><summary>All peaks of the curve</summary><table><thead><tr><th>r (\u00c5)</th>"
            f"<th>height</th><th></th></tr></thead><tbody>{rows}</tbody></table></details>"
        )
    return "".join(parts)


def understood(answer: Answer) -> str:
    """What was understood of the file: absorption, element, edge, normalisation, warnings.

    Parameters
    ----------
    answer : Answer

    Returns
    -------
    str
        HTML.
    """
    spectrum, result = answer.spectrum, answer.result
    rows: list[tuple[str, str]] = []
    if spectrum is not None:
        energy = spectrum.energy
        rows.append(("Absorption", spectrum.mu_source))
        rows.append(("Energy", f"{energy[0]:.1f} to {energy[-1]:.1f} eV, {energy.size} points"))
        named = " ".join(word for word in (spectrum.element, spectrum.edge) if word)
        rows.append(("The file says", f"{named} edge" if named else "no element"))
    if isinstance(result, Prediction):
        done = result.preprocessing
        rows.append(("Taken for", f"{result.element} {result.edge} edge, e0 {done['e0']:.1f} eV"))
        rows.append(("Edge step", f"{done['edge_step']:.3g}"))
        if done["energy_shift"]:
            rows.append(("Energy shift", f"{done['energy_shift']:+g} eV"))
        rows.append(("Model", result.model))
        warnings: tuple[str, ...] = result.warnings
    else:
        warnings = () if spectrum is None else spectrum.warnings
    body = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(' '.join(value.split()))}</dd>" for name, value in rows
    )
    return (f"<dl>{body}</dl>" if rows else "") + _list(warnings, "warnings")


def row_of(answer: Answer) -> dict[str, str | float | None]:
    """One row of the table of all files.

    Parameters
    ----------
    answer : Answer

    Returns
    -------
    dict
    """
    result = answer.result
    row: dict[str, str | float | None] = {
        "file": answer.file,
        "first shell (\u00c5)": None,
        "from": None,
        "to": None,
        "confidence": f"{MARKS['error']} error",
        "note": "",
    }
    if isinstance(result, XnetError):
        return row | {"note": _sentence(str(result))}
    if result.first_shell is not None:
        shell = result.first_shell
        row |= {"first shell (\u00c5)": shell.r, "from": shell.lower, "to": shell.upper}
    level = None if result.confidence is None else result.confidence.verdict
    row["confidence"] = "not calibrated" if level is None else f"{MARKS[level]} {level}"
    notes = [*(result.confidence.reasons if result.confidence else ()), *result.warnings]
    if notes:
        row["note"] = _sentence(notes[0]) + (f" (and {len(notes) - 1} more)" if len(notes) > 1 else "")
    return row
