"""Small stacks of our own, made from examples/scorodite_simulated.xdi."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..synthetic import scorodite_mu

ROWS, COLUMNS = 6, 5
NAN, CONSTANT, EMPTY, MASKED = (0, 0), (0, 1), (1, 0), (5, 4)


def cube(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Energies and mu (rows, columns, n): thicker downwards, three pixels without a spectrum."""
    rng = np.random.default_rng(seed)
    energy, mu = scorodite_mu()
    thickness = np.linspace(0.5, 1.0, ROWS)[:, None, None]
    stack = thickness * mu + rng.normal(0.0, 0.001, (ROWS, COLUMNS, energy.size))
    stack[NAN][7] = np.nan
    stack[CONSTANT] = 0.7
    stack[EMPTY] = rng.normal(0.1, 0.002, energy.size)
    return energy, stack.astype(np.float32)


def mask() -> np.ndarray:
    """A mask with one pixel left out."""
    found = np.zeros((ROWS, COLUMNS), dtype=np.uint8)
    found[MASKED] = 1
    return found


def hdf5(path: Path, energy: np.ndarray, stack: np.ndarray, unit: str = "eV", **options: object) -> Path:
    """A plain HDF5 file; `stack` as it is to be stored."""
    import h5py

    with h5py.File(path, "w") as file:
        file["energy"] = energy
        if unit:
            file["energy"].attrs["units"] = unit
        file.create_dataset("stack", data=stack, **options)
        file["bad"] = mask()
    return path


def nexus(path: Path, energy: np.ndarray, stack: np.ndarray, axes: list[str], **texts: str) -> Path:
    """A NeXus file with NXdata, another array of three axes, and texts in the entry."""
    import h5py

    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        data = entry.create_group("plot")
        data.attrs.update({"NX_class": "NXdata", "signal": "absorbance", "axes": axes})
        data["absorbance"] = stack
        data["photon_energy"] = energy
        entry["raw"] = stack * 0.0
        for name, text in texts.items():
            entry[name] = text
    return path
