"""How far the first shell moves when a scan starts close to its edge.

    python benchmarks/pre_edge.py FOLDER

FOLDER holds measured spectra. Each is cut at 30 to 12 eV below its edge, and the
distance is compared with that of the whole scan: with a line through what is left of
the pre-edge, and with what the pipeline does (a constant below 20 eV).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from xnet_onnx import XnetError, normalize, predict, predict_normalized, read_all

LENGTHS = (30.0, 20.0, 15.0, 12.0)


def main() -> None:
    """Print a row for each length of pre-edge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    paths = sorted(path for path in parser.parse_args().folder.iterdir() if path.suffix in (".xdi", ".prj"))
    spectra = [item for path in paths for item in read_all(path) if not isinstance(item, XnetError)]
    print("| pre-edge (eV) | spectra | a line: moved > 0.05 A (%) | as predicted: moved > 0.05 A (%) |")
    print("|---|---|---|---|")
    for length in LENGTHS:
        line, ours = [], []
        for spectrum in spectra:
            try:
                whole = predict(spectrum, force=True)
                part = spectrum.energy > whole.preprocessing["e0"] - length
                energy, mu = spectrum.energy[part], spectrum.mu[part]
                found = predict(energy, mu, element=spectrum.element, force=True)
                done = normalize(energy, mu)
                given = type(done)(**{**vars(done), "recipe": {"method": "as given"}})
                drawn = predict_normalized(given, force=True)
            except XnetError:
                continue
            if whole.first_shell and found.first_shell and drawn.first_shell:
                ours.append(abs(found.first_shell.r - whole.first_shell.r) > 0.05)
                line.append(abs(drawn.first_shell.r - whole.first_shell.r) > 0.05)
        if ours:
            print(f"| {length:g} | {len(ours)} | {100 * np.mean(line):.0f} | {100 * np.mean(ours):.0f} |")


if __name__ == "__main__":
    main()
