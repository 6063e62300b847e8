"""WAV through pipes: read as it arrives, written before its length is known."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from secousti.container.stream import Readable
from secousti.errors import SecoustiError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
UNKNOWN_SIZE = 0xFFFFFFFF
_ENDLESS = (0, 0x7FFFFFFF, 0x80000000, UNKNOWN_SIZE)  # what programs write into a pipe's header
_MAX_CHUNK = 1 << 16  # of the chunks before the audio; more is no sane WAV file


@dataclass(frozen=True)
class WavFormat:
    """What a ``fmt`` chunk says. ``coding``: PCM or FLOAT."""

    coding: int
    channels: int
    sample_rate: int
    bits: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.bits // 8

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Whole frames of bytes -> mono float32 [N] in [-1, 1]."""
        samples = _to_float(data, self.coding, self.bits)
        mono: NDArray[np.float32] = samples.reshape(-1, self.channels).mean(axis=1)
        return mono


class WavReader:
    """Mono audio from a RIFF or RF64 WAV stream that need not seek.

    Raises:
        SecoustiError: not WAV, a coding other than 8 to 32-bit PCM or 32/64-bit float, or cut
            short before the audio begins.
    """

    def __init__(self, file: Readable, name: str = "the input") -> None:
        self._file = file
        self._name = name
        self._rest = b""  # read, not yet used
        if self._exactly(4) not in (b"RIFF", b"RF64"):
            raise SecoustiError(f"{name} is not a WAV stream")
        self._exactly(4)
        if self._exactly(4) != b"WAVE":
            raise SecoustiError(f"{name} is a RIFF stream, but not WAV")
        self.format, self._left = self._find_audio()
        self.sample_rate = self.format.sample_rate

    def read(self, frames: int) -> NDArray[np.float32]:
        """The next ``frames`` samples, mono float32 [N]; fewer only at the end.

        Raises:
            SecoustiError: the stream ends within a sample or before the length it announced, or has
            NaN or infinite samples.
        """
        size = self.format.frame_bytes
        wanted = frames * size if self._left is None else min(frames * size, self._left)
        while len(self._rest) < wanted:
            more = self._file.read(wanted - len(self._rest))
            if not more:
                break
            self._rest += more
        whole = min(len(self._rest), wanted) // size * size
        data, self._rest = self._rest[:whole], self._rest[whole:]
        if self._left is not None:
            self._left -= whole
        if whole < wanted:
            self._check_end()
        samples = self.format.decode(data)
        if not np.isfinite(samples).all():
            raise SecoustiError(f"{self._name} has a NaN or infinite sample")
        return samples

    def _check_end(self) -> None:
        if self._rest or self._left:
            raise SecoustiError(f"{self._name} is cut short: its WAV audio ends too early")

    def _find_audio(self) -> tuple[WavFormat, int | None]:
        """Skip to the ``data`` chunk; the format, and the bytes of audio if they are known."""
        layout, long_size = None, None
        while True:
            name, size = struct.unpack("<4sI", self._exactly(8))
            if name == b"data":
                break
            if size > _MAX_CHUNK:
                raise SecoustiError(f"{self._name} has an impossible WAV header")
            body = self._exactly(size + size % 2)
            if name == b"fmt ":
                layout = self._parse_format(body)
            elif name == b"ds64" and size >= 16:
                long_size = int(struct.unpack_from("<Q", body, 8)[0])
        if layout is None:
            raise SecoustiError(f"{self._name} has no WAV format before its audio")
        if long_size:
            return layout, long_size
        return layout, None if size in _ENDLESS else size // layout.frame_bytes * layout.frame_bytes

    def _parse_format(self, body: bytes) -> WavFormat:
        if len(body) < 16:
            raise SecoustiError(f"{self._name} has an impossible WAV header")
        coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if coding == EXTENSIBLE and len(body) >= 26:
            coding = struct.unpack_from("<H", body, 24)[0]
        known = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}
        if bits not in known.get(coding, ()) or not channels or not rate:
            raise SecoustiError(
                f"{self._name} is WAV of coding {coding} with {bits} bits, {channels} channels at "
                f"{rate} Hz; through a pipe only PCM and float are read: convert it, or give a file"
            )
        return WavFormat(coding, channels, rate, bits)

    def _exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            more = self._file.read(size - len(self._rest))
            if not more:
                raise SecoustiError(f"{self._name} is cut short: it ends in the WAV header")
            self._rest += more
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _to_float(data: bytes, coding: int, bits: int) -> NDArray[np.float32]:
    if coding == FLOAT:
        return np.frombuffer(data, f"<f{bits // 8}").astype(np.float32)
    if bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(
            128
        )
    if bits == 24:  # into the high bytes of 32
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) * np.float32(2.0**-31)
    return np.frombuffer(data, f"<i{bits // 8}").astype(np.float32) * np.float32(2.0 ** (1 - bits))


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
    size = UNKNOWN_SIZE if num_samples is None else 2 * num_samples
    if size + 36 > UNKNOWN_SIZE:
        size = UNKNOWN_SIZE
    riff = UNKNOWN_SIZE if size == UNKNOWN_SIZE else size + 36
    head = struct.pack("<4sI4s", b"RIFF", riff, b"WAVE")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, PCM, 1, sample_rate, 2 * sample_rate, 2, 16)
    return head + layout + struct.pack("<4sI", b"data", size)


def _can_patch(file: BinaryIO) -> bool:
    """Whether the start of the file can be written again: a new file, not opened to append."""
    try:
        if not file.seekable() or file.tell() != 0:
            return False
        import fcntl

        return not fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND
    except (OSError, ImportError):
        return False
