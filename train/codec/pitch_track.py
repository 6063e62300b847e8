"""F0 of the recordings of a batch, which losses aim at: YIN, in samples and not in mels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.pitch import yin
from secousti.config import MelConfig
from secousti.errors import SecoustiError


@dataclass(frozen=True)
class PitchRange:
    """Pitch is looked for between ``fmin`` and ``fmax`` Hz."""

    fmin: float = 60.0
    fmax: float = 500.0

    place: ClassVar[str] = "pitch"  # in a configuration

    def __post_init__(self) -> None:
        if not 0 < self.fmin < self.fmax:
            raise SecoustiError(
                f"{self.place}.fmin ({self.fmin:g}) must lie between 0 and fmax ({self.fmax:g})"
            )


class PitchTrack:
    """Audio float32 [B, N] -> log2 of F0 in windows of a mel frame's size, NaN without voice.

    Args:
        mel: whose window is used. wanted: where pitch is looked for. step: samples from one window
            to the next.

    Raises:
        SecoustiError: two periods of ``fmin`` do not fit into the window.
    """

    def __init__(self, mel: MelConfig, wanted: PitchRange, step: int) -> None:
        lowest = 2 * mel.sample_rate / mel.n_fft
        if wanted.fmin < lowest:
            raise SecoustiError(
                f"{wanted.place}.fmin is {wanted.fmin:g} Hz; {mel.n_fft} samples hold two periods "
                f"of {lowest:.0f} Hz or more"
            )
        self.sample_rate, self.size, self.step = mel.sample_rate, mel.n_fft, step
        self.range = (wanted.fmin, wanted.fmax)

    @torch.no_grad()
    def __call__(self, audio: Tensor, lengths: Tensor) -> Tensor:
        """``lengths``: int64 [B], samples that are no padding. Returns [B, T], T at least 1."""
        padded = F.pad(audio.float(), (0, max(self.size - audio.shape[1], 0)))
        spans = padded.unfold(1, self.size, self.step)  # [B, T, size]
        with torch.autocast(audio.device.type, enabled=False):
            octaves, voiced = yin(spans, self.sample_rate, self.range)
        ends = torch.arange(spans.shape[1], device=audio.device) * self.step + self.size
        voiced = voiced & (ends <= lengths[:, None])
        return torch.where(voiced, octaves.float(), torch.nan)

    def ending(self, audio: Tensor, lengths: Tensor) -> Tensor:
        """The same in windows that end where each ``step`` does, [B, N // step]."""
        before = self.size - self.step
        return self(F.pad(audio, (before, 0)), lengths + before)[:, : audio.shape[1] // self.step]
