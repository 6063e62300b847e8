"""Recordings opened from files, pipes and memory; their bytes tell what they are."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeAlias

from secousti.audio.chains import Window, is_mp3, recordings
from secousti.audio.decoded import FfmpegReader, SndfileReader, ffmpeg_container
from secousti.audio.reader import AudioReader
from secousti.audio.riff import MAGICS, WAVE64, UnknownCoding
from secousti.audio.wav import WavReader
from secousti.errors import SecoustiError

Source: TypeAlias = "str | Path | bytes | BinaryIO"
_PEEKED = 64  # bytes that tell what a file is
_MOST_GATHERED = 8 << 30  # bytes of a pipe that are laid down before they can be decoded
_BLOCK = 1 << 20
# First bytes of what is audio but cannot be decoded from a pipe as it comes.
_SEEKING = (b"fLaC", b"OggS", b"FORM", b"caff", b".snd", b"NIST_1A", b"Creative Voice File")


class Rewound:
    """A pipe whose first bytes were read to see what it is, given back."""

    def __init__(self, begun: bytes, file: Any) -> None:
        self.begun = begun
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """The bytes given back first, then the pipe's."""
        if not self.begun:
            data: bytes = self._file.read(size)
            return data
        data = self.begun if size < 0 else self.begun[:size]
        self.begun = self.begun[len(data) :]
        return data

    def close(self) -> None:
        """Close the pipe."""
        self._file.close()


def open_audio(
    source: Source | Rewound, name: str | None = None, path: str | None = None
) -> AudioReader:
    """Open a recording; use it as a context manager.

    Args:
        source: a path (also of a FIFO), the bytes of a file, or a file open for reading. What
            cannot seek is decoded as it arrives if it is WAV; other audio is gathered on disk
            first, as its formats need.
        name: of the recording, for messages.
        path: of a file given open, which FFmpeg then reads where it lies.

    Raises:
        SecoustiError: no such file, empty, not audio, or of a format that needs FFmpeg where
            that is not installed.
    """
    if isinstance(source, bytes):
        return _open(io.BytesIO(source), None, name or "the recording", owned=True)
    if isinstance(source, (str, Path)):
        return _open_path(os.fspath(source), name or str(source))
    if isinstance(source, io.TextIOBase):
        raise SecoustiError("an audio file must be open in binary mode, open(path, 'rb')")
    if name is None:
        named = getattr(source, "name", None)
        name = named if isinstance(named, str) else "the file given"
    return _open(source, path, name)


def _open_path(path: str, name: str) -> AudioReader:
    if not os.path.exists(path):
        raise SecoustiError(f"no such audio file: {name}")
    if os.path.isdir(path):
        raise SecoustiError(f"{name} is a folder, not a recording")
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise SecoustiError(f"{name} cannot be read: {error.strerror or error}") from error
    try:
        return _open(file, path, name, owned=True)
    except BaseException:
        file.close()
        raise


def _open(file: Any, path: str | None, name: str, owned: bool = False) -> AudioReader:
    if seekable := bool(getattr(file, "seekable", bool)()):
        begun = file.read(_PEEKED)
        file.seek(-len(begun), io.SEEK_CUR)
    else:
        begun = _peek(file)
        file = Rewound(begun, file)
    if not begun:
        raise SecoustiError(f"{name} is not audio: it is empty")
    if _is_wav(begun):
        try:
            return WavReader(file, name, owned)
        except UnknownCoding:
            if not seekable:
                raise
            file.seek(0)
    if not seekable:
        file, path, owned = _gather(file, begun, name), None, True
    return _decoded(file, path, begun, name, owned)


def _decoded(file: BinaryIO, path: str | None, begun: bytes, name: str, owned: bool) -> AudioReader:
    if container := ffmpeg_container(begun):
        return _with_ffmpeg(file, path, container, name, owned)
    spans = recordings(file, begun)
    if len(spans) > 1:
        parts: list[Any] = [Window(file, span) for span in spans]
    else:
        file.seek(0)
        parts = [file]
    return SndfileReader(parts, name, file if owned else None)


def _with_ffmpeg(
    file: BinaryIO, path: str | None, container: str, name: str, owned: bool
) -> AudioReader:
    if path is not None:
        return FfmpegReader(path, container, name, file if owned else None)
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115  (closed with the reader)
    file.seek(0)
    shutil.copyfileobj(file, copy)
    copy.flush()
    return FfmpegReader(copy.name, container, name, copy)


def _peek(file: Any) -> bytes:
    begun: bytes = b""
    while len(begun) < _PEEKED and (more := file.read(_PEEKED - len(begun))):
        begun += more
    return begun


def _is_wav(begun: bytes) -> bool:
    if begun[:4] == WAVE64[:4]:
        return begun.startswith(WAVE64)
    return begun[:4] in MAGICS and begun[8:12] in (b"WAVE", b"")


def _gather(file: Rewound, begun: bytes, name: str) -> BinaryIO:
    """A pipe's audio as a file that can seek; only what looks like audio is laid down."""
    if not (begun.startswith(_SEEKING) or is_mp3(begun) or ffmpeg_container(begun)):
        raise SecoustiError(
            f"{name} is not audio that can be read: a pipe may bring WAV, FLAC, Ogg, MP3, AIFF, "
            "CAF or AU; for samples without a header say what they are with --raw"
        )
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the reader)
    room = min(_MOST_GATHERED, shutil.disk_usage(tempfile.gettempdir()).free // 2)
    gathered = 0
    while data := file.read(_BLOCK):
        gathered += len(data)
        if gathered > room:
            copy.close()
            raise SecoustiError(
                f"{name} brings more than {room >> 20} MB through a pipe, in a format that has to "
                "be gathered first: give a file, or WAV"
            )
        copy.write(data)
    copy.seek(0)
    return copy  # type: ignore[return-value]
