"""The two recipes: the paper's, and the one we ship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xnet_onnx.errors import DataSetError
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
    absorbers : tuple of int
        Atomic numbers that the network tells apart; none for a network without
        that input. Any other number is to it an absorber that it does not know.
    """

    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...]
    activation: Literal["relu", "gelu"]
    dense_activation: Literal["relu", "gelu"]
    batch_norm: bool
    padding: bool
    start_at_mean: bool
    absorbers: tuple[int, ...] = ()


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
    amplitude : tuple of float
        Range of the factor on the structure above the edge.
    slope : float
        Standard deviation of the error of the slope, at the end of the axis.
    noise : float
        Largest standard deviation of the noise, in edge steps; each spectrum
        draws its own between 0 and this.
    damage : float
        Probability of each of: a curved background, self-absorption, clipping,
        a ripple.
    lifetime : float
        Largest FWHM in eV of the Lorentzian that half of the variants are broadened with above the edge, in
        place of a Gaussian that widens: a photoelectron of so much energy does not live long.
    misfit : float
        Largest standard deviation at the edge, in edge steps, of what theory differs from experiment by when
        it is broadened and stretched as well as it can be; each spectrum draws its own between 0 and this.
    """

    variants: int
    broadening: float
    damping: float
    shift: float
    stretch_mean: float
    stretch: float
    amplitude: tuple[float, float]
    slope: float
    noise: float
    damage: float
    lifetime: float = 0.0
    misfit: float = 0.0


@dataclass(frozen=True)
class Preset:
    """All that turns a training set into members, apart from the seed.

    Parameters
    ----------
    name : str
    axis : EnergyAxis
    network : Network
    optimizer : {"adam", "adamw"}
    learning_rate : float
    one_cycle : bool
        Whether the learning rate rises to this value and falls again.
    weight_decay : float
    batch : int
    epochs : int
        Of as many spectra each as there are to train on.
    augmentation : Augmentation or None
    relative_loss : bool
        Whether a spectrum's squared error counts relative to the mean square of
        its G2, so that heavy neighbours do not outweigh all others.
    shares : tuple of (str, float)
        Share of each kind of compound (`Row.kind`) among the spectra drawn.
        Members then draw whole groups (`Row.group`); without shares each draws
        rows, as the paper does.
    """

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
    relative_loss: bool = False
    shares: tuple[tuple[str, float], ...] = ()


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
    axis=EnergyAxis("edge", -7.5, 0.2, 222, (12.5, 36.7), level=0.8),
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
        absorbers=tuple(range(22, 31)),
    ),
    optimizer="adamw",
    learning_rate=2e-3,
    one_cycle=True,
    weight_decay=1e-2,
    batch=32,
    epochs=80,
    augmentation=Augmentation(
        variants=16,
        broadening=6.5,
        damping=11.0,
        shift=0.8,
        stretch_mean=1.05,
        stretch=0.035,
        amplitude=(0.6, 1.15),
        slope=0.02,
        noise=0.008,
        damage=0.05,
        lifetime=8.0,
        misfit=0.04,
    ),
    relative_loss=True,
    shares=(("mineral", 0.5), ("molecule", 0.3), ("built", 0.2)),
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

    Raises
    ------
    DataSetError
        If it is of a version of the recipe that had other fields.
    """
    try:
        return _preset(value)
    except (KeyError, TypeError) as error:
        raise DataSetError(
            f"the recipe recorded for the training has other fields than this version's ({error}); expected "
            "one of this version: train again, or use the version that trained it"
        ) from error


def _preset(value: dict[str, Any]) -> Preset:
    network, axis = value["network"], value["axis"]
    augmentation = value["augmentation"]
    scale_range = axis.get("scale_range")
    return Preset(
        **{
            **value,
            "axis": EnergyAxis(
                **{**axis, "scale_range": None if scale_range is None else tuple(scale_range)}
            ),
            "network": Network(
                **{
                    **network,
                    "convolutions": tuple(Convolution(**conv) for conv in network["convolutions"]),
                    "dense": tuple(network["dense"]),
                    "absorbers": tuple(network["absorbers"]),
                }
            ),
            "augmentation": None
            if augmentation is None
            else Augmentation(**{**augmentation, "amplitude": tuple(augmentation["amplitude"])}),
            "shares": tuple((kind, share) for kind, share in value["shares"]),
        }
    )
