"""The header: who made the file and what its records mean, in every version of the format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secousti.container.bits import MAX_CODEBOOK, MIN_CODEBOOK
from secousti.container.errors import ContainerError
from secousti.container.limits import (
    MAX_CODEBOOKS,
    MAX_FRAME_SIZE,
    MAX_RATE,
    MAX_TEXT,
    MAX_VOICE,
    MIN_RATE,
)

MAGIC = b"\x89SCT"
PACKED, ADAPTIVE, LEARNED = "packed", "adaptive", "learned"
PAYLOADS = (PACKED, ADAPTIVE, LEARNED)


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its first token.

    Attributes:
        sample_rate: Hz of the codec; ``frame_size``: its samples per frame of tokens.
        codebook_size: entries of each codebook; ``num_codebooks``: tokens per frame.
        levels: digits of a token (FSQ levels), for the adaptive models; empty: one digit.
        payload: how runs of tokens may be stored: ``packed``, ``adaptive`` or ``learned``.
        token_hash: of what made the tokens, hex; a short file holds its first digits only.
        voice_hash: of what made the voice, likewise; empty if there is none.
        coder_hash: of the learned entropy coder, hex.
        voice_form: how a voice is stored: 0 a byte a number, 1 the codec's own code.
        paralinguistic: numbers in a voice, 0 if there are none.
        source_sample_rate: Hz of the recording before resampling, if known.
        num_samples: samples at ``sample_rate``, if known when the file was begun.
        extra: whatever a user adds, JSON values only.
        model, weights: name and weight hash of the codec, of version 1 only.

    Raises:
        ContainerError: a value of the wrong type or out of range.
    """

    sample_rate: int
    frame_size: int
    codebook_size: int
    num_codebooks: int = 1
    levels: tuple[int, ...] = ()
    payload: str = PACKED
    token_hash: str = ""
    voice_hash: str = ""
    coder_hash: str = ""
    voice_form: int = 0
    paralinguistic: int = 0
    source_sample_rate: int | None = None
    num_samples: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    weights: str = ""

    def __post_init__(self) -> None:
        _check(isinstance(self.levels, (tuple, list)), "levels", "a list")
        object.__setattr__(self, "levels", tuple(self.levels))
        for name in ("model", "weights"):
            _check_text(name, getattr(self, name))
        for name in ("token_hash", "voice_hash", "coder_hash"):
            _check_hash(name, getattr(self, name))
        _check_int("sample_rate", self.sample_rate, MIN_RATE, MAX_RATE)
        _check_int("frame_size", self.frame_size, 1, MAX_FRAME_SIZE)
        _check_int("codebook_size", self.codebook_size, MIN_CODEBOOK, MAX_CODEBOOK)
        _check_int("num_codebooks", self.num_codebooks, 1, MAX_CODEBOOKS)
        _check_int("paralinguistic", self.paralinguistic, 0, MAX_VOICE)
        _check_int("voice_form", self.voice_form, 0, 1)
        _check(self.payload in PAYLOADS, "payload", f"one of {', '.join(PAYLOADS)}")
        _check(isinstance(self.extra, Mapping), "extra", "an object")
        for level in self.levels:
            _check_int("levels", level, 2, MAX_CODEBOOK)
        if self.levels:
            _check(math.prod(self.levels) == self.codebook_size, "levels", "of the codebook's size")
        if self.source_sample_rate is not None:
            _check_int("source_sample_rate", self.source_sample_rate, MIN_RATE, MAX_RATE)
        if self.num_samples is not None:
            _check_int("num_samples", self.num_samples, 0, 1 << 62)

    @property
    def frame_rate(self) -> float:
        """Frames of tokens per second."""
        return self.sample_rate / self.frame_size

    @property
    def digits(self) -> tuple[int, ...]:
        """Alphabets of a token's digits: ``levels``, or the whole codebook as one digit."""
        return self.levels or (self.codebook_size,)

    def resampled(self, source_num_samples: int) -> int:
        """Samples at ``sample_rate`` of so many at ``source_sample_rate``, rounded up."""
        assert self.source_sample_rate is not None
        return -(-source_num_samples * self.sample_rate // self.source_sample_rate)


def same_hash(a: str, b: str) -> bool:
    """Whether two hashes are one, of which either may be cut short; an unknown one is none."""
    size = min(len(a), len(b))
    return size > 0 and a[:size] == b[:size]


def _check(ok: bool, name: str, expected: str) -> None:
    if not ok:
        raise ContainerError(f"the header's {name} must be {expected}")


def _check_text(name: str, value: Any) -> None:
    """Names are shown to people: nothing that moves a terminal's cursor."""
    ok = isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
    _check(ok, name, f"text of at most {MAX_TEXT} printable characters")


def _check_hash(name: str, value: Any) -> None:
    ok = isinstance(value, str) and len(value) <= 16 and not value.strip("0123456789abcdef")
    _check(ok and len(value) % 2 == 0, name, "hexadecimal, at most 16 digits")


def _check_int(name: str, value: Any, low: int, high: int) -> None:
    ok = type(value) is int and low <= value <= high
    _check(ok, name, f"a whole number from {low} to {high}, not {value!r}")
