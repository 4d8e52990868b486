"""What CI installs is what pyproject.toml asks for, each file by its hash."""

from __future__ import annotations

import re
import tomllib

from .conftest import ROOT

LINE = re.compile(r"([A-Za-z0-9._-]+)==(\S+) --hash=sha256:[0-9a-f]{64}")


def name_of(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def asked(project: dict, extras: list[str]) -> set[str]:
    """Requirements of the project with some extras, those of xnet-onnx[...] followed."""
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    found = set()
    for line in (line for lines in lists for line in lines):
        inner = re.match(r"xnet-onnx\[(.+)\]", line)
        found |= asked(project, inner.group(1).split(",")) if inner else {line}
    return found


def test_the_lock_holds_all_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    matches = [LINE.fullmatch(line) for line in lines]
    assert all(matches)
    locked = {name_of(match.group(1)): match.group(2) for match in matches if match}
    assert len(locked) == len(lines)
    for line in asked(project["project"], ["test", "docs"]) | set(project["build-system"]["requires"]):
        match = re.match(r"([A-Za-z0-9._-]+)(?:([=>]=)(.+))?$", line)
        assert match, line
        name, how, wanted = match.groups()
        assert name_of(name) in locked, f"{name} is not in .ci/requirements.txt: run python .ci/lock.py"
        has = locked[name_of(name)].split("+")[0]
        if how:
            numbers = [
                [int(part) for part in version.split(".") if part.isdigit()] for version in (has, wanted)
            ]
            assert has == wanted if how == "==" else numbers[0] >= numbers[1], line
