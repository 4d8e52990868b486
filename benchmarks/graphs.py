"""Which shape of the same network onnxruntime runs fastest, as ratios within one run.

    python benchmarks/graphs.py [--batch 64] [--rounds 15]

Needs the extra [export]. Every graph computes the same 15 members (random
weights of the default preset's sizes), which is checked; one thread.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xnet_exporter.export.graphs import Blocked, to_onnx
from xnet_exporter.train.networks import Ensemble, MemberConv1d
from xnet_exporter.train.presets import DEFAULT
from xnet_onnx.inference.session import open_session

INPUTS, OUTPUTS, MEMBERS = DEFAULT.axis.count, 50, 15


class Plain(nn.Module):
    """As trained: one-dimensional convolutions grouped by member, batched products."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.activation = list(ensemble.convolutions)[1]
        layers = [layer for layer in ensemble.convolutions if isinstance(layer, MemberConv1d)]
        self.weights = [layer.weight.detach() for layer in layers]
        self.biases = [layer.bias.detach() for layer in layers]

    def forward(self, spectrum: Tensor) -> Tensor:
        output: Tensor = self.ensemble(spectrum)
        return output

    def tail(self, features: Tensor) -> Tensor:
        """Dense layers: (members, batch, width) to (batch, members, outputs)."""
        for layer in self.ensemble.dense:
            features = layer(features)
        return features.transpose(0, 1)

    def convolve(
        self, spectrum: Tensor, weights: list[Tensor], biases: list[Tensor], groups: list[int]
    ) -> Tensor:
        """Two-dimensional convolutions of height one."""
        features = spectrum[:, None, None, :]
        for weight, bias, group in zip(weights, biases, groups, strict=True):
            features = self.activation(
                functional.conv2d(
                    features, weight.unsqueeze(2), bias, stride=(1, 2), padding=(0, 4), groups=group
                )
            )
        return features

    def join(self, features: Tensor) -> Tensor:
        return self.tail(features.reshape(features.shape[0], MEMBERS, -1).transpose(0, 1))


class TwoDimensional(Plain):
    """The same convolutions in two dimensions; the first is not grouped."""

    def forward(self, spectrum: Tensor) -> Tensor:
        weights = [weight.flatten(0, 1) for weight in self.weights]
        biases = [bias.flatten() for bias in self.biases]
        return self.join(self.convolve(spectrum, weights, biases, [1, MEMBERS, MEMBERS, MEMBERS]))


class Pairs(Plain):
    """Two members to a group of the second convolution, with zeros between them, to fill a block."""

    def forward(self, spectrum: Tensor) -> Tensor:
        weights = [functional.pad(weight, (0, 0, 0, 0, 0, 0, 0, 1)) for weight in self.weights]
        biases = [functional.pad(bias, (0, 0, 0, 1)).flatten() for bias in self.biases]
        even, odd = weights[1][0::2], weights[1][1::2]
        zeros = torch.zeros_like(even)
        weights[1] = torch.cat([torch.cat([even, zeros], 2), torch.cat([zeros, odd], 2)], 1)
        flat = [weight.flatten(0, 1) for weight in weights]
        features = self.convolve(spectrum, flat, biases, [1, 8, 16, 16])
        return self.join(features[:, : MEMBERS * self.weights[-1].shape[1]])


class Columns(Plain):
    """Channels last; windows are copied out and multiplied (im2col), members as batches of products."""

    def forward(self, spectrum: Tensor) -> Tensor:
        batch, length = spectrum.shape[0], INPUTS
        features = spectrum[None, :, :, None]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            filters, channels = weight.shape[1:3]
            out = length // 2 + 1
            padded = functional.pad(features, (0, 0, 4, 2 * out + 6 - length - 4))
            pairs = padded.reshape(*padded.shape[:2], out + 3, 2 * channels)
            windows = torch.cat([pairs[:, :, j : j + out] for j in range(4)], dim=-1)
            product = weight.permute(0, 3, 2, 1).reshape(MEMBERS, 8 * channels, filters)
            flat = torch.matmul(windows.reshape(-1, batch * out, 8 * channels), product)
            features = self.activation(flat + bias[:, None, :]).reshape(MEMBERS, batch, out, filters)
            length = out
        return self.tail(features.transpose(2, 3).reshape(MEMBERS, batch, -1))


class Shipped(nn.Module):
    """What is exported: blocks of 16 channels, odd and even energies apart, one product a member."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.blocked = Blocked(ensemble)

    def forward(self, spectrum: Tensor) -> Tensor:
        output: Tensor = self.blocked(spectrum)[0]
        return output


class Batched(Plain):
    """As exported, but dense layers are batched products over the members."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__(ensemble)
        self.blocked = Blocked(ensemble)

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.join(self.blocked.convolve(spectrum))


def random_ensemble(activation: Any) -> Ensemble:
    network = replace(DEFAULT.network, batch_norm=False, activation=activation)
    ensemble = Ensemble(network, MEMBERS, INPUTS, OUTPUTS).eval()
    ensemble.initialize([torch.Generator().manual_seed(i) for i in range(MEMBERS)])
    return ensemble


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ensemble = random_ensemble("relu")
    spectra = torch.rand(arguments.batch, INPUTS, generator=torch.Generator().manual_seed(0))
    modules: dict[str, nn.Module] = {
        "exported": Shipped(ensemble),
        "grouped Conv1d, as trained": Plain(ensemble),
        "Conv2d of height 1": TwoDimensional(ensemble),
        "Conv2d, pairs of members in the second": Pairs(ensemble),
        "im2col and batched products": Columns(ensemble),
        "exported, dense layers as batched products": Batched(ensemble),
        "exported, GELU after the convolutions": Shipped(random_ensemble("gelu")),
    }
    with torch.no_grad():
        expected = ensemble(spectra).numpy()
    sessions = {}
    for name, module in modules.items():
        sessions[name] = open_session(to_onnx(module, INPUTS))
        found = sessions[name].run(None, {"spectrum": spectra.numpy()})[0]
        if "GELU" not in name:
            assert np.abs(found - expected).max() < 1e-5, name
    best = dict.fromkeys(sessions, float("inf"))
    for _ in range(arguments.rounds):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, {"spectrum": spectra.numpy()})
            best[name] = min(best[name], time.perf_counter() - start)
    print("| graph | time relative to the exported one |\n|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds / best['exported']:.2f} |")


if __name__ == "__main__":
    main()
