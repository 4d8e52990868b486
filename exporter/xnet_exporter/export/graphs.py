"""Turn trained members into ONNX graphs.

The graphs are plain: batch normalisation is folded into the convolutions, no
absolute path or optimisation of one onnxruntime version is left in them.
"""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np
import onnx
import onnx.numpy_helper
import torch
from torch import Tensor, nn

from ..train.networks import Ensemble, MemberConv1d, MemberLinear, MemberNorm, one_hot

__all__ = ["Blocked", "SingleMember", "fold_batch_norm", "members_to_onnx", "to_onnx"]

OPSET = 20


class Blocked(nn.Module):
    """An ensemble in the shape that onnxruntime runs fastest on a CPU; the same function.

    Convolutions are two-dimensional with a height of one, because onnxruntime's
    blocked kernels (16 channels at a time) know no other; the first is not
    grouped, because all members read the same spectrum. Where that one has fewer
    filters than a block, the odd and the even energies become channels of their
    own and the second convolution, of stride 2, one of stride 1. Dense layers are
    one product a member, whose weights onnxruntime packs beforehand. What else was
    tried is in ``docs/performance.md``.

    Parameters
    ----------
    ensemble : Ensemble
        Without batch normalisation.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.members = ensemble.members
        self.activation = next(
            layer for layer in ensemble.convolutions if not isinstance(layer, MemberConv1d)
        )
        *dense, last = ensemble.dense
        assert isinstance(last, MemberLinear)
        self.absorbers = ensemble.network.absorbers
        first = len(dense) if not self.absorbers else 1
        self.dense = nn.ModuleList(
            nn.Sequential(*(_of_member(layer, i) for layer in dense[:first])) for i in range(self.members)
        )
        # What an absorber adds comes after the first product of the dense layers.
        self.after = nn.ModuleList(
            nn.Sequential(*(_of_member(layer, i) for layer in dense[first:])) for i in range(self.members)
        )
        if self.absorbers:
            self.absorber_weight = nn.ParameterList(list(ensemble.absorber_weight.detach()))
        self.outputs = nn.ModuleList(_of_member(last, i) for i in range(self.members))
        convolutions = [layer for layer in ensemble.convolutions if isinstance(layer, MemberConv1d)]
        weights = [layer.weight.detach() for layer in convolutions]
        biases = [layer.bias.detach() for layer in convolutions]
        strides = [layer.stride for layer in convolutions]
        pads = [layer.padding for layer in convolutions]
        if _splits(ensemble, convolutions):
            even = nn.functional.pad(weights[0], (0, strides[0]))
            odd = nn.functional.pad(weights[0], (strides[0], 0))
            weights[0], biases[0] = torch.cat([even, odd], 1), torch.cat([biases[0], biases[0]], 1)
            weights[1] = torch.cat([weights[1][..., 0::2], weights[1][..., 1::2]], 2)
            strides[0], strides[1], pads[1] = 2 * strides[0], 1, pads[1] // 2
        self.weights = nn.ParameterList([weight.flatten(0, 1).unsqueeze(2) for weight in weights])
        self.biases = nn.ParameterList([bias.flatten() for bias in biases])
        self.strides, self.pads = strides, pads

    def convolve(self, spectrum: Tensor) -> Tensor:
        """(batch, inputs) to (batch, members * filters, 1, n)."""
        features = spectrum[:, None, None, :]
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            features = self.activation(
                nn.functional.conv2d(
                    features,
                    weight,
                    bias,
                    stride=(1, self.strides[i]),
                    padding=(0, self.pads[i]),
                    groups=1 if i == 0 else self.members,
                )
            )
        return features

    def forward(self, spectrum: Tensor, absorber: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(batch, inputs) to (batch, members, outputs) and the first member's last hidden layer."""
        features = self.convolve(spectrum)
        width = features.shape[1] * features.shape[3] // self.members
        each = torch.split(features.reshape(features.shape[0], -1), width, dim=1)
        hidden = [cast(Tensor, layers(part)) for layers, part in zip(self.dense, each, strict=True)]
        if self.absorbers and absorber is not None:
            known = one_hot(absorber, self.absorbers)
            hidden = [
                part + known @ weight for part, weight in zip(hidden, self.absorber_weight, strict=True)
            ]
        hidden = [cast(Tensor, layers(part)) for layers, part in zip(self.after, hidden, strict=True)]
        outputs = [layer(part) for layer, part in zip(self.outputs, hidden, strict=True)]
        return torch.stack(outputs, dim=1), hidden[0]


#: Channels that onnxruntime's kernels take at a time with AVX-512; with AVX2 it is half as many.
BLOCK = 16


def _splits(ensemble: Ensemble, layers: list[MemberConv1d]) -> bool:
    """Whether odd and even outputs of the first convolution can become channels of their own."""
    if len(layers) < 2 or layers[1].stride != 2:
        return False
    first, second = layers[:2]
    filters, kernel = first.weight.shape[1], first.weight.shape[3]
    length = (ensemble.inputs + 2 * first.padding - kernel) // first.stride + 1
    even = (length, second.padding, second.weight.shape[3])
    return 2 * filters <= BLOCK and all(value % 2 == 0 for value in even)


def _of_member(layer: nn.Module, index: int) -> nn.Module:
    """A member's own part of a dense layer; an activation is everybody's."""
    if not isinstance(layer, MemberLinear):
        return layer
    weight = layer.weight.detach()[index].T
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(layer.bias.detach()[index, 0])
    return linear


class SingleMember(nn.Module):
    """One member of an ensemble, without the axis of members."""

    def __init__(self, ensemble: Ensemble, index: int) -> None:
        super().__init__()
        self.blocked = Blocked(ensemble.member(index))
        self.absorbers = self.blocked.absorbers

    def forward(self, spectrum: Tensor, absorber: Tensor | None = None) -> Tensor:
        """(batch, inputs) to (batch, outputs)."""
        output, _ = self.blocked(spectrum, absorber)
        return cast(Tensor, output).squeeze(1)


def fold_batch_norm(ensemble: Ensemble) -> Ensemble:
    """Fold batch normalisation into the convolution before it.

    Parameters
    ----------
    ensemble : Ensemble
        Trained.

    Returns
    -------
    Ensemble
        The same function of the spectrum, in evaluation mode, without batch
        normalisation. The folding is done in float64.
    """
    network = dataclasses.replace(ensemble.network, batch_norm=False)
    plain = Ensemble(network, ensemble.members, ensemble.inputs, ensemble.outputs).eval()
    pairs = zip(
        [layer for layer in plain.convolutions if isinstance(layer, MemberConv1d)],
        [layer for layer in ensemble.convolutions if isinstance(layer, MemberConv1d)],
        strict=True,
    )
    norms = [layer for layer in ensemble.convolutions if isinstance(layer, MemberNorm)]
    with torch.no_grad():
        for i, (target, source) in enumerate(pairs):
            weight, bias = source.weight.double(), source.bias.double()
            if norms:
                norm = norms[i]
                gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = weight * gain[:, :, None, None]
                bias = (bias - norm.running_mean.double()) * gain + norm.bias.double()
            target.weight.copy_(weight)
            target.bias.copy_(bias)
        plain.dense.load_state_dict(ensemble.dense.state_dict())
        if network.absorbers:
            plain.absorber_weight.copy_(ensemble.absorber_weight)
    return plain


def to_onnx(module: nn.Module, inputs: int) -> bytes:
    """Export a network.

    Parameters
    ----------
    module : torch.nn.Module
        Takes (batch, inputs); gives (batch, outputs) for a lone member or
        (batch, members, outputs), and with it features where it is
        `Blocked`.
    inputs : int
        Number of energies.

    Returns
    -------
    bytes
        The ONNX model: input `spectrum`, outputs `g2` and, where given,
        `features`, all float32 with a dynamic batch; and the input `absorber`,
        int64, of a network that takes it.
    """
    names, given = ["spectrum"], [torch.zeros(2, inputs)]
    if getattr(module, "absorbers", ()):
        names.append("absorber")
        given.append(torch.zeros(2, dtype=torch.int64))
    batch = torch.export.Dim("batch")
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Deprecations inside torch's own exporter, which no one here can act on.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module.eval(),
                tuple(given),
                dynamo=True,
                input_names=names,
                output_names=["g2", "features"] if isinstance(module, Blocked) else ["g2"],
                dynamic_shapes=tuple({0: batch} for _ in names),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    assert program is not None
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return cast(bytes, model.SerializeToString(deterministic=True))


def members_to_onnx(members: Sequence[nn.Module], inputs: int) -> list[bytes]:
    """Export networks of one architecture: the first as `to_onnx` does, the others with its graph.

    Parameters
    ----------
    members : sequence of torch.nn.Module
    inputs : int
        Number of energies.

    Returns
    -------
    list of bytes
        What `to_onnx` gives for each.
    """
    first = onnx.load_from_string(to_onnx(members[0], inputs))
    made = []
    for member in members:
        own = _with_weights(first, members[0], member)
        made.append(to_onnx(member, inputs) if own is None else own)
    return made


def _with_weights(model: onnx.ModelProto, source: nn.Module, target: nn.Module) -> bytes | None:
    """A graph of `source` with the weights of `target`; None where they cannot be told from the graph."""
    known, wanted = source.state_dict(), target.state_dict()
    places = {weight.name: weight for weight in model.graph.initializer}
    if type(source) is not type(target) or known.keys() != wanted.keys() or not known.keys() <= places.keys():
        return None
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for weight in changed.graph.initializer:
        if weight.name not in known:
            continue
        before, after = known[weight.name].numpy(), wanted[weight.name].numpy()
        if not np.array_equal(onnx.numpy_helper.to_array(weight), before) or before.shape != after.shape:
            return None
        weight.raw_data = np.ascontiguousarray(after).tobytes()
    return cast(bytes, changed.SerializeToString(deterministic=True))


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the machine and not of the model."""
    model.producer_version = ""
    model.doc_string = ""
    graph = model.graph
    graph.doc_string = ""
    del model.metadata_props[:]
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.doc_string = ""
        del item.metadata_props[:]
    del graph.value_info[:]
