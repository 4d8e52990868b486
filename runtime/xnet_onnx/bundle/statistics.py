"""The constants of intervals and domain, as a bundle holds them.

What is done with them is in `xnet_onnx.uncertainty`. They were fitted with
constants of the code (widths of smoothing, sizes of the perturbed copies,
thresholds of peaks, resolutions): `STATISTICS_VERSION` counts their changes, and
a bundle of another version is refused.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spectrum import FloatArray

__all__ = [
    "PROPERTIES",
    "STATISTICS_VERSION",
    "Artefact",
    "Calibration",
    "Domain",
    "Gaussian",
    "Property",
    "SHELL_KINDS",
    "Scale",
    "ShellKinds",
    "Space",
    "join_arrays",
    "parse_calibration",
    "parse_domain",
    "read_arrays",
    "split_arrays",
    "unpack_arrays",
]

#: Raised whenever a constant changes that statistics are fitted with (tests/runtime/test_statistics.py).
STATISTICS_VERSION = 2
MAX_ARRAY_BYTES = 64 * 1024 * 1024
#: How numpy begins an .npy file of numbers or words.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<f[248]|[<|]i[1248]|<U\d{1,4})', 'fortran_order': (False|True), "
    rb"'shape': \(((?:\d{1,9}, ?)*(?:\d{1,9})?)\), \} *\n",
    re.DOTALL,
)
#: Properties of a spectrum that a domain may give ranges of; what they mean is in `uncertainty.domain`.
PROPERTIES = ("pre_edge", "white_line", "edge_slope", "level", "structure", "roughness")
SHORT = 8
#: What the first shell may be made of; elements of each are in `xnet_exporter.calibrate.shell_kinds`.
SHELL_KINDS = ("C/N/O/F", "P/S/Cl or heavier", "metal")


@dataclass(frozen=True, eq=False)
class ShellKinds:
    """A multinomial regression of the kind of the first shell's atoms on the predicted curve.

    Parameters
    ----------
    weights : ndarray of float64, shape (3, n)
        Of the square root of G2, for each of `SHELL_KINDS`.
    bias : ndarray of float64, shape (3,)
    """

    weights: FloatArray
    bias: FloatArray


@dataclass(frozen=True, eq=False)
class Calibration:
    """The constants of the intervals and of the verdict.

    Parameters
    ----------
    levels : ndarray of float64, shape (l,)
        Coverages, ascending.
    band_lower, band_upper : ndarray of float64, shape (l, n)
        How far the band of G2 reaches below and above the mean at each r, in
        units of `band_scale`: what networks miss is more often too little than
        too much.
    floor : ndarray of float64, shape (n,)
        Typical error of G2.
    typical_mse : float
        Median MSE of the left-out spectra.
    shell : ndarray of float64, shape (l,)
        Half width of the first-shell interval, in units of the expected error.
    shell_coefficients, mse_coefficients : ndarray of float64
        Of the regressors of `Evidence`.
    lower_widening, upper_widening : ndarray of float64, shape (n,)
        Measured factors of the band at each r for what theory gets wrong.
    shell_widening : float
        The same for the first shell.
    high, medium : float
        Largest half width of the 90 % first-shell interval, in Angstrom, of
        these verdicts.
    unstable : float
        Movement of the first shell, in Angstrom, under a shift of 1 eV or a
        broadening of 2 eV from which the verdict is `low`.
    band_shares : tuple of float
        Of `band_scale`.
    shell_kinds : ShellKinds or None
        None for a bundle that was calibrated before there were any.
    """

    levels: FloatArray
    band_lower: FloatArray
    band_upper: FloatArray
    floor: FloatArray
    typical_mse: float
    shell: FloatArray
    shell_coefficients: FloatArray
    mse_coefficients: FloatArray
    lower_widening: FloatArray
    upper_widening: FloatArray
    shell_widening: float
    high: float
    medium: float
    unstable: float
    band_shares: tuple[float, float] = (0.5, 0.0)
    shell_kinds: ShellKinds | None = None


def parse_calibration(value: dict[str, Any], points: int) -> Calibration:
    """Read ``calibration`` of a bundle.

    Parameters
    ----------
    value : dict
    points : int
        Number of points of G2.

    Returns
    -------
    Calibration

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `xnet_exporter.calibrate.intervals` writes it.
    """
    levels = _finite(value["levels"])
    if levels.ndim != 1 or levels.size < 2 or np.any(np.diff([0.0, *levels, 1.0]) <= 0.0):
        raise ValueError("levels")
    several, each = (levels.size, points), (points,)
    typical, level = _positive(value.get("band_shares", Calibration.band_shares), (2,)).tolist()
    # Six, eight or ten regressors: later ones were added at the end.
    shell_coefficients = len(value["shell_coefficients"])
    if shell_coefficients not in (6, 8, 10):
        raise ValueError(f"{shell_coefficients} coefficients of the first shell's error")
    mse_coefficients = 5
    return Calibration(
        levels=levels,
        band_lower=_positive(value["band_lower"], several),
        band_upper=_positive(value["band_upper"], several),
        floor=_positive(value["floor"], each),
        typical_mse=_above_zero(value["typical_mse"]),
        shell=_positive(value["shell"], (levels.size,)),
        shell_coefficients=_finite(value["shell_coefficients"], (shell_coefficients,)),
        mse_coefficients=_finite(value["mse_coefficients"], (mse_coefficients,)),
        lower_widening=_positive(value["lower_widening"], each),
        upper_widening=_positive(value["upper_widening"], each),
        shell_widening=_above_zero(value["shell_widening"]),
        high=_number(value["high"]),
        medium=_number(value["medium"]),
        unstable=_number(value["unstable"]),
        band_shares=(typical, level),
        shell_kinds=_shell_kinds(value["shell_kinds"], points) if "shell_kinds" in value else None,
    )


def _shell_kinds(value: dict[str, Any], points: int) -> ShellKinds:
    count = len(SHELL_KINDS)
    return ShellKinds(_finite(value["weights"], (count, points)), _finite(value["bias"], (count,)))


def _above_zero(value: Any) -> float:
    number = _number(value)
    if not number > 0.0:
        raise ValueError(f"a constant that is {number:g} and must be above zero")
    return number


def _positive(value: Any, shape: tuple[int, ...]) -> FloatArray:
    array = _finite(value, shape)
    if np.any(array < 0.0):
        raise ValueError("an array with numbers below zero")
    return array


def _number(value: Any) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"a constant that is {number}")
    return number


def _finite(value: Any, shape: tuple[int, ...] | None = None) -> FloatArray:
    array = np.array(value, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"an array of shape {array.shape} in place of {shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError("an array that is not finite")
    return array


def split_arrays(value: Any, path: str, arrays: dict[str, FloatArray]) -> Any:
    """Take the long arrays out of nested constants.

    Parameters
    ----------
    value : dict, list, str, float or None
        Nested constants.
    path : str
        Their name: "domain".
    arrays : dict of str to ndarray
        The arrays go here, by dotted names: "domain.space.centre".

    Returns
    -------
    dict, list, str, float or None
        What is left, for ``bundle.json``.
    """
    if isinstance(value, dict):
        left = {key: split_arrays(item, f"{path}.{key}", arrays) for key, item in value.items()}
        return {key: item for key, item in left.items() if f"{path}.{key}" not in arrays}
    if isinstance(value, np.ndarray):
        arrays[path] = value
    elif isinstance(value, list) and value and not isinstance(value[0], dict | str):
        if len(value) > SHORT or isinstance(value[0], list):
            arrays[path] = np.array(value, dtype=np.float64)
    elif isinstance(value, list):
        return [split_arrays(item, f"{path}.{i}", arrays) for i, item in enumerate(value)]
    return value


def join_arrays(card: dict[str, Any], arrays: dict[str, FloatArray]) -> dict[str, Any]:
    """Put the arrays of `split_arrays` back where they were.

    Parameters
    ----------
    card : dict
        ``bundle.json``; left as it is.
    arrays : dict of str to ndarray
        By dotted names.

    Returns
    -------
    dict

    Raises
    ------
    KeyError, IndexError, TypeError, ValueError
        If a name leads nowhere.
    """

    def copied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: copied(item) for key, item in value.items()}
        return [copied(item) for item in value] if isinstance(value, list) else value

    whole: dict[str, Any] = {**card, **{key: copied(card.get(key)) for key in ("calibration", "domain")}}
    for name, array in arrays.items():
        *parents, last = name.split(".")
        place: Any = whole
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place[parent]
        place[last] = array
    return whole


def read_arrays(data: bytes) -> dict[str, FloatArray]:
    """Read ``statistics.npz``.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    dict of str to ndarray of float64

    Raises
    ------
    ValueError
        If it is no such file, or unpacks to more than 64 MiB.
    """
    arrays = unpack_arrays(data, "statistics.npz")
    return {name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()}


def unpack_arrays(data: bytes, label: str) -> dict[str, npt.NDArray[np.generic]]:
    """Read the arrays of an .npz file, whatever their types; never pickled ones.

    Parameters
    ----------
    data : bytes
    label : str
        What to call the file in messages.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If it is no such file, or unpacks to more than 64 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            items = archive.infolist()
            if sum(item.file_size for item in items) > MAX_ARRAY_BYTES:
                raise ValueError("it unpacks to more than 64 MiB")
            return {item.filename.removesuffix(".npy"): _array(archive.read(item)) for item in items}
    # RuntimeError: zipfile meets a compression or an encryption that it does not know.
    except (
        ValueError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        MemoryError,
        RuntimeError,
    ) as error:
        raise ValueError(f"{label} ({error})") from error


def _array(data: bytes) -> npt.NDArray[np.generic]:
    """The array of an .npy file; numpy would make a syntax tree of its header, at most of the time."""
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("an array is not of plain numbers or words")
    kind, fortran_order, lengths = header.groups()
    shape = tuple(int(length) for length in lengths.replace(b",", b" ").split())
    values = np.frombuffer(data, dtype=kind.decode("ascii"), offset=header.end())
    return values.reshape(shape, order="F" if fortran_order == b"True" else "C")


@dataclass(frozen=True)
class Scale:
    """Maps a raw statistic to 0 at the training median and 1 at the threshold."""

    median: float
    threshold: float

    def __call__(self, value: FloatArray) -> FloatArray:
        """Scaled statistic, the same shape."""
        return (value - self.median) / (self.threshold - self.median)


@dataclass(frozen=True, eq=False)
class Space:
    """Whitened principal components: centre (n,), components (k, n), scale (k,)."""

    centre: FloatArray
    components: FloatArray
    scale: FloatArray

    def project(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Scores (batch, k), each with unit variance in training, and the residual's size (batch,)."""
        shifted = values - self.centre
        scores = shifted @ self.components.T
        residual = shifted - scores @ self.components
        return scores / self.scale, np.sqrt(np.mean(residual**2, axis=1))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution: mean (k,), precision (k, k), log determinant of the covariance."""

    mean: FloatArray
    precision: FloatArray
    log_det: float

    def log_density(self, scores: FloatArray) -> FloatArray:
        """Log density up to a constant, shape (batch,)."""
        shifted = scores - self.mean
        square: FloatArray = ((shifted @ self.precision) * shifted).sum(axis=1)
        return -0.5 * square - 0.5 * self.log_det


@dataclass(frozen=True, eq=False)
class Artefact:
    """A way in which a spectrum can be spoilt, as a distribution of its own."""

    name: str
    gaussian: Gaussian
    scale: Scale
    reason: str


@dataclass(frozen=True)
class Property:
    """A property of the spectrum that a chemist knows, with the range of the training spectra."""

    name: str
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class InputStatistics:
    """The statistics of model inputs: of good ones, and of those spoilt in known ways."""

    space: Space
    distance: Scale
    residual: Scale
    valid: Gaussian
    artefacts: tuple[Artefact, ...]


@dataclass(frozen=True, eq=False)
class Domain:
    """The statistics of the training spectra.

    Parameters
    ----------
    inputs : InputStatistics
    peaked : InputStatistics or None
        Of spectra that are counted from a pre-edge peak, which have all else
        some 10 eV later; None where too few were trained on.
    features : Space or None
    feature_distance : Scale or None
    properties : tuple of Property
    flat_top : Scale or None
        Of the width of what is as high as the highest point; None for a bundle that was calibrated before
        this was looked at.
    """

    inputs: InputStatistics
    peaked: InputStatistics | None
    features: Space | None
    feature_distance: Scale | None
    properties: tuple[Property, ...]
    flat_top: Scale | None = None


def parse_domain(value: dict[str, Any], count: int) -> Domain:
    """Read ``domain`` of a bundle.

    Parameters
    ----------
    value : dict
    count : int
        Number of energies.

    Returns
    -------
    Domain

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is not as `xnet_exporter.calibrate.domain.fit_domain` writes it.
    """

    def space(data: dict[str, Any], size: int, parts: int) -> Space:
        found = Space(
            _finite(data["centre"], (size,)),
            _finite(data["components"], (parts, size)),
            _finite(data["scale"], (parts,)),
        )
        if not np.all(found.scale > 0.0):
            raise ValueError("a scale that is not above zero")
        return found

    def gaussian(data: dict[str, Any], components: int) -> Gaussian:
        return Gaussian(
            _finite(data["mean"], (components,)),
            _finite(data["precision"], (components, components)),
            _number(data["log_det"]),
        )

    def scale(data: dict[str, Any]) -> Scale:
        found = Scale(_number(data["median"]), _number(data["threshold"]))
        if not found.threshold > found.median:
            raise ValueError("a threshold that is not above its median")
        return found

    def known(data: dict[str, Any]) -> Property:
        found = Property(str(data["name"]), _number(data["low"]), _number(data["high"]))
        if found.name not in PROPERTIES or not found.low <= found.high:
            raise ValueError(f"the property {found.name[:40]!r}")
        return found

    def statistics(data: dict[str, Any]) -> InputStatistics:
        parts = len(data["space"]["components"])
        return InputStatistics(
            space=space(data["space"], count, parts),
            distance=scale(data["distance"]),
            residual=scale(data["residual"]),
            valid=gaussian(data["valid"], parts),
            artefacts=tuple(
                Artefact(str(d["name"]), gaussian(d, parts), scale(d), str(d["reason"]))
                for d in data["artefacts"]
            ),
        )

    features, peaked = value.get("features"), value.get("peaked")
    return Domain(
        # Bundles calibrated before there were two kinds have the statistics of all in this place.
        inputs=statistics(value.get("inputs", value)),
        peaked=None if peaked is None else statistics(peaked),
        features=None
        if features is None
        else space(features, len(features["centre"]), len(features["components"])),
        feature_distance=None if features is None else scale(features),
        properties=tuple(known(d) for d in value["properties"]),
        flat_top=scale(value["flat_top"]) if "flat_top" in value else None,
    )
