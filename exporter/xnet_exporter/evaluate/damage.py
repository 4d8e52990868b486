"""Measured spectra of known structure, damaged as beamlines and people do: is a wrong answer believed?

A confident miss is a `high` or `medium` whose first shell is off by more than
0.1 Angstrom and outside its 90 % interval; it is new where the spectrum as
measured has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xnet_onnx.bundle.load import Bundle
from xnet_onnx.errors import XnetError
from xnet_onnx.numerics import FWHM_TO_SIGMA
from xnet_onnx.pipeline import predict_many
from xnet_onnx.prediction import VERDICTS, Prediction
from xnet_onnx.preprocess.normalize import normalize
from xnet_onnx.spectrum import FloatArray, Spectrum

from ..calibrate.distortions import arctangent, drawn_curves, self_absorbed
from ..data.measured import Reference

__all__ = ["CASES", "AS_GIVEN", "measure_damage", "measure_strangers"]

#: Error of the first shell, in Angstrom, from which it is a miss.
MISS = 0.1
CONFIDENT = ("high", "medium")
#: What lies below the edge, in edge steps, where absolute absorption matters.
BELOW = 0.5
#: Energies of drawn curves, in eV from the edge, and how many at each edge.
DRAWN_OVER = np.arange(-60.0, 120.0, 0.5)
DRAWN = 50
#: Where scans are glued, in eV above the edge.
GLUE = 15.0


@dataclass(frozen=True, eq=False)
class Scan:
    """A measured spectrum as a damage sees it.

    Parameters
    ----------
    energy : ndarray of float64, shape (n,)
        In eV from e0.
    norm : ndarray of float64, shape (n,)
    """

    energy: FloatArray
    norm: FloatArray


Damage = Callable[[Scan, np.random.Generator], Scan]


def _norm(change: Callable[[FloatArray, FloatArray], FloatArray]) -> Damage:
    """A damage of the absorption, from energy and norm."""
    return lambda scan, rng: replace(scan, norm=change(scan.energy, scan.norm))


def _energy(change: Callable[[FloatArray], FloatArray]) -> Damage:
    return lambda scan, rng: replace(scan, energy=change(scan.energy))


def _as_measured(scan: Scan, rng: np.random.Generator) -> Scan:
    return scan


def _ending(end: float) -> Damage:
    def change(scan: Scan, rng: np.random.Generator) -> Scan:
        kept = scan.energy <= end
        return Scan(scan.energy[kept], scan.norm[kept])

    return change


def _noisy(share: float) -> Damage:
    def change(scan: Scan, rng: np.random.Generator) -> Scan:
        return replace(scan, norm=scan.norm + share * rng.normal(size=scan.norm.size))

    return change


def _coarse(step: float) -> Damage:
    def change(scan: Scan, rng: np.random.Generator) -> Scan:
        grid = np.arange(scan.energy[0], scan.energy[-1], step)
        return Scan(grid, np.interp(grid, scan.energy, scan.norm))

    return change


def _broadened(fwhm: float) -> Damage:
    def change(energy: FloatArray, norm: FloatArray) -> FloatArray:
        distance = (energy[:, np.newaxis] - energy) / (fwhm * FWHM_TO_SIGMA)
        weights = np.exp(-0.5 * distance**2) * np.gradient(energy)
        return np.asarray((weights @ norm) / weights.sum(axis=1))

    return _norm(change)


def _second_edge(at: float) -> Damage:
    return _norm(lambda energy, norm: norm + 0.3 * arctangent(energy - at))


def _clipped(top: float) -> Damage:
    return _norm(lambda energy, norm: np.minimum(norm, top))


def _harmonics(share: float) -> Damage:
    """A beam of which that share is not absorbed, on a sample of edge step 1."""

    def absorbed(norm: FloatArray) -> FloatArray:
        return -np.log((np.exp(-(norm + BELOW)) + share) / (1.0 + share))

    def change(energy: FloatArray, norm: FloatArray) -> FloatArray:
        low, high = absorbed(np.array([0.0, 1.0]))
        return np.asarray((absorbed(norm) - low) / (high - low))

    return _norm(change)


def _dips(energy: FloatArray, norm: FloatArray) -> FloatArray:
    dips = 0.03 * np.exp(-(((energy - 9.0) / 2.0) ** 2)) + 0.05 * np.exp(-(((energy - 25.0) / 3.0) ** 2))
    return np.asarray((norm + BELOW) * (1.0 - dips))


def _ripple(energy: FloatArray, norm: FloatArray) -> FloatArray:
    return np.asarray((norm + BELOW) * (1.0 + 0.001 * energy + 0.02 * np.sin(energy / 4.0)))


def _jump(eV: float) -> Damage:  # noqa: N803
    return _energy(lambda energy: energy + eV * (energy > GLUE))


def _stretched(factor: float) -> Damage:
    return _energy(lambda energy: factor * energy)


def _absorbed(strength: float) -> Damage:
    return _norm(lambda energy, norm: self_absorbed(norm, strength))


def _curved(share: float) -> Damage:
    return _norm(lambda energy, norm: norm + share * (energy / 40.0) ** 2)


def _scaled(factor: float, offset: float = 0.0) -> Damage:
    return _norm(lambda energy, norm: factor * norm + offset)


#: Every damage of a scan, by what a person would call it.
CASES: dict[str, Damage] = {
    "as measured": _as_measured,
    **{f"ends at +{end:g} eV": _ending(end) for end in (40.0, 50.0, 60.0, 80.0)},
    **{f"energies times {factor:g}": _stretched(factor) for factor in (0.8, 0.9, 1.1, 1.2)},
    **{f"second edge of 0.3 at +{at:g} eV": _second_edge(at) for at in (35.0, 60.0)},
    **{f"clipped at {top:g}": _clipped(top) for top in (1.0, 1.05, 1.1)},
    **{f"harmonics, {100 * share:g} %": _harmonics(share) for share in (0.05, 0.1, 0.2)},
    "I0 not divided out: dips of 3 and 5 %": _norm(_dips),
    "I0 not divided out: slope and ripple": _norm(_ripple),
    "glued, offset of 0.1": _norm(lambda energy, norm: norm + 0.1 * (energy > GLUE)),
    **{f"glued, jump of {step:g} eV": _jump(step) for step in (1.0, 2.0)},
    "drift of 3 eV": _energy(lambda energy: energy + 3.0 * (energy - energy[0]) / np.ptp(energy)),
    **{f"self-absorption, a = {strength:g}": _absorbed(strength) for strength in (0.5, 1.0, 3.0)},
    **{f"curved background, {100 * share:+g} % at +40 eV": _curved(share) for share in (-0.1, 0.1)},
    **{f"noise of {100 * share:g} %": _noisy(share) for share in (0.01, 0.02)},
    "a point every 2 eV": _coarse(2.0),
    **{f"broadened by {fwhm:g} eV": _broadened(fwhm) for fwhm in (2.0, 4.0)},
}
#: Damages of what is given as normalised.
AS_GIVEN: dict[str, Damage] = {
    "--normalized, as it is": _as_measured,
    **{f"--normalized, step times {factor:g}": _scaled(factor) for factor in (0.8, 1.2)},
    "--normalized, offset of 0.05": _scaled(1.0, 0.05),
}


def _scan(item: Reference) -> tuple[Scan, float]:
    """A measured spectrum from its e0 on, and that e0 in eV."""
    done = normalize(item.spectrum.energy, item.spectrum.mu)
    return Scan(done.energy - done.e0, done.norm), done.e0


def _misses(results: Sequence[Prediction | XnetError], truths: Sequence[float]) -> list[bool | None]:
    """Whether each is a confident miss; None where it is not confident."""
    found: list[bool | None] = []
    for result, truth in zip(results, truths, strict=True):
        shell = None if isinstance(result, XnetError) else result.first_shell
        if (
            isinstance(result, XnetError)
            or result.confidence is None
            or result.confidence.verdict not in CONFIDENT
            or shell is None
            or shell.lower is None
            or shell.upper is None
        ):
            found.append(None)
            continue
        found.append(abs(shell.r - truth) > MISS and not shell.lower <= truth <= shell.upper)
    return found


def _verdicts(results: Sequence[Prediction | XnetError]) -> dict[str, int]:
    """How many have each verdict; refused is what ended in an error."""
    counts = dict.fromkeys((*VERDICTS, "refused"), 0)
    for result in results:
        refused = isinstance(result, XnetError) or result.confidence is None
        counts["refused" if refused else result.confidence.verdict] += 1  # type: ignore[union-attr]
    return counts


def measure_damage(bundle: Bundle, references: Sequence[Reference], seed: int = 0) -> list[dict[str, Any]]:
    """Verdicts and confident misses of damaged spectra.

    Parameters
    ----------
    bundle : Bundle
        Calibrated.
    references : sequence of Reference
    seed : int
        Of the noise.

    Returns
    -------
    list of dict
        `case`; `spectra`; `verdicts`, how many of each, and refused; `confident`,
        how many are high or medium; `misses` of these and `new` ones of these
        (not there in the first case of the same kind).
    """
    scans = [_scan(item) for item in references]
    truths = [item.true_first_shell(bundle.r) for item in references]
    rows = []
    for cases, normalized in ((CASES, False), (AS_GIVEN, True)):
        plain: list[bool | None] = []
        for number, (case, damage) in enumerate(cases.items()):
            rng = np.random.default_rng([seed, 8, number])
            spectra = []
            for item, (scan, e0) in zip(references, scans, strict=True):
                damaged = damage(scan, rng)
                spectra.append(replace(item.spectrum, energy=damaged.energy + e0, mu=damaged.norm))
            results = predict_many(spectra, bundle=bundle, normalized=normalized)
            missed = _misses(results, truths)
            plain = plain or missed
            rows.append(
                {
                    "case": case,
                    "spectra": len(spectra),
                    "verdicts": _verdicts(results),
                    "confident": sum(miss is not None for miss in missed),
                    "misses": sum(miss is True for miss in missed),
                    "new": sum(
                        miss is True and was is not True for miss, was in zip(missed, plain, strict=True)
                    ),
                }
            )
    return rows


def _strangers(
    references: Sequence[Reference], bundle: Bundle, seed: int
) -> Iterator[tuple[str, list[Spectrum]]]:
    edges = {one.element: one.energy for one in bundle.absorbers}
    moved: list[Spectrum] = []
    for item in references:
        scan, _ = _scan(item)
        moved += [
            Spectrum(scan.energy + energy, scan.norm, label=item.name)
            for element, energy in edges.items()
            if element != item.spectrum.element
        ]
    yield "another element's spectrum, moved onto an edge without metadata", moved
    rng = np.random.default_rng([seed, 9])
    drawn = drawn_curves(DRAWN_OVER, DRAWN * len(edges), rng)
    yield (
        "an arctangent with one to three Gaussians",
        [
            Spectrum(DRAWN_OVER + energy, curve)
            for curve, energy in zip(drawn, list(edges.values()) * DRAWN, strict=True)
        ],
    )


def measure_strangers(bundle: Bundle, references: Sequence[Reference], seed: int = 0) -> list[dict[str, Any]]:
    """Verdicts of spectra that are not of the element, or of nothing at all.

    Parameters
    ----------
    bundle : Bundle
        Calibrated.
    references : sequence of Reference
    seed : int
        Of the invented ones.

    Returns
    -------
    list of dict
        `case`, `spectra` and `verdicts`, how many of each, and refused.
    """
    return [
        {"case": case, "spectra": len(spectra), "verdicts": _verdicts(predict_many(spectra, bundle=bundle))}
        for case, spectra in _strangers(references, bundle, seed)
    ]
