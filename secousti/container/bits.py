"""Packed tokens: groups of base-K digits in whole bytes.

A group of ``n`` tokens in ``m`` bytes is the number ``t[0] + t[1] K + ... + t[n-1] K^(n-1)``,
little-endian. ``n`` and ``m <= 8`` waste the least of any such pair: K = 6561 gives 5 tokens in
8 bytes (12.8 bits a token, 0.9 % above log2 K), K = 1024 gives 4 in 5 (10 bits, nothing wasted).
The last group holds what is left in as few bytes as that needs.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from secousti.container.errors import CorruptedError

MIN_CODEBOOK, MAX_CODEBOOK = 2, 1 << 23


@functools.lru_cache(maxsize=64)
def group_shape(codebook_size: int) -> tuple[int, int]:
    """Tokens and bytes of a full group; of equally good pairs the smallest."""
    pairs = []
    for size in range(1, 9):
        count = _most_tokens(codebook_size, size)
        if count:
            pairs.append((size / count, size, count))
    _, size, count = min(pairs)
    return count, size


def _most_tokens(codebook_size: int, size: int) -> int:
    """The largest n with ``codebook_size ** n <= 256 ** size``."""
    count = 0
    while codebook_size ** (count + 1) <= 256**size:
        count += 1
    return count


def packed_size(count: int, codebook_size: int) -> int:
    """Bytes of ``count`` packed tokens."""
    per_group, size = group_shape(codebook_size)
    groups, rest = divmod(count, per_group)
    return groups * size + _rest_size(rest, codebook_size)


def _rest_size(rest: int, codebook_size: int) -> int:
    return ((codebook_size**rest - 1).bit_length() + 7) // 8


def pack(tokens: NDArray[np.int64], codebook_size: int) -> bytes:
    """Tokens [N] in 0 .. codebook_size - 1 -> bytes."""
    per_group, size = group_shape(codebook_size)
    whole = len(tokens) // per_group * per_group
    groups = tokens[:whole].reshape(-1, per_group)
    rest = tokens[whole:][None]
    return _digits_to_bytes(groups, codebook_size, size) + _digits_to_bytes(
        rest, codebook_size, _rest_size(rest.shape[1], codebook_size)
    )


def unpack(data: bytes, count: int, codebook_size: int) -> NDArray[np.int64]:
    """The ``count`` tokens in ``data``, int64 [count].

    Raises:
        CorruptedError: another number of bytes, or a group that no tokens give.
    """
    if len(data) != packed_size(count, codebook_size):
        raise CorruptedError(f"{len(data)} bytes cannot hold exactly {count} tokens")
    per_group, size = group_shape(codebook_size)
    groups, rest = divmod(count, per_group)
    head = _bytes_to_digits(data[: groups * size], codebook_size, size, per_group)
    tail = _bytes_to_digits(
        data[groups * size :], codebook_size, _rest_size(rest, codebook_size), rest
    )
    return np.concatenate([head, tail])


def _digits_to_bytes(groups: NDArray[np.int64], base: int, size: int) -> bytes:
    """[G, n] digits, lowest first -> G numbers of ``size`` bytes."""
    values = np.zeros(len(groups), np.uint64)
    for digit in groups.T[::-1]:
        values = values * np.uint64(base) + digit.astype(np.uint64)
    return values.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()


def _bytes_to_digits(data: bytes, base: int, size: int, count: int) -> NDArray[np.int64]:
    if not data:
        return np.zeros(0, np.int64)
    padded = np.zeros((len(data) // size, 8), np.uint8)
    padded[:, :size] = np.frombuffer(data, np.uint8).reshape(-1, size)
    values = padded.view("<u8")[:, 0].astype(np.uint64)
    digits = np.empty((len(values), count), np.int64)
    for i in range(count):
        digits[:, i] = values % np.uint64(base)
        values = values // np.uint64(base)
    if values.any():
        raise CorruptedError("it holds a token outside the codebook")
    return digits.reshape(-1)
