"""Samples without a header, as ``arecord -t raw``, SoX and FFmpeg's ``-f s16le`` write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.audio.bytestream import ByteStream, Readable
from secousti.audio.pcm import Decoder, SampleFormat
from secousti.audio.reader import AudioReader
from secousti.errors import SecoustiError
from secousti.samples import check_rate

# FFmpeg's names.
FORMATS = {
    "u8": SampleFormat("int", 8, 1),
    "s16le": SampleFormat("int", 16, 2),
    "s16be": SampleFormat("int", 16, 2, True),
    "s24le": SampleFormat("int", 24, 3),
    "s24be": SampleFormat("int", 24, 3, True),
    "s32le": SampleFormat("int", 32, 4),
    "s32be": SampleFormat("int", 32, 4, True),
    "f32le": SampleFormat("float", 32, 4),
    "f32be": SampleFormat("float", 32, 4, True),
    "f64le": SampleFormat("float", 64, 8),
    "f64be": SampleFormat("float", 64, 8, True),
    "alaw": SampleFormat("alaw", 8, 1),
    "mulaw": SampleFormat("mulaw", 8, 1),
}
RAW_SUFFIXES = frozenset({".raw", ".pcm", ".s16", ".sw", ".f32", ".ul", ".al"})  # of folders
_MOST_CHANNELS = 64


@dataclass(frozen=True)
class RawFormat:
    """What headerless samples are: their coding, Hz, and channels (interleaved)."""

    name: str
    sample_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        """``s16le:16000``, or ``s16le:48000:2`` for two channels.

        Raises:
            SecoustiError: anything else.
        """
        name, _, rest = text.partition(":")
        rate, _, channels = rest.partition(":")
        if name not in FORMATS or not rate.isdecimal() or not (channels or "1").isdecimal():
            raise SecoustiError(
                f"--raw {text!r} should be FORMAT:RATE or FORMAT:RATE:CHANNELS, such as "
                f"s16le:16000; the formats are {', '.join(FORMATS)}"
            )
        count = int(channels or 1)
        if not 1 <= count <= _MOST_CHANNELS:
            raise SecoustiError(f"--raw {text!r}: there are 1 to {_MOST_CHANNELS} channels")
        return cls(name, check_rate(int(rate), what="the rate of --raw"), count)

    @property
    def sample(self) -> SampleFormat:
        """One sample of one channel."""
        return FORMATS[self.name]

    def to_bytes(self, samples: NDArray[np.float32]) -> bytes:
        """Mono samples [N] in [-1, 1] as bytes.

        Raises:
            SecoustiError: several channels, or a coding that is read only.
        """
        kind = self.sample.kind
        if self.channels != 1 or kind in ("alaw", "mulaw"):
            raise SecoustiError(
                f"raw audio is written mono and linear, not {self.name} with "
                f"{self.channels} channel(s)"
            )
        order = ">" if self.sample.big_endian else "<"
        clipped = np.clip(samples, -1, 1)
        if kind == "float":
            return clipped.astype(f"{order}f{self.sample.container}").tobytes()
        full = 2.0 ** (self.sample.bits - 1) - 1
        values = np.round(clipped.astype(np.float64) * full).astype(np.int64)
        if self.sample.container == 1:
            return (values + 128).astype(np.uint8).tobytes()
        if self.sample.container == 3:
            wide = values.astype(f"{order}i4").view(np.uint8).reshape(-1, 4)
            return (wide[:, 1:] if order == ">" else wide[:, :3]).tobytes()
        return values.astype(f"{order}i{self.sample.container}").tobytes()


class RawReader(AudioReader):
    """Headerless samples as they arrive."""

    arrives = True

    def __init__(self, file: Readable, layout: RawFormat, name: str = "the input") -> None:
        self.name = name
        self.sample_rate, self.channels = layout.sample_rate, layout.channels
        self._file: Any = file
        self._stream = ByteStream(file, name)
        self._decode = Decoder(layout.sample, name)
        self._frame = layout.channels * layout.sample.container

    def read_frames(self, count: int) -> NDArray[np.float32]:
        """The next samples [N, C].

        Raises:
            SecoustiError: the stream ends within a sample, or has NaN or infinite samples.
        """
        data = self._stream.up_to(count * self._frame)
        if len(data) % self._frame:
            raise SecoustiError(f"{self.name} ends within a sample: is it what --raw says?")
        return self._finite(self._decode(data).reshape(-1, self.channels))
