"""Global encoder: a few seconds of mel -> who speaks and how (release, section 8)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.config import ParalinguisticConfig
from secousti.paralinguistic.recurrence import GRU


class SqueezeExcite(nn.Module):
    """``x * s + x`` with a gate s from the mean over time; [B, C, T] -> [B, C, T]."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction, bias=False)
        self.excite = nn.Linear(channels // reduction, channels, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        mean = (x * mask).sum(-1) / mask.sum(-1)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(mean))))
        return x * gate[..., None] + x


class ParalinguisticEncoder(nn.Module):
    """Mel window [B, n_mels, T] -> 64 numbers in (-1, 1), and those -> G [B, output_dim].

    The 64 numbers are the last state of a GRU: bounded by its tanh, so they travel as 8-bit
    integers. G is a linear map of them (the VAE's mean; training also uses its log-variance).
    The release's width-1 two-dimensional convolutions are written as the one-dimensional ones
    they compute.
    """

    def __init__(self, n_mels: int, output_dim: int, config: ParalinguisticConfig) -> None:
        super().__init__()
        self.config = config
        channels = (n_mels, *config.conv_channels)
        self.convs = nn.ModuleList(
            nn.Conv1d(a, b, 3, padding=1) for a, b in itertools.pairwise(channels)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(c) for c in config.conv_channels)
        self.se = SqueezeExcite(channels[-1], config.se_reduction)
        self.gru = GRU(channels[-1], config.hidden_size)
        self.mu = nn.Linear(config.hidden_size, output_dim)
        self.logvar = nn.Linear(config.hidden_size, output_dim)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> Tensor:
        """[B, n_mels, T] (``lengths`` int64 [B] frames count in each row) -> [B, hidden_size]."""
        if lengths is None:
            lengths = torch.full((mel.shape[0],), mel.shape[-1], device=mel.device)
        inside = torch.arange(mel.shape[-1], device=mel.device) < lengths[:, None]
        mask = inside[:, None].to(mel.dtype)  # [B, 1, T]
        x = mel * mask
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = torch.relu(norm(conv(x))) * mask
        x = self.se(x, mask)
        outputs = self.gru.outputs(x.transpose(1, 2))
        return outputs[torch.arange(len(lengths), device=mel.device), lengths - 1]

    def project(self, voice: Tensor) -> Tensor:
        """[B, hidden_size] -> G [B, output_dim] (the mean), in the precision of ``voice``."""
        return F.linear(voice, self.mu.weight.to(voice.dtype), self.mu.bias.to(voice.dtype))

    def window(self, num_frames: int) -> slice:
        """Which mel frames of a recording of ``num_frames`` the encoder is given."""
        start = num_frames // 2 - self.config.window_frames // 2
        end = num_frames // 2 + self.config.window_frames // 2
        if self.config.window_rule == "release" and start < 0:
            start += num_frames  # Python's negative slice start, as released
        return slice(max(start, 0), min(end, num_frames))
