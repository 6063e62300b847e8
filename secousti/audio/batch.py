"""The one door for audio: whatever the caller has becomes a padded mono batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from secousti.audio.io import check_audio, load_audio
from secousti.audio.resample import SincResampler
from secousti.errors import SecoustiError

Audio: TypeAlias = str | Path | np.ndarray | Tensor


@dataclass
class AudioBatch:
    """``wav`` float32 [B, N] with zeros after each row's end; ``lengths`` int64 [B]."""

    wav: Tensor
    lengths: Tensor


def as_batch(
    audio: Audio | Sequence[Audio],
    target_rate: int,
    sample_rate: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
) -> AudioBatch:
    """Mono rows at ``target_rate`` from a path, an array, or a list of either.

    Args:
        audio: arrays are [N], [B, N] or [B, C, N] (channels are averaged) in [-1, 1]; integer
            arrays are scaled by their type's range. List items are paths, [N] or [C, N].
        sample_rate: Hz of the arrays; ``target_rate`` when not given. Files know their own.
        lengths: samples that count in each row of an array batch, at ``sample_rate``.

    Raises:
        SecoustiError: empty, NaN, wrong shape, or unreadable input.
    """
    rate = sample_rate or target_rate
    if rate <= 0:
        raise SecoustiError(f"sample_rate must be positive, found {rate}")
    rows = [
        SincResampler(row_rate, target_rate)(check_audio(row, f"audio row {i}"))
        for i, (row, row_rate) in enumerate(_rows(audio, rate, lengths))
    ]
    if not rows:
        raise SecoustiError("there is no audio in an empty list")
    row_lengths = torch.tensor([len(row) for row in rows])
    wav = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return AudioBatch(wav, row_lengths.to(wav.device))


def _rows(
    audio: Audio | Sequence[Audio], rate: int, lengths: Tensor | Sequence[int] | None
) -> list[tuple[Tensor, int]]:
    if isinstance(audio, (str, Path)):
        return [load_audio(audio)]
    if isinstance(audio, (np.ndarray, Tensor)):
        batch = _mono_batch(_as_float(audio))
        if lengths is None:
            return [(row, rate) for row in batch]
        if len(lengths) != len(batch) or max(lengths) > batch.shape[-1] or min(lengths) < 0:
            raise SecoustiError(
                f"lengths {list(map(int, lengths))} do not fit audio of shape {tuple(batch.shape)}"
            )
        return [(row[: int(n)], rate) for row, n in zip(batch, lengths, strict=True)]
    return [
        load_audio(item) if isinstance(item, (str, Path)) else (_mono_row(_as_float(item)), rate)
        for item in audio
    ]


def _as_float(array: np.ndarray | Tensor) -> Tensor:
    wav = torch.as_tensor(array).detach()
    if wav.is_floating_point():
        return wav.float()
    if wav.dtype in (torch.int16, torch.int32):
        return wav.float() / -float(torch.iinfo(wav.dtype).min)
    raise SecoustiError(f"audio must be float, int16 or int32, found {wav.dtype}")


def _mono_batch(wav: Tensor) -> Tensor:
    if wav.dim() == 1:
        return wav[None]
    if wav.dim() == 2:
        return wav
    if wav.dim() == 3:
        return wav.mean(dim=1)
    raise SecoustiError(f"audio must be [N], [B, N] or [B, C, N], found {tuple(wav.shape)}")


def _mono_row(wav: Tensor) -> Tensor:
    if wav.dim() == 1:
        return wav
    if wav.dim() == 2:
        return wav.mean(dim=0)
    raise SecoustiError(f"a list item must be [N] or [C, N], found {tuple(wav.shape)}")
