"""HiFi-GAN generator (Kong et al. 2020), as trained and in a causal variant that streams."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from secousti.config import HifiganConfig
from secousti.errors import SecoustiError
from secousti.vocoder.release import load_folded
from secousti.vocoder.timed import (
    DelayLine,
    PartRunner,
    ResidualUnit,
    Timed,
    TimedConv1d,
    TimedConvTranspose1d,
    UnitMean,
    leaky_relu,
)
from secousti.vocoder.timed_vocoder import TimedVocoder

if TYPE_CHECKING:
    from secousti.config import MelConfig


class HifiganVocoder(TimedVocoder):
    """Upsampling by transposed convolutions, each followed by residual units of three kernels.

    Not causal (the default) it looks as far ahead as its padding on the right adds up to, and
    streams with that delay; ``causal`` has none of that padding. Weights are kept plain: weight
    normalisation is folded when a checkpoint is read.
    """

    def __init__(self, config: HifiganConfig, mel: MelConfig) -> None:
        rates, kernels = config.upsample_rates, config.upsample_kernel_sizes
        if prod(rates) != mel.hop_length or len(rates) != len(kernels):
            raise SecoustiError(
                f"hifigan upsample_rates {list(rates)} must multiply to the hop "
                f"{mel.hop_length}, with as many upsample_kernel_sizes"
            )
        super().__init__(mel, 0)
        self.config = config
        causal = config.causal
        self.conv_pre = TimedConv1d(mel.n_mels, config.channels, 7, causal=causal)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        means = []
        lag, channels = self.conv_pre.lag, config.channels
        for rate, kernel in zip(rates, kernels, strict=True):
            up = TimedConvTranspose1d(channels, channels // 2, kernel, rate, causal)
            channels //= 2
            units = [
                ResidualUnit(channels, size, config.resblock_dilations, _activation, causal)
                for size in config.resblock_kernel_sizes
            ]
            self.ups.append(up)
            self.resblocks.extend(units)
            means.append(UnitMean(units, channels))
            lag = lag * rate + up.lag + means[-1].lag
        self.means = nn.ModuleList(means)
        self.conv_post = TimedConv1d(channels, 1, 7, causal=causal)
        lag += self.conv_post.lag
        self.lookahead = -(-lag // mel.hop_length)
        self.last = DelayLine(1, self.delay - lag)

    def _parts(self) -> dict[str, nn.Module]:
        stages = {f"up{i}": up for i, up in enumerate(self.ups)}
        means = {f"mean{i}": mean for i, mean in enumerate(self.means)}
        ends = {"pre": self.conv_pre, "post": self.conv_post, "last": self.last}
        return {**ends, **stages, **means}

    def _run(self, run: PartRunner, x: Timed) -> Tensor:
        x = run("pre", x)
        for i in range(len(self.ups)):
            x = run(f"up{i}", x.map(leaky_relu(0.1)))
            x = run(f"mean{i}", x)
        x = run("post", x.map(leaky_relu(0.01)))
        return run("last", x.map(torch.tanh)).values

    def load_checkpoint(self, tensors: dict[str, Tensor]) -> None:
        """Fill from a generator in the format of jik876/hifi-gan (the dict or its ``generator``).

        Raises:
            SecoustiError: missing or unexpected keys, or other sizes; every key is named.
        """
        state = tensors.get("generator", tensors)
        assert isinstance(state, dict)
        load_folded(self, state, "HiFi-GAN")


def _activation(channels: int) -> nn.Module:
    return nn.LeakyReLU(0.1)
