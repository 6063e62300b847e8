"""One recording to int16, and what makes it unfit for training."""

from __future__ import annotations

import numpy as np
import soxr

from secousti.audio.io import WHOLE, read_piece
from secousti.audio.opening import open_audio
from secousti.audio.reader import NotFinite
from secousti.manifest import Piece, is_url, open_binary

_NOT_FINITE = "is not finite: it holds NaN or infinity"
_SILENCE = 4 / 32768  # a recording that never rises above it holds dither
_LOUDEST = 2.0  # a float file that does is at another scale: clipped, it would be noise
_SHORT_SHARE, _SHORT_SECONDS = 0.1, 0.5  # a recording that lacks more than both was cut off


def decode(location: str, rate: int, piece: Piece = WHOLE) -> tuple[np.ndarray, str | None]:
    """int16 [T], mono, at ``rate``, and None, or nothing and what is wrong with the recording.

    Args:
        location: a path or a URL. piece: what of it is meant, and how long it should be.
    """
    try:
        audio, source_rate = _read(location, piece if piece.is_cut else WHOLE)
    except NotFinite:
        return _faulty(_NOT_FINITE)
    except Exception as error:  # whatever a decoder raises is this recording's fault
        return _faulty(f"cannot be read: {str(error) or type(error).__name__}")
    channels = audio.shape[1]
    mono = audio.mean(axis=1) if piece.channel is None else audio[:, piece.channel % channels]
    return to_pcm(mono, source_rate, rate, piece.whole)


def _read(location: str, piece: Piece) -> tuple[np.ndarray, int]:
    """float32 [T, channels] and the rate."""
    source: str | bytes = location
    if is_url(location):
        with open_binary(location) as file:
            source = file.read()
    with open_audio(source, location) as reader:
        return read_piece(reader, piece), reader.sample_rate


def to_pcm(
    audio: np.ndarray, source_rate: int, rate: int, duration: float | None = None
) -> tuple[np.ndarray, str | None]:
    """The same of float32 samples [T] at ``source_rate``; ``duration``: what they should last."""
    fault = find_fault(audio, source_rate, duration)
    if fault is not None:
        return _faulty(fault)
    mono = soxr.resample(audio, source_rate, rate)
    return np.clip(np.round(mono * 32768), -32768, 32767).astype(np.int16), None


def find_fault(audio: np.ndarray, rate: int, duration: float | None = None) -> str | None:
    """What is wrong with float32 samples [T], if anything is."""
    if not len(audio):
        return "is empty"
    if not np.isfinite(audio).all():
        return _NOT_FINITE
    peak = float(np.abs(audio).max())
    if peak < _SILENCE:
        return "is silent"
    if peak > _LOUDEST:
        return f"is out of scale: its peak is {peak:.4g} where full scale is 1"
    seconds = len(audio) / rate
    if duration is not None:
        missing = duration - seconds
        if missing > _SHORT_SECONDS and missing > _SHORT_SHARE * duration:
            return f"is cut short: {seconds:.2f} s where its manifest says {duration:.2f} s"
    return None


def _faulty(reason: str) -> tuple[np.ndarray, str]:
    return np.zeros(0, np.int16), reason
