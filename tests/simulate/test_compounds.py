"""Compounds of the table: their formulas, their bonds, their clusters."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_exporter.simulate.commands import DRAWN
from xnet_exporter.structures.cluster import Shell, check_cluster, first_shell, read_clusters
from xnet_exporter.structures.compounds import (
    PROTOTYPES,
    Compound,
    cell,
    clusters_of,
    compounds,
    read_compounds,
)
from xnet_exporter.structures.draw import SOURCES
from xnet_exporter.structures.radii import ANION_RADII, CHARGES, ELEMENTS, shannon_radius
from xnet_onnx.cli import main
from xnet_onnx.edges import SYMBOLS
from xnet_onnx.errors import StructureError

pytest.importorskip("ase")

#: Bonds that structure determinations of the compound itself give, in Angstrom, and how many.
BONDS = [
    ("Ti", "Ti", 12, 2.92),
    ("Zn", "Zn", 12, 2.79),
    ("TiN", "Ti", 6, 2.12),
    ("Cu3N", "Cu", 2, 1.91),
    ("CoO", "Co", 6, 2.13),
    ("LiCoO2", "Co", 6, 1.92),
    ("LiMn2O4", "Mn", 6, 1.96),
    ("CuAlO2", "Cu", 2, 1.86),
    ("SrTiO3", "Ti", 6, 1.95),
    ("K2NiF4", "Ni", 6, 2.00),
    ("FeF3", "Fe", 6, 1.92),
    ("MnF2", "Mn", 6, 2.12),
    ("NiCl2", "Ni", 6, 2.42),
    ("CrCl3", "Cr", 6, 2.35),
    ("CuCl", "Cu", 4, 2.34),
    ("ZnSe", "Zn", 4, 2.45),
    ("CuInSe2", "Cu", 4, 2.42),
    ("TiS2", "Ti", 6, 2.43),
    ("LiFePO4", "Fe", 6, 2.16),
    ("FeSi", "Fe", 7, 2.41),
    ("YCrO4", "Cr", 4, 1.70),
    ("KMnO4", "Mn", 4, 1.62),
    ("K2FeO4", "Fe", 4, 1.65),
    ("Ba2TiO4", "Ti", 4, 1.81),
    ("Cs2ZnCl4", "Zn", 4, 2.25),
    ("Cs3CoCl5", "Co", 4, 2.26),
    ("CsFeCl4", "Fe", 4, 2.19),
    ("FeFe(CN)6", "Fe", 6, 1.92),
    ("CuFe(CN)6", "Cu", 6, 2.00),
    ("Zn(CN)2", "Zn", 4, 2.00),
    ("K2NiF6", "Ni", 6, 1.78),
    ("K2NaCrF6", "Cr", 6, 1.90),
    ("La2CoMnO6", "Co", 6, 2.05),
    ("NiTiO3", "Ni", 6, 2.08),
    ("Y2Ti2O7", "Ti", 6, 1.95),
    ("ZnMn2O4", "Mn", 4, 1.93),
    ("LaFeAsO", "Fe", 4, 2.41),
    ("LaFeO3", "Fe", 6, 2.01),
    ("PbTiO3", "Ti", 1, 1.78),
    ("SrFeO2", "Fe", 4, 2.00),
    ("YBa2Cu3O6", "Cu", 2, 1.80),
    ("BaFe2As2", "Fe", 4, 2.40),
    ("FeSe", "Fe", 4, 2.39),
    ("CoSe2", "Co", 6, 2.43),
    ("FeSb2", "Fe", 6, 2.58),
    ("CoSb3", "Co", 6, 2.53),
    ("MnP", "Mn", 6, 2.34),
    ("Fe3C", "Fe", 2, 2.00),
    ("V3Si", "V", 2, 2.36),
]


def named(name: str) -> Compound:
    found = [one for one in read_compounds() if one.name == name]
    return max(found, key=lambda one: one.prototype in ("hcp", "GdFeO3"))


@pytest.mark.parametrize("compound", read_compounds(), ids=lambda one: f"{one.name}-{one.prototype}")
def test_a_cell_has_the_formula_of_its_name(compound: Compound) -> None:
    from ase.formula import Formula

    made, _ = cell(compound).symbols.formula.reduce()
    named, _ = Formula(compound.name).reduce()
    assert made.count() == named.count()


@pytest.mark.parametrize(("name", "element", "count", "bond"), BONDS)
def test_bonds_are_those_that_are_known(name: str, element: str, count: int, bond: float) -> None:
    cluster = clusters_of(named(name), element)[0]
    distances = np.sort(cluster.distances)[1:]
    assert distances[:count].mean() == pytest.approx(bond, abs=0.03)
    assert distances[count] > distances[count - 1] + 0.1


@pytest.mark.slow
def test_bonds_to_anions_are_as_long_as_ions_of_some_charge_make_them() -> None:
    pytest.importorskip("pymatgen")
    ionic = {"O", "F", "Cl", "Br", "I"}
    seen = 0
    for compound in read_compounds():
        for element in set(compound.elements) & set(ELEMENTS):
            for cluster in clusters_of(compound, element):
                shell = first_shell(cluster.distances, cluster.numbers)
                kinds = {SYMBOLS[z - 1] for z in cluster.numbers[shell]}
                if len(kinds) != 1 or not kinds <= ionic:
                    continue
                radii = [
                    shannon_radius(element, charge, max(4, shell.size), low_spin=low_spin)
                    for charge in (*CHARGES[element], 2, 3, 4, 5, 6, 7)
                    for low_spin in (False, True)
                ]
                expected = np.array([radius for radius in radii if radius is not None])
                expected += ANION_RADII[kinds.pop()]
                mean = cluster.distances[shell].mean()
                assert expected.min() - 0.15 < mean < expected.max() + 0.15, compound.name
                seen += 1
    assert seen > 120


def test_the_command_offers_what_is_drawn() -> None:
    assert tuple(DRAWN) == SOURCES


def test_every_prototype_is_used() -> None:
    assert {one.prototype for one in read_compounds()} == set(PROTOTYPES)


@pytest.mark.parametrize("element", ELEMENTS)
def test_clusters_of_every_element_can_be_calculated(element: str) -> None:
    found = list(islice(compounds(element, np.random.default_rng(1), 1), 20))
    for cluster in found:
        check_cluster(cluster)
        assert cluster.element == element
        assert cluster.source == "compound"
    assert len({cluster.id for cluster in found}) == 20
    assert len({cluster.name for cluster in found}) > 10


def test_the_second_round_is_strained_and_rattled_anew() -> None:
    sites = list(islice(compounds("Zn", np.random.default_rng(1), 1), 60))
    zinc = [cluster for cluster in sites if cluster.name == "ZnSe"]
    assert len(zinc) > 1
    first, second = (np.sort(cluster.distances)[1:5] for cluster in zinc[:2])
    assert first == pytest.approx(second, abs=0.2)
    assert np.abs(first - second).max() > 1e-4


def test_first_shells_can_be_asked_for() -> None:
    for cluster in islice(compounds("Cu", np.random.default_rng(1), 1, Shell(4, "Se")), 5):
        assert cluster.neighbours.tolist() == [34] * 4
    with pytest.raises(StructureError, match="no compound of the table holds Cu with coordination 11"):
        next(compounds("Cu", np.random.default_rng(1), 1, Shell(11)))


def test_an_element_whose_clusters_are_all_too_large_ends_with_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("xnet_exporter.structures.compounds.MOST", 12)
    with pytest.raises(StructureError, match="in a cluster of up to 12 atoms"):
        next(compounds("Zn", np.random.default_rng(1), 1))


def test_the_command_draws_compounds(tmp_path: Path) -> None:
    out = tmp_path / "co.extxyz"
    arguments = ["structures", "--element", "Co", "--source", "compounds", "--number", "7", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    read = list(read_clusters(out))
    assert len(read) == 7
    again = tmp_path / "again.extxyz"
    assert CliRunner().invoke(main, [*arguments[:-1], str(again)]).exit_code == 0
    assert again.read_bytes() == out.read_bytes()
