"""
One file
========

Read a spectrum, predict, look at the distance, its interval and the verdict.
"""

from pathlib import Path

import matplotlib.pyplot as plt

import xnet_onnx

# In a clone: the folder "examples". Use a file of your own in its place.
EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

spectrum = xnet_onnx.read(EXAMPLES / "scorodite_simulated.xdi")
result = xnet_onnx.predict(spectrum.energy, spectrum.mu)

shell = result.first_shell
print(f"first shell {shell.r:.2f} Angstrom, 90 % interval {shell.lower:.2f} to {shell.upper:.2f}")
print("verdict:", result.confidence.verdict, *result.confidence.reasons)

# %%
# The curve with its band. The band is calibrated like the interval: for nine of ten
# points of compounds left out of training the truth lay inside.

figure, (left, right) = plt.subplots(1, 2, figsize=(8.0, 3.2), layout="constrained")
left.plot(result.energy, result.spectrum, color="#0072B2")
left.set(xlabel="energy (eV)", ylabel="normalised absorption")
right.fill_between(result.r, result.lower, result.upper, color="#D55E00", alpha=0.25, label="90 % band")
right.plot(result.r, result.mean, color="#D55E00")
right.axvspan(shell.lower, shell.upper, color="0.85", zorder=0, label="first shell, 90 %")
right.set(xlabel="distance (Angstrom)", ylabel="G2", ylim=(-0.5, None))
right.legend(frameon=False)
