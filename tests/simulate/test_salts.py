"""Salts: small complexes among counterions and solvent."""

from __future__ import annotations

import numpy as np
import pytest

from xnet_exporter.structures.cluster import Cluster, Shell, first_shell

pytest.importorskip("rdkit")
pytest.importorskip("pymatgen")

from xnet_exporter.structures import salts
from xnet_exporter.structures.draw import draw

OUTSIDE = {**salts._CATIONS, **salts._ANIONS, **salts._SOLVENTS}


def tetrahedron(distance: float = 2.19) -> Cluster:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * distance / np.sqrt(3)
    numbers = np.array([26, 17, 17, 17, 17], dtype=np.int64)
    return Cluster("one", "built", "FeCl4", numbers, np.vstack([np.zeros((1, 3)), corners]))


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_around_touches_and_does_not_overlap(name: str) -> None:
    inside = tetrahedron()
    numbers, positions = salts.surround(
        inside.numbers, inside.positions, (name,) * salts.MOST, np.random.default_rng(1)
    )
    assert numbers[:5].tolist() == inside.numbers.tolist()
    np.testing.assert_array_equal(positions[:5], inside.positions)
    size = len(salts._piece(name).numbers)
    assert (len(numbers) - 5) % size == 0
    assert (len(numbers) - 5) // size >= 5
    distances = np.linalg.norm(positions, axis=1)
    assert first_shell(distances, numbers).tolist() == [1, 2, 3, 4]
    reach = np.r_[
        salts._reach(inside.numbers, inside.positions),
        np.tile(salts._piece(name).reach, (len(numbers) - 5) // size),
    ]
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    part = np.r_[np.zeros(5, int), 1 + np.arange(len(numbers) - 5) // size]
    other = part[:, None] != part[None]
    gap = (apart - reach[:, None] - reach[None])[other]
    assert gap.min() > -1e-9
    nearest = np.where(other, apart - reach[:, None] - reach[None], np.inf)
    for number in range(1, part.max() + 1):
        assert nearest[part == number].min() < 0.06 * 4.0


def test_a_chloride_of_potassium_has_its_distances() -> None:
    inside = tetrahedron()
    numbers, positions = salts.surround(
        inside.numbers, inside.positions, ("K",) * salts.MOST, np.random.default_rng(0)
    )
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    nearest = apart[np.ix_(numbers == 19, numbers == 17)].min(axis=1)
    # K2ZnCl4 and its like: 3.2 to 3.4 Angstrom.
    assert (nearest > 3.1).all()
    assert (nearest < 3.45).all()


@pytest.mark.slow
@pytest.mark.parametrize("element", ["Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn"])
def test_every_element_has_salts_and_the_same_for_a_seed(element: str) -> None:
    first, again = (list(draw(element, "salts", 12, 5)) for _ in range(2))
    assert [one.id for one in first] == [f"{element}-salt-5-{n}" for n in range(1, 13)]
    for one, other in zip(first, again, strict=True):
        assert one.positions.tobytes() == other.positions.tobytes()
        assert one.source == "built"
        assert one.element == element
        assert " in " in one.name
    assert len({one.name for one in first}) > 4


@pytest.mark.slow
def test_tetrahedral_chlorides_of_both_charges() -> None:
    drawn = list(draw("Fe", "salts", 40, 0, Shell(4, "Cl")))
    bonds = np.array([one.distances[1:5].mean() for one in drawn if one.name.startswith("tet:Cl+Cl+Cl+Cl")])
    # Crystals: Fe(III) 2.19, Fe(II) 2.29 Angstrom.
    assert bonds.size > 25
    assert abs(np.sort(bonds)[: bonds.size // 2].mean() - 2.2) < 0.04
    assert abs(np.sort(bonds)[bonds.size // 2 :].mean() - 2.29) < 0.04
