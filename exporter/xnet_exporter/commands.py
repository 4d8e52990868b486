"""``xnet-onnx train``, ``export``, ``calibrate``, ``evaluate`` and ``reproduce``.

Only click and the light runtime are imported here; without the extra, each
command is one line that says what to install.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import click

from xnet_onnx.errors import BundleError, MissingExtraError, XnetError
from xnet_onnx.threads import limit_threads

from .threads import THREADS

__all__ = ["calibrate", "evaluate", "export", "reproduce", "train"]

NEEDED = ("torch", "onnx", "onnxscript", "ase", "yaml", "tqdm")


def _require_extra(command: str, needed: tuple[str, ...] = NEEDED, extra: str = "export") -> None:
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"xnet-onnx {command} needs {', '.join(missing)}, which is not installed; install with: "
            f'pip install "xnet-onnx[{extra}]"'
        )


def _ready_to_compute(command: str, needed: tuple[str, ...] = NEEDED, extra: str = "export") -> None:
    """Refuse without the extra, and fix the number of threads before numpy is imported."""
    _require_extra(command, needed, extra)
    limit_threads(THREADS)


_data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Training set, or a folder of sets (its largest is taken, in the newest version).",
)
_sets_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    multiple=True,
    metavar="DIR",
    help="Training set, or a folder of sets (its largest is taken, in the newest version); again for more.",
)


@click.command()
@_sets_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="Folder for the trained members.",
)
@click.option(
    "--preset",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="What we ship, or the paper's recipe.",
)
@click.option(
    "--members",
    type=click.IntRange(min=1, max=100),
    default=15,
    show_default=True,
    help="Number of bootstrap members.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of every random number."
)
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the preset's.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
def train(
    data: tuple[Path, ...],
    out: Path,
    preset: str,
    members: int,
    seed: int,
    epochs: int | None,
    resume: bool,
) -> None:
    """Train the members of a bundle."""
    _ready_to_compute("train")
    from .train.presets import PRESETS
    from .train.run import train as run_training

    try:
        run = run_training(
            data, out, PRESETS[preset], members=members, seed=seed, epochs=epochs, resume=resume
        )
    except KeyboardInterrupt:
        raise XnetError(f"interrupted; go on with the same command and --resume ({out})") from None
    record = run.record
    click.echo(
        f"{members} members of preset {preset} trained on {len(record['training'])} spectra of "
        f"{record['set']['name']}; {len(record['held_out'])} held out, {len(record['left_out'])} "
        "left out"
    )
    for row, reason in record["left_out"]:
        click.echo(f"left out: {row}: {reason}", err=True)


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="BUNDLE",
    help="Folder of the bundle to make.",
)
@click.option("--name", default="k_3d", show_default=True, help="Name of the bundle.")
@click.option(
    "--bundle-version",
    metavar="VERSION",
    help="Its version; without it, that of the bundle in BUNDLE, or 1.0.0.",
)
@click.option(
    "--from-xanesnet",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Import a model trained with XANESNET instead of a RUN.",
)
@click.option(
    "--convert",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Convert a bundle of an older format instead of a RUN; its name and version stay.",
)
def export(
    run: Path | None,
    out: Path,
    name: str,
    bundle_version: str | None,
    from_xanesnet: Path | None,
    convert: Path | None,
) -> None:
    """Turn the trained members in RUN into a bundle."""
    if sum(given is not None for given in (run, from_xanesnet, convert)) != 1:
        raise click.UsageError("give either RUN, --from-xanesnet DIR or --convert DIR")
    _require_extra("export")
    if convert is not None:
        from .export.bundle import convert_bundle

        convert_bundle(convert, out)
        click.echo(f"{convert} converted to {out}")
        return
    version = bundle_version or _version_in(out)
    if from_xanesnet is not None:
        from .export.xanesnet import import_xanesnet

        parity = import_xanesnet(from_xanesnet, out, name=name, version=version)
    else:
        from .train.run import export_run

        assert run is not None
        parity = export_run(run, out, name=name, version=version)
    click.echo(
        f"{name} {version} written to {out}; torch against onnxruntime {parity['torch']:.1e}, "
        f"fused against single {parity['fused']:.1e}"
    )


def _version_in(folder: Path) -> str:
    """Version of the bundle that is in a folder, "1.0.0" where there is none."""
    path = folder / "bundle.json"
    if not path.is_file():
        return "1.0.0"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{path} does not say its version ({error}); expected a bundle: give --bundle-version"
        ) from error


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@_sets_option
@click.option(
    "--measured",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Measured spectra with index.csv and references.extxyz or distances, to widen the intervals by.",
)
def calibrate(bundle: Path, data: tuple[Path, ...], measured: tuple[Path, ...]) -> None:
    """Calibrate the intervals, the domain and the verdict of BUNDLE."""
    _ready_to_compute("calibrate")
    from .calibrate.intervals import calibrate as run_calibration

    done = run_calibration(bundle, data, measured)
    click.echo(
        f"{bundle} calibrated; for measured spectra the first-shell interval is widened by "
        f"{done.shell_widening:.2f}, the upper side of the band of G2 by {done.upper_widening[0]:.2f} in the "
        f"first shell and {done.upper_widening[-1]:.2f} beyond"
    )


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@_sets_option
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="BUNDLE",
    help="Another bundle to set beside it in the card.",
)
@click.option(
    "--measured",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Folder of measured spectra with index.csv and references.extxyz or distances.",
)
def evaluate(
    bundle: Path, data: tuple[Path, ...], compare: tuple[Path, ...], measured: tuple[Path, ...]
) -> None:
    """Measure BUNDLE on held-out compositions; write the result into its card."""
    _ready_to_compute("evaluate")
    from xnet_onnx.bundle.load import load_bundle

    from .data.measured import measured_references
    from .data.sets import read_training_sets
    from .evaluate.blind_spots import measure_blind_spots, measure_damped
    from .evaluate.damage import measure_damage, measure_strangers
    from .evaluate.evaluation import evaluate as measure
    from .evaluate.evaluation import held_out_rows, measured_first_shells
    from .export.bundle import read_card, write_card

    bundles = [load_bundle(path) for path in (bundle, *compare)]
    rows = read_training_sets(data)
    results = [measure(item, rows) for item in bundles]
    command = f"xnet-onnx evaluate {bundle}" + "".join(f" --data {path}" for path in data)
    command += "".join(f" --compare {path}" for path in compare)
    metrics: dict[str, Any] = {
        "held_out": results[0],
        "compared": [
            {"title": item.title, "held_out": result}
            for item, result in zip(bundles[1:], results[1:], strict=True)
        ],
    }
    if bundles[0].calibration is not None:
        held, _ = held_out_rows(bundles[0], rows)
        metrics["blind_spots"] = measure_blind_spots(bundles[0], held.rows)
    if measured:
        references = measured_references(*measured)
        if bundles[0].calibration is not None:
            metrics["blind_spots"] += measure_damped(bundles[0], references)
            metrics["damage"] = measure_damage(bundles[0], references)
            metrics["strangers"] = measure_strangers(bundles[0], references)
        command += "".join(f" --measured {path}" for path in measured)
        metrics["measured"] = measured_first_shells(bundles, references)
    card = read_card(bundle)
    card["metrics"] = metrics | {"command": command}
    write_card(bundle, card)
    from .export.card import model_card

    click.echo(model_card(card))


@click.command()
@_data_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the report; an interrupted one is gone on with.",
)
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="Bundle of preset default; trained in the report's folder without it.",
)
@click.option(
    "--paper-model",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="Bundle of preset paper; trained in the folder without it.",
)
@click.option(
    "--measured",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Measured spectra with index.csv and references.extxyz.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Make this section alone; may be given again.")
@click.option("--quick", is_flag=True, help="Smaller everywhere, in minutes: a rehearsal.")
def reproduce(
    data: Path,
    out: Path,
    model: Path | None,
    paper_model: Path | None,
    measured: Path | None,
    only: tuple[str, ...],
    quick: bool,
) -> None:
    """Make every figure and table of the paper again, beside the paper's own numbers."""
    _ready_to_compute("reproduce", (*NEEDED, "sklearn", "scipy", "matplotlib"), "reproduce")
    from .reproduce.running import MAKERS
    from .reproduce.running import reproduce as run_reproduction
    from .reproduce.sizes import FULL, QUICK

    unknown = [name for name in only if name not in MAKERS]
    if unknown:
        raise click.UsageError(f"no section {', '.join(unknown)}; expected of {', '.join(MAKERS)}")
    command = f"xnet-onnx reproduce --data {data} --out {out}"
    for option, value in (("--model", model), ("--paper-model", paper_model), ("--measured", measured)):
        command += "" if value is None else f" {option} {value}"
    command += "".join(f" --only {name}" for name in only) + (" --quick" if quick else "")
    try:
        missing = run_reproduction(
            data,
            out,
            QUICK if quick else FULL,
            model=model,
            paper_model=paper_model,
            measured=measured,
            only=only,
            command=command,
            tell=lambda line: click.echo(line, err=True),
        )
    except KeyboardInterrupt:
        raise XnetError(f"interrupted; go on with the same command ({out})") from None
    click.echo(f"report in {out / 'report.md'} and {out / 'report.html'}")
    if missing:
        click.echo(f"sections not made yet: {', '.join(missing)}")
