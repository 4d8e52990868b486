"""
A folder of files
=================

Every spectrum of a folder, each with its own result or its own error: one bad file
does not stop the others. On the command line the same is
``xnet-onnx predict FOLDER --csv distances.csv``.
"""

from pathlib import Path

import matplotlib.pyplot as plt

import xnet_onnx

EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

files = [EXAMPLES / "scorodite_simulated.xdi", *sorted((EXAMPLES / "references").glob("*.xdi"))]
spectra = [xnet_onnx.read(file) for file in files]
results = xnet_onnx.predict_many(spectra)

table = xnet_onnx.to_frame(results)
print(table[["label", "first_shell", "lower", "upper", "verdict"]].round(2).to_string())

# %%
# Distances as they belong into a figure: with their intervals, and the verdict as the
# colour. The crosses are the truth; each file says it in its header, for these spectra
# were calculated.

colours = {"high": "#009E73", "medium": "#E69F00", "low": "#D55E00", "outside": "0.6"}
figure, axes = plt.subplots(figsize=(7.0, 2.8), layout="constrained")
for i, (file, result) in enumerate(zip(files, results, strict=True)):
    header = file.read_text().split(" Angstrom, ")[1]
    axes.plot(float(header.split(" on average")[0]), i, "x", color="black", zorder=3)
    if not isinstance(result, xnet_onnx.XnetError) and result.first_shell is not None:
        shell, colour = result.first_shell, colours[result.confidence.verdict]
        axes.plot([shell.lower, shell.upper], [i, i], color=colour, lw=3, alpha=0.5)
        axes.plot(shell.r, i, "o", color=colour)
axes.set(xlabel="first shell (Angstrom)", yticks=range(len(files)), ylim=(-0.6, len(files) - 0.4))
axes.set_yticklabels([file.stem.removesuffix("_simulated") for file in files])
