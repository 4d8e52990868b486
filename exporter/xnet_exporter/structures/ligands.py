"""The ligand library: ``ligands.txt``, one ligand a line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["DISTANCES", "Ligand", "bridging_ligands", "donor_distance", "ligands"]

#: Iron-donor distance in Angstrom by class of donor: low spin, high spin, spread.
DISTANCES: dict[str, tuple[float, float, float]] = {
    "py": (1.98, 2.17, 0.035),
    "amine": (2.03, 2.21, 0.04),
    "amido": (1.92, 2.00, 0.04),
    "porN": (1.99, 2.06, 0.02),
    "nitrile": (1.93, 2.15, 0.03),
    "ncs": (1.96, 2.09, 0.03),
    "azide": (1.97, 2.06, 0.04),
    "NO": (1.68, 1.74, 0.03),
    "O2": (1.83, 1.93, 0.04),
    "oxo": (1.65, 1.67, 0.02),
    "imido": (1.68, 1.72, 0.04),
    "OH": (1.88, 1.94, 0.05),
    "diket": (1.92, 2.02, 0.04),
    "carbox": (1.95, 2.08, 0.06),
    "phenO": (1.88, 1.95, 0.05),
    "water": (2.00, 2.12, 0.045),
    "alkO": (1.84, 1.88, 0.04),
    "ether": (2.10, 2.17, 0.06),
    "carbO": (2.03, 2.10, 0.05),
    "PO": (2.02, 2.08, 0.05),
    "nitrO": (2.08, 2.18, 0.06),
    "thiol": (2.25, 2.31, 0.04),
    "thioeth": (2.26, 2.50, 0.05),
    "dtc": (2.31, 2.44, 0.04),
    "dithiol": (2.20, 2.28, 0.03),
    "sulfide": (2.20, 2.24, 0.03),
    "phos": (2.22, 2.46, 0.045),
    "Cl": (2.25, 2.36, 0.04),
    "Br": (2.39, 2.51, 0.04),
    "I": (2.58, 2.70, 0.05),
    "F": (1.84, 1.90, 0.05),
    "CO": (1.79, 1.83, 0.025),
    "CN": (1.92, 2.10, 0.025),
    "CNR": (1.86, 1.95, 0.03),
    "NHC": (1.97, 2.09, 0.04),
    "alkyl": (2.03, 2.09, 0.04),
    "Cp": (2.06, 2.30, 0.03),
    "arene": (2.09, 2.20, 0.03),
    "diene": (2.09, 2.15, 0.04),
    "H": (1.52, 1.58, 0.03),
    "sele": (2.40, 2.45, 0.05),
    "arsine": (2.36, 2.50, 0.05),
    "silyl": (2.31, 2.40, 0.05),
    "stannyl": (2.55, 2.62, 0.05),
    "N2": (1.84, 1.95, 0.04),
    "SO2": (2.12, 2.20, 0.04),
    "NO2": (1.98, 2.10, 0.03),
    "muO": (1.78, 1.80, 0.025),
    "muO2": (1.82, 1.90, 0.03),
    "muOH": (1.94, 2.03, 0.03),
    "muOR": (1.97, 2.04, 0.035),
    "muCl": (2.34, 2.45, 0.04),
    "muS": (2.23, 2.30, 0.025),
    "muAc": (1.96, 2.06, 0.035),
}
#: Mean ionic radius in Angstrom of six-coordinate Fe(II) and Fe(III) in low and in high spin.
IRON_RADII = (0.58, 0.7125)
_PI_DENTICITY = {"Cp": 3, "arene": 3, "diene": 2}
# Donors of a second kind in a ligand whose class names the first: by ligand, atomic number and, where
# given, whether the donor is aromatic.
_OTHER_NITROGEN = {
    "py": {"hq", "sal", "salen", "salophen", "acacen", "salcyen", "picolinate", "pydic", "pnp", "PN", "cnc"}
    | {"ptbu", "ppy"},
    "amine": {"gly", "ida", "nta", "edta", "n2s2", "saltri", "dmba", "ncn"},
}
_ALIPHATIC_AMINE = {"n4py", "tpa", "bpa", "bpmen", "tpen", "pic"}


@dataclass(frozen=True, eq=False)
class Ligand:
    """One ligand.

    Parameters
    ----------
    name : str
    donor_class : str
        Row of `DISTANCES`.
    traits : frozenset of str
        planar (four donors in a plane), mer, fac, ring (macrocycle), bulky, straight (metal-donor-next
        atom), bent, chelate4 (four-membered chelate ring), bridge (between two metals).
    molecule : rdkit.Chem.Mol
    donors : tuple of int
        Atoms bound to the metal.
    denticity : int
        Coordination sites it takes.
    """

    name: str
    donor_class: str
    traits: frozenset[str]
    molecule: Any
    donors: tuple[int, ...]
    denticity: int

    @property
    def pi(self) -> bool:
        """Whether it binds through its pi electrons."""
        return self.donor_class in _PI_DENTICITY

    @property
    def charge(self) -> int:
        """Its formal charge."""
        return sum(int(atom.GetFormalCharge()) for atom in self.molecule.GetAtoms())

    def class_of(self, atom: Any) -> str:
        """Row of `DISTANCES` for one of its donors (an rdkit atom)."""
        if atom.GetAtomicNum() == 7:
            for name, members in _OTHER_NITROGEN.items():
                if self.name in members:
                    return name
            if self.name in _ALIPHATIC_AMINE and not atom.GetIsAromatic():
                return "amine"
        if atom.GetAtomicNum() == 15 and self.donor_class not in ("phos", *_PI_DENTICITY):
            return "phos"
        return self.donor_class


def ligands() -> dict[str, Ligand]:
    """The ligands of one metal by name.

    Returns
    -------
    dict of str to Ligand
    """
    return _library()[0]


def bridging_ligands() -> dict[str, Ligand]:
    """The ligands between two metals by name.

    Returns
    -------
    dict of str to Ligand
        Of one donor, which both metals bind, or of two, one for each.
    """
    return _library()[1]


@lru_cache(maxsize=1)
def _library() -> tuple[dict[str, Ligand], dict[str, Ligand]]:
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    one_metal: dict[str, Ligand] = {}
    two_metals: dict[str, Ligand] = {}
    text = files(__package__).joinpath("ligands.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, donor_class, traits, smiles = line.split()
        molecule = Chem.MolFromSmiles(smiles)
        donors = tuple(atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetAtomMapNum())
        sites = 1 if name == "ene" else _PI_DENTICITY.get(donor_class, len(donors))
        marks = frozenset(() if traits == "-" else traits.split(","))
        kept = two_metals if "bridge" in marks else one_metal
        kept[name] = Ligand(name, donor_class, marks, molecule, donors, sites)
    return one_metal, two_metals


def donor_distance(donor_class: str, radius: float) -> tuple[float, float]:
    """Distance of a donor from a metal ion.

    Parameters
    ----------
    donor_class : str
        Row of `DISTANCES`.
    radius : float
        Ionic radius of the metal in Angstrom for its charge, spin and coordination number.

    Returns
    -------
    distance, spread : float
        Mean and standard deviation in Angstrom: iron's, moved along the class's own change from low to
        high spin by where the radius lies between iron's two, and beyond them by less (soft donors
        follow the ion, multiple bonds hardly).
    """
    low, high, spread = DISTANCES[donor_class]
    share = (radius - IRON_RADII[0]) / (IRON_RADII[1] - IRON_RADII[0])
    share = 0.7 * share if share < 0 else share if share < 1 else 1 + 0.6 * (share - 1)
    return low + (high - low) * share, spread
