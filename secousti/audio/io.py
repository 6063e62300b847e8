"""Reading and writing recordings with soundfile (no FFmpeg, no torchaudio)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import torch
from torch import Tensor

from secousti.atomic import replacing
from secousti.errors import SecoustiError
from secousti.samples import check_range

AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".caf", ".au"}
)


def load_audio(source: str | Path | BinaryIO) -> tuple[Tensor, int]:
    """A recording as mono float32 [N] in [-1, 1] and its sample rate in Hz.

    Args:
        source: a path, or a file open for reading that can seek.

    Raises:
        SecoustiError: no such file, not audio, no samples, NaN/Inf among them, or floats of
            another scale.
    """
    if isinstance(source, (str, Path)):
        source = Path(source)
        if not source.is_file():
            raise SecoustiError(f"no such audio file: {source}")
    elif isinstance(source, io.TextIOBase):
        raise SecoustiError("an audio file must be open in binary mode, open(path, 'rb')")
    name = str(source) if isinstance(source, Path) else getattr(source, "name", "the file given")
    try:
        data, rate = soundfile.read(source, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SecoustiError(
            f"{name} is not audio that can be read (libsndfile says: {error.error_string})"
        ) from error
    wav = torch.from_numpy(np.ascontiguousarray(data.mean(axis=1)))
    return check_audio(wav, str(name)), rate


def save_audio(path: str | Path, wav: Tensor, sample_rate: int, subtype: str = "PCM_16") -> None:
    """Write [N], [1, N] or [1, 1, N] audio; the format follows the suffix, WAV for others.

    The file appears whole or not at all: it is written beside its place and renamed.
    """
    samples = wav.detach().reshape(-1).cpu().numpy()
    with replacing(path) as partial, open_audio(partial, sample_rate, path, subtype) as file:
        file.write(samples.clip(-1.0, 1.0))


def open_audio(
    place: str | Path, sample_rate: int, path: str | Path, subtype: str = "PCM_16"
) -> soundfile.SoundFile:
    """``place``, opened to be written portion by portion in the format that ``path`` asks for."""
    path = Path(path)
    kind = path.suffix.lstrip(".").upper()
    kind = {"OPUS": "OGG", "AIF": "AIFF"}.get(kind, kind)
    if kind not in soundfile.available_formats():
        kind = "WAV"
    if path.suffix == ".opus":
        subtype = "OPUS"
    elif not soundfile.check_format(kind, subtype):
        subtype = soundfile.default_subtype(kind)
    return soundfile.SoundFile(place, "w", sample_rate, 1, subtype, format=kind)


def check_audio(wav: Tensor, where: str) -> Tensor:
    """Return ``wav`` if it has samples, all of them finite and within full scale.

    Raises:
        SecoustiError: it has none, or ``samples.check_range`` refuses them; the message names
            ``where``.
    """
    if wav.numel() == 0:
        raise SecoustiError(f"{where} has no samples")
    return check_range(wav, where)
