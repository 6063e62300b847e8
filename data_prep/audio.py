"""One recording, decoded, checked and resampled, or the fault that keeps it out."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from data_prep.faults import Fault
from secousti.audio.io import WHOLE, read_piece
from secousti.audio.opening import open_audio
from secousti.manifest import Piece, is_url, open_binary

_FULL_SCALE = 0.9995
_CLIPPED_SHARE = 0.01


@dataclass(frozen=True)
class Limits:
    """What a recording must satisfy; seconds and Hz."""

    min_seconds: float = 0.3
    max_seconds: float = 30.0
    min_sample_rate: int = 16000


class AudioFault(Exception):
    """Carries the kind of ``Fault`` and the reason."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason

    def named(self, name: str) -> Fault:
        """The fault of the utterance ``name``."""
        return Fault(self.kind, name, self.reason)


def load_checked(
    location: str, sample_rate: int, limits: Limits, piece: Piece = WHOLE
) -> np.ndarray:
    """Mono float32 ``[N]`` in [-1, 1] at ``sample_rate``, of a recording or of a piece of it.

    Raises:
        AudioFault: the recording is missing, broken, empty, clipped, too short or too long, or of
            too low a rate.
    """
    data, rate = _decode(_read(location), piece)
    if rate < limits.min_sample_rate:
        raise AudioFault("low sample rate", f"{rate} Hz, below {limits.min_sample_rate} Hz")
    seconds = len(data) / rate
    if not data.size or not np.any(data):
        raise AudioFault("empty audio", "no samples" if not data.size else "digital silence")
    if seconds < limits.min_seconds:
        raise AudioFault("too short", f"{seconds:.3f} s, below {limits.min_seconds:g} s")
    if seconds > limits.max_seconds:
        raise AudioFault("too long", f"{seconds:.1f} s, above {limits.max_seconds:g} s")
    clipped = float(np.mean(np.abs(data) >= _FULL_SCALE))
    if clipped > _CLIPPED_SHARE:
        raise AudioFault("clipped", f"{clipped:.1%} of the samples at full scale")
    mono = data.mean(axis=1)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate, quality="HQ")
    return np.clip(mono, -1.0, 1.0).astype(np.float32)


def encode(samples: np.ndarray, sample_rate: int, audio_format: str) -> bytes:
    """``"flac"`` (16 bit, lossless from there on) or ``"opus"`` in an Ogg container."""
    container, subtype = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}[audio_format]
    stream = io.BytesIO()
    soundfile.write(stream, samples, sample_rate, format=container, subtype=subtype)
    return stream.getvalue()


def _read(location: str) -> str | bytes:
    """A path that is there, or the bytes behind a URL."""
    if not is_url(location):
        if not os.path.isfile(location):
            raise AudioFault("missing audio", f"{location} is not there")
        if not os.path.getsize(location):
            raise AudioFault("empty audio", f"{location} has no bytes")
        return location
    try:
        with open_binary(location) as file:
            content = file.read()
    except FileNotFoundError:
        raise AudioFault("missing audio", f"{location} is not there") from None
    except OSError as error:
        raise AudioFault("unreadable audio", f"{location}: {error}") from None
    if not content:
        raise AudioFault("empty audio", f"{location} has no bytes")
    return content


def _decode(source: str | bytes, piece: Piece) -> tuple[np.ndarray, int]:
    """float32 ``[N, channels]`` and its rate. A file that breaks off is not repaired silently."""
    try:
        with open_audio(source) as reader:
            return read_piece(reader, piece), reader.sample_rate
    except Exception as error:  # whatever a decoder raises, it is this recording's fault
        reason = str(error).replace("\n", " ") or type(error).__name__
        raise AudioFault("unreadable audio", reason) from None
