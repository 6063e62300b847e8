"""Audio files written portion by portion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from secousti.errors import SecoustiError

# suffix -> (libsndfile's format, the coding where it is not the one asked for)
_FORMATS: dict[str, tuple[str, str | None]] = {
    "": ("WAV", None),
    ".wav": ("WAV", None),
    ".wave": ("WAV", None),
    ".flac": ("FLAC", None),
    ".ogg": ("OGG", None),
    ".oga": ("OGG", None),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aiff": ("AIFF", None),
    ".aif": ("AIFF", None),
    ".aifc": ("AIFF", None),
    ".w64": ("W64", None),
    ".rf64": ("RF64", None),
    ".caf": ("CAF", None),
    ".au": ("AU", None),
    ".snd": ("AU", None),
}
WRITABLE_SUFFIXES = frozenset(_FORMATS) - {""}
_BLOCK = 1 << 16
_SYSTEM = 2  # libsndfile's SF_ERR_SYSTEM: the file, not its format
_CANNOT = "the audio cannot be written; the disk may be full or read-only: {}"
_WAV_LIMIT = 0xFFFF0000  # bytes of audio that a WAV file can hold


class AudioWriter:
    """A mono audio file whose format follows ``suffix``; use it as a context manager.

    Args:
        path: the file, which is written at once.
        suffix: of the name that the file will have; none is WAV.
        subtype: the coding, where the format knows it; else the format's usual one.

    Raises:
        SecoustiError: no such format, or a rate that it cannot hold.
    """

    def __init__(
        self, path: str | Path, sample_rate: int, suffix: str, subtype: str = "PCM_16"
    ) -> None:
        kind, own = audio_format(suffix, str(path))
        if own is None and soundfile.check_format(kind, subtype):
            own = subtype
        try:
            self._file = soundfile.SoundFile(
                path, "w", sample_rate, 1, own or soundfile.default_subtype(kind), format=kind
            )
        except soundfile.LibsndfileError as error:
            if error.code == _SYSTEM:
                raise SecoustiError(_CANNOT.format(error.error_string)) from error
            raise SecoustiError(
                f"{suffix or 'WAV'} cannot be written at {sample_rate} Hz ({error.error_string}): "
                "choose another format, or --sample-rate 48000"
            ) from error

    def write(self, samples: NDArray[np.float32]) -> None:
        """The next samples [N] in [-1, 1].

        Raises:
            SecoustiError: the disk is full, or the format holds no more.
        """
        if self._file.format == "WAV" and 4 * (self._file.frames + len(samples)) > _WAV_LIMIT:
            raise SecoustiError("a WAV file holds no more than 4 GB: write .flac, .w64 or .rf64")
        try:
            for start in range(0, len(samples), _BLOCK):  # libvorbis overflows its stack on more
                self._file.write(samples[start : start + _BLOCK])
        except soundfile.LibsndfileError as error:
            raise SecoustiError(_CANNOT.format(error.error_string)) from error

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def audio_format(suffix: str, name: str) -> tuple[str, str | None]:
    """libsndfile's format for a suffix, and its coding where the suffix names one.

    Raises:
        SecoustiError: audio is not written under this suffix.
    """
    known = _FORMATS.get(suffix.lower())
    if known is None:
        raise SecoustiError(
            f"{name}: audio cannot be written as {suffix}; choose "
            f"{', '.join(sorted(WRITABLE_SUFFIXES))}"
        )
    return known
