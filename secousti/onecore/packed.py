"""A codec rebuilt to run live on one core: every token costs little, and the same everywhere."""

from __future__ import annotations

import functools
from abc import abstractmethod
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from secousti.audio.batch import AudioBatch
from secousti.audio.mel import LogMel
from secousti.base import ALL, Codec, Mode
from secousti.errors import SecoustiError
from secousti.frontend import Frontend
from secousti.onecore.linear import PRECISIONS, Precision
from secousti.onecore.steps import row_by_row
from secousti.streaming.chunks import in_steps
from secousti.streaming.state import State
from secousti.vocoder.base import Vocoder


class PackedCodec(Codec):
    """``source`` with packed weights, as ``Codec.for_streaming`` makes it: a codec like any other.

    It works one token of one stream at a time, offline too, which makes its streams bit-equal to
    its offline result at every precision. What it tells of itself is what ``source`` tells; parts
    that are not packed are those of ``source``. A state given to a step is used up.

    Attributes:
        source: the codec it was made from.
        precision: of the packed weights.

    Raises:
        SecoustiError: a codec that is not causal, or an unknown precision.
    """

    def __init__(self, source: Codec, precision: Precision) -> None:
        if precision not in PRECISIONS:
            raise SecoustiError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
        source.check_causal()
        super().__init__()
        self.source, self.precision = source, precision
        self.kind, self.config, self.model_id = source.kind, source.config, source.model_id
        self.sample_rate, self.hop_length = source.sample_rate, source.hop_length
        self.frame_size, self.num_codebooks = source.frame_size, source.num_codebooks
        self.codebook_size = source.codebook_size

    # ---------------------------------------------------------------- what makes the steps
    @abstractmethod
    def encode_token(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """The inputs of one token of one stream [1, C, unit] -> its code int64 [1, K, 1]."""

    @abstractmethod
    def decode_token(
        self, code: Tensor, state: State, voice: Tensor, mode: Mode, generator: Any
    ) -> tuple[Tensor, State]:
        """One token int64 [1, K, 1] of one stream -> audio [1, frame_size]."""

    @abstractmethod
    def flush_stream(self, state: State, voice: Tensor, mode: Mode, generator: Any) -> Tensor:
        """The audio [1, delay] still owed at the end of one stream."""

    @property
    def unit(self) -> int:
        """Inputs (mel frames, samples) of a token."""
        return self.frame_size

    def encode_step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        def row(i: int, own: State) -> tuple[Tensor, State]:
            return in_steps(self.encode_token, inputs[i : i + 1], own, self.unit)

        if not inputs.shape[-1]:
            shape = (len(inputs), self.num_codebooks, 0)
            return torch.zeros(shape, dtype=torch.int64, device=self.device), state
        codes, state = row_by_row(row, len(inputs), state)
        return torch.cat(codes), state

    def decode_step(
        self,
        codes: Tensor,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        def row(i: int, own: State) -> tuple[Tensor, State]:
            def token(code: Tensor, state: State) -> tuple[Tensor, State]:
                return self.decode_token(code, state, voice[i : i + 1], mode, generator)

            return in_steps(token, codes[i : i + 1], own, 1)

        if not codes.shape[-1]:
            return torch.zeros(len(codes), 0, device=self.device), state
        audio, state = row_by_row(row, len(codes), state)
        return torch.cat(audio), state

    def flush_step(
        self,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        def row(i: int, own: State) -> tuple[Tensor, State]:
            return self.flush_stream(own, voice[i : i + 1], mode, generator), own

        return torch.cat(row_by_row(row, len(voice), state)[0])

    # ---------------------------------------------------------------- what the source tells
    @property
    def levels(self) -> tuple[int, ...]:
        return self.source.levels

    @property
    def voice_size(self) -> int:
        return self.source.voice_size

    @property
    def modes(self) -> tuple[str, ...]:
        return self.source.modes

    @property
    def speaks_mel(self) -> bool:
        return self.source.speaks_mel

    @property
    def mel_vocoder(self) -> Vocoder | None:
        return self.source.mel_vocoder

    @property
    def delay(self) -> int:
        return self.source.delay

    @property
    def lookahead(self) -> int:
        return self.source.lookahead

    @property
    def dtype(self) -> torch.dtype:
        return self.source.dtype

    @functools.cached_property
    def weight_hash(self) -> str:
        """That of ``source``."""
        return self.source.weight_hash

    @functools.cached_property
    def token_hash(self) -> str:
        """That of ``source``: tokens mean the same."""
        return self.source.token_hash

    @functools.cached_property
    def voice_hash(self) -> str:
        """That of ``source``."""
        return self.source.voice_hash

    def streams(self, mode: Mode = ALL) -> bool:
        return self.source.streams(mode)

    def check_mode(self, mode: Mode) -> None:
        self.source.check_streams(mode)

    def check_decodes(self) -> None:
        self.source.check_decodes()

    def token_modules(self) -> dict[str, nn.Module]:
        return self.source.token_modules()

    def token_config(self) -> dict[str, Any]:
        return self.source.token_config()

    def decoding_parameters(self, mode: Mode = ALL) -> int:
        return self.source.decoding_parameters(mode)

    def display_mel(self) -> LogMel:
        return self.source.display_mel()

    def frontend(self, rate: int) -> Frontend:
        return self.source.frontend(rate)

    def voice_step(self, recent: Tensor) -> Tensor:
        return self.source.voice_step(recent)

    def _voices(self, batch: AudioBatch) -> Tensor:
        return self.source._voices(batch)

    # ---------------------------------------------------------------- what packed weights cannot
    def for_streaming(self, precision: Precision = "float32") -> PackedCodec:
        """This codec, if it is of that precision.

        Raises:
            SecoustiError: it is not; packed weights cannot be packed anew.
        """
        if precision != self.precision:
            raise SecoustiError(
                f"this codec is packed as {self.precision}: make a {precision} one from the codec "
                "it was made from"
            )
        return self

    def save_pretrained(
        self, folder: str | Path, dtype: torch.dtype | None = None, *, transformers: bool = False
    ) -> NoReturn:
        """Packed weights have no file format.

        Raises:
            SecoustiError: always.
        """
        raise SecoustiError("packed weights cannot be saved: save the codec they were made from")

    def push_to_hub(self, *_: Any, **__: Any) -> NoReturn:
        """As ``save_pretrained``."""
        self.save_pretrained("")

    def _apply(self, *_: Any, **__: Any) -> NoReturn:
        raise SecoustiError(
            "packed weights stay where and as they are: move the codec they were made from, then "
            "pack it"
        )
