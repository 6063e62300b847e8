"""Length regulator: timed phonemes to one label per frame of the model.

Frame ``l`` covers samples ``[l F, (l + 1) F)`` and takes the label of the interval its centre
``(l + 1/2) F`` lies in. Boundaries are rounded to samples once and compared as integers, so the
frames of the intervals always add up, whatever the rate: the total is a property of the number
of samples alone (SecoustiCodec, section III-B: "ground-truth duration is used to extend the
length of the phoneme sequences").
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from secousti.errors import SecoustiError
from secousti.text.inventory import IGNORE, canonical, symbol_ids

Interval = Sequence[object]  # [start_s, end_s, label]


def num_frames(num_samples: int, frame_size: int) -> int:
    """Frames that cover ``num_samples`` samples; the last one may be partly empty."""
    return -(-num_samples // frame_size)


def frame_spans(
    intervals: Sequence[Interval],
    num_samples: int,
    frame_size: int,
    sample_rate: int = 22050,
    delay: int = 0,
) -> list[tuple[int, int]]:
    """First and one-past-last frame of each interval; an interval between two centres has none.

    Args:
        intervals: ``[start_s, end_s, label]`` in seconds, in order, not overlapping.
        num_samples: of the utterance at ``sample_rate``; what lies beyond is cut off.
        frame_size: samples a frame (1024 at 21.5 Hz, 256 at 86 Hz).
        delay: samples by which the labels are moved later. A causal encoder sees a frame's sound
            some samples after it starts; label and evidence can be brought together here.

    Raises:
        SecoustiError: times that are not numbers, not in order or overlapping by over a sample.
    """
    if frame_size < 1 or num_samples < 0:
        raise SecoustiError(f"frame_size {frame_size} or num_samples {num_samples} is out of range")
    total = num_frames(num_samples, frame_size)
    spans, previous = [], 0
    for start, end in _sample_times(intervals, sample_rate):
        if start < previous - 1 or end < start:
            raise SecoustiError(
                f"the interval at {start / sample_rate:.3f} s starts before its predecessor ends "
                "or ends before it starts; alignment intervals must be in order"
            )
        first = _first_frame(max(start, previous) + delay, frame_size, total)
        last = _first_frame(max(end, previous) + delay, frame_size, total)
        spans.append((first, last))
        previous = max(end, previous)
    return spans


def durations(
    intervals: Sequence[Interval], num_samples: int, frame_size: int, sample_rate: int = 22050
) -> list[int]:
    """Frames of each interval. They sum to ``num_frames(...)`` when the intervals cover the
    utterance from its first sample to the end of its last frame's first half.
    """
    spans = frame_spans(intervals, num_samples, frame_size, sample_rate)
    return [last - first for first, last in spans]


def frame_labels(
    intervals: Sequence[Interval],
    num_samples: int,
    frame_size: int,
    sample_rate: int = 22050,
    *,
    language: str | None = None,
    delay: int = 0,
) -> torch.Tensor:
    """Phoneme id of every frame, int64 ``[num_frames]``; ``IGNORE`` (-1) where nothing is aligned.

    Args:
        intervals, num_samples, frame_size, sample_rate, delay: as ``frame_spans``.
        language: helps to read labels of other conventions.

    Raises:
        SecoustiError: as ``frame_spans``, or a label that is no phoneme of the inventory.
    """
    labels = torch.full((num_frames(num_samples, frame_size),), IGNORE, dtype=torch.int64)
    spans = frame_spans(intervals, num_samples, frame_size, sample_rate, delay)
    for (first, last), interval in zip(spans, intervals, strict=True):
        labels[first:last] = _label_id(str(interval[2]), language)
    return labels


def expand(values: torch.Tensor, repeats: torch.Tensor, total: int | None = None) -> torch.Tensor:
    """Repeat each phoneme over its frames: ``[B, N, ...]``, int64 ``[B, N]`` -> ``[B, L, ...]``.

    Rows shorter than ``total`` (default: the longest row) are zero at their end.

    Raises:
        SecoustiError: a negative duration, or a row longer than ``total``.
    """
    longest = int(repeats.sum(dim=1).max()) if repeats.numel() else 0
    total = longest if total is None else total
    if longest > total or bool((repeats < 0).any()):
        raise SecoustiError(f"durations must be >= 0 and sum to at most {total}, got {longest}")
    out = values.new_zeros(values.shape[0], total, *values.shape[2:])
    for row, (value, count) in enumerate(zip(values, repeats, strict=True)):
        frames = torch.repeat_interleave(value, count, dim=0)
        out[row, : len(frames)] = frames
    return out


def _sample_times(intervals: Sequence[Interval], sample_rate: int) -> list[tuple[int, int]]:
    times = []
    for interval in intervals:
        try:
            start, end = float(interval[0]), float(interval[1])  # type: ignore[arg-type]
            if len(interval) != 3 or not (math.isfinite(start) and math.isfinite(end)):
                raise ValueError
        except (TypeError, ValueError, IndexError):
            raise SecoustiError(
                f"{interval!r} is not an interval [start_s, end_s, label]"
            ) from None
        times.append((round(start * sample_rate), round(end * sample_rate)))
    return times


def _first_frame(sample: int, frame_size: int, total: int) -> int:
    """The first frame whose centre is at or after ``sample``, at most ``total``."""
    frame = -((frame_size - 2 * sample) // (2 * frame_size))  # ceil((2 sample - F) / 2F)
    return min(max(frame, 0), total)


def _label_id(label: str, language: str | None) -> int:
    symbol = canonical(label, language)
    if symbol is None:
        raise SecoustiError(
            f"the alignment label {label!r} is no phoneme of the inventory; rename it, or leave "
            "its interval out so that the frames are ignored"
        )
    return symbol_ids([symbol])[0]
