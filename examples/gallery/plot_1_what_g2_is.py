"""
From six atoms to a curve
=========================

What the networks predict is G2: a bump for each neighbour, at its distance. Here
it is made by hand, from the formula alone.
"""

# %%
# A bump is a Gaussian, as wide as the spacing of the 50 points allows. It is higher
# for heavier neighbours (by a tenth of the atomic number) and lower for those farther
# away, gone at 6 Angstrom.

import matplotlib.pyplot as plt
import numpy as np

import xnet_onnx

bundle = xnet_onnx.load_bundle()
eta, cutoff = bundle.card["descriptor"]["eta"], bundle.card["descriptor"]["cutoff"]
r = np.linspace(1.0, cutoff, 500)


def bumps(distances, atomic_number):
    """G2 of neighbours of one kind."""
    fade = 0.5 * (1.0 + np.cos(np.pi * np.array(distances) / cutoff))
    return (0.1 * atomic_number * fade * np.exp(-eta * (r[:, None] - distances) ** 2)).sum(axis=1)


oxygen = bumps([1.96, 1.98, 2.00, 2.01, 2.03, 2.08], 8)
iron = bumps([3.05, 3.05, 3.40], 26)

figure, axes = plt.subplots(figsize=(7.0, 3.2), layout="constrained")
axes.fill_between(r, oxygen, color="#D55E00", alpha=0.3, label="six oxygen atoms, 1.96 to 2.08 Angstrom")
axes.fill_between(r, iron, color="#0072B2", alpha=0.3, label="three iron atoms")
axes.plot(r, oxygen + iron, color="black", label="G2")
axes.set(xlabel="distance (Angstrom)", ylabel="G2")
axes.legend(frameon=False)

# %%
# The six oxygen atoms are one peak: distances that differ by less than about the
# width of a bump are not told apart. The peak is at their middle.

print(f"peak at {r[oxygen.argmax()]:.2f} Angstrom; six bonds of 2.01 on average")
