"""Whole recordings in and out: from any file to an array, and from an array to a file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from secousti.atomic import replacing
from secousti.audio.opening import open_audio
from secousti.audio.reader import AudioReader
from secousti.audio.writing import WRITABLE_SUFFIXES, AudioWriter
from secousti.errors import SecoustiError
from secousti.manifest import Piece
from secousti.samples import check_range

FFMPEG_SUFFIXES = frozenset({".m4a", ".mp4", ".webm", ".mka", ".mkv", ".aac"})
AUDIO_SUFFIXES = WRITABLE_SUFFIXES | FFMPEG_SUFFIXES
WHOLE = Piece()
_ROUNDING = 1.0  # seconds read beyond a piece, to see whether the recording ends there


def load_audio(
    source: str | Path | bytes | BinaryIO, piece: Piece = WHOLE, name: str | None = None
) -> tuple[Tensor, int]:
    """A recording, or a piece of one, as mono float32 [N] in [-1, 1] and its sample rate in Hz.

    Args:
        source: a path, the bytes of a file, or a file open for reading.
        piece: the part that is read, and the channel; all of it by default.
        name: of the recording, for messages.

    Raises:
        SecoustiError: no such file, not audio, no samples, NaN/Inf among them, floats of another
            scale, or a piece that is not within the recording.
    """
    with open_audio(source, name) as reader:
        try:
            frames = read_piece(reader, piece)
        except SecoustiError as error:
            known = reader.name in str(error)
            raise error if known else SecoustiError(f"{reader.name}: {error}") from error
        mono = frames.mean(axis=1) if piece.channel is None else frames[:, piece.channel]
        wav = torch.from_numpy(np.ascontiguousarray(mono))
        return check_audio(wav, reader.name), reader.sample_rate


def read_piece(reader: AudioReader, piece: Piece = WHOLE) -> np.ndarray:
    """The samples of a piece, float32 [N, C], from a reader that stands at its beginning.

    Raises:
        SecoustiError: the piece is not within the recording, or there is no such channel.
    """
    rate = reader.sample_rate
    if piece.channel is not None and piece.channel >= reader.channels:
        raise SecoustiError(f"channel {piece.channel} is asked for, of {reader.channels} from 0")
    if not piece.is_cut:
        frames = reader.read_all()
        piece.bounds(len(frames), rate)
        return frames
    start = round(piece.start * rate)
    skipped = reader.skip(start)
    most = None if piece.seconds is None else round((piece.seconds + _ROUNDING) * rate)
    frames = (
        reader.read_all(most) if skipped == start else np.zeros((0, reader.channels), np.float32)
    )
    first, last = piece.bounds(skipped + len(frames), rate)
    return frames[first - skipped : last - skipped]


def duration_of(source: str | Path | bytes | BinaryIO, piece: Piece = WHOLE) -> float:
    """Seconds of a recording or of a piece: from its header, or where that is silent by reading.

    Raises:
        SecoustiError: as ``load_audio``.
    """
    with open_audio(source) as reader:
        total = reader.frames
        if total is None:
            total = reader.skip(1 << 62)
        first, last = piece.bounds(total, reader.sample_rate)
        return (last - first) / reader.sample_rate


def save_audio(path: str | Path, wav: Tensor, sample_rate: int, subtype: str = "PCM_16") -> None:
    """Write [N], [1, N] or [1, 1, N] audio; the format follows the suffix, WAV without one.

    The file appears whole or not at all: it is written beside its place and renamed.

    Raises:
        SecoustiError: a suffix of no format that can be written, or a rate that it cannot hold.
    """
    samples = wav.detach().reshape(-1).cpu().clamp(-1.0, 1.0).numpy()
    with (
        replacing(path) as partial,
        AudioWriter(partial, sample_rate, Path(path).suffix, subtype) as writer,
    ):
        writer.write(samples)


def check_audio(wav: Tensor, where: str) -> Tensor:
    """Return ``wav`` if it has samples, all of them finite and within full scale.

    Raises:
        SecoustiError: it has none, or ``samples.check_range`` refuses them; the message names
            ``where``.
    """
    if wav.numel() == 0:
        raise SecoustiError(f"{where} has no samples")
    return check_range(wav, where)
