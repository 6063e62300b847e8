"""One digit of every token, taught to tell the melody (not in the paper).

Where G decides how high speech is, tokens still have to say how its pitch moves. Left alone they
say it anywhere, and the height with it. Here one digit of FSQ learns, before it is rounded, how far
the F0 of its token lies above the height of the voice. A decoder then finds the melody apart from
the height, and a token stays what it was: no bit more, no field more in any format.

It is scored by Lin's concordance correlation (1989), over the voiced tokens of a batch. A squared
error would be least where the digit tells an encoder's timid guess, which rounds to the middle
level nearly always; concordance asks for the spread of the melody as well. A token without voice
teaches the digit nothing: what it tells there is the codec's own affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.semantic.fsq import FSQ
from train.codec.pitch_track import PitchRange, PitchTrack

_SEMITONES = 12  # of an octave


@dataclass(frozen=True)
class ProsodyDigitConfig(PitchRange):
    """``digit``: which one of a token, 0 is the least significant.

    ``semitones`` above the height of the voice, where the digit reaches its highest level. Pitch is
    looked for between ``fmin`` and ``fmax`` Hz, by YIN.
    """

    digit: int = 7
    semitones: float = 3.0

    place: ClassVar[str] = "objective.prosody_digit"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.semitones <= 0:
            raise SecoustiError(f"{self.place}.semitones must be above 0, not {self.semitones:g}")


class ProsodyDigit:
    """The digit of the codec's tokens that ``config`` names, and the loss that teaches it.

    Raises:
        SecoustiError: a quantizer without digits, or without that one.
    """

    def __init__(self, codec: SecoustiCodec, config: ProsodyDigitConfig) -> None:
        quantizer = codec.quantizer
        if not isinstance(quantizer, FSQ):
            raise SecoustiError(
                f"{config.place} needs tokens of digits: set codec.quantizer.kind to fsq"
            )
        if not 0 <= config.digit < len(quantizer.sizes):
            raise SecoustiError(
                f"{config.place}.digit is {config.digit}, but tokens have the digits 0 to "
                f"{len(quantizer.sizes) - 1}"
            )
        self.quantizer = quantizer
        self.digit, self.semitones = config.digit, config.semitones
        frames = 1 if codec.frames_per_token % 2 else 2  # from one window of pitch to the next
        self.windows = codec.frames_per_token // frames
        self.track = PitchTrack(codec.config.mel, config, frames * codec.hop_length)

    def loss(
        self,
        latents: Tensor,
        spoken: tuple[Tensor, Tensor],
        voice: tuple[Tensor, Tensor],
    ) -> Tensor:
        """1 less the concordance of digit and melody, 0 to 2: float32 scalar.

        0 where nothing is voiced, or all of it at one height.

        Args:
            latents: before quantization, [B, D, L].
            spoken, voice: crop and paralinguistic window, audio [B, N] of int64 [B] samples.
        """
        size = self.quantizer.sizes[self.digit]
        lowest, highest, half = -(size // 2), (size - 1) // 2, size // 2
        melody = self.melody(spoken, voice)
        voiced = melody.isfinite()
        told = self.quantizer.bound(latents)[..., self.digit][voiced].float()
        right = (melody[voiced] * (half / self.semitones)).clamp(lowest, highest)
        return 1 - concordance(told, right) if right.unique().numel() > 1 else told.sum() * 0

    @torch.no_grad()
    def melody(self, spoken: tuple[Tensor, Tensor], voice: tuple[Tensor, Tensor]) -> Tensor:
        """Semitones of each token above the height of its voice, [B, L]; NaN without voice.

        The height is the median over crop and window: a crop alone is too short to know it, and
        the window is what a decoder's G comes from.
        """
        octaves = self.track.ending(*spoken)
        height = torch.cat([octaves, self.track(*voice)], dim=1).nanmedian(1, keepdim=True).values
        return _SEMITONES * (octaves - height).unflatten(1, (-1, self.windows)).nanmean(2)


def concordance(told: Tensor, right: Tensor) -> Tensor:
    """Lin's concordance correlation coefficient of two [N], N >= 2: float32 scalar, -1 to 1.

    1 where both are the same; both another mean and another deviation take from it.
    """
    means = told.mean(), right.mean()
    both = ((told - means[0]) * (right - means[1])).mean()
    spread = told.var(correction=0) + right.var(correction=0)
    return 2 * both / (spread + (means[0] - means[1]).square())
