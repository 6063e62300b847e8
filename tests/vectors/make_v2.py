"""Writes tests/vectors/v2 and v2.json: ``python tests/vectors/make_v2.py`` in the repository.

Committed files are not made again when the code changes: they are what other implementations and
later versions must read.
"""

from __future__ import annotations

import binascii
import io
import itertools
import json
import re
import zlib
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secousti import container
from secousti.container import Coder, End, Header, Reader, Tokens, Voice, Writer
from secousti.container.packet import PacketCodec
from secousti.container.version2.stream import start_of_chain
from tests.entropy.toy import likely_tokens, toy_coder

HERE = Path(__file__).parent
OUT = HERE / "v2"
RANDOM = np.random.default_rng(21)
FACTS: dict[str, Any] = {
    "token_hash": "0123456789abcdef",
    "voice_hash": "fedcba9876543210",
    "sample_rate": 22050,
    "frame_size": 1024,
    "codebook_size": 6561,
    "levels": (3,) * 8,
    "paralinguistic": 64,
}


def voice() -> np.ndarray:
    return RANDOM.integers(-127, 128, 64).astype(np.int8)


def write(
    header: Header, parts: list, live: bool, run: int = 50, coder: Coder | None = None
) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, header, run, coder)
    for part in parts:
        if part.dtype == np.int8:
            writer.write_voice(part)
        else:
            writer.write(part)
        if live:
            writer.flush()
    samples = writer.frames * header.frame_size - 7
    source = 0
    if header.source_sample_rate:
        source = samples * header.source_sample_rate // header.sample_rate
        samples = header.resampled(source)
    writer.finish(samples, source)
    return file.getvalue()


def told(data: bytes, coder: Coder) -> dict[str, Any]:
    """What a good file holds."""
    reader = Reader(io.BytesIO(data), coders=lambda header: [coder])
    events = list(reader)
    runs = [event.codes for event in events if isinstance(event, Tokens)]
    codes = np.concatenate(runs, 1) if runs else np.zeros((reader.header.num_codebooks, 0), int)
    assert isinstance(events[-1], End)
    return {
        "header": asdict(reader.header),
        "codes": codes.tolist(),
        "voices": [[e.start, e.codes.tolist()] for e in events if isinstance(e, Voice)],
        "end": astuple(events[-1]),
        "bits": asdict(reader.bits),
    }


def good(coder: Coder) -> dict[str, bytes]:
    """The files."""
    tokens = RANDOM.integers(0, 6561, 203)
    likely = likely_tokens(coder, 300)
    walk = np.cumsum(RANDOM.integers(-1, 2, 400)) % 81 * 81 + 40
    learned = {**FACTS, "payload": "learned", "voice_form": 1}
    return {
        "whole-packed": write(
            Header(**FACTS, source_sample_rate=16000), [voice(), tokens], False, 300
        ),
        "whole-adaptive": write(Header(**FACTS, payload="adaptive"), [voice(), walk], False, 500),
        "whole-learned": write(Header(**learned), [voice(), likely], False, 500, coder),
        "whole-empty": write_empty(),
        "whole-odd": write_odd(tokens),
        "stream-packed": write(
            Header(**FACTS, source_sample_rate=48000), [voice(), tokens[:60], voice(), tokens], True
        ),
        "stream-adaptive": write(
            Header(**FACTS, payload="adaptive"), [voice(), walk, voice(), tokens], True, 400
        ),
        "stream-learned": write(
            Header(**learned),
            [voice(), likely[:11], voice(), likely[11:22], voice(), likely[22:], tokens],
            True,
            11,
            coder,
        ),
        "stream-long": write(
            Header(**FACTS), [voice(), RANDOM.integers(0, 6561, 1500)], False, 400
        ),
        "stream-four-codebooks": write(
            Header(24000, 320, 1024, 4, token_hash="fedcba9876543210"),
            [RANDOM.integers(0, 1024, (4, 20))],
            True,
            8,
        ),
        "stream-json": write(
            Header(**FACTS, extra={"note": "ä", "n": [1, 2.5, None]}), [voice(), tokens[:9]], True
        ),
        "stream-one-less": write(Header(**FACTS), [tokens[:50], tokens[50:99], tokens[99:]], True),
    }


def write_empty() -> bytes:
    file = io.BytesIO()
    Writer(file, Header(**FACTS)).finish(0)
    return file.getvalue()


def write_odd(tokens: np.ndarray) -> bytes:
    """More frames than its samples need."""
    file = io.BytesIO()
    writer = Writer(file, Header(**FACTS))
    writer.write(tokens)
    writer.finish(100 * 1024, 0)
    return file.getvalue()


def bad(files: dict[str, bytes]) -> dict[str, tuple[bytes, str, str]]:
    """Faulty ones, with the kind of error and a word of its message."""
    stream, whole = files["stream-packed"], files["whole-packed"]
    cuts = [Reader(io.BytesIO(stream))]
    places = [cuts[0].cursor.offset]
    for _ in cuts[0].items():
        places.append(cuts[0].cursor.offset)
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    header = stream[: places[0]]
    chain = start_of_chain(zlib.crc32(header[:-4]))

    def record(body: bytes) -> bytes:
        return header + body + binascii.crc_hqx(body, chain).to_bytes(2, "little")

    def flipped(data: bytes, place: int) -> bytes:
        return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]

    other = files["stream-adaptive"]
    return {
        "whole-bit": (flipped(whole, 60), "CorruptedError", "damaged"),
        "whole-cut": (whole[:-9], "TruncatedError", "ends"),
        "whole-after": (whole + b"x", "CorruptedError", "follows"),
        "whole-other-coder": (
            files["whole-learned"][:-4]
            + zlib.crc32(files["whole-learned"][:-4]).to_bytes(4, "little"),
            "CorruptedError",
            "entropy coder",
        ),
        "header-bit": (flipped(stream, 9), "CorruptedError", "header is damaged"),
        "header-cut": (stream[:20], "TruncatedError", "inside the header"),
        "voice-bit": (flipped(stream, places[0] + 9), "CorruptedError", "record 0"),
        "token-bit": (flipped(stream, places[1] + 9), "CorruptedError", "record 1"),
        "end-bit": (flipped(stream, len(stream) - 1), "CorruptedError", "checksum"),
        "cut": (stream[:-20], "TruncatedError", "inside it"),
        "no-end": (stream[: places[-2]], "TruncatedError", "without an end"),
        "lost": (header + b"".join(pieces[1:]), "CorruptedError", "missing"),
        "swapped": (
            header + b"".join([pieces[1], pieces[0], *pieces[2:]]),
            "CorruptedError",
            "out of order",
        ),
        "twice": (header + pieces[0] + b"".join(pieces), "CorruptedError", "out of order"),
        "foreign": (
            header + other[Reader(io.BytesIO(other)).cursor.offset :],
            "CorruptedError",
            "checksum",
        ),
        "after-end": (stream + b"x", "CorruptedError", "follows"),
        "kind-5": (record(b"\5"), "UnsupportedError", "newer"),
        "no-frames": (record(b"\4\0\0"), "CorruptedError", "claims 0 tokens"),
        "too-many-frames": (record(b"\4\x81\x80\x04\0"), "CorruptedError", "at most 65536"),
        "outside-codebook": (
            record(b"\4\5\0" + b"\xff" * 8),
            "CorruptedError",
            "outside the codebook",
        ),
        "profile-31": (flipped_kind(whole, 0x9F), "UnsupportedError", "profile 31"),
        "version-9": (stream[:4] + b"\x09" + stream[5:], "UnsupportedError", "version 9"),
        "not-sct": (b"RIFF" + stream[4:], "ContainerError", "not a .sct file"),
        "empty": (b"", "TruncatedError", "it is empty"),
    }


def flipped_kind(whole: bytes, kind: int) -> bytes:
    data = whole[:4] + bytes([kind]) + whole[5:-4]
    return data + zlib.crc32(data).to_bytes(4, "little")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    coder = toy_coder(OUT / "coder.safetensors")
    index: dict[str, Any] = {}
    files = good(coder)
    for name, data in files.items():
        (OUT / f"{name}.sct").write_bytes(data)
        index[name] = told(data, coder)
    for name, (data, error, says) in bad(files).items():
        (OUT / f"bad-{name}.sct").write_bytes(data)
        index[f"bad-{name}"] = {"error": error, "says": says}
        with pytest.raises(getattr(container, error), match=re.escape(says)):
            list(Reader(io.BytesIO(data), coders=lambda header: [coder]))
    header = Header(**FACTS, payload="learned", voice_form=1, coder_hash=coder.token_hash)
    likely, spoken = likely_tokens(coder, 120), voice()
    packet = PacketCodec(header, coder).make(likely[None], spoken)
    (OUT / "packet.bin").write_bytes(packet)
    found, kept = PacketCodec(header, coder).read(packet)
    assert kept is not None
    index["packet"] = {"codes": found.tolist(), "voice": kept.tolist()}
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (HERE / "v2.json").write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
