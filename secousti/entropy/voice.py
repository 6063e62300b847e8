"""A code for voices: the principal parts of many, each in as many bits as it is worth.

A voice is the sum of ``mean`` and so much of every row of ``basis``. Amounts are quantized in equal
steps over ``reach``; a code of 8, 16 or 24 bytes gives each row its number of bits, most for the
rows in which voices differ most after the decoder's linear map of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

SIZES = (8, 16, 24)  # bytes
# Of the voices of a stream: the first ones, of little speech, are known roughly anyway.
SCHEDULE = (8, 8, 16, 24)
STEPS = 127  # a voice's numbers are integers / 127


class VoiceCode:
    """Voices as bytes.

    Args:
        tensors: ``mean`` float32 [N], ``basis`` float32 [N, N] (rows), ``analysis`` float32
            [N, N], which takes a voice to its amounts, ``reach`` float32 [N], ``bits`` uint8
            [3, N].

    Raises:
        ValueError: tensors of other shapes, or bits that do not make whole codes.
    """

    def __init__(self, tensors: Mapping[str, NDArray]) -> None:
        self.tensors = dict(tensors)
        size = len(tensors["mean"])
        shapes = {"basis": (size, size), "analysis": (size, size), "reach": (size,)}
        for name, shape in {"mean": (size,), **shapes, "bits": (len(SIZES), size)}.items():
            if tensors[name].shape != shape or not np.isfinite(tensors[name]).all():
                raise ValueError(f"{name} must be finite and of shape {list(shape)}")
        bits = tensors["bits"].astype(int)
        if bits.min() < 0 or bits.max() > 16 or (bits.sum(1) != 8 * np.array(SIZES)).any():
            raise ValueError("the bits of a voice do not make codes of 8, 16 and 24 bytes")
        self._bits = dict(zip(SIZES, bits.tolist(), strict=True))
        self._mean = tensors["mean"].astype(np.float64)
        self._basis = tensors["basis"].astype(np.float64)
        self._analysis = tensors["analysis"].astype(np.float64)
        self._reach = tensors["reach"].astype(np.float64)

    @property
    def size(self) -> int:
        """Numbers of a voice."""
        return len(self._mean)

    def encode(self, codes: NDArray[np.int8], place: int | None = None) -> bytes:
        """A voice [N] (value * 127) as bytes: 24, or fewer for the first voices of a stream."""
        size = SIZES[-1] if place is None else SCHEDULE[min(place, len(SCHEDULE) - 1)]
        amounts = self._analysis @ (codes / STEPS - self._mean) / self._reach  # [-1, 1]
        value = 0
        for amount, bits in zip(amounts, self._bits[size], strict=True):
            steps = 1 << bits
            value = value << bits | int(np.clip((amount + 1) / 2 * steps, 0, steps - 1))
        return value.to_bytes(size, "big")

    def decode(self, data: bytes) -> NDArray[np.int8]:
        """A voice [N] of its bytes.

        Raises:
            ValueError: another number of bytes than a voice has.
        """
        if len(data) not in self._bits:
            raise ValueError(f"{len(data)} bytes, and a voice has 8, 16 or 24")
        value, amounts = int.from_bytes(data, "big"), []
        for bits in reversed(self._bits[len(data)]):
            steps = 1 << bits
            amounts.append((2 * (value % steps) + 1) / steps - 1)
            value //= steps
        voice = self._mean + (np.array(amounts[::-1]) * self._reach) @ self._basis
        return np.round(np.clip(voice, -1, 1) * STEPS).astype(np.int8)
