"""What a codec under test is: audio in; audio, tokens and honestly counted bits out."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np

from secousti.errors import require
from secousti.evaluation.audio import Audio, Samples, fit
from secousti.evaluation.metrics.base import Requirement
from secousti.evaluation.tokens import Codes

T = TypeVar("T")


@dataclass(frozen=True)
class Bits:
    """Bits of one utterance, counted apart: tokens, side information, container."""

    tokens: float
    side_information: float = 0.0
    container: float = 0.0


@dataclass(frozen=True)
class CodecInfo:
    """What a table says of a codec; None where it has no such number.

    Attributes:
        name: how the command line calls it.
        label: the row's heading.
        sample_rate: of the decoded audio, in Hz.
        frame_rate: frames a second, in Hz.
        codebook_sizes: ids of each codebook.
        parameters: weights of all networks that encoding and decoding run.
        gflops: 10^9 multiply-accumulates a second of audio, as the P2PSynCodec paper counts them.
        causal: whether it can stream.
        latency_ms: buffering and look-ahead, without computing time.
        version: packages and weights, for the report and the cache.
    """

    name: str
    label: str
    sample_rate: int
    frame_rate: float | None = None
    codebook_sizes: tuple[int, ...] = ()
    parameters: int | None = None
    gflops: float | None = None
    causal: bool | None = None
    latency_ms: float | None = None
    version: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Coded:
    """One utterance after the codec.

    Attributes:
        audio: decoded; as long as the input.
        bits: what a file or a channel would carry.
        codes: one int64 stream ``[L]`` a codebook; empty for a codec without tokens.
        encode_seconds: time to encode, on the clock of the wall.
        decode_seconds: time to decode.
    """

    audio: Audio
    bits: Bits
    codes: list[Codes] = field(default_factory=list)
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass
class Codec(ABC):
    """Base of all codecs under test: describe yourself in ``info``, work in ``code``."""

    name: str = field(default="", kw_only=True)
    device: str = field(default="cpu", kw_only=True)

    requires: ClassVar[tuple[Requirement, ...]] = ()
    # of the adapter's own code; raise it whenever a change moves its audio, bits or tokens
    revision: ClassVar[int] = 1

    def check(self) -> None:
        """Raise a ``SecoustiError`` that says what to install or download, or return."""
        for requirement in self.requires:
            require(requirement.module, requirement.extra)

    def versions(self) -> str:
        """Packages the result depends on."""
        return ", ".join(requirement.version() for requirement in self.requires)

    @abstractmethod
    def info(self) -> CodecInfo:
        """The codec's row in a table."""

    @abstractmethod
    def code(self, audio: Audio) -> Coded:
        """Encode and decode one utterance."""


@dataclass
class TokenCodec(Codec):
    """A codec with tokens: implement ``info``, ``encode`` and ``decode``; the rest is here.

    Resampling to the model's rate, timing, trimming to the input's length and counting
    ``L x log2(codebook size)`` bits a codebook happen once, for all of them.
    """

    @abstractmethod
    def encode(self, samples: Samples) -> list[Codes]:
        """One int64 stream ``[L]`` a codebook, of audio ``[T]`` at the codec's rate."""

    @abstractmethod
    def decode(self, codes: list[Codes]) -> Samples:
        """Audio ``[T]`` at the codec's rate."""

    def code(self, audio: Audio) -> Coded:
        info = self.info()
        samples = audio.at(info.sample_rate)
        codes, encode_seconds = timed(lambda: self.encode(samples))
        decoded, decode_seconds = timed(lambda: self.decode(codes))
        streams = [np.asarray(stream, np.int64).reshape(-1) for stream in codes]
        bits = sum(
            len(stream) * math.log2(size)
            for stream, size in zip(streams, info.codebook_sizes, strict=True)
        )
        wave = fit(np.asarray(decoded, np.float32).reshape(-1), len(samples))
        coded = Audio(wave, info.sample_rate)
        return Coded(coded, Bits(bits), streams, encode_seconds, decode_seconds)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What ``work`` returns, and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start
