"""What is in a release: its software bill of materials, as CycloneDX 1.5 in JSON.

    python scripts/sbom.py [OUT.json]

Run in an environment where the wheel is installed with what it needs (scripts/release-check
does). Lists xnet-onnx, every distribution that it requires there (extras left out) with
version, licence and the hash of its RECORD, which holds those of its files, and the files
of the bundles with their SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any

NAME = "xnet-onnx"


def requirements(name: str) -> list[str]:
    """Names of what a distribution needs without extras, in this environment."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    return [one.name for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def closure(name: str) -> list[str]:
    """A distribution and all that it needs, normalised names in order."""
    found: set[str] = set()
    todo = [name]
    while todo:
        one = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if one not in found:
            found.add(one)
            todo += requirements(one)
    return sorted(found)


def component(name: str) -> dict[str, Any]:
    """One distribution, as CycloneDX writes it."""
    distribution = importlib.metadata.distribution(name)
    metadata = distribution.metadata.json
    version = distribution.version
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
    }
    licence = metadata.get("license_expression") or metadata.get("license")
    if isinstance(licence, str) and licence.strip():
        made["licenses"] = [{"license": {"name": licence.strip().splitlines()[0][:100]}}]
    record = distribution.read_text("RECORD")
    if record is not None:
        digest = hashlib.sha256(record.encode()).hexdigest()
        made["properties"] = [{"name": "xnet:record-sha256", "value": digest}]
    return made


def models() -> list[dict[str, Any]]:
    """The files of the bundles that are installed."""
    import xnet_models

    folder = Path(str(xnet_models.__file__)).parent
    return [
        {
            "type": "machine-learning-model" if path.suffix == ".onnx" else "data",
            "name": str(path.relative_to(folder)),
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
        for path in sorted(folder.glob("*/*"))
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]


def bill() -> dict[str, Any]:
    """The whole document."""
    names = closure(NAME)
    components = {name: component(name) for name in names}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": components[NAME] | {"type": "application"}},
        "components": [components[name] for name in names if name != NAME] + models(),
        "dependencies": [
            {
                "ref": components[name]["bom-ref"],
                "dependsOn": sorted(
                    components[re.sub(r"[-_.]+", "-", one).lower()]["bom-ref"] for one in requirements(name)
                ),
            }
            for name in names
        ],
    }


def main() -> None:
    """Write the bill to a file or to the standard output."""
    text = json.dumps(bill(), indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
