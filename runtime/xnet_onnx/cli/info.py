"""``xnet-onnx info``: what the model can do, and how well."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from ..wording import printable
from .options import examples, model_option
from .stdout import put

if TYPE_CHECKING:
    from ..bundle.load import Bundle

__all__ = ["info", "summary_of"]

#: Lines: what it can do must stay on the same screen.
MAX_LIMITS = 14


@click.command(epilog=examples("xnet-onnx info", "xnet-onnx info --card", "xnet-onnx info --model my_bundle"))
@model_option
@click.option("--card", is_flag=True, help="Print the whole model card.")
def info(model: str | None, card: bool) -> None:
    """Show what a model can do, and how well."""
    from ..bundle.load import load_bundle

    bundle = load_bundle(model)
    text = _card(bundle) if card else summary_of(bundle, _metrics(bundle), _card(bundle))
    put("\n".join(printable(line) for line in text.split("\n")))


def _card(bundle: Bundle) -> str:
    from ..bundle.files import text_of
    from ..bundle.load import read_verified

    data = read_verified(bundle.path, "README.md", bundle.card)
    return text_of(data, bundle.path / "README.md").rstrip()


def _metrics(bundle: Bundle) -> dict[str, Any]:
    """What was measured of a bundle; empty where nothing was."""
    from ..bundle.load import read_verified

    found = bundle.card.get("metrics")
    if found is None and "metrics.json" in bundle.card.get("files", {}):
        try:
            found = json.loads(read_verified(bundle.path, "metrics.json", bundle.card))
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}


def summary_of(bundle: Bundle, metrics: dict[str, Any], card: str) -> str:
    """What a model can do and how well, on one screen.

    Parameters
    ----------
    bundle : Bundle
    metrics : dict
        Of the bundle; what is not in them is left out.
    card : str
        The model card, for what the model cannot do.

    Returns
    -------
    str
    """
    first, last = bundle.axis.first, bundle.axis.first + bundle.axis.step * (bundle.axis.count - 1)
    around = "around the edge" if bundle.axis.kind == "edge" else "on an absolute scale"
    lines = [
        f"{bundle.title}: distances around an absorbing atom from its XANES ({bundle.knows} edges)",
        "",
        f"  input       one spectrum, at least {first:g} to {last:g} eV {around}; any scale of mu",
        f"  output      distance of the first shell; G2 from {bundle.r[0]:g} to {bundle.r[-1]:g} A, "
        f"by {bundle.members} networks",
    ]
    training = bundle.card.get("training")
    if isinstance(training, dict) and "spectra" in training:
        lines.append(
            f"  training    {training['spectra']} calculated spectra of known structures "
            f"({training.get('set', 'unnamed set')})"
        )
    if bundle.calibration is None:
        lines.append(
            "  interval    none: this model is not calibrated, and does not notice what it does not know"
        )
    lines += _held_out(metrics) + _measured(metrics)
    limits = _limits(card)
    if limits:
        lines += ["", "What it cannot do (from its card):", *limits]
    lines += ["", f"folder: {bundle.path}", "the whole card: xnet-onnx info --card"]
    return "\n".join(lines)


def _held_out(metrics: dict[str, Any]) -> list[str]:
    try:
        found = metrics["held_out"]["broadened"]
        shell, verdicts = found["first_shell"], found["confidence"]["verdict"]
        covered = found["confidence"]["coverage"]["0.9"]["first_shell"]["percent"]
        lines = [
            "",
            f"On {found['spectra']} calculated spectra of compositions left out of training, about as sharp "
            "as measured ones:",
            f"  first shell within 0.1 A    {100 * shell['within_0.1']:.0f} %, median error "
            f"{shell['median']:.3f} A",
            f"  90 % interval holds it      {covered:.0f} %",
        ]
        for verdict in ("high", "medium", "low", "outside"):
            one = verdicts[verdict]
            lines.append(
                f"  {verdict:<8}{100 * one['share']:4.0f} % of them   median error {one['median']:.3f} A, "
                f"9 of 10 below {one['p90']:.2f} A"
            )
    except (KeyError, TypeError, ValueError):
        return []
    return lines


def _measured(metrics: dict[str, Any]) -> list[str]:
    try:
        rows = metrics["measured"]["rows"]
        errors = [
            abs(row["found"][0]["r"] - row["reference"]) for row in rows if row["found"][0]["r"] is not None
        ]
        phases = len({row["phase"] for row in rows})
    except (KeyError, TypeError, ValueError, IndexError):
        return []
    if not errors:
        return []
    close = sum(error <= 0.1 for error in errors)
    median = sorted(errors)[len(errors) // 2]
    return [
        "",
        f"On {len(rows)} measured spectra of {phases} phases of known structure:",
        f"  first shell within 0.1 A    {close} of {len(rows)}, median error {median:.3f} A",
    ]


def _limits(card: str) -> list[str]:
    """The list of the card's section on what the model cannot do, wrapped."""
    section = card.partition("\n## What it cannot do\n")[2].partition("\n## ")[0]
    lines: list[str] = []
    for line in section.splitlines():
        if line.startswith("- "):
            lines += textwrap.wrap(
                line[2:], 92, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
            )
    return lines[:MAX_LIMITS]
