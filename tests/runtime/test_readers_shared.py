"""The collected files: each of experimental reads right, each of negative is refused for its real defect."""

import gc
from pathlib import Path

import numpy as np
import pytest

from xnet_onnx.bundle.load import load_bundle
from xnet_onnx.errors import ReadError, XnetError
from xnet_onnx.preprocess.prepare import prepare
from xnet_onnx.readers import read, read_all

from ..synthetic import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the collected files are not here")

EXPERIMENTAL = {
    "Fe2O3_rt_01.xdi": ("mu = ln(i0/itrans), columns 2 and 3", 7125.6),
    "FeO_rt_01.xdi": ("mu = ln(i0/itrans), columns 2 and 3", 7122.9),
    "FeS2_rt_01.xdi": ("mu = ln(i0/itrans), columns 2 and 3", 7117.0),
    "Fe_Foil_rt_2016Foils.xdi": ("mu = ln(i0/itrans), columns 3 and 2", 7110.8),
    "Hansel2001_goethite_xanes_003.xdi": ("mu = ln(i0/itrans), columns 3 and 2", 7126.5),
    "Hansel2001_siderite_xanes_001.xdi": ("mu = ln(i0/itrans), columns 3 and 2", 7121.5),
    "Staurolite_pt1_01.dat": ("mu = FY_c/Io, columns 5 and 2; FY_c is corrected for dead time", 7120.2),
}
PROJECT = {
    "Fe foil": (5.81162000000022, 7111.8),
    "Ferrihydrite": (0.0, 7127.2),
    "Goerthite": (0.0, 7128.0),
    "Hematite": (0.0, 7126.9),
    "Lepidocrocite": (1.65980000000036, 7128.2),
}
#: The model of one element: what is not iron is refused.
IRON = load_bundle(Path(__file__).parents[2] / "models" / "xnet_models" / "fe_k")
NEGATIVE = {
    "Eu2O3_eu_l3_001.xdi": "element Eu .Eu L3 edge.",
    "MnO_rt_01.xdi": "element Mn .Mn K edge.",
    "co_metal_rt.xdi": "element Co .Co K edge.",
    "bad_01.xdi": "no version line.*Cu K",
    "bad_13.xdi": "line 31 has 3 values and line 29 has 4.*Cu K",
    "bad_14.xdi": "line 36 has 6 values and line 29 has 4.*Cu K",
    "bad_15.xdi": "i0 .column 2. is nan at line 29.*Cu K",
    "bad_16.xdi": "line 30: 'STRING' is not a number.*Cu K",
    "bad_17.xdi": "line 29: '1.4.9' is not a number.*Cu K",
    "fe_xanes_8ch.xdi": "runs from 7012.0 to 7108.6 eV and stops before the Fe K edge",
    "nonxafs_1d.xdi": "column 1 is x in mm, not an energy",
}


@pytest.mark.parametrize("name", EXPERIMENTAL)
def test_measured_files(name: str) -> None:
    source, e0 = EXPERIMENTAL[name]
    spectrum = read(SHARED / "experimental" / name)
    assert spectrum.mu_source.startswith(source)
    prepared = prepare(spectrum, load_bundle())
    assert prepared.preprocessing["e0"] == pytest.approx(e0, abs=0.1)
    assert prepared.warnings == ()


def test_each_group_of_the_project() -> None:
    bundle = load_bundle()
    found = read_all(SHARED / "experimental" / "Fe.prj")
    assert [item.label for item in found] == [f"Fe.prj:{name}" for name in PROJECT]
    for item, (shift, e0) in zip(found, PROJECT.values(), strict=True):
        done = prepare(item, bundle)
        assert done.preprocessing["energy_shift"] == shift
        assert done.preprocessing["e0"] == pytest.approx(e0, abs=0.1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_the_project_as_larch_reads_it() -> None:
    larch_io = pytest.importorskip("larch.io")
    theirs = larch_io.read_athena(str(SHARED / "experimental" / "Fe.prj"), do_preedge=False, do_bkg=False)
    for item in read_all(SHARED / "experimental" / "Fe.prj"):
        other = getattr(theirs, item.label.partition(":")[2].replace(" ", "_"))
        np.testing.assert_allclose(item.energy - item.energy_shift, other.energy, rtol=0, atol=2e-12)
        np.testing.assert_array_equal(item.mu, other.mu)
    gc.collect()  # Larch leaves files open: let their warnings come here


def test_every_negative_file_is_known() -> None:
    assert {path.name for path in (SHARED / "negative").iterdir()} == set(NEGATIVE)


@pytest.mark.parametrize("name", NEGATIVE)
def test_negative_files(name: str) -> None:
    with pytest.raises(XnetError, match=NEGATIVE[name]):
        prepare(read(SHARED / "negative" / name), IRON)


@pytest.mark.parametrize("name", ["Eu2O3_eu_l3_001.xdi", "co_metal_rt.xdi"])
def test_metadata_do_not_override_physics(name: str) -> None:
    from xnet_onnx.readers import Choice

    with pytest.raises(XnetError, match=r"Eu L3 \(6977|starts above the Fe K edge.*Co K"):
        prepare(read(SHARED / "negative" / name, Choice(element="Fe", edge="K")), IRON)


@pytest.mark.parametrize("name", ["index.csv", "references.extxyz"])
def test_the_files_beside_them(name: str) -> None:
    with pytest.raises(ReadError, match="no line of the file is a row of numbers"):
        read(SHARED / "experimental" / name)
