"""Between Larch groups and the runtime's data: pure functions, no session.

What a group has to survive (deepcopy, a .larix file, ``clear_session``) sets
what may be stored on it: float32 arrays, numbers, str, list, dict with str
keys, None and nested groups.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from xnet_onnx.bundle.load import Bundle
from xnet_onnx.errors import ElementError, SpectrumError
from xnet_onnx.output.text import as_block
from xnet_onnx.prediction import Prediction
from xnet_onnx.preprocess.e0 import separate_duplicates
from xnet_onnx.preprocess.normalize import check_spectrum, normalize
from xnet_onnx.spectrum import FloatArray, NormalizedSpectrum

from .host import larch_module

__all__ = [
    "check_element",
    "fingerprint",
    "group_fingerprint",
    "has_normalization",
    "label_of",
    "normalized_from_group",
    "other_element",
    "prediction_to_group",
    "shifted_energy",
]

CARRIED = "as the Larch group carries it"
CALLED = "larch.xafs.pre_edge"
DETAILS = ("pre1", "pre2", "norm1", "norm2", "nnorm", "npre", "nvict")
SAME_ENERGY = 1e-5  # eV: where Larix takes two energy shifts for one
ABSURD_SHIFT = 1e9  # eV: Larix takes more than this for no shift


def label_of(group: Any) -> str:
    """What to call a group: its file name, label or name.

    Parameters
    ----------
    group : larch.Group

    Returns
    -------
    str
    """
    for name in ("filename", "label", "groupname", "__name__"):
        value = getattr(group, name, None)
        # An unnamed group is called by its address.
        if isinstance(value, str) and value.strip() and not value.startswith("0x"):
            return value.strip()
    return "Larch group"


def fingerprint(energy: Any, flat: Any) -> str:
    """SHA-256 of the spectrum that a prediction was made from.

    Parameters
    ----------
    energy, flat : array_like, shape (n,)
        Photon energy in eV and flattened mu.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for values in (energy, flat):
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def group_fingerprint(group: Any) -> str | None:
    """Fingerprint of a group's energy and flat as they are now.

    Parameters
    ----------
    group : larch.Group

    Returns
    -------
    str or None
        None where the group has no such arrays.
    """
    try:
        return fingerprint(group.energy, group.flat)
    except (AttributeError, TypeError, ValueError):
        return None


def has_normalization(group: Any) -> bool:
    """Whether a group carries norm, flat, e0 and edge_step for its energies.

    Parameters
    ----------
    group : larch.Group

    Returns
    -------
    bool
    """
    size = np.shape(getattr(group, "energy", ()))
    arrays = all(np.shape(getattr(group, name, ())) == size for name in ("norm", "flat"))
    scalars = all(np.ndim(getattr(group, name, [])) == 0 for name in ("e0", "edge_step"))
    return bool(size) and arrays and scalars and None not in (group.e0, group.edge_step)


def normalized_from_group(group: Any, session: Any = None) -> NormalizedSpectrum:
    """Take Larch's normalisation of a group, calling ``pre_edge`` where there is none.

    Parameters
    ----------
    group : larch.Group
        With energy and mu; gets norm, flat, e0, edge_step and whatever else
        ``larch.xafs.pre_edge`` writes, unless it carries the four already.
    session : larch.Interpreter, optional
        Handed to ``pre_edge``.

    Returns
    -------
    NormalizedSpectrum
        Whose recipe says which of the two it was.

    Raises
    ------
    SpectrumError
        If the group holds no usable spectrum.
    """
    mu = np.asarray(group.mu)
    if mu.dtype.kind not in "fiu" or np.asarray(group.energy).dtype.kind not in "fiu":
        raise SpectrumError(
            f"the group's energy and mu are {np.asarray(group.energy).dtype} and {mu.dtype}; expected "
            "real numbers: convert them first"
        )
    energy = np.array(group.energy, dtype=np.float64)
    if energy.ndim == 1 and energy.size > 1 and not np.any(np.diff(energy) < 0):
        energy = separate_duplicates(energy)  # as pre_edge does on its copy
    carried = has_normalization(group)
    if carried:
        check_spectrum(energy, np.asarray(group.flat, dtype=np.float64))
        if not (np.isfinite(group.e0) and np.isfinite(group.edge_step) and group.edge_step > 0):
            raise SpectrumError(
                f"the group carries e0 = {group.e0} and edge_step = {group.edge_step}; expected finite "
                "numbers and a positive step: call pre_edge(group) again"
            )
    else:
        # The runtime refuses what pre_edge normalises all the same: a falling edge, NaN, no pre-edge.
        normalize(energy, mu)
        larch_module("larch.xafs").pre_edge(group, _larch=session)
        if not has_normalization(group):
            raise SpectrumError(
                "larch.xafs.pre_edge left no norm, flat, e0 and edge_step of the energy's length; "
                "expected them: check energy and mu"
            )
    details = getattr(group, "pre_edge_details", None)
    recipe: dict[str, str | int | float] = {"method": CARRIED if carried else CALLED}
    for name in DETAILS:
        value = getattr(details, name, None)
        if isinstance(value, (int, float, np.number)):
            recipe[name] = int(value) if name in ("nnorm", "npre", "nvict") else float(value)
    norm = np.asarray(group.norm, dtype=np.float64)
    return NormalizedSpectrum(
        energy=energy,
        norm=norm,
        flat=np.asarray(group.flat, dtype=np.float64),
        e0=float(group.e0),
        edge_step=float(group.edge_step),
        pre_edge=_line(group, "pre_edge", norm),
        post_edge=_line(group, "post_edge", norm),
        recipe=recipe,
    )


def _line(group: Any, name: str, like: FloatArray) -> FloatArray:
    values = getattr(group, name, None)
    if isinstance(values, np.ndarray) and values.shape == like.shape:
        return values.astype(np.float64)
    return np.full_like(like, np.nan)


def other_element(group: Any, bundle: Bundle) -> str | None:
    """The element that a group's metadata state, where it is not the bundle's.

    ``pre_edge`` fills a missing atsym from the edge nearest to e0; about 7126 eV,
    where iron(III) has its edge, that is Nd L1, and the guess stays when e0 moves.
    So an element with an edge in the bundle's range of e0 says no more than e0.

    Parameters
    ----------
    group : larch.Group
    bundle : Bundle

    Returns
    -------
    str or None
        None where nothing speaks against the bundle's element.
    """
    bkg = getattr(getattr(group, "athena_params", None), "bkg", None)
    stated = (getattr(group, "element", None), getattr(group, "atsym", None), getattr(bkg, "z", None))
    names = [name.strip().capitalize() for name in stated if isinstance(name, str) and name.strip()]
    if not names:
        return None
    known = {one.element: one for one in bundle.absorbers}
    if names[0] in known:
        energy = np.asarray(getattr(group, "energy", ()), dtype=np.float64)
        low, high = known[names[0]].e0_range
        over = energy.size == 0 or (np.nanmin(energy) <= high and np.nanmax(energy) >= low)
        return None if over else names[0]
    xraydb = larch_module("xraydb")
    try:
        edges = xraydb.xray_edges(names[0])
    except ValueError:  # no element
        return None
    guessable = any(
        one.e0_range[0] <= edge.energy <= one.e0_range[1]
        for edge in edges.values()
        for one in bundle.absorbers
    )
    return None if guessable and getattr(group, "element", None) is None else names[0]


def check_element(group: Any, bundle: Bundle) -> None:
    """Check the element that a group's metadata state.

    Parameters
    ----------
    group : larch.Group
    bundle : Bundle

    Raises
    ------
    ElementError
        If it is another than the bundle's.
    """
    other = other_element(group, bundle)
    if other is not None:
        raise ElementError(
            f"the group says its element is {other}; the model {bundle.title} knows {bundle.knows} "
            "only, and its energies must go over that edge: correct group.atsym if it is wrong"
        )


def shifted_energy(group: Any) -> tuple[FloatArray, float, bool]:
    """Energies of a group with its recorded energy shift in them exactly once.

    Larix keeps the energies as read in energy_orig and the shift in
    energy_shift; its energy includes the shift. ``larch.io.read_athena`` writes
    energy_shift but leaves it out of energy, and makes no energy_orig.

    Parameters
    ----------
    group : larch.Group

    Returns
    -------
    energy : ndarray of float64, shape (n,)
    shift : float
        How far these are from the energies as read, in eV.
    changed : bool
        Whether they differ from the group's own.
    """
    energy = np.array(group.energy, dtype=np.float64)
    original = getattr(group, "energy_orig", None)
    found = getattr(group, "energy_shift", None)
    params = getattr(group, "athena_params", None)
    if found is None and original is None:
        found = getattr(getattr(params, "bkg", None), "eshift", None)
    shift = float(found) if isinstance(found, (int, float, np.number)) else 0.0
    if not abs(shift) < ABSURD_SHIFT:  # also NaN
        shift = 0.0
    if original is None:
        return energy + shift, shift, abs(shift) > SAME_ENERGY
    original = np.asarray(original, dtype=np.float64)
    if original.shape != energy.shape:
        return energy, shift, False
    present = float(np.min(energy - original))
    if abs(present - shift) <= SAME_ENERGY:
        return energy, shift, False
    # Larix's "save shifted as new group" shifts the energies and records a shift of 0.
    if abs(shift) <= SAME_ENERGY:
        return energy, present, False
    return original + shift, shift, True


def _storable(value: Any) -> Any:
    """A copy of a value in the types that survive a .larix file."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.astype(np.float32)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    return str(value)


def prediction_to_group(prediction: Prediction, bundle: Bundle, made_from: str) -> Any:
    """A prediction as the subgroup ``group.xnet``.

    Every field of `Prediction` becomes a member of the same name: an array as
    float32, a dataclass as a group, a tuple as a list (of dicts).

    Parameters
    ----------
    prediction : Prediction
    bundle : Bundle
        That it was made with.
    made_from : str
        From `fingerprint`.

    Returns
    -------
    larch.Group
        With bundle (its name), version, fingerprint, and table (what
        `xnet_table` shows) besides.
    """
    group_class = larch_module().Group
    out = group_class(name="xnet")
    for field in dataclasses.fields(prediction):
        value = getattr(prediction, field.name)
        if dataclasses.is_dataclass(value):
            setattr(out, field.name, group_class(name=field.name, **_storable(value)))
        else:
            setattr(out, field.name, _storable(value))
    if getattr(out, "lower", None) is None or getattr(out, "upper", None) is None:
        out.lower, out.upper = out.mean - 2 * out.sigma, out.mean + 2 * out.sigma
    out.bundle = bundle.name
    out.version = bundle.version
    out.fingerprint = made_from
    out.table = as_block(prediction.label, prediction)
    return out
