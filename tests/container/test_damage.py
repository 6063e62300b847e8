"""Truncation, flipped bits and files of other kinds: an error each, never wrong tokens."""

from __future__ import annotations

import io
import itertools
import json
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.container import (
    ContainerError,
    CorruptedError,
    Header,
    Reader,
    Tokens,
    TruncatedError,
    UnsupportedError,
)
from secousti.container.records import frame_record
from secousti.container.varint import encode_varint
from tests.container.files import make_file, make_header, make_voice

CODES = np.random.default_rng(1).integers(0, 6561, 203)
FILES = {
    payload: make_file(CODES, make_header(payload=payload), run_frames=20, refresh=60)
    for payload in ("packed", "entropy")
}
payloads = st.sampled_from(sorted(FILES))


def read_until_error(data: bytes) -> tuple[list, ContainerError | None]:
    """Every event before the end or the first error; any other exception is a failure."""
    events = []
    try:
        for event in Reader(io.BytesIO(data), "a.sct"):
            events.append(event)
    except ContainerError as error:
        return events, error
    return events, None


def assert_true(events: list) -> None:
    """Whatever was returned is what was written."""
    for event in events:
        if isinstance(event, Tokens):
            np.testing.assert_array_equal(event.codes[0], CODES[event.start : event.end])
        elif hasattr(event, "codes"):
            np.testing.assert_array_equal(event.codes, make_voice(event.start))


@given(payloads, st.data())
@settings(deadline=None, max_examples=200)
def test_a_truncated_file_yields_every_whole_record(payload: str, data: st.DataObject) -> None:
    whole = FILES[payload]
    size = data.draw(st.integers(0, len(whole) - 1))
    events, error = read_until_error(whole[:size])
    assert isinstance(error, TruncatedError)
    assert_true(events)
    reader = Reader(io.BytesIO(whole))
    complete = sum(1 for _ in reader if reader.bits.total <= 8 * size)
    assert len(events) == complete


@given(payloads, st.data())
@settings(deadline=None, max_examples=400)
def test_a_flipped_bit_is_an_error(payload: str, data: st.DataObject) -> None:
    whole = bytearray(FILES[payload])
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    events, error = read_until_error(bytes(whole))
    assert error is not None
    assert_true(events)
    if bit // 8 >= len(make_header(payload=payload).to_bytes()):
        assert f"record {len(events)} (at byte" in str(error)


@given(payloads, st.data())
@settings(deadline=None, max_examples=200)
def test_any_damage_is_an_error_or_harmless(payload: str, data: st.DataObject) -> None:
    """Bytes overwritten, dropped or inserted anywhere."""
    whole = FILES[payload]
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(len(whole), start + 300)))
    damaged = whole[:start] + data.draw(st.binary(max_size=40)) + whole[stop:]
    events, error = read_until_error(damaged)
    assert_true(events)
    assert error is not None or damaged == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_an_error(data: bytes) -> None:
    assert read_until_error(data)[1] is not None


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_records_with_good_checksums_are_events_or_errors(body: bytes) -> None:
    """A checksum proves nothing about whoever wrote the file."""
    header = make_header(payload="entropy").to_bytes()
    for kind in (b"P", b"T", b"R", b"E"):
        read_until_error(header + frame_record(kind, body))


@given(payloads, st.data())
@settings(deadline=None)
def test_lost_or_swapped_records_are_noticed(payload: str, data: st.DataObject) -> None:
    whole = FILES[payload]
    reader = Reader(io.BytesIO(whole))
    cuts = [len(reader.header.to_bytes())]
    for _ in reader:
        cuts.append(reader.bits.total // 8)
    pieces = [whole[a:b] for a, b in itertools.pairwise(cuts)]
    runs = [i for i, piece in enumerate(pieces) if piece[:1] in b"TR"]
    i = data.draw(st.sampled_from(runs))
    lost = whole[: cuts[0]] + b"".join(pieces[:i] + pieces[i + 1 :])
    events, error = read_until_error(lost)
    assert isinstance(error, CorruptedError)
    assert "missing or out of order" in str(error)
    assert_true(events)


def header_bytes(values: object, version: int = 1) -> bytes:
    body = values if isinstance(values, bytes) else json.dumps(values).encode()
    head = b"\x89SCT" + bytes([version]) + len(body).to_bytes(2, "little") + body
    return head + zlib.crc32(head).to_bytes(4, "little")


GOOD = {
    "model": "m",
    "weights": "w",
    "sample_rate": 22050,
    "frame_size": 1024,
    "codebook_size": 6561,
}


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (b"", TruncatedError, "a.sct: it is empty"),
        (b"RIFF....WAVE", ContainerError, "not a .sct file"),
        (b"\x89S", TruncatedError, "ends inside the header"),
        (header_bytes(GOOD)[:40], TruncatedError, "ends inside the header"),
        (header_bytes(GOOD, version=2), UnsupportedError, "version 2.*update secousti"),
        (header_bytes(GOOD)[:-1] + b"!", CorruptedError, "header is damaged"),
        (header_bytes(b"[1]"), CorruptedError, "not an object"),
        (header_bytes(b"\xff"), CorruptedError, "not valid"),
        (header_bytes(b"[" * 20000), CorruptedError, "not valid"),
        (header_bytes({**GOOD, "model": 1}), ContainerError, "model must be text"),
        (header_bytes({"model": "m"}), CorruptedError, "missing"),
        (header_bytes({**GOOD, "codebook_size": 1}), ContainerError, "codebook_size"),
        (header_bytes({**GOOD, "codebook_size": 6561.0}), ContainerError, "codebook_size"),
        (header_bytes({**GOOD, "levels": [3, 3]}), ContainerError, "levels"),
        (header_bytes({**GOOD, "levels": 3}), ContainerError, "levels"),
        (header_bytes({**GOOD, "payload": "zip"}), ContainerError, "payload"),
        (header_bytes({**GOOD, "extra": 3}), ContainerError, "extra"),
    ],
)
def test_one_clear_error_each(data: bytes, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        list(Reader(io.BytesIO(data), "a.sct"))


def test_fields_of_later_revisions_are_kept() -> None:
    data = header_bytes({**GOOD, "mood": "good"})
    header = Reader(io.BytesIO(data)).header
    assert header.extra == {"mood": "good"}
    assert isinstance(header, Header)


def test_unknown_records() -> None:
    """Small letters are skipped, capital ones are not."""
    header = make_header(paralinguistic=0)
    whole = make_file(CODES[:5], header)
    cut = len(header.to_bytes())
    skippable = whole[:cut] + frame_record(b"n", b"a note") + whole[cut:]
    events, error = read_until_error(skippable)
    assert error is None
    assert [type(event).__name__ for event in events] == ["Tokens", "End"]
    needed = whole[:cut] + frame_record(b"Z", b"") + whole[cut:]
    assert isinstance(read_until_error(needed)[1], UnsupportedError)


@pytest.mark.parametrize("count", [0, (1 << 16) + 1, 1 << 60])
def test_absurd_counts_allocate_nothing(count: int) -> None:
    body = encode_varint(0) + encode_varint(count) + b"\0"
    for kind in (b"T", b"R"):
        data = make_header(payload="entropy").to_bytes() + frame_record(kind, body)
        assert isinstance(read_until_error(data)[1], CorruptedError)


def test_something_after_the_end() -> None:
    events, error = read_until_error(FILES["packed"] + b"x")
    assert isinstance(error, CorruptedError)
    assert "follows the end" in str(error)
    assert_true(events)
