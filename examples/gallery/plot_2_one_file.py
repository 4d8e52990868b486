"""
One file
========

Read a spectrum, predict, look at the distance, its interval and the verdict.
"""

from pathlib import Path

import xnet_onnx

# In a clone: the folder "examples". Use a file of your own in its place.
EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

result = xnet_onnx.predict(EXAMPLES / "scorodite_simulated.xdi")

shell = result.first_shell
print(f"first shell {shell.r:.2f} Angstrom, 90 % interval {shell.lower:.2f} to {shell.upper:.2f}")
print("verdict:", result.confidence.verdict, *result.confidence.reasons)
print("most similar:", *(f"{one.name} {one.first_shell:.2f};" for one in result.nearest))

# %%
# The spectrum as the networks see it, and the curve with its band. The band is calibrated
# like the interval: for nine of ten points of compounds left out of training the truth lay
# inside. ``plot(axes)`` draws the curve alone into axes of your own.

result.plot()
