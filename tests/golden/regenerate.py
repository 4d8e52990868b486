"""The prediction for our example, kept to notice any change of the pipeline.

python -m tests.golden.regenerate
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xnet_onnx import predict, read
from xnet_onnx.output.table import as_json

HERE = Path(__file__).parent
GOLDEN = HERE / "scorodite_simulated.json"


def golden() -> dict[str, Any]:
    """Predict for the example."""
    spectrum = read(HERE.parent.parent / "examples" / "scorodite_simulated.xdi")
    return as_json(spectrum.label, predict(spectrum.energy, spectrum.mu, label=spectrum.label))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n")
