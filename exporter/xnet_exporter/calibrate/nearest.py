"""Keep of the training spectra what `xnet_onnx.uncertainty.nearest` compares with.

Theory is sharper than experiment by an amount that nobody knows beforehand: each
spectrum is kept as in a sharp, an ordinary and a blunt measurement. The sharpnesses
and the number of components were chosen by ``benchmarks/nearest.py``. Three times
eight numbers a spectrum say which is like another; they do not give it back.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xnet_onnx.bundle.nearest import MAX_NAME
from xnet_onnx.edges import SYMBOLS
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.spectrum import FloatArray
from xnet_onnx.uncertainty.nearest import COUNT
from xnet_onnx.wording import printable

from ..data.descriptor import RadialGrid
from ..data.sets import Row
from ..structures.cluster import first_shell
from ..train.augment import Distortion, distort
from ..train.presets import Preset
from .domain import aligned_inputs, domain_inputs, fit_space, undamaged

__all__ = ["COMPONENTS", "SHARPNESSES", "Kept", "compound_name", "fit_compounds"]

COMPONENTS = 8
SHARPNESSES = (
    Distortion(2.0, 3.0, 1.03, 1.0),
    Distortion(5.0, 8.0, 1.02, 0.85),
    Distortion(6.0, 10.0, 1.02, 0.8),
)
#: Share of training spectra, made to look measured, to which another compound is close.
CLOSE_SHARE = 0.95
CHUNK = 256
GEOMETRIES = {
    "oct": "octahedral",
    "tet": "tetrahedral",
    "sqp": "square planar",
    "spy": "square pyramidal",
    "tbp": "trigonal bipyramidal",
    "pbp": "pentagonal bipyramidal",
    "tpr": "trigonal prismatic",
    "tpl": "trigonal planar",
    "lin": "linear",
    "pi": "",
}


def compound_name(row: Row) -> str:
    """What a chemist would call a training compound.

    Parameters
    ----------
    row : Row

    Returns
    -------
    str
        The mineral, "Fe in Massicot (Pb site)", "Fe(ox)3 octahedral", "refcode GIYDIC,
        C22H26F6FeN4O6S2", or the first shell of a molecule that only its set has a name
        for, "FeN6 (molecule train_0474_hs)"; empty for a structure without a name.
    """
    name = " ".join(row.name.split())
    if row.source == "built" and ":" in name:
        geometry, _, parts = name.partition(":")
        # A mark behind an underscore is how a ligand binds: NO3_2 with two atoms.
        counts = Counter(re.sub(r"_\d$", "", part) for part in parts.split("+"))
        ligands = [(f"({part})", number) for part, number in counts.items()]
        name = f"{_formula(row.absorber, ligands)} {GEOMETRIES.get(geometry, geometry)}".strip()
    elif row.source == "molecule":
        if re.match(r"[A-Z]{6}\d*\b", name):
            name = "refcode " + name.replace(" ", ", ", 1)
        else:
            shell = Counter(SYMBOLS[row.numbers[i] - 1] for i in first_shell(row.distances, row.numbers))
            atoms = sorted(shell.items(), key=lambda item: (-item[1], item[0]))
            name = f"{_formula(row.absorber, atoms)} (molecule {name})"
    elif row.source == "mvar" and " in <missing> (" in name:
        name = name.replace(" in <missing> (", " in a mineral (")
    elif not name[:1].isalnum():
        return ""
    return printable(name)[:MAX_NAME]


def _formula(absorber: int, around: Sequence[tuple[str, int]]) -> str:
    """The absorber and what is around it, with counts: FeN4O2, Fe(ox)3."""
    return SYMBOLS[absorber - 1] + "".join(f"{part}{count if count > 1 else ''}" for part, count in around)


@dataclass(frozen=True)
class Kept:
    """``nearest.npz``, and what ``bundle.json`` says of it."""

    data: bytes
    said: dict[str, float | int]


def fit_compounds(
    rows: Sequence[Row],
    origins: FloatArray,
    preset: Preset,
    seed: int,
    *,
    sharpnesses: Sequence[Distortion] = SHARPNESSES,
    components: int = COMPONENTS,
) -> Kept | None:
    """Make ``nearest.npz``.

    Parameters
    ----------
    rows : sequence of Row, length n
        The training spectra of the bundle.
    origins : ndarray of float64, shape (n,)
        Edge positions in eV.
    preset : Preset
    seed : int
    sharpnesses : sequence of Distortion
        In which each spectrum is kept; as it is by a preset without augmentation.
    components : int

    Returns
    -------
    Kept or None
        None where there are too few compounds to compare with.
    """
    shells = first_peaks(RadialGrid().centres, np.stack([row.g2 for row in rows]))
    named = sorted(
        (name, row.absorber, i)
        for i, (row, shell) in enumerate(zip(rows, shells, strict=True))
        if np.isfinite(shell) and (name := compound_name(row))
    )
    order = [i for _, _, i in named]
    some, at = [rows[i] for i in order], origins[order]
    if len({row.group for row in some}) <= COUNT:
        return None
    if preset.augmentation is None:
        views = domain_inputs(some, at, preset, seed)[np.newaxis]
    else:
        views = np.stack([distort(some, at, preset.axis, one) for one in sharpnesses])
    space = fit_space(views.reshape(-1, views.shape[-1]), components)
    centre, axes = space.centre, space.components
    scores = (views - centre) @ axes.T
    keys = {key: i for i, key in enumerate(dict.fromkeys((name, number) for name, number, _ in named))}
    close = _close(scores, centre, axes, some, at, preset, seed)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        centre=centre.astype(np.float32),
        components=axes.astype(np.float32),
        scores=np.moveaxis(scores, 2, 0).astype(np.float16),
        first_shell=shells[order].astype(np.float32),
        compound=np.array([keys[name, number] for name, number, _ in named], dtype=np.int32),
        names=np.array([name for name, _ in keys]),
        absorbers=np.array([number for _, number in keys], dtype=np.int32),
        close=np.array(close, dtype=np.float32),
    )
    said = {
        "compounds": len(keys),
        "spectra": len(order),
        "sharpnesses": len(views),
        "components": len(axes),
        "close": round(close, 4),
    }
    return Kept(buffer.getvalue(), said)


def _close(
    scores: FloatArray,
    centre: FloatArray,
    axes: FloatArray,
    rows: Sequence[Row],
    origins: FloatArray,
    preset: Preset,
    seed: int,
) -> float:
    """Difference up to which most spectra, made to look measured, find a compound of another group."""
    inputs = aligned_inputs(list(rows), origins, undamaged(preset), seed + 2, draws=1)[-len(rows) :]
    shifted = inputs - centre
    own = shifted @ axes.T
    outside = (shifted**2).sum(axis=1) - (own**2).sum(axis=1)
    group = np.unique([row.group for row in rows], return_inverse=True)[1]
    found = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        squares = ((scores**2).sum(axis=2)[:, np.newaxis] - 2.0 * own[part] @ np.moveaxis(scores, 1, 2)).min(
            axis=0
        )
        squares[group[part, np.newaxis] == group] = np.inf
        found[part] = squares.min(axis=1) + (own[part] ** 2).sum(axis=1) + outside[part]
    differences = np.sqrt(np.maximum(found, 0.0) / inputs.shape[1])
    return float(np.quantile(differences, CLOSE_SHARE))
