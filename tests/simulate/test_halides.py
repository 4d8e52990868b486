"""Neutral complexes of halides."""

from __future__ import annotations

import numpy as np
import pytest

from xnet_exporter.structures.cluster import Shell, first_shell
from xnet_onnx.edges import SYMBOLS

pytest.importorskip("rdkit")
pytest.importorskip("pymatgen")

from xnet_exporter.structures.draw import draw
from xnet_exporter.structures.halides import draw_halide
from xnet_exporter.structures.states import STATES

HALIDES = {"Cl", "Br", "I", "NCS", "N3"}


@pytest.mark.parametrize("element", ["Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"])
def test_the_charge_is_that_of_the_halides_or_one_more(element: str) -> None:
    rng = np.random.default_rng(3)
    plans = [plan for plan in (draw_halide(element, rng) for _ in range(60)) if plan is not None]
    assert len(plans) > 20
    charges = {state.charge for state in STATES[element]}
    for plan in plans:
        names = [ligand.name for ligand in plan.ligands]
        halides = [name for name in names if name in HALIDES]
        assert len(set(halides)) == 1
        assert {len(halides), len(halides) + 1} & charges
        assert len(halides) < len(names)
        for ligand in plan.ligands:
            charge = sum(atom.GetFormalCharge() for atom in ligand.molecule.GetAtoms())
            assert charge == (-1 if ligand.name in HALIDES else 0)


@pytest.mark.slow
@pytest.mark.parametrize("element", ["Fe", "Zn"])
def test_the_same_for_a_seed_and_another_for_another(element: str) -> None:
    first, again = (list(draw(element, "halides", 8, 5)) for _ in range(2))
    assert [one.id for one in first] == [f"{element}-halide-5-{n}" for n in range(1, 9)]
    for one, other in zip(first, again, strict=True):
        assert one.positions.tobytes() == other.positions.tobytes()
        assert one.source == "built"
        assert one.element == element
    assert [one.name for one in draw(element, "halides", 8, 6)] != [one.name for one in first]


@pytest.mark.slow
def test_chlorides_of_zinc_have_the_distances_of_crystals() -> None:
    bonds = []
    for one in draw("Zn", "halides", 40, 0, Shell(4)):
        shell = first_shell(one.distances, one.numbers)
        symbols = [SYMBOLS[z - 1] for z in one.numbers[shell]]
        if one.name.startswith("tet:") and (symbols.count("Cl"), symbols.count("N")) == (2, 2):
            bonds += [d for d, s in zip(one.distances[shell], symbols, strict=True) if s == "Cl"]
    assert len(bonds) >= 8
    # ZnCl2(py)2, ZnCl2(bpy) and their like: 2.19 to 2.27 Angstrom.
    assert abs(np.median(bonds) - 2.24) < 0.05
