"""Recordings in any form a caller has them -> a padded mono batch at one rate."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import torch
from torch import Tensor

from secousti.audio.io import load_audio
from secousti.audio.resample import resampler
from secousti.devices import wide_dtype
from secousti.errors import SecoustiError
from secousti.samples import agreed_rate, batch_rows, check_rate, is_pair, one_recording, unpack

Array: TypeAlias = np.ndarray | Tensor
# A path, an encoded file in memory or open for reading, samples with or without their rate.
Audio: TypeAlias = (
    str | Path | bytes | BinaryIO | Array | tuple[Array, int] | tuple[int, Array] | Mapping
)


@dataclass
class AudioBatch:
    """``wav`` float64 [B, N] with zeros after each row's end; ``lengths`` int64 [B].

    What is resampled is not rounded to float32 again: a stream would round other samples.
    """

    wav: Tensor
    lengths: Tensor


def as_batch(
    audio: Audio | Iterable[Audio],
    target_rate: int,
    sample_rate: int | None = None,
    lengths: Tensor | Sequence[int] | None = None,
) -> AudioBatch:
    """Mono rows at ``target_rate`` from a recording, a batch array, or a list of recordings.

    Args:
        audio: an array is a batch, [N], [B, N] or [B, C, N]. Everything else is one recording or
            a list of them: a path, a file in memory (bytes) or open for reading, an array [N],
            [C, N] or [N, C], a pair (array, rate), an audio dict of Hugging Face datasets.
            Channels are averaged; ``samples.as_samples`` says which numbers are taken.
        target_rate: Hz of the result.
        sample_rate: Hz of the arrays that do not carry it. Files know their own.
        lengths: samples that count in each row of a batch array, at ``sample_rate``.

    Raises:
        SecoustiError: an array without its rate; empty, NaN, out of scale, of a shape that
            cannot be meant; or unreadable.
    """
    if sample_rate is not None:
        check_rate(sample_rate)
    rows = [
        resampler(rate, target_rate)(row.to(wide_dtype(row.device)))
        for row, rate in _rows(audio, sample_rate, lengths)
    ]
    if not rows:
        raise SecoustiError("there is no audio in an empty list")
    row_lengths = torch.tensor([len(row) for row in rows])
    wav = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    return AudioBatch(wav, row_lengths.to(wav.device))


def _rows(
    audio: Any, sample_rate: int | None, lengths: Tensor | Sequence[int] | None
) -> Iterator[tuple[Tensor, int]]:
    if _is_array(audio):
        rate = agreed_rate(None, sample_rate, what="the audio")
        yield from ((row, rate) for row in batch_rows(audio, lengths, what="the audio"))
        return
    if lengths is not None:
        raise SecoustiError("lengths are for a batch array [B, N]; cut the recordings themselves")
    if _is_one(audio):
        yield _recording(audio, sample_rate, "the audio")
        return
    try:
        items = iter(audio)
    except TypeError:
        raise SecoustiError(f"{type(audio).__name__} is no audio that encode takes") from None
    for i, item in enumerate(items):
        yield _recording(item, sample_rate, f"audio row {i}")


def _recording(item: Any, sample_rate: int | None, what: str) -> tuple[Tensor, int]:
    """One recording: mono samples [N] and their rate."""
    item, own = unpack(item, what=what)
    if hasattr(item, "read") and not (hasattr(item, "seekable") and item.seekable()):
        item = item.read()  # a pipe or a response
    if isinstance(item, (bytes, bytearray, memoryview)):
        item = io.BytesIO(item)
    if isinstance(item, (str, Path)) or hasattr(item, "read"):
        return load_audio(item)
    if isinstance(item, (int, float)):
        raise SecoustiError(
            f"{what} is a single number: a list is a list of recordings; one recording is an array "
            "(np.asarray(numbers, dtype=np.float32))"
        )
    rate = agreed_rate(own, sample_rate, what=what)
    return one_recording(item, what=what), rate


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor) or (
        hasattr(value, "__array__") and not hasattr(value, "get_all_samples")
    )


def _is_one(value: Any) -> bool:
    """Is it one recording, not a list of them?"""
    return (
        isinstance(value, (str, Path, bytes, bytearray, memoryview, Mapping))
        or is_pair(value)
        or hasattr(value, "read")
        or hasattr(value, "get_all_samples")
        or (hasattr(value, "data") and hasattr(value, "sample_rate"))
    )
