"""What a codec is, in numbers, and what it asks of callers; ``base.Codec`` adds what it does."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn

from secousti.audio.mel import LogMel
from secousti.config import MelConfig
from secousti.errors import SecoustiError
from secousti.hub.weights import HubMixin
from secousti.voice import as_voices

if TYPE_CHECKING:
    from secousti.vocoder.base import Vocoder

Mode: TypeAlias = str | Sequence[str]
ALL = "all"  # the mode in which a codec decodes unless it is told otherwise


class DescribedCodec(HubMixin, nn.Module, ABC):
    """The facts of a codec and the checks that follow from them.

    Attributes:
        kind: what config.json calls it. config_class: the dataclass of its hyperparameters.
        sample_rate: Hz of the audio inside and out.
        frame_size: samples per token.
        hop_length: samples per frame of the codec's own analysis, at most ``frame_size``; the end
            of a recording is padded by less than ``frame_size + hop_length`` samples.
        codebook_size: entries of each codebook. num_codebooks: K, token streams that are sent.
        levels: of the digits of a token, least significant first; empty if it has no digits.
        voice_size: V, numbers that say who speaks; 0 if the codec keeps no voice apart.
        modes: names of the ways to decode; the first is the default.
        causal: whether tokens can be made while the audio comes.
        delay: samples by which streamed audio lags behind its tokens.
        lookahead: samples after a token's last one on which the token depends.
    """

    kind: str
    config_class: type
    sample_rate: int
    frame_size: int
    hop_length: int
    codebook_size: int
    num_codebooks: int = 1

    @property
    def levels(self) -> tuple[int, ...]:
        """See the class."""
        return ()

    @property
    def voice_size(self) -> int:
        """See the class."""
        return 0

    @property
    def modes(self) -> tuple[str, ...]:
        """See the class."""
        return (ALL,)

    @property
    def embeddings(self) -> tuple[str, ...]:
        """Names of the continuous features beside the tokens that its methods give, as papers
        call them (S, G, A)."""
        return ()

    @property
    def speaks_mel(self) -> bool:
        """Whether it decodes to a log-mel, which a vocoder speaks."""
        return False

    @property
    def mel_vocoder(self) -> Vocoder | None:
        """What speaks the log-mel of ``decode_mel``; ``None`` for a codec without one."""
        return None

    @property
    def voice_encoder(self) -> nn.Module | None:
        """Inputs of ``encode_step`` [B, C, T] and how many count, int64 [B] -> who speaks [B, V].

        ``None`` for a codec that keeps no voice.
        """
        return None

    @property
    def causal(self) -> bool:
        """See the class."""
        return True

    @property
    def delay(self) -> int:
        """See the class."""
        return 0

    @property
    def lookahead(self) -> int:
        """See the class."""
        return 0

    @property
    def frame_rate(self) -> float:
        """Frames of tokens per second."""
        return self.sample_rate / self.frame_size

    @property
    def bits_per_frame(self) -> float:
        """Information in the tokens of one frame: log2 of the codebook size for each of them."""
        return self.num_codebooks * math.log2(self.codebook_size)

    @property
    def bitrate(self) -> float:
        """Token bits per second; the voice is extra and reported apart."""
        return self.frame_rate * self.bits_per_frame

    def streams(self, mode: Mode = ALL) -> bool:
        """Whether audio is encoded and its tokens decoded (in ``mode``) as they come.

        Raises:
            SecoustiError: a mode that the codec does not have.
        """
        self.check_mode(mode)
        return self.causal

    @property
    def streaming_modes(self) -> list[str]:
        """The modes in which tokens can be decoded as they come."""
        return [name for name in self.modes if self.streams(name)]

    def latency(self, mode: Mode = ALL) -> int | None:
        """Algorithmic latency in samples: from the first sample of a token to its sound.

        A whole token must have arrived, plus what front end and decoder look ahead. ``None`` when
        the whole recording must have.
        """
        if not self.streams(mode):
            return None
        return self.frame_size + self.lookahead + self.delay

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights; the quantizer always works in float32."""
        return next(self.parameters()).dtype

    def code_vectors(self) -> Tensor:
        """What every token says to the decoder, float32 [K, codebook_size, H].

        Raises:
            SecoustiError: tokens that have no vectors of their own.
        """
        raise SecoustiError(f"the tokens of the model {self.model_id!r} have no vectors")

    def decoding_parameters(self, mode: Mode = ALL) -> int:
        """Parameters of the networks that run: encoder, and decoder in ``mode``."""
        return sum(parameter.numel() for parameter in self.parameters())

    def display_mel(self) -> LogMel:
        """Log-mel frames to look at the codec's sound by, at its sample rate."""
        return LogMel(MelConfig(self.sample_rate, fmax=min(8000.0, self.sample_rate / 2)))

    # ---------------------------------------------------------------- what is asked of callers
    def check_codes(self, codes: Any) -> Tensor:
        """``codes`` as int64 [B, K, L].

        Raises:
            SecoustiError: another shape, numbers that are no integers, or outside the codebook.
        """
        codes = as_integers(codes)
        codes = codes[:, None] if codes.dim() == 2 else codes
        if codes.dim() != 3 or codes.shape[1] not in self._stages():
            shapes = " or ".join(f"[B, {stages}, L]" for stages in self._stages())
            raise SecoustiError(f"codes must be {shapes}, found {tuple(codes.shape)}")
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < self.codebook_size:
            raise SecoustiError(
                f"codes must lie in 0..{self.codebook_size - 1}, found "
                f"{int(codes.min())}..{int(codes.max())}"
            )
        return codes

    def check_mode(self, mode: Mode) -> None:
        """Raise a ``SecoustiError`` for a mode that this codec does not have."""
        if mode not in self.modes:
            raise SecoustiError(
                f"mode {mode!r} is for a P2PSynCodec; the model {self.model_id!r} decodes in "
                "one way"
            )

    def check_sent(self, mode: Mode) -> None:
        """Raise a ``SecoustiError`` for a mode that needs more than the tokens that are sent."""
        self.check_mode(mode)

    def check_decodes(self) -> None:
        """Raise a ``SecoustiError`` if the codec lacks what it takes to make sound."""

    def check_voice(self) -> None:
        """Raise a ``SecoustiError`` if the codec keeps no voice apart from its tokens."""
        if not self.voice_size:
            raise SecoustiError(
                f"the model {self.model_id!r} keeps no voice apart from its tokens: use a "
                "SecoustiCodec"
            )

    def check_causal(self) -> None:
        """Raise a ``SecoustiError`` unless the codec can encode live."""
        if not self.causal:
            raise SecoustiError(
                f"the model {self.model_id!r} is not causal, so it needs whole files instead of "
                "pipes"
            )

    def check_streams(self, mode: Mode = ALL) -> None:
        """Raise a ``SecoustiError`` unless the codec can decode live in ``mode``."""
        self.check_decodes()
        self.check_causal()
        if self.streams(mode):
            return
        other = self.streaming_modes
        raise SecoustiError(
            f"the model {self.model_id!r} decodes no stream in mode {mode!r}: it needs later tokens"
            + (f"; use mode {other[0]!r}, or the whole recording" if other else "")
        )

    def voices_for(self, voice: Any, rows: int) -> Tensor:
        """A caller's voice as float32 [rows, V] on the codec's device; ``None`` is all zeros.

        Raises:
            SecoustiError: another shape, NaN, numbers beyond [-1, 1].
        """
        if voice is None or not self.voice_size:
            return torch.zeros(rows, self.voice_size, device=self.device)
        return as_voices(voice, rows, self.voice_size).to(self.device)

    def _stages(self) -> tuple[int, ...]:
        """How many codebooks' tokens ``decode`` takes."""
        return (self.num_codebooks,)


def as_integers(codes: Any) -> Tensor:
    """Codes of any integer type, from a tensor, an array or a list, as int64.

    Raises:
        SecoustiError: numbers that are no integers.
    """
    try:
        given = torch.as_tensor(codes).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise SecoustiError(f"codes must be integers: {error}") from error
    empty = given.numel() == 0  # of any type: there is nothing to be wrong
    if not empty and (given.dtype == torch.bool or given.is_floating_point() or given.is_complex()):
        raise SecoustiError(f"codes must be integers, found {given.dtype}")
    return given.to(torch.int64)
