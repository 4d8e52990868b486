"""Write .ci/requirements.txt anew: what .ci/run installs, each with the SHA-256 of its file.

    python .ci/lock.py

Asks pip which distributions it would install here: the lock is for this platform and
version of Python (CI's: Linux on x86-64, Python 3.11, torch's build for the CPU).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by: python .ci/lock.py (Linux on x86-64, Python 3.11, torch's build for the CPU)\n"
#: Ours, and what every environment has.
LEFT_OUT = ("xnet-onnx", "pip")


def requirements(report: dict) -> str:
    """Lines of a requirements file from pip's report of an installation."""
    lines = []
    for item in report["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if name.lower() in LEFT_OUT:
            continue
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name}=={version} --hash=sha256:{digest}")
    return HEADER + "\n".join(sorted(lines, key=str.lower)) + "\n"


def main() -> None:
    """Ask pip, and write the file."""
    build = ["hatchling", "editables"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--report", str(report), f"{ROOT}[test,docs]", *build]
        subprocess.run(command, check=True)
        made = requirements(json.loads(report.read_text(encoding="utf-8")))
    (ROOT / ".ci" / "requirements.txt").write_text(made, encoding="utf-8")
    print(f"{len(made.splitlines()) - 1} distributions in .ci/requirements.txt")


if __name__ == "__main__":
    main()
