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
    assert uninstall_line(path) == "restored"
    assert path.read_bytes() == before
    assert not backup_of(path).exists()
    assert not uninstall_line(path)


def test_no_file_yet(tmp_path):
    path = tmp_path / ".larch" / "init.lar"
    assert not uninstall_line(path)
    assert install_line(path)
    assert path.read_bytes() == LINE + b"\n"
    assert not backup_of(path).exists()
    assert uninstall_line(path) == "deleted"
    assert not path.exists()


def test_a_file_that_was_written_into_since_is_kept(tmp_path):
    path = tmp_path / "init.lar"
    install_line(path)
    path.write_bytes(path.read_bytes() + b"mine = 1\n")
    assert uninstall_line(path) == "taken out"
    assert path.read_bytes() == b"mine = 1\n"

    install_line(path)
    path.write_bytes(path.read_bytes() + b"more = 2\n")
    assert uninstall_line(path) == "taken out"
    assert path.read_bytes() == b"mine = 1\nmore = 2\n"
    assert backup_of(path).read_bytes() == b"mine = 1\n"


def test_no_copy_is_overwritten(tmp_path):
    path = tmp_path / "init.lar"
    backup_of(path).write_bytes(b"not of ours\n")
    path.write_bytes(b"x = 1\n")
    install_line(path)
    assert backup_of(path).read_bytes() == b"not of ours\n"
    assert path.with_name("init.lar.before-xnet-2").read_bytes() == b"x = 1\n"
    # Moved down by hand: put first again, and the copy is still that of before.
    path.write_bytes(b"x = 1\n" + LINE + b"\n")
    assert install_line(path)
    assert uninstall_line(path) == "restored"
    assert path.read_bytes() == b"x = 1\n"
    assert [item.name for item in tmp_path.iterdir() if item != path] == [backup_of(path).name]


def test_an_empty_file_is_given_back(tmp_path):
    path = tmp_path / "init.lar"
    path.write_bytes(b"")
    install_line(path)
    assert uninstall_line(path) == "restored"
    assert path.read_bytes() == b""


def test_lines_of_the_user_are_kept(tmp_path):
    path = tmp_path / "init.lar"
    mine = b"x = 1  " + MARK + b"\n# " + LINE + b"\n" + LINE + b"; y = 2\n"
    path.write_bytes(mine)
    assert uninstall_line(path) == ""
    assert install_line(path)
    assert path.read_bytes() == LINE + b"\n" + mine
    assert uninstall_line(path) == "restored"
    assert path.read_bytes() == mine


def test_a_misplaced_line_is_moved(tmp_path):
    path = tmp_path / "init.lar"
    path.write_bytes(b"x = 1\n" + LINE + b"\ny = 2\n")
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
    assert "prediction    works: k_3d" in done.stdout
    assert ": first shell " in done.stdout

    shell = "from larch.apps import run_larch; run_larch()"
    stdin = "print(mine + 1)\nprint(which('xnet_predict'))\nprint(dir())\nquit\n"
    done = python("-c", shell, "-q", home=tmp_path, stdin=stdin)
    assert "42" in done.stdout
    assert "_xnet.xnet_predict" in done.stdout
    assert "xnet_larch" not in done.stdout

    assert cli("uninstall", home=tmp_path).returncode == 0
    assert startup.read_text() == "mine = 41\n"


@pytest.mark.parametrize(
    ("text", "said", "commands"),
    [
        ("if True:\n  x = 1\n", "line 2 (if True:): SyntaxError: ", False),
        ("y = 3\na = (1,\nb = 2\n", "line 3: SyntaxError: ", False),
        ("y = 3\nx = = 1\n", "line 3 (x = = 1): SyntaxError: ", True),
        ("import nothing_there\n", "line 2 (import nothing_there): ImportError: ", True),
    ],
)
def test_status_names_the_line_that_larch_cannot_take(larch, tmp_path, text, said, commands):
    startup = tmp_path / ".larch" / "init.lar"
    startup.parent.mkdir()
    startup.write_text(text)
    install_line(startup)
    done = cli("status", home=tmp_path)
    assert f"trouble       {said}" in done.stdout
    assert done.returncode == (0 if commands else 1)
    if not commands:
        assert "not in a new session" in done.stdout
        assert done.stderr.startswith("Error: the commands do not work in Larch; correct ")
        assert "larch install" not in done.stderr


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
