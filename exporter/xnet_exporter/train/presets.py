"""The two recipes: the paper's, and the one we ship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xnet_onnx.spectrum import EnergyAxis

__all__ = ["PRESETS", "Augmentation", "Convolution", "Network", "Preset", "preset_from_dict"]


@dataclass(frozen=True)
class Convolution:
    """One Conv1d: its number of filters, kernel size and stride."""

    filters: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class Network:
    """A convolutional network (paper section 2.1 and Fig. 1).

    Parameters
    ----------
    convolutions : tuple of Convolution
    dense : tuple of int
        Widths of the hidden dense layers.
    activation : {"relu", "gelu"}
        After the convolutions, where nine of ten values are: onnxruntime computes
        a ReLU with the convolution, a GELU takes a third of the time of a run.
    dense_activation : {"relu", "gelu"}
        After the dense layers.
    batch_norm : bool
        Whether each convolution is followed by batch normalisation.
    padding : bool
        Whether convolutions pad with half a kernel of zeros.
    start_at_mean : bool
        Whether the output's bias starts at the mean target instead of zero.
    """

    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...]
    activation: Literal["relu", "gelu"]
    dense_activation: Literal["relu", "gelu"]
    batch_norm: bool
    padding: bool
    start_at_mean: bool


@dataclass(frozen=True)
class Augmentation:
    """How training spectra are made to look measured.

    Parameters
    ----------
    variants : int
        Number of sharpnesses kept of each spectrum, the original one included.
    broadening : float
        Largest FWHM in eV of the Gaussian broadening; each variant draws its own.
    damping : float
        Largest further FWHM in eV, 30 eV above the edge.
    shift : float
        Standard deviation of the error of the edge's position, in eV.
    stretch_mean, stretch : float
        Mean and standard deviation of the factor by which energies above the
        edge are longer in experiment than in theory.
    scale, slope : float
        Standard deviations of the error of the edge step, and of the
        post-edge line at the end of the axis.
    noise : float
        Largest standard deviation of the noise, in edge steps; each spectrum
        draws its own between 0 and this.
    """

    variants: int
    broadening: float
    damping: float
    shift: float
    stretch_mean: float
    stretch: float
    scale: float
    slope: float
    noise: float


@dataclass(frozen=True)
class Preset:
    """All that turns a training set into members, apart from the seed."""

    name: str
    axis: EnergyAxis
    network: Network
    optimizer: Literal["adam", "adamw"]
    learning_rate: float
    one_cycle: bool
    weight_decay: float
    batch: int
    epochs: int
    augmentation: Augmentation | None


PAPER = Preset(
    name="paper",
    axis=EnergyAxis("absolute", 7112.5, 47.5 / 474, 475),
    network=Network(
        convolutions=(Convolution(2, 8, 2),) * 3,
        dense=(256, 128),
        activation="relu",
        dense_activation="relu",
        batch_norm=False,
        padding=False,
        start_at_mean=False,
    ),
    optimizer="adam",
    learning_rate=2e-3,
    one_cycle=False,
    weight_decay=0.0,
    batch=32,
    epochs=50,
    augmentation=None,
)

DEFAULT = Preset(
    name="default",
    axis=EnergyAxis("edge", -7.5, 0.1, 475),
    network=Network(
        convolutions=(
            Convolution(8, 8, 2),
            Convolution(16, 8, 2),
            Convolution(16, 8, 2),
            Convolution(16, 8, 2),
        ),
        dense=(256, 128),
        activation="relu",
        dense_activation="gelu",
        batch_norm=True,
        padding=True,
        start_at_mean=True,
    ),
    optimizer="adamw",
    learning_rate=2e-3,
    one_cycle=True,
    weight_decay=1e-2,
    batch=32,
    epochs=100,
    augmentation=Augmentation(
        variants=16,
        broadening=3.0,
        damping=6.0,
        shift=0.5,
        stretch_mean=1.04,
        stretch=0.025,
        scale=0.03,
        slope=0.02,
        noise=0.008,
    ),
)

PRESETS = {preset.name: preset for preset in (PAPER, DEFAULT)}


def preset_from_dict(value: dict[str, Any]) -> Preset:
    """Build a preset from its ``dataclasses.asdict`` form, as kept in ``run.json``.

    Parameters
    ----------
    value : dict

    Returns
    -------
    Preset
    """
    network = value["network"]
    augmentation = value["augmentation"]
    return Preset(
        **{
            **value,
            "axis": EnergyAxis(**value["axis"]),
            "network": Network(
                **{
                    "dense_activation": network["activation"],  # one for all, up to bundle 1.0.0
                    **network,
                    "convolutions": tuple(Convolution(**conv) for conv in network["convolutions"]),
                    "dense": tuple(network["dense"]),
                }
            ),
            "augmentation": None if augmentation is None else Augmentation(**augmentation),
        }
    )
