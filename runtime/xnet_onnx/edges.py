"""Absorption edges from 4 to 14 keV, to name what a spectrum is when it is not the one wanted.

Energies in eV, rounded, after Elam, Ravel & Sieber, Radiat. Phys. Chem. 63 (2002)
121 (the tables of XrayDB).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EDGES", "Absorber", "SYMBOLS", "as_edge", "as_element", "edges_between", "nearest_edge"]

_TABLE = """
Cd-L1:4018 Ca-K:4038 Sb-L3:4132 Sn-L2:4156 In-L1:4238 Te-L3:4341 Sb-L2:4380 Sn-L1:4465 Sc-K:4492
I-L3:4557 Te-L2:4612 Sb-L1:4698 Xe-L3:4786 I-L2:4852 Te-L1:4939 Ti-K:4966 Cs-L3:5012 Xe-L2:5107
I-L1:5188 Ba-L3:5247 Cs-L2:5359 Xe-L1:5453 V-K:5465 La-L3:5483 Ba-L2:5624 Cs-L1:5714 Ce-L3:5723
La-L2:5891 Pr-L3:5964 Ba-L1:5989 Cr-K:5989 Ce-L2:6164 Nd-L3:6208 La-L1:6266 Pr-L2:6440 Pm-L3:6459
Mn-K:6539 Ce-L1:6548 Sm-L3:6716 Nd-L2:6722 Pr-L1:6835 Eu-L3:6977 Pm-L2:7013 Fe-K:7112 Nd-L1:7126
Gd-L3:7243 Sm-L2:7312 Pm-L1:7428 Tb-L3:7514 Eu-L2:7617 Co-K:7709 Sm-L1:7737 Dy-L3:7790 Gd-L2:7930
Eu-L1:8052 Ho-L3:8071 Tb-L2:8252 Ni-K:8333 Er-L3:8358 Gd-L1:8376 Dy-L2:8581 Tm-L3:8648 Tb-L1:8708
Ho-L2:8918 Yb-L3:8944 Cu-K:8979 Dy-L1:9046 Lu-L3:9244 Er-L2:9264 Ho-L1:9394 Hf-L3:9561 Tm-L2:9617
Zn-K:9659 Er-L1:9751 Ta-L3:9881 Yb-L2:9978 Tm-L1:10116 W-L3:10207 Lu-L2:10349 Ga-K:10367 Yb-L1:10486
Re-L3:10535 Hf-L2:10739 Lu-L1:10870 Os-L3:10871 Ge-K:11103 Ta-L2:11136 Ir-L3:11215 Hf-L1:11271
W-L2:11544 Pt-L3:11564 Ta-L1:11682 As-K:11867 Au-L3:11919 Re-L2:11959 W-L1:12100 Hg-L3:12284
Os-L2:12385 Re-L1:12527 Se-K:12658 Tl-L3:12658 Ir-L2:12824 Os-L1:12968 Pb-L3:13035 Pt-L2:13273
Bi-L3:13419 Ir-L1:13419 Br-K:13474 Au-L2:13734 Po-L3:13814 Pt-L1:13880
"""

#: Energy in eV by (element, edge).
EDGES: dict[tuple[str, str], float] = {
    (name.partition("-")[0], name.partition("-")[2]): float(energy)
    for name, _, energy in (entry.partition(":") for entry in _TABLE.split())
}

_L_EDGES = [(element, edge, energy) for (element, edge), energy in EDGES.items() if edge in ("L2", "L3")]

_SYMBOLS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir
Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf
"""

#: Element symbols in order of atomic number, from hydrogen.
SYMBOLS: tuple[str, ...] = tuple(_SYMBOLS.split())

_NAMES = {
    "scandium": "Sc",
    "titanium": "Ti",
    "vanadium": "V",
    "chromium": "Cr",
    "manganese": "Mn",
    "iron": "Fe",
    "cobalt": "Co",
    "nickel": "Ni",
    "copper": "Cu",
    "zinc": "Zn",
}
_EDGE_NAMES = {"1s": "K", "2s": "L1", "2p1/2": "L2", "2p3/2": "L3", "li": "L1", "lii": "L2", "liii": "L3"}


@dataclass(frozen=True)
class Absorber:
    """An absorbing element, and the edge it is known by.

    Parameters
    ----------
    element, edge : str
    energy : float
        Tabulated energy of the edge in eV.
    e0_range : tuple of float
        Lowest and highest e0 in eV that can be this edge, calibration errors of
        a monochromator included.
    """

    element: str
    edge: str
    energy: float
    e0_range: tuple[float, float]

    @property
    def number(self) -> int:
        """Atomic number."""
        return SYMBOLS.index(self.element) + 1

    @property
    def name(self) -> str:
        """Element and edge: "Fe K"."""
        return f"{self.element} {self.edge}"


def lines_beside(e0: float) -> str:
    """Name an L3 or L2 edge that a steepest rise fits well; "" where there is none.

    Parameters
    ----------
    e0 : float
        Energy of the rise in eV.
    """
    near = [
        (abs(e0 - tabulated), f"{element} {edge} ({tabulated:.0f} eV)")
        for element, edge, tabulated in _L_EDGES
        if -4.0 <= e0 - tabulated <= 8.0
    ]
    return min(near)[1] if near else ""


def as_element(text: str) -> str | None:
    """Element symbol for a symbol in any case, an atomic number or a name.

    Parameters
    ----------
    text : str

    Returns
    -------
    str or None
        None where it is no element.
    """
    word = text.strip()
    if word.isascii() and word.isdigit() and len(word) < 4 and 1 <= int(word) <= len(SYMBOLS):
        return SYMBOLS[int(word) - 1]
    if word.lower() in _NAMES:
        return _NAMES[word.lower()]
    return word.capitalize() if word.capitalize() in SYMBOLS else None


def as_edge(text: str) -> str | None:
    """Name of an edge: K, L1, L2, L3, M1 to M5.

    Parameters
    ----------
    text : str

    Returns
    -------
    str or None
        None where it is no edge.
    """
    word = text.strip().lower().removesuffix("edge").rstrip(" -_")
    word = _EDGE_NAMES.get(word, word.upper())
    return word if word in ("K", "L", "L1", "L2", "L3", "M", "M1", "M2", "M3", "M4", "M5") else None


def nearest_edge(energy: float, *, below: float = 25.0, above: float = 15.0) -> str:
    """Name the K and L edges that a steepest rise can belong to.

    Parameters
    ----------
    energy : float
        Energy of the rise in eV.
    below, above : float
        How far below and above it a tabulated edge may lie, in eV: chemical
        shifts and white lines move the rise up, calibration both ways.

    Returns
    -------
    str
        "Co K (7709 eV)", several joined with "or", or "" where there is none.
    """
    near = [
        (edge not in ("K", "L3"), abs(energy - tabulated), f"{element} {edge} ({tabulated:.0f} eV)")
        for (element, edge), tabulated in EDGES.items()
        if -above <= energy - tabulated <= below
    ]
    return " or ".join(name for *_, name in sorted(near)[:2])


def edges_between(first: float, last: float) -> str:
    """Name the K edges (else the L3 edges) between two energies, for a message.

    Parameters
    ----------
    first, last : float
        Energies in eV.

    Returns
    -------
    str
        At most four, joined with commas; "" where there is none.
    """
    for kind in ("K", "L3"):
        names = [
            f"{element} {edge} ({tabulated:.0f} eV)"
            for (element, edge), tabulated in EDGES.items()
            if edge == kind and first <= tabulated <= last
        ]
        if names:
            return ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
    return ""
