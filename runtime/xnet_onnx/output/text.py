"""A prediction for people: a block of lines, or one line of a table."""

from __future__ import annotations

import unicodedata

import numpy as np

from ..errors import XnetError
from ..prediction import Prediction
from ..wording import printable

__all__ = [
    "UNCALIBRATED",
    "LineTable",
    "as_block",
    "error_line",
    "headline",
    "neighbours",
    "similar",
    "uncertain_peaks",
]

OUTSIDE = "not given: the spectrum is outside what the model knows"
NO_PEAK = "none: the predicted curve has no peak"
UNCALIBRATED = "no interval: this model is not calibrated"
#: Probability from which one kind of neighbours is said without the next.
SURE = 0.9


def headline(prediction: Prediction) -> str:
    """The answer in one line: "2.01 A (1.92 to 2.09, 90 %)  high".

    Parameters
    ----------
    prediction : Prediction

    Returns
    -------
    str
        The distance of the first shell, its calibrated interval and its verdict, or
        why there is none.
    """
    shell, verdict = prediction.first_shell, prediction.confidence
    if shell is None:
        hidden = verdict is not None and verdict.verdict == "outside"
        return OUTSIDE if hidden else NO_PEAK
    if verdict is None or shell.lower is None or shell.upper is None:
        return f"{shell.r:.2f} A ({UNCALIBRATED})"
    interval = f"{shell.lower:.2f} to {shell.upper:.2f}, {100 * verdict.interval_level:g} %"
    return f"{shell.r:.2f} A ({interval})  {verdict.verdict}"


def uncertain_peaks(prediction: Prediction) -> tuple[bool, ...]:
    """Which peaks may as well not be there.

    Parameters
    ----------
    prediction : Prediction

    Returns
    -------
    tuple of bool
        One a peak: true where the calibrated band of G2 at the peak reaches zero, or
        is wider than the peak is high. All false where there is no band. The peak of a first shell with
        verdict high or medium is not among them: every absorber has a first shell, and its interval says
        how far away it may be.
    """
    if prediction.lower is None or prediction.upper is None:
        return (False,) * len(prediction.peaks)
    at = [int(np.argmin(np.abs(prediction.r - peak.r))) for peak in prediction.peaks]
    stands = prediction.confidence is not None and prediction.confidence.verdict in ("high", "medium")
    return tuple(
        bool(prediction.lower[i] <= 0.0 or prediction.upper[i] - prediction.lower[i] > peak.height)
        and not (stands and peak is prediction.peaks[0])
        for i, peak in zip(at, prediction.peaks, strict=True)
    )


def neighbours(prediction: Prediction) -> str:
    """What the atoms of the first shell are, in one line.

    Parameters
    ----------
    prediction : Prediction

    Returns
    -------
    str
        "C/N/O/F (97 %)", or "metal (55 %), P/S/Cl or heavier (40 %)" where the first is not
        sure; empty where the bundle does not tell.
    """
    shell = prediction.first_shell
    if shell is None or not shell.kinds:
        return ""
    said = shell.kinds[: 1 if shell.kinds[0].probability >= SURE else 2]
    return ", ".join(f"{one.name} ({min(99.0, 100.0 * one.probability):.0f} %)" for one in said)


def similar(prediction: Prediction) -> str:
    """The training compounds with the most similar spectra, in one line.

    Parameters
    ----------
    prediction : Prediction

    Returns
    -------
    str
        "Hematite 2.03 A (curves differ by 3 %), Goethite 2.02 A (4 %)"; empty without any.
    """
    if not prediction.nearest:
        return ""
    said = []
    for i, one in enumerate(prediction.nearest):
        named = one.name.startswith((f"{one.element}(", f"{one.element} in "))
        of = "" if named or one.element == prediction.element else f" ({one.element})"
        apart = f"{100.0 * one.difference:.0f} %"
        said.append(f"{one.name}{of} {one.first_shell:.2f} A ({'' if i else 'curves differ by '}{apart})")
    return ("" if prediction.nearest[0].close else "none is close; ") + ", ".join(said)


def as_block(label: str, result: Prediction) -> str:
    """One spectrum's result in several lines, the answer first.

    Parameters
    ----------
    label : str
        The file as the user named it.
    result : Prediction

    Returns
    -------
    str
        Lines without a final newline and without control characters.
    """
    done = result.preprocessing
    lines = [label, f"  first shell   {headline(result)}"]
    if atoms := neighbours(result):
        lines.append(f"  neighbours    {atoms}")
    if result.confidence is not None:
        lines += [f"  {'why' if i == 0 else '':<14}{why}" for i, why in enumerate(result.confidence.reasons)]
    if result.peaks:
        lines.append("  peaks         r (A)   spread   height")
        doubtful = uncertain_peaks(result)
        for peak, doubt in zip(result.peaks, doubtful, strict=True):
            mark = "   not certain" if doubt else ""
            lines.append(f"                {peak.r:5.2f}     {peak.r_sigma:4.2f}   {peak.height:6.2f}{mark}")
        lines.append(
            f"                spread: 1 sigma over the {len(result.members)} members; it is not the error"
        )
        if any(doubtful):
            lines.append("                not certain: within its interval the curve may have no peak there")
    if result.nearest:
        lines.append(f"  most similar  {similar(result)}")
    lines.append(
        f"  spectrum      {result.element} {result.edge} edge, e0 {done['e0']:.1f} eV, edge step "
        f"{done['edge_step']:.3g}; {done['mu']}"
    )
    lines.append(f"  model         {result.model}, {done['axis']} axis")
    lines += [f"  warning       {warning}" for warning in result.warnings]
    return "\n".join(printable(line) for line in lines)


def error_line(label: str, error: XnetError) -> str:
    """What is wrong with a spectrum, in one line that names it once.

    Parameters
    ----------
    label : str
    error : XnetError

    Returns
    -------
    str
    """
    text = " ".join(str(error).split())
    named = text.startswith(label) and text[len(label) :][:1] in (" ", ":")
    return printable(text if named else f"{label}: {text}")


class LineTable:
    """A table of one aligned line a spectrum, fitted to a width.

    Parameters
    ----------
    labels : list of str
        Names that are known already: they set the width of the first column.
    width : int
        Of the terminal, in cells.
    """

    _REST = 6 + 2 + 18 + 2 + 8 + 2

    def __init__(self, labels: list[str], width: int) -> None:
        longest = max((_cells(printable(label)) for label in labels), default=0)
        self.width = max(width, 50)
        self.name = max(8, min(longest, self.width - self._REST - 2, max(24, self.width // 2 - 8)))

    def head(self, level: float) -> str:
        """The line above.

        Parameters
        ----------
        level : float
            Coverage of the intervals.

        Returns
        -------
        str
        """
        return self._line("spectrum", "edge", f"first shell, {100 * level:g} %", "verdict", "why")

    def line(self, label: str, result: Prediction) -> str:
        """The line of a spectrum.

        Parameters
        ----------
        label : str
        result : Prediction

        Returns
        -------
        str
            Not wider than the table.
        """
        shell, verdict = result.first_shell, result.confidence
        found = "-"
        if shell is not None:
            found = f"{shell.r:.2f} A"
            if shell.lower is not None and shell.upper is not None:
                found += f" ({shell.lower:.2f}-{shell.upper:.2f})"
        word = "none" if verdict is None else verdict.verdict
        reasons: tuple[str, ...] = (UNCALIBRATED,) if verdict is None else verdict.reasons
        if shell is None and not reasons:
            reasons = (NO_PEAK,)
        edge = f"{result.element} {result.edge}"
        return self._line(label, edge, found, word, reasons[0] if reasons else "")

    def _line(self, label: str, edge: str, found: str, verdict: str, why: str) -> str:
        name = _fitted(printable(label), self.name)
        padded = name + " " * (self.name - _cells(name))
        line = f"{padded}  {edge[:6]:<6}  {found:<18}  {verdict:<8}"
        room = self.width - self.name - self._REST - 2
        why = printable(why)
        if why and room >= 12:
            line += "  " + (why if _cells(why) <= room else _cut(why, room - 3).rstrip() + "...")
        return line.rstrip()


def _cell(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(_cell(letter) for letter in text)


def _cut(text: str, room: int) -> str:
    """The beginning of a text that fits."""
    used = 0
    for i, letter in enumerate(text):
        used += _cell(letter)
        if used > room:
            return text[:i]
    return text


def _fitted(text: str, room: int) -> str:
    """A name that fits: its end tells more than its beginning."""
    if _cells(text) <= room:
        return text
    return "..." + _cut(text[::-1], room - 3)[::-1]
