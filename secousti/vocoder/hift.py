"""HiFT, the vocoder of the released models (release, section 10): sines, HiFi-GAN, inverse STFT.

The release draws initial phases and noise anew at every call; here both follow from a seed and
the position in the stream. As a stream the phases of the sines are carried, and every layer that
looks ahead answers late: together ``lookahead`` mel frames.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from secousti.config import HiftConfig
from secousti.errors import SecoustiError
from secousti.vocoder.hift_source import F0Predictor, SineSource
from secousti.vocoder.release import fold_weight_norm, load_folded
from secousti.vocoder.timed import (
    DelayLine,
    PartRunner,
    ResidualUnit,
    Timed,
    TimedConv1d,
    TimedConvTranspose1d,
    UnitMean,
    add,
    leaky_relu,
)
from secousti.vocoder.timed_stft import MirrorShift, TimedIstft, TimedStft
from secousti.vocoder.timed_vocoder import TimedVocoder

if TYPE_CHECKING:
    from secousti.config import MelConfig


class Snake(nn.Module):
    """x + sin^2(a x) / a with one a per channel (Ziyin et al. 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] -> [B, C, T]."""
        alpha = self.alpha[:, None]
        return x + torch.sin(alpha * x).square() / (alpha + 1e-9)


class HiftVocoder(TimedVocoder):
    """Log-mel -> audio through a spectrum of 9 bins at a hop of 4 samples.

    The offline result is the release's, given its phases and noise, wherever the ``lookahead``
    frames of silence that stand after the end are out of reach; ``generate`` is the release's
    to the end.
    """

    def __init__(self, config: HiftConfig, mel: MelConfig) -> None:
        if prod(config.upsample_rates) * config.hop != mel.hop_length:
            raise SecoustiError(
                f"hift upsample_rates {list(config.upsample_rates)} and hop {config.hop} must "
                f"multiply to the hop {mel.hop_length} of the mel frames"
            )
        super().__init__(mel, 0)
        self.config = config
        self.f0_predictor = F0Predictor(mel.n_mels, config.f0_channels)
        self.m_source = SineSource(config, mel)
        self.stft = TimedStft(config.n_fft, config.hop)
        self.conv_pre = TimedConv1d(mel.n_mels, config.channels, 7)
        self._build_stages()

    def _build_stages(self) -> None:
        config, channels = self.config, self.config.channels
        ups, downs, branches, means = [], [], [], []
        self.resblocks = nn.ModuleList()
        stride = prod(config.upsample_rates)
        sizes = (config.upsample_rates, config.upsample_kernel_sizes, config.source_kernel_sizes)
        for rate, kernel, source_kernel in zip(*sizes, strict=True):
            ups.append(TimedConvTranspose1d(channels, channels // 2, kernel, rate))
            channels, stride = channels // 2, stride // rate
            down_kernel = 2 * stride if stride > 1 else 1
            downs.append(TimedConv1d(config.n_fft + 2, channels, down_kernel, stride))
            dilations = config.resblock_dilations
            branches.append(ResidualUnit(channels, source_kernel, dilations, Snake))
            units = [
                ResidualUnit(channels, k, dilations, Snake) for k in config.resblock_kernel_sizes
            ]
            self.resblocks.extend(units)
            means.append(UnitMean(units, channels))
        self.ups, self.source_downs = nn.ModuleList(ups), nn.ModuleList(downs)
        self.source_resblocks, self.means = nn.ModuleList(branches), nn.ModuleList(means)
        self.shift = MirrorShift(channels)
        self.conv_post = TimedConv1d(channels, config.n_fft + 2, 7)
        self.istft = TimedIstft(config.n_fft, config.hop)
        self._build_waits(ups, downs, branches, means)

    def _build_waits(
        self,
        ups: list[TimedConvTranspose1d],
        downs: list[TimedConv1d],
        branches: list[ResidualUnit],
        means: list[UnitMean],
    ) -> None:
        """Delays that make the two branches meet, and the output a whole number of frames late."""
        config = self.config
        source_lag = prod(config.upsample_rates) * self.f0_predictor.lag + self.stft.lag
        source_waits, waits = [], []
        lag = self.conv_pre.lag
        for i, (up, down, branch) in enumerate(zip(ups, downs, branches, strict=True)):
            stride = down.stride[0]
            lag = lag * up.stride[0] + up.lag + (self.shift.lag if i == len(ups) - 1 else 0)
            # The earlier branch waits. A strided layer starts at multiples of its stride.
            wait = max((lag - down.lag - branch.lag) * stride - source_lag, 0)
            wait += -(source_lag + wait) % stride
            meeting = (source_lag + wait) // stride + down.lag + branch.lag
            source_waits.append(DelayLine(config.n_fft + 2, wait))
            waits.append(DelayLine(down.out_channels, meeting - lag))
            lag = meeting + means[i].lag
        self.source_waits, self.waits = nn.ModuleList(source_waits), nn.ModuleList(waits)
        lag = (lag + self.conv_post.lag) * config.hop + self.istft.lag
        self.lookahead = -(-lag // self.hop_length)
        self.last = DelayLine(1, self.delay - lag)

    def _parts(self) -> dict[str, nn.Module]:
        lists = {
            "up": self.ups,
            "wait": self.waits,
            "source_wait": self.source_waits,
            "down": self.source_downs,
            "source_unit": self.source_resblocks,
            "mean": self.means,
        }
        single = {
            "f0": self.f0_predictor,
            "source": self.m_source,
            "stft": self.stft,
            "pre": self.conv_pre,
            "shift": self.shift,
            "post": self.conv_post,
            "istft": self.istft,
            "last": self.last,
        }
        numbered = {f"{name}{i}": p for name, parts in lists.items() for i, p in enumerate(parts)}
        return {**single, **numbered}

    def _run(self, run: PartRunner, x: Timed) -> Tensor:
        return self._filter(run, x, run("source", run("f0", x)))

    def generate(self, mel: Tensor, source: Tensor | None = None) -> Tensor:
        """[B, n_mels, T] -> [B, 1, hop * T] with the release's padding at both ends.

        ``source`` [B, 1, hop * T] replaces the excitation that the mel itself gives.
        """
        if source is None:
            return super().generate(mel)
        return self._filter(PartRunner(self._parts(), None), Timed(mel), Timed(source))

    def _filter(self, run: PartRunner, x: Timed, source: Timed) -> Tensor:
        spectra = run("stft", source)
        x = run("pre", x)
        last = len(self.ups) - 1
        for i in range(len(self.ups)):
            x = run(f"up{i}", x.map(leaky_relu(0.1)))
            if i == last:
                x = run("shift", x)
            branch = run(f"down{i}", run(f"source_wait{i}", spectra))
            x = add(run(f"wait{i}", x), run(f"source_unit{i}", branch))
            x = run(f"mean{i}", x)
        x = run("istft", run("post", x.map(leaky_relu(0.01))))
        limit = self.config.audio_limit
        return run("last", x.map(lambda audio: audio.clamp(-limit, limit))).values

    def load_release_state(self, tensors: dict[str, Tensor], where: str = "this state") -> None:
        """Fill from a released HiFT state dict (weight normalisation as parametrizations).

        Raises:
            SecoustiError: missing or unexpected keys, or other sizes; every key is named, and
                ``where`` the state comes from.
        """
        load_folded(self, tensors, f"HiFT vocoder ({where})")


def hift_config(tensors: dict[str, Tensor]) -> HiftConfig:
    """The sizes of a released HiFT state dict, read from its shapes.

    Strides are half their kernels, and what leaves no trace in the weights is the release's.

    Raises:
        SecoustiError: a weight that tells a size is missing.
    """
    state = fold_weight_norm(tensors)
    try:
        kernels = tuple(state[f"ups.{i}.weight"].shape[2] for i in _numbers(state, "ups"))
        per_stage = len(_numbers(state, "resblocks")) // len(kernels)
        return HiftConfig(
            channels=state["conv_pre.weight"].shape[0],
            f0_channels=state["f0_predictor.classifier.weight"].shape[1],
            harmonics=state["m_source.l_linear.weight"].shape[1] - 1,
            upsample_rates=tuple(kernel // 2 for kernel in kernels),
            upsample_kernel_sizes=kernels,
            resblock_kernel_sizes=_kernels(state, "resblocks")[:per_stage],
            source_kernel_sizes=_kernels(state, "source_resblocks"),
            n_fft=state["conv_post.weight"].shape[0] - 2,
        )
    except (KeyError, ZeroDivisionError) as error:
        raise SecoustiError(f"this is no HiFT state dict: {error} is missing") from None


def _numbers(state: dict[str, Tensor], name: str) -> list[int]:
    """The indices i of ``name.i.``, in order."""
    return sorted({int(key.split(".")[1]) for key in state if key.startswith(f"{name}.")})


def _kernels(state: dict[str, Tensor], name: str) -> tuple[int, ...]:
    numbers = _numbers(state, name)
    return tuple(state[f"{name}.{i}.convs1.0.weight"].shape[2] for i in numbers)
