"""Import a model trained with XANESNET, the paper's own code.

XANESNET keeps one folder a member, each with ``model_weights.pth`` (a
state_dict), and a ``metadata.yaml``. Its code is not used or copied: the network
is rebuilt from the names and the shapes of the weights, so hyper-parameters that
leave no trace in them (stride, activation) come from the metadata.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from xnet_onnx.errors import DataSetError
from xnet_onnx.spectrum import EnergyAxis

from ..data.descriptor import RadialGrid
from .bundle import k_edges, write_bundle

__all__ = ["Imported", "import_xanesnet", "rebuild"]

WEIGHTS = "model_weights.pth"
METADATA = "metadata.yaml"
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "prelu": nn.PReLU,
    "leakyrelu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


@dataclass(frozen=True)
class Imported:
    """A XANESNET model rebuilt.

    Parameters
    ----------
    modules : list of torch.nn.Module
        One for each member: (batch, inputs) to (batch, outputs).
    inputs, outputs : int
        Number of energies and of values it was trained to give.
    metadata : dict
        ``metadata.yaml``.
    """

    modules: list[nn.Module]
    inputs: int
    outputs: int
    metadata: dict[str, Any]


class _Stacked(nn.Module):
    """Members side by side: (batch, inputs) to (batch, members, outputs)."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Run every member."""
        return torch.stack([member(spectrum) for member in self.members], dim=1)


class _AddChannel(nn.Module):
    def forward(self, spectrum: Tensor) -> Tensor:
        """(batch, n) to (batch, 1, n)."""
        return spectrum.unsqueeze(1)


class _Last(nn.Module):
    """Keep the last values: XANESNET's wACSF vector starts with G1."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, output: Tensor) -> Tensor:
        """(batch, n) to (batch, count)."""
        return output[:, -self.count :]


#: XANESNET does not record the absorber; the paper's is iron.
IRON = 26


def _layers(state: dict[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """Group a state_dict by layer, in order: ("conv_layers.0.1", {"weight": ...})."""

    def position(name: str) -> tuple[int, tuple[int, ...]]:
        numbers = tuple(int(part) for part in name.split(".") if part.isdigit())
        return (0 if name.startswith("conv") else 1, numbers)

    grouped: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        layer, _, leaf = key.rpartition(".")
        grouped.setdefault(layer, {})[leaf] = value
    return sorted(grouped.items(), key=lambda item: position(item[0]))


def rebuild(state: dict[str, Tensor], model: dict[str, Any], inputs: int | None) -> nn.Module:
    """Rebuild one XANESNET CNN or MLP from its weights.

    Parameters
    ----------
    state : dict of str to Tensor
        ``model_weights.pth``: ``conv_layers.I.J.*`` (convolution, batch
        normalisation) and ``dense_layers.I.*``.
    model : dict
        The metadata's `model`: activation and stride.
    inputs : int or None
        Number of energies, where the metadata gives it.

    Returns
    -------
    torch.nn.Module
        (batch, inputs) to (batch, outputs), in evaluation mode.

    Raises
    ------
    DataSetError
        If the layers are not those of a CNN or MLP.
    """
    name = str(model.get("activation", "prelu")).lower()
    if name not in ACTIVATIONS:
        raise DataSetError(
            f"the model's activation is {name!r}; expected one of {', '.join(sorted(ACTIVATIONS))}"
        )
    stride = int(model.get("stride", 1))
    prelu = [
        layer["weight"]
        for _, layer in _layers(state)
        if set(layer) == {"weight"} and layer["weight"].ndim == 1
    ]
    if name == "prelu" and not prelu:
        raise DataSetError("the metadata says prelu, but no weight of it is among the layers")

    def activation() -> nn.Module:
        module = ACTIVATIONS[name]()
        if isinstance(module, nn.PReLU):
            # One activation object is shared by all layers, so all copies hold the same weight.
            module = nn.PReLU(prelu[0].numel())
            module.load_state_dict({"weight": prelu[0]})
        return module

    layers: list[nn.Module] = []
    linear = [key for key, layer in _layers(state) if _is(layer, 2)]
    for key, layer in _layers(state):
        if _is(layer, 3):
            filters, channels, kernel = layer["weight"].shape
            if not layers:
                layers.append(_AddChannel())
            layers.append(_loaded(nn.Conv1d(channels, filters, kernel, stride), layer))
            if not _followed_by_norm(key, state):
                layers.append(activation())
        elif "running_mean" in layer:
            layers.append(_loaded(nn.BatchNorm1d(layer["running_mean"].numel()), layer))
            layers.append(activation())
        elif _is(layer, 2):
            if layers and key == linear[0]:
                layers.append(nn.Flatten())
            width, before = layer["weight"].shape
            layers.append(_loaded(nn.Linear(before, width), layer))
            if key != linear[-1]:
                layers.append(activation())
        elif set(layer) != {"weight"}:
            raise DataSetError(
                f"layer {key!r} holds {sorted(layer)}; expected the convolutions, batch "
                "normalisations and dense layers of a XANESNET CNN or MLP"
            )
    if not linear:
        raise DataSetError("the model has no dense layer; expected a XANESNET CNN or MLP")
    return nn.Sequential(*layers).eval()


def _is(layer: dict[str, Tensor], ndim: int) -> bool:
    return "running_mean" not in layer and "weight" in layer and layer["weight"].ndim == ndim


def _followed_by_norm(key: str, state: dict[str, Tensor]) -> bool:
    block, _, position = key.rpartition(".")
    return f"{block}.{int(position) + 1}.running_mean" in state


def _loaded(module: nn.Module, layer: dict[str, Tensor]) -> nn.Module:
    module.load_state_dict(layer)
    return module


def _count_inputs(module: nn.Module, state: dict[str, Tensor], guess: int | None) -> int:
    """Number of energies: from a dense first layer, the metadata, or the flattened width."""
    first = next(layer for layer in module.modules() if isinstance(layer, nn.Conv1d | nn.Linear))
    if isinstance(first, nn.Linear):
        return first.in_features
    dense = next(layer for layer in module.modules() if isinstance(layer, nn.Linear))
    convs = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d)]
    candidates = [guess] if guess else [475, *range(10, 5000)]
    for n in candidates:
        length = n
        for conv in convs:
            length = math.floor((length - conv.kernel_size[0]) / conv.stride[0]) + 1
        if length * convs[-1].out_channels == dense.in_features:
            return n
    raise DataSetError(
        f"no number of energies leads to the {dense.in_features} inputs of the first dense layer; "
        "expected the stride of the convolutions in metadata.yaml"
    )


def read_xanesnet(folder: Path) -> Imported:
    """Read a XANESNET model folder.

    Parameters
    ----------
    folder : Path
        With ``metadata.yaml`` and either ``model_weights.pth`` or one folder a
        member that holds it.

    Returns
    -------
    Imported

    Raises
    ------
    DataSetError
        If the folder is not such a model.
    """
    try:
        metadata = yaml.safe_load((folder / METADATA).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise DataSetError(
            f"{folder / METADATA} cannot be read ({error}); expected a model folder of XANESNET"
        ) from error
    model = metadata.get("model") if isinstance(metadata, dict) else None
    if not isinstance(model, dict) or model.get("type") not in ("cnn", "mlp"):
        found = model.get("type") if isinstance(model, dict) else None
        raise DataSetError(
            f"{folder / METADATA} describes a model of type {found!r}; expected 'cnn' or 'mlp'"
        )
    model = model | (model.get("params") or {})
    files = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else []
    files = files or sorted(
        folder.glob(f"*/{WEIGHTS}"),
        key=lambda path: [int(part) for part in re.findall(r"\d+", path.parent.name)],
    )
    if not files:
        raise DataSetError(f"{folder} holds no {WEIGHTS}; expected one, or one in a folder a member")
    guess = model.get("in_size")
    if guess is None and model.get("in_shape"):
        guess = model["in_shape"][0]
    modules, sizes = [], set()
    for file in files:
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged or unsafe file
            reason = str(error).strip().splitlines()[0][:160]
            raise DataSetError(
                f"{file} cannot be loaded as plain weights ({reason}); expected a state_dict"
            ) from error
        module = rebuild(state, model, guess)
        inputs = _count_inputs(module, state, guess)
        with torch.no_grad():
            sizes.add((inputs, int(module(torch.zeros(1, inputs)).shape[1])))
        modules.append(module)
    if len(sizes) != 1:
        raise DataSetError(f"the members of {folder} differ in size: {sorted(sizes)}")
    ((inputs, outputs),) = sizes
    return Imported(modules, inputs, outputs, metadata)


def _grid(imported: Imported) -> RadialGrid:
    """The G2 grid, from the metadata's wACSF descriptor where it is given."""
    descriptors = imported.metadata.get("descriptors") or []
    wacsf: dict[str, Any] = next((d for d in descriptors if d.get("type") == "wacsf"), {})
    wacsf = wacsf | (wacsf.get("params") or {})
    if wacsf.get("n_g4"):
        raise DataSetError(f"the model predicts {wacsf['n_g4']} angular G4 functions too; expected G2 only")
    count = int(wacsf.get("n_g2", min(imported.outputs, RadialGrid().count)))
    if imported.outputs not in (count, count + 1):
        raise DataSetError(
            f"the model gives {imported.outputs} values; expected {count} of G2, or one more with G1"
        )
    last = float(wacsf.get("r_max", RadialGrid().last))
    first = float(wacsf.get("r_min", RadialGrid().first))
    return RadialGrid(first=first, last=last, count=count, cutoff=last)


def import_xanesnet(folder: Path, out: Path, *, name: str, version: str) -> dict[str, float]:
    """Turn a trained XANESNET model into a bundle.

    Parameters
    ----------
    folder : Path
        The model folder.
    out : Path
        The bundle's folder.
    name, version : str
        Of the bundle.

    Returns
    -------
    dict
        As `xnet_exporter.export.bundle.check_parity`.

    Raises
    ------
    DataSetError
        If the folder is not a CNN or MLP that maps spectra to G2.
    BundleError, OutputError
        As `xnet_exporter.export.bundle.write_bundle`.
    """
    imported = read_xanesnet(folder)
    grid = _grid(imported)
    # The paper's window (section 2.3); XANESNET does not record the energies.
    step = 47.5 / (imported.inputs - 1)
    axis = EnergyAxis("absolute", 7112.5, step, imported.inputs)
    members: list[nn.Module] = [nn.Sequential(module, _Last(grid.count)) for module in imported.modules]
    stacked = _Stacked(members).eval()
    golden_energy = np.arange(7092.0, 7180.0, 0.25)
    golden_norm = 1.0 / (1.0 + np.exp(-(golden_energy - 7122.0) / 1.5))
    golden_input = np.interp(axis.energies(), golden_energy, golden_norm)
    noise = np.random.default_rng(0).normal(scale=0.05, size=(64, imported.inputs))
    return write_bundle(
        out,
        stacked,
        members,
        axis,
        grid,
        name=name,
        version=version,
        absorbers=k_edges([IRON]),
        golden=(golden_energy, golden_norm, golden_input),
        parity_inputs=golden_input + noise,
        training={"imported": str(folder.name), "metadata": _plain(imported.metadata)},
        summary={
            "preset": "imported from XANESNET",
            "members": len(members),
            "energies": "assumed 7112.5-7160 eV; XANESNET does not record them",
        },
        licence="that of the imported model",
    )


def _plain(value: Any) -> Any:
    """Metadata as JSON can hold it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
