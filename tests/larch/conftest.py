"""Fixtures of the test_larch files: the real Larch, a session, spectra."""

import gc
import os
import warnings

import pytest

from .helpers import EXAMPLES, FE_PRJ, Writer


@pytest.fixture(scope="session")
def larch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("larch")
    os.environ["LARCHDIR"] = str(folder)  # read at the import: no test touches ~/.larch
    os.environ.pop("LARCHSTARTUP", None)
    with warnings.catch_warnings():
        # Larch and what it imports warn of deprecations, and it silences all warnings for the process.
        warnings.simplefilter("ignore")
        import larch.apps
        import larch.builtins
        import larch.io
        import larch.shell
        import larch.xafs

        import larch

        larch.Interpreter()
    return larch


@pytest.fixture
def session(larch):
    from xnet_larch import install

    made = larch.Interpreter(writer=Writer())
    install(made)
    return made


@pytest.fixture
def scorodite(larch):
    from xnet_onnx import read

    spectrum = read(EXAMPLES / "scorodite_simulated.xdi")
    return larch.Group(name="scorodite", energy=spectrum.energy.copy(), mu=spectrum.mu.copy())


@pytest.fixture
def fe_prj():
    if not FE_PRJ.exists():
        pytest.skip(f"{FE_PRJ} is not here; the same is tested on projects written by the tests")
    return FE_PRJ


@pytest.fixture
def write_prj(larch, tmp_path):
    """Write an Athena project with Larch: (label, group, shift) each."""

    def write(*entries, name="made.prj"):
        project = larch.io.AthenaProject()
        for label, group, shift in entries:
            if not hasattr(group, "e0"):
                larch.xafs.pre_edge(group)
            group.filename, group.energy_shift = label, shift
            project.add_group(group)
        path = tmp_path / name
        project.save(str(path))
        return path

    return write


@pytest.fixture
def collected():
    """Let no file that Larch left open be found, and warned of, during another test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
