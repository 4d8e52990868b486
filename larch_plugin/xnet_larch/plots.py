"""Drawing ``group.xnet``: with matplotlib, or in the windows of Larch's plotter."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from xnet_onnx.errors import MissingExtraError, OutputError
from xnet_onnx.files import replace_when_done
from xnet_onnx.output.figure import CURVE, SPECTRUM, leave_room, refuse
from xnet_onnx.output.text import UNCALIBRATED

from .host import larch_module

__all__ = ["draw_figure", "draw_in_larch", "has_larch_plotter"]


def _shell_title(result: Any) -> str:
    shell = result.first_shell
    if shell is None:
        return "outside the domain" if _refused(result) else "no peak"
    verdict = result.confidence
    if shell.lower is None or verdict is None:
        return rf"first shell {shell.r:.2f} $\mathrm{{\AA}}$ ({UNCALIBRATED})"
    interval = f"{shell.lower:.2f} to {shell.upper:.2f}, {100 * verdict.interval_level:g} %"
    return rf"first shell {shell.r:.2f} $\mathrm{{\AA}}$ ({interval})  {verdict.verdict}"


def _refused(result: Any) -> bool:
    """Whether the spectrum is outside the domain and no distance was forced."""
    return (
        result.confidence is not None
        and result.confidence.verdict == "outside"
        and result.first_shell is None
    )


def draw_figure(result: Any, mark: str, path: Path | None) -> Any:
    """Draw with matplotlib.

    Parameters
    ----------
    result : larch.Group
        ``group.xnet``.
    mark : str
        Put before the title.
    path : Path or None
        Where to save the figure.

    Returns
    -------
    matplotlib.figure.Figure
        On the screen already where matplotlib has a window to draw in.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError(
            'figures need matplotlib; install it with: pip install "xnet-onnx[larch]"'
        ) from error
    figure = plt.figure(figsize=(8.0, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(result.energy, result.spectrum, color=SPECTRUM, lw=1.5)
    left.axvline(result.preprocessing["e0"], color="0.6", lw=0.8, ls=":")
    left.set_xlabel("energy (eV)")
    left.set_ylabel(r"normalised $\mu(E)$")
    left.set_title(f"{mark}{result.label}", fontsize=9, loc="left")
    right.set_title(_shell_title(result), fontsize=9, loc="left")
    if _refused(result):
        refuse(right, result.confidence.reasons)
    else:
        _draw_curve(right, result)
    try:
        if path is not None:
            with replace_when_done(path) as temporary:
                figure.savefig(temporary, dpi=150)
    except ValueError as error:
        raise OutputError(
            f"{path} names no figure format ({error}); expected a name ending in .png, .svg or .pdf"
        ) from error
    finally:
        if path is not None or figure.canvas.required_interactive_framework is None:
            # Off pyplot's list: a notebook shows the returned figure, and would show it twice.
            plt.close(figure)
    if path is None and figure.canvas.required_interactive_framework is not None:
        figure.show()
    return figure


def _draw_curve(axes: Any, result: Any) -> None:
    """The predicted curve with its band and peaks."""
    verdict = result.confidence
    band = r"$\pm 2\sigma$" if verdict is None else f"{100 * verdict.interval_level:g} % interval"
    axes.fill_between(result.r, result.lower, result.upper, color=CURVE, alpha=0.25, lw=0, label=band)
    axes.plot(result.r, result.mean, color=CURVE, lw=1.5, label="mean")
    for peak in result.peaks:
        axes.annotate(
            f"{peak['r']:.2f}",
            (peak["r"], peak["height"]),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.margins(x=0.0)
    leave_room(axes, result.mean, result.sigma)
    axes.set_xlabel(r"distance $r$ ($\mathrm{\AA}$)")
    axes.set_ylabel(r"$G^2$ (wACSF)")


def has_larch_plotter(session: Any) -> bool:
    """Whether Larch can open plot windows: a session, wx and a display.

    Parameters
    ----------
    session : larch.Interpreter or None

    Returns
    -------
    bool
    """
    if session is None or not larch_module("larch.wxlib").HAS_WXPYTHON:
        return False
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def draw_in_larch(result: Any, mark: str, win: int, session: Any) -> None:
    """Draw in the windows of Larch's own plotter.

    Parameters
    ----------
    result : larch.Group
        ``group.xnet``.
    mark : str
        Put before the title.
    win : int
        Window of the prediction; the spectrum goes to the next one.
    session : larch.Interpreter
    """
    plotter = session.symtable._plotter
    title = f"{mark}{result.label}: {_shell_title(result)}"
    labels = {"xlabel": r"$r$ ($\rm\AA$)", "ylabel": r"$G^2$ (wACSF)", "title": title}
    if not _refused(result):
        plotter.plot(result.r, result.mean, win=win, new=True, label="mean", color=CURVE, **labels)
        for name in ("lower", "upper"):
            plotter.plot(result.r, getattr(result, name), win=win, label=name, color=CURVE, style="dashed")
    for peak in result.peaks:
        plotter.plot_text(f"{peak['r']:.2f}", peak["r"], peak["height"], win=win, ha="center", va="bottom")
    plotter.plot(
        result.energy,
        result.spectrum,
        win=win + 1,
        new=True,
        label="spectrum as used",
        color=SPECTRUM,
        xlabel="energy (eV)",
        ylabel=r"normalised $\mu(E)$",
        title=f"{mark}{result.label}",
    )
