"""What ``P2PSynCodec`` takes its tokens from: samples up to the end of the last MDCT frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from secousti.frontend import SampleFrontend
from secousti.p2psyn.teacher import tokens_for

if TYPE_CHECKING:
    from secousti.p2psyn.codec import P2PSynCodec


class PaddedFrontend(SampleFrontend):
    """The samples; a recording ends with the MDCT frame in which its last one is complete."""

    def __init__(self, codec: P2PSynCodec, rate: int) -> None:
        super().__init__(rate, codec.sample_rate, codec.frame_size, codec.device)
        self._config = codec.config

    def tokens(self, num_samples: int) -> int:
        return int(tokens_for(torch.tensor(num_samples), self._config))
