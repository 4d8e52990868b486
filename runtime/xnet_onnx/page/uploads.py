"""From the bytes of dropped files to predictions, with the names that ``predict`` gives them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..bundle.load import Bundle
from ..errors import ReadError, XnetError
from ..pipeline import predict_many
from ..prediction import DEFAULT_LEVEL, Prediction
from ..readers import Choice, read_all
from ..spectrum import Spectrum
from ..wording import printable

__all__ = ["MAX_FILES", "MAX_FILE_BYTES", "MAX_TOTAL_BYTES", "Answer", "Desk", "read_upload"]

MAX_FILES = 500
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024

#: A spectrum, or why there is none, with its name in the table.
Reading = tuple[str, Spectrum | XnetError]


@dataclass(frozen=True, eq=False)
class Answer:
    """One spectrum, and what came of it.

    Parameters
    ----------
    upload : str
        Name of the file it came in.
    file : str
        Its name in the table: "Fe.prj:Hematite" where the file holds several.
    spectrum : Spectrum or None
        As read; None where it could not be.
    result : Prediction or XnetError
    """

    upload: str
    file: str
    spectrum: Spectrum | None
    result: Prediction | XnetError


@dataclass(eq=False)
class Desk:
    """What lies before one person, in memory only: files, how they are read, answers.

    Parameters
    ----------
    bundle : Bundle
    level : float
        Coverage of the intervals.
    normalized : bool
        Take mu as normalised already.
    files : dict of str to bytes
        What was dropped, by name.
    choices : dict of str to Choice
        Columns chosen for a file.
    read : dict of str to list of (str, Spectrum or XnetError)
        The spectra of each file with their names in the table.
    answered : dict of str to list of Answer
    """

    bundle: Bundle
    level: float = DEFAULT_LEVEL
    normalized: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)
    read: dict[str, list[Reading]] = field(default_factory=dict)
    answered: dict[str, list[Answer]] = field(default_factory=dict)

    @property
    def answers(self) -> list[Answer]:
        """All answers, in the order in which the files came."""
        return [answer for name in self.read for answer in self.answered.get(name, ())]

    def take(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Read files and predict for them; a name that is known already is read anew."""
        names = []
        for name, data in files:
            others = [len(held) for other, held in self.files.items() if other != name]
            if len(others) >= MAX_FILES or sum(others) + len(data) > MAX_TOTAL_BYTES:
                refused = ReadError(
                    f"this page holds {MAX_FILES} files and {MAX_TOTAL_BYTES // 2**20} MB at most, and has "
                    f"{len(others)} files already: start again, or use xnet-onnx predict FOLDER --csv OUT.csv"
                )
                self.read[name] = [(printable(name), refused)]
            else:
                self.files[name] = data
                self.read[name] = read_upload(name, data, self.choices.get(name))
            names.append(name)
        self.predict(names)

    def give(self, name: str, readings: list[Reading]) -> None:
        """Predict for spectra that are no file."""
        self.read[name] = readings
        self.predict([name])

    def choose(self, name: str, choice: Choice) -> None:
        """Read a file again with other columns."""
        self.choices[name] = choice
        self.take([(name, self.files[name])])

    def forget(self, name: str) -> None:
        """Drop a file, and what came of it, from memory."""
        for held in (self.files, self.choices, self.read, self.answered):
            held.pop(name, None)

    def predict(self, names: Iterable[str] | None = None) -> None:
        """Predict for files as read, or for all."""
        read = [
            (name, *reading)
            for name in (self.read if names is None else names)
            for reading in self.read[name]
        ]
        results = predict_many(
            [item for _, _, item in read], bundle=self.bundle, normalized=self.normalized, level=self.level
        )
        self.answered.update((name, []) for name, _, _ in read)
        for (name, file, item), result in zip(read, results, strict=True):
            self.answered[name].append(
                Answer(
                    name,
                    file,
                    item if isinstance(item, Spectrum) else None,
                    replace(result, label=file) if isinstance(result, Prediction) else result,
                )
            )


def read_upload(name: str, data: bytes, choice: Choice | None = None) -> list[Reading]:
    """Read the spectra of a dropped file, without the disk.

    Parameters
    ----------
    name : str
        Of the file, as the browser tells it.
    data : bytes
    choice : Choice, optional

    Returns
    -------
    list of (str, Spectrum or XnetError)
        With their names in the table.
    """
    if len(data) > MAX_FILE_BYTES:
        large = ReadError(
            f"the file has {len(data) / 2**20:.0f} MB; this page takes up to {MAX_FILE_BYTES // 2**20} MB a "
            "file: cut out the scan you want"
        )
        return [(printable(name), large)]
    try:
        found = read_all(data, choice, name=name)
    except XnetError as error:
        return [(printable(name), error)]
    return [(printable(item.label if item.label.startswith(f"{name}:") else name), item) for item in found]
