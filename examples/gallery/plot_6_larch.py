"""
Inside Larch
============

With ``pip install "xnet-onnx[larch]"`` the prediction is one call beside the data,
and uses the normalisation that the group carries. In the Larch language and in
Larix it is the same command; see the page on Larch.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from larch.io import read_xdi
from larch.xafs import pre_edge

from xnet_larch import xnet_plot, xnet_predict, xnet_table

EXAMPLES = Path.cwd()
while not (EXAMPLES / "scorodite_simulated.xdi").is_file():
    EXAMPLES = EXAMPLES.parent

dat = read_xdi(str(EXAMPLES / "scorodite_simulated.xdi"))
dat.mu = np.log(dat.i0 / dat.itrans)
pre_edge(dat)
xnet_predict(dat)
print(xnet_table(dat))

# %%
# The figure, as a file; in a notebook ``xnet_plot(dat)`` shows it, in Larix it opens a window.

with tempfile.TemporaryDirectory() as folder:
    xnet_plot(dat, filename=f"{folder}/scorodite.png")
    picture = plt.imread(f"{folder}/scorodite.png")
figure, axes = plt.subplots(figsize=(8.0, 3.2), layout="constrained")
axes.imshow(picture)
axes.axis("off")
