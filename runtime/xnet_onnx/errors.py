"""Every error that a user can cause.

The tree::

    XnetError
    +-- ReadError            the file is not a spectrum we can read
    |   +-- ColumnError      which columns hold energy and mu cannot be told
    +-- SpectrumError        the numbers read are not a usable absorption spectrum
    |   +-- ElementError     a spectrum of another element or edge
    |   +-- EdgeError        no edge, or none where the element has one
    |   +-- CoverageError    the data do not cover what the model needs
    +-- BundleError          a bundle is missing, damaged or of another format
    +-- DataSetError         a training set cannot be read
    +-- StructureError       a structure cannot be read, or no cluster cut from it
    +-- SimulationError      a spectrum cannot be calculated
    +-- MissingExtraError    an optional dependency is not installed
    +-- OutputError          a result cannot be written

Each message says what was found, what was expected and what to do. The
command line prints it as one line on stderr.
"""

from __future__ import annotations

from .wording import printable

__all__ = [
    "BundleError",
    "ColumnError",
    "CoverageError",
    "DataSetError",
    "EdgeError",
    "ElementError",
    "MissingExtraError",
    "OutputError",
    "ReadError",
    "SimulationError",
    "SpectrumError",
    "StructureError",
    "XnetError",
]


class XnetError(Exception):
    """Base of every error that xnet-onnx raises on purpose.

    Attributes
    ----------
    label : str
        The file or the spectrum in it that the error is about; "" where there is none.
    """

    def __init__(self, message: object = "") -> None:
        # Messages quote files and their names.
        super().__init__(printable(str(message).replace("\n", " ")))
        self._label = ""

    @property
    def label(self) -> str:
        """What the error is about, fit for a terminal."""
        return self._label

    @label.setter
    def label(self, text: str) -> None:
        self._label = printable(text)


class ReadError(XnetError):
    """The file is not a spectrum we can read."""


class ColumnError(ReadError):
    """Which columns hold the energy and the absorption cannot be told."""


class SpectrumError(XnetError):
    """The numbers are not a usable absorption spectrum."""


class ElementError(SpectrumError):
    """The spectrum is of another element or edge than the bundle's."""


class EdgeError(SpectrumError):
    """No absorption edge, or none where the element has one."""


class CoverageError(SpectrumError):
    """The data do not cover what the model needs."""


class BundleError(XnetError):
    """A bundle is missing, damaged or of a format this version cannot run."""


class DataSetError(XnetError):
    """A training set cannot be read."""


class StructureError(XnetError):
    """A structure cannot be read, or no cluster around the absorber be cut from it."""


class SimulationError(XnetError):
    """A spectrum cannot be calculated."""


class MissingExtraError(XnetError):
    """An optional dependency is needed and not installed."""


class OutputError(XnetError):
    """A result cannot be written."""
