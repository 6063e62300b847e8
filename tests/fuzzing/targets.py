"""Functions that must answer any bytes with a result or with one sentence, and soon."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from data_prep.alignment.textgrid import parse_textgrid
from data_prep.manifest import Row
from secousti.audio.chains import recordings
from secousti.audio.wav import WavReader
from secousti.config import CodecConfig, from_dict
from secousti.container import Header, Reader, Voice
from secousti.container.events import Run
from secousti.container.header import LEARNED
from secousti.container.packet import PacketCodec
from secousti.entropy import load_coder
from secousti.errors import SecoustiError
from secousti.manifest import parse_line, to_entry
from secousti.serve.messages import parse_change, parse_json, parse_ping, parse_start
from secousti.serve.packets import AUDIO, TOKENS, audio_samples, packet_tokens, parse_packet
from secousti.serve.packets import voice_codes as parse_voice
from tests.pipe import Pipe

VECTORS = Path(__file__).parents[1] / "vectors"
CODER = load_coder(VECTORS / "v2" / "coder.safetensors")
# Tokens of a file that are decoded, and frames of a learned run: more take time, but no other way.
MOST, MOST_LEARNED = 64, 4
VOICE = 64
BOOK = 6561
HEADER = Header(
    token_hash="0123456789abcdef",
    voice_hash="fedcba9876543210",
    sample_rate=22050,
    frame_size=1024,
    codebook_size=BOOK,
    levels=(3,) * 8,
    paralinguistic=VOICE,
    payload=LEARNED,
    coder_hash=CODER.token_hash,
    voice_form=1,
)


def container(data: bytes) -> None:
    """A .sct file of any version, every record decoded."""
    reader = Reader(io.BytesIO(data), coders=lambda _: [CODER], max_seconds=3600, explain=True)
    header, left = reader.header, MOST
    for item in reader.items():
        if isinstance(item, Run) and item.frames * header.num_codebooks <= left:
            left -= item.frames * header.num_codebooks
            if header.payload == LEARNED and item.frames > MOST_LEARNED:
                continue
            codes = item.tokens().codes
            assert codes.shape == (header.num_codebooks, item.frames)
            assert codes.min() >= 0
            assert codes.max() < header.codebook_size
        elif isinstance(item, Voice):
            assert len(item.codes) in (header.paralinguistic, 0 if header.voice_form else -1)


def header(data: bytes) -> None:
    """What a file says of itself."""
    found = Reader(io.BytesIO(data), coders=lambda header: [CODER]).header
    assert np.isfinite(found.frame_rate)
    assert found.codebook_size > 1


def packet(data: bytes) -> None:
    """A packet without a container; the first byte chooses the form of its tokens."""
    learned = bool(data[:1] and data[0] & 1)
    if learned and data[1:] and data[1] > MOST_LEARNED:
        data = data[:1] + bytes([MOST_LEARNED]) + data[2:]
    made = HEADER if learned else replace(HEADER, payload="packed", coder_hash="", voice_form=0)
    codes, voice = PacketCodec(made, CODER if learned else None).read(data[1:])
    assert codes.shape == (1, data[1])
    assert codes.max() < BOOK
    assert voice is not None


def message(data: bytes) -> None:
    """A text message of a client of the server."""
    said = parse_json(data.decode("utf-8"))
    kind = said["type"]
    if kind == "start":
        start = parse_start(said)
        assert start.decodes or start.encodes
    elif kind == "set":
        parse_change(said, VOICE)
    elif kind == "ping":
        parse_ping(said)


def binary(data: bytes) -> None:
    """A binary message of a client of the server."""
    found = parse_packet(data)
    if found.kind == AUDIO:
        for fmt in ("s16le", "f32le"):
            assert np.isfinite(audio_samples(found, fmt)).all()
    elif found.kind == TOKENS:
        codes, lost = packet_tokens(found, BOOK)
        assert codes.max() < BOOK
        assert len(codes) == len(lost)
    else:
        parse_voice(found.body, VOICE)


def wav(data: bytes) -> None:
    """A WAV stream, as a file and as a pipe: the same samples, all finite."""
    heard = []
    for file in (io.BytesIO(data), Pipe(data, len(data) or 1)):
        with WavReader(file) as reader:
            samples = [reader.read_frames(1000) for _ in range(3)]
        heard.append(np.concatenate(samples))
        assert np.isfinite(heard[-1]).all()
        assert samples[0].shape[1] == reader.channels
    np.testing.assert_array_equal(heard[0], heard[1])


def chain(data: bytes) -> None:
    """Where recordings of Ogg, FLAC and MP3 begin and end: spans that cover the file in order."""
    spans = recordings(io.BytesIO(data), data[:64])
    for (start, stop), (following, _) in itertools.pairwise(spans):
        assert 0 <= start < stop <= following <= len(data)


def textgrid(data: bytes) -> None:
    """A TextGrid in any of Praat's encodings."""
    for tier in parse_textgrid(data, "it"):
        assert all(len(interval) == 3 for interval in tier.intervals)


def manifest(data: bytes) -> None:
    """A line of a manifest, as an entry and as a row of a corpus."""
    line = parse_line(data)
    entry = to_entry(line, 1, lambda audio: audio)
    if entry.piece.is_cut:
        try:
            first, last = entry.piece.bounds(160_000, 16_000)
            assert 0 <= first < last <= 160_000
        except SecoustiError:
            pass
    row = Row.from_dict(line)
    assert Row.from_dict(row.to_dict()).id == row.id


def config(data: bytes) -> None:
    """The configuration of a codec."""
    made = from_dict(CodecConfig, parse_line(data))
    assert made.mel.sample_rate > 0


Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        container,
        header,
        packet,
        message,
        binary,
        wav,
        chain,
        textgrid,
        manifest,
        config,
    )
}
# A text that is not UTF-8 is refused before these see it: websockets, and the file's reader.
_REFUSED = {"message": (UnicodeDecodeError,)}


def attack(name: str, data: bytes) -> bool:
    """Whether the target takes ``data``; anything but a result or a sentence is raised."""
    try:
        TARGETS[name](data)
    except (SecoustiError, *_REFUSED.get(name, ())):
        return False
    return True
