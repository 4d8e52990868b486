"""Clusters: cut, drawn, read back, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from xnet_exporter.structures.cluster import (
    Cluster,
    Rejected,
    Shell,
    check_cluster,
    first_shell,
    read_clusters,
    write_clusters,
)
from xnet_onnx.cli import main
from xnet_onnx.errors import StructureError

ase = pytest.importorskip("ase")


def octahedron(element: int = 26, distance: float = 2.1, identity: str = "six") -> Cluster:
    """Six oxygen atoms around a metal."""
    arms = np.vstack([np.eye(3), -np.eye(3)]) * distance
    numbers = np.array([element] + [8] * 6, dtype=np.int64)
    return Cluster(identity, "file", "MO6", numbers, np.vstack([np.zeros((1, 3)), arms]))


def rock_salt(folder: Path, metal: str = "Mn", a: float = 4.445) -> Path:
    from ase.build import bulk
    from ase.io import write

    path = folder / f"{metal}O.cif"
    write(path, bulk(f"{metal}O", "rocksalt", a=a, cubic=True))
    return path


def test_a_crystal_gives_one_cluster_a_distinct_site(tmp_path: Path) -> None:
    from xnet_exporter.structures.cutting import clusters_in_file

    (cluster,) = clusters_in_file(rock_salt(tmp_path), "Mn")
    assert isinstance(cluster, Cluster)
    distance = cluster.distances
    assert cluster.element == "Mn"
    # Rock salt: 6 O at a/2, 12 Mn at a/sqrt(2), 8 O at a sqrt(3)/2, 6 Mn at a, 24 O at a sqrt(5)/2 ...
    expected = 4.445 * np.array([0.5] * 6 + [0.5**0.5] * 12 + [0.75**0.5] * 8 + [1.0] * 6 + [1.25**0.5] * 24)
    assert distance[1:57] == pytest.approx(expected, abs=1e-6)
    assert first_shell(distance, cluster.numbers).size == 6


def test_sites_that_differ_are_all_taken(tmp_path: Path) -> None:
    from ase import Atoms
    from ase.io import write

    from xnet_exporter.structures.cutting import clusters_in_file

    chain = Atoms("CuOCuO", positions=[[0, 0, 0], [0, 0, 1.8], [0, 0, 3.8], [0, 0, 5.7]])
    write(tmp_path / "chain.xyz", chain)
    found = list(clusters_in_file(tmp_path / "chain.xyz", "Cu"))
    assert [item.id for item in found] == ["chain-0", "chain-2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, z: (p * 0.01, z), "Angstrom apart"),
        (lambda p, z: (p * 5, z), "no neighbour within 6"),
        (lambda p, z: (p, np.where(z == 8, 130, z)), "130 is no element"),
        (lambda p, z: (np.where(p > 2, np.nan, p), z), "not finite"),
    ],
)
def test_bad_clusters_are_refused_by_id(change, message) -> None:  # type: ignore[no-untyped-def]
    good = octahedron()
    positions, numbers = change(good.positions.copy(), good.numbers.copy())
    with pytest.raises(StructureError, match=f"six: .*{message}"):
        check_cluster(Cluster("six", "file", "MO6", numbers, positions))


def test_clusters_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "some.extxyz"
    write_clusters(path, [octahedron(), octahedron(25, 2.2, "other")])
    one, other = read_clusters(path)
    assert isinstance(one, Cluster)
    assert isinstance(other, Cluster)
    assert (one.id, one.source, one.name, other.element) == ("six", "file", "MO6", "Mn")
    assert other.distances[1:] == pytest.approx([2.2] * 6, abs=1e-5)


def test_a_frame_that_names_no_absorber_is_rejected_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "some.extxyz"
    write_clusters(path, [octahedron(), octahedron(26, 2.0, "second"), octahedron(26, 1.9, "third")])
    text = path.read_text().replace("absorber=0", "absorber=9", 1)
    head, _, tail = text.rpartition(" absorber=0")
    path.write_text(head + tail)
    first, second, third = read_clusters(path)
    assert isinstance(first, Rejected)
    assert "there are 7 atoms" in first.reason
    assert isinstance(second, Cluster)
    assert isinstance(third, Rejected)
    assert "does not say which atom is the absorber" in third.reason


def test_the_command_goes_on_after_bad_files(tmp_path: Path) -> None:
    rock_salt(tmp_path)
    rock_salt(tmp_path, "Mg", 4.2)
    (tmp_path / "rubbish.cif").write_text("rubbish")
    out = tmp_path / "mn.extxyz"
    command = ["structures", "--element", "manganese", "--source", str(tmp_path), "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "1 clusters around Mn" in result.stdout
    assert "left out: MgO: no Mn in it (Mg, O)" in result.stderr
    assert "rubbish.cif cannot be read as a structure" in result.stderr
    assert len(list(read_clusters(out))) == 1
    assert CliRunner().invoke(main, [*command, "--coordination", "6", "--neighbour", "O"]).exit_code == 0
    other = CliRunner().invoke(main, [*command, "--coordination", "4"])
    assert other.exit_code == 1
    assert "no cluster around Mn with coordination 4 was found" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--element", "Xx", "--source", "minerals"], "Xx is no element"),
        (["--element", "Fe", "--source", "complexes", "--neighbour", "Xx"], "--neighbour Xx is no element"),
        (["--element", "Fe", "--source", "nowhere.cif"], "neither a file nor a folder"),
        (["--element", "Au", "--source", "complexes"], "no structures are drawn for Au"),
    ],
)
def test_wrong_uses_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("larixite")
    pytest.importorskip("pymatgen")
    result = CliRunner().invoke(main, ["structures", *arguments, "--out", str(tmp_path / "x.extxyz")])
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "x.extxyz").exists()


def test_radii_and_distances() -> None:
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.ligands import donor_distance
    from xnet_exporter.structures.radii import shannon_radius

    assert shannon_radius("Fe", 2, 6) == pytest.approx(0.78)
    assert shannon_radius("Fe", 2, 6, low_spin=True) == pytest.approx(0.61)
    assert shannon_radius("Cr", 6, 4) == pytest.approx(0.26)
    assert shannon_radius("Ni", 2, 4, square=True) == pytest.approx(0.49)
    assert shannon_radius("Zn", 7, 4) is None
    # Measured: Zn-N(pyridine) 2.18 in [Zn(py)6]2+, Cr-O 1.97 in [Cr(H2O)6]3+, Ti-O(alkoxide) 1.80.
    for element, charge, coordination, donor, measured in [
        ("Zn", 2, 6, "py", 2.18),
        ("Cr", 3, 6, "water", 1.97),
        ("Ti", 4, 4, "alkO", 1.80),
    ]:
        radius = shannon_radius(element, charge, coordination)
        assert radius is not None
        assert donor_distance(donor, radius)[0] == pytest.approx(measured, abs=0.07)


@pytest.mark.slow
def test_complexes_are_whole_and_the_same_for_a_seed() -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.draw import draw

    first, again = (list(draw("Zn", "complexes", 2, 5)) for _ in range(2))
    assert [item.id for item in first] == ["Zn-built-5-1", "Zn-built-5-2"]
    for one, other in zip(first, again, strict=True):
        assert one.name == other.name
        assert one.positions.tobytes() == other.positions.tobytes()
        shell = first_shell(one.distances, one.numbers)
        assert one.element == "Zn"
        assert shell.size >= 2
        assert 1.4 < one.distances[shell[0]] < 2.8


@pytest.mark.slow
def test_a_complex_with_clashing_atoms_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of the positions can bring hydrogen atoms together after the assembly has been checked."""
    pytest.importorskip("rdkit")
    from xnet_exporter.structures import complexes as room
    from xnet_exporter.structures.assemble import assemble
    from xnet_exporter.structures.draw import draw

    built = 0

    def clash(*given: object) -> object:
        nonlocal built
        made = assemble(*given)  # type: ignore[arg-type]
        if made is None:
            return None
        built += 1
        if built == 2:
            made[1][2] = made[1][1] + 0.1
        return made

    monkeypatch.setattr(room, "assemble", clash)
    drawn = list(draw("Zn", "complexes", 3, 5))
    assert built == 4
    assert [cluster.id for cluster in drawn] == [f"Zn-built-5-{number}" for number in (1, 2, 3)]


def test_minerals_are_named_and_substituted_sites_moved() -> None:
    pytest.importorskip("larixite")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.draw import draw
    from xnet_exporter.structures.minerals import _at_expected_distance

    found = list(draw("Fe", "minerals", 4, 2))
    assert len(found) == 4
    assert {item.source for item in found} <= {"mineral", "mvar"}
    assert all(("Fe in" in item.name) == (item.source == "mvar") for item in found)
    # Zn on a site of 1.75 Angstrom with four oxygen atoms moves to its own radius there, 1.97.
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.75 / 3**0.5
    numbers = np.array([30, 8, 8, 8, 8], dtype=np.int64)
    moved = _at_expected_distance(
        "Zn", numbers, np.vstack([np.zeros((1, 3)), tetrahedron]), np.random.default_rng(1)
    )
    assert moved is not None
    assert np.linalg.norm(moved[1:], axis=1).mean() == pytest.approx(1.97, abs=0.12)


@pytest.mark.slow
def test_alloys_have_metal_distances() -> None:
    from itertools import islice

    from xnet_exporter.structures.alloys import alloys

    for cluster in islice(alloys("Ni", np.random.default_rng(3)), 6):
        check_cluster(cluster)
        shell = first_shell(cluster.distances, cluster.numbers)
        assert 8 <= shell.size <= 18
        assert 2.2 < cluster.distances[shell].mean() < 3.2


def test_minerals_are_drawn_with_the_first_shell_asked_for() -> None:
    pytest.importorskip("larixite")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.draw import draw

    found = list(draw("Ni", "minerals", 3, 1, Shell(4, "S")))
    assert len(found) == 3
    for item in found:
        shell = first_shell(item.distances, item.numbers)
        assert item.numbers[shell].tolist().count(16) >= 2
        assert shell.size == 4


@pytest.mark.slow
def test_complexes_are_drawn_with_the_first_shell_asked_for() -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.draw import draw

    for item in draw("Fe", "complexes", 9, 1, Shell(4, "Cl")):
        shell = first_shell(item.distances, item.numbers)
        assert shell.size == 4
        assert item.numbers[shell].tolist().count(17) >= 2
    with pytest.raises(StructureError, match="no complex of Fe with coordination 12 and neighbour Au"):
        list(draw("Fe", "complexes", 1, 1, Shell(12, "Au")))


@pytest.mark.slow
def test_one_complex_in_eight_has_two_metals_and_leaves_the_others_as_they_are() -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures.draw import draw

    first, again = (list(draw("Cu", "complexes", 8, 3)) for _ in range(2))
    assert [item.id for item in first] == [*(f"Cu-built-3-{n}" for n in range(1, 8)), "Cu-bridged-3-1"]
    assert all(a.positions.tobytes() == b.positions.tobytes() for a, b in zip(first, again, strict=True))
    bridged = first[-1]
    assert bridged.source == "built"
    assert bridged.numbers.tolist().count(29) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", range(9))
def test_bridges_have_the_angles_and_distances_of_crystals(
    kind: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("pymatgen")
    from xnet_exporter.structures import bridges
    from xnet_exporter.structures.assemble import assemble

    bridge = bridges.BRIDGES[kind]
    monkeypatch.setattr(bridges, "BRIDGES", (bridge,))
    element = "Cu" if bridge.angle is None else "Fe"
    rng = np.random.default_rng(seed)
    built = plan = None
    while built is None:
        plan = bridges.draw_bridged(element, rng)
        built = None if plan is None else assemble(plan, rng)
    assert plan is not None
    assert plan.bridged is not None
    numbers, positions = built
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    assert numbers[:2].tolist() == [26, 26]
    # Two in a rhombus, the first of others; carboxylates have no atom on both metals.
    count = plan.bridged.count
    shared = np.flatnonzero((apart[0] < 2.75) & (apart[1] < 2.75) & (numbers > 1) & (numbers < 26))
    assert shared.size == (0 if bridge.angle is None else count if count < 3 else 1)
    if bridge.angle is None:
        low, high = bridge.apart[element]
        assert low - 0.05 < apart[0, 1] < high + 0.05
        assert first_shell(apart[0], numbers).size >= 4
    for atom in shared:
        a, b = apart[0, atom], apart[1, atom]
        angle = np.degrees(np.arccos((a**2 + b**2 - apart[0, 1] ** 2) / (2 * a * b)))
        assert bridge.angle is not None
        assert bridge.angle[0] - 8 < angle < bridge.angle[1] + 8
    heavy = np.flatnonzero(numbers > 1)
    assert (apart[np.ix_(heavy, heavy)] + 9 * np.eye(heavy.size)).min() > 1.05
