"""WAV written before its length is known. What reads it is ``secousti.audio.wav``."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from secousti.audio.wav import WavReader

__all__ = ["WavReader", "WavWriter", "wav_header"]

_PCM = 1
_UNKNOWN_SIZE = 0xFFFFFFFF


class WavWriter:
    """16-bit mono WAV whose header goes first, for files and pipes alike.

    A pipe gets the customary "length unknown"; the header of a file that can seek is completed by
    ``close``.
    """

    def __init__(self, file: BinaryIO, sample_rate: int) -> None:
        self._file = file
        self._written = 0
        self._sample_rate = sample_rate
        self._patch = _can_patch(file)
        file.write(wav_header(sample_rate, None))

    def write(self, samples: NDArray[np.float32]) -> None:
        """Float samples [N] in [-1, 1], sent at once."""
        if len(samples):
            pcm = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
            self._file.write(pcm.tobytes())
            self._file.flush()
            self._written += len(samples)

    def close(self) -> None:
        """Complete the header if that is possible; the file itself stays open."""
        if self._patch:
            self._file.seek(0)
            self._file.write(wav_header(self._sample_rate, self._written))
            self._file.seek(0, os.SEEK_END)
        self._file.flush()


def wav_header(sample_rate: int, num_samples: int | None) -> bytes:
    """The 44 bytes before 16-bit mono audio; an unknown or too great length reads "unknown"."""
    size = _UNKNOWN_SIZE if num_samples is None else 2 * num_samples
    if size + 36 > _UNKNOWN_SIZE:
        size = _UNKNOWN_SIZE
    riff = _UNKNOWN_SIZE if size == _UNKNOWN_SIZE else size + 36
    head = struct.pack("<4sI4s", b"RIFF", riff, b"WAVE")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, 1, sample_rate, 2 * sample_rate, 2, 16)
    return head + layout + struct.pack("<4sI", b"data", size)


def _can_patch(file: BinaryIO) -> bool:
    """Whether the start of the file can be written again: a new file, not opened to append."""
    try:
        if not file.seekable() or file.tell() != 0:
            return False
        return not _appends(file)
    except OSError:
        return False


def _appends(file: BinaryIO) -> bool:
    """Whether every write goes to the end, as after ``>>``; Windows has no way to ask."""
    try:
        import fcntl
    except ImportError:
        return "a" in getattr(file, "mode", "")
    return bool(fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND)
