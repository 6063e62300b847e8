"""The length regulator: exact totals, rounding at both rates, gaps and bad alignments."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.errors import SecoustiError
from secousti.text.inventory import IGNORE, symbol_ids
from secousti.text.regulator import durations, expand, frame_labels, frame_spans, num_frames

RATE = 22050
FRAME_SIZES = (1024, 256)
LABELS = ("sil", "HH", "AH0", "L", "OW1", "zh", "uang1")


def tiled(sample_counts: list[int]) -> tuple[list[list[object]], int]:
    """Intervals of these many samples, one after the other, with times rounded as in JSON."""
    out, start = [], 0
    for index, count in enumerate(sample_counts):
        end = start + count
        label = LABELS[index % len(LABELS)]
        out.append([round(start / RATE, 6), round(end / RATE, 6), label])
        start = end
    return out, start


@pytest.mark.parametrize("frame_size", FRAME_SIZES)
@given(counts=st.lists(st.integers(1, 9000), min_size=1, max_size=40), tail=st.integers(0, 127))
@settings(max_examples=60, deadline=None)
def test_durations_sum_to_the_number_of_frames(
    frame_size: int, counts: list[int], tail: int
) -> None:
    intervals, total = tiled(counts)
    intervals[-1][1] = (total + frame_size) / RATE  # aligners round the end outwards
    assert sum(durations(intervals, total + tail, frame_size)) == num_frames(
        total + tail, frame_size
    )
    assert not (frame_labels(intervals, total + tail, frame_size) == IGNORE).any()


@pytest.mark.parametrize("frame_size", FRAME_SIZES)
@given(counts=st.lists(st.integers(1, 9000), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_frame_has_the_label_at_its_centre(frame_size: int, counts: list[int]) -> None:
    intervals, total = tiled(counts)
    labels = frame_labels(intervals, total, frame_size)
    by_sample = torch.full((num_frames(total, frame_size) * frame_size,), IGNORE)
    start = 0
    for index, count in enumerate(counts):
        by_sample[start : start + count] = symbol_ids([LABELS[index % len(LABELS)]])[0]
        start += count
    # the first sample at or after the centre belongs to the interval the centre lies in
    assert torch.equal(labels, by_sample[frame_size // 2 :: frame_size])


def test_the_two_rates_agree_on_long_phonemes() -> None:
    intervals, total = tiled([8192] * 7)
    coarse = frame_labels(intervals, total, 1024)
    fine = frame_labels(intervals, total, 256)
    assert torch.equal(coarse.repeat_interleave(4), fine)


def test_rounding_error_does_not_add_up_over_an_hour() -> None:
    step = 1003 / RATE
    intervals = [[i * step, (i + 1) * step, "AH0"] for i in range(79_000)]
    total = 79_000 * 1003
    spans = frame_spans(intervals, total, 256)
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    middle = 40_000
    assert spans[middle][0] == -((256 - 2 * middle * 1003) // 512)
    assert sum(durations(intervals, total, 256)) == num_frames(total, 256)


def test_gaps_are_ignored_and_empty_labels_are_silence() -> None:
    labels = frame_labels([[0.1, 0.2, "AH0"], [0.3, 0.4, ""]], RATE // 2, 256)
    ids = set(labels.tolist())
    assert ids == {IGNORE, *symbol_ids(["AH0", "sil"])}
    assert labels[0] == labels[-1] == IGNORE


def test_nothing_aligned_is_all_ignored() -> None:
    assert frame_labels([], 1025, 1024).tolist() == [IGNORE, IGNORE]
    assert frame_labels([], 0, 1024).shape == (0,)


def test_a_delay_moves_labels_later() -> None:
    intervals = [[0.0, 0.5, "AH0"], [0.5, 1.0, "L"]]
    plain = frame_labels(intervals, RATE, 256)
    late = frame_labels(intervals, RATE, 256, delay=512)
    assert torch.equal(late[2:], plain[:-2])
    assert (late[:2] == IGNORE).all()


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ([[0.0, 0.5, "AH0"], [0.3, 0.6, "L"]], "starts before its predecessor"),
        ([[0.5, 0.4, "AH0"]], "ends before it starts"),
        ([[0.0, float("nan"), "AH0"]], "not an interval"),
        ([[0.0, 0.5]], "not an interval"),
        ([["a", 0.5, "AH0"]], "not an interval"),
        ([[0.0, 0.5, "QQ"]], "'QQ'"),
    ],
)
def test_bad_alignments_say_what_is_wrong(intervals: list[list[object]], message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        frame_labels(intervals, RATE, 256)


def test_expand_repeats_and_pads() -> None:
    values = torch.tensor([[1, 2, 3], [4, 5, 6]])
    repeats = torch.tensor([[2, 0, 1], [1, 1, 3]])
    assert expand(values, repeats).tolist() == [[1, 1, 3, 0, 0], [4, 5, 6, 6, 6]]
    vectors = torch.randn(2, 3, 8)
    assert expand(vectors, repeats, 6).shape == (2, 6, 8)
    with pytest.raises(SecoustiError, match="at most 4"):
        expand(values, repeats, 4)


def test_expand_agrees_with_frame_labels() -> None:
    intervals, total = tiled([700, 5000, 90, 3000, 8000])
    counts = durations(intervals, total, 256)
    ids = torch.tensor([symbol_ids(str(i[2]) for i in intervals)])
    total_frames = sum(counts)
    labels = frame_labels(intervals, total, 256)
    assert torch.equal(expand(ids, torch.tensor([counts]))[0], labels[:total_frames])
