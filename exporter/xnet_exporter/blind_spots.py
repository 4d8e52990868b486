"""What the verdict notices and what it cannot: measured on held-out spectra.

Some cases are spectra spoilt or mixed here, others are kinds of compounds among
the held-out ones. All are broadened by 2 eV first and get 0.3 % of noise, to
be about like measured spectra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xnet_onnx.bundle import Bundle
from xnet_onnx.errors import XnetError
from xnet_onnx.resampling import half_step_energy
from xnet_onnx.spectrum import FloatArray

from .augment import broaden
from .datasets import Row
from .evaluation import MEASURED_BROADENING, model_inputs, predictions_for

__all__ = ["measure_blind_spots"]

LINEAR_LIGANDS = {"CO", "CN", "NO", "CNtBu"}
LONG_BOND = 2.35
NEAR_IRON = 3.5
#: Standard deviation of the noise added, in edge steps: a usual scan.
NOISE = 0.003
IRON = 26


def _realigned(spectra: FloatArray, bundle: Bundle) -> tuple[npt.NDArray[np.float32], list[int]]:
    """Spoilt spectra on their own half-step energy again, and which of them still have one."""
    energy = bundle.axis.energies()
    if bundle.axis.kind != "edge":
        return spectra.astype(np.float32), list(range(len(spectra)))
    kept, aligned = [], []
    for i, values in enumerate(spectra):
        try:
            origin = half_step_energy(energy, values)
        except XnetError:
            continue
        kept.append(i)
        aligned.append(np.interp(energy + origin, energy, values))
    return np.array(aligned, dtype=np.float32), kept


def _broadened(rows: tuple[Row, ...], bundle: Bundle, fwhm: float) -> npt.NDArray[np.float32]:
    spectra = []
    for row in rows:
        energy, mu = broaden(row.energy, row.mu, fwhm)
        origin = half_step_energy(energy, mu) if bundle.axis.kind == "edge" else 0.0
        spectra.append(np.interp(bundle.axis.energies(origin), energy, mu))
    return np.array(spectra, dtype=np.float32)


def _count(bundle: Bundle, inputs: npt.NDArray[np.float32], targets: FloatArray, case: str) -> dict[str, Any]:
    seen = predictions_for(bundle, inputs, targets)
    levels = [item.confidence.level if item.confidence else "" for item in seen.predictions]
    errors = seen.shell_error[np.isfinite(seen.shell_error)]
    return {
        "case": case,
        "spectra": len(inputs),
        "levels": {
            level: float(np.mean([found == level for found in levels]))
            for level in ("high", "medium", "low", "outside")
        },
        "median": float(np.median(errors)) if errors.size else None,
        "p90": float(np.percentile(errors, 90)) if errors.size else None,
    }


def measure_blind_spots(bundle: Bundle, rows: tuple[Row, ...], seed: int = 0) -> list[dict[str, Any]]:
    """Verdicts and errors for each case.

    Parameters
    ----------
    bundle : Bundle
        Calibrated.
    rows : tuple of Row
        Held-out rows that cover the axis.
    seed : int
        Of the pairs that are mixed.

    Returns
    -------
    list of dict
        `case`, `spectra`, `levels` (share of each), `median` and `p90` of the
        first-shell error in Angstrom (distances given by force).
    """
    rng = np.random.default_rng([seed, 6])
    quiet = model_inputs(rows, bundle, MEASURED_BROADENING)
    plain = (quiet + NOISE * rng.normal(size=quiet.shape)).astype(np.float32)
    targets = np.stack([row.g2 for row in rows])
    results = [_count(bundle, plain, targets, "good spectra")]

    def noisy(spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return (spectra + NOISE * rng.normal(size=spectra.shape)).astype(np.float32)

    def spoilt(spectra: FloatArray, case: str) -> None:
        inputs, kept = _realigned(spectra, bundle)
        inputs = noisy(inputs)
        results.append(_count(bundle, inputs, targets[kept], case))

    values = quiet.astype(np.float64)
    for strength, word in ((1.0, "moderate"), (4.0, "strong")):
        damped = values * (1 + strength) / (1 + strength * values)
        spoilt(damped, f"self-absorption, {word}: mu / (1 + {strength:g} mu)")
    for factor in (0.6, 0.3):
        above = bundle.axis.energies() > (2.0 if bundle.axis.kind == "edge" else bundle.axis.first + 12.0)
        flattened = np.where(above | (values > 1.0), 1 + factor * (values - 1), values)
        spoilt(flattened, f"structure above the edge times {factor:g}")
    for fwhm in (5.0, 8.0):
        results.append(
            _count(bundle, noisy(_broadened(rows, bundle, fwhm)), targets, f"broadened by {fwhm:g} eV FWHM")
        )
    order = rng.permutation(len(rows))
    mixed, kept = _realigned(0.5 * (values + values[order]), bundle)
    results.append(
        _count(bundle, noisy(mixed), 0.5 * (targets + targets[order])[kept], "two sites, half and half")
    )
    kinds = {
        "minerals": [row.id.startswith("amcsd") for row in rows],
        "carbonyl, cyanide, nitrosyl ligands": [
            bool(LINEAR_LIGANDS & set(row.name.partition(":")[2].split("+"))) for row in rows
        ],
        f"nearest neighbour beyond {LONG_BOND:g} A": [
            float(row.distances[row.numbers > 1][:1].sum()) > LONG_BOND for row in rows
        ],
        f"another iron atom within {NEAR_IRON:g} A": [
            bool(np.any((row.numbers == IRON) & (row.distances < NEAR_IRON))) for row in rows
        ],
    }
    for case, flags in kinds.items():
        chosen = np.flatnonzero(flags)
        if chosen.size:
            results.append(_count(bundle, plain[chosen], targets[chosen], case))
    return results
