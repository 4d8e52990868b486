"""What the paper reports: David et al., Digital Discovery 2023, 2 (doi:10.1039/d3dd00101f).

Every number is the paper's own, with the place it stands. Where the paper gives
a figure or a statement but no number, the value is None and `words` says what
it says.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NOT_STATED", "PAPER", "Reported"]

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Reported:
    """One result of the paper.

    Parameters
    ----------
    value : float or None
        None where the paper states no number.
    text : str
        As the paper prints it.
    where : str
        Section or figure.
    words : str
        What the paper says about it, shortened.
    """

    value: float | None
    text: str
    where: str
    words: str = ""


PAPER: dict[str, Reported] = {
    "training spectra": Reported(36657, "36 657", "2.3", "structures from the CSD, spectra from FEFF"),
    "held out": Reported(3500, "3500", "3.1, Fig. 4", "spectra in the held-out dataset"),
    "members": Reported(15, "15", "2.4"),
    "epochs": Reported(50, "50", "3.1, Fig. S1", "effective convergence in 50 epochs"),
    "learning curve": Reported(
        None,
        NOT_STATED,
        "3.1, Fig. 3",
        "a rapid decrease during the first ~15 000 samples, a more gradual one for the next 20 000; "
        "convergence is not entirely achieved",
    ),
    "perplexity": Reported(50, "50", "2.3, Fig. 2"),
    "t-SNE learning rate": Reported(60, "60", "2.3, Fig. 2"),
    "t-SNE iterations": Reported(1000, "1000", "2.3, Fig. 2"),
    "t-SNE": Reported(
        None,
        NOT_STATED,
        "2.3, Fig. 2",
        "well defined regions of correlation between the structural and spectral t-SNE; the "
        "pseudo-coordination number is a significant factor; linear CO and CN ligands stand apart",
    ),
    "mse median": Reported(0.1, "0.1", "3.1, Fig. 4"),
    "mse mean": Reported(0.2, "0.2", "3.1"),
    "mse cv": Reported(1.73, "1.73", "3.1, Fig. 4"),
    "near median": Reported(0.0, "0", "3.1", "1-3.5 Angstrom, on the grid of 50 points"),
    "near mean": Reported(0.07, "0.07", "3.1"),
    "near iqr": Reported(0.1, "0.1", "3.1"),
    "far median": Reported(0.2, "0.2", "3.1", "3.5-6 Angstrom"),
    "far mean": Reported(0.22, "0.22", "3.1"),
    "far iqr": Reported(0.2, "0.2", "3.1"),
    "shift": Reported(
        None,
        NOT_STATED,
        "3.1, Fig. 5 and S2",
        "no strong effect on the peak positions of two examples; the worse prediction changes more",
    ),
    "broadening": Reported(
        None,
        NOT_STATED,
        "3.1, Fig. 6 and S3",
        "very limited influence; the largest changes where the prediction is poor",
    ),
    "natoli": Reported(
        -1.0,
        "dE R ~ constant",
        "3.1, Fig. 7",
        "the first peak moves to smaller distances as the gap of one example grows; no slope is stated",
    ),
    "pre-edge": Reported(
        None, NOT_STATED, "3.1, Fig. 7", "no modification of G2 linked to the pre-edge, in one example"
    ),
    "coverage median": Reported(64, "64", "3.2, Fig. 8", "distribution largely between 45 and 100 %"),
    "pearson": Reported(
        0.72, "0.72", "3.2, Fig. 8", "points off the trend lie at larger MSE: slightly over-confident"
    ),
    "measured spectra": Reported(22, "22", "3.3, Fig. 9, S4-S6", "six in Fig. 9 and the remaining 16"),
    "measured first shell": Reported(
        0.1, "0.1", "abstract, 1", "median error in first coordination shell bond-lengths"
    ),
}
