"""What is the energy and what is mu: the rules, in one place (docs/formats.md has them as a table).

Energy, in this order:

1. the column that the caller chose;
2. the column labelled as an energy; of several, the plain "energy" before one
   that the monochromator reported and before one that was asked for;
3. a monochromator angle with the d-spacing of the crystal in the metadata;
4. without any labels, the first column.

A unit that the file gives is taken; without one, numbers from 1 to 150 are keV.

Absorption, in this order:

1. the column or the expression that the caller chose;
2. a column that is labelled as mu; before one that is labelled as normalised;
3. ln(i0/itrans), or fluorescence/i0, whichever has its columns. Columns that are
   zero or constant from end to end are no signal. Channels of one detector (labels
   that differ in a number) are summed; columns corrected for dead time replace the
   raw ones of the same name. Electron yield and the reference channel are taken
   only when chosen: the first sees the surface, the second another sample;
4. with two columns, the one that is not the energy, unless its label says that it
   is something else.

More than one candidate, or none, is an error that lists the columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..edges import EDGES, as_edge, as_element, edges_between
from ..errors import ColumnError, CoverageError, ElementError, SpectrumError
from ..spectrum import FloatArray, Spectrum
from ..wording import counted
from .labels import column_role, split_unit
from .table import Table

BoolArray = npt.NDArray[np.bool_]

__all__ = ["Choice", "Signal", "declared", "energy_of", "in_order", "mu_of", "reference_of", "to_spectrum"]

HC = 12398.419843320026  # eV Angstrom, exact in the SI of 2019
ENERGY_UNITS = {"ev": 1.0, "kev": 1000.0}
ANGLE_UNITS = {"": np.pi / 180, "deg": np.pi / 180, "rad": 1.0, "mrad": 1e-3, "mdeg": np.pi / 180e3}
MAX_BAD = 0.05
LOWEST_ENERGY, HIGHEST_ENERGY = 50.0, 200_000.0


@dataclass(frozen=True)
class Choice:
    """What the caller says about a file, against what the file says.

    Parameters
    ----------
    energy_column : str, optional
        Number (from 1) or label of a column.
    mu_column : str, optional
        Number or label of a column, or an expression of columns: "fy_c/io",
        "ln(i0/it)", "(5+6+7)/2".
    element, edge : str, optional
        In place of those in the file.
    energy_shift : float
        Added to the energies, in eV.
    """

    energy_column: str | None = None
    mu_column: str | None = None
    element: str | None = None
    edge: str | None = None
    energy_shift: float = 0.0


@dataclass(frozen=True, eq=False)
class Signal:
    """Numbers made from columns, and how.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN where the columns allow none.
    source : str
        In words.
    columns : tuple of int
        Indices of what was used.
    warnings : tuple of str
    """

    values: FloatArray
    source: str
    columns: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def to_spectrum(table: Table, choice: Choice | None = None) -> Spectrum:
    """Choose energy and mu in a table.

    Parameters
    ----------
    table : Table
    choice : Choice, optional
        What the caller says.

    Returns
    -------
    Spectrum
        Energies in eV and ascending; points with equal energies are merged.

    Raises
    ------
    ColumnError
        If a column is not there, or the choice is not clear.
    SpectrumError
        If too many points are not numbers, the energies are not photon energies,
        or the scan does not reach the edge that the caller or the file names.
    """
    choice = Choice() if choice is None else choice
    element, edge = declared(table, choice)
    energy = energy_of(table, choice.energy_column)
    named = "that the file names" if (choice.element, choice.edge) == (None, None) else "that was asked for"
    _check_reach(energy.values, element, edge, named)
    mu = mu_of(table, choice.mu_column, energy.columns)
    shift = table.energy_shift + choice.energy_shift
    source = mu.source
    if table.note and choice.mu_column is None:
        source += f"; {table.note}"
    if energy.source:
        source += f"; {energy.source}"
    if table.energy_shift:
        source += f"; energies shifted by {table.energy_shift:+.3f} eV as the file records"
    if choice.energy_shift:
        source += f"; energies shifted by {choice.energy_shift:+.3f} eV as asked"
    good, noticed = _usable(table, energy, mu)
    values, mu_values, mended = in_order(energy.values[good] + shift, mu.values[good])
    return Spectrum(
        energy=values,
        mu=mu_values,
        label=table.label,
        element=element,
        edge=edge,
        mu_source=source,
        warnings=table.warnings + energy.warnings + mu.warnings + noticed + mended,
        energy_shift=shift,
    )


def declared(table: Table, choice: Choice | None = None) -> tuple[str | None, str | None]:
    """Element and edge that the caller or the file names.

    Parameters
    ----------
    table : Table
    choice : Choice, optional

    Returns
    -------
    element, edge : str or None

    Raises
    ------
    ElementError
        If the caller's, or those of an XDI file, are none.
    """
    choice = Choice() if choice is None else choice
    found: list[str | None] = []
    for what, given, keys, known, such in (
        (
            "element",
            choice.element,
            ("element.symbol", "scanparameters.element", "element"),
            as_element,
            "Fe",
        ),
        ("edge", choice.edge, ("element.edge", "scanparameters.edge", "edge"), as_edge, "K"),
    ):
        if given is not None:
            name = known(given)
            if name is None:
                raise ElementError(f"{given[:40]!r} is no {what}; expected one such as {such!r}")
            found.append(name)
            continue
        text = next((table.metadata[key] for key in keys if table.metadata.get(key, "").strip()), None)
        name = None if text is None else known(text)
        if text is not None and name is None and table.format == "XDI":
            raise ElementError(
                f"the file says {what} {text.strip()[:40]!r}, which is none; expected one such as {such!r}: "
                f"mend the file or give --{what}"
            )
        found.append(name)
    return found[0], found[1]


def _roles(table: Table) -> list[tuple[str, str, int]]:
    return [column_role(label) for label in table.labels]


def _chosen(table: Table, column: str, what: str, option: str) -> int:
    """Index of a column given by number or label."""
    word = column.strip()
    if word.isascii() and word.isdigit() and len(word) < 6:
        index = int(word) - 1
        if 0 <= index < len(table.labels):
            return index
    matches = [i for i, name in enumerate(table.labels) if name and name.lower() == word.lower()]
    matches = matches or [
        i for i, name in enumerate(table.labels) if name and split_unit(name)[0] == word.lower()
    ]
    if len(matches) == 1:
        return matches[0]
    found = f"{len(matches)} columns are" if matches else "no column is"
    raise ColumnError(
        f"{found} called {word[:60]!r} for {what}; the file has {counted(len(table.labels), 'column')}: "
        f"{table.describe()}; give a number or a label of these with {option}"
    )


def energy_of(table: Table, column: str | None = None) -> Signal:
    """Find the photon energies in a table.

    Parameters
    ----------
    table : Table
    column : str, optional
        Number or label of the column.

    Returns
    -------
    Signal
        In eV, in the order of the file; `source` is empty where the column holds
        energies in eV.

    Raises
    ------
    ColumnError
        If there is no one column of energies.
    SpectrumError
        If its numbers cannot be photon energies.
    """
    count = len(table.labels)
    if count < 2:
        raise ColumnError("the file has one column; expected at least energy and absorption")
    roles = _roles(table)
    if column is not None:
        index = _chosen(table, column, "energy", "--energy-column")
    else:
        index = _find_energy(table, roles)
    name, unit = split_unit(table.labels[index])
    unit = split_unit(f"x ({table.units[index]})")[1] or table.units[index].strip().lower() or unit
    values = table.values[:, index]
    finite = values[np.isfinite(values)]
    if roles[index][0] == "angle" or unit in ("deg", "rad", "mrad", "mdeg"):
        return _from_angle(table, index, unit)
    if unit and unit not in ENERGY_UNITS:
        raise ColumnError(
            f"column {index + 1} is {name or 'unlabelled'} in {unit[:20]}, not an energy: this is no energy "
            "scan, or another column holds the energies; expected eV or keV"
            + _says_energy(table, index)
            + f"; the columns: {table.describe()}; choose one with --energy-column"
        )
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if not unit:
        unit = "kev" if low >= 1.0 and high <= 150.0 else "ev"
        assumed = unit == "kev"
    else:
        assumed = False
    scaled = values * ENERGY_UNITS[unit]
    low, high = low * ENERGY_UNITS[unit], high * ENERGY_UNITS[unit]
    if not LOWEST_ENERGY <= low <= high <= HIGHEST_ENERGY:
        raise SpectrumError(
            f"the energies ({table.name(index)}) run from {low:.6g} to {high:.6g} eV; expected photon "
            "energies in eV or keV: are they relative to an edge, in another unit, or is this another "
            "column? "
            "Choose one with --energy-column"
        )
    source = f"energy in keV, column {index + 1}" if unit == "kev" else ""
    warnings = (f"the energies run from {low / 1e3:g} to {high / 1e3:g}: taken as keV",) if assumed else ()
    return Signal(scaled, source, (index,), warnings)


def _says_energy(table: Table, index: int) -> str:
    said = table.metadata.get(f"label line.{index + 1}", "")
    return f" (the line of labels says {said!r})" if column_role(said)[0] == "energy" else ""


def _find_energy(table: Table, roles: list[tuple[str, str, int]]) -> int:
    for wanted in ("energy", "angle"):
        found = [i for i, (role, _, _) in enumerate(roles) if role == wanted]
        if found:
            break
    if found:
        best = min(roles[i][2] for i in found)
        found = [i for i in found if roles[i][2] == best]
        if {split_unit(table.labels[i])[0] for i in found} >= {"omega", "e"}:  # FEFF's xmu.dat
            found = [i for i in found if split_unit(table.labels[i])[0] == "omega"]
    else:
        # A unit says what a label does not: "x" in mm is a motor, "col1" in eV an energy.
        found = [i for i, unit in enumerate(table.units) if unit.lower() in ENERGY_UNITS]
        first = split_unit(f"x ({table.units[0]})")[1]
        if not found and first and first not in ENERGY_UNITS and table.format == "XDI":
            return 0
    if not found and not any(table.labels):
        found = [0]
    if len(found) != 1:
        raise ColumnError(
            f"{len(found) or 'no'} column{'' if len(found) == 1 else 's'} labelled as energy; the file has "
            f"{counted(len(table.labels), 'column')}: {table.describe()}; choose one with --energy-column"
        )
    return found[0]


def _from_angle(table: Table, index: int, unit: str) -> Signal:
    text = table.metadata.get("mono.d_spacing") or table.metadata.get("mono.dspacing") or ""
    words = text.split()
    try:
        spacing = float(words[0]) if words else float("nan")
    except ValueError:
        spacing = float("nan")
    if not 0.1 < spacing < 20.0:
        found = f"Mono.d_spacing is {text[:40]!r}" if text else "the file gives no Mono.d_spacing"
        raise ColumnError(
            f"{table.name(index)} is a monochromator angle and {found}; expected the spacing of the "
            "crystal's "
            "planes in Angstrom to turn angles into energies: add '# Mono.d_spacing: 3.1356' (Si 111), "
            "or choose "
            "a column of energies with --energy-column"
        )
    if unit not in ANGLE_UNITS:
        raise ColumnError(f"{table.name(index)} is an angle in {unit[:20]!r}; expected deg, rad or mrad")
    sine = np.sin(table.values[:, index] * ANGLE_UNITS[unit])
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = np.where(sine > 0.0, HC / (2.0 * spacing * sine), np.nan)
    finite = energy[np.isfinite(energy)]
    if finite.size == 0 or finite.min() < LOWEST_ENERGY or finite.max() > HIGHEST_ENERGY:
        raise SpectrumError(
            f"the angles ({table.name(index)}) give no photon energies with a spacing of {spacing:g} "
            "Angstrom; "
            "expected angles between 0 and 90 degrees: check their unit"
        )
    source = f"energy from the angle, column {index + 1}, with d = {spacing:g} Angstrom"
    return Signal(energy, source, (index,))


def _check_reach(energy: FloatArray, element: str | None, edge: str | None, named: str) -> None:
    """Refuse a scan that does not reach the edge which its file or the caller names."""
    tabulated = EDGES.get((element or "", edge or "K"))
    finite = energy[np.isfinite(energy)]
    if tabulated is None or finite.size == 0:
        return
    first, last = float(finite.min()), float(finite.max())
    name = f"the {element} {edge or 'K'} edge ({tabulated:.0f} eV) {named}"
    # 10 eV: the worst calibration that is read without complaint.
    if last < tabulated + 10.0:
        raise CoverageError(
            f"the scan runs from {first:.1f} to {last:.1f} eV and stops before {name}; expected it to go "
            "on for "
            "at least 40 eV above the edge: was it aborted?"
        )
    if first > tabulated + 20.0:
        inside = edges_between(first, last)
        raise CoverageError(
            f"the scan runs from {first:.1f} to {last:.1f} eV and starts above {name}; expected it to start "
            "at least 15 eV below the edge" + (f"; in its range: {inside}" if inside else "")
        )


def _dead(values: FloatArray, monitor: bool = False) -> bool:
    """Whether a detector's column holds no signal; a monitor may be constant (counting to a preset)."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or float(finite.max()) == float(finite.min()):
        return not (monitor and finite.size > 0 and float(finite[0]) > 0.0)
    return False


def mu_of(table: Table, column: str | None = None, energy_columns: tuple[int, ...] = ()) -> Signal:
    """Find the absorption in a table.

    Parameters
    ----------
    table : Table
    column : str, optional
        Number or label of a column, or an expression of columns.
    energy_columns : tuple of int
        Those that are taken.

    Returns
    -------
    Signal
        On any scale, in the order of the file.

    Raises
    ------
    ColumnError
        If a column is not there, or more than one choice is possible.
    """
    if column is not None:
        return _as_chosen(table, column)
    if table.mu:
        return _as_chosen(table, table.mu, by_file=True)
    roles = _roles(table)
    by_role: dict[str, list[int]] = {}
    for i, (role, _, _) in enumerate(roles):
        if i not in energy_columns:
            by_role.setdefault(role, []).append(i)
    for role in ("mu", "norm"):
        found = _best(roles, [i for i in by_role.get(role, []) if not _dead(table.values[:, i])])
        if len(found) == 1:
            note = ", normalised in the file" if role == "norm" else ""
            return Signal(table.values[:, found[0]], f"mu = {table.name(found[0])}{note}", (found[0],))
        if found:
            raise _unclear(table, f"{len(found)} columns are labelled as absorption", found)
    return _from_intensities(table, roles, by_role, energy_columns)


def _from_intensities(
    table: Table,
    roles: list[tuple[str, str, int]],
    by_role: dict[str, list[int]],
    energy_columns: tuple[int, ...],
) -> Signal:
    live = {
        role: [i for i in found if not _dead(table.values[:, i], monitor=role == "i0")]
        for role, found in by_role.items()
        if role in ("i0", "itrans", "ifluor")
    }
    monitors, transmitted = _best(roles, live.get("i0", [])), live.get("itrans", [])
    detectors = _detectors(roles, live.get("ifluor", []))
    possible: list[str] = []
    if len(monitors) == 1 and len(transmitted) == 1:
        possible.append("trans")
    if len(monitors) == 1 and len(detectors) == 1:
        possible.append("fluor")
    asides = _asides(table, by_role, live)
    if len(monitors) == 1 and len(possible) == 1 and not (len(transmitted) > 1 or len(detectors) > 1):
        if possible == ["trans"]:
            signal = _log_ratio(table, monitors[0], transmitted[0])
        else:
            signal = _fluorescence(table, roles, detectors[0], monitors[0])
        return Signal(signal.values, signal.source + asides, signal.columns, signal.warnings)
    if len(possible) == 2 or len(transmitted) > 1 or len(detectors) > 1:
        label = table.labels[monitors[0]] if monitors else "i0"
        label = label if table.labels.count(label) == 1 else str(monitors[0] + 1) if monitors else "i0"
        options = [f"ln({label}/{_word(table, i)})" for i in transmitted]
        options += ["+".join(_word(table, i) for i in group) + f"/{label}" for group in detectors]
        raise _unclear(
            table, "transmission and fluorescence are both there", [], [o for o in options if len(o) < 200]
        )
    others = [i for i in range(len(table.labels)) if i not in energy_columns]
    if len(others) == 1:
        role = roles[others[0]][0]
        if role == "":
            what = table.name(others[0])
            reason = "the only other column" if table.labels[others[0]] else "of two without labels"
            return Signal(table.values[:, others[0]], f"mu = {what}, {reason}", (others[0],))
        raise ColumnError(
            f"besides the energy the file has only {table.name(others[0])}, which is no absorption; "
            "expected mu, "
            "or i0 with a transmitted or a fluorescence intensity; choose it all the same with --mu-column"
        )
    if (transmitted or detectors) and not monitors:
        signals = [*transmitted, *(i for group in detectors for i in group)][:3]
        dead = [table.name(i) for i in by_role.get("i0", [])]
        raise ColumnError(
            (
                "the incident intensity (" + dead[0] + ") holds no signal"
                if dead
                else "no incident intensity (i0)"
            )
            + f" for {', '.join(table.name(i) for i in signals)}; "
            f"the file has {counted(len(table.labels), 'column')}: {table.describe()}; choose mu with "
            "--mu-column, as "
            "in --mu-column 'ln(2/3)'"
        )
    raise _unclear(table, "no column is labelled as absorption", [])


def _unclear(table: Table, why: str, found: list[int], options: list[str] | None = None) -> ColumnError:
    names = ", ".join(table.name(i) for i in found[:6])
    offered = " or ".join(f"--mu-column '{option}'" for option in (options or [])[:3])
    return ColumnError(
        f"which column is mu is not clear: {why}{f' ({names})' if names else ''}; the file has "
        f"{counted(len(table.labels), 'column')}: {table.describe()}; choose with "
        + (offered or "--mu-column, a number, a label or a ratio such as 'ln(2/3)'")
    )


def _word(table: Table, index: int) -> str:
    """What a column is called in an expression: its label, or its number where that is no name."""
    label = table.labels[index]
    return label if table.labels.count(label) == 1 and not set(label) & set("+/()") else str(index + 1)


def _asides(table: Table, by_role: dict[str, list[int]], live: dict[str, list[int]]) -> str:
    """Say which detectors were left aside."""
    dead = [i for role in ("itrans", "ifluor") for i in by_role.get(role, []) if i not in live.get(role, [])]
    notes = (
        [f"{table.name(dead[0])}{f' and {len(dead) - 1} more' if len(dead) > 1 else ''}: no signal"]
        if dead
        else []
    )
    notes += [
        f"{table.name(i)}: electron yield, taken only when chosen" for i in by_role.get("yield", [])[:1]
    ]
    return f" ({'; '.join(notes)})" if notes else ""


def _best(roles: list[tuple[str, str, int]], found: list[int]) -> list[int]:
    """Those that are preferred to the others."""
    best = min((roles[i][2] for i in found), default=0)
    return [i for i in found if roles[i][2] == best]


def _detectors(roles: list[tuple[str, str, int]], found: list[int]) -> list[list[int]]:
    """Group fluorescence columns: channels together, raw ones dropped where corrected ones exist."""
    stems: dict[str, list[int]] = {}
    for i in found:
        stems.setdefault(roles[i][1], []).append(i)
    groups = []
    for group in stems.values():
        best = min(roles[i][2] for i in group)
        groups.append([i for i in group if roles[i][2] == best])
    # A line of the element ("fe_ka") is the signal where whole detectors are recorded beside it.
    lines = [g for g in groups if re.search(r"(?:^|_)fe_?ka", roles[g[0]][1])]
    return lines if len(lines) == 1 else groups


def _log_ratio(table: Table, above: int, below: int) -> Signal:
    values = _ratio(table.values[:, above], table.values[:, below], log=True)
    source = f"mu = ln({table.labels[above]}/{table.labels[below]}), columns {above + 1} and {below + 1}"
    return Signal(values, source, (above, below))


def _fluorescence(table: Table, roles: list[tuple[str, str, int]], group: list[int], below: int) -> Signal:
    values = _ratio(table.values[:, group].sum(axis=1), table.values[:, below])
    monitor, first = table.labels[below], table.labels[group[0]]
    if len(group) == 1:
        source = f"mu = {first}/{monitor}, columns {group[0] + 1} and {below + 1}"
    else:
        numbers = ", ".join(str(i + 1) for i in group[:16]) + (" ..." if len(group) > 16 else "")
        source = (
            f"mu = sum of {len(group)} channels, {first} to {table.labels[group[-1]]}, / {monitor}, columns "
            f"{numbers} and {below + 1}"
        )
    if roles[group[0]][2] == 0:
        source += f"; {first} is corrected for dead time"
    return Signal(values, source, (*group, below))


def _ratio(above: FloatArray, below: FloatArray, log: bool = False) -> FloatArray:
    """Ratio of two intensities or its logarithm, NaN where an intensity does not allow it."""
    with np.errstate(all="ignore"):
        good = (below > 0.0) & ((above > 0.0) if log else np.isfinite(above))
        values: FloatArray = np.where(good, above / np.where(good, below, 1.0), np.nan)
        return np.log(values) if log else values


def _parts(text: str) -> tuple[bool, bool, list[str], list[str]] | None:
    """Take "-ln((a+b)/c)" apart: minus, logarithm, above and below the stroke; None if it is no ratio."""
    minus = text.startswith("-")
    text = text.lstrip("-").strip()
    log = re.match(r"(?:ln|log)\s*\((.*)\)$", text, re.IGNORECASE | re.DOTALL)
    above, stroke, below = (log.group(1) if log else text).partition("/")
    if not stroke or "/" in below:
        return None
    words = [
        [word.strip() for word in side.strip().removeprefix("(").removesuffix(")").split("+")]
        for side in (above, below)
    ]
    return minus, log is not None, words[0], words[1]


def _as_chosen(table: Table, column: str, by_file: bool = False) -> Signal:
    """The column or the expression that the caller, or the format, names."""
    text = column.strip()
    chosen = "" if by_file else ", as chosen"
    labelled = [name.lower() for name in table.labels if name]
    parts = None if text.lower() in labelled else _parts(text)
    if parts is None:
        index = _chosen(table, text, "mu", "--mu-column")
        return Signal(table.values[:, index], f"mu = {table.name(index)}{chosen}", (index,))
    minus, log, *sides = parts
    above, below = ([_chosen(table, word, "mu", "--mu-column") for word in side[:64]] for side in sides)
    with np.errstate(all="ignore"):
        values = _ratio(table.values[:, above].sum(axis=1), table.values[:, below].sum(axis=1), log)
    used = (*above, *below)
    return Signal(
        -values if minus else values,
        f"mu = {text[:80]}, columns {', '.join(str(i + 1) for i in used)}{chosen}",
        used,
    )


def _usable(table: Table, energy: Signal, mu: Signal) -> tuple[BoolArray, tuple[str, ...]]:
    """Points with a number for both; few without are left out, many are refused."""
    good = np.isfinite(energy.values) & np.isfinite(mu.values)
    bad = np.flatnonzero(~good)
    if bad.size == 0:
        return good, ()
    row = int(bad[0])
    broken = [i for i in (*energy.columns, *mu.columns) if not np.isfinite(table.values[row, i])]
    broken += [i for i in mu.columns if not table.values[row, i] > 0.0]
    found = f"{table.name(broken[0])} is {table.values[row, broken[0]]:g}" if broken else "mu is not finite"
    reason = f"{found} at {table.place(row)}; {bad.size} of {counted(good.size, 'point')} cannot be used"
    if bad.size > MAX_BAD * good.size:
        raise SpectrumError(
            f"{reason}; expected finite numbers and intensities above zero in all but {100 * MAX_BAD:.0f} %: "
            "mend these points or choose another column with --mu-column"
        )
    return good, (f"{reason} and {'is' if bad.size == 1 else 'are'} left out",)


def in_order(energy: FloatArray, mu: FloatArray) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Sort by energy and merge points with equal energies.

    Parameters
    ----------
    energy, mu : ndarray of float64, shape (n,)
        Finite.

    Returns
    -------
    energy, mu : ndarray of float64, shape (m,)
        Ascending, each energy once; mu averaged.
    warnings : tuple of str
    """
    warnings: list[str] = []
    steps = np.diff(energy)
    if np.any(steps < 0):
        warnings.append(
            f"the energies were not in order ({counted(int((steps < 0).sum()), 'step')} back): sorted"
        )
        order = np.argsort(energy, kind="stable")
        energy, mu = energy[order], mu[order]
    if np.any(np.diff(energy) == 0):
        unique, inverse, counts = np.unique(energy, return_inverse=True, return_counts=True)
        mu = np.bincount(inverse, weights=mu) / counts
        warnings.append(f"{counted(energy.size - unique.size, 'point')} with a repeated energy: averaged")
        energy = unique
    return energy, mu, tuple(warnings)


def reference_of(table: Table) -> Signal:
    """Find the reference channel: a foil behind the sample.

    Parameters
    ----------
    table : Table

    Returns
    -------
    Signal
        ln(itrans/irefer), or a column that is labelled as the reference's mu.

    Raises
    ------
    ColumnError
        If there is none, or more than one.
    """
    roles = [role for role, _, _ in _roles(table)]
    found = [i for i, role in enumerate(roles) if role == "irefer" and not _dead(table.values[:, i])]
    before = [i for i, role in enumerate(roles) if role == "itrans" and not _dead(table.values[:, i])]
    if len(found) == 1 and split_unit(table.labels[found[0]])[0].replace("_", "").startswith("muref"):
        return Signal(table.values[:, found[0]], f"mu = {table.name(found[0])}", (found[0],))
    if len(found) != 1 or len(before) != 1:
        raise ColumnError(
            f"no reference channel; the file has {counted(len(table.labels), 'column')}: "
            f"{table.describe()}; expected "
            "itrans and irefer: give a scan of the foil with --foil FILE"
        )
    return _log_ratio(table, before[0], found[0])
