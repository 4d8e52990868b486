"""Is this bundle whole, and does it compute here what it computed when it was made?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..bundle.check import check_model
from ..bundle.files import read_json, text_of
from ..bundle.load import Bundle, read_models, read_verified
from ..errors import BundleError
from ..inference.ensemble import run_ensemble, run_session
from ..inference.session import open_session
from ..inference.trial import try_models
from ..pipeline import predict

__all__ = ["Verification", "verify_bundle"]

TOLERANCE = 1e-4
MEMBER_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Verification:
    """What was checked.

    Parameters
    ----------
    files : int
        Files whose SHA-256 is the recorded one.
    golden_difference : float
        Largest difference in G2 from the recorded output for the golden input.
    member_difference : float
        Largest difference in G2 between the fused model and its members.
    """

    files: int
    golden_difference: float
    member_difference: float


def verify_bundle(bundle: Bundle) -> Verification:
    """Check every hash, the golden input and the members one by one.

    Parameters
    ----------
    bundle : Bundle

    Returns
    -------
    Verification

    Raises
    ------
    BundleError
        If anything is not as recorded.
    """
    files = bundle.card.get("files")
    names = [name for name in files if isinstance(name, str)] if isinstance(files, dict) else []
    _check_names(bundle, names)
    for name in names:
        data = read_verified(bundle.path, name, bundle.card)
        if name.endswith(".md"):
            text_of(data, bundle.path / name)
    file = bundle.path / "golden.json"
    golden = read_json(read_verified(bundle.path, file.name, bundle.card), file)
    try:
        expected = np.array(golden["g2"], dtype=np.float64)
        energy, norm = np.array(golden["energy"]), np.array(golden["norm"])
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise BundleError(f"{file} lacks or misstates {error}; export the bundle again") from error
    element = golden.get("element")
    found = predict(energy, norm, normalized=True, bundle=bundle, label="golden input", element=element)
    golden_difference = _difference(found.members, expected, "the golden output")
    if golden_difference > TOLERANCE:
        raise BundleError(
            f"the golden input gives G2 that differs by {golden_difference:.2g} from the recorded "
            f"output; expected at most {TOLERANCE:g}: update onnxruntime, and report this"
        )
    inputs = found.spectrum.astype(np.float32)[np.newaxis]
    absorber = bundle.absorber(found.element)
    absorbers = np.array([absorber.number], dtype=np.int64)
    fused = run_ensemble(bundle, inputs, absorbers)[0]
    member_difference = 0.0
    members: dict[str, tuple[bytes, tuple[int, ...]]] = {}
    singles = [f"member_{index:02d}.onnx" for index in range(bundle.members)]
    for name in singles:
        if name not in names:
            raise BundleError(f"{bundle.path} lacks {name}; expected {bundle.members} members")
    for name, model in read_models(bundle.path, singles, bundle.card).items():
        check_model(model, name, inputs=bundle.axis.count, output=(bundle.r.size,))
        members[name] = (model, (bundle.r.size,))
    numbers = [one.number for one in bundle.absorbers]
    try_models(bundle.path, members, bundle.axis.count, numbers)
    for index, (name, (model, _)) in enumerate(members.items()):
        single = run_session(open_session(model), inputs, absorbers)[0]
        member_difference = max(member_difference, _difference(single[0], fused[index], name))
    if member_difference > MEMBER_TOLERANCE:
        raise BundleError(
            f"ensemble.onnx and its members differ by {member_difference:.2g}; expected at most "
            f"{MEMBER_TOLERANCE:g}: export the bundle again"
        )
    return Verification(len(names), golden_difference, member_difference)


#: As many bytes as the files of a bundle may have together.
MAX_BUNDLE_BYTES = 160 * 1024 * 1024


def _check_names(bundle: Bundle, names: list[str]) -> None:
    sizes = [(bundle.path / name).stat().st_size for name in names if (bundle.path / name).is_file()]
    if len(names) > bundle.members + 100 or sum(sizes) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"{bundle.path} has {len(names)} files of {sum(sizes)} bytes; expected {bundle.members} members "
            f"and at most {MAX_BUNDLE_BYTES} bytes: is this a bundle of xnet-onnx?"
        )


def _difference(found: np.ndarray, expected: np.ndarray, what: str) -> float:
    if found.shape != expected.shape:
        raise BundleError(
            f"{what} has shape {found.shape}; expected {expected.shape}: export the bundle again"
        )
    return float(np.max(np.abs(found - expected)))
