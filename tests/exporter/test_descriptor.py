"""The descriptor against a direct evaluation of equations (1) and (2)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from xnet_exporter.data.descriptor import RadialGrid, g2, neighbours
from xnet_exporter.data.sets import TrainingSet
from xnet_onnx.errors import DataSetError

GRID = RadialGrid()


def direct(atoms: Atoms, absorber: int) -> list[float]:
    """Equations (1) and (2) of the paper, one term at a time."""
    dr = 5.0 / 49.0
    eta = 1.0 / (2.0 * dr * dr)
    values = []
    for k in range(50):
        mu = 1.0 + k * dr
        total = 0.0
        for j in range(len(atoms)):
            if j == absorber:
                continue
            r = atoms.get_distance(absorber, j)
            if r > 6.0:
                continue
            cutoff = 0.5 * (math.cos(math.pi * r / 6.0) + 1.0)
            total += 0.1 * int(atoms.numbers[j]) * cutoff * math.exp(-eta * (r - mu) ** 2)
        values.append(total)
    return values


def cluster(seed: int, count: int = 25) -> Atoms:
    rng = np.random.default_rng(seed)
    positions = rng.uniform(-6, 6, size=(count, 3))
    positions[0] = 0.0
    positions = positions[(np.linalg.norm(positions, axis=1) > 1.0) | (np.arange(count) == 0)]
    numbers = rng.choice([1, 6, 7, 8, 16, 26], size=len(positions))
    return Atoms(numbers, positions)


@pytest.mark.parametrize("seed", range(8))
def test_parity_with_direct_evaluation(seed: int) -> None:
    atoms = cluster(seed)
    np.testing.assert_allclose(g2(atoms, 0), direct(atoms, 0), rtol=0, atol=1e-12)


def test_grid_is_the_papers() -> None:
    assert GRID.centres[0] == 1.0
    assert GRID.centres[-1] == 6.0
    assert GRID.centres.size == 50
    step = GRID.centres[1] - GRID.centres[0]
    assert pytest.approx(1 / (2 * step**2), rel=1e-12) == GRID.eta


def test_one_atom_by_hand() -> None:
    atoms = Atoms("FeO", [[0, 0, 0], [0, 0, 2.0]])
    k = int(np.argmin(np.abs(GRID.centres - 2.0)))
    expected = 0.8 * 0.5 * (math.cos(math.pi / 3) + 1)
    expected *= math.exp(-GRID.eta * (2.0 - GRID.centres[k]) ** 2)
    assert g2(atoms, 0)[k] == pytest.approx(expected, abs=1e-13)


@given(seed=st.integers(0, 10_000))
def test_invariances(seed: int) -> None:
    atoms = cluster(seed, 12)
    reference = g2(atoms, 0)
    rng = np.random.default_rng(seed)
    moved = atoms.copy()
    moved.positions = Rotation.random(random_state=seed).apply(moved.positions) + rng.normal(size=3)
    np.testing.assert_allclose(g2(moved, 0), reference, rtol=0, atol=1e-11)
    order = rng.permutation(len(atoms))
    shuffled = atoms[order]
    np.testing.assert_allclose(
        g2(shuffled, int(np.flatnonzero(order == 0)[0])), reference, rtol=0, atol=1e-12
    )


def test_beyond_the_cutoff_nothing_counts() -> None:
    near = Atoms("FeO", [[0, 0, 0], [0, 0, 2.0]])
    far = near + Atoms("Fe", [[0, 6.0001, 0]])
    np.testing.assert_array_equal(g2(near, 0), g2(far, 0))


def test_periodic_structure_counts_images() -> None:
    crystal = bulk("Fe", "bcc", a=2.8665)
    big = crystal.repeat(9)
    centre = int(np.argmin(np.linalg.norm(big.positions - big.positions.mean(axis=0), axis=1)))
    big.pbc = False
    np.testing.assert_allclose(g2(crystal, 0), g2(big, centre), atol=1e-9)


@pytest.mark.slow
def test_distances_are_ases(training: TrainingSet) -> None:
    atoms = cluster(3)
    distances, _ = neighbours(atoms, 0, 6.0)
    expected = np.sort(atoms.get_distances(0, range(1, len(atoms))))
    np.testing.assert_allclose(distances, expected[expected <= 6.0], atol=1e-12)


def test_errors() -> None:
    atoms = Atoms("FeO", [[0, 0, 0], [0, 0, 2.0]])
    with pytest.raises(DataSetError, match="absorber 2"):
        g2(atoms, 2)
    with pytest.raises(DataSetError, match="listed twice"):
        g2(Atoms("FeO", [[0, 0, 0], [0, 0, 0.01]]), 0)
    with pytest.raises(DataSetError, match="NaN"):
        g2(Atoms("FeO", [[0, 0, 0], [0, np.nan, 0]]), 0)
