"""
A map
=====

A distance in every pixel of a stack of images, with its own interval and verdict.
The stack is made here, in memory: goethite on the left, wustite on the right, noise,
and a corner without sample. For files, and stacks larger than the memory, see
``xnet-onnx map``.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import xnet_onnx
from xnet_onnx.maps import predict_map

EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

left, right = (
    xnet_onnx.read(EXAMPLES / "references" / f"{name}_simulated.xdi") for name in ("goethite", "wustite")
)
energy = np.arange(left.energy[0] + 6.0, left.energy[-1] - 6.0, 0.5)
mu = [np.interp(energy, item.energy, item.mu) for item in (left, right)]
rows, columns = 16, 24
stack = np.empty((energy.size, rows, columns))
stack[:, :, :12] = mu[0][:, None, None]
stack[:, :, 12:] = mu[1][:, None, None]
rng = np.random.default_rng(0)
stack += 0.004 * rng.normal(size=stack.shape)
stack[:, 12:, 18:] = 0.3 + 0.004 * rng.normal(size=(energy.size, 4, 6))

maps = predict_map(stack, energy=energy)
print(maps.counts())

# %%
# Pixels without a distance stay white: no sample, or outside the domain of the model.

figure, (a, b) = plt.subplots(1, 2, figsize=(9.0, 3.0), layout="constrained")
image = a.imshow(maps.first_shell, cmap="viridis")
figure.colorbar(image, ax=a, label="first shell (Angstrom)")
width = b.imshow(maps.first_shell_upper - maps.first_shell_lower, cmap="magma")
figure.colorbar(width, ax=b, label="width of the 90 % interval (Angstrom)")
