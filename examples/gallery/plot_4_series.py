"""
A series of scans
=================

Operando: a compound turns into another while scans are taken. Here the scans are
mixtures of two simulated spectra, from all wustite (six oxygen neighbours at 2.16
Angstrom) to all goethite (2.02), so that it is known what should come out. For files,
``xnet-onnx predict FOLDER --series OUT.png`` draws such a figure.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import xnet_onnx

EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

first = xnet_onnx.read(EXAMPLES / "references" / "wustite_simulated.xdi")
last = xnet_onnx.read(EXAMPLES / "references" / "goethite_simulated.xdi")
energy = np.arange(first.energy[0] + 6.0, first.energy[-1] - 2.0, 0.5)
ends = [xnet_onnx.normalize(item.energy, item.mu) for item in (first, last)]
before, after = (np.interp(energy, item.energy, item.norm) for item in ends)

share = np.linspace(0.0, 1.0, 13)
scans = [(1.0 - part) * before + part * after for part in share]
results = [xnet_onnx.predict(energy, scan) for scan in scans]

# %%
# Where the verdict is ``outside`` there is no distance, and nothing is drawn.

shells = [result.first_shell for result in results]
verdicts = [result.confidence.verdict for result in results]
r, lower, upper = (
    np.array([np.nan if shell is None else getattr(shell, name) for shell in shells])
    for name in ("r", "lower", "upper")
)
colours = {"high": "#009E73", "medium": "#E69F00", "low": "#D55E00", "outside": "0.6"}

figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.4), layout="constrained")
for i, scan in enumerate(scans):
    left.plot(energy, scan + 0.15 * i, color=plt.cm.viridis(i / len(scans)), lw=1.0)
left.set(xlabel="energy (eV)", ylabel="normalised absorption, shifted")
right.fill_between(share, lower, upper, color="0.88", label="90 % interval")
for verdict, colour in colours.items():
    chosen = [found == verdict for found in verdicts]
    if any(chosen):
        right.plot(share[chosen], r[chosen], "o", color=colour, label=verdict)
right.plot([0, 1], [2.16, 2.02], "k:", label="mean of the two")
right.set(xlabel="share of goethite", ylabel="first shell (Angstrom)")
right.legend(frameon=False, fontsize="small")

# %%
# The networks know one kind of site at a time: between the ends the distance follows
# the mixture only roughly, and the verdict does not always warn. For the shares
# themselves, fit the two end members (linear combination).
