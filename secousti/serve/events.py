"""What a client of ``secousti serve`` sends and is told, and the messages of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError
from secousti.serve.packets import (
    AUDIO,
    MEL,
    OUTPUT,
    TOKENS,
    VOICE,
    Packet,
    audio_packet,
    audio_samples,
    packet_tokens,
    parse_packet,
    tokens_packet,
)

Sound = NDArray[np.float32]
_BLOCK = 4096  # samples in a message


class ServerError(SecoustiError):
    """What the server said before it closed the connection: ``code``, and its sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Audio:
    """Samples float32 [N] from sample ``position`` on."""

    position: int
    samples: Sound


@dataclass(frozen=True)
class Tokens:
    """Tokens int64 [L] from number ``position`` on, and bool [L] which of them were lost."""

    position: int
    codes: NDArray[np.int64]
    lost: NDArray[np.bool_]


@dataclass(frozen=True)
class Voice:
    """A voice int8 [64] for the tokens from ``position`` on."""

    position: int
    codes: NDArray[np.int8]


@dataclass(frozen=True)
class Mel:
    """Columns uint8 [T, n_mels] of the input's or the output's log-mel."""

    position: int
    columns: NDArray[np.uint8]
    output: bool


Event = Audio | Tokens | Voice | Mel | dict[str, Any]


@dataclass
class Format:
    """What both kinds of session need to know to read and write messages."""

    ready: dict[str, Any] = field(default_factory=dict)
    position: int = 0

    def begin(self, text: str | bytes) -> None:
        message = checked(text)
        if message.get("type") != "ready":
            raise SecoustiError("the server did not answer as secousti serve does")
        self.ready = message

    def audio(self, samples: NDArray[Any]) -> Iterator[bytes]:
        """Samples [N] as messages."""
        sound = np.asarray(samples, np.float32).reshape(-1)
        for start in range(0, len(sound), _BLOCK):
            block = sound[start : start + _BLOCK]
            yield audio_packet(block, self.position, self.ready["input"]["format"])
            self.position += len(block)

    def tokens(self, codes: NDArray[Any], lost: NDArray[np.bool_] | None) -> bytes:
        codes = np.asarray(codes, np.int64).reshape(-1)
        size = self.ready["model"]["codebook_size"]
        message = tokens_packet(codes, self.position, size, lost)
        self.position += len(codes)
        return message

    def event(self, data: str | bytes) -> Event:
        if isinstance(data, str):
            return checked(data)
        packet = parse_packet(data)
        if packet.kind == AUDIO:
            return Audio(packet.position, audio_samples(packet, self.ready["output"]["format"]))
        if packet.kind == TOKENS:
            size = self.ready["model"]["codebook_size"]
            return Tokens(packet.position, *packet_tokens(packet, size))
        if packet.kind == VOICE:
            return Voice(packet.position, np.frombuffer(packet.body, np.int8))
        return _mel(packet)


def _mel(packet: Packet) -> Mel:
    assert packet.kind == MEL
    columns = np.frombuffer(packet.body, np.uint8).reshape(packet.count, -1)
    return Mel(packet.position, columns, packet.flags == OUTPUT)


def checked(text: str | bytes) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    if message.get("type") == "error":
        raise ServerError(message["code"], message["message"])
    return message


def pcm(rate: int, fmt: str = "s16le") -> dict[str, Any]:
    """The ``input`` or ``output`` of a session."""
    return {"format": fmt, "rate": rate}
