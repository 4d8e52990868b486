"""t-SNE of descriptors and spectra (paper section 2.3, Fig. 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xnet_onnx.preprocess.align import align_one
from xnet_onnx.spectrum import FloatArray

from ..data.paper_numbers import PAPER
from ..data.sets import Row, select_axis
from ..evaluate.blind_spots import LINEAR_LIGANDS
from ..train.presets import PRESETS
from .drawing import PAGE, canvas, letter, scatter_step
from .material import Material
from .parts import Part, bullets, cached, compared, figure, text, write_csv
from .sizes import Effort

__all__ = ["Embedding", "coordination", "embedding", "explained"]

TITLE = "The training set in two dimensions"
#: Radius of the pseudo-coordination number, in Angstrom (paper section 2.3).
SHELL = 2.5
NEIGHBOURS = 10


@dataclass(frozen=True, eq=False)
class Embedding:
    """t-SNE components beside what they are coloured by.

    Parameters
    ----------
    rows : tuple of Row, length n
    descriptor : ndarray of float64, shape (n, 2)
    spectrum : ndarray of float64, shape (n, 2)
        Of the spectra on the paper's absolute axis.
    aligned : ndarray of float64, shape (n, 2)
        Of the spectra on the axis relative to the edge.
    """

    rows: tuple[Row, ...]
    descriptor: FloatArray
    spectrum: FloatArray
    aligned: FloatArray


def coordination(row: Row) -> int:
    """Number of atoms of any kind within 2.5 Angstrom of the absorber."""
    return int(np.count_nonzero(row.distances <= SHELL))


def linear(row: Row) -> bool:
    """Whether the complex has a CO, CN, NO or isocyanide ligand, by its name."""
    return bool(LINEAR_LIGANDS & set(row.name.partition(":")[2].split("+")))


def explained(positions: FloatArray, values: FloatArray, names: list[str]) -> float:
    """How well neighbours on a map tell a value: R2 of the mean over ten of them.

    Parameters
    ----------
    positions : ndarray of float64, shape (n, 2)
    values : ndarray of float64, shape (n,)
    names : list of str
        Composition of each; neighbours of the same composition do not count.

    Returns
    -------
    float
        1 for a map that orders the value entirely, 0 for none.
    """
    square = ((positions[:, np.newaxis] - positions) ** 2).sum(axis=2)
    label = np.unique(names, return_inverse=True)[1]
    square[label[:, np.newaxis] == label] = np.inf
    nearest = np.argsort(square, axis=1)[:, : min(NEIGHBOURS, len(values) - 1)]
    residual = values - values[nearest].mean(axis=1)
    return float(1.0 - (residual**2).sum() / ((values - values.mean()) ** 2).sum())


def _tsne(values: npt.NDArray[np.float32], effort: Effort, seed: int) -> FloatArray:
    from sklearn.manifold import TSNE

    model = TSNE(
        n_components=2,
        perplexity=effort.perplexity,
        learning_rate=effort.learning_rate,
        max_iter=effort.iterations,
        init="pca",
        random_state=seed,
    )
    return np.asarray(model.fit_transform(values), dtype=np.float64)


def embed(material: Material) -> Embedding:
    """Compute the maps; kept between runs."""
    effort = material.effort
    absolute, _ = select_axis(material.data, PRESETS["paper"].axis)
    both, _ = select_axis(absolute, PRESETS["default"].axis)
    count = len(both.rows) if effort.embedded is None else min(effort.embedded, len(both.rows))
    chosen = np.linspace(0, len(both.rows) - 1, count).round().astype(int)
    rows = tuple(both.rows[i] for i in chosen)

    def compute() -> dict[str, FloatArray]:
        def inputs(preset: str) -> npt.NDArray[np.float32]:
            axis = PRESETS[preset].axis
            return np.stack([align_one(row.energy, row.mu, axis)[0] for row in rows])

        targets = np.stack([row.g2 for row in rows]).astype(np.float32)
        return {
            "descriptor": _tsne(targets, effort, material.seed),
            "spectrum": _tsne(inputs("paper"), effort, material.seed),
            "aligned": _tsne(inputs("default"), effort, material.seed),
        }

    return Embedding(rows, **cached(material.work("embedding.npz"), compute))


def embedding(material: Material) -> Part:
    """Make the section.

    Parameters
    ----------
    material : Material

    Returns
    -------
    Part
    """
    found = embed(material)
    effort = material.effort
    names = [row.name for row in found.rows]
    number = np.array([coordination(row) for row in found.rows])
    is_linear = np.array([linear(row) for row in found.rows])
    write_csv(
        material.csv("embedding"),
        {
            "id": [row.id for row in found.rows],
            "name": names,
            "descriptor_1": found.descriptor[:, 0],
            "descriptor_2": found.descriptor[:, 1],
            "spectrum_1": found.spectrum[:, 0],
            "aligned_1": found.aligned[:, 0],
            "atoms_within_2.5": number,
            "linear_ligand": is_linear.astype(int),
        },
    )
    _draw(material, found, number, is_linear)
    r2 = {
        key: explained(found.descriptor, values.astype(np.float64), names)
        for key, values in (
            ("spectrum", found.spectrum[:, 0]),
            ("aligned", found.aligned[:, 0]),
            ("number", number),
        )
    }
    shown = f"{r2['spectrum']:.2f} / {r2['number']:.2f}"
    strongest = "larger" if r2["number"] > r2["spectrum"] else "smaller"
    agree = (
        "agrees" if r2["spectrum"] > 0.5 else "agrees in part" if r2["spectrum"] > 0.25 else "does not agree"
    )
    return Part(
        "embedding",
        TITLE,
        (
            text(
                "t-SNE of the descriptors (G2) and, apart, of the spectra: perplexity "
                f"{effort.perplexity:g}, "
                f"learning rate {effort.learning_rate:g}, {effort.iterations} iterations (the paper's: "
                f"{PAPER['perplexity'].text}, {PAPER['t-SNE learning rate'].text}, "
                f"{PAPER['t-SNE iterations'].text}), scikit-learn's, started from principal components; "
                f"{len(found.rows)} spectra that cover both energy axes. The pseudo-coordination number "
                "counts every atom of the structure, hydrogen too, within 2.5 Angstrom of the absorber."
            ),
            figure(
                "embedding",
                "t-SNE of the descriptors (paper: Fig. 2), coloured by (a) the first t-SNE component of the "
                "spectra on the paper's energy axis, (b) the number of atoms within 2.5 Angstrom, (c) "
                "complexes with CO, CN, NO or isocyanide ligands.",
            ),
            text(
                f"The paper says: {PAPER['t-SNE'].words}. In numbers (R2 of the mean over the ten nearest "
                "points on the map of descriptors, other compositions only):"
            ),
            bullets(
                f"first component of the spectra, absolute axis: {r2['spectrum']:.2f}",
                f"first component of the spectra, axis relative to the edge: {r2['aligned']:.2f}",
                f"atoms within 2.5 Angstrom: {r2['number']:.2f}, {strongest} than that of the spectra",
                f"linear ligands: {100 * is_linear.mean():.1f} % of these spectra; of the ten nearest points "
                f"to one of them, {100 * _purity(found.descriptor, is_linear, names):.0f} % have one too",
            ),
            text(
                f"Our set {agree} with the paper's in that regions of the map of structures have spectra of "
                "their own. It is not the paper's set: complexes assembled on regular geometries and "
                "minerals, not structures of the CSD."
            ),
        ),
        (
            compared(
                "map of structures: R2 of spectra / coordination number",
                "t-SNE",
                shown,
                f"{r2['aligned']:.2f} / {r2['number']:.2f}",
            ),
        ),
    )


def _purity(positions: FloatArray, flags: npt.NDArray[np.bool_], names: list[str]) -> float:
    """Share of flagged points among the ten nearest of other compositions to flagged points."""
    if not flags.any():
        return 0.0
    square = ((positions[flags, np.newaxis] - positions) ** 2).sum(axis=2)
    label = np.unique(names, return_inverse=True)[1]
    square[label[flags][:, np.newaxis] == label] = np.inf
    nearest = np.argsort(square, axis=1)[:, : min(NEIGHBOURS, len(flags) - 1)]
    return float(flags[nearest].mean())


def _draw(
    material: Material,
    found: Embedding,
    number: npt.NDArray[np.int64],
    is_linear: npt.NDArray[np.bool_],
) -> None:
    x, y = found.descriptor.T
    size = scatter_step(x)
    with canvas(material.out, "embedding", PAGE, 2.35) as drawn:
        panels = drawn.subplots(1, 3, sharex=True, sharey=True)
        options = {"s": size, "lw": 0, "rasterized": True}
        first = panels[0].scatter(x, y, c=found.spectrum[:, 0], cmap="cividis", **options)
        drawn.colorbar(first, ax=panels[0], pad=0.02, aspect=30)
        top = 10
        shown = panels[1].scatter(
            x, y, c=np.minimum(number, top), cmap="viridis", vmin=0, vmax=top, **options
        )
        bar = drawn.colorbar(shown, ax=panels[1], pad=0.02, aspect=30)
        bar.set_ticks((0, 2, 4, 6, 8, top), labels=("0", "2", "4", "6", "8", f"$\\geq${top}"))
        panels[2].scatter(x[~is_linear], y[~is_linear], color="0.8", label="other", **options)
        panels[2].scatter(
            x[is_linear], y[is_linear], color="#D55E00", label="CO, CN, NO", **(options | {"s": 2 * size})
        )
        panels[2].legend(loc="upper right", markerscale=1.5, handletextpad=0.1)
        titles = ("spectra, t-SNE 1", r"atoms within 2.5 $\mathrm{\AA}$", "linear ligands")
        for axes, name, title in zip(panels, "abc", titles, strict=True):
            axes.set_xlabel("descriptor, t-SNE 1")
            letter(axes, name, title)
        panels[0].set_ylabel("descriptor, t-SNE 2")
