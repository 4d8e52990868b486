"""The page in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..bundle.load import Bundle, load_bundle
from ..errors import MissingExtraError, XnetError
from ..readers import read_all
from ..spectrum import Spectrum
from .uploads import Reading

__all__ = ["app"]


def app(spectra: Iterable[Spectrum | XnetError | str | Path] = (), *, bundle: Bundle | None = None) -> Any:
    """Show spectra and their answers in a notebook, as ``xnet-onnx page`` does in a browser.

    Parameters
    ----------
    spectra : iterable of Spectrum, XnetError, str or Path
        Spectra, or files. More can be dropped onto it.
    bundle : Bundle, optional
        The shipped one by default.

    Returns
    -------
    panel.Column
        The last line of a cell shows it.

    Raises
    ------
    MissingExtraError
        If panel is not installed.
    BundleError
        If the bundle cannot be loaded or run.
    """
    try:
        import panel as pn
    except ImportError as error:
        raise MissingExtraError(
            'the app needs panel; install it with: pip install "xnet-onnx[page]"'
        ) from error
    # Inline: nothing from a content delivery network.
    pn.extension("tabulator", inline=True)
    from .view import View

    return View([load_bundle() if bundle is None else bundle], _readings(spectra)).layout


def _readings(spectra: Iterable[Spectrum | XnetError | str | Path]) -> list[Reading]:
    readings: list[Reading] = []
    for item in spectra:
        if isinstance(item, Spectrum | XnetError):
            readings.append((item.label or "spectrum", item))
            continue
        try:
            found = read_all(item)
        except XnetError as error:
            readings.append((str(item), error))
            continue
        readings += [(each.label or str(item), each) for each in found]
    return readings
