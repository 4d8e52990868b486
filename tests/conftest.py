"""What the tests run on: our own data always, other people's where it is at hand.

Nothing of an extra is imported here: tests/runtime runs with numpy, onnxruntime, click and
pytest alone.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from xnet_onnx import Bundle, load_bundle

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
EXAMPLE = ROOT / "examples" / "scorodite_simulated.xdi"


# A shell's background jobs ignore Ctrl-C, and so would the processes that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def example() -> Path:
    return EXAMPLE


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle()


def measured_files() -> list[Path]:
    """XDI files of shared/experimental, none where it is not at hand."""
    return sorted((SHARED / "experimental").glob("*.xdi"))
