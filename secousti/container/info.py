"""What a ``.sct`` file holds and where its bits go."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from secousti.container.accounting import Accounting
from secousti.container.coders import Coders, no_coders
from secousti.container.events import End, Tokens, Voice
from secousti.container.header import Header
from secousti.container.limits import MAX_SECONDS
from secousti.container.reader import Reader
from secousti.errors import SecoustiError
from secousti.paths import PIPE, STDIN, find_files

SCT = ".sct"


@dataclass(frozen=True)
class Info:
    """A whole file, checked to the last bit.

    Attributes:
        frames, voices, runs: how many frames of tokens, voice and token records.
        bits: all bits of the file, apart.
    """

    name: str
    header: Header
    frames: int
    voices: int
    runs: int
    num_samples: int
    source_num_samples: int
    bits: Accounting

    @property
    def tokens(self) -> int:
        """Tokens of all codebooks."""
        return self.frames * self.header.num_codebooks

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return self.num_samples / self.header.sample_rate

    @property
    def bits_per_token(self) -> float:
        """As stored."""
        return self.bits.tokens / max(self.tokens, 1)

    @property
    def nominal_bitrate(self) -> float:
        """Token bits a second before coding: frame rate times log2 of the codebook size."""
        header = self.header
        return header.frame_rate * header.num_codebooks * math.log2(header.codebook_size)

    def rate(self, bits: float) -> float:
        """``bits`` of this file as bits a second."""
        return bits / self.duration if self.duration else 0.0


def info(
    inputs: Sequence[str], max_seconds: float = MAX_SECONDS, coders: Coders = no_coders
) -> list[Info]:
    """Read files, folders or a pipe (``-``) to the end and say what they hold.

    Raises:
        SecoustiError: a file that is not sound; the message names it.
    """
    if list(inputs) == [PIPE]:
        return [_read(Reader(sys.stdin.buffer, STDIN, max_seconds=max_seconds, coders=coders))]
    found = []
    for path, _ in (pair for item in inputs for pair in find_files(item, {SCT})):
        if not os.path.isfile(path):
            raise SecoustiError(f"no such file: {path}")
        with open(path, "rb") as file:
            found.append(_read(Reader(file, path, max_seconds=max_seconds, coders=coders)))
    return found


def _read(reader: Reader) -> Info:
    voices = runs = 0
    end = End(0, 0, 0)
    for event in reader:
        voices += isinstance(event, Voice)
        runs += isinstance(event, Tokens) and event.stored_bits > 0
        if isinstance(event, End):
            end = event
    return Info(
        name=reader.name,
        header=reader.header,
        frames=end.frames,
        voices=voices,
        runs=runs,
        num_samples=end.num_samples,
        source_num_samples=end.source_num_samples,
        bits=reader.bits,
    )
