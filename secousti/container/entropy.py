"""Range-coded tokens with exact integer models (the coder is the ``constriction`` library).

Every run is coded by itself with one of three models, whichever is shortest: ``UNIFORM`` spends
log2 K bits a token; the others learn while they code, from the digits of a token (the FSQ levels,
so a product of small alphabets), alone (``ORDER0``) or after the same digit of the token before
(``ORDER1``). Their probabilities are integers out of 2**20, handed to the coder as exactly
representable doubles, so every machine makes the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import constriction
import numpy as np
from numpy.typing import NDArray

from secousti.container.errors import CorruptedError
from secousti.container.limits import MAX_ADAPTIVE_LEVEL

UNIFORM, ORDER0, ORDER1 = 0, 1, 2
PRECISION = 20  # bits of an adaptive probability
MAX_ORDER1_LEVEL = 64  # its table has levels squared entries for each digit
_INCREMENT = 2  # counts start at 1: the Krichevsky-Trofimov estimator, doubled


class DigitModel:
    """Adaptive frequencies of every digit of a token.

    Args:
        levels: alphabet of each digit, first digit least significant; product = codebook size.
        order: 0, or 1 to condition on the same digit of the previous token.
    """

    def __init__(self, levels: Sequence[int], order: int) -> None:
        self._width = max(levels)
        self._order = order
        self._digit = np.arange(len(levels))
        contexts = self._width + 1 if order else 1  # the last one: there is no previous token
        counts = np.arange(self._width) < np.array(levels)[:, None]
        self._counts = np.repeat(counts[:, None].astype(np.int64), contexts, axis=1)
        self._context = np.full(len(levels), contexts - 1)

    def probabilities(self) -> NDArray[np.float64]:
        """[D, max(levels)] of the next token's digits: integers / 2**20 that sum to one."""
        counts = self._counts[self._digit, self._context]  # [D, n]
        room = (1 << PRECISION) - self._width
        shares = np.where(counts > 0, counts * room // counts.sum(1, keepdims=True) + 1, 0)
        shares[:, 0] += (1 << PRECISION) - shares.sum(1)
        return shares / float(1 << PRECISION)

    def update(self, digits: NDArray[np.int32]) -> None:
        """Learn the digits [D] just coded."""
        self._counts[self._digit, self._context, digits] += _INCREMENT
        if self._order:
            self._context = digits.astype(np.int64)


def compress(
    tokens: NDArray[np.int64], codebook_size: int, levels: Sequence[int]
) -> tuple[int, bytes]:
    """The shortest model's number and code words for tokens [N], N >= 1."""
    candidates = [(UNIFORM, _compress_uniform(tokens, codebook_size))]
    digits = _to_digits(tokens, levels)
    for model in _adaptive_models(levels):
        candidates.append((model, _compress_digits(digits, DigitModel(levels, model - ORDER0))))
    return min(candidates, key=lambda candidate: len(candidate[1]))


def decompress(
    model: int, data: bytes, count: int, codebook_size: int, levels: Sequence[int]
) -> NDArray[np.int64]:
    """Tokens int64 [count] from ``compress``'s model number and bytes.

    Raises:
        CorruptedError: an unknown model, or bytes that it could not have written.
    """
    if len(data) % 4:
        raise CorruptedError("its range code is not made of 32-bit words")
    decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    try:
        if model == UNIFORM:
            uniform = constriction.stream.model.Uniform(codebook_size)
            return np.asarray(decoder.decode(uniform, count), np.int64)
        if model in _adaptive_models(levels):
            return _decompress_digits(decoder, count, levels, DigitModel(levels, model - ORDER0))
    except (AssertionError, ValueError) as error:
        raise CorruptedError(f"its range code is invalid ({error})") from error
    if model == ORDER0:
        raise CorruptedError(
            f"its entropy model is for digits of at most {MAX_ADAPTIVE_LEVEL} values, and the "
            f"header says {max(levels)}"
        )
    raise CorruptedError(f"its entropy model {model} does not exist")


def _adaptive_models(levels: Sequence[int]) -> list[int]:
    if max(levels) > MAX_ADAPTIVE_LEVEL:
        return []
    return [ORDER0, ORDER1] if max(levels) <= MAX_ORDER1_LEVEL else [ORDER0]


def _words(encoder: constriction.stream.queue.RangeEncoder) -> bytes:
    return encoder.get_compressed().astype("<u4").tobytes()


def _compress_uniform(tokens: NDArray[np.int64], codebook_size: int) -> bytes:
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(tokens.astype(np.int32), constriction.stream.model.Uniform(codebook_size))
    return _words(encoder)


def _compress_digits(digits: NDArray[np.int32], model: DigitModel) -> bytes:
    encoder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    for row in digits:
        encoder.encode(row, family, model.probabilities())
        model.update(row)
    return _words(encoder)


def _decompress_digits(
    decoder: constriction.stream.queue.RangeDecoder,
    count: int,
    levels: Sequence[int],
    model: DigitModel,
) -> NDArray[np.int64]:
    family = constriction.stream.model.Categorical(perfect=False)
    digits = np.empty((count, len(levels)), np.int64)
    for row in digits:
        row[:] = decoder.decode(family, model.probabilities())
        if (row >= levels).any():
            raise CorruptedError("it holds a token outside the codebook")
        model.update(row.astype(np.int32))
    return digits @ _place_values(levels)


def _place_values(levels: Sequence[int]) -> NDArray[np.int64]:
    return np.array([math.prod(levels[:i]) for i in range(len(levels))], np.int64)


def _to_digits(tokens: NDArray[np.int64], levels: Sequence[int]) -> NDArray[np.int32]:
    """[N] -> [N, D], first digit least significant."""
    return (tokens[:, None] // _place_values(levels) % np.array(levels)).astype(np.int32)
