"""Files as beamlines write them, made from the example's energies and mu (no measured data).

Layouts after public descriptions: the 9809 format (Photon Factory; K. Asakura, Kindai
University; M. Tabuchi, Nagoya University, for Aichi SR), SPEC files of ESRF's SNBL and of
MAX IV Balder as published with Larch and ParSeq, DESY's .fio as read by HasyUtils, and
Demeter's templates for what Athena saves.
"""

from __future__ import annotations

import numpy as np

from ..synthetic import scorodite, scorodite_mu, table

HC = 12398.419843320026
SI_111 = 3.13551

ENERGY, I0, ITRANS = scorodite().T
MU = scorodite_mu()[1]
FLUORESCENCE = MU * I0


def angle(energy: np.ndarray, spacing: float = SI_111) -> np.ndarray:
    """Bragg angle in degrees."""
    return np.degrees(np.arcsin(HC / (2 * spacing * energy)))


def rows(*columns: np.ndarray, digits: int = 10) -> str:
    """Columns as lines of text."""
    return "".join(
        " ".join(f"{value:.{digits}g}" for value in row) + "\n" for row in np.column_stack(columns)
    )


def ones() -> np.ndarray:
    return np.ones_like(ENERGY)


def f9809(
    channels: list[tuple[int, float, np.ndarray]],
    measurement: str = "Transmission( 2)",
    facility: str = "KEK-PF   BL12C",
    seconds: np.ndarray | None = None,
    mono: str = " Mono :   SI(111)       D=  3.13551 A    Initial angle= 16.20000 deg",
) -> bytes:
    """A file of the 9809 format; a channel is (mode, dark counts a second, counts without them)."""
    seconds = ones() if seconds is None else seconds
    counts = [values + dark * seconds for _, dark, values in channels]
    data = [angle(ENERGY) + 0.01, angle(ENERGY), seconds, *counts]
    head = [
        f"  9809     {facility}",
        " made.dat        20.11.24 10:00 - 20.11.24 10:20",
        " Made by a test",
        " Ring :   2.5 GeV   449.9 mA -  440.1 mA",
        mono,
        f" BL12C     {measurement}   Repetition=  1     Points=  {ENERGY.size}",
        " Param file : made.prm        energy axis(2)     Block =    1",
        "",
        " Block      Init-Eng  final-Eng      Step/eV     Time/s       Num",
        f"     1        7000.00   7300.00         1.00       1.00       {ENERGY.size}",
        f" Ortec(-1)     NDCH = {len(channels) + 1}",
        "  Angle(c)  Angle(o)    time/s" + "".join(f"{i + 2:10d}" for i in range(len(channels))),
        "      Mode         0         0" + "".join(f"{mode:10d}" for mode, _, _ in channels),
        "    Offset         0         0" + "".join(f"{dark:10.3f}" for _, dark, _ in channels),
    ]
    body = "".join(" ".join(f"{value:.9f}" for value in row) + "\r\n" for row in np.column_stack(data))
    return ("\r\n".join(head) + "\r\n" + body + "\x1a").encode()


def snbl(**columns: np.ndarray) -> bytes:
    """A zapline of SNBL: SPEC's layout, ZapEnergy in keV, the energy among the last columns."""
    names = list(columns)
    return (
        "#F /data/made.dat\n#E 1371554237\n#D Fri Jun 28 13:38:56 2013\n#C made by a test\n\n"
        "#S 1  zapline mono 16.2 15.4 400 100 \n#D Fri Jun 28 13:44:15 2013\n#T 100  (ms)\n"
        f"#N {len(names)}\n#L {'  '.join(names)}\n" + rows(*columns.values())
    ).encode()


SNBL = {
    "Mon": I0,
    "Det1": 0 * I0,
    "Det2": 0 * I0,
    "Ion1": ITRANS,
    "MonEx": I0 * 1.0001,
    "Ion2": ITRANS * 0.12,
    "Htime": 1e5 * ones(),
    "MusstEnc1": np.linspace(546524, 518575, ENERGY.size),
    "TwoTheta": angle(ENERGY),
    "ZapEnergy": ENERGY / 1e3,
    "ZCryo": 0 * I0,
    "xmap_roi00": 0 * I0,
}


def balder(one: np.ndarray, two: np.ndarray, three: np.ndarray, four: np.ndarray) -> bytes:
    """A continuous scan of Balder, exported as text."""
    number = np.arange(ENERGY.size)
    return (
        "#U made\n#C made by a test\n#S 23068 ascanct mono1_energy_acs 7000.0 7300.0 200 0.005 0.01\n"
        "#L Pt_No  mono1_energy_acs  albaem02_ti  albaem02_ch1  albaem02_ch2  albaem02_ch3  albaem02_ch4"
        "  dt\n" + rows(number, ENERGY, 0.005 * ones(), one, two, three, four, number * 0.015)
    ).encode()


def fio(columns: dict[str, np.ndarray], parameters: str = "", prefix: str = "") -> bytes:
    """A .fio file."""
    names = "".join(f" Col {i} {prefix}{name} DOUBLE\n" for i, name in enumerate(columns, start=1))
    return (
        "!\n! Comments\n!\n%c\nexafs scan made by a test\n energy 7000 7300 1\n!\n! Parameter\n!\n%p\n"
        f"SAMPLE_TIME = 0.5\nPETRA = 100.0\n{parameters}!\n! Data\n!\n%d\n{names}"
        + "".join(f" {line}\n" for line in rows(*columns.values()).splitlines())
        + "! Acquisition ended at Tue Nov 24 10:00:00 2020\n"
    ).encode()


def athena_groups(groups: dict[str, np.ndarray], what: str = "normalized mu(E)") -> bytes:
    """What Athena saves of several groups, with its fields Column.N, which are one off."""
    names = [name.replace(" ", "_") for name in groups]
    head = [
        "XDI/1.0 Demeter/0.9.26",
        f"Demeter.output_filetype: multicolumn {what}",
        "Element.symbol: Fe",
        "Element.edge: K",
        "Column.1: k",
        "Column.2: energy",
        *(f"Column.{i}: {name}" for i, name in enumerate(names, start=3)),
    ]
    label = "#  energy  " + "  ".join(names)
    return (
        "".join(f"# {line}\n" for line in head)
        + "# ------------------------\n"
        + label
        + "\n"
        + rows(ENERGY, *groups.values())
    ).encode()


def athena_report(sign: str = "# ", version: bool = True) -> bytes:
    """One group that Athena saved, with Demeter's report of its parameters."""
    fields = (
        "Element.symbol: Fe",
        "Element.edge: K",
        *(
            f"Column.{i}: {name}"
            for i, name in enumerate(("energy eV", "norm", "nbkg", "flat", "fbkg", "nder", "nsec"), start=1)
        ),
        "Athena.e0:                   7124.3",
        "Athena.standard:             None",
        "Athena.pre_edge_range:       -150.000 -30.000",
        "Athena.importance:",
        "Athena.window:",
    )
    return (
        (f"{sign}XDI/1.0 Athena/0.9.26\n" if version else f"{sign}Demeter output:\n")
        + "".join(f"{sign}{line}\n" for line in fields)
        + f"{sign}///\n{sign}made by a test\n#------------------------\n"
        + f"{sign}  energy  norm  nbkg  flat  fbkg  nder  nsec\n"
        + rows(ENERGY, MU, MU * 0.9, MU * 1.1 + 0.1, MU * 0.8, np.gradient(MU), np.gradient(np.gradient(MU)))
    ).encode()


def old_report(last: str = "#  energy xmu bkg pre_edge post_edge") -> bytes:
    """The header of earlier versions: sections that end in a colon."""
    return (
        "# Athena data file -- Athena version 0.8.061\n# Saving made as mu(E)\n# Background parameters:\n"
        "#   Element=Fe   Edge=K:\n# Pre-edge range:\n#   -150 -30\n# Normalization range:\n"
        "# Foreward FT parameters:\n# Plotting parameters:\n# ------------------------:\n"
        + f"{last}\n"
        + rows(ENERGY, MU, MU * 0.9, MU * 0.1, MU * 1.1)
    ).encode()


STANDARDS = (
    "hematite", "goethite", "ferrihydrite", "magnetite", "siderite", "pyrite", "Fe foil", "jarosite", "FeO",
    "vivianite", "Fe2(SO4)3",
)  # fmt: skip


def standards(separator: str = ",") -> bytes:
    """Normalised spectra of eleven standards that share a column of energies."""
    columns = {name: MU * (1 + 0.05 * i) + 0.01 * i for i, name in enumerate(STANDARDS)}
    head = separator.join(["Energy (eV)", *columns])
    return (head + "\n" + table(np.column_stack([ENERGY, *columns.values()]), separator)).encode()


#: A file a format, for the tests that damage them.
SAMPLES: dict[str, bytes] = {
    "9809": f9809([(1, 120.0, I0), (2, 90.0, ITRANS)]),
    "9809 of a multi-element detector": f9809(
        [*((3, 0.0, FLUORESCENCE / 3) for _ in range(3)), (1, 10.0, I0), *((103, 0.0, I0) for _ in range(3))],
        "Fluorescence( 3)",
        "AichiSR  BL5S1",
    ),
    "SNBL": snbl(**SNBL),
    "Balder": balder(I0 * 0.49, I0 * 0.51, ITRANS * 0.5, ITRANS * 0.52),
    "fio": fio({"energy": ENERGY, "I0": I0, "I1": ITRANS}, "ELEMENT = Fe\n"),
    "nor": athena_groups({"one": MU, "two of them": MU * 2}),
    "report": athena_report(),
    "old report": old_report(),
    "standards": standards(),
}
