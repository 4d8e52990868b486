"""Which sections to run, in which folder, from what."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from xnet_onnx._version import __version__
from xnet_onnx.bundle.load import Bundle, load_bundle
from xnet_onnx.errors import BundleError, DataSetError, OutputError
from xnet_onnx.files import write_bytes

from ..calibrate.intervals import calibrate
from ..data.sets import TrainingSet, read_training_set
from ..evaluate.evaluation import held_out_rows
from ..train.presets import PRESETS
from ..train.run import export_run, train
from .convergence import convergence
from .embedding import embedding
from .held_out import held_out
from .learning_curve import learning_curve
from .material import Material
from .measured_spectra import measured_spectra
from .natoli import natoli
from .parts import Part, write_part
from .report import write_report
from .sensitivity import sensitivity
from .sizes import Effort
from .uncertainty import uncertainty

__all__ = ["MAKERS", "reproduce"]

FORMAT = 1
#: Members from which an ensemble is calibrated: of fewer too few have not seen a spectrum's group.
TO_CALIBRATE = 8
MAKERS: dict[str, Callable[[Material], Part]] = {
    "convergence": convergence,
    "learning_curve": learning_curve,
    "embedding": embedding,
    "held_out": held_out,
    "sensitivity": sensitivity,
    "natoli": natoli,
    "uncertainty": uncertainty,
    "measured": measured_spectra,
}


def reproduce(
    data: Path,
    out: Path,
    effort: Effort,
    *,
    model: Path | None = None,
    paper_model: Path | None = None,
    measured: Path | None = None,
    only: tuple[str, ...] = (),
    seed: int = 0,
    command: str = "",
    tell: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Make the report, or some of its sections.

    Parameters
    ----------
    data : Path
        The training set, or a folder of sets, of which the newest is taken.
    out : Path
        Folder of the report: empty, or of an earlier run from the same set,
        bundles, seed and effort, whose lengthy results are used again.
    effort : Effort
    model, paper_model : Path, optional
        Bundles of preset default and of preset paper; trained in `out` where none
        is given.
    measured : Path, optional
        Folder of measured spectra; the section is skipped without it.
    only : tuple of str
        Sections to make, of `MAKERS`; all by default. The report holds these
        and those that were made before.
    seed : int
        Of folds, networks, embeddings and intervals.
    command : str
        To state in the report.
    tell : callable
        Given a line on what is done.

    Returns
    -------
    list of str
        Sections that are not made yet.

    Raises
    ------
    DataSetError
        If the training set cannot be used, or is not that of the bundles.
    BundleError
        If a bundle cannot be loaded, or is not of the preset it should be.
    OutputError
        If `out` holds something else, or cannot be written to.
    """
    rows = read_training_set(data)
    given = {
        preset: None if path is None else load_bundle(path)
        for preset, path in (("paper", paper_model), ("default", model))
    }
    for preset, bundle in given.items():
        if bundle is not None:
            _check(bundle, preset, rows)
    _claim(out, rows, given, effort, seed)
    for name in ("figures", "tables", "sections", "work"):
        (out / name).mkdir(exist_ok=True)
    paper, default = (
        _trained(preset, data, out, effort, measured, seed, tell) if bundle is None else bundle
        for preset, bundle in given.items()
    )
    material = Material(rows, paper, default, measured, out, seed, effort)
    for name in [name for name in MAKERS if not only or name in only]:
        tell(f"{name} ...")
        started = time.monotonic()
        part = MAKERS[name](material)
        write_part(out, dataclasses.replace(part, seconds=round(time.monotonic() - started, 1)))
    return write_report(out, _facts(material, command), effort.name == "quick")


def _check(bundle: Bundle, preset: str, rows: TrainingSet) -> None:
    """Only a bundle of that preset and that training set will do."""
    found = bundle.card.get("training", {}).get("preset")
    if found != preset:
        raise BundleError(
            f"{bundle.path} is a bundle of preset {found}; expected one of preset {preset}: give the "
            "other one with --model and --paper-model, or none: it is then trained"
        )
    if bundle.axis != PRESETS[preset].axis:
        raise BundleError(
            f"{bundle.path} was made by an earlier preset {found}, with another input; expected the input "
            "of today's: give a bundle of that, or none: it is then trained"
        )
    made_from = bundle.card["training"].get("set_sha256")
    if made_from != rows.sha256:
        raise DataSetError(
            f"{bundle.title} ({bundle.path}) was made from training set "
            f"{bundle.card['training'].get('set')} ({str(made_from)[:8]}), not from {rows.name} "
            f"({rows.sha256[:8]}); give that set with --data, or another bundle"
        )
    held_out_rows(bundle, rows)


def _identity(bundle: Bundle | None) -> dict[str, str] | None:
    if bundle is None:
        return None
    return {"title": bundle.title, "files": json.dumps(bundle.card["files"], sort_keys=True)}


def _claim(out: Path, rows: TrainingSet, given: dict[str, Bundle | None], effort: Effort, seed: int) -> None:
    """Refuse to mix reports: `out` must be empty, or hold one from the same things."""
    configuration = json.loads(
        json.dumps(
            {
                "format": FORMAT,
                "training set": rows.sha256,
                "default bundle": _identity(given["default"]),
                "paper bundle": _identity(given["paper"]),
                "effort": dataclasses.asdict(effort),
                "seed": seed,
            }
        )
    )
    path = out / "configuration.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = any(out.iterdir())
    except OSError as error:
        raise OutputError(f"{out} cannot be written ({error.strerror}); choose another folder") from error
    if not path.is_file():
        if held:
            raise OutputError(f"{out} is not empty and holds no report; choose an empty or new folder")
        write_bytes(path, json.dumps(configuration, indent=1).encode())
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{path} cannot be read ({error}); choose another folder") from error
    for key, value in configuration.items():
        if found.get(key) != value:
            what = "effort (--quick)" if key == "effort" else key
            raise OutputError(
                f"{out} holds a report made with another {what}; choose another folder, or give the same "
                "arguments to go on with it"
            )


def _trained(
    preset: str,
    data: Path,
    out: Path,
    effort: Effort,
    measured: Path | None,
    seed: int,
    tell: Callable[[str], None],
) -> Bundle:
    """Train and export a preset in `out`, or take what an earlier run made there; ours is calibrated too."""
    run, bundle = out / "runs" / preset, out / "runs" / f"fe_k_{preset}"
    if not (bundle / "bundle.json").is_file():
        tell(f"training preset {preset} ...")
        if not (run / "run.json").is_file():
            train(
                data,
                run,
                PRESETS[preset],
                members=effort.members,
                seed=seed,
                epochs=effort.member_epochs,
                resume=(run / "started.json").is_file(),
            )
        export_run(run, bundle, name=f"fe_k_{preset}", version=__version__)
    made = load_bundle(bundle)
    if preset == "default" and made.calibration is None and effort.members >= TO_CALIBRATE:
        tell("calibrating ...")
        calibrate(bundle, data, [] if measured is None else [measured])
        made = load_bundle(bundle)
    return made


def _facts(material: Material, command: str) -> list[tuple[str, str]]:
    effort = material.effort
    return [
        ("command", command or "-"),
        ("effort", effort.name + (" (see the top)" if effort.name == "quick" else "")),
        ("made", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())),
        (
            "training set",
            f"{material.data.name}, {len(material.data.rows)} spectra, sha256 {material.data.sha256}",
        ),
        *(
            (
                f"preset {name}",
                f"{bundle.title}, {bundle.members} members, graph and weights sha256 "
                f"{hashlib.sha256(bundle.model).hexdigest()}",
            )
            for name, bundle in (("paper", material.paper), ("default", material.default))
        ),
        ("seed", str(material.seed)),
        ("versions", f"xnet-onnx {__version__}, torch {torch.__version__}, numpy {np.__version__}"),
    ]
