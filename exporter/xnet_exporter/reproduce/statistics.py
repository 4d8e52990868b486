"""Intervals that know of compositions, and the words for a comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from xnet_onnx.spectrum import FloatArray

__all__ = [
    "Interval",
    "against",
    "clustered",
    "interval_of",
    "pearson",
    "quantile",
    "ranks",
    "shown",
    "slope",
]

Interval = tuple[float, float, float]


def clustered(
    names: list[str],
    statistic: Callable[[npt.NDArray[np.int64]], float],
    draws: int,
    seed: int,
) -> Interval:
    """A statistic with its 95 % bootstrap interval, resampling whole compositions.

    Parameters
    ----------
    names : list of str, length n
        Composition of each row.
    statistic : callable
        Row indices to a number.
    draws, seed : int

    Returns
    -------
    value, low, high : float
    """
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    members = [np.array(rows) for rows in groups.values()]
    rng = np.random.default_rng([seed, 8])
    found = []
    for _ in range(draws):
        chosen = rng.integers(len(members), size=len(members))
        found.append(statistic(np.concatenate([members[i] for i in chosen])))
    kept = np.array(found)[np.isfinite(found)]
    low, high = np.percentile(kept, [2.5, 97.5]) if kept.size else (np.nan, np.nan)
    return statistic(np.arange(len(names))), float(low), float(high)


def quantile(values: npt.ArrayLike, percent: float) -> float:
    """A percentile of what is known; NaN where nothing is."""
    array = np.asarray(values, dtype=np.float64)
    known = array[np.isfinite(array)]
    return float(np.percentile(known, percent)) if known.size else float("nan")


def shown(value: float, form: str) -> str:
    """A number in a format, or a dash for NaN."""
    if not np.isfinite(value):
        return "-"
    text = format(value, form)
    return text.removeprefix("-") if float(text) == 0.0 else text


def interval_of(found: Interval, digits: int) -> str:
    """An interval in words."""
    value, low, high = (shown(number, f".{digits}f") for number in found)
    return f"{value} ({low} to {high})"


def pearson(x: FloatArray, y: FloatArray) -> float:
    """Pearson's correlation; NaN where one of them does not vary."""
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def ranks(values: FloatArray) -> FloatArray:
    """Ranks from 0, for Spearman's correlation."""
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def slope(x: FloatArray, y: FloatArray) -> float:
    """Slope of the least-squares line; NaN where x does not vary."""
    centred = x - x.mean()
    square = float((centred**2).sum())
    return float((centred * y).sum() / square) if square > 0 else float("nan")


def against(ours: float, theirs: float | None, digits: int, better: str = "lower") -> str:
    """Our number beside the paper's, in words.

    Parameters
    ----------
    ours : float
    theirs : float or None
        None where the paper states none.
    digits : int
    better : {"lower", "higher"}

    Returns
    -------
    str
    """
    if not np.isfinite(ours):
        return "not known"
    if theirs is None:
        return f"{ours:.{digits}f} (the paper states no number)"
    shown = round(ours, digits)
    if shown == theirs:
        return f"{ours:.{digits}f}, as in the paper"
    good = (shown < theirs) == (better == "lower")
    word = "larger than" if shown > theirs else "smaller than"
    return f"{ours:.{digits}f}, {word} the paper's {theirs:g} ({'better' if good else 'worse'})"
