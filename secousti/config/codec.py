"""Hyperparameters of SecoustiCodec: one dataclass per module that has some."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from secousti.config.reading import few, from_dict, read_yaml, within
from secousti.config.vocoder import VocoderConfig
from secousti.errors import SecoustiError
from secousti.samples import MAX_RATE, MIN_RATE

_WIDEST = 16_384  # channels of any layer
_DEEPEST = 256  # layers of any stack


@dataclass(frozen=True)
class MelConfig:
    """Log-mel front end (release, section 1).

    ``mode``: ``causal`` frames end with their own hop and need no later sample; ``centered`` is
    the release: reflect padding, 384 samples of look-ahead.
    """

    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 80
    fmin: float = 0.0
    fmax: float = 8000.0
    mode: Literal["causal", "centered"] = "causal"

    def __post_init__(self) -> None:
        rates, sizes = (MIN_RATE, MAX_RATE), (1, 65_536)
        within("mel", self, sample_rate=rates, n_fft=sizes, hop_length=sizes, n_mels=(1, 1024))
        if self.hop_length > self.n_fft:
            raise SecoustiError(
                f"mel.hop_length {self.hop_length} leaves samples out: mel.n_fft is {self.n_fft}"
            )
        if not 0 <= self.fmin < self.fmax:
            raise SecoustiError(f"mel.fmin {self.fmin:g} must lie in 0 to mel.fmax {self.fmax:g}")


@dataclass(frozen=True)
class PitchConfig:
    """Pitch features alongside the mel: the "w/ F0" rows of Table II (``audio/pitch.py``).

    The paper says no more of them than that. Here the speech encoder, and nothing else, is given
    two rows beside the mel: log F0 and voicing, found between ``fmin`` and ``fmax`` Hz by YIN in
    the samples of the mel's own window, so that they cost no latency.
    """

    fmin: float = 60.0
    fmax: float = 600.0

    def __post_init__(self) -> None:
        if not 0 < self.fmin < self.fmax:
            raise SecoustiError(
                f"pitch.fmin ({self.fmin:g}) must lie between 0 and pitch.fmax ({self.fmax:g})"
            )


@dataclass(frozen=True)
class SEANetConfig:
    """Convolutional encoder and its mirror, the decoder (release, sections 3 and 4).

    ``ratios``: the strides; their product is the number of mel frames in a token.
    ``causal=False`` gives the "w/o causal" rows of Table II; such a model cannot stream.
    """

    dimension: int = 512
    n_filters: int = 64
    ratios: tuple[int, ...] = (2, 2)
    kernel_size: int = 7
    residual_kernel_size: int = 3
    last_kernel_size: int = 3
    compress: int = 2
    causal: bool = True

    def __post_init__(self) -> None:
        few("seanet", self, ratios=(0, 8))
        within("seanet", self, dimension=(1, _WIDEST), n_filters=(1, 4096), ratios=(1, 64))
        within("seanet", self, kernel_size=(1, 255), residual_kernel_size=(1, 255))
        within("seanet", self, last_kernel_size=(1, 255), compress=(1, 64))
        if self.n_filters < self.compress:
            raise SecoustiError(
                f"seanet.compress {self.compress} leaves nothing of n_filters {self.n_filters}"
            )


@dataclass(frozen=True)
class TransformerConfig:
    """The windowed RoPE transformer shared by all projections (release, section 5).

    ``context``: how many positions a query sees, itself included.
    """

    d_model: int = 512
    num_heads: int = 8
    dim_feedforward: int = 2048
    context: int = 250
    max_period: float = 10_000.0
    layer_scale: float = 0.01
    causal: bool = True

    def __post_init__(self) -> None:
        within("transformer", self, d_model=(1, _WIDEST), num_heads=(1, 1024))
        within("transformer", self, dim_feedforward=(1, 8 * _WIDEST), context=(1, 65_536))
        within("transformer", self, max_period=(1, 1e12))
        if self.d_model % self.num_heads or self.d_model // self.num_heads % 2:
            raise SecoustiError(
                f"transformer.d_model {self.d_model} is not a multiple of num_heads "
                f"{self.num_heads} and of 2 (each head turns pairs of numbers)"
            )


@dataclass(frozen=True)
class DepthConfig:
    """Transformer layers of each projection; the paper has no ``decoder`` transformer (0)."""

    acoustic: int = 8
    semantic: int = 8
    connector: int = 8
    decoder: int = 8

    def __post_init__(self) -> None:
        layers = (0, _DEEPEST)
        within("depth", self, acoustic=layers, semantic=layers, connector=layers, decoder=layers)


@dataclass(frozen=True)
class QuantizerConfig:
    """What turns S into tokens.

    ``epsilon``: the release bounds with ``(L - 1) * (1 - epsilon) / 2 * tanh``; eq. 6 of the
    paper has no such factor (0). ``variational``: sample S in training (VAE+FSQ) or not (FSQ).
    ``kind`` ``vq`` and ``simvq`` are the ablations of Table II, with ``codebook_size`` entries
    of ``codebook_dim`` numbers.
    """

    kind: Literal["fsq", "vq", "simvq"] = "fsq"
    levels: tuple[int, ...] = (3,) * 8
    epsilon: float = 1e-3
    variational: bool = True
    codebook_size: int = 6561
    codebook_dim: int = 8

    def __post_init__(self) -> None:
        few("quantizer", self, levels=(1, 32))
        within("quantizer", self, codebook_size=(2, 2**20), codebook_dim=(1, _WIDEST))
        if min(self.levels) < 3:
            raise SecoustiError(f"quantizer.levels must all be 3 or more, found {self.levels}")
        if math.prod(self.levels) > 2**31:
            raise SecoustiError(f"quantizer.levels {self.levels} make more than 2^31 tokens")
        if not 0 <= self.epsilon < 1:
            raise SecoustiError(f"quantizer.epsilon must lie in 0 to 1, found {self.epsilon:g}")


@dataclass(frozen=True)
class TokenAttentionConfig:
    """Attention in both directions among the mel frames of one token (``token_attention.py``)."""

    dimension: int = 128
    num_heads: int = 4

    def __post_init__(self) -> None:
        within("token_attention", self, dimension=(1, _WIDEST), num_heads=(1, 1024))
        if self.dimension % self.num_heads:
            raise SecoustiError(
                f"token_attention.dimension {self.dimension} is not a multiple of num_heads "
                f"{self.num_heads}"
            )


@dataclass(frozen=True)
class RefinerConfig:
    """A causal ConvNeXt that adds to the decoded mel (``vocoder/refiner.py``)."""

    channels: int = 192
    layers: int = 4
    kernel_size: int = 7
    expansion: int = 3

    def __post_init__(self) -> None:
        within("refiner", self, channels=(1, _WIDEST), layers=(1, _DEEPEST))
        within("refiner", self, kernel_size=(1, 255), expansion=(1, 64))


@dataclass(frozen=True)
class ParalinguisticConfig:
    """Global encoder (release, section 8). ``hidden_size`` numbers travel on the wire.

    ``window_frames``: its input are the central so many mel frames. ``window_rule`` ``release``
    repeats the release's negative slice, which drops most of a clip of 1.2 to 3.5 s.
    """

    conv_channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    hidden_size: int = 64
    se_reduction: int = 16
    window_frames: int = 300
    window_rule: Literal["central", "release"] = "central"

    def __post_init__(self) -> None:
        few("paralinguistic", self, conv_channels=(1, 32))
        within("paralinguistic", self, conv_channels=(1, _WIDEST), hidden_size=(1, 4096))
        within("paralinguistic", self, se_reduction=(1, 4096), window_frames=(1, 100_000))


@dataclass(frozen=True)
class CodecConfig:
    """A whole SecoustiCodec. Defaults are the released 21.5 Hz sizes with the causal mel.

    ``pitch``: features that the speech encoder is given beside the mel; None (the codec proper) for
    the mel alone.
    ``token_attention``: of the speech encoder, before its convolutions; None (the paper) for none.
    ``voice_injection``: whether every layer of the connector and of the decoder's transformer is
    given G, beside the paper's addition (``acoustic/injection.py``); A itself is decoded without.
    ``refiner``: of the mel decoded from tokens, before the vocoder; None (the paper) for none. A
    itself is decoded without.
    ``acoustic_dim``: size of A and of its prediction (Table II: 8, 64, 256; release: 512).
    ``fusion_norm``: layer normalisation of S and G before they are added (paper, IV-A).
    ``encode_precision``: of the front end and the encoder of a loaded model. In float64 tokens
    are those of the recording however it came, in chunks, in a batch, on another processor: what
    rounding there is (1e-13) meets no boundary of a digit. In float32 (1e-4) an id of some
    10,000 differs, in a third of a CPU's time.
    ``decode_precision``: of the connector and the decoder of a loaded model. In float64 a
    stream's mels are the offline ones to the last float32 digit, which a vocoder that sums phase
    (``causal_istft`` with its harmonic source, ``hift``) needs to stay within 1e-4 in its audio:
    rounding of 1e-5 in a mel moves its pitch, and every later pulse with it.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    pitch: PitchConfig | None = None
    seanet: SEANetConfig = field(default_factory=SEANetConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    paralinguistic: ParalinguisticConfig = field(default_factory=ParalinguisticConfig)
    vocoder: VocoderConfig | None = None
    token_attention: TokenAttentionConfig | None = None
    voice_injection: bool = False
    refiner: RefinerConfig | None = None
    acoustic_dim: int = 512
    fusion_norm: bool = False
    encode_precision: Literal["float32", "float64"] = "float64"
    decode_precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        within("codec", self, acoustic_dim=(1, _WIDEST))
        if self.token_attention is not None and math.prod(self.seanet.ratios) == 1:
            raise SecoustiError(
                "token_attention needs tokens of several mel frames (seanet.ratios)"
            )


def load_codec_config(path: str | Path) -> CodecConfig:
    """The codec part of a YAML file: its key ``codec``, or the whole file without one."""
    data = read_yaml(path)
    return from_dict(CodecConfig, data.get("codec", data), where=str(path))
