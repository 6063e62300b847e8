"""A range code (of the ``constriction`` library) in as few bytes as it can end in."""

from __future__ import annotations

import constriction
import numpy as np
from numpy.typing import NDArray

_WORD, _STATE = 32, 64  # bits


def encode(symbols: NDArray[np.int64], tables: list[NDArray[np.float64]]) -> bytes:
    """``symbols`` [N, G], the i-th of each coded with ``tables[i]`` [N, size].

    The code is a fraction, the first byte being its most significant; what is missing at its end
    reads as zeros.
    """
    family = constriction.stream.model.Categorical(perfect=False)
    encoder = constriction.stream.queue.RangeEncoder()
    for n in range(len(symbols)):
        for i, table in enumerate(tables):
            encoder.encode(symbols[n, i : i + 1].astype(np.int32), family, table[n : n + 1])
    return _shortest(encoder)


class Decoder:
    """Reads what ``encode`` wrote, symbol by symbol."""

    def __init__(self, data: bytes) -> None:
        words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(words)
        self._family = constriction.stream.model.Categorical(perfect=False)

    def symbol(self, probabilities: NDArray[np.float64]) -> int:
        """The next symbol.

        Raises:
            ValueError: the bytes are no code.
        """
        try:
            return int(self._decoder.decode(self._family, probabilities[None])[0])
        except AssertionError as error:
            raise ValueError(str(error)) from error


def _shortest(encoder: constriction.stream.queue.RangeEncoder) -> bytes:
    """The fraction with the fewest bytes in the interval that the encoder has come to.

    The library ends with a fraction that any bytes may follow; here zeros do.
    """
    words, (low, span) = encoder.pos()
    sealed = encoder.get_compressed()
    bits = _WORD * words + _STATE
    value = int.from_bytes(sealed.astype(">u4").tobytes(), "big") << (bits - _WORD * len(sealed))
    bottom = value - (value - low) % (1 << _STATE)  # exact: only its last 64 bits were known
    for size in range(bits // 8 + 1):
        step = bits - 8 * size
        rounded = -(-bottom >> step)
        if rounded << step < bottom + span:
            return rounded.to_bytes(size, "big")
    raise AssertionError("an interval holds its own bottom")
