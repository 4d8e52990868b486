"""What a set holds and what it lacks: a page and a figure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xnet_onnx.files import replace_when_done, write_bytes
from xnet_onnx.spectrum import FloatArray

from ..structures.cluster import commonest, first_shell
from .sets import Contents

__all__ = ["Shells", "report_text", "shells", "write_report"]

#: Shells with fewer spectra than this are named as missing.
FEW = 10
#: Coordination numbers and neighbours that a chemist asks about first.
ASKED = [(number, symbol) for number in (4, 5, 6) for symbol in ("N", "O", "S", "Cl")]


@dataclass(frozen=True, eq=False)
class Shells:
    """First shells of a set's structures, one a row.

    Parameters
    ----------
    sources : list of str
    coordination : list of int
    distance : ndarray of float64, shape (n,)
        Mean, in Angstrom.
    neighbour : list of str
        The commonest element of the shell.
    """

    sources: list[str]
    coordination: list[int]
    distance: FloatArray
    neighbour: list[str]


def shells(contents: Contents) -> Shells:
    """First shells of a set.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Shells
    """
    sources, coordination, distance, neighbour = [], [], [], []
    for row in contents.rows.values():
        d, numbers = row.cluster.distances, row.cluster.numbers
        shell = first_shell(d, numbers)
        if not shell.size:
            continue
        sources.append(row.cluster.source)
        coordination.append(int(shell.size))
        distance.append(float(d[shell].mean()))
        neighbour.append(commonest(numbers[shell]))
    return Shells(sources, coordination, np.array(distance), neighbour)


def report_text(contents: Contents, found: Shells, figure: str) -> str:
    """The page, as Markdown.

    Parameters
    ----------
    contents : Contents
    found : Shells
    figure : str
        Name of the figure's file.

    Returns
    -------
    str
    """
    record = contents.record
    element = record["element"]
    sources = ", ".join(f"{count} {source}" for source, count in Counter(found.sources).most_common())
    left_out = record["left_out"]
    lines = [
        f"# {element} {record['recipe']['edge']} edge: {len(contents.rows)} spectra ({sources})",
        "",
        f"![Spectra, coordination numbers and first-shell distances]({figure})",
        "",
        "Coordination counts the first shell: heavy atoms before the first gap of 0.35 Angstrom. "
        + (
            "What was left out is not recorded."
            if left_out is None
            else f"{len(left_out)} structures were left out."
        ),
        "",
        "| nearest neighbours | coordination | spectra | mean distance (Angstrom), 5 to 95 % |",
        "|---|---:|---:|---|",
    ]
    groups = Counter(zip(found.neighbour, found.coordination, strict=True))
    for (symbol, number), count in sorted(groups.items(), key=lambda item: (-item[1], item[0])):
        chosen = [
            d
            for d, n, s in zip(found.distance.tolist(), found.coordination, found.neighbour, strict=True)
            if n == number and s == symbol
        ]
        low, middle, high = np.percentile(chosen, [5, 50, 95])
        lines.append(f"| {symbol} | {number} | {count} | {middle:.2f} ({low:.2f} to {high:.2f}) |")
    missing = [
        f"{number} {symbol} ({groups[symbol, number]})"
        for number, symbol in ASKED
        if groups[symbol, number] < FEW
    ]
    lines += [
        "",
        f"Fewer than {FEW} spectra: {', '.join(missing) if missing else 'none of those asked for'}.",
    ]
    reasons = Counter(reason.split(":")[0][:80] for reason in (left_out or {}).values())
    if reasons:
        lines += ["", "| left out because | structures |", "|---|---:|"]
        lines += [f"| {reason} | {count} |" for reason, count in reasons.most_common()]
    return "\n".join([*lines, ""])


def write_report(contents: Contents, out: Path) -> tuple[Path, Path]:
    """Write ``NAME.report.md`` and ``NAME.report.png`` beside a set.

    Parameters
    ----------
    contents : Contents
    out : Path
        The set's folder.

    Returns
    -------
    page, figure : Path

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    found = shells(contents)
    page, figure = (out.with_name(f"{out.name}.report.{suffix}") for suffix in ("md", "png"))
    with replace_when_done(figure) as temporary:
        _draw(contents, found, temporary)
    write_bytes(page, report_text(contents, found, figure.name).encode())
    return page, figure


def _draw(contents: Contents, found: Shells, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplot_mosaic([["spectra", "spectra"], ["coordination", "distance"]])
    # Thin lines by source, the commonest below.
    order = [source for source, _ in Counter(found.sources).most_common()]
    colours = {source: f"C{i}" for i, source in enumerate(order)}
    curves = sorted(contents.rows.values(), key=lambda row: order.index(row.cluster.source))
    alpha = max(0.05, min(0.6, 30 / len(curves)))
    for row in curves:
        axes["spectra"].plot(contents.energy, row.mu, lw=0.5, alpha=alpha, color=colours[row.cluster.source])
    for source in order:
        axes["spectra"].plot([], [], color=colours[source], label=f"{source} ({found.sources.count(source)})")
    axes["spectra"].legend(frameon=False)
    axes["spectra"].set(
        xlabel="Energy (eV)",
        ylabel="Normalised absorption",
        title=f"{contents.record['element']} {contents.record['recipe']['edge']} edge, "
        f"{len(contents.rows)} spectra",
    )
    numbers = np.arange(1, max(found.coordination) + 2)
    by_source = [np.array([s == source for s in found.sources]) for source in order]
    coordination = np.array(found.coordination)
    axes["coordination"].hist(
        [coordination[chosen] for chosen in by_source],
        bins=(numbers - 0.5).tolist(),
        stacked=True,
        color=[colours[source] for source in order],
    )
    axes["coordination"].set(xlabel="Coordination number", ylabel="Spectra")
    axes["distance"].hist(
        [found.distance[chosen] for chosen in by_source],
        bins=np.arange(1.4, 3.41, 0.05).tolist(),
        stacked=True,
        color=[colours[source] for source in order],
    )
    axes["distance"].set(xlabel="First-shell distance (Angstrom)", ylabel="Spectra")
    figure.savefig(path, dpi=130, format="png")
