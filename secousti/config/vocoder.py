"""Hyperparameters of the vocoders: frozen dataclasses of JSON-able values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from secousti.config.reading import few, within
from secousti.errors import SecoustiError

_WIDEST = 16_384
_STAGES = (1, 8)  # of upsampling, and of kernels in a stage


@dataclass(frozen=True)
class CausalIstftConfig:
    """Our causal vocoder: ConvNeXt backbone and inverse STFT (``causal_istft.py``).

    ``lookahead``: mel frames read beyond the one being synthesised; latency is one frame more.
    ``n_fft``: synthesis window in samples; one that reaches past the mel frames known so far
    (``n_fft > hop * (lookahead + 1)``) is predicted ahead.
    ``source`` ``harmonic``: the head filters pulses of a predicted fundamental and noise, so
    that phase is continued rather than guessed; ``none``: it predicts magnitude and phase.
    ``project``: correct the magnitudes once by what the mel frames say (``overlap.py``).
    ``pitch_channels``, ``seed``: width of the harmonic source's pitch network, seed of its noise.
    """

    channels: int = 256
    layers: int = 8
    kernel_size: int = 7
    expansion: int = 3
    n_fft: int = 512
    lookahead: int = 1
    source: Literal["harmonic", "none"] = "harmonic"
    project: bool = True
    pitch_channels: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        section = "vocoder.causal_istft"
        within(section, self, channels=(1, _WIDEST), layers=(0, 256), kernel_size=(1, 255))
        within(section, self, expansion=(1, 32), n_fft=(2, 65_536), lookahead=(0, 256))
        within(section, self, pitch_channels=(1, _WIDEST))


@dataclass(frozen=True)
class HifiganConfig:
    """HiFi-GAN (Kong et al. 2020); the defaults are its V1 generator.

    ``causal``: pad on the left only, so that it streams without look-ahead; the weights of a
    non-causal checkpoint load but were not trained for it.
    """

    channels: int = 512
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)
    causal: bool = False

    def __post_init__(self) -> None:
        section = "vocoder.hifigan"
        within(section, self, channels=(1, _WIDEST))
        _check_stages(section, self)


@dataclass(frozen=True)
class HiftConfig:
    """HiFT, the vocoder of the released models (release, section 10).

    ``seed``: of the initial phases and the noise, which the release draws anew at every call.
    """

    channels: int = 512
    f0_channels: int = 512
    harmonics: int = 8
    upsample_rates: tuple[int, ...] = (8, 8)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    source_kernel_sizes: tuple[int, ...] = (7, 11)
    resblock_dilations: tuple[int, ...] = (1, 3, 5)
    n_fft: int = 16
    hop: int = 4
    sine_amplitude: float = 0.1
    noise_std: float = 0.003
    voiced_threshold: float = 10.0
    audio_limit: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        section = "vocoder.hift"
        within(section, self, channels=(1, _WIDEST), f0_channels=(1, _WIDEST), harmonics=(0, 256))
        within(section, self, n_fft=(2, 4096), hop=(1, 4096))
        few(section, self, source_kernel_sizes=_STAGES)
        within(section, self, source_kernel_sizes=(1, 1024))
        _check_stages(section, self)


@dataclass(frozen=True)
class VocoderConfig:
    """Which vocoder, and its sizes; only the part named by ``kind`` is used."""

    kind: Literal["causal_istft", "hifigan", "hift"] = "causal_istft"
    causal_istft: CausalIstftConfig = field(default_factory=CausalIstftConfig)
    hifigan: HifiganConfig = field(default_factory=HifiganConfig)
    hift: HiftConfig = field(default_factory=HiftConfig)


def _check_stages(section: str, config: HifiganConfig | HiftConfig) -> None:
    few(section, config, upsample_rates=_STAGES, resblock_kernel_sizes=_STAGES)
    few(section, config, resblock_dilations=_STAGES)
    within(section, config, upsample_rates=(1, 1024), upsample_kernel_sizes=(1, 1024))
    within(section, config, resblock_kernel_sizes=(1, 1024), resblock_dilations=(1, 1024))
    if len(config.upsample_rates) != len(config.upsample_kernel_sizes):
        raise SecoustiError(
            f"{section} has {len(config.upsample_rates)} upsample_rates and "
            f"{len(config.upsample_kernel_sizes)} upsample_kernel_sizes"
        )
