"""Measured spectra of known structure: a folder with ``index.csv``, and structures or distances."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xnet_onnx.errors import DataSetError
from xnet_onnx.inference.peaks import first_peaks
from xnet_onnx.readers import read, read_all
from xnet_onnx.spectrum import FloatArray, Spectrum

from .descriptor import g2

__all__ = ["Reference", "measured_references"]


@dataclass(frozen=True, eq=False)
class Reference:
    """A measured spectrum with the structure of its phase.

    Parameters
    ----------
    name : str
        File, and group where it has several.
    phase : str
    spectrum : Spectrum
    first_shell : float
        Mean distance of its first shell, in Angstrom.
    g2 : ndarray of float64, shape (50,), or None
        Of the reference structure, the mean over its sites by weight; None where
        only the distance is known.
    """

    name: str
    phase: str
    spectrum: Spectrum
    first_shell: float
    g2: FloatArray | None = None

    def true_first_shell(self, r: FloatArray) -> float:
        """First peak of the reference's G2 on a grid in Angstrom, else the mean distance."""
        return self.first_shell if self.g2 is None else float(first_peaks(r, self.g2[np.newaxis])[0])


def _group(path: Path, group: str) -> Spectrum:
    """One group of a project, by its label with or without blanks."""

    def plain(label: str) -> str:
        return label.rpartition(":")[2].replace(" ", "_")

    found = [item for item in read_all(path) if isinstance(item, Spectrum) and plain(item.label) == group]
    if len(found) != 1:
        raise DataSetError(f"{path} holds {len(found)} groups named {group!r}; expected one, as in index.csv")
    return found[0]


def measured_references(*folders: Path) -> list[Reference]:
    """Read the measured spectra that have a reference structure or distance.

    Parameters
    ----------
    *folders : Path
        Each with ``index.csv`` (columns file and phase, among them group and
        element where they are needed) and either ``references.extxyz`` (phase,
        weight, first_shell_r; absorber first) or a column first_shell in the index.

    Returns
    -------
    list of Reference

    Raises
    ------
    DataSetError
        If a folder lacks these files.
    ReadError
        If a spectrum that the index names cannot be read.
    """
    return [reference for folder in folders for reference in _references(folder)]


def _references(folder: Path) -> list[Reference]:
    try:
        with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
            index = list(csv.DictReader(file))
        structures = folder / "references.extxyz"
        if structures.is_file():
            known = _of_structures(structures)
        else:
            known = {entry["phase"]: (None, float(entry["first_shell"])) for entry in index}
    except (OSError, KeyError, ValueError) as error:
        raise DataSetError(
            f"{folder} cannot be read ({error}); expected index.csv and references.extxyz, or index.csv with "
            "a column first_shell"
        ) from error
    references = []
    for entry in index:
        if entry["phase"] not in known:
            continue
        curve, distance = known[entry["phase"]]
        group = entry.get("group") or ""
        path = folder / entry["file"]
        spectrum = _group(path, group) if group else read(path)
        if spectrum.element is None and entry.get("element"):
            spectrum = replace(spectrum, element=entry["element"], edge=entry.get("edge") or "K")
        name = f"{entry['file']}:{group}" if group else entry["file"]
        references.append(Reference(name, entry["phase"], spectrum, distance, curve))
    return references


def _of_structures(path: Path) -> dict[str, tuple[FloatArray | None, float]]:
    """G2 and first-shell distance of each phase, the mean over its sites by weight."""
    from ase.io import iread

    sites: dict[str, list[tuple[float, FloatArray, float]]] = {}
    for atoms in iread(path, index=":"):
        info = atoms.info
        site = (float(info["weight"]), g2(atoms, 0), float(info["first_shell_r"]))
        sites.setdefault(str(info["phase"]), []).append(site)
    found: dict[str, tuple[FloatArray | None, float]] = {}
    for phase, own in sites.items():
        weight = sum(w for w, _, _ in own)
        curve = np.sum([w * curve for w, curve, _ in own], axis=0) / weight
        found[phase] = np.asarray(curve, dtype=np.float64), sum(w * r for w, _, r in own) / weight
    return found
