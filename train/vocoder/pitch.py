"""The fundamental of real speech as a training target."""

from __future__ import annotations

from torch import Tensor

from secousti.audio import pitch
from secousti.vocoder.pitch import F0_RANGE

SPAN = 1024  # samples one estimate looks at


def yin(audio: Tensor, starts: range, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Fundamental of the ``SPAN`` samples from each of ``starts``.

    Args:
        audio: float32 [B, N]; every span lies inside.

    Returns:
        log2 of the fundamental in Hz [B, T], and whether there is one, bool [B, T].
    """
    spans = audio[:, starts.start :].unfold(1, SPAN, starts.step)[:, : len(starts)]
    return pitch.yin(spans, sample_rate, F0_RANGE)
