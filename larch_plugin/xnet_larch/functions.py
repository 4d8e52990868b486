"""The commands: ``xnet_predict``, ``xnet_table``, ``xnet_plot``.

They follow Larch's conventions: a group may stand first in place of the arrays,
results go to a subgroup, the call goes to ``group.callargs`` and
``group.journal``. `_larch` is the session, which the Larch language hands over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xnet_onnx.bundle.load import Bundle, load_bundle
from xnet_onnx.errors import SpectrumError
from xnet_onnx.pipeline import predict_normalized
from xnet_onnx.prediction import DEFAULT_LEVEL, Prediction

from .groups import (
    check_element,
    fingerprint,
    group_fingerprint,
    label_of,
    normalized_from_group,
    prediction_to_group,
    shifted_energy,
)
from .host import larch_module, say

__all__ = ["is_stale", "predict_group", "xnet_plot", "xnet_predict", "xnet_table"]

STALE = "the spectrum has changed since this prediction; call xnet_predict(group) again"


@lru_cache(maxsize=4)
def loaded_bundle(model: str | None) -> Bundle:
    """A bundle, read and checked once for all the session's calls."""
    return load_bundle(model)


def predict_group(
    group: Any,
    bundle: Bundle,
    session: Any = None,
    *,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
) -> Prediction:
    """Predict from a group with energy and mu and put the result on it.

    Parameters
    ----------
    group : larch.Group
        Gets ``group.xnet``.
    bundle : Bundle
    session : larch.Interpreter, optional
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.

    Returns
    -------
    Prediction

    Raises
    ------
    XnetError
        If the group holds no usable spectrum, or the bundle cannot be run.
    """
    check_element(group, bundle)
    _, shift, pending = shifted_energy(group)
    spectrum = normalized_from_group(group, session)
    label = label_of(group)
    found = predict_normalized(
        spectrum,
        bundle=bundle,
        label=label,
        mu_source="mu of the Larch group",
        level=level,
        force=force,
    )
    warnings = found.warnings
    if pending:
        warnings += (
            f"the group records an energy shift of {shift:+.2f} eV that its energies do not include "
            "(larch.io.read_athena leaves it out): xnet_predict_project applies it",
        )
    prediction = dataclasses.replace(
        found,
        preprocessing={**found.preprocessing, "energy_shift": 0.0 if pending else shift},
        warnings=warnings,
    )
    group.xnet = prediction_to_group(prediction, bundle, fingerprint(group.energy, group.flat))
    return prediction


def record_call(group: Any, name: str, arguments: dict[str, Any]) -> None:
    """Record a call on a group as Larch's own functions do.

    Parameters
    ----------
    group : larch.Group
    name : str
        Of the function.
    arguments : dict
        Without the arrays, the group and the session.
    """
    larch = larch_module()
    if not hasattr(group, "journal"):
        group.journal = larch.Journal()
    if not hasattr(group, "callargs"):
        group.callargs = larch.Group()
    setattr(group.callargs, name, arguments)
    if isinstance(group.journal, larch.Journal):
        group.journal.add(f"{name}_callargs", arguments)


def xnet_predict(
    energy: Any,
    mu: Any = None,
    group: Any = None,
    model: str | None = None,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    _larch: Any = None,
) -> Any:
    """Predict the distances around the absorber from its XANES spectrum.

    Parameters
    ----------
    energy : larch.Group or array_like, shape (n,)
        A group with energy and mu (First Argument Group), or the photon energy
        in eV, strictly increasing.
    mu : array_like, shape (n,), optional
        Absorption, when energy is an array.
    group : larch.Group, optional
        Where results go; the first argument by default. Given with arrays, the
        arrays become its energy and mu.
    model : str, optional
        Folder of another bundle than the shipped one.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.

    Returns
    -------
    larch.Group
        The same as ``group.xnet``: r (Angstrom), mean, sigma, lower, upper,
        members, peaks, first_shell, confidence, nearest, warnings, preprocessing, bundle,
        version, fingerprint, ...

    Raises
    ------
    XnetError
        With what was found, what was expected and what to do.

    Notes
    -----
    A group that carries norm, flat, e0 and edge_step is used as it is
    normalised; otherwise ``larch.xafs.pre_edge`` is called on it.
    ``group.xnet.preprocessing["normalization"]`` says which.
    """
    larch = larch_module()
    first_is_group = larch.isgroup(energy)
    if first_is_group and not larch.isgroup(energy, "energy", "mu"):
        raise SpectrumError(
            f"the group {label_of(energy)!r} has no energy or no mu (it has {_members(energy)}); expected "
            "both: name them, for instance group.mu = log(group.i0 / group.itrans)"
        )
    try:
        energies, absorption, target = larch.parse_group_args(
            energy, members=("energy", "mu"), defaults=(mu,), group=group, fcn_name="xnet_predict"
        )
    except Warning as error:
        raise SpectrumError(
            f"xnet_predict was given {type(energy).__name__} and no mu; expected a group with energy and "
            "mu, or two arrays: xnet_predict(group) or xnet_predict(energy, mu)"
        ) from error
    if target is None:
        target = larch.Group(name="xnet_data")
    if target is not energy:
        target.energy = _numbers("energy", energies)
        target.mu = _numbers("mu", absorption)
        for name in ("norm", "flat"):  # of whatever spectrum was there before
            if hasattr(target, name):
                delattr(target, name)
    folder = None if model is None else str(model)
    prediction = predict_group(target, loaded_bundle(folder), _larch, level=level, force=force)
    record_call(target, "xnet_predict", {"model": folder, "level": level, "force": force})
    for warning in prediction.warnings:
        say(f"xnet_predict: {prediction.label}: {warning}", _larch)
    return target.xnet


def _members(group: Any) -> str:
    names = [name for name in dir(group) if not name.startswith("_")]
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "no members"


def _numbers(name: str, values: Any) -> Any:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SpectrumError(f"{name} is not an array of numbers ({error}); expected one") from error


def is_stale(group: Any) -> bool:
    """Whether a group's spectrum has changed since its prediction.

    Parameters
    ----------
    group : larch.Group
        With ``group.xnet``.

    Returns
    -------
    bool
        From a fingerprint of energy and flat.
    """
    return bool(_result(group).fingerprint != group_fingerprint(group))


def _result(group: Any) -> Any:
    """The subgroup with the prediction: of a group, or the subgroup itself."""
    for candidate in (getattr(group, "xnet", None), group):
        if all(hasattr(candidate, name) for name in ("fingerprint", "members", "table")):
            return candidate
    raise SpectrumError(
        f"{label_of(group)!r} has no prediction (no group.xnet); expected one: call xnet_predict(group) first"
    )


def xnet_table(group: Any, _larch: Any = None) -> str:
    """The prediction as a short table: ``print(xnet_table(group))``.

    Parameters
    ----------
    group : larch.Group or list of dict
        A group after `xnet_predict`, or what `xnet_predict_project` returned.

    Returns
    -------
    str
        Says so where the spectrum has changed since the prediction.

    Raises
    ------
    SpectrumError
        If there is no prediction.
    """
    if isinstance(group, Sequence) and not isinstance(group, str):
        return _rows_as_text(group)
    result = _result(group)
    text = str(result.table)
    return f"{text}\n  STALE         {STALE}" if result is not group and is_stale(group) else text


def _rows_as_text(rows: Sequence[Any]) -> str:
    width = max([5, *(len(str(row["label"])) for row in rows)])
    lines = [f"{'group':<{width}}  status   first shell (Angstrom)     confidence  shift (eV)  note"]
    for row in rows:
        r, sigma = row["first_shell"], row["first_shell_sigma"]
        if r is None:
            shell = ""
        elif row.get("lower") is None:
            shell = f"{r:.2f} +- {sigma:.2f}"
        else:
            shell = f"{r:.2f} ({row['lower']:.2f} to {row['upper']:.2f})"
        verdict = row.get("confidence") or ""
        note = row["message"] or "; ".join(row["warnings"])
        line = (
            f"{row['label']:<{width}}  {row['status']:<7}  {shell:<25}  {verdict:<10}  "
            f"{row['energy_shift']:+9.2f}   {note}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def xnet_plot(group: Any, filename: str | Path | None = None, win: int = 1, _larch: Any = None) -> Any:
    """Plot the spectrum as used and the prediction with its band.

    Parameters
    ----------
    group : larch.Group
        After `xnet_predict`.
    filename : str or Path, optional
        Save the figure there; the suffix sets the format (png, svg, pdf).
    win : int
        Window of Larch's plotter, where a display and wx are there; the
        spectrum goes to the next one.

    Returns
    -------
    matplotlib.figure.Figure or None
        None after Larch's own plotter has drawn.

    Raises
    ------
    SpectrumError
        If there is no prediction.
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    from .plots import draw_figure, draw_in_larch, has_larch_plotter

    result = _result(group)
    note = STALE if result is not group and is_stale(group) else ""
    if note:
        say(f"xnet_plot: {result.label}: {note}", _larch)
    if filename is None and has_larch_plotter(_larch):
        draw_in_larch(result, "STALE: " if note else "", win, _larch)
        return None
    figure = draw_figure(result, "STALE: " if note else "", None if filename is None else Path(filename))
    if filename is None and _larch is not None and figure.canvas.required_interactive_framework is None:
        say('xnet_plot: no display here; save the figure with filename="figure.png"', _larch)
    return figure
