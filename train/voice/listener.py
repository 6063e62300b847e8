"""Who speaks in a mel: a small network of our own, taught to tell training speakers apart.

It serves training alone (``train/codec/conversion.py``). Evaluation asks another network,
Resemblyzer, which has never been trained against, so that a gain there is a gain in the voice and
not in pleasing one network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import MIDDLE, SPREAD
from secousti.config import MelConfig, from_dict, to_dict
from secousti.errors import SecoustiError
from secousti.paralinguistic.encoder import SqueezeExcite
from secousti.pretrained import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    load_folder,
    read_document,
    save_folder,
)


@dataclass(frozen=True)
class ListenerConfig:
    """``channels`` of every block, one block per entry of ``dilations``; ``dim`` of the voice."""

    channels: int = 160
    dilations: tuple[int, ...] = (1, 2, 3, 4)
    dim: int = 128


class Block(nn.Module):
    """A dilated convolution with squeeze and excitation, beside what came in: [B, C, T]."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)
        self.gate = SqueezeExcite(channels, 4)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return (x + self.gate(torch.relu(self.norm(self.conv(x))), mask)) * mask


class VoiceListener(nn.Module):
    """Log-mel [B, n_mels, T] -> a unit vector [B, dim], near for one speaker's recordings.

    Blocks of dilated convolutions with squeeze and excitation and attentive statistics (after
    ECAPA-TDNN, Desplanques et al. 2020).
    """

    def __init__(self, mel: MelConfig, config: ListenerConfig) -> None:
        super().__init__()
        self.mel, self.config = mel, config
        channels = config.channels
        self.first = nn.Conv1d(mel.n_mels, channels, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(Block(channels, dilation) for dilation in config.dilations)
        self.last = nn.Conv1d(channels, channels, 1)
        self.attention = nn.Sequential(
            nn.Conv1d(channels, channels // 4, 1), nn.Tanh(), nn.Conv1d(channels // 4, channels, 1)
        )
        self.norm = nn.BatchNorm1d(2 * channels)
        self.project = nn.Linear(2 * channels, config.dim)

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """``mask``: bool [B, T], False where a frame is padding."""
        with torch.autocast(mel.device.type, enabled=False):  # voices differ by little
            valid = mask[:, None, ::2].float()
            x = self.first((mel.float() - MIDDLE) / SPREAD * mask[:, None])
            x = torch.relu(x) * valid
            for block in self.blocks:
                x = block(x, valid)
            x = torch.relu(self.last(x))
            statistics = self.norm(self._statistics(x, valid))
            return F.normalize(self.project(statistics), dim=-1)

    def _statistics(self, x: Tensor, valid: Tensor) -> Tensor:
        """Mean and deviation over the frames that tell most, [B, 2 C]."""
        scores = self.attention(x).masked_fill(valid == 0, -1e4)
        weights = scores.softmax(-1)
        mean = (weights * x).sum(-1)
        variance = (weights * x.square()).sum(-1) - mean.square()
        return torch.cat([mean, variance.clamp(min=1e-5).sqrt()], 1)


def save_listener(listener: VoiceListener, folder: Path) -> None:
    """``config.json`` and ``model.safetensors``; each file appears whole."""
    document = {"listener": to_dict(listener.config), "mel": to_dict(listener.mel)}
    save_folder(folder, document, listener.state_dict())


def load_listener(folder: str | Path) -> VoiceListener:
    """The listener saved in ``folder``, frozen and in eval mode.

    Raises:
        SecoustiError: there is none, or its weights do not fit its configuration.
    """
    folder = Path(folder)
    for name in (CONFIG_NAME, WEIGHTS_NAME):
        if not (folder / name).is_file():
            raise SecoustiError(
                f"{folder} holds no listener: {name} is missing; train one with "
                "python -m train.voice configs/voice_listener.yaml"
            )
    document = read_document(folder, "listener")
    where = str(folder / CONFIG_NAME)

    def make() -> VoiceListener:
        return VoiceListener(
            from_dict(MelConfig, document["mel"], where=where),
            from_dict(ListenerConfig, document["listener"], where=where),
        )

    return load_folder(make, [("", folder / WEIGHTS_NAME)]).requires_grad_(False)
