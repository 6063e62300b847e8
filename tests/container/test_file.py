"""Whole files: round trips, streaming, joining, seeking, and the account of every bit."""

from __future__ import annotations

import io
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.container import (
    Accounting,
    ContainerError,
    End,
    Header,
    Reader,
    Tokens,
    Voice,
    Writer,
    read_range,
)
from secousti.container.header import same_hash
from tests.container.files import FRAME, make_file, make_header, make_voice, read_all


def assert_same_header(found: Header, wanted: Header) -> None:
    """A short file keeps the beginnings of hashes, and knows its samples."""
    for name in ("token_hash", "voice_hash"):
        assert same_hash(getattr(found, name), getattr(wanted, name)) or not wanted.voice_hash
    bare = [replace(h, token_hash="", voice_hash="", num_samples=None) for h in (found, wanted)]
    assert bare[0] == bare[1]


headers = st.builds(
    make_header,
    payload=st.sampled_from(["packed", "adaptive"]),
    num_codebooks=st.integers(1, 3),
    paralinguistic=st.sampled_from([0, 1, 64]),
    source_sample_rate=st.sampled_from([None, 8000, 48000]),
    extra=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3),
)


@given(headers, st.integers(0, 120), st.integers(1, 50), st.integers(0, 30), st.integers(0, 99))
@settings(deadline=None)
def test_what_is_written_is_read(
    header: Header, frames: int, run: int, refresh: int, seed: int
) -> None:
    codes = np.random.default_rng(seed).integers(0, 6561, (header.num_codebooks, frames))
    data = make_file(codes, header, run, refresh)
    reader = Reader(io.BytesIO(data))
    events = list(reader)
    assert_same_header(reader.header, header)
    assert reader.bits.total == 8 * len(data)
    runs = [event.codes for event in events if isinstance(event, Tokens)]
    np.testing.assert_array_equal(np.concatenate([codes[:, :0], *runs], axis=1), codes)
    voices = [event for event in events if isinstance(event, Voice)]
    for voice in voices:
        np.testing.assert_array_equal(voice.codes, make_voice(voice.start, header.paralinguistic))
    starts = range(0, max(frames, 1), refresh or max(frames, 1)) if header.paralinguistic else []
    assert [voice.start for voice in voices] == list(starts)
    assert events[-1] == End(frames, frames * FRAME - min(frames, 7), 0)


def test_two_codebooks_and_another_size() -> None:
    header = make_header(codebook_size=1024, levels=(), num_codebooks=2, paralinguistic=0)
    codes = np.random.default_rng(0).integers(0, 1024, (2, 77))
    np.testing.assert_array_equal(read_all(make_file(codes, header))[0], codes)


def test_every_bit_of_a_whole_file_is_accounted_for() -> None:
    header = make_header(source_sample_rate=16000)
    file = io.BytesIO()
    writer = Writer(file, header)
    writer.write_voice(make_voice(0))
    writer.write(np.arange(151))
    writer.finish(header.resampled(112_000), 112_000)
    data = file.getvalue()
    reader = Reader(io.BytesIO(data))
    list(reader)
    tokens = 30 * 64 + 16
    around = 4 + 1 + 1 + 4 + 2 + 3 + 1 + 4  # magic, kind, flags, hashes, samples, saving, CRC
    assert around <= 20
    assert reader.bits == Accounting(tokens, 64 * 8, 8 * around)
    assert reader.bits.total == 8 * len(data)
    assert reader.bits == writer.bits


def test_every_bit_of_a_stream_is_accounted_for() -> None:
    """A record of a run takes three bytes around its tokens."""
    header = make_header(voice_hash="", paralinguistic=0)
    sizes = [len(make_file(np.arange(11 * n) % 6561, header, 11, live=True)) for n in (2, 3)]
    assert sizes[1] - sizes[0] == 18 + 3
    reader = Reader(io.BytesIO(make_file(np.arange(33), header, 11, live=True)))
    list(reader)
    assert reader.bits == Accounting(3 * 18 * 8, 0, 8 * (sizes[1] - 3 * 18))


def test_writer_and_reader_agree_on_the_account() -> None:
    file = io.BytesIO()
    writer = Writer(file, make_header(payload="adaptive"), run_frames=30)
    writer.flush()
    writer.write_voice(make_voice(0))
    writer.write(np.arange(100) % 27)
    writer.finish(100 * FRAME)
    reader = Reader(io.BytesIO(file.getvalue()))
    list(reader)
    assert reader.bits == writer.bits


def test_entropy_is_smaller_than_packed_and_never_larger() -> None:
    few = np.random.default_rng(0).integers(0, 81, 2000)
    one = np.array([6000])
    sizes = {
        payload: [len(make_file(c, make_header(payload=payload), 2000)) for c in (few, one)]
        for payload in ("packed", "adaptive")
    }
    assert sizes["adaptive"][0] < 0.6 * sizes["packed"][0]
    assert sizes["adaptive"][1] == sizes["packed"][1]


def test_a_pipe_is_read_record_by_record() -> None:
    """The reader has each flushed run before the writer goes on: nobody waits for a buffer."""
    receive, send = os.pipe()
    arrived, go_on = threading.Event(), []

    def listen() -> None:
        with os.fdopen(receive, "rb") as file:
            for event in Reader(file):
                go_on.append(event)
                arrived.set()

    listener = threading.Thread(target=listen)
    listener.start()
    with os.fdopen(send, "wb") as file:
        writer = Writer(file, make_header(paralinguistic=0))
        for start in (0, 3, 6):
            arrived.clear()
            writer.write(np.arange(start, start + 3))
            writer.flush()
            assert arrived.wait(20)
        writer.finish(9 * FRAME)
    listener.join(20)
    assert [type(event) for event in go_on] == [Tokens, Tokens, Tokens, End]


class Dribble(io.RawIOBase):
    """A raw pipe that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, 1))


def test_short_reads_are_no_truncation(codes: np.ndarray) -> None:
    data = make_file(codes, make_header())
    runs = [e.codes for e in Reader(Dribble(data)) if isinstance(e, Tokens)]
    np.testing.assert_array_equal(np.concatenate(runs, axis=1)[0], codes)


@pytest.mark.parametrize("payload", ["packed", "adaptive"])
def test_joining_at_any_record(payload: str) -> None:
    """Tokens come from the next place to begin on, with the right frame numbers, checked."""
    codes = np.random.default_rng(0).integers(0, 6561, 2400)
    header = make_header(payload=payload)
    data = make_file(codes, header, run_frames=100, refresh=700)
    whole = Reader(io.BytesIO(data))
    ends = []
    places = 0
    ends.append(whole.cursor.offset)
    for _ in whole.items():
        ends.append(whole.cursor.offset)
    for number, end in enumerate(ends[:-1]):
        joined = list(Reader(io.BytesIO(data[end:]), joined=Reader(io.BytesIO(data))))
        assert isinstance(joined[-1], End)
        runs = [event for event in joined if isinstance(event, Tokens)]
        for event in runs:
            np.testing.assert_array_equal(event.codes[0], codes[event.start : event.end])
        if runs:
            places = max(places, number)
            assert runs[-1].end == 2400
            assert joined[-1].frames == 2400
    assert places > len(ends) // 3


def test_who_joins_notices_damage(codes: np.ndarray) -> None:
    codes = np.random.default_rng(0).integers(0, 6561, 2400)
    data = bytearray(make_file(codes, make_header(), run_frames=100))
    data[-400] ^= 1
    start = Reader(io.BytesIO(data)).cursor.offset
    with pytest.raises(ContainerError, match="checksum"):
        list(Reader(io.BytesIO(data[start + 68 :]), joined=Reader(io.BytesIO(data))))


@given(st.integers(0, 210), st.integers(0, 60), st.sampled_from(["packed", "adaptive"]))
@settings(deadline=None)
def test_seeking_reads_exactly_the_range(start: int, length: int, payload: str) -> None:
    codes = np.random.default_rng(0).integers(0, 6561, 203)
    data = make_file(codes, make_header(payload=payload), run_frames=20, refresh=33)
    events = list(read_range(io.BytesIO(data), start, start + length))
    runs = [event for event in events if isinstance(event, Tokens)]
    found = np.concatenate([np.zeros(0, int), *[run.codes[0] for run in runs]])
    np.testing.assert_array_equal(found, codes[start : start + length])
    if runs:
        voice = events[0]
        assert isinstance(voice, Voice)
        assert voice.start == start // 33 * 33
        assert runs[0].start == start


def test_seeking_checks_what_it_passes_and_reads_nothing_after(codes: np.ndarray) -> None:
    data = bytearray(make_file(codes, make_header(), run_frames=50))
    data[-30] ^= 1  # inside the last run
    runs = [e for e in read_range(io.BytesIO(data), 60, 140) if isinstance(e, Tokens)]
    np.testing.assert_array_equal(np.concatenate([r.codes[0] for r in runs]), codes[60:140])
    data[120] ^= 1  # inside the first
    with pytest.raises(ContainerError, match="record 1"):
        list(read_range(io.BytesIO(data), 60, 140))


def test_memory_of_a_long_stream_is_bounded() -> None:
    class Sink(io.RawIOBase):
        def write(self, data: object) -> int:
            return len(data)  # type: ignore[arg-type]

    writer = Writer(Sink(), make_header())
    for _ in range(50):
        writer.write(np.zeros(1000, np.int64))
        assert sum(codes.size for codes in writer._pending) <= 4096
    assert writer.frames == 50_000


@pytest.mark.parametrize(
    ("codes", "message"),
    [([6561], r"0\.\.6560"), ([-1], r"0\.\.6560"), ([[1], [2]], r"\[1, L\]")],
)
def test_wrong_tokens_are_refused(codes: list, message: str) -> None:
    writer = Writer(io.BytesIO(), make_header())
    with pytest.raises(ContainerError, match=message):
        writer.write(np.array(codes))


def test_wrong_voices_and_counts_are_refused() -> None:
    writer = Writer(io.BytesIO(), make_header(num_samples=1000))
    with pytest.raises(ContainerError, match="64 numbers"):
        writer.write_voice(np.zeros(63, np.int8))
    with pytest.raises(ContainerError, match="cannot make"):
        writer.finish(1000)
    writer.write(np.zeros(1, np.int64))
    with pytest.raises(ContainerError, match="promised 1000"):
        writer.finish(1001)
