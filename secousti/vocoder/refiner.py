"""A causal refiner of decoded mels (not in the paper).

A decoder trained on mean errors says the mean of all that a token may stand for. The refiner is
given that mel and adds what recordings have beside it, in one step and without randomness. A
discriminator teaches it (``train/codec/mel_discriminator.py``), while the codec before it keeps to
its own losses. It sees no later frame, so that it costs no latency.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.acoustic.linear import Linear
from secousti.audio.mel import MIDDLE, SPREAD
from secousti.config import RefinerConfig
from secousti.streaming.state import State, StreamingModule
from secousti.vocoder.backbone import ConvNeXt


class MelRefiner(StreamingModule):
    """``mel + W ConvNeXt(mel)``: [B, n_mels, T] -> [B, n_mels, T].

    W starts at zero: a codec trained without goes on as it was.
    """

    def __init__(self, n_mels: int, config: RefinerConfig) -> None:
        super().__init__()
        sizes = (config.channels, config.layers, config.kernel_size, config.expansion)
        self.backbone = ConvNeXt(n_mels, *sizes)
        self.out = Linear(config.channels, n_mels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return self.backbone.init_state(batch_size, device, dtype)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        y, state = self.backbone((x - MIDDLE) / SPREAD, state)
        return x + self.out(y.mT).mT, state
