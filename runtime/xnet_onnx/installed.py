"""Which of our installed files are not those of the release.

A wheel brings the SHA-256 of each of its files (``RECORD``), and installers keep it.
It lies beside the files, so it finds damage and edits, and no attacker who can
write both; docs/security.md says how to compare with the release itself.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from ._version import __version__

__all__ = ["Installed", "check_installed"]

DISTRIBUTION = "xnet-onnx"
PACKAGES = ("xnet_onnx", "xnet_exporter", "xnet_larch", "xnet_models")


@dataclass(frozen=True)
class Installed:
    """What was compared.

    Parameters
    ----------
    version : str
    files : int
        Files that are as the wheel recorded them; 0 for an editable installation or
        a folder, which have no record.
    changed, missing, added : tuple of str
        Files that are not, by their paths in the installation.
    """

    version: str
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.missing or self.added)


def check_installed(distribution: importlib.metadata.Distribution | None = None) -> Installed:
    """Compare every file of the installed packages with the hash that its wheel recorded.

    Parameters
    ----------
    distribution : importlib.metadata.Distribution, optional
        xnet-onnx as it is installed, by default.

    Returns
    -------
    Installed
    """
    if distribution is None:
        try:
            distribution = importlib.metadata.distribution(DISTRIBUTION)
        except importlib.metadata.PackageNotFoundError:
            return Installed(__version__, 0, (), (), ())
    recorded = {
        file.as_posix(): file
        for file in distribution.files or []
        if file.parts[0] in PACKAGES and file.hash is not None
    }
    good = 0
    changed: list[str] = []
    missing: list[str] = []
    for name, file in recorded.items():
        assert file.hash is not None
        path = Path(str(file.locate()))
        try:
            data = path.read_bytes()
        except OSError:
            missing.append(name)
            continue
        digest = hashlib.new(file.hash.mode, data).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value:
            good += 1
        else:
            changed.append(name)
    added = [
        path.relative_to(root.parent).as_posix()
        for root in (Path(str(distribution.locate_file(name))) for name in PACKAGES if recorded)
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    return Installed(
        distribution.version,
        good,
        tuple(sorted(changed)),
        tuple(sorted(missing)),
        tuple(sorted(set(added) - set(recorded))),
    )
