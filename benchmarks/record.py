"""The speed of each release, kept; and what has become slower since the last.

    python benchmarks/record.py              # measures, compares, writes history/VERSION.json, draws
    python benchmarks/record.py --compare    # measures and compares alone
    python benchmarks/record.py --draw       # draws docs/figures/speed_history.svg alone

Compared is with the last release that was recorded; a ratio that is more than 15 % above its own there is
named, and the command ends with 1.

Needs the extras [export], [maps] and [plot], a machine with nothing else to do, and some minutes.
Every number is a ratio of two times from this one run, and larger is slower. Predictions are divided
by the roofline (the network's operations at the speed of a matrix product), which no change of ours
moves; so a faster graph does not make what surrounds it look slower.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HISTORY = ROOT / "benchmarks" / "history"
FIGURE = ROOT / "docs" / "figures" / "speed_history.svg"
#: By how much a ratio may be above the last release's.
TOLERANCE = 0.15
BATCHES = [1, 64, 1024]
CASES = {"d": "the graph", "m": "arrays, as in maps", "e": "predict_many"}
OWN_GRIDS = "predict_many, a grid each"


@dataclass(frozen=True)
class Record:
    """Ratios of one run.

    Parameters
    ----------
    version : str
        Of xnet-onnx.
    commit, date : str
        What was measured, and when.
    machine : str
    bundle : str
        The model: another one has other operations.
    ratios : dict of str to float
    source : str
        Where the ratios are from, if this command has not measured them.
    """

    version: str
    commit: str
    date: str
    machine: str
    bundle: str
    ratios: dict[str, float]
    source: str = ""


def read_history(folder: Path = HISTORY) -> list[Record]:
    """All records, the oldest first."""
    records = [Record(**json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")]
    return sorted(records, key=lambda record: record.date)


def last_release(records: Sequence[Record]) -> Record | None:
    """The newest record that this command has measured."""
    return next((record for record in reversed(records) if not record.source), None)


def slower(before: dict[str, float], now: dict[str, float], tolerance: float = TOLERANCE) -> list[str]:
    """The ratios that have grown by more than the tolerance, the worst first; those of both records count."""
    growth = {name: now[name] / before[name] - 1.0 for name in before.keys() & now.keys()}
    return [
        name for name in sorted(growth, key=lambda name: (-growth[name], name)) if growth[name] > tolerance
    ]


def report(before: Record, now: Record) -> tuple[str, bool]:
    """What is said about two records, and whether nothing has become slower."""
    lines = [f"{now.version} ({now.commit}) against {before.version} ({before.commit}, {before.date[:10]})"]
    lines += [
        f"note: {what} is {new!r}, and was {old!r}"
        for what, old, new in (
            ("the machine", before.machine, now.machine),
            ("the model", before.bundle, now.bundle),
        )
        if old != new
    ]
    lines += [
        f"not compared, as one of them lacks it: {name}" for name in sorted(before.ratios.keys() ^ now.ratios)
    ]
    worse = slower(before.ratios, now.ratios)
    for name in worse:
        old, new = before.ratios[name], now.ratios[name]
        lines.append(f"{100 * (new / old - 1):.0f} % slower: {name} is {new:.2f}, and was {old:.2f}")
    if not worse:
        lines.append(f"no ratio is more than {100 * TOLERANCE:.0f} % slower")
    return "\n".join(lines), not worse


def measured() -> Record:
    """Run the benchmarks."""
    import cold_start
    import throughput

    ratios = cold_start.measured(15)
    seconds, own_grids = throughput.measured(1, BATCHES, 5)
    for batch, best in seconds.items():
        for case, text in CASES.items():
            ratios[of_batch(text, batch)] = best[case] / best["f"]
    ratios[of_batch(OWN_GRIDS, BATCHES[-1])] = own_grids / seconds[BATCHES[-1]]["f"]

    # After numpy has been told its threads.
    import maps
    from made_stack import make_stack
    from xnet_onnx import __version__, load_bundle

    with tempfile.TemporaryDirectory() as folder:
        stack = Path(folder) / "stack.h5"
        make_stack(stack, 256)
        times, equal = maps.workers_times(stack, Path(folder), 2)
    if not equal:
        sys.exit("workers and one process wrote different maps; expected the same: nothing was recorded")
    for workers, (ratio, _processor) in times.items():
        ratios[f"map, {workers} worker{'s' * (workers > 1)} / one process"] = ratio
    return Record(
        version=__version__,
        commit=commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=throughput.cpu_name(),
        bundle=load_bundle().title,
        ratios={name: round(ratio, 3) for name, ratio in ratios.items()},
    )


def of_batch(what: str, batch: int) -> str:
    """The name of a ratio to the roofline."""
    return f"{what} / roofline, batch {batch}"


def commit() -> str:
    """The commit that lies here, and whether there are changes to it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+changes"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


#: The panels of the figure: title, and which ratios are in it.
PANELS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("one file / the imports it needs", lambda name: name.startswith("xnet-onnx")),
    ("a map / one process", lambda name: name.startswith("map")),
    *(
        (f"batch {batch} / roofline", lambda name, end=f"roofline, batch {batch}": name.endswith(end))
        for batch in BATCHES
    ),
)


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw every ratio over the records.

    Points of one machine and one model are joined; those that this command has not measured are hollow.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "xnet-onnx", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 3, figsize=(9.5, 5.6), layout="constrained")
    names = [record.commit if record.source else record.version for record in records]
    for axes, (title, wanted) in zip(panels.flat, PANELS, strict=False):
        _panel(axes, records, wanted)
        axes.set_title(title, fontsize=9)
        axes.set_xticks(range(len(records)), names, rotation=30, ha="right")
        axes.set_xlim(-0.5, len(records) - 0.5)
        axes.set_ylim(bottom=0.0)
    key = "\n".join(
        f"{name}   {record.date[:10]}   {record.bundle}\n    {record.machine}"
        for name, record in zip(names, records, strict=True)
    )
    panels.flat[-1].set_axis_off()
    panels.flat[-1].text(
        0.0,
        1.0,
        "Lower is faster. Filled: measured by this command;\nhollow: from the page at that commit. "
        f"Points of one\nmachine and one model are joined.\n\n{key}",
        va="top",
        fontsize=7.5,
        transform=panels.flat[-1].transAxes,
    )
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=130)


def _panel(axes: Any, records: Sequence[Record], wanted: Callable[[str], bool]) -> None:
    found = dict.fromkeys(name for record in records for name in record.ratios if wanted(name))
    for number, name in enumerate(found):
        colour = f"C{number}"
        places = [place for place, record in enumerate(records) if name in record.ratios]
        for one, next_one in pairwise(places):
            first, second = records[one], records[next_one]
            if (first.machine, first.bundle) == (second.machine, second.bundle):
                axes.plot([one, next_one], [first.ratios[name], second.ratios[name]], color=colour, lw=1)
        for place in places:
            face = "white" if records[place].source else colour
            axes.plot(place, records[place].ratios[name], "o", ms=5, mec=colour, mfc=face)
        axes.plot([], [], "o", ms=5, color=colour, label=name.partition(" / ")[0])
    axes.margins(y=0.3)
    if found:
        axes.legend(fontsize=7, frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--compare", action="store_true", help="write nothing")
    what.add_argument("--draw", action="store_true", help="measure nothing")
    chosen = parser.parse_args()
    if chosen.draw:
        draw(read_history(), FIGURE)
        return
    now, history = measured(), read_history()
    if not chosen.compare:
        # The record of a release that is measured again is replaced, and not what it is compared with.
        history = [one for one in history if one.version != now.version or one.source]
        text = json.dumps(asdict(now), indent=1) + "\n"
        HISTORY.mkdir(exist_ok=True)
        (HISTORY / f"{now.version}.json").write_text(text, encoding="utf-8")
        draw(read_history(), FIGURE)
        print(text)
    before = last_release(history)
    if before is None:
        print("nothing to compare with: no release was recorded before")
        return
    text, good = report(before, now)
    print(text)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
