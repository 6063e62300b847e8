"""The C reader and writer of ``.sct`` files against the vectors and against Python's."""

from __future__ import annotations

import ctypes
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from secousti import container
from secousti.container import End, Header, Reader, Tokens, Voice, Writer
from secousti.container.events import Run
from tests.native import files
from tests.native.conftest import CODER, VECTORS, likely

INDEX = json.loads((VECTORS / "v2.json").read_text(encoding="utf-8"))
FACTS: dict[str, Any] = {
    "token_hash": "0123456789abcdef",
    "voice_hash": "fedcba9876543210",
    "sample_rate": 22050,
    "frame_size": 1024,
    "codebook_size": 6561,
    "levels": (3,) * 8,
    "paralinguistic": 64,
}


def python(data: bytes, **options: Any) -> tuple[list, str, type | None]:
    """Events of the Python reader, and the sentence and type of its error."""
    options = {"coders": lambda header: [CODER], **options}
    events: list = []
    try:
        reader = Reader(io.BytesIO(data), "it", **options)
        for item in reader.items():  # runs whole, where iteration gives pieces
            if isinstance(item, Run):
                events.append(reader._named(item.tokens, reader._last))
            else:
                events.append(item)
    except container.ContainerError as error:
        return events, str(error).removeprefix("it: "), type(error)
    return events, "", None


def same(ours: list, theirs: list) -> None:
    assert [type(event) for event in ours] == [type(event) for event in theirs]
    for a, b in zip(ours, theirs, strict=True):
        if isinstance(a, End):
            assert a == b
        else:
            assert (a.start, a.stored_bits) == (b.start, b.stored_bits)
            np.testing.assert_array_equal(a.codes, b.codes)


@pytest.mark.parametrize("portion", [1, 1 << 30])
@pytest.mark.parametrize("name", [name for name in INDEX if "header" in INDEX[name]])
def test_good_vectors_are_read(
    native: ctypes.CDLL, coder: files.Held, name: str, portion: int
) -> None:
    wanted, found = INDEX[name], files.read(native, vector(name), coder, portion)
    assert found.error is None
    assert found.header is not None
    for field in found.header:
        assert found.header[field] == wanted["header"][field], field
    assert found.bits == wanted["bits"]
    runs = [event.codes for event in found.events if isinstance(event, Tokens)]
    books = wanted["header"]["num_codebooks"]
    codes = np.concatenate(runs, axis=1) if runs else np.zeros((books, 0), int)
    np.testing.assert_array_equal(codes, wanted["codes"])
    voices = [[e.start, e.codes.tolist()] for e in found.events if isinstance(e, Voice)]
    assert voices == wanted["voices"]
    assert list(dataclasses.astuple(found.events[-1])) == wanted["end"]


@pytest.mark.parametrize("name", [name for name in INDEX if "error" in INDEX[name]])
def test_faulty_vectors_are_refused_as_python_does(
    native: ctypes.CDLL, coder: files.Held, name: str
) -> None:
    found = files.read(native, vector(name), coder)
    events, says, error = python(vector(name))
    assert type(found.error) is error
    assert error is getattr(container, INDEX[name]["error"])
    same(found.events, events)
    if name != "bad-version-9":  # which versions each reads differs
        assert str(found.error) == says


def random_parts(header: Header, rng: np.random.Generator, live: bool) -> list[Any]:
    """A recording as a writer is given it, and its end."""
    parts: list[Any] = []
    for _ in range(rng.integers(1, 6)):
        if header.paralinguistic and rng.random() < 0.4:
            parts.append(rng.integers(-127, 128, header.paralinguistic).astype(np.int8))
        length = int(rng.choice([0, 1, 3, 39, 40, 41, 130]))
        if header.payload == "learned":
            codes = likely(CODER, length, seed=int(rng.integers(1 << 20)))[None]
        else:
            most = header.codebook_size if rng.random() < 0.5 else 2
            codes = rng.integers(0, most, (header.num_codebooks, length))
        parts.append(codes)
        if live:
            parts.append("flush")
    frames = sum(part.shape[1] for part in parts if getattr(part, "ndim", 0) == 2)
    samples = max(frames * header.frame_size - int(rng.integers(0, header.frame_size)), 0)
    source = 0
    if header.source_sample_rate:
        source = samples * header.source_sample_rate // header.sample_rate
        samples = header.resampled(source)
    return [*parts, (samples, source)]


HEADERS = [
    Header(**{**FACTS, **changes})
    for changes in (
        {},
        {"payload": "adaptive", "source_sample_rate": 22050},
        {"payload": "learned", "voice_form": 1, "source_sample_rate": 12345},
        {"payload": "learned", "paralinguistic": 0, "voice_hash": "", "source_sample_rate": 16000},
        {"extra": {"note": "ä"}, "num_samples": None, "frame_size": 256},
        {"codebook_size": 1024, "num_codebooks": 4, "levels": (), "paralinguistic": 3},
        {"codebook_size": 4096, "levels": (64, 64), "payload": "adaptive", "frame_size": 7},
        {"codebook_size": 1 << 23, "levels": (), "payload": "adaptive", "sample_rate": 768000},
    )
]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_it_writes_the_bytes_that_python_writes(
    native: ctypes.CDLL, coder: files.Held, number: int, live: bool
) -> None:
    header = HEADERS[number]
    for seed in range(12):
        rng = np.random.default_rng([number, live, seed])
        parts, run = random_parts(header, rng, live), int(rng.choice([40, 50, 4096]))
        file = io.BytesIO()
        needs = header.payload == "learned" or header.voice_form
        writer = Writer(file, header, run, CODER if needs else None)
        for part in parts:
            if isinstance(part, str):
                writer.flush()
            elif isinstance(part, tuple):
                writer.finish(*part)
            elif part.dtype == np.int8:
                writer.write_voice(part)
            else:
                writer.write(part)
        ours = files.write(native, header, parts, run, coder if needs else None)
        assert ours == file.getvalue()
        found = files.read(native, ours, coder)
        assert found.error is None
        same(found.events, python(ours)[0])


def vector(name: str) -> bytes:
    return (VECTORS / "v2" / f"{name}.sct").read_bytes()
