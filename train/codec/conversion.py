"""Speech in another item's voice, and whether it sounds like it (not in the paper).

Trained on copies alone, a decoder need not believe the paralinguistic vector: the tokens know the
speaker too. Here the words of one half of a batch are spoken in the voices of the other half, and
a listener (``train/voice``) says how far each is from the voice that was asked for. No recording
says how the words would have sounded; that they stay the same words is left to the envelopes
(``IntelligibilityLoss``), that they sound like speech to the discriminator of decoded mels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from secousti.errors import SecoustiError
from train.voice.listener import VoiceListener


class Conversion(nn.Module):
    """The listener, which never trains here, and the loss of its embeddings.

    Raises:
        SecoustiError: the listener knows other mels than the codec makes.
    """

    def __init__(self, codec: SecoustiCodec, listener: VoiceListener) -> None:
        super().__init__()
        if to_dict(listener.mel) != to_dict(codec.config.mel):
            raise SecoustiError(
                "objective.listener was trained on other mels than codec.mel; train one with the "
                "same mel settings (python -m train.voice)"
            )
        self.listener = listener

    def train(self, mode: bool = True) -> Conversion:
        """The listener keeps its statistics whatever happens around it."""
        super().train(mode)
        self.listener.eval()
        return self

    def forward(self, converted: Tensor, mask: Tensor, voice: Tensor, voice_mask: Tensor) -> Tensor:
        """1 - cosine between the voices of two sounds, mean over items: float32 scalar.

        Args:
            converted: log-mels [B, n_mels, T]; mask: bool [B, T], False for padding.
            voice: recordings of the voices that were asked for, [B, n_mels, T'];
                voice_mask: bool [B, T'].
        """
        with torch.no_grad():
            wanted = self.listener(voice, voice_mask)
        return 1 - (self.listener(converted, mask) * wanted).sum(-1).mean()


def in_other_voices(
    codec: SecoustiCodec, semantic: Tensor, voices: Tensor
) -> tuple[Tensor, slice, slice]:
    """The first half of a batch in the voices of the second.

    Args:
        semantic: S [B, D, L] with B >= 2. voices: G [B, D].

    Returns:
        Log-mel [B // 2, n_mels, T], and which items gave the words and which the voices.
    """
    half = len(semantic) // 2
    words, speakers = slice(0, half), slice(half, 2 * half)
    asked = voices[speakers]
    a_hat, _ = codec.connector(codec.connector.fuse(semantic[words], asked), voice=asked)
    mel, _ = codec.decoder(a_hat, voice=asked)
    return mel, words, speakers
