"""Inside xnet_onnx, imports run one way: docs/design.md has the same order in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from ..conftest import ROOT

PACKAGE = ROOT / "runtime" / "xnet_onnx"
#: A room may import from those above it and from itself.
ROOMS = (
    {"_version", "errors", "wording"},
    {"child", "edges", "files", "installed", "numerics", "prediction", "spectrum", "threads"},
    {"bundle"},
    {"readers"},
    {"preprocess"},
    {"inference"},
    {"uncertainty"},
    {"output"},
    {"pipeline"},
    {"maps"},
    {"cli", "page"},
    {"__init__", "__main__"},
)
#: A prediction shows itself (repr, plot) with what `output` makes, loaded in the method that needs it.
SHOWN = ("prediction", "output")
LEVEL = {name: level for level, names in enumerate(ROOMS) for name in names}


def modules() -> dict[str, Path]:
    """Dotted name, without the package's, of every module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, everywhere: bool) -> Iterator[str]:
    """Dotted names that a module imports from this package, `everywhere` or when it is imported itself."""
    package = path.relative_to(PACKAGE).parts[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            base = [part for part in base if part]
            yield from ([".".join([*base, alias.name]) for alias in node.names])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("xnet_onnx."):
            yield (node.module or "").removeprefix("xnet_onnx.")


def test_every_room_has_its_place() -> None:
    unknown = {name.split(".")[0] for name in modules()} - set(LEVEL)
    assert not unknown, "give the new room a place in ROOMS and in docs/design.md"


def test_a_later_step_uses_an_earlier_one_and_never_the_other_way() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, path in modules().items()
        for everywhere in (True, False)
        for target in imports(path, everywhere)
        if LEVEL.get(target.split(".")[0], -1) > LEVEL[name.split(".")[0]]
        and not (everywhere and (name, target.split(".")[0]) == SHOWN)
    ]
    assert wrong == []


def test_no_module_is_imported_in_a_circle() -> None:
    known = modules()

    def module(target: str) -> str:
        return target if target in known else target.rpartition(".")[0]

    graph = {
        name: {module(target) for target in imports(path, everywhere=False)} - {name, ""}
        for name, path in known.items()
    }
    TopologicalSorter(graph).prepare()
