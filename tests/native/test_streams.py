"""The C reader that joins a stream, packets, limits, and the coders of the bundled codecs."""

from __future__ import annotations

import ctypes
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import secousti
from secousti.container import Header, Reader, Writer
from secousti.container.packet import PacketCodec
from secousti.entropy import load_coder
from tests.native import files, library
from tests.native.conftest import CODER, VECTORS, likely
from tests.native.test_container import FACTS, HEADERS, INDEX, python, same, vector

BUNDLED = Path(secousti.__file__).parent / "hub" / "bundled"
CODERS = sorted(BUNDLED.glob("*/coder.safetensors"))


def long_stream(payload: str) -> bytes:
    """A minute in runs of 50 frames, with places to begin and a voice between."""
    header, rng = replace(HEADERS[0], payload=payload), np.random.default_rng(3)
    file = io.BytesIO()
    writer = Writer(file, header, 50, CODER)
    for i in range(28):
        writer.write(likely(CODER, 50, seed=i))
        if i % 9 == 0:
            writer.write_voice(rng.integers(-127, 128, 64).astype(np.int8))
        writer.flush()
    writer.finish(28 * 50 * 1024 - 5)
    return file.getvalue()


@pytest.mark.parametrize("payload", ["packed", "learned"])
def test_joining_at_any_record(native: ctypes.CDLL, coder: files.Held, payload: str) -> None:
    data, given = long_stream(payload), 0
    first = Reader(io.BytesIO(data), coders=lambda _: [CODER])
    offsets = [first.cursor.offset]
    for _ in first.items():
        offsets.append(first.cursor.offset)
    for at in offsets[::3]:
        for piece in (data[at:], data[at:-20]):
            found = files.read(native, piece, coder, before=data)
            events, says, error = python(piece, joined=first)
            same(found.events, events)
            assert str(found.error or "") == says
            assert type(found.error) is (error or type(None))
            given += len(events) > 1
    assert given > 4


def test_a_whole_file_has_no_record_to_join(native: ctypes.CDLL, coder: files.Held) -> None:
    reader, given = ctypes.c_void_p(), files.source(vector("whole-packed"))
    native.sct_reader_open(given, ctypes.byref(reader))
    assert native.sct_reader_join(reader, files.source(b"")) == library.REFUSED
    native.sct_reader_close(reader)


def test_more_speech_than_allowed(native: ctypes.CDLL, coder: files.Held) -> None:
    whole = files.read(native, vector("stream-long"), coder, seconds=70)
    assert whole.error is None
    short = files.read(native, vector("stream-long"), coder, seconds=30.5)
    events, says, _ = python(vector("stream-long"), max_seconds=30.5)
    same(short.events, events)
    assert str(short.error).split(":")[:2] == says.split(":")[:2]


def test_an_unreadable_source_is_no_end(native: ctypes.CDLL) -> None:
    failing = library.Source(library.READ(lambda _, out, size: -1), None)
    reader = ctypes.c_void_p()
    assert native.sct_reader_open(failing, ctypes.byref(reader)) == library.UNREADABLE
    native.sct_reader_close(reader)


def test_a_full_disk_is_told(native: ctypes.CDLL) -> None:
    full = library.Sink(library.WRITE(lambda _, data, size: False), None)
    header, writer = files.c_header(HEADERS[0]), ctypes.c_void_p()
    native.sct_writer_open(full, ctypes.byref(header), None, None, 0, ctypes.byref(writer))
    assert native.sct_writer_flush(writer) == library.UNREADABLE
    native.sct_writer_close(writer)


def packet(native: ctypes.CDLL, coder: files.Held, header: Header, data: bytes) -> tuple:
    """What the C code reads of a packet: tokens, voice, sentence."""
    tokens = np.zeros(255 * header.num_codebooks, np.uint32)
    voice, frames, fault = np.zeros(4096, np.int8), ctypes.c_size_t(), library.Fault()
    native.sct_packet_read(
        ctypes.byref(files.c_header(header)),
        ctypes.byref(coder.struct),
        data,
        ctypes.c_size_t(len(data)),
        ctypes.c_void_p(tokens.ctypes.data),
        ctypes.byref(frames),
        ctypes.c_void_p(voice.ctypes.data),
        ctypes.byref(fault),
    )
    size = frames.value * header.num_codebooks
    codes = tokens[:size].reshape(-1, header.num_codebooks).T
    return codes, voice[: header.paralinguistic], fault.says.decode()


def made(native: ctypes.CDLL, coder: files.Held, header: Header, codes: np.ndarray) -> bytes:
    flat = np.ascontiguousarray(codes.T, np.uint32)
    arguments = (ctypes.byref(files.c_header(header)), ctypes.byref(coder.struct))
    out = ctypes.create_string_buffer(
        native.sct_packet_room(*arguments, ctypes.c_size_t(len(flat)))
    )
    size, fault = ctypes.c_size_t(), library.Fault()
    voice = (ctypes.c_int8 * 64)(*range(64)) if header.paralinguistic else None
    native.sct_packet_make(
        *arguments,
        ctypes.c_void_p(flat.ctypes.data),
        ctypes.c_size_t(len(flat)),
        voice,
        out,
        ctypes.byref(size),
        ctypes.byref(fault),
    )
    assert fault.verdict == library.SOUND, fault.says
    return out.raw[: size.value]


@pytest.mark.parametrize("number", [0, 2, 3, 5])
def test_packets(native: ctypes.CDLL, coder: files.Held, number: int) -> None:
    header = HEADERS[number]
    if header.paralinguistic not in (0, 64):
        header = replace(header, paralinguistic=64)
    python_codec = PacketCodec(header, CODER)
    for length in (1, 20, 255):
        codes = likely(CODER, header.num_codebooks * length, seed=length)
        codes = codes.reshape(header.num_codebooks, -1) % header.codebook_size
        voice = np.arange(64, dtype=np.int8) if header.paralinguistic else None
        data = made(native, coder, header, codes)
        assert data == python_codec.make(codes, voice)
        found, heard, says = packet(native, coder, header, data)
        assert says == ""
        np.testing.assert_array_equal(found, codes)
        theirs = python_codec.read(data)[1]
        assert theirs is None or theirs.tolist() == heard.tolist()
        for wrong in (data[:2], data[:-1], b"\0" + data[1:], data + b"\0", b""):
            with pytest.raises(secousti.container.CorruptedError) as caught:
                python_codec.read(wrong)
            told = packet(native, coder, header, wrong)[2]
            assert told == str(caught.value) or "range code" in told


def test_the_packet_of_the_vectors(native: ctypes.CDLL, coder: files.Held) -> None:
    header = Header(**{**INDEX["whole-learned"]["header"], "token_hash": FACTS["token_hash"]})
    codes, voice, says = packet(native, coder, header, (VECTORS / "v2/packet.bin").read_bytes())
    assert says == ""
    assert codes.tolist() == INDEX["packet"]["codes"]
    assert voice.tolist() == INDEX["packet"]["voice"]


@pytest.mark.parametrize("path", CODERS, ids=lambda path: path.parent.name)
def test_bundled_coders(native: ctypes.CDLL, path: Path) -> None:
    theirs, tensors = load_coder(path), load_file(path)
    held = files.Held(native, theirs, tensors)
    assert theirs.network is not None
    size = int(np.prod(theirs.network.groups))
    levels = (3,) * 8 if size == 6561 else ()
    changes = {"codebook_size": size, "levels": levels, "payload": "learned"}
    if theirs.voice is None:
        changes |= {"paralinguistic": 0, "voice_hash": ""}
    header = Header(**{**FACTS, **changes, "voice_form": int(theirs.voice is not None)})
    expected, rng = likely(theirs, 150, seed=1), np.random.default_rng(5)
    odd = rng.integers(0, size, 60)
    file = io.BytesIO()
    writer = Writer(file, header, 70, theirs)
    parts: list = [expected[None], "flush", odd[None], "flush", expected[None]]
    if theirs.voice is not None:
        voices = [rng.integers(-127, 128, 64).astype(np.int8) for _ in range(6)]
        parts = [*voices, *parts]
    for part in parts:
        if isinstance(part, str):
            writer.flush()
        elif part.dtype == np.int8:
            writer.write_voice(part)
        else:
            writer.write(part)
    writer.finish(360 * 1024)
    ours = files.write(native, header, [*parts, (360 * 1024, 0)], 70, held)
    assert ours == file.getvalue()
    found = files.read(native, ours, held)
    assert found.error is None
    same(found.events, python(ours, coders=lambda _: [theirs])[0])
