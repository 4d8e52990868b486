"""The settings of a calculation, and FEFF's input made from them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

from xnet_onnx.edges import EDGES, SYMBOLS
from xnet_onnx.errors import SimulationError

from ..structures.cluster import Cluster

__all__ = ["CORE_HOLES", "EXCHANGES", "FeffInput", "Recipe", "feff_input"]

#: Names of FEFF's exchange-correlation models (card EXCHANGE).
EXCHANGES = {"hedin-lundqvist": 0, "dirac-hara": 1, "ground-state": 2, "dirac-hara-broadened": 3}
#: Core holes (card COREHOLE).
CORE_HOLES = ("fsr", "rpa", "none")


@dataclass(frozen=True)
class Recipe:
    """Settings of a calculation; the defaults are those of the committed training sets.

    Parameters
    ----------
    edge : str
        K, L1, L2 or L3.
    scf_radius : float
        Of the self-consistent potentials, in Angstrom; widened where an element first occurs beyond.
    fms_radius : float
        Of the full multiple scattering, in Angstrom: the atoms that count.
    core_hole : {"fsr", "rpa", "none"}
        Final-state rule, screened, or none.
    exchange : str
        One of `EXCHANGES`.
    scf_mixing : float
        Share of the new density in each iteration.
    scf_iterations : int
        At most; what is not converged then is tried once more, gently, and then left out.
    scf_tolerance : tuple of float
        Fermi level (Ha), charge, partial charge (card TOLSCF).
    energy_mesh : tuple of float
        Largest k (1/Angstrom), step in k, step in eV at the edge (card XANES).
    l_max : int, optional
        Largest angular momentum in the full multiple scattering, of every element but hydrogen (1); without
        it 3 for Sc to Zn and 2 for the others.
    """

    edge: str = "K"
    scf_radius: float = 4.5
    fms_radius: float = 6.0
    core_hole: str = "fsr"
    exchange: str = "hedin-lundqvist"
    scf_mixing: float = 0.2
    scf_iterations: int = 30
    scf_tolerance: tuple[float, float, float] = (0.005, 0.03, 0.08)
    energy_mesh: tuple[float, float, float] = (4.2, 0.06, 0.5)
    l_max: int | None = None

    def sha256(self) -> str:
        """Hash of the settings that are given: sets made before there was an optional one keep theirs."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()

    def edge_energy(self, element: str) -> float:
        """Tabulated energy of the edge in eV.

        Parameters
        ----------
        element : str

        Returns
        -------
        float

        Raises
        ------
        SimulationError
            If it is not between 4 and 14 keV.
        """
        energy = EDGES.get((element, self.edge))
        if energy is None:
            known = ", ".join(edge for symbol, edge in EDGES if symbol == element) or "none"
            raise SimulationError(
                f"no {self.edge} edge of {element} between 4 and 14 keV (known of {element}: {known}); "
                "expected an edge there: the spectra are kept on a grid around it"
            )
        return energy


@dataclass(frozen=True)
class FeffInput:
    """FEFF's input file, and the sizes that its work arrays need.

    Parameters
    ----------
    text : str
        ``feff.inp``.
    atoms : int
        Atoms within the radius of the full multiple scattering.
    scf_atoms : int
        Atoms of the largest cluster of the self-consistency.
    """

    text: str
    atoms: int
    scf_atoms: int


def _angular_momenta(number: int, l_max: int | None) -> tuple[int, int]:
    """Largest l in the self-consistency and in the full multiple scattering."""
    if number == 1:
        return 0, 1
    if l_max is None:
        l_max = 3 if 20 < number < 31 else 2
    return 1 if number < 11 else 2, l_max


def feff_input(cluster: Cluster, recipe: Recipe) -> FeffInput:
    """Write the input of one calculation.

    Parameters
    ----------
    cluster : Cluster
    recipe : Recipe

    Returns
    -------
    FeffInput
    """
    distance = cluster.distances
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] <= recipe.fms_radius]
    numbers, positions, distance = cluster.numbers[order], cluster.positions[order], distance[order]
    # Each element is one potential; dict keeps them by distance.
    nearest = {int(z): float(d) for z, d in zip(numbers[:0:-1], distance[:0:-1], strict=True)}
    kinds = sorted(nearest, key=lambda z: int(np.flatnonzero(numbers[1:] == z)[0]))
    scf = max([recipe.scf_radius, *(nearest[z] + 0.1 for z in kinds)])
    scf = min(recipe.fms_radius, scf) + 0.005
    absorber = int(numbers[0])
    lines = [
        f"TITLE {SYMBOLS[absorber - 1]}",
        f"EDGE {recipe.edge}",
        "S02 1.0",
        *([] if recipe.core_hole == "fsr" else [f"COREHOLE {recipe.core_hole}"]),
        "CONTROL 1 1 1 1 1 1",
        "PRINT 0 0 0 0 0 0",
        f"SCF {scf:.3f} 1 {recipe.scf_iterations} {recipe.scf_mixing:g} 1",
        "TOLSCF " + " ".join(f"{value:g}" for value in recipe.scf_tolerance),
        f"EXCHANGE {EXCHANGES[recipe.exchange]} 0 0 0",
        f"FMS {recipe.fms_radius + 0.01:g} 1",
        "XANES " + " ".join(f"{value:g}" for value in recipe.energy_mesh),
        "RPATH 0.1",
        "POTENTIALS",
        "0 {} {} {} {} 0.001".format(
            absorber, SYMBOLS[absorber - 1], *_angular_momenta(absorber, recipe.l_max)
        ),
    ]
    for place, z in enumerate(kinds, start=1):
        low, high = _angular_momenta(z, recipe.l_max)
        lines.append(f"{place} {z} {SYMBOLS[z - 1]} {low} {high} {np.count_nonzero(numbers[1:] == z)}")
    lines.append("ATOMS")
    for i, (z, (x, y, w), d) in enumerate(zip(numbers.tolist(), positions, distance, strict=True)):
        place = 0 if i == 0 else kinds.index(z) + 1
        lines.append(f"{x:11.5f} {y:11.5f} {w:11.5f} {place:2d} {SYMBOLS[z - 1]} {d:8.4f}")
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    widest = int((apart <= scf + 0.01).sum(axis=1).max())
    return FeffInput("\n".join([*lines, "END", ""]), len(order), widest)
