"""Files in, predictions out: what ``predict`` does, without a command line around it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..bundle.load import Bundle
from ..errors import MissingExtraError, ReadError, XnetError
from ..pipeline import predict_many
from ..prediction import DEFAULT_LEVEL, Prediction
from ..readers import Choice, read, read_all
from ..readers.foil import foil_shift, shifted
from ..spectrum import Spectrum
from ..wording import printable
from .expand import holds_no_spectrum, stamp_of
from .plugins import session_reader

__all__ = ["Batch", "Outcome", "Request", "Shift", "predict_files", "shift_of_foil"]

#: Spectra predicted at a time.
CHUNK = 64
_CARD_ONLY = ("metrics", "licence", "parity")


@dataclass(frozen=True)
class Shift:
    """A shift of all energies.

    Parameters
    ----------
    energy : float
        In eV.
    why : str
        For the output: "after the foil foil.xdi".
    """

    energy: float
    why: str


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked for, the same for every file.

    Parameters
    ----------
    bundle : Bundle
    choice : Choice
        Columns, element, edge and energy shift in place of the file's.
    normalized : bool
        Take mu as normalised already.
    level : float
        Coverage of the intervals.
    force : bool
        Give distances outside the domain of the model too.
    foil : Shift, optional
        From `shift_of_foil`.
    own_channel : bool
        Calibrate each file with its own reference channel.
    threads : int
        Threads inside one operator.
    """

    bundle: Bundle
    choice: Choice = field(default_factory=Choice)
    normalized: bool = False
    level: float = DEFAULT_LEVEL
    force: bool = False
    foil: Shift | None = None
    own_channel: bool = False
    threads: int = 1

    def options(self) -> dict[str, str]:
        """Options that change what is read from a file, where they are given, as on the command line."""
        choice = self.choice
        given = {
            "--energy-column": choice.energy_column,
            "--mu-column": choice.mu_column,
            "--element": choice.element,
            "--edge": choice.edge,
            "--energy-shift": f"{choice.energy_shift:g}" if choice.energy_shift else None,
            "--normalized": "" if self.normalized else None,
            "--foil": None if self.foil is None else f"{self.foil.energy:+.4f} eV",
            "--foil-channel": "" if self.own_channel else None,
        }
        return {name: str(value) for name, value in given.items() if value is not None}

    def settings(self) -> str:
        """All that a row depends on besides its file, in one line.

        Returns
        -------
        str
            Model and its fingerprint, version, level and the options given.
        """
        from .._version import __version__

        card = {key: value for key, value in self.bundle.card.items() if key not in _CARD_ONLY}
        if isinstance(card.get("files"), dict):
            kept = ("README.md", "metrics.json")
            card["files"] = {key: value for key, value in card["files"].items() if key not in kept}
        fingerprint = hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:12]
        words = [f"{self.bundle.title} {fingerprint}", f"xnet-onnx {__version__}", f"--level {self.level:g}"]
        words += [f"{name} {value}".strip() for name, value in self.options().items()]
        words += ["--force"] if self.force else []
        return " ".join(printable("; ".join(words)).split())


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one spectrum.

    Parameters
    ----------
    file : str
        The file as it was named.
    label : str
        What to call it in the output: the file, with ":group" where it holds several.
    result : Prediction or XnetError
    stamp : (str, str)
        Size and time of the file when it was read.
    """

    file: str
    label: str
    result: Prediction | XnetError
    stamp: tuple[str, str] = ("", "")


@dataclass(frozen=True, eq=False)
class Batch:
    """What came of some files.

    Parameters
    ----------
    outcomes : tuple of Outcome
    skipped : tuple of str
        Files that are no spectra.
    files : int
        How many were read.
    """

    outcomes: tuple[Outcome, ...]
    skipped: tuple[str, ...]
    files: int


@dataclass(frozen=True, eq=False)
class _Item:
    file: str
    label: str
    content: Spectrum | Prediction | XnetError
    stamp: tuple[str, str]


def predict_files(
    names: Iterable[str],
    request: Request,
    *,
    found: frozenset[str] = frozenset(),
    chunk: int = CHUNK,
) -> Iterator[Batch]:
    """Read files and predict for every spectrum in them; a bad one does not stop the others.

    Parameters
    ----------
    names : iterable of str
        From `xnet_onnx.cli.expand.expand`.
    request : Request
    found : frozenset of str
        Of these, files that hold no spectrum are skipped.
    chunk : int
        Spectra predicted at a time.

    Yields
    ------
    Batch
        In the order of the names; whole files.

    Raises
    ------
    BundleError, OutputError
        As `predict_many`.
    """
    waiting: list[_Item] = []
    skipped: list[str] = []
    files = 0
    for name in names:
        files += 1
        items = _read(name, request, name in found)
        waiting += items
        if not items:
            skipped.append(name)
        if len(waiting) >= chunk:
            yield _finish(waiting, skipped, files, request)
            waiting, skipped, files = [], [], 0
    if files:
        yield _finish(waiting, skipped, files, request)


def _finish(items: list[_Item], skipped: list[str], files: int, request: Request) -> Batch:
    spectra = [item.content for item in items if not isinstance(item.content, Prediction)]
    results = iter(
        predict_many(
            spectra,
            bundle=request.bundle,
            normalized=request.normalized,
            level=request.level,
            force=request.force,
            threads=request.threads,
        )
    )
    outcomes = tuple(
        Outcome(
            item.file,
            item.label,
            item.content if isinstance(item.content, Prediction) else next(results),
            item.stamp,
        )
        for item in items
    )
    return Batch(outcomes, tuple(skipped), files)


def _read(name: str, request: Request, skip: bool) -> list[_Item]:
    """The spectra of a file with the names they have in the output; none where it is to be skipped."""
    stamp = stamp_of(name)
    try:
        if Path(name).suffix.lower() == ".larix":
            return [
                _Item(name, printable(f"{name}:{label}"), result, stamp)
                for label, result in _predict_session(name, request)
            ]
        calibrate = request.bundle.absorbers if request.own_channel else ()
        spectra = read_all(name, request.choice, calibrate=calibrate)
    except XnetError as error:
        if skip and type(error) is ReadError and holds_no_spectrum(name):
            return []
        return [_Item(name, printable(name), error, stamp)]
    short = "standard input" if name == "-" else printable(Path(name).name)
    items: list[_Item] = []
    for item in spectra:
        inside = item.label.removeprefix(short) if item.label.startswith(f"{short}:") else ""
        if request.foil is not None and not isinstance(item, XnetError):
            item = shifted(item, request.foil.energy, request.foil.why)
        items.append(_Item(name, printable(name + inside), item, stamp))
    return items


def _predict_session(name: str, request: Request) -> list[tuple[str, Prediction | XnetError]]:
    """Predict for the groups of a Larix session, which Larch alone can read (extra [larch])."""
    refused = list(request.options())
    if refused:
        raise ReadError(
            f"{name} is a Larix session, whose groups say themselves what they are; {', '.join(refused)} "
            "cannot be applied to it: leave it out, or set it in Larix"
        )
    reader = session_reader(".larix")
    if reader is None:
        raise MissingExtraError(
            f"{name} is a Larix session, which only Larch reads; install it with: "
            'pip install "xnet-onnx[larch]"'
        )
    found: list[tuple[str, Prediction | XnetError]] = reader(
        name, request.bundle, level=request.level, force=request.force
    )
    return found


def shift_of_foil(foil: str, bundle: Bundle) -> Shift:
    """The shift that puts a foil's edge where it belongs.

    Parameters
    ----------
    foil : str
        A scan of the element's foil.
    bundle : Bundle

    Returns
    -------
    Shift

    Raises
    ------
    XnetError
        If it cannot be read, or is no scan of that foil.
    """
    from ..preprocess.edge import absorber_of

    spectrum = read(foil)
    absorber = absorber_of(spectrum, bundle)
    shift = foil_shift(spectrum.energy, spectrum.mu, absorber.element, (absorber,))
    return Shift(shift, f"after the foil {printable(foil)}")
