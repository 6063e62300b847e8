"""Recordings -> packets for links that frame what they send, and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secousti.atomic import replacing_all
from secousti.base import Codec
from secousti.container import Accounting, End, Event, Tokens, Voice
from secousti.container.encoded import codec_header
from secousti.container.packet import PacketCodec
from secousti.devices import AUTO
from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, check_output, run
from secousti.files.models import LoadedCodecs
from secousti.files.progress import Told, Track
from secousti.files.sessions import speak
from secousti.files.sinks import write_audio
from secousti.files.sources import open_speech
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.paths import PIPE

PACKET = ".packet"
MAX_PACKET = 1 << 16  # bytes of a file that can be one


def encode_packets(
    inputs: Sequence[str],
    output: str,
    size: int,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    force: bool = False,
    entropy: str | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Encode a recording into a folder of packets of at most ``size`` bytes, each decoding alone.

    They are called 00000.packet, 00001.packet and so on, in the order of what is said.

    Raises:
        SecoustiError: several recordings, a folder that holds packets already, or what encoding
            raises.
    """
    if len(inputs) != 1 or os.path.isdir(inputs[0]) or output == PIPE:
        raise SecoustiError("packets are made of one recording, into a folder: name one of each")
    folder = Path(output)
    old = sorted(folder.glob(f"*{PACKET}"))
    if old and not force:
        raise SecoustiError(f"{output} holds packets already; --force replaces them")
    codecs = LoadedCodecs(model, device)
    codec = codecs.default()
    packets = packet_codec(codec, entropy)

    def work(job: Job, told: Told) -> Result:
        with open_speech(job.source, codecs) as speech:
            codes, voice, end = _gathered(speech.events)
        made = list(packets.split(codes, voice, size))
        bits = Accounting()
        for packet in made:
            bits.include(packets.account(packet))
        names = _write_all(folder, made)
        for path in old:
            if path.name not in names:
                path.unlink()
        note = f"{len(made)} packets of at most {max(map(len, made), default=0)} bytes"
        return Result(job, end.num_samples / codec.sample_rate, end.frames, bits, note=note)

    return run([Job(inputs[0], output)], work, track)


def _write_all(folder: Path, packets: Sequence[bytes]) -> set[str]:
    """All of them, or none; their names."""
    names = [f"{number:05}{PACKET}" for number in range(len(packets))]
    with replacing_all([folder / name for name in names]) as partials:
        for partial, packet in zip(partials, packets, strict=True):
            partial.write_bytes(packet)
    return set(names)


def is_packets(inputs: Sequence[str]) -> bool:
    """Whether all inputs are packets, or folders of them."""
    return all(bool(_paths(item)) for item in inputs)


def decode_packets(
    inputs: Sequence[str],
    output: str,
    model: str | None = None,
    device: str = AUTO,
    force: bool = False,
    sample_rate: int | None = None,
    track: Track | None = None,
) -> list[Result]:
    """Decode packets, in the order of their names, as one recording.

    Args:
        model: the codec that made them, which a packet does not say; the default model if not
            given.

    Raises:
        SecoustiError: a packet of another codec, or damaged; an output that exists.
    """
    if output != PIPE:
        check_output(output, [str(path) for item in inputs for path in _paths(item)], force)
    codec = LoadedCodecs(model or DEFAULT_MODEL, device).default()
    rate = sample_rate or codec.sample_rate
    paths = sorted(path for item in inputs for path in _paths(item))

    def work(job: Job, told: Told) -> Result:
        reader = PacketReader(codec)
        events = [event for path in paths for event in reader.read(path)]
        end = End(reader.frames, reader.frames * codec.frame_size, 0)
        portions = speak(codec, [*events, end], codec_header(codec), rate)
        samples = write_audio(job.target, portions, rate)
        return Result(job, samples / rate, reader.frames, reader.bits)

    return run([Job(inputs[0], output)], work, track)


def packet_codec(codec: Codec, entropy: str | None = None) -> PacketCodec:
    """How ``codec`` makes and reads packets, with learned or packed tokens."""
    return PacketCodec(codec_header(codec, payload=entropy), codec.coder)


class PacketReader:
    """Packets as the events of a stream, one after the other.

    Attributes:
        frames: so far. bits: where those of all packets went.
    """

    def __init__(self, codec: Codec) -> None:
        self.frames = 0
        self.bits = Accounting()
        learned = codec.coder is not None and codec.coder.network is not None
        forms = ("learned", "packed") if learned else ("packed",)
        self._forms = [packet_codec(codec, form) for form in forms]

    def read(self, path: Path) -> list[Event]:
        """The voice and tokens of a file.

        Raises:
            SecoustiError: it is no packet of this codec.
        """
        with open(path, "rb") as file:
            data = file.read(MAX_PACKET)
        codes, voice = self._opened(path, data)
        start, self.frames = self.frames, self.frames + codes.shape[1]
        voices = [] if voice is None else [Voice(start, voice)]
        return [*voices, Tokens(start, codes)]

    def _opened(self, path: Path, data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int8] | None]:
        problems = []
        for packets in self._forms:
            try:
                found = packets.read(data)
            except SecoustiError as error:
                problems.append(error)
                continue
            self.bits.include(packets.account(data))
            return found
        raise SecoustiError(f"{path}: {problems[0]}") from problems[0]


def _paths(item: str) -> list[Path]:
    if os.path.isdir(item):
        return sorted(Path(item).glob(f"*{PACKET}"))
    return [Path(item)] if item.endswith(PACKET) and os.path.isfile(item) else []


def _gathered(
    events: Iterable[Event],
) -> tuple[NDArray[np.int64], NDArray[np.int8] | None, End]:
    """All tokens, the last, best known voice, and the end."""
    runs: list[NDArray[np.int64]] = []
    voice, end = None, End(0, 0, 0)
    for event in events:
        if isinstance(event, Tokens):
            runs.append(event.codes)
        elif isinstance(event, Voice):
            voice = event.codes
        else:
            end = event
    return np.concatenate(runs, axis=1) if runs else np.zeros((1, 0), np.int64), voice, end
