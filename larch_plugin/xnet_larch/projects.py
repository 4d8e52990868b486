"""Many spectra: Athena projects (.prj) and Larix sessions (.larix)."""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from xnet_onnx.bundle.load import Bundle
from xnet_onnx.errors import OutputError, ReadError, SpectrumError, XnetError
from xnet_onnx.files import replace_when_done
from xnet_onnx.prediction import DEFAULT_LEVEL, Prediction
from xnet_onnx.preprocess.normalize import as_normalized

from .functions import loaded_bundle, predict_group, record_call
from .groups import label_of, other_element, shifted_energy
from .host import file_encoding, larch_module, say

__all__ = ["predict_session", "xnet_predict_project"]

NORMALIZED = (
    "norm",
    "flat",
    "e0",
    "edge_step",
    "pre_edge",
    "post_edge",
    "pre_edge_details",
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one group of a project.

    Parameters
    ----------
    name : str
        Its name in the session.
    label : str
        Its name for people.
    group : larch.Group
        With ``.xnet`` after a prediction.
    shift : float
        Energy shift that its energies include, in eV.
    result : Prediction, XnetError or None
        None where the group is of another element and was left alone.
    reason : str
        Why it was left alone.
    """

    name: str
    label: str
    group: Any
    shift: float
    result: Prediction | XnetError | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Project:
    """A file read: its data groups, and for a session all that it holds.

    Parameters
    ----------
    groups : dict of str to larch.Group
        With energy and mu, in the file's order.
    symbols : dict
        What a new session is to hold, `groups` included.
    history : list of str
        Commands of the session.
    """

    groups: dict[str, Any]
    symbols: dict[str, Any]
    history: list[str]


def _read_failed(path: Path, what: str, error: Exception) -> ReadError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ReadError(f"{path} cannot be read as {what} ({reason}); expected a file that Larch can open")


def _is_data(value: Any) -> bool:
    return all(isinstance(getattr(value, name, None), np.ndarray) for name in ("energy", "mu"))


def _read_larix(path: Path) -> Project:
    try:
        with file_encoding():
            stored = larch_module("larch.io").read_session(str(path))
    except Exception as error:  # gzip, JSON and Larch's own errors share no base
        raise _read_failed(path, "a Larix session", error) from error
    symbols = dict(stored.symbols)
    listed = symbols.get("_xasgroups")
    order = list(dict.fromkeys([*(listed or {}).values(), *symbols]))
    isgroup = larch_module().isgroup
    groups = {name: symbols[name] for name in order if isgroup(symbols.get(name)) and _is_data(symbols[name])}
    return Project(groups, symbols, list(stored.command_history))


def _athena_groups(path: Path) -> list[tuple[str, Any]]:
    project = larch_module("larch.io").AthenaProject()
    project.read(str(path), do_preedge=False)
    if len(set(project.group_names)) == len(project.group_names):
        return list(project.groups.items())
    # Larch keeps the last of the groups with one label; record by record it loses none.
    text = larch_module("larch.io.athena_project")._read_raw_athena(str(path))
    records = re.split(r"(?m)^\[record\].*$", text)
    head = records[0].split("\n", 1)[0]
    found: list[tuple[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for index, record in enumerate(records[:-1]):
            single = Path(folder) / f"{index}.prj"
            single.write_bytes(gzip.compress(f"{head}\n{record}\n[record]\n".encode(sys.stdout.encoding)))
            one = larch_module("larch.io").AthenaProject()
            one.read(str(single), do_preedge=False)
            found += one.groups.items()
    return found


def _read_prj(path: Path) -> Project:
    try:
        try:
            with file_encoding():
                found = _athena_groups(path)
        except OSError:  # what Larch makes of text in another encoding
            with file_encoding("latin-1"):
                found = _athena_groups(path)
    except Exception as error:  # Larch's parser raises whatever the text makes it raise
        raise _read_failed(path, "an Athena project", error) from error
    groups: dict[str, Any] = {}
    listed: dict[str, str] = {}
    for name, group in found:
        if not _is_data(group):  # chi(k)
            continue
        number, unique = 1, name
        while unique in groups:
            number += 1
            unique = f"{name}_{number}"
        label = label_of(group)
        group.filename = label if unique == name else f"{label} ({number})"
        group.groupname = unique
        groups[unique] = group
        listed[group.filename] = unique
    return Project(groups, {"_xasgroups": listed, **groups}, [])


def _flag(group: Any, name: str) -> bool:
    value = getattr(getattr(group, "athena_params", None), name, 0)
    return isinstance(value, (int, float)) and bool(value)


def _other_edge(group: Any, bundle: Bundle) -> str:
    """Why a group is not of the bundle's edge; empty where it may be."""
    other = other_element(group, bundle)
    if other is not None:
        return other
    if _flag(group, "is_bkg") or _flag(group, "is_diff") or _flag(group, "is_pixel"):
        return "no mu(E)"
    energy = np.asarray(group.energy, dtype=np.float64)
    ranges = [one.e0_range for one in bundle.absorbers]
    if energy.size and all(energy.max() < low or energy.min() > high for low, high in ranges):
        return f"energies from {energy.min():.0f} to {energy.max():.0f} eV"
    return ""


def _predict_one(name: str, group: Any, bundle: Bundle, arguments: dict[str, Any]) -> Outcome:
    label = label_of(group)
    reason = _other_edge(group, bundle)
    energy, shift, changed = shifted_energy(group)
    if reason:
        return Outcome(name, label, group, 0.0 if changed else shift, None, reason)
    try:
        if changed:
            if getattr(group, "energy_orig", None) is None:
                group.energy_orig = np.array(group.energy, dtype=np.float64)
            for member in NORMALIZED:  # fitted on the other energies
                if hasattr(group, member):
                    delattr(group, member)
            group.energy = energy
            if hasattr(group, "xdat"):
                group.xdat = energy.copy()
        group.energy_shift = shift
        if _flag(group, "is_nor"):
            given = as_normalized(energy, np.asarray(group.mu, dtype=np.float64))
            group.norm, group.flat, group.e0, group.edge_step = given.norm, given.flat.copy(), given.e0, 1.0
        result: Prediction | XnetError = predict_group(
            group, bundle, level=arguments["level"], force=arguments["force"]
        )
        record_call(group, "xnet_predict", arguments)
    except XnetError as error:
        result = error
    except Exception as error:  # Larch's pre_edge on odd data: one group must not stop the others
        result = SpectrumError(
            f"Larch cannot normalise it ({type(error).__name__}: {error}); expected one scan over an edge"
        )
    return Outcome(name, label, group, shift, result)


def _run(path: str | Path, bundle: Bundle, arguments: dict[str, Any]) -> tuple[Project, list[Outcome]]:
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in (".prj", ".larix"):
        raise ReadError(
            f"{file} is neither .prj nor .larix; expected an Athena project or a Larix session: give single "
            "spectra to xnet_predict"
        )
    if not file.is_file():
        raise ReadError(
            f"{file} is not a file; expected an Athena project or a Larix session: check the name"
        )
    project = _read_prj(file) if suffix == ".prj" else _read_larix(file)
    outcomes = [_predict_one(name, group, bundle, arguments) for name, group in project.groups.items()]
    if all(outcome.result is None for outcome in outcomes):
        seen = (
            ", ".join(f"{outcome.label} ({outcome.reason})" for outcome in outcomes[:4]) or "no data at all"
        )
        raise ReadError(f"{file} holds no {bundle.knows} spectrum, but {seen}; expected at least one")
    return project, outcomes


def predict_session(
    path: str | Path,
    bundle: Bundle | None = None,
    *,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
) -> list[tuple[str, Prediction | XnetError]]:
    """Predict for every group of the bundle's edge in a .larix or .prj file.

    Parameters
    ----------
    path : str or Path
    bundle : Bundle, optional
        The shipped one by default.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.

    Returns
    -------
    list of (str, Prediction or XnetError)
        The group's label and its result, in the file's order; groups of other
        elements are left out.

    Raises
    ------
    ReadError
        If Larch cannot read the file or it holds no such group.
    MissingExtraError
        If Larch is not installed.
    """
    arguments = {"model": None, "level": level, "force": force}
    _, outcomes = _run(path, loaded_bundle(None) if bundle is None else bundle, arguments)
    return [(outcome.label, outcome.result) for outcome in outcomes if outcome.result is not None]


def _row(outcome: Outcome) -> dict[str, Any]:
    result = outcome.result
    done = result if isinstance(result, Prediction) else None
    shell = None if done is None else done.first_shell
    return {
        "name": outcome.name,
        "label": outcome.label,
        "status": "ok" if done is not None else "skipped" if result is None else "error",
        "message": outcome.reason if result is None else "" if done is not None else str(result),
        "first_shell": None if shell is None else shell.r,
        "first_shell_sigma": None if shell is None else shell.r_sigma,
        "lower": None if shell is None else shell.lower,
        "upper": None if shell is None else shell.upper,
        "confidence": None if done is None or done.confidence is None else done.confidence.verdict,
        "e0": None if done is None else float(done.preprocessing["e0"]),
        "energy_shift": outcome.shift,
        "warnings": [] if done is None else list(done.warnings),
        "group": outcome.group,
    }


def xnet_predict_project(
    file: str | Path,
    out: str | Path | None = None,
    model: str | None = None,
    level: float = DEFAULT_LEVEL,
    force: bool = False,
    _larch: Any = None,
) -> list[dict[str, Any]]:
    """Predict for every group of an Athena project or a Larix session.

    Parameters
    ----------
    file : str or Path
        A .prj or .larix file.
    out : str or Path, optional
        A new .larix session in which every group carries its ``.xnet``.
    model : str, optional
        Folder of another bundle than the shipped one.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.

    Returns
    -------
    list of dict
        One row a group with name, label, status ("ok", "error" or "skipped":
        another element's edge), message, first_shell, first_shell_sigma, lower
        and upper (Angstrom), confidence, e0 and energy_shift (eV), warnings, and group: the Larch
        group with ``.xnet``. ``print(xnet_table(rows))`` shows them.

    Raises
    ------
    ReadError
        If Larch cannot read the file, or it holds no spectrum of the model's
        edge.
    OutputError
        If the new session cannot be written.

    Notes
    -----
    A recorded energy shift is in the energies exactly once: Athena's (and
    ``read_athena``'s) are added, Larix's are there already. Spectra of a .prj
    are normalised with the defaults of ``larch.xafs.pre_edge``, as
    ``xnet-onnx predict`` does; a Larix group is used as it is normalised.
    """
    target = None if out is None else _session_path(Path(out), Path(file))
    folder = None if model is None else str(model)
    project, outcomes = _run(file, loaded_bundle(folder), {"model": folder, "level": level, "force": force})
    if target is not None:
        _write_larix(target, project)
    rows = [_row(outcome) for outcome in outcomes]
    done = sum(row["status"] == "ok" for row in rows)
    skipped = sum(row["status"] == "skipped" for row in rows)
    failed = len(rows) - done - skipped
    say(f"{Path(file).name}: {done} predicted, {failed} failed, {skipped} of other elements", _larch)
    return rows


def _session_path(out: Path, source: Path) -> Path:
    path = out if out.suffix.lower() == ".larix" else out.with_name(f"{out.name}.larix")
    if path.resolve() == source.resolve():
        raise OutputError(f"{path} is the session that is read; expected another name for the new one")
    return path


def _write_larix(path: Path, project: Project) -> None:
    symtable = larch_module("larch.symboltable").SymbolTable()
    for name, value in project.symbols.items():
        setattr(symtable, name, value)
    with replace_when_done(path) as temporary:
        try:
            with file_encoding():
                larch_module("larch.io").save_session(
                    str(temporary),
                    symbols=list(project.symbols),
                    histbuff=project.history,
                    _larch=SimpleNamespace(symtable=symtable),
                )
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise OutputError(
                f"{path} cannot be written by Larch ({type(error).__name__}: {error}); expected only what a "
                "session file can hold"
            ) from error
