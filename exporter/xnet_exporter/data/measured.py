"""Measured spectra of known structure: a folder with ``index.csv`` and ``references.extxyz``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_onnx.errors import DataSetError
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
    g2 : ndarray of float64, shape (50,)
        Of the reference structure, the mean over its sites by weight.
    first_shell : float
        Mean distance of its first shell, in Angstrom.
    """

    name: str
    phase: str
    spectrum: Spectrum
    g2: FloatArray
    first_shell: float


def _group(path: Path, group: str) -> Spectrum:
    """One group of a project, by its label with or without blanks."""

    def plain(label: str) -> str:
        return label.rpartition(":")[2].replace(" ", "_")

    found = [item for item in read_all(path) if isinstance(item, Spectrum) and plain(item.label) == group]
    if len(found) != 1:
        raise DataSetError(f"{path} holds {len(found)} groups named {group!r}; expected one, as in index.csv")
    return found[0]


def measured_references(folder: Path) -> list[Reference]:
    """Read the measured spectra that have a reference structure.

    Parameters
    ----------
    folder : Path
        With ``index.csv`` (columns file, group and phase, among others) and
        ``references.extxyz`` (phase, weight, first_shell_r; absorber first).

    Returns
    -------
    list of Reference

    Raises
    ------
    DataSetError
        If the folder lacks these files.
    ReadError
        If a spectrum that the index names cannot be read.
    """
    from ase.io import iread

    try:
        with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
            index = list(csv.DictReader(file))
        sites: dict[str, list[tuple[float, FloatArray, float]]] = {}
        for atoms in iread(folder / "references.extxyz", index=":"):
            info = atoms.info
            site = (float(info["weight"]), g2(atoms, 0), float(info["first_shell_r"]))
            sites.setdefault(str(info["phase"]), []).append(site)
    except (OSError, KeyError, ValueError) as error:
        raise DataSetError(
            f"{folder} cannot be read ({error}); expected index.csv and references.extxyz"
        ) from error
    references = []
    for entry in index:
        if entry["phase"] not in sites:
            continue
        own = sites[entry["phase"]]
        weight = sum(w for w, _, _ in own)
        curve = np.sum([w * curve for w, curve, _ in own], axis=0) / weight
        path, group = folder / entry["file"], entry["group"]
        references.append(
            Reference(
                name=f"{entry['file']}:{group}" if group else entry["file"],
                phase=entry["phase"],
                spectrum=_group(path, group) if group else read(path),
                g2=np.asarray(curve, dtype=np.float64),
                first_shell=sum(w * r for w, _, r in own) / weight,
            )
        )
    return references
