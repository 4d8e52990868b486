"""The networks, with all members of an ensemble side by side in one module.

A member is one slice of every weight. Convolutions are grouped by member and
dense layers are batched matrix products, so that 15 members train, and run,
as one; `Ensemble.member` cuts one out.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .presets import Network

__all__ = ["Ensemble", "one_hot"]


class MemberConv1d(nn.Module):
    """Conv1d for each of M members: (batch, M * channels, n) to (batch, M * filters, n')."""

    def __init__(
        self, members: int, channels: int, filters: int, kernel: int, stride: int, padding: int
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, filters, channels, kernel))
        self.bias = nn.Parameter(torch.zeros(members, filters))
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each member's channels with its own filters."""
        return nn.functional.conv1d(
            x,
            self.weight.flatten(0, 1),
            self.bias.flatten(),
            stride=self.stride,
            padding=self.padding,
            groups=self.weight.shape[0],
        )


class MemberNorm(nn.Module):
    """Batch normalisation of each member's channels over (batch, n)."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, members: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, channels))
        self.bias = nn.Parameter(torch.zeros(members, channels))
        self.register_buffer("running_mean", torch.zeros(members, channels))
        self.register_buffer("running_var", torch.ones(members, channels))
        self.eps = 1e-5

    def forward(self, x: Tensor) -> Tensor:
        """Normalise, with the running statistics outside training."""
        return nn.functional.batch_norm(
            x,
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.flatten(),
            self.bias.flatten(),
            training=self.training,
            momentum=0.1,
            eps=self.eps,
        )


class MemberLinear(nn.Module):
    """Dense layer for each of M members: (M, batch, n) to (M, batch, width)."""

    def __init__(self, members: int, inputs: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, inputs, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each member's activations with its own weights."""
        return torch.bmm(x, self.weight) + self.bias


def one_hot(absorber: Tensor, absorbers: tuple[int, ...]) -> Tensor:
    """Atomic numbers, shape (...), as float32 (..., len(absorbers)); all zero for another number."""
    return (absorber.unsqueeze(-1) == torch.tensor(absorbers)).float()


def _activation(name: str) -> nn.Module:
    return nn.GELU() if name == "gelu" else nn.ReLU()


class Ensemble(nn.Module):
    """M members of one architecture.

    Parameters
    ----------
    network : Network
        The architecture.
    members : int
        M.
    inputs, outputs : int
        Number of energies and of G2 values.
    """

    def __init__(self, network: Network, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.members = members
        self.inputs = inputs
        self.outputs = outputs
        layers: list[nn.Module] = []
        channels, length = 1, inputs
        for conv in network.convolutions:
            padding = conv.kernel // 2 if network.padding else 0
            layers.append(MemberConv1d(members, channels, conv.filters, conv.kernel, conv.stride, padding))
            if network.batch_norm:
                layers.append(MemberNorm(members, conv.filters))
            layers.append(_activation(network.activation))
            channels = conv.filters
            length = (length + 2 * padding - conv.kernel) // conv.stride + 1
        self.convolutions = nn.Sequential(*layers)
        layers = []
        width = channels * length
        for dense in network.dense:
            layers += [MemberLinear(members, width, dense), _activation(network.dense_activation)]
            width = dense
        layers.append(MemberLinear(members, width, outputs))
        self.dense = nn.Sequential(*layers)
        if network.absorbers:
            # Zero: an absorber without training spectra stays one that the network does not know.
            self.absorber_weight = nn.Parameter(
                torch.zeros(members, len(network.absorbers), network.dense[0])
            )

    def initialize(self, generators: list[torch.Generator]) -> None:
        """Draw Glorot-uniform weights (paper reference 24), one generator a member."""
        for layer in self.modules():
            if not isinstance(layer, MemberConv1d | MemberLinear):
                continue
            weight = layer.weight
            if isinstance(layer, MemberConv1d):
                _, filters, channels, kernel = weight.shape
                fan = (channels + filters) * kernel
            else:
                fan = weight.shape[1] + weight.shape[2]
            bound = math.sqrt(6.0 / fan)
            with torch.no_grad():
                for member, generator in enumerate(generators):
                    weight[member].uniform_(-bound, bound, generator=generator)

    def set_output_bias(self, mean: Tensor) -> None:
        """Let members start from the mean target, or each from its own, shape (members, 1, outputs)."""
        last = self.dense[-1]
        assert isinstance(last, MemberLinear)
        with torch.no_grad():
            last.bias.copy_(mean.expand_as(last.bias))

    @property
    def absorbers(self) -> tuple[int, ...]:
        """Atomic numbers of the absorbers that the network is told."""
        return self.network.absorbers

    def forward(self, spectrum: Tensor, absorber: Tensor | None = None) -> Tensor:
        """Predict G2.

        Parameters
        ----------
        spectrum : Tensor, shape (batch, inputs) or (batch, members, inputs)
            One spectrum for all members, or one each.
        absorber : Tensor of int64, shape (batch,) or (batch, members), optional
            Atomic numbers, for a network that takes them; without, the network
            does not know the absorbers.

        Returns
        -------
        Tensor, shape (batch, members, outputs)
        """
        output: Tensor = self.dense[-1](self.hidden(spectrum, absorber))
        return output.transpose(0, 1)

    def hidden(self, spectrum: Tensor, absorber: Tensor | None = None) -> Tensor:
        """Last hidden layer of every member.

        Parameters
        ----------
        spectrum, absorber : Tensor
            As `forward`.

        Returns
        -------
        Tensor, shape (members, batch, width)
        """
        if spectrum.dim() == 2:
            spectrum = spectrum.unsqueeze(1).expand(-1, self.members, -1)
        features: Tensor = self.convolutions(spectrum)
        # (batch, M * channels, n) -> (M, batch, channels * n)
        features = features.reshape(features.shape[0], self.members, -1).transpose(0, 1)
        for i, layer in enumerate(list(self.dense)[:-1]):
            features = layer(features)
            if i == 0 and absorber is not None and self.network.absorbers:
                each = absorber if absorber.dim() == 2 else absorber.unsqueeze(1).expand(-1, self.members)
                known = one_hot(each.transpose(0, 1), self.network.absorbers)
                features = features + torch.bmm(known, self.absorber_weight)
        return features

    def member(self, index: int) -> Ensemble:
        """Cut out one member as an ensemble of one."""
        single = Ensemble(self.network, 1, self.inputs, self.outputs)
        state = {name: value[index : index + 1] for name, value in self.state_dict().items()}
        single.load_state_dict(state)
        return single.train(self.training)
