"""Truncation, flipped bits and files of other kinds: an error each, never wrong tokens."""

from __future__ import annotations

import binascii
import io
import itertools
import json
import zlib
from pathlib import Path

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
from secousti.container.varint import encode_varint
from secousti.container.version2.stream import start_of_chain
from secousti.entropy import load_coder
from tests.container.files import make_file, make_header, make_voice
from tests.entropy.toy import likely_tokens

CODER = load_coder(Path(__file__).parents[1] / "vectors" / "v2" / "coder.safetensors")
CODES = np.random.default_rng(1).integers(0, 6561, 203)
LIKELY = likely_tokens(CODER, 203)
LEARNED = make_header(payload="learned", coder_hash=CODER.token_hash)
FILES = {
    "packed": make_file(CODES, make_header(), run_frames=20, refresh=60),
    "adaptive": make_file(CODES, make_header(payload="adaptive"), run_frames=20, refresh=60),
    "whole": make_file(CODES, make_header(payload="adaptive", source_sample_rate=48000), 300),
    "learned": make_file(LIKELY, LEARNED, run_frames=20, refresh=60, coder=CODER),
    "learned whole": make_file(LIKELY, LEARNED, 300, coder=CODER),
}
payloads = st.sampled_from(sorted(FILES))


def read_until_error(data: bytes) -> tuple[list, ContainerError | None]:
    """Every event before the end or the first error; any other exception is a failure."""
    events = []
    try:
        for event in Reader(io.BytesIO(data), "a.sct", coders=lambda header: [CODER]):
            events.append(event)
    except ContainerError as error:
        return events, error
    return events, None


def assert_true(events: list, payload: str = "packed") -> None:
    """Whatever was returned is what was written."""
    written = LIKELY if payload.startswith("learned") else CODES
    for event in events:
        if isinstance(event, Tokens):
            np.testing.assert_array_equal(event.codes[0], written[event.start : event.end])
        elif hasattr(event, "codes"):
            np.testing.assert_array_equal(event.codes, make_voice(event.start))


@given(payloads, st.data())
@settings(deadline=None, max_examples=200)
def test_a_truncated_file_yields_every_whole_record(payload: str, data: st.DataObject) -> None:
    whole = FILES[payload]
    size = data.draw(st.integers(0, len(whole) - 1))
    events, error = read_until_error(whole[:size])
    assert isinstance(error, TruncatedError)
    assert_true(events, payload)
    reader = Reader(io.BytesIO(whole), coders=lambda header: [CODER])
    complete = sum(1 for _ in reader if reader.cursor.offset <= size)
    assert len(events) == complete


@given(payloads, st.data())
@settings(deadline=None, max_examples=400)
def test_a_flipped_bit_is_an_error(payload: str, data: st.DataObject) -> None:
    whole = bytearray(FILES[payload])
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    events, error = read_until_error(bytes(whole))
    assert error is not None
    assert_true(events, payload)
    if "whole" not in payload and bit // 8 >= Reader(io.BytesIO(FILES[payload])).cursor.offset:
        assert "record" in str(error)
        assert "(at byte" in str(error)


@given(payloads, st.data())
@settings(deadline=None, max_examples=200)
def test_any_damage_is_an_error_or_harmless(payload: str, data: st.DataObject) -> None:
    """Bytes overwritten, dropped or inserted anywhere."""
    whole = FILES[payload]
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, min(len(whole), start + 300)))
    damaged = whole[:start] + data.draw(st.binary(max_size=40)) + whole[stop:]
    events, error = read_until_error(damaged)
    assert_true(events, payload)
    assert error is not None or damaged == whole


@given(st.binary(max_size=300))
def test_any_bytes_are_an_error(data: bytes) -> None:
    assert read_until_error(data)[1] is not None


@given(st.sampled_from([b"\x02\x21\x11", b"\xa1\x11", b"\x01"]), st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_after_a_magic_are_events_or_errors(begun: bytes, body: bytes) -> None:
    """A checksum proves nothing about whoever wrote the file: it is made right here."""
    data = b"\x89SCT" + begun + body
    read_until_error(data + zlib.crc32(data).to_bytes(4, "little"))


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_records_with_good_checksums_are_events_or_errors(body: bytes) -> None:
    header = FILES["adaptive"][: Reader(io.BytesIO(FILES["adaptive"])).cursor.offset]
    chain = start_of_chain(zlib.crc32(header[:-4]))
    read_until_error(header + body + binascii.crc_hqx(body, chain).to_bytes(2, "little"))
    version1 = header_bytes({**GOOD, "payload": "entropy", "paralinguistic": 4})
    for kind in (b"P", b"T", b"R", b"E"):
        read_until_error(version1 + record(kind, body))


def pieces_of(whole: bytes) -> tuple[bytes, list[bytes]]:
    """Header and records of a stream."""
    reader = Reader(io.BytesIO(whole), coders=lambda header: [CODER])
    cuts = [reader.cursor.offset]
    for _ in reader.items():
        cuts.append(reader.cursor.offset)
    return whole[: cuts[0]], [whole[a:b] for a, b in itertools.pairwise(cuts)]


@given(st.sampled_from(["packed", "adaptive"]), st.data())
@settings(deadline=None)
def test_lost_swapped_and_foreign_records_are_noticed(payload: str, data: st.DataObject) -> None:
    header, pieces = pieces_of(FILES[payload])
    i = data.draw(st.integers(0, len(pieces) - 2))
    kind = data.draw(st.sampled_from(["lost", "swapped", "foreign", "twice"]))
    other = make_file(CODES[::-1], make_header(payload=payload), run_frames=20, refresh=60)
    changed = {
        "lost": pieces[:i] + pieces[i + 1 :],
        "swapped": [*pieces[:i], pieces[i + 1], pieces[i], *pieces[i + 2 :]],
        "foreign": [*pieces[:i], pieces_of(other)[1][i], *pieces[i + 1 :]],
        "twice": [*pieces[: i + 1], *pieces[i:]],
    }[kind]
    events, error = read_until_error(header + b"".join(changed))
    assert isinstance(error, CorruptedError) or changed == pieces
    # A record of another file whose beginning was the same shows at the record after it.
    assert_true(events[:i])


def record(kind: bytes, body: bytes) -> bytes:
    """A record of version 1."""
    data = kind + encode_varint(len(body)) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


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
        (header_bytes(GOOD, version=9), UnsupportedError, "version 9.*update secousti"),
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
    """Some kinds are skipped, others are not."""
    header, pieces = pieces_of(make_file(CODES[:5], make_header(), live=True))
    chain = start_of_chain(zlib.crc32(header[:-4]))
    note = b"\x08" + encode_varint(6) + b"a note"
    for body, wanted in ((note, TruncatedError), (b"\x05", UnsupportedError)):
        added = body + binascii.crc_hqx(body, chain).to_bytes(2, "little")
        assert isinstance(read_until_error(header + added)[1], wanted)
    assert len(pieces) == 3


@pytest.mark.parametrize("count", [0, (1 << 16) + 1, 1 << 60])
def test_absurd_counts_allocate_nothing(count: int) -> None:
    version1 = header_bytes({**GOOD, "payload": "entropy"})
    for kind in (b"T", b"R"):
        data = version1 + record(kind, encode_varint(0) + encode_varint(count) + b"\0")
        assert isinstance(read_until_error(data)[1], CorruptedError)
    stream, _ = pieces_of(FILES["adaptive"])
    body = b"\x04" + encode_varint(count)
    assert isinstance(read_until_error(stream + body)[1], (CorruptedError, TruncatedError))


def test_something_after_the_end() -> None:
    events, error = read_until_error(FILES["packed"] + b"x")
    assert isinstance(error, CorruptedError)
    assert "follows the end" in str(error)
    for payload, data in FILES.items():
        whole, none = read_until_error(data)
        assert none is None
        assert_true(whole, payload)
        assert isinstance(read_until_error(data + b"x")[1], CorruptedError)
    assert_true(events)
