"""Hyperparameters of P2PSynCodec; what the paper leaves open is a value here.

Defaults are the configuration whose parameter counts meet the paper's (teacher 6.75 M, codec with
three pseudo VQs 22.99 M); the causal codec changes the values named in :func:`causal_config`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from secousti.config import within
from secousti.errors import SecoustiError
from secousti.samples import MAX_RATE, MIN_RATE

_WIDEST = 16_384  # channels of any layer
_DEEPEST = 256  # blocks of any stack


@dataclass(frozen=True)
class BackboneConfig:
    """MDCT encoder and decoder (paper 2.2).

    ``grn``: ``global`` is ConvNeXt v2's response norm, a sum over the whole utterance; ``frame``
    has no sum over time, so it streams and does not depend on the length of the input.
    ``decoder_embed``: the decoder's k=7 convolution before its blocks.
    ``down_kernel``: of the stride-``stride`` convolution (7 in the paper's family; a causal one
    looks ``down_kernel - stride`` frames back).
    """

    coefficients: int = 40
    channels: int = 256
    hidden: int = 512
    encoder_blocks: int = 8
    decoder_blocks: int = 8
    kernel_size: int = 7
    stride: int = 8
    down_kernel: int = 7
    latent_dim: int = 32
    decoder_embed: bool = True
    grn: Literal["global", "frame"] = "global"
    causal: bool = False

    def __post_init__(self) -> None:
        within("backbone", self, coefficients=(1, 8192), channels=(1, _WIDEST))
        within("backbone", self, hidden=(1, 8 * _WIDEST), latent_dim=(1, _WIDEST))
        within("backbone", self, encoder_blocks=(0, _DEEPEST), decoder_blocks=(0, _DEEPEST))
        within("backbone", self, kernel_size=(1, 255), stride=(1, 256), down_kernel=(1, 1024))
        if self.causal and self.grn == "global":
            raise SecoustiError("backbone.grn 'global' sums over all time; a causal one is 'frame'")
        if self.causal and self.down_kernel < self.stride:
            raise SecoustiError(
                f"backbone.down_kernel {self.down_kernel} skips frames at stride {self.stride}"
            )


@dataclass(frozen=True)
class QuantizerConfig:
    """The teacher's residual quantizer: one plain stage and ``pseudo_stages`` more (eq. 1, 5).

    ``metric``: ``euclid`` is eq. 1; ``cosine`` searches among normalised vectors and returns the
    unnormalised one. ``projections``: a linear map before and after each stage.
    """

    codebook_size: int = 1024
    pseudo_stages: int = 3
    metric: Literal["euclid", "cosine"] = "euclid"
    projections: bool = False

    def __post_init__(self) -> None:
        within("quantizer", self, codebook_size=(2, 2**20), pseudo_stages=(0, 64))


@dataclass(frozen=True)
class PseudoConfig:
    """One pseudo VQ: convolution, Conformer blocks, LSTM, logits (paper 2.3.2).

    ``norm``: of the Conformer's convolution module; ``batch`` as in torchaudio, ``layer`` for
    short chunks. ``context``: how many tokens a query sees, itself included; ``None`` is all of
    them. ``rotary``: relative positions in the attention. ``lstm_channels``: per direction; a
    causal LSTM has one direction. ``lookahead``: later plain tokens a causal pseudo VQ waits for.
    ``estimate``: what decode mode ``all`` adds for a stage, the vector of the likeliest token (the
    paper, eq. 4) or the mean over all tokens, which is nearer where predictions are unsure.
    """

    channels: int = 256
    heads: int = 8
    blocks: int = 3
    ffn: int = 256
    conv_kernel: int = 31
    input_kernel: int = 7
    lstm_channels: int = 256
    lstm_layers: int = 2
    dropout: float = 0.1
    norm: Literal["batch", "layer"] = "batch"
    context: int | None = None
    rotary: bool = False
    causal: bool = False
    lookahead: int = 0
    estimate: Literal["argmax", "expected"] = "argmax"

    def __post_init__(self) -> None:
        within("pseudo", self, channels=(1, _WIDEST), heads=(1, 1024), blocks=(0, _DEEPEST))
        within("pseudo", self, ffn=(1, 8 * _WIDEST), lstm_channels=(1, _WIDEST))
        within("pseudo", self, conv_kernel=(1, 1023), input_kernel=(1, 1023), lstm_layers=(1, 64))
        within("pseudo", self, dropout=(0, 1), context=(1, 65_536), lookahead=(0, 1024))
        if self.channels % self.heads or (self.channels // self.heads) % 2:
            raise SecoustiError(
                f"pseudo.channels {self.channels} must be an even multiple of heads {self.heads}"
            )
        if self.causal and self.context is None:
            raise SecoustiError("pseudo.context must be a number of tokens when causal")
        if self.lookahead and not self.causal:
            raise SecoustiError("pseudo.lookahead belongs to a causal pseudo VQ")
        if not self.causal and (self.conv_kernel % 2 == 0 or self.input_kernel % 2 == 0):
            raise SecoustiError("pseudo.conv_kernel and input_kernel must be odd when not causal")


@dataclass(frozen=True)
class P2PSynConfig:
    """A whole codec. The number of MDCT coefficients and the stride give 320 samples a token.

    ``encode_precision``: as ``config.CodecConfig``.
    """

    sample_rate: int = 16000
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    pseudo: PseudoConfig = field(default_factory=PseudoConfig)
    encode_precision: Literal["float32", "float64"] = "float64"

    def __post_init__(self) -> None:
        within("codec", self, sample_rate=(MIN_RATE, MAX_RATE))

    @property
    def frame_size(self) -> int:
        """Samples per token (D of eq. 2)."""
        return self.backbone.coefficients * self.backbone.stride


def causal_config(base: P2PSynConfig | None = None, lookahead: int = 0) -> P2PSynConfig:
    """``base`` with every part that looks at later audio replaced (the paper's future work).

    427 LSTM channels in one direction keep the parameters of 256 in two.
    """
    base = base or P2PSynConfig()
    backbone = replace(
        base.backbone, causal=True, grn="frame", down_kernel=2 * base.backbone.stride
    )
    return replace(base, backbone=backbone, pseudo=causal_pseudo(base.pseudo, lookahead))


def causal_pseudo(pseudo: PseudoConfig, lookahead: int = 0) -> PseudoConfig:
    """The causal counterpart of a pseudo VQ, with about the same number of parameters."""
    return replace(
        pseudo,
        causal=True,
        norm="layer",
        context=64,
        rotary=True,
        lstm_channels=round(pseudo.lstm_channels * 427 / 256),
        lookahead=lookahead,
    )
