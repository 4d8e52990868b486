"""What the test_larch files share besides fixtures."""

from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
FE_PRJ = REPOSITORY.parent / "shared" / "experimental" / "Fe.prj"
CLI = "from xnet_onnx.cli import main; main()"


class Writer:
    """A session's writer that keeps what was written."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def same_numbers(found, expected):
    """The members of two predictions, to 1e-6 of G2."""
    np.testing.assert_allclose(found.members, expected.members, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6, atol=1e-6)
