"""The inputs that each target is attacked from: sound ones, and faulty ones that were found."""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from secousti.config import to_dict
from secousti.serve.packets import audio_packet, tokens_packet, voice_packet
from tests.fuzzing.targets import BOOK, VECTORS
from tests.toy import toy_config

CORPUS = Path(__file__).parents[1] / "corpus"


def seeds(name: str) -> list[bytes]:
    """What a fuzzer begins with, the kept corpus included."""
    return [*_MADE[name](), *kept(name)]


def kept(name: str) -> list[bytes]:
    """The corpus of a target: ``tests/corpus/NAME.b64``, an input a line."""
    path = CORPUS / f"{name}.b64"
    if not path.is_file():
        return []
    return [base64.b64decode(line) for line in path.read_text("ascii").split()]


def keep(name: str, inputs: list[bytes]) -> None:
    """Make ``inputs`` the corpus of a target, shortest first."""
    CORPUS.mkdir(exist_ok=True)
    lines = [base64.b64encode(data).decode() for data in sorted(inputs, key=lambda d: (len(d), d))]
    (CORPUS / f"{name}.b64").write_text("".join(f"{line}\n" for line in lines), "ascii")


def _files() -> Iterator[bytes]:
    for path in sorted(VECTORS.glob("*/*.sct")):
        if path.stat().st_size <= 4096:
            yield path.read_bytes()


def _heads() -> Iterator[bytes]:
    return (data[:400] for data in _files())


def _packets() -> Iterator[bytes]:
    yield b"\x01" + (VECTORS / "v2" / "packet.bin").read_bytes()
    yield b"\0" + bytes([4, 0]) + bytes(64) + bytes(7)


def _messages() -> Iterator[bytes]:
    start = {"type": "start", "kind": "roundtrip", "model": "a", "seed": 1, "samples": 10}
    start |= {"input": {"format": "s16le", "rate": 16000}, "loss": 0.5, "burst": 2, "mel": True}
    start |= {"output": {"format": "f32le", "rate": 48000}, "voice": "AAAA" * 21 + "AA=="}
    start |= {"voice_refresh": 2, "concealment": "fade", "tokens": True, "result": False}
    change = {"type": "set", "voice": None, "loss": 1e-3, "burst": None, "seed": 9007199254740992}
    for said in (start, change, {"type": "ping", "id": "a"}, {"type": "end"}):
        yield json.dumps(said).encode()


def _binaries() -> Iterator[bytes]:
    for fmt in ("s16le", "f32le"):
        yield audio_packet(np.linspace(-1, 1, 7, dtype=np.float32), 5, fmt)
    codes = np.arange(5) * 1000
    yield tokens_packet(codes, 0, BOOK)
    yield tokens_packet(codes, 0, BOOK, codes % 2 == 0)
    yield voice_packet(np.zeros(64, np.int8), 3)


def _wavs() -> Iterator[bytes]:
    sound = np.sin(np.arange(90) / 5) * 0.5
    for layout in ("WAV", "WAVEX", "RF64", "W64"):
        yield _written(sound, layout, "PCM_16")
    for subtype in ("PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "ALAW", "MS_ADPCM"):
        yield _written(sound, "WAV", subtype)
    yield _written(np.stack([sound, -sound], 1), "WAV", "PCM_16") * 2
    plain = bytearray(_written(sound, "WAV", "PCM_16"))
    struct.pack_into("<I", plain, 40, 0xFFFFFFFF)
    yield bytes(plain)


def _written(sound: np.ndarray, layout: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, 48000, format=layout, subtype=subtype)
    return file.getvalue()


def _chains() -> Iterator[bytes]:
    sound = np.sin(np.arange(600) / 5) * 0.5
    for layout in ("OGG", "FLAC", "MP3"):
        one = _written(sound, layout)
        yield one
        yield one + one


_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ''it''"
    item [2]:
        class = "TextTier"
        name = "points"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.5
            mark = "here"
"""


def _grids() -> Iterator[bytes]:
    yield _GRID.replace("''", '""').encode()  # a quotation mark within a text
    yield _GRID.encode("utf-16")
    short = '"ooTextFile short"\n"TextGrid"\n0\n1e0\n<exists>\n1\n"IntervalTier"\n"phones"\n'
    yield (short + '0\n1\n1\n0\n1\n"AA1"\n').encode("utf-8-sig")


def _lines() -> Iterator[bytes]:
    row = {"audio": "a.wav", "speaker": "s", "language": "en", "duration": 2.5, "text": "hello"}
    yield json.dumps(row).encode()
    times = {"phones": [[0, 1, "AA1"], [1, 2.5, "SIL"]], "words": [[0, 2, "hello"]], "id": 3}
    yield json.dumps({**row, "offset": 1, "confidence": 0.5, **times}).encode()
    yield json.dumps({"audio_filepath": "b.wav", "duration": 1.5, "channel": 1}).encode()
    yield json.dumps({"audio": "b.wav", "start": 1, "end": 2, "phones": "AA1 B"}).encode()


def _configs() -> Iterator[bytes]:
    yield json.dumps(to_dict(toy_config())).encode()
    yield b'{"seanet": {"ratios": [2, 2]}, "depth": {}}'


_MADE = {
    "container": _files,
    "header": _heads,
    "packet": _packets,
    "message": _messages,
    "binary": _binaries,
    "wav": _wavs,
    "chain": _chains,
    "textgrid": _grids,
    "manifest": _lines,
    "config": _configs,
}
