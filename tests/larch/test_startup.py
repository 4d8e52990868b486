import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnet_larch.startup import BOM, LINE, MARK, backup_of, install_line, uninstall_line
from xnet_onnx.errors import OutputError

from .helpers import CLI

pytestmark = pytest.mark.slow


def python(*arguments, home, stdin="", **extra):
    """Run another Python with a home folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LARCH")}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "MPLBACKEND": "Agg", **extra}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        input=stdin,
        check=False,
    )


def cli(*arguments, home, **extra):
    return python("-c", CLI, "larch", *arguments, home=home, **extra)


TEXTS = st.lists(st.sampled_from([b"x = 1", b"# mine", b"", b"\xc3\xa9", b"if x:", b"    y = 2"]), max_size=6)


@given(lines=TEXTS, newline=st.sampled_from([b"\n", b"\r\n"]), bom=st.booleans(), last=st.booleans())
def test_install_and_uninstall_give_the_file_back(tmp_path_factory, lines, newline, bom, last):
    path = tmp_path_factory.mktemp("home") / "init.lar"
    before = (BOM if bom else b"") + newline.join(lines) + (newline if last else b"")
    path.write_bytes(before)
    assert install_line(path)
    once = path.read_bytes()
    assert once.removeprefix(BOM).startswith(LINE)
    assert not install_line(path)
    assert path.read_bytes() == once
    assert backup_of(path).read_bytes() == before
    assert uninstall_line(path)
    assert path.read_bytes() == before
    assert not uninstall_line(path)


def test_no_file_yet(tmp_path):
    path = tmp_path / ".larch" / "init.lar"
    assert not uninstall_line(path)
    assert install_line(path)
    assert path.read_bytes() == LINE + b"\n"
    assert not backup_of(path).exists()


def test_an_older_or_misplaced_line_is_replaced(tmp_path):
    path = tmp_path / "init.lar"
    path.write_bytes(b"x = 1\nimport xnet_larch_of_old  " + MARK + b"\ny = 2\n")
    assert install_line(path)
    assert path.read_bytes() == LINE + b"\nx = 1\ny = 2\n"


def test_rights_and_links_are_kept(tmp_path):
    real = tmp_path / "dotfiles" / "init.lar"
    real.parent.mkdir()
    real.write_text("x = 1\n")
    real.chmod(0o600)
    link = tmp_path / "init.lar"
    link.symlink_to(real)
    install_line(link)
    assert link.is_symlink()
    assert real.read_bytes().startswith(LINE)
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup_of(link).stat().st_mode) == 0o600


def test_what_is_not_text_is_left_alone(tmp_path):
    path = tmp_path / "init.lar"
    path.write_bytes("x = 1\n".encode("utf-16"))
    for change in (install_line, uninstall_line):
        with pytest.raises(OutputError, match="left alone"):
            change(path)
    assert path.read_bytes() == "x = 1\n".encode("utf-16")
    with pytest.raises(OutputError, match="expected your startup file"):
        install_line(tmp_path)


def test_install_status_and_uninstall_in_a_real_session(larch, tmp_path):
    done = cli("status", home=tmp_path)
    assert done.returncode == 1
    assert "not in a new session" in done.stdout
    assert "xnet-onnx larch install" in done.stderr

    startup = tmp_path / ".larch" / "init.lar"
    startup.write_text("mine = 41\n")
    assert cli("install", home=tmp_path).returncode == 0
    assert startup.read_bytes() == LINE + b"\nmine = 41\n"
    done = cli("status", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "first in the file" in done.stdout
    assert "prediction    works" in done.stdout

    shell = "from larch.apps import run_larch; run_larch()"
    stdin = "print(mine + 1)\nprint(which('xnet_predict'))\nprint(dir())\nquit\n"
    done = python("-c", shell, "-q", home=tmp_path, stdin=stdin)
    assert "42" in done.stdout
    assert "_xnet.xnet_predict" in done.stdout
    assert "xnet_larch" not in done.stdout

    assert cli("uninstall", home=tmp_path).returncode == 0
    assert startup.read_text() == "mine = 41\n"


def test_a_line_that_is_left_over_breaks_nothing(larch, tmp_path):
    (tmp_path / ".larch").mkdir()
    (tmp_path / ".larch" / "init.lar").write_bytes(LINE + b"\nmine = 41\n")
    shell = "import sys; sys.modules['xnet_larch'] = None; from larch.apps import run_larch; run_larch()"
    done = python("-c", shell, "-q", home=tmp_path, stdin="print(mine + 1)\nquit\n")
    assert "xnet-onnx: no commands: import of xnet_larch halted" in done.stdout
    assert "42" in done.stdout


def test_the_file_named_by_larchstartup(larch, tmp_path):
    mine = tmp_path / "mine.lar"
    mine.write_text("")
    assert cli("install", home=tmp_path, LARCHSTARTUP=str(mine)).returncode == 0
    assert mine.read_bytes() == LINE + b"\n"
    assert MARK not in b"".join(file.read_bytes() for file in tmp_path.glob(".larch/init.lar"))


def test_xnet_larch_touches_no_file(larch, tmp_path):
    (tmp_path / ".larch").mkdir()
    startup = tmp_path / ".larch" / "init.lar"
    startup.write_text("mine = 41\n")
    code = "from xnet_larch.commands import start; start()"
    done = python(
        "-c", code, "-q", home=tmp_path, stdin="print(mine + 1)\nprint(which('xnet_predict'))\nquit\n"
    )
    assert "42" in done.stdout
    assert "_xnet.xnet_predict" in done.stdout
    assert startup.read_text() == "mine = 41\n"
    assert not backup_of(startup).exists()


def test_without_larch(tmp_path):
    code = f"import sys; sys.modules['larch'] = None; sys.argv = ['xnet-onnx', 'larch', 'install']; {CLI}"
    done = python("-c", code, home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'pip install "xnet-onnx[larch]"' in done.stderr
    code = "import sys; sys.modules['larch'] = None; from xnet_larch.commands import start; start()"
    done = python("-c", code, home=tmp_path)
    assert done.returncode == 1
    assert 'pip install "xnet-onnx[larch]"' in done.stderr
    assert list(tmp_path.iterdir()) == []
