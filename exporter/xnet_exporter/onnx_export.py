"""Turn trained members into ONNX graphs.

The graphs are plain: batch normalisation is folded into the convolutions, no
absolute path or optimisation of one onnxruntime version is left in them.
"""

from __future__ import annotations

import dataclasses
import logging
import warnings
from typing import cast

import onnx
import torch
from torch import Tensor, nn

from .networks import Ensemble, MemberConv1d, MemberNorm

__all__ = ["SingleMember", "WithFeatures", "fold_batch_norm", "to_onnx"]

OPSET = 20


class SingleMember(nn.Module):
    """One member of an ensemble, without the axis of members."""

    def __init__(self, ensemble: Ensemble, index: int) -> None:
        super().__init__()
        self.ensemble = ensemble.member(index)

    def forward(self, spectrum: Tensor) -> Tensor:
        """(batch, inputs) to (batch, outputs)."""
        return cast(Tensor, self.ensemble(spectrum)).squeeze(1)


class WithFeatures(nn.Module):
    """An ensemble that also gives the last hidden layer of its first member."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, inputs) to (batch, members, outputs) and (batch, width)."""
        hidden = self.ensemble.hidden(spectrum)
        output = cast(Tensor, self.ensemble.dense[-1](hidden)).transpose(0, 1)
        return output, hidden[0]


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
    return plain


def to_onnx(module: nn.Module, inputs: int) -> bytes:
    """Export a network.

    Parameters
    ----------
    module : torch.nn.Module
        Takes (batch, inputs); gives (batch, outputs) for a lone member or
        (batch, members, outputs), and with it features where it is
        `WithFeatures`.
    inputs : int
        Number of energies.

    Returns
    -------
    bytes
        The ONNX model: input `spectrum`, outputs `g2` and, where given,
        `features`, all float32 with a dynamic batch.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Deprecations inside torch's own exporter, which no one here can act on.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module.eval(),
                (torch.zeros(2, inputs),),
                dynamo=True,
                input_names=["spectrum"],
                output_names=["g2", "features"] if isinstance(module, WithFeatures) else ["g2"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
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
