"""Complexes of a metal: a charge, a geometry and ligands drawn at random, then assembled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from xnet_onnx.edges import SYMBOLS
from xnet_onnx.errors import StructureError

from .assemble import Plan, assemble
from .bridges import draw_bridged
from .cluster import ANY, RADIUS, Cluster, IntArray, Shell, check_cluster
from .geometries import GEOMETRIES, assign_sites
from .halides import draw_halide
from .ligands import IRON_RADII, Ligand, ligands
from .radii import shannon_radius
from .salts import draw_salt, surround
from .states import STATES, State, draw_elongation, draw_geometry, draw_state, elongated_sites

__all__ = ["complexes", "of_kind"]


_KINDS = {"salt": draw_salt, "halide": draw_halide}
#: After so many draws without a first shell of the kind asked for, there is none.
PATIENCE = 20_000
#: One of so many complexes has two metals.
BRIDGED_EVERY = 8
#: How often a complex is one of pi ligands; too few electrons, or too many, and there are hardly any.
PI_SHARE = {
    "Fe": 0.22,
    "Cr": 0.15,
    "Co": 0.15,
    "Ti": 0.15,
    "V": 0.12,
    "Mn": 0.12,
    "Ni": 0.1,
    "Cu": 0.02,
    "Zn": 0.02,
}
_CP = ("Cp", "Cp", "CpMe5", "CpAc", "CpPh", "CpTMS", "CptBu", "CpPPh2", "CpCHO", "CpCH2N")
_WITH_CP = (
    *("CO", "CO", "CO", "CO", "PMe3", "Cl", "I", "Me", "CN", "SPh", "PPh3", "MeCN", "SiMe3", "H", "Ph"),
    *("CNtBu", "Br", "IMes", "IMe", "Bn", "acyl", "vinyl", "PiPr3", "POPh3", "CNXyl", "Tol"),
)
_CHELATES_WITH_CP = ("dppe", "dmpe", "dppm", "dtc", "phen", "dppv", "depe", "amPh", "guan", "dad", "ppy")
_COMMON = (
    *("Cl", "Cl", "Cl", "Cl", "Br", "Br", "I", "CO", "CO", "H2O", "MeOH", "DMF", "NCS", "py", "1Meim"),
    *("OH", "MeCN", "THF", "PMe3", "CN"),
)
_STRONG_FIELD = ("CO", "CO", "CN", "PMe3", "CNtBu", "NO")
#: Ligands of metals in high charges.
_HARD = (
    *(
        "Cl",
        "F",
        "OH",
        "OMe",
        "OtBu",
        "OPh",
        "OAr",
        "OSiMe3",
        "OSiPh3",
        "OPO3",
        "OSO3",
        "OAc1",
        "H2O",
        "NMe2",
    ),
    *("Br", "THF", "OPPh3", "acac", "cat", "hq", "ac2", "salen", "pydic", "lactate", "ox", "malt", "NO3_2"),
)
_MULTIPLE = {"oxo", "NAr", "NtBu", "NO", "O2", "H"}
_CARBON_ACCEPTORS = {"CO", "CN", "NO", "CNtBu", "CNPh", "CNXyl", "CNMe"}


def complexes(element: str, rng: np.random.Generator, seed: int = 0, shell: Shell = ANY) -> Iterator[Cluster]:
    """Draw complexes without end.

    Parameters
    ----------
    element : str
        Ti to Zn.
    rng : numpy.random.Generator
    seed : int
        For the ids alone.
    shell : Shell
        Only complexes with such a first shell.

    Yields
    ------
    Cluster
        Atoms within 6.6 Angstrom of the metal. `name` is geometry:ligand+ligand+..., `id` is
        ELEMENT-built-seed-number; ELEMENT-bridged-seed-number for those of two metals, one in
        `BRIDGED_EVERY` as long as there are any with such a shell.

    Raises
    ------
    StructureError
        If no such shell is drawn in `PATIENCE` attempts.
    """
    # Numbers of their own, so that they leave the others as they are without them.
    bridged = _assembled(element, rng.spawn(1)[0], f"{element}-bridged-{seed}", shell, draw_bridged)
    of_one = _assembled(element, rng, f"{element}-built-{seed}", shell, _draw)
    for count, cluster in enumerate(of_one, start=1):
        yield cluster
        if count % (BRIDGED_EVERY - 1) == 0:
            yield from islice(bridged, 1)
    raise _none_left(element, shell)


def of_kind(
    kind: str, element: str, rng: np.random.Generator, seed: int = 0, shell: Shell = ANY
) -> Iterator[Cluster]:
    """Draw complexes of one kind without end.

    Parameters
    ----------
    kind : {"salt", "halide"}
        Of small ligands among their counterions and molecules of solvent; neutral, of halides.
    element, rng, seed, shell
        As of `complexes`.

    Yields
    ------
    Cluster
        As `complexes`; of a salt `name` says what is around too. `id` is ELEMENT-kind-seed-number.

    Raises
    ------
    StructureError
        If no such shell is drawn in `PATIENCE` attempts.
    """
    yield from _assembled(element, rng, f"{element}-{kind}-{seed}", shell, _KINDS[kind])
    raise _none_left(element, shell)


def _none_left(element: str, shell: Shell) -> StructureError:
    return StructureError(
        f"no complex of {element}{shell.suffix} in {PATIENCE} attempts; expected a coordination number and a "
        "neighbour that ligands can give"
    )


def _draw(element: str, rng: np.random.Generator) -> Plan | None:
    return _draw_pi(element, rng) if rng.random() < PI_SHARE[element] else _draw_plan(element, rng)


def _assembled(
    element: str,
    rng: np.random.Generator,
    identity: str,
    shell: Shell,
    draw: Callable[[str, np.random.Generator], Plan | None],
) -> Iterator[Cluster]:
    """Draw and assemble, until `PATIENCE` draws in a row gave no complex with such a first shell."""
    number, attempts = 0, 0
    while attempts < PATIENCE:
        attempts += 1
        plan = draw(element, rng)
        if plan is None or not shell.fits(_donors(plan)):
            continue
        built = assemble(plan, rng)
        if built is None:
            continue
        numbers, positions = built
        noise = rng.normal(0, 0.015, positions.shape) * (numbers != 1)[:, None]
        positions = positions + noise
        positions -= positions[0]
        numbers = numbers.copy()
        numbers[: plan.metals] = SYMBOLS.index(element) + 1
        if plan.outside:
            numbers, positions = surround(numbers, positions, plan.outside, rng)
        distance = np.linalg.norm(positions, axis=1)
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] < RADIUS + 0.6]
        if order.size < 5:
            continue
        twice = "" if plan.bridged is None else "2"
        outside = f" in {'+'.join(sorted(set(plan.outside)))}" if plan.outside else ""
        name = f"{plan.geometry}{twice}:{'+'.join(ligand.name for ligand in plan.ligands)}{outside}"
        cluster = Cluster(f"{identity}-{number + 1}", "built", name, numbers[order], positions[order])
        if not shell.fits(cluster.neighbours):
            continue
        try:
            check_cluster(cluster)
        except StructureError:
            continue
        number, attempts = number + 1, 0
        yield cluster


def _donors(plan: Plan) -> IntArray:
    """Atomic numbers of the atoms to be bound to the metal."""
    return np.array(
        [
            ligand.molecule.GetAtomWithIdx(donor).GetAtomicNum()
            for ligand in plan.ligands
            for donor in ligand.donors
        ],
        dtype=np.int64,
    )


def _pick(names: tuple[str, ...], rng: np.random.Generator) -> Ligand:
    return ligands()[names[int(rng.integers(len(names)))]]


def _iron_like(element: str) -> float:
    """Radius of a low-spin ion beside iron's: in complexes of pi acceptors the charge says little."""
    radii = {
        "Ti": 0.12,
        "V": 0.08,
        "Cr": 0.04,
        "Mn": 0.02,
        "Fe": 0.0,
        "Co": -0.02,
        "Ni": 0.02,
        "Cu": 0.04,
        "Zn": 0.1,
    }
    return IRON_RADII[0] + radii[element]


def _draw_pi(element: str, rng: np.random.Generator) -> Plan:
    """Sandwiches, half sandwiches and diene carbonyls."""
    kind = rng.random()
    chosen = [_pick(_CP, rng)]
    if kind < 0.3:
        chosen.append(_pick(_CP, rng))
    elif kind < 0.4:
        chosen.append(_pick(("bz", "mes", "tol"), rng))
    elif kind < 0.7:
        chosen += [_pick(_WITH_CP, rng) for _ in range(3)]
    elif kind < 0.8:
        chosen += [_pick(_CHELATES_WITH_CP, rng), _pick(_WITH_CP, rng)]
    elif kind < 0.9 and element in ("Ti", "V", "Cr", "Mn"):
        chosen += [
            _pick(_CP, rng),
            _pick(("Cl", "Me", "OPh", "CO", "Bn", "Br"), rng),
            _pick(("Cl", "Me", "CO"), rng),
        ]
    else:
        chosen = [_pick(("bd", "chd", "butPh"), rng), ligands()["CO"], ligands()["CO"]]
        chosen.append(_pick(("CO", "CO", "PPh3", "PMe3", "POPh3", "CNXyl", "IMe"), rng))
    spread = 0.02 * float(rng.random())
    return Plan("pi", chosen, None, _iron_like(element) + spread)


def _draw_plan(element: str, rng: np.random.Generator) -> Plan | None:
    state = draw_state(STATES[element], rng)
    geometry = draw_geometry(state, GEOMETRIES, rng)
    chosen = None
    for _ in range(50):
        chosen = _draw_ligands(geometry, state, rng)
        if chosen is not None:
            break
    if chosen is None:
        return None
    sites = None
    for _ in range(40):
        sites = assign_sites(geometry, chosen, rng)
        if sites is not None:
            break
    if sites is None:
        return None
    has_acceptor = any(ligand.name in _CARBON_ACCEPTORS for ligand in chosen)
    low = bool(rng.random() < (1.0 if has_acceptor else state.low_spin))
    radius = shannon_radius(
        element, state.charge, len(GEOMETRIES[geometry]), low_spin=low, square=geometry == "sqp"
    )
    if radius is None:
        return None
    if has_acceptor:
        radius = min(radius, _iron_like(element))
    elongated = () if low else elongated_sites(state, geometry)
    elongation = draw_elongation(elongated, rng)
    return Plan(geometry, chosen, sites, radius + 0.01 * float(rng.standard_normal()), elongated, elongation)


def _draw_ligands(geometry: str, state: State, rng: np.random.Generator) -> list[Ligand] | None:
    """Ligands that fill a polyhedron, or None where the draw makes no sense."""
    library = ligands()
    count = len(GEOMETRIES[geometry])
    chosen: list[Ligand] = []
    hard = state.charge >= 4
    if rng.random() < state.oxo:
        most = (
            {5: 3, 6: 4, 7: 4}.get(state.charge, 1) if geometry == "tet" else (2 if state.charge >= 5 else 1)
        )
        few = most if rng.random() < 0.3 else int(rng.integers(1, most + 1))
        chosen = [library["oxo"]] * few
    with_plane = geometry in ("oct", "sqp", "spy") and not hard and rng.random() < 0.22
    if with_plane:
        chosen.append(_pick(tuple(name for name, item in library.items() if "planar" in item.traits), rng))
    repeated, field = rng.random() < 0.5, rng.random()
    left = count - sum(ligand.denticity for ligand in chosen)
    while left > 0:
        last = chosen[-1] if chosen else None
        again = (
            repeated
            and last is not None
            and last.denticity <= left
            and "planar" not in last.traits
            and last.name not in _MULTIPLE
        )
        ligand = (
            last if again and last is not None else _draw_ligand(left, not chosen, hard, field, count, rng)
        )
        if (
            ligand is None
            or ligand.pi
            or ("planar" in ligand.traits and (left != count or geometry == "tet"))
        ):
            return None
        chosen.append(ligand)
        left -= ligand.denticity
    return chosen if _makes_sense(geometry, chosen, state) else None


def _draw_ligand(
    left: int, first: bool, hard: bool, field: float, count: int, rng: np.random.Generator
) -> Ligand | None:
    library = ligands()
    if hard and rng.random() < 0.85:
        fitting = tuple(name for name in _HARD if library[name].denticity <= left)
        return _pick(fitting, rng)
    possible = [d for d in (1, 1, 2, 2, 2, 3, 4, 5, 6) if d <= left]
    if first and count >= 4:
        possible = [d for d in possible if d > 1] or possible
    denticity = 1 if rng.random() < 0.25 else int(rng.choice(possible))
    if denticity == 1 and field < 0.12 and not hard:
        return _pick(_STRONG_FIELD, rng)
    if denticity == 1 and field < 0.62:
        return _pick(_COMMON, rng)
    fitting = tuple(name for name, item in library.items() if item.denticity == denticity)
    return _pick(fitting, rng) if fitting else None


def _makes_sense(geometry: str, chosen: list[Ligand], state: State) -> bool:
    names = [ligand.name for ligand in chosen]
    largest = max(ligand.denticity for ligand in chosen)
    multiple = sum(name in _MULTIPLE for name in names)
    if state.oxo == 0 and multiple > 1 and not set(names) <= {"NO", "CO", "Cl", "dtc", "PPh3", "dppe"}:
        return False
    if state.charge >= 4 and any(name in _CARBON_ACCEPTORS for name in names):
        return False
    if sum("bulky" in ligand.traits for ligand in chosen) > 2:
        return False
    if (geometry == "lin" and largest > 1) or (geometry == "tpl" and largest > 2):
        return False
    if geometry == "tet" and any(
        "ring" in ligand.traits or ligand.name == "trien" or "mer" in ligand.traits for ligand in chosen
    ):
        return False
    return not (geometry != "oct" and any(name in ("edta", "tpen") for name in names))
