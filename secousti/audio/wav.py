"""WAV read as it arrives: from pipes, files, uploads and memory alike."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.audio.bytestream import ByteStream, Readable
from secousti.audio.pcm import Decoder
from secousti.audio.reader import AudioReader
from secousti.audio.riff import next_file, read_header
from secousti.errors import SecoustiError
from secousti.samples import check_rate

_MOST_AFTER = 1 << 32  # bytes after the audio that are taken off a writer's hands


class WavReader(AudioReader):
    """PCM of 1 to 32 bits, float and G.711 from a WAV stream that need not seek.

    WAV files one after another (``cat a.wav b.wav``) are one recording, if they are of one format.

    Raises:
        SecoustiError: not WAV, another coding, or cut short before the audio begins.
    """

    arrives = True

    def __init__(self, file: Readable, name: str = "the input", owned: bool = False) -> None:
        self.name = name
        self._file: Any = file
        self._owned = owned
        self._stream = ByteStream(file, name)
        self.format, self._left = read_header(self._stream)
        self.sample_rate = check_rate(self.format.sample_rate, what=f"the sample rate of {name}")
        self.channels = self.format.channels
        self._decode = Decoder(self.format.sample, name)
        self.frames = None if self._left is None else self._left // self.format.frame_bytes

    def read_frames(self, count: int) -> NDArray[np.float32]:
        """The next samples [N, C].

        Raises:
            SecoustiError: the stream ends within a sample or before the length it announced, or
                has NaN or infinite samples.
        """
        samples = self._of_this_file(count)
        while len(samples) < count and self._left == 0 and self._another():
            samples = np.concatenate([samples, self._of_this_file(count - len(samples))])
        return samples

    def skip(self, count: int) -> int:
        """Leave out samples, by seeking where that is possible."""
        there = self._stream.remaining()
        size = count * self.format.frame_bytes
        if there is None or self._left is None or size > min(self._left, there):
            return super().skip(count)
        self._stream.skip(size)
        self._left -= size
        self._given += count
        return count

    def drain(self) -> None:
        """Read on to the end of a pipe: a writer that is cut off dies of it."""
        if self._stream.remaining() is None:
            self._stream.skip(_MOST_AFTER)

    def close(self) -> None:
        if self._owned:
            with closing(self._file):
                pass

    def _of_this_file(self, count: int) -> NDArray[np.float32]:
        size = self.format.frame_bytes
        wanted = count * size if self._left is None else min(count * size, self._left)
        data = self._stream.up_to(wanted)
        whole = len(data) // size * size
        if self._left is not None:
            self._left -= whole
        if len(data) < wanted and (self._left or len(data) > whole):
            raise SecoustiError(f"{self.name} is cut short: its WAV audio ends too early")
        return self._finite(self._decode(data[:whole]).reshape(-1, self.channels))

    def _another(self) -> bool:
        """Whether what follows the audio is another WAV file, now begun.

        Raises:
            SecoustiError: one of another format.
        """
        if not next_file(self._stream):
            return False
        layout, self._left = read_header(self._stream)
        if layout != self.format:
            raise SecoustiError(
                f"{self.name} is several WAV files of different formats one after another: "
                "give them apart"
            )
        return True
