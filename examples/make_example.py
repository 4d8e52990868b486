"""Make examples/scorodite_simulated.xdi, the example spectrum of the README.

A FEFF10 spectrum of the training set, of a composition that the shipped bundle
was not trained on, made to look measured: broadened, on the experimental energy
scale, on a sloping pre-edge and post-edge, with noise, as i0 and itrans counts.

    python examples/make_example.py
"""

from pathlib import Path

import numpy as np

from xnet_exporter.data.sets import read_training_set
from xnet_exporter.train.augment import broaden
from xnet_exporter.train.presets import PRESETS
from xnet_onnx.files import write_bytes
from xnet_onnx.preprocess.align import half_step_energy

HERE = Path(__file__).parent
ROW = "amcsd-9529-3"
SEED = 0


def main() -> None:
    """Write the file."""
    data = read_training_set(HERE.parent / "training")
    row = next(row for row in data.rows if row.id == ROW)
    augmentation = PRESETS["default"].augmentation
    assert augmentation is not None
    rng = np.random.default_rng(SEED)
    energy, norm = broaden(row.energy, row.mu, fwhm=1.5)
    edge = half_step_energy(energy, norm)
    grid = np.concatenate(
        [np.arange(-65.0, -12.0, 5.0), np.arange(-12.0, 30.0, 0.4), np.arange(30.0, 53.0, 1.0)]
    )
    mu = np.interp(grid / augmentation.stretch_mean + edge, energy, norm)
    mu[grid < energy[0] - edge] = mu[np.searchsorted(grid, energy[0] - edge)]
    photon = grid + 7124.0
    mu = 0.9 * mu + 1.1 - 4e-4 * (photon - 7124.0)
    i0 = rng.poisson(2e6 * (1.0 - 1e-3 * (photon - 7124.0))).astype(float)
    itrans = rng.poisson(i0 * np.exp(-mu)).astype(float)
    first = row.distances[row.distances < 2.4]
    header = f"""# XDI/1.0 xnet-onnx/{Path(__file__).name}
# Column.1: energy eV
# Column.2: i0
# Column.3: itrans
# Element.symbol: Fe
# Element.edge: K
# Mono.d_spacing: 3.13555
# Sample.name: scorodite, SIMULATED (FEFF10), not measured
# Sample.formula: FeAsO4(H2O)2
# Scan.edge_energy: 7112.0
# ///
# Simulated from training/{data.name}, row {ROW} ({row.name}):
# broadened by 1.5 eV FWHM, counting noise of 2e6 photons, made-up background.
# The structure has {first.size} oxygen atoms at {first.min():.2f} to {first.max():.2f} Angstrom, \
{first.mean():.2f} on average.
#----
# energy i0 itrans
"""
    rows = "".join(f"{e:12.4f} {a:12.1f} {b:12.1f}\n" for e, a, b in zip(photon, i0, itrans, strict=True))
    write_bytes(HERE / "scorodite_simulated.xdi", (header + rows).encode())


if __name__ == "__main__":
    main()
