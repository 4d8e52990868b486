"""Run the transcripts of a page again and write what they print below each command.

    python docs/transcripts.py [PAGE.md ...]

From the top folder of the repository. Blocks marked pycon, larch and console are
run in order, in one Python, one Larch session and one shell, with a home folder and
a working folder of their own. Without a page, all of PAGES are done, and the figure of
the README.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/tutorial.md", "docs/larch.md")
FIGURE = "docs/figures/scorodite.png"
PROMPTS = {"pycon": ">>> ", "larch": "larch> ", "console": "$ "}
CLI = "from xnet_onnx.cli import main; main(prog_name='xnet-onnx')"
BLOCK = re.compile(r"^```(pycon|larch|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@contextlib.contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Keep what is printed. Larch writes its files in the encoding of stdout, so it has to have one."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(out):
        yield lambda: out.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]


def python_runner() -> Callable[[str], str]:
    """A Python prompt."""
    names: dict[str, Any] = {}

    def run(line: str) -> str:
        with captured() as printed:
            try:
                exec(compile(line, "<page>", "single"), names)
            except Exception as error:
                print("".join(traceback.format_exception_only(error)), end="")
        return printed()

    return run


def larch_runner() -> Callable[[str], str]:
    """A prompt of Larch's shell, with the commands."""
    from larch.larchlib import StdWriter
    from larch.shell import Shell

    from xnet_larch import install

    shell = Shell(quiet=True)
    install(shell.larch)

    def run(line: str) -> str:
        with captured() as printed:
            shell.larch.writer = StdWriter(has_color=False, _larch=shell.larch)
            shell.color_writer = False
            shell.default(line)
        # The frames of the traceback name folders of this machine.
        return re.sub(r'(?m)^  File "[^"]*".*\n(?:    .*\n)*\n?', "", printed())

    return run


def console_runner(home: Path) -> Callable[[str], str]:
    """A shell that knows xnet-onnx."""

    def run(line: str) -> str:
        name, *arguments = line.split()
        if name != "xnet-onnx":
            raise ValueError(f"a page's shell runs xnet-onnx only; found {line!r}")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LARCH")}
        done = subprocess.run(
            [sys.executable, "-c", CLI, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment, "HOME": str(home), "USERPROFILE": str(home)},
            check=False,
        )
        return done.stdout.replace(str(home), "/home/you")

    return run


def rerun(page: str) -> str:
    """Run a page's transcripts.

    Parameters
    ----------
    page : str
        Markdown.

    Returns
    -------
    str
        The page with what the commands print now.
    """
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        (Path(folder) / "examples").symlink_to(REPOSITORY / "examples")
        os.chdir(folder)
        try:
            makers = {
                "pycon": python_runner,
                "larch": larch_runner,
                "console": lambda: console_runner(Path(home)),
            }
            runners = {kind: makers[kind]() for kind in dict(BLOCK.findall(page))}

            def refresh(block: re.Match[str]) -> str:
                kind, body = block.groups()
                prompt = PROMPTS[kind]
                text = ""
                for line in body.splitlines():
                    if line.startswith(prompt):
                        printed = runners[kind](line.removeprefix(prompt)).rstrip()
                        text += f"{line}\n" + (f"{printed}\n" if printed else "")
                return f"```{kind}\n{text}```"

            return BLOCK.sub(refresh, page)
        finally:
            os.chdir(before)


def main(pages: list[str]) -> None:
    """Write the pages, and the figure where all of them are done."""
    for name in pages or [str(REPOSITORY / page) for page in PAGES]:
        Path(name).write_text(rerun(Path(name).read_text(encoding="utf-8")), encoding="utf-8")
    if not pages:
        command = ["predict", "examples/scorodite_simulated.xdi", "--plot", FIGURE]
        subprocess.run(
            [sys.executable, "-c", CLI, *command], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL
        )


if __name__ == "__main__":
    main(sys.argv[1:])
