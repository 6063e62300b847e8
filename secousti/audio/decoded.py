"""Recordings that a library or a program decodes: libsndfile's formats, and FFmpeg's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import closing
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from secousti.audio.reader import AudioReader
from secousti.audio.wav import WavReader
from secousti.errors import SecoustiError
from secousti.samples import check_rate

_UNKNOWN_FRAMES = 1 << 48  # libsndfile's "not known" is more
_LOSSY = ("MP3", "OGG")  # formats whose announced length is an estimate
_SEEK_FROM, _RUN_UP = 60, 1.0  # seconds: nearer is read; lossy decoders settle before the place


class SndfileReader(AudioReader):
    """What libsndfile decodes; several recordings in one file are one.

    Args:
        parts: files that seek, one a recording.
        owned: closed with the reader.

    Raises:
        SecoustiError: not audio, or of a rate that no audio has.
    """

    def __init__(self, parts: Sequence[BinaryIO], name: str, owned: Any = None) -> None:
        self.name = name
        self._owned = owned
        self._waiting = list(parts)
        self._file = self._open()
        self._read = 0  # of the present part
        self.sample_rate, self.channels = self._file.samplerate, self._file.channels
        known = len(parts) == 1 and 0 <= self._file.frames < _UNKNOWN_FRAMES
        self.frames = self._file.frames if known else None

    def read_frames(self, count: int) -> NDArray[np.float32]:
        """The next samples [N, C].

        Raises:
            SecoustiError: the recording is damaged or cut short, NaN is among the samples, or a
                part has another rate or number of channels.
        """
        blocks, have = [np.zeros((0, self.channels), np.float32)], 0
        while have < count:
            block = self._block(count - have)
            blocks.append(block)
            have += len(block)
            if len(block) == 0:
                self._check_end()
                if not self._next():
                    break
        return self._finite(np.concatenate(blocks))

    def skip(self, count: int) -> int:
        """Leave out samples; far ahead by seeking, with some run-up where decoders need it."""
        lossy = self._file.format in _LOSSY
        run_up = round(_RUN_UP * self.sample_rate) if lossy else 0
        far = count > (_SEEK_FROM * self.sample_rate if lossy else 0)
        if self.frames is None or count >= self.frames or not far or not self._file.seekable():
            return super().skip(count)
        try:
            self._file.seek(count - run_up)
        except (soundfile.LibsndfileError, RuntimeError):
            return super().skip(count)
        self._read = self._given = count - run_up
        return count - run_up + super().skip(run_up)

    def close(self) -> None:
        self._file.close()
        if self._owned is not None:
            with closing(self._owned):
                pass

    def _open(self) -> Any:
        part = self._waiting.pop(0)
        try:
            file = soundfile.SoundFile(part)
        except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, OSError) as error:
            reason = getattr(error, "error_string", None) or str(error) or type(error).__name__
            raise SecoustiError(
                f"{self.name} is not audio that can be read (libsndfile says: {reason})"
            ) from error
        check_rate(file.samplerate, what=f"the sample rate of {self.name}")
        return file

    def _block(self, count: int) -> NDArray[np.float32]:
        try:
            block = self._file.read(count, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise SecoustiError(f"{self.name} is damaged (libsndfile says: {error})") from error
        self._read += len(block)
        return np.asarray(block, np.float32)

    def _check_end(self) -> None:
        announced = self._file.frames
        spare = self.sample_rate // 10 if self._file.format in _LOSSY else 0
        if self._read + spare < announced < _UNKNOWN_FRAMES:
            raise SecoustiError(
                f"{self.name} is cut short: it holds {self._read} of {announced} samples"
            )

    def _next(self) -> bool:
        if not self._waiting:
            return False
        self._file.close()
        self._file = self._open()
        self._read = 0
        if (self._file.samplerate, self._file.channels) != (self.sample_rate, self.channels):
            raise SecoustiError(
                f"{self.name} is several recordings of different sample rates or channels one "
                "after another: give them apart"
            )
        return True


class FfmpegReader(WavReader):
    """What the program ``ffmpeg`` decodes, as it comes out of it.

    Args:
        path: of the file. container: its format, as FFmpeg calls it.

    Raises:
        SecoustiError: there is no ``ffmpeg``, or it cannot read the file.
    """

    arrives = False

    def __init__(self, path: str, container: str, name: str, owned: Any = None) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise SecoustiError(
                f"{name} is {_CALLED[container]}, which only the program ffmpeg reads, and it is "
                "not installed: install ffmpeg, or convert the file to WAV or FLAC"
            )
        self._temporary = owned
        self._process = subprocess.Popen(
            _command(program, path, container),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        try:
            super().__init__(self._process.stdout, name)
        except SecoustiError as error:
            raise self._failed() from error

    def read_frames(self, count: int) -> NDArray[np.float32]:
        """The next samples [N, C].

        Raises:
            SecoustiError: ``ffmpeg`` failed on the way.
        """
        samples = super().read_frames(count)
        if len(samples) < count and self._process.wait():
            raise self._failed()
        return samples

    def close(self) -> None:
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()
        if self._temporary is not None:
            with closing(self._temporary):
                pass

    def _failed(self) -> SecoustiError:
        assert self._process.stderr is not None
        self._process.kill()
        said = self._process.stderr.read(2000).decode(errors="replace").strip().splitlines()
        self.close()
        return SecoustiError(
            f"{self.name} is not audio that can be read (ffmpeg says: {said[-1] if said else '-'})"
        )


_CALLED = {"mov": "MP4 (m4a)", "matroska": "WebM or Matroska", "aac": "AAC"}


def ffmpeg_container(begun: bytes) -> str | None:
    """FFmpeg's name of the format that ``begun`` begins, if it is one for FFmpeg."""
    if begun[4:8] == b"ftyp":
        return "mov"
    if begun[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if len(begun) > 1 and begun[0] == 0xFF and begun[1] & 0xF6 == 0xF0:
        return "aac"
    return None


def _command(program: str, path: str, container: str) -> list[str | bytes]:
    """Only this file and no other place is read, whatever is written in it."""
    options = ["-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", container]
    output = ["-vn", "-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le", "-"]
    return [program, *options, "-i", b"file:" + os.fsencode(path), *output]
