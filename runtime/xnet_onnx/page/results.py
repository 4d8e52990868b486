"""The answers as files to download, the same as ``predict`` writes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from ..cli.batch import Request
from ..output.figure import draw_predictions
from ..output.table import CSV_FIELDS, as_csv_row, as_json, csv_line
from ..prediction import Prediction
from ..readers import Choice
from .uploads import Answer, Desk

__all__ = ["as_csv", "as_figure", "as_json_text"]


def as_csv(desk: Desk) -> str:
    """The table of ``predict --csv``; the times of the files are not known here.

    Parameters
    ----------
    desk : Desk

    Returns
    -------
    str
    """
    lines = [csv_line(dict(zip(CSV_FIELDS, CSV_FIELDS, strict=True)))]
    for answer in desk.answers:
        choice = desk.choices.get(answer.upload, Choice())
        request = Request(desk.bundle, choice, normalized=desk.normalized, level=desk.level)
        size = str(len(desk.files[answer.upload])) if answer.upload in desk.files else ""
        row = as_csv_row(answer.file, answer.result)
        lines.append(
            csv_line({**row, "settings": request.settings(), "file_size": size, "file_modified": ""})
        )
    return "".join(lines)


def as_json_text(answers: Sequence[Answer]) -> str:
    """The array of ``predict --json``.

    Parameters
    ----------
    answers : sequence of Answer

    Returns
    -------
    str
    """
    found = [json.dumps(as_json(answer.file, answer.result), allow_nan=False) for answer in answers]
    return "[\n" + ",\n".join(found) + "\n]\n" if found else "[]\n"


def as_figure(prediction: Prediction, form: str) -> bytes:
    """The figure of ``predict --plot``.

    Parameters
    ----------
    prediction : Prediction
    form : str
        "png" or "svg".

    Returns
    -------
    bytes

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    out = io.BytesIO()
    draw_predictions([prediction]).savefig(out, format=form, dpi=150)
    return out.getvalue()
