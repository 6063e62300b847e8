"""Samples as bytes -> float32: what WAV files, raw streams and telephones hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError

Kind: TypeAlias = Literal["int", "float", "alaw", "mulaw"]
_CONTAINERS = {"int": (1, 2, 3, 4), "float": (4, 8), "alaw": (1,), "mulaw": (1,)}
_SURE = 8  # samples that are not zero, before the place of the bits in their container is settled


@dataclass(frozen=True)
class SampleFormat:
    """One sample: ``bits`` that count, in ``container`` bytes. One byte of int is unsigned."""

    kind: Kind
    bits: int
    container: int
    big_endian: bool = False

    @property
    def is_known(self) -> bool:
        """Whether ``Decoder`` reads it."""
        if self.container not in _CONTAINERS[self.kind]:
            return False
        whole = 8 * self.container
        return 0 < self.bits <= whole if self.kind == "int" else self.bits == whole


class Decoder:
    """Bytes of whole samples -> float32 [N] in [-1, 1].

    Where fewer bits count than the container holds, they are its high ones (the WAV standard) or
    its low ones (ALSA's ``S24_LE``); the samples themselves tell which, as the rest is empty.
    """

    def __init__(self, layout: SampleFormat, name: str = "the input") -> None:
        self.layout = layout
        self._name = name
        self._low: bool | None = None if layout.bits < 8 * layout.container else False

    def __call__(self, data: bytes) -> NDArray[np.float32]:
        """The next samples.

        Raises:
            SecoustiError: bits where there should be none.
        """
        kind, container = self.layout.kind, self.layout.container
        order = ">" if self.layout.big_endian else "<"
        if kind == "float":
            return np.frombuffer(data, f"{order}f{container}").astype(np.float32)
        if kind != "int":
            table = _ALAW if kind == "alaw" else _MULAW
            return table[np.frombuffer(data, np.uint8)]
        if container == 1:
            unsigned = np.frombuffer(data, np.uint8).astype(np.float32)
            return (unsigned - np.float32(128)) / np.float32(128)
        values = _integers(data, container, order)
        if self._low is not False:
            values = self._placed(values)
        return values.astype(np.float32) * np.float32(2.0**-31)

    def _placed(self, values: NDArray[np.int32]) -> NDArray[np.int32]:
        """The same with the bits that count at the top of 32."""
        bits, empty = self.layout.bits, 8 * self.layout.container - self.layout.bits
        below = (values >> np.int32(32 - 8 * self.layout.container)) & np.int32((1 << empty) - 1)
        low = bool(below.any())
        shifted = values << np.int32(empty)  # if they are the low ones
        if low and not self._may_be_low(values, shifted, empty):
            raise self._confused(bits)
        if self._low is not None and low and not self._low:
            raise self._confused(bits)
        if self._low is None and np.count_nonzero(values) >= _SURE:
            self._low = low
        return shifted if low or self._low else values

    def _may_be_low(
        self, values: NDArray[np.int32], shifted: NDArray[np.int32], empty: int
    ) -> bool:
        """Whether what stands above the low bits repeats their sign, or is zero throughout."""
        above = values.view(np.uint32) >> np.uint32(32 - empty)
        return bool(((shifted >> np.int32(empty)) == values).all() or not above.any())

    def _confused(self, bits: int) -> SecoustiError:
        return SecoustiError(
            f"{self._name} announces {bits} bits in {self.layout.container} bytes a sample, but "
            "has more: its header is wrong; convert it with a program that can read it"
        )


def _integers(data: bytes, container: int, order: str) -> NDArray[np.int32]:
    """Signed integers at the top of 32 bits."""
    if container == 4:
        return np.frombuffer(data, f"{order}i4").astype(np.int32)
    if container == 2:
        return np.frombuffer(data, f"{order}i2").astype(np.int32) << np.int32(16)
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    three = np.frombuffer(data, np.uint8).reshape(-1, 3)
    wide[:, 1:] = three if order == "<" else three[:, ::-1]
    return wide.view("<i4")[:, 0].astype(np.int32)


def _mulaw_table() -> NDArray[np.float32]:
    """ITU-T G.711, mu-law: 8 bits -> 14, here as 16."""
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return (np.where(code & 0x80, -size, size) / 32768).astype(np.float32)


def _alaw_table() -> NDArray[np.float32]:
    """ITU-T G.711, A-law: 8 bits -> 13, here as 16."""
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + np.where(segment, 0x108, 8) << np.maximum(segment - 1, 0)
    return (np.where(code & 0x80, size, -size) / 32768).astype(np.float32)


_MULAW, _ALAW = _mulaw_table(), _alaw_table()
