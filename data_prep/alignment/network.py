"""The acoustic network of the built-in aligner: a short bidirectional convolutional stack.

It sees about 0.1 s to each side. A wide view would name phonemes better but could place them
anywhere; a narrow one has to look at the boundary itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data_prep.alignment.classes import CLASSES, STATES
from data_prep.alignment.features import N_MELS


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes; ``dilations`` has one entry a layer, in frames of 10 ms."""

    classes: tuple[str, ...] = CLASSES
    channels: int = 160
    kernel_size: int = 3
    dilations: tuple[int, ...] = (1, 1, 2, 2, 3)
    dropout: float = 0.1


class ChannelNorm(nn.Module):
    """Root-mean-square normalisation over the channels of ``[B, C, T]``, frame by frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-5) * self.gain


class Layer(nn.Module):
    """Residual convolution ``[B, C, T] -> [B, C, T]``."""

    def __init__(self, config: NetworkConfig, dilation: int) -> None:
        super().__init__()
        size, padding = config.kernel_size, dilation * (config.kernel_size - 1) // 2
        self.norm = ChannelNorm(config.channels)
        self.conv = nn.Conv1d(
            config.channels, config.channels, size, padding=padding, dilation=dilation
        )
        self.mix = nn.Conv1d(config.channels, config.channels, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.conv(self.norm(x)))
        return x + self.mix(self.dropout(hidden))


class AcousticNetwork(nn.Module):
    """Features -> state logits, and token logits of the CTC stage of its training.

    ``forward`` takes features ``[B, T, N_MELS]`` at 10 ms and gives logits
    ``[B, T, STATES * len(classes)]``; ``tokens`` gives ``[B, T, 1 + len(classes)]``, blank first.
    """

    log_prior: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.entry = nn.Conv1d(N_MELS, config.channels, 3, padding=1)
        self.layers = nn.ModuleList(Layer(config, dilation) for dilation in config.dilations)
        self.norm = ChannelNorm(config.channels)
        self.states = nn.Conv1d(config.channels, STATES * len(config.classes), 1)
        self.ctc = nn.Conv1d(config.channels, 1 + len(config.classes), 1)
        # Logarithm of how often each state is seen in training; not learned.
        self.register_buffer("log_prior", torch.zeros(STATES * len(config.classes)))

    def trunk(self, features: Tensor) -> Tensor:
        x = self.entry(features.transpose(1, 2))
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def forward(self, features: Tensor) -> Tensor:
        return self.states(self.trunk(features)).transpose(1, 2)

    def tokens(self, features: Tensor) -> Tensor:
        return self.ctc(self.trunk(features)).transpose(1, 2)


def fine_logits(network: AcousticNetwork, features: Tensor) -> Tensor:
    """State logits every 5 ms, ``[T, N_MELS] -> [T, states]``, of a network trained at 10 ms.

    The even and the odd frames are two utterances at 10 ms each; their results interleave.
    """
    frames = features.shape[0]
    padded = F.pad(features, (0, 0, 0, frames % 2))
    phases = torch.stack([padded[0::2], padded[1::2]])  # [2, T / 2, M]
    return network(phases).transpose(0, 1).reshape(len(padded), -1)[:frames]
