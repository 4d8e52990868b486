"""How much is computed."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "TINY", "Effort", "PresetEffort"]


@dataclass(frozen=True)
class PresetEffort:
    """Sizes for one preset.

    Parameters
    ----------
    epochs : int
        Of each network of the learning curve.
    convergence_epochs : int
        Of the networks whose convergence is followed.
    shares : tuple of float
        Training spectra of the learning curve, as shares of what four of five
        folds hold; folds by whole compositions.
    random_shares : tuple of float
        The same with the paper's folds, by rows.
    """

    epochs: int
    convergence_epochs: int
    shares: tuple[float, ...]
    random_shares: tuple[float, ...]


@dataclass(frozen=True)
class Effort:
    """Sizes of everything that takes long.

    Parameters
    ----------
    name : str
    paper, default : PresetEffort
    repeats, parts : int
        Of the cross-validation; five each in the paper.
    members : int
        Of the paper preset's ensemble, where it has to be trained.
    member_epochs : int or None
        Its epochs; None for the preset's.
    embedded : int or None
        Rows of the embeddings; None for all.
    perplexity, learning_rate : float
    iterations : int
        Of t-SNE.
    draws : int
        Resamples of the compositions for an interval.
    """

    name: str
    paper: PresetEffort
    default: PresetEffort
    repeats: int
    parts: int
    members: int
    member_epochs: int | None
    embedded: int | None
    perplexity: float
    learning_rate: float
    iterations: int
    draws: int

    def of(self, preset: str) -> PresetEffort:
        """Sizes for a preset by its name."""
        return self.default if preset == "default" else self.paper


FULL = Effort(
    name="full",
    paper=PresetEffort(50, 200, (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0), (0.1, 0.35, 1.0)),
    default=PresetEffort(80, 80, (0.1, 0.25, 0.5, 1.0), (1.0,)),
    repeats=5,
    parts=5,
    members=15,
    member_epochs=None,
    embedded=None,
    perplexity=50.0,
    learning_rate=60.0,
    iterations=1000,
    draws=1000,
)

QUICK = Effort(
    name="quick",
    paper=PresetEffort(50, 50, (0.1, 0.35, 1.0), (1.0,)),
    default=PresetEffort(20, 20, (0.25, 1.0), ()),
    repeats=1,
    parts=5,
    members=15,
    member_epochs=None,
    embedded=800,
    perplexity=50.0,
    learning_rate=60.0,
    iterations=500,
    draws=200,
)

TINY = Effort(
    name="tiny",
    paper=PresetEffort(1, 2, (0.5, 1.0), (1.0,)),
    default=PresetEffort(1, 1, (1.0,), ()),
    repeats=1,
    parts=2,
    members=2,
    member_epochs=2,
    embedded=None,
    perplexity=5.0,
    learning_rate=60.0,
    iterations=250,
    draws=20,
)
