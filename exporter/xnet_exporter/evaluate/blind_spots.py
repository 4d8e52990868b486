"""What the verdict notices and what it cannot: measured on held-out spectra.

Some cases are spectra spoilt or mixed here, others are kinds of compounds among
the held-out ones. All are broadened by 2 eV first and get 0.3 % of noise, to
be about like measured spectra.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xnet_onnx.bundle.load import Bundle
from xnet_onnx.errors import XnetError
from xnet_onnx.prediction import VERDICTS
from xnet_onnx.preprocess.normalize import normalize
from xnet_onnx.preprocess.prepare import prepare
from xnet_onnx.spectrum import FloatArray, Spectrum

from ..calibrate.distortions import broadened_input, flattened, realigned, self_absorbed
from ..data.measured import Reference
from ..data.sets import Row
from .evaluation import MEASURED_BROADENING, absorbers_of, model_inputs, run_held_out

__all__ = ["measure_blind_spots", "measure_damped"]

LINEAR_LIGANDS = {"CO", "CN", "NO", "CNtBu"}
LONG_BOND = 2.35
NEAR_IRON = 3.5
#: Standard deviation of the noise added, in edge steps: a usual scan.
NOISE = 0.003
IRON = 26


def _count(
    bundle: Bundle,
    inputs: npt.NDArray[np.float32],
    absorbers: npt.NDArray[np.int64],
    targets: FloatArray,
    case: str,
) -> dict[str, Any]:
    seen = run_held_out(bundle, inputs, absorbers, targets)
    errors = seen.shell_error[np.isfinite(seen.shell_error)]
    return {
        "case": case,
        "spectra": len(inputs),
        "verdicts": {verdict: float(seen.share(verdict).mean()) for verdict in VERDICTS},
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
        `case`, `spectra`, `verdicts` (share of each), `median` and `p90` of the
        first-shell error in Angstrom (distances given by force).
    """
    rng = np.random.default_rng([seed, 6])
    quiet = model_inputs(rows, bundle, MEASURED_BROADENING)
    plain = (quiet + NOISE * rng.normal(size=quiet.shape)).astype(np.float32)
    targets = np.stack([row.g2 for row in rows])
    absorbers = absorbers_of(rows)
    results = [_count(bundle, plain, absorbers, targets, "good spectra")]

    def noisy(spectra: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return (spectra + NOISE * rng.normal(size=spectra.shape)).astype(np.float32)

    def distorted(spectra: FloatArray, case: str) -> None:
        inputs, kept = realigned(spectra, bundle.axis)
        results.append(_count(bundle, noisy(inputs), absorbers[kept], targets[kept], case))

    values = quiet.astype(np.float64)
    for strength, word in ((1.0, "moderate"), (4.0, "strong")):
        distorted(self_absorbed(values, strength), f"self-absorption, {word}: mu / (1 + {strength:g} mu)")
    for factor in (0.6, 0.3):
        distorted(flattened(values, bundle.axis, factor), f"structure above the edge times {factor:g}")
    for fwhm in (5.0, 8.0):
        broad = np.array([broadened_input(row, bundle.axis, fwhm) for row in rows], dtype=np.float32)
        results.append(_count(bundle, noisy(broad), absorbers, targets, f"broadened by {fwhm:g} eV FWHM"))
    order = rng.permutation(len(rows))
    mixed, kept = realigned(0.5 * (values + values[order]), bundle.axis)
    results.append(
        _count(
            bundle,
            noisy(mixed),
            absorbers[kept],
            0.5 * (targets + targets[order])[kept],
            "two sites, half and half",
        )
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
            results.append(_count(bundle, plain[chosen], absorbers[chosen], targets[chosen], case))
    return results


def measure_damped(bundle: Bundle, references: list[Reference]) -> list[dict[str, Any]]:
    """Verdicts on measured spectra, as they are and damped as by self-absorption.

    Parameters
    ----------
    bundle : Bundle
        Calibrated.
    references : list of Reference

    Returns
    -------
    list of dict
        As `measure_blind_spots`; a spectrum refused with an error counts as
        outside.
    """
    results = []
    known = sum(item.g2 is not None for item in references)
    for strength in (0.0, 1.0, 4.0):
        inputs, absorbers, targets = [], [], []
        for item in references:
            if item.g2 is None:
                continue
            done = normalize(item.spectrum.energy, item.spectrum.mu)
            damped = Spectrum(done.energy, self_absorbed(done.flat, strength), label=item.name)
            try:
                ready = prepare(damped, bundle, normalized=True)
            except XnetError:
                continue
            inputs.append(ready.values)
            absorbers.append(ready.absorber)
            targets.append(item.g2)
        case = f"measured, mu / (1 + {strength:g} mu)" if strength else "measured, as they are"
        found = _count(bundle, np.array(inputs), np.array(absorbers), np.array(targets), case)
        share = len(inputs) / known
        found["verdicts"] = {name: share * value for name, value in found["verdicts"].items()}
        found["verdicts"]["outside"] += 1.0 - share
        found["spectra"] = known
        results.append(found)
    return results
