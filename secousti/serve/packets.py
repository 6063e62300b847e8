"""Binary messages: eight bytes, then samples, packed tokens, a voice or mel columns."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.container.bits import pack, packed_size, unpack
from secousti.container.errors import ContainerError
from secousti.serve.errors import Refused

AUDIO, TOKENS, VOICE, MEL = 1, 2, 3, 4
WITH_LOSSES = 1  # flag of TOKENS
OUTPUT = 1  # flag of MEL
MAX_TOKENS = 4096
LOUDEST = 16.0  # float samples beyond are no sound
_HEAD = struct.Struct("<BBHI")
HEAD_BYTES = _HEAD.size
FORMATS: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}
MEL_LOW, MEL_HIGH = -11.5, 2.0


@dataclass(frozen=True)
class Packet:
    """A binary message taken apart; ``body`` is what follows the eight bytes."""

    kind: int
    flags: int
    count: int
    position: int
    body: bytes

    def to_bytes(self) -> bytes:
        """The message."""
        head = _HEAD.pack(self.kind, self.flags, self.count, self.position & 0xFFFFFFFF)
        return head + self.body


def parse_packet(data: bytes) -> Packet:
    """A message as a packet.

    Raises:
        Refused: too short, or of no known kind.
    """
    if len(data) < HEAD_BYTES:
        raise Refused("bad_message", f"a packet has at least {HEAD_BYTES} bytes, not {len(data)}")
    kind, flags, count, position = _HEAD.unpack_from(data)
    if kind not in (AUDIO, TOKENS, VOICE, MEL):
        raise Refused("bad_message", f"a packet of kind {kind} is unknown")
    return Packet(kind, flags, count, position, data[HEAD_BYTES:])


def audio_packet(samples: NDArray[np.float32], position: int, fmt: str) -> bytes:
    """Samples float32 [N] in [-1, 1] in the format ``s16le`` or ``f32le``."""
    if fmt == "s16le":
        body = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    else:
        body = samples.astype("<f4").tobytes()
    return Packet(AUDIO, 0, 0, position, body).to_bytes()


def audio_samples(packet: Packet, fmt: str) -> NDArray[np.float32]:
    """float32 [N].

    Raises:
        Refused: no whole number of samples, or one that is no sound.
    """
    kind = FORMATS[fmt]
    if len(packet.body) % kind.itemsize:
        raise Refused("bad_message", f"{len(packet.body)} bytes are no whole {fmt} samples")
    samples = np.frombuffer(packet.body, kind).astype(np.float32)
    if fmt == "s16le":
        return samples * np.float32(2.0**-15)
    if not (np.abs(samples) <= LOUDEST).all():  # also false for NaN
        raise Refused("bad_message", f"a sample is NaN or beyond -{LOUDEST:g} to {LOUDEST:g}")
    return samples


def tokens_packet(
    codes: NDArray[np.int64],
    position: int,
    codebook_size: int,
    lost: NDArray[np.bool_] | None = None,
) -> bytes:
    """Tokens int64 [L]; ``lost`` [L] marks those that did not arrive."""
    body, flags = pack(codes, codebook_size), 0
    if lost is not None and lost.any():
        body, flags = body + np.packbits(lost, bitorder="little").tobytes(), WITH_LOSSES
    return Packet(TOKENS, flags, len(codes), position, body).to_bytes()


def packet_tokens(
    packet: Packet, codebook_size: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tokens int64 [L], and bool [L] which of them were lost.

    Raises:
        Refused: a count out of range, another number of bytes, tokens outside the codebook.
    """
    if not 1 <= packet.count <= MAX_TOKENS:
        raise Refused("bad_message", f"a packet has 1 to {MAX_TOKENS} tokens, not {packet.count}")
    if packet.flags not in (0, WITH_LOSSES):
        raise Refused("bad_message", f"the flags {packet.flags} of a token packet are unknown")
    lost = np.zeros(packet.count, np.bool_)
    size = packed_size(packet.count, codebook_size)
    if packet.flags == WITH_LOSSES:
        bits = np.frombuffer(packet.body[size:], np.uint8)
        if len(bits) != (packet.count + 7) // 8:
            raise Refused("bad_message", "the bits of lost tokens do not fit their count")
        lost = np.unpackbits(bits, count=packet.count, bitorder="little").astype(np.bool_)
    elif len(packet.body) != size:
        raise Refused(
            "bad_message",
            f"{packet.count} tokens are packed in {size} bytes, not {len(packet.body)}",
        )
    try:
        return unpack(packet.body[:size], packet.count, codebook_size), lost
    except ContainerError as error:
        raise Refused("bad_message", f"a token packet is damaged: {error}") from error


def voice_packet(codes: NDArray[np.int8], position: int) -> bytes:
    """A voice int8 [64]."""
    return Packet(VOICE, 0, 0, position, codes.tobytes()).to_bytes()


def voice_codes(body: bytes, size: int) -> NDArray[np.int8]:
    """A voice from its bytes, int8 [size].

    Raises:
        Refused: another length, or -128.
    """
    codes = np.frombuffer(body, np.int8)
    if len(codes) != size or (codes == -128).any():
        raise Refused("bad_message", f"a voice is {size} signed bytes from -127 to 127")
    return codes


def mel_packet(mel: NDArray[np.float32], position: int, output: bool) -> bytes:
    """Log-mel columns float32 [n_mels, T], eight bits each."""
    scaled = (mel.T - MEL_LOW) * (255 / (MEL_HIGH - MEL_LOW))
    body = np.round(np.clip(scaled, 0, 255)).astype(np.uint8).tobytes()
    return Packet(MEL, OUTPUT if output else 0, mel.shape[1], position, body).to_bytes()
