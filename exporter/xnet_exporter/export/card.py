"""The model card of a bundle, written from ``bundle.json`` and nothing else."""

from __future__ import annotations

from typing import Any

from xnet_onnx.prediction import VERDICTS
from xnet_onnx.spectrum import EnergyAxis

from ..data.paper_numbers import PAPER

__all__ = ["model_card"]

SOURCE = "David et al., Digital Discovery 2023, 2 (doi:10.1039/d3dd00101f)"


def _rows(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(key, description, value) of one set of metrics."""

    def show(section: str, key: str, digits: int = 3) -> str:
        part = metrics.get(section)
        return "-" if part is None or part.get(key) is None else f"{part[key]:.{digits}f}"

    def percent(section: str, key: str) -> str:
        part = metrics.get(section)
        return "-" if part is None else f"{100 * part[key]:.1f}"

    pearson = metrics.get("sigma_mse_pearson")
    return [
        ("spectra", "held-out spectra", str(metrics["spectra"])),
        ("mse median", "MSE, median", show("mse", "median", 4)),
        ("mse mean", "MSE, mean", show("mse", "mean")),
        ("mse cv", "MSE, coefficient of variation", show("mse", "coefficient_of_variation", 2)),
        ("near median", "peaks 1-3.5 A: error, median (A)", show("peaks_near", "median")),
        ("near mean", "peaks 1-3.5 A: error, mean (A)", show("peaks_near", "mean")),
        ("near iqr", "peaks 1-3.5 A: error, interquartile range (A)", show("peaks_near", "iqr")),
        ("near missed", "peaks 1-3.5 A: none within 0.5 A (%)", percent("peaks_near", "missed")),
        ("far median", "peaks 3.5-6 A: error, median (A)", show("peaks_far", "median")),
        ("far mean", "peaks 3.5-6 A: error, mean (A)", show("peaks_far", "mean")),
        ("far iqr", "peaks 3.5-6 A: error, interquartile range (A)", show("peaks_far", "iqr")),
        ("far missed", "peaks 3.5-6 A: none within 0.5 A (%)", percent("peaks_far", "missed")),
        ("shell median", "first shell: error, median (A)", show("first_shell", "median")),
        ("shell mean", "first shell: error, mean (A)", show("first_shell", "mean")),
        ("shell p90", "first shell: error, 90th percentile (A)", show("first_shell", "p90")),
        ("shell 0.1", "first shell: within 0.1 A (%)", percent("first_shell", "within_0.1")),
        ("coverage median", "within 2 sigma, median (%)", show("coverage", "median", 1)),
        ("coverage mean", "within 2 sigma, mean (%)", show("coverage", "mean", 1)),
        (
            "pearson",
            "Pearson correlation of sigma and MSE",
            "-" if pearson is None else f"{pearson:.2f}",
        ),
    ]


def _table(columns: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Metrics side by side, with what the paper reports."""
    tables = [_rows(metrics) for _, metrics in columns]
    lines = [
        "| | " + " | ".join(title for title, _ in columns) + " | paper reports |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for i, (key, description, _) in enumerate(tables[0]):
        values = " | ".join(table[i][2] for table in tables)
        lines.append(f"| {description} | {values} | {PAPER[key].text if key in PAPER else ''} |")
    return lines


def _measured(measured: dict[str, Any]) -> list[str]:
    titles = [column["title"] for column in measured["bundles"]]
    lines = [
        "| spectrum | phase | reference (A) | " + " | ".join(titles) + " |",
        "|---|---|---|" + "---|" * len(titles),
    ]
    for row in measured["rows"]:
        cells = [_shell(found) for found in row["found"]]
        lines.append(
            f"| {row['file']} | {row['phase']} | {row['reference']:.2f} | " + " | ".join(cells) + " |"
        )
    return lines


def _shell(found: dict[str, Any] | None) -> str:
    if found is None:
        return "none"
    if found.get("lower") is None:
        return f"{found['r']:.2f} +- {found['r_sigma']:.2f}"
    return f"{found['r']:.2f} ({found['lower']:.2f} to {found['upper']:.2f}), {found['verdict']}"


def _blind_spots(card: dict[str, Any]) -> list[str]:
    """What the verdict notices and what it cannot."""
    cases = (card.get("metrics") or {}).get("blind_spots")
    if not cases:
        return []
    lines = [
        "## Blind spots",
        "",
        "Held-out spectra, broadened by 2 eV, with 0.3 % of noise; those spoilt or mixed here are to be "
        "noticed, those of a kind of compound to be right or doubted. Shares of each confidence, and the "
        "error of the first shell (given by force).",
        "",
        "| case | spectra | high (%) | medium (%) | low (%) | outside (%) | median (A) | 90 % below (A) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        shares = " | ".join(f"{100 * case['verdicts'][level]:.0f}" for level in VERDICTS)
        errors = " | ".join("-" if case[key] is None else f"{case[key]:.3f}" for key in ("median", "p90"))
        lines.append(f"| {case['case']} | {case['spectra']} | {shares} | {errors} |")
    lines += [
        "",
        "The doubts were fitted to training spectra spoilt by the same formulas, and their thresholds set "
        "with the false alarms on these held-out spectra in view: these shares are no blind test, and other "
        "kinds of damage are noticed less.",
        "",
        "Not measured, for want of data: glasses and melts, and measured spectra of complexes.",
        "",
    ]
    return lines


def _number(value: float | None, digits: int = 2, scale: float = 1.0) -> str:
    return "-" if value is None else f"{scale * value:.{digits}f}"


def _parts(metrics: dict[str, Any]) -> list[str]:
    """Held-out spectra element by element and kind by kind; measured ones by element."""
    lines: list[str] = []
    held_out = metrics.get("held_out") or {}
    if held_out.get("elements"):
        lines += [
            "## By element and kind of compound",
            "",
            "Held-out spectra, broadened by 2 eV, without the widening for measured ones. Far is beyond "
            "2.5 A: the predicted intensity of G2 over the true one, the share of values inside the 90 % "
            "band and its median half width. Kinds: complexes that were assembled (built), solids (mineral), "
            "molecules from structures that were determined (molecule).",
            "",
            "| | spectra | first shell, median (A) | within 0.1 A (%) | 90 % interval holds (%) | "
            "high / medium / low / outside (%) | unexplained of G2 | far, intensity | far, band holds (%) | "
            "far, band +- |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for row in (*held_out["elements"], *held_out["kinds"]):
            verdicts = " / ".join(f"{100 * row['verdicts'][verdict]:.0f}" for verdict in VERDICTS)
            lines.append(
                f"| {row['name']} | {row['spectra']} | {_number(row['median'], 3)} | "
                f"{_number(row['within_0.1'], 0, 100)} | {_number(row['covered'], 0, 100)} | {verdicts} | "
                f"{_number(row['unexplained'])} | {_number(row['far'])} | {_number(row['band'], 0, 100)} | "
                f"{_number(row['width'])} |"
            )
        lines.append("")
    measured = (metrics.get("measured") or {}).get("elements")
    if measured:
        lines += [
            "Measured spectra of known structure, with the widening, distances given by force:",
            "",
            "| | spectra | first shell, median (A) | within 0.1 A (%) | 90 % interval holds (%) | "
            "of known G2 | unexplained of G2 | far, intensity |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row['name']} | {row['spectra']} | {_number(row['median'], 3)} | "
            f"{_number(row['within_0.1'], 0, 100)} | {_number(row['covered'], 0, 100)} | {row['curves']} | "
            f"{_number(row['unexplained'])} | {_number(row['far'])} |"
            for row in measured
        ]
        lines.append("")
    return lines


def _damage(metrics: dict[str, Any]) -> list[str]:
    """Measured spectra damaged on purpose, and spectra of nothing that was trained on."""
    if not metrics.get("damage"):
        return []
    lines = [
        "## Damaged spectra",
        "",
        "The measured spectra, damaged as beamlines and people do. Confident: `high` or `medium`. A miss is "
        "one of these off by more than 0.1 A and outside its 90 % interval; new: not so before the damage.",
        "",
        "| damage | spectra | high / medium / low / outside / refused | confident | misses | new |",
        "|---|---|---|---|---|---|",
    ]
    for row in metrics["damage"]:
        verdicts = " / ".join(str(row["verdicts"][name]) for name in (*VERDICTS, "refused"))
        lines.append(
            f"| {row['case']} | {row['spectra']} | {verdicts} | {row['confident']} | {row['misses']} | "
            f"{row['new']} |"
        )
    lines.append("")
    for row in metrics.get("strangers", []):
        shares = ", ".join(
            f"{name} {100 * row['verdicts'][name] / row['spectra']:.0f} %" for name in (*VERDICTS, "refused")
        )
        lines.append(f"- {row['case']} ({row['spectra']}): {shares}.")
    lines += [
        "",
        "Second edges, clipping and drawn curves are among what the domain was fitted to notice, by the same "
        "formulas; of the other damages it knows self-absorption only.",
    ]
    return [*lines, ""]


def _calibration(card: dict[str, Any]) -> list[str]:
    """How the intervals and the verdict come about."""
    calibration = card.get("calibration")
    if not calibration:
        return []
    return [
        "## Intervals and verdict",
        "",
        f"Calibrated by {calibration['method']}, on {calibration['spectra']} predictions of spectra as "
        "calculated and made to look measured (`xnet-onnx calibrate`). For measured spectra the first-shell "
        f"interval is widened by {calibration['shell_widening']:.2f}, and the band of G2 below and above by "
        f"{calibration['lower_widening'][0]:.2f} and {calibration['upper_widening'][0]:.2f} up to 2.5 "
        f"Angstrom, by {calibration['lower_widening'][-1]:.2f} and {calibration['upper_widening'][-1]:.2f} "
        f"beyond: the factors that {calibration.get('widening_spectra', 0)} measured spectra of "
        f"{calibration.get('widening_phases', 0)} phases of known structure ask for. They are minerals, "
        "whose outer shells the networks underestimate most.",
        "",
        "- `outside`: unlike the training spectra (domain score above 1); no distance is given.",
        f"- `high`: the 90 % interval of the first-shell distance is at most +- {calibration['high']:g} "
        f"Angstrom; `medium`: at most +- {calibration['medium']:g}; `low`: wider, or no first shell.",
        "",
    ]


def _trust(trust: dict[str, Any], domain: dict[str, Any]) -> list[str]:
    """Coverage, verdicts and domain on held-out compositions."""
    lines = [
        "| interval | " + " | ".join(f"{100 * float(level):g} %" for level in trust["coverage"]) + " |",
        "|---|" + "---|" * len(trust["coverage"]),
    ]
    for key, title in (("first_shell", "first-shell distance"), ("band", "G2, mean over r")):
        cells = [
            f"{found[key]['percent']:.1f} +- {found[key]['standard_error']:.1f}"
            for found in trust["coverage"].values()
        ]
        lines.append(f"| {title}: truth inside (%) | " + " | ".join(cells) + " |")
    if trust.get("widths"):
        names = ("narrowest quarter", "second", "third", "widest quarter")
        rows = (
            ("half width, median (A)", [f"{part['half_width']:.3f}" for part in trust["widths"]]),
            ("truth inside (%)", [f"{100 * part['inside']:.1f}" for part in trust["widths"]]),
        )
        lines += [
            "",
            "| 90 % interval of the first shell | " + " | ".join(names[: len(trust["widths"])]) + " |",
            "|---|" + "---|" * len(trust["widths"]),
            *(f"| {title} | " + " | ".join(cells) + " |" for title, cells in rows),
        ]
    lines += [
        "",
        "| verdict | share (%) | first-shell error, median (A) | 90th percentile (A) |",
        "|---|---|---|---|",
    ]
    for level in VERDICTS:
        found = trust["verdict"][level]
        median = "-" if found["median"] is None else f"{found['median']:.3f}"
        p90 = "-" if found["p90"] is None else f"{found['p90']:.3f}"
        lines.append(f"| {level} | {100 * found['share']:.1f} | {median} | {p90} |")
    lines += [
        "",
        f"Outside the domain: {100 * trust['outside']:.1f} % of these good spectra (each score is set "
        f"to {100 * domain['alarm']:g} %, each named artefact "
        f"to {100 * domain['artefact_alarm']:g} % of the training spectra). Correlation with the true "
        f"MSE: expected MSE {trust['expected_mse_pearson']:.2f}, sigma {trust['sigma_mse_pearson']:.2f} "
        "(the paper's sigma: 0.72).",
        "",
    ]
    return lines


def _shell_kinds(found: dict[str, Any] | None) -> list[str]:
    """How often the kind of neighbours is right, and its reliability."""
    if not found:
        return []
    kinds = ", ".join(
        f"{name} {_number(one['right'], 0, 100)} % of {one['spectra']}"
        for name, one in found["kinds"].items()
    )
    bins = [one for one in found["bins"] if one["spectra"]]
    return [
        f"The kind of the first shell's atoms is right in {100 * found['right']:.1f} % ({kinds}). Its "
        f"probability is {100 * found['apart']:.1f} points from how often it is right, on average:",
        "",
        "| spectra | " + " | ".join(str(one["spectra"]) for one in bins) + " |",
        "|---|" + "---|" * len(bins),
        "| said (%) | " + " | ".join(f"{100 * one['probability']:.0f}" for one in bins) + " |",
        "| right (%) | " + " | ".join(f"{100 * one['right']:.0f}" for one in bins) + " |",
        "",
    ]


def _edges(card: dict[str, Any]) -> str:
    return ", ".join(one["element"] for one in card["absorbers"]) + f" {card['absorbers'][0]['edge']}-edge"


def model_card(card: dict[str, Any]) -> str:
    """Write the model card.

    Parameters
    ----------
    card : dict
        ``bundle.json``.

    Returns
    -------
    str
        Markdown.
    """
    training = card["training"]
    axis = card["axis"]
    descriptor = card["descriptor"]
    last = axis["first"] + axis["step"] * (axis["count"] - 1)
    level = axis.get("level", EnergyAxis.level)
    where = (
        f"relative to where the spectrum rises through {level:g} of its edge step"
        if axis["kind"] == "edge"
        else "photon energy"
    )
    lines = [
        f"# {card['name']} {card['version']}: {_edges(card)} XANES to distances",
        "",
        f"An ensemble of {card['members']} convolutional networks: a normalised XANES spectrum in, "
        f"the G2 part of the wACSF descriptor ({descriptor['count']} points, {descriptor['first']:g}-"
        f"{descriptor['last']:g} Angstrom) out. The method is that of {SOURCE}.",
        "",
        "## Input and output",
        "",
        f"- Energy axis: {axis['count']} points, {axis['first']:g} to {last:.1f} eV ({where}).",
        f"- Normalisation: {card['normalization']['definition']}; the network's input: "
        f"{card['normalization']['signal']}.",
        f"- G2: atomic numbers weighted by {descriptor['weight']:g}, cosine cutoff at "
        f"{descriptor['cutoff']:g} Angstrom, eta = {descriptor['eta']:.3f} / Angstrom^2.",
        "",
        "## Training",
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in training.items() if not isinstance(value, dict)]
    lines += [
        f"- torch against onnxruntime: {card['parity']['torch']:.1e}, fused against single members: "
        f"{card['parity']['fused']:.1e} (largest differences of G2 on "
        f"{training.get('parity_spectra', 'random')} spectra).",
        "",
    ]
    metrics = card.get("metrics")
    if metrics:
        others = metrics.get("compared", [])
        for condition, text in (
            ("calculated", "Calculated spectra as they are"),
            ("broadened", "The same, broadened by 2 eV FWHM: about as sharp as measured ones"),
        ):
            columns = [(f"{card['name']} {card['version']}", metrics["held_out"][condition])]
            columns += [(other["title"], other["held_out"][condition]) for other in others]
            lines += [f"## Held-out compositions: {text[0].lower()}{text[1:]}", ""]
            lines += [*_table(columns), ""]
            trust = metrics["held_out"][condition].get("confidence")
            if trust:
                lines += [
                    "Intervals and verdicts on the same spectra, without the widening for measured ones:",
                    "",
                    *_trust(trust, card["domain"]),
                ]
            lines += _shell_kinds(metrics["held_out"][condition].get("shell_kinds"))
        lines += [
            "Made by:",
            "",
            f"    {metrics['command']}",
            "",
            "The errors of peaks are distances from each true peak of G2 to the nearest predicted one; "
            "the first shell is the first peak. The paper's numbers are for its own 3,500 held-out "
            "spectra of molecules and a training set of 33,000.",
            "",
        ]
        if metrics.get("measured"):
            lines += [
                "## Measured spectra of known structure",
                "",
                *_measured(metrics["measured"]),
                "",
                "The reference is the mean distance of the first shell in the crystal structure; in brackets "
                "the calibrated 90 % interval, and the confidence. None of these spectra was trained on; but "
                "the mean stretch of the energy scale in the augmentation of preset `default` was chosen, "
                "and the intervals were widened, with an eye on them: they are no blind test.",
                "",
            ]
    else:
        lines += ["## Quality", "", "Not measured yet: run `xnet-onnx evaluate` on this bundle.", ""]
    lines += [
        *_parts(metrics or {}),
        *_calibration(card),
        *_blind_spots(card),
        *_damage(metrics or {}),
        "## What it cannot do",
        "",
        "- sigma is the spread of the members, not the error: see the coverage above. Errors that all "
        "members share (theory against experiment) are not in it.",
        "- It was trained on calculated spectra of single sites. A measured spectrum is the mean over "
        "all atoms of the element in the beam: mixtures of sites and phases give a mean of curves at best.",
        "- FEFF's muffin-tin potentials are poor for long bonds, open structures and, in part, for "
        "cyanide and carbonyl ligands; there theory and experiment differ and so does the prediction.",
        "- Self-absorption in fluorescence flattens the white line and is not corrected.",
        f"- Other edges than {_edges(card)} are refused.",
        "",
        f"Licence: {card['licence']}.",
        "",
    ]
    return "\n".join(lines)
