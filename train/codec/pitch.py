"""Pitch told from G, and pitch that follows G (not in the paper).

Trained on copies, a decoder takes the pitch from where it is easiest to read: from the tokens,
which know the speaker too. Two losses are against it. A head reads the height of a voice (median
of log F0) and its spread off G, so that G holds them. And where half of a batch is spoken in the
voices of the other half (``conversion.py``), its pitch should be the words' contour moved to the
height of the voice asked for. How high a decoded mel is, is told by the pitch network of a vocoder,
which is differentiable and decides the pitch of the sound that comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log2
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.config import MelConfig, to_dict
from secousti.errors import SecoustiError
from secousti.vocoder.pitch import PitchNet, pitch_octaves
from train.codec.pitch_track import PitchRange, PitchTrack
from train.codec.warm_start import vocoder_of

_FEWEST = 5  # voiced frames that make a height
_MIDDLE, _SCALE = log2(150.0), 0.5  # of heights in octaves, roughly: what the head starts from
_BEND = 0.25  # octaves beyond which an error counts linearly


@dataclass(frozen=True)
class PitchHeadConfig(PitchRange):
    """Pitch is looked for between ``fmin`` and ``fmax`` Hz, by YIN in every second mel frame."""

    place: ClassVar[str] = "objective.pitch_head"


class PitchHead(nn.Module):
    """G [B, dim] -> height and spread of the voice in octaves, [B, 2].

    Args:
        mel: of the windows that G is taken from.

    Raises:
        SecoustiError: two periods of ``fmin`` do not fit into the window of a mel frame.
    """

    def __init__(self, dim: int, mel: MelConfig, config: PitchHeadConfig) -> None:
        super().__init__()
        self.track = PitchTrack(mel, config, 2 * mel.hop_length)
        self.linear = nn.Linear(dim, 2)

    def forward(self, voice: Tensor) -> Tensor:
        told: Tensor = self.linear(voice).float()
        return told * _SCALE + told.new_tensor([_MIDDLE, _SCALE / 2])

    def loss(self, voice: Tensor, audio: Tensor, lengths: Tensor) -> Tensor:
        """Squared error in units of half an octave; 0 where nothing is voiced.

        Args:
            voice: G [B, dim]. audio: the windows, [B, N], of int64 [B] samples.
        """
        right, known = self.heights(audio, lengths)
        error = ((self(voice) - right) / _SCALE).square().mean(1)
        return (error * known).sum() / known.sum().clamp(min=1)

    @torch.no_grad()
    def heights(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Median of log2 F0 and half of its middle 50 %, [B, 2]; bool [B]: whether it is voiced."""
        told = self.track(audio, lengths)
        quartiles = told.new_tensor([0.25, 0.5, 0.75])
        low, median, high = told.nanquantile(quartiles, dim=1).nan_to_num()
        return torch.stack([median, (high - low) / 2], dim=1), told.isfinite().sum(1) >= _FEWEST


class PitchListener(nn.Module):
    """The pitch network of a vocoder, which never trains here, and the loss of what it hears.

    Raises:
        SecoustiError: a vocoder without one, or of other mels than ``mel``.
    """

    def __init__(self, name: str, mel: MelConfig) -> None:
        super().__init__()
        vocoder, _ = vocoder_of(name)
        found = [module for module in vocoder.modules() if isinstance(module, PitchNet)]
        if not found or to_dict(vocoder.mel) != to_dict(mel):
            raise SecoustiError(
                f"objective.pitch_listener {name} has no pitch network for the mels of this codec: "
                "name a vocoder of kind causal_istft with its harmonic source"
            )
        self.network = found[0].eval().requires_grad_(False)

    def forward(
        self, converted: Tensor, words: Tensor, mask: Tensor, voice: Tensor, voice_mask: Tensor
    ) -> Tensor:
        """How far the pitch of ``converted`` is from that of ``words`` at the height of ``voice``.

        Args:
            converted, words, voice: log-mels [B, n_mels, T]; the last two are recordings.
            mask, voice_mask: bool [B, T], False for padding.

        Returns:
            Huber loss in octaves, mean over frames, those that are surely voiced the most.
        """
        with torch.autocast(converted.device.type, enabled=False):
            with torch.no_grad():
                contour, sure = self.heard(words, mask)
                right = contour - _mean(contour, sure) + _mean(*self.heard(voice, voice_mask))
            found, _ = self.heard(converted, mask)
            error = F.huber_loss(found, right, reduction="none", delta=_BEND)
            return ((error * sure).sum() / sure.sum().clamp(min=1)).float()

    def heard(self, mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """log2 of the fundamental [B, T], and how sure the network is of it, 0 to 1."""
        scores, _ = self.network(mel.float().mT)
        likely = scores.softmax(-1)
        entropy = -(likely * likely.clamp(min=1e-12).log()).sum(-1)
        sure = (1 - entropy / log(scores.shape[-1])).square() * mask
        return likely @ pitch_octaves(scores), sure


def _mean(octaves: Tensor, sure: Tensor) -> Tensor:
    """Of each row, [B, 1]."""
    return (octaves * sure).sum(1, keepdim=True) / sure.sum(1, keepdim=True).clamp(min=1e-6)
