"""What every vocoder promises: log-mel frames in, audio out, whole or as a stream.

A vocoder that reads ``lookahead`` frames beyond the one being spoken emits the audio of frame t
when frame ``t + lookahead`` arrives. As a stream its output is therefore delayed by ``lookahead``
frames: the first ``lookahead * hop_length`` samples are to be dropped, and ``flush`` pushes the
padding frames that bring out the last ones. The offline call does both, so the two agree.
"""

from __future__ import annotations

from abc import abstractmethod
from math import log
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import LOG_FLOOR
from secousti.streaming.state import State, StreamingModule, named_tensors

if TYPE_CHECKING:
    from secousti.config import MelConfig


class Vocoder(StreamingModule):
    """Log-mel [B, n_mels, T] -> audio [B, 1, hop_length * T].

    Attributes:
        mel: configuration of the mel frames it speaks.
        lookahead: mel frames needed beyond the frame being spoken.
        hop_length: samples per mel frame.
        silence: the log-mel value of silence, which stands after the end of every recording.
    """

    def __init__(self, mel: MelConfig, lookahead: int) -> None:
        super().__init__()
        self.mel = mel
        self.n_mels = mel.n_mels
        self.sample_rate = mel.sample_rate
        self.hop_length = mel.hop_length
        self.lookahead = lookahead
        self.silence = log(LOG_FLOOR)

    @property
    def delay(self) -> int:
        """Samples by which the streaming output lags, ``lookahead * hop_length``."""
        return self.lookahead * self.hop_length

    def forward(self, mel: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        """[B, n_mels, T] -> [B, 1, hop * T]: aligned offline, ``delay`` samples late in a stream.

        T may be 0. The offline output does not depend on what was vocoded before.
        """
        if mel.shape[-1] == 0:
            return mel.new_zeros(mel.shape[0], 1, 0), state
        if state is not None:
            return self.delayed(mel, state)
        mel = F.pad(mel, (0, self.lookahead), value=self.silence)
        audio, _ = self.delayed(mel, None)
        return audio[..., self.delay :], None

    def flush(self, state: State) -> Tensor:
        """The last ``delay`` samples of a stream, [B, 1, lookahead * hop]."""
        example = next(tensor for _, tensor in named_tensors(state))
        weight = next(self.parameters())
        shape = (example.shape[0], self.n_mels, self.lookahead)
        return self.forward(weight.new_full(shape, self.silence), state)[0]

    @abstractmethod
    def delayed(self, mel: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """[B, n_mels, T >= 1] -> [B, 1, hop * T], ``delay`` samples late; no state: from zeros."""
