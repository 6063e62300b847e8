"""Packed tokens and varints."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secousti.container.bits import group_shape, pack, packed_size, unpack
from secousti.container.errors import CorruptedError
from secousti.container.varint import decode_varint, encode_varint


@st.composite
def tokens_and_base(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    base = draw(st.one_of(st.sampled_from([2, 3, 1024, 6561]), st.integers(2, 1 << 23)))
    tokens = draw(st.lists(st.integers(0, base - 1), max_size=40))
    return np.array(tokens, np.int64), base


@given(tokens_and_base())
def test_packing_is_undone(case: tuple[np.ndarray, int]) -> None:
    tokens, base = case
    data = pack(tokens, base)
    assert len(data) == packed_size(len(tokens), base)
    np.testing.assert_array_equal(unpack(data, len(tokens), base), tokens)


def test_sizes_of_the_two_codecs() -> None:
    assert group_shape(6561) == (5, 8)  # 12.8 bits a token
    assert group_shape(1024) == (4, 5)  # 10 bits, none wasted
    assert packed_size(1000, 6561) == 1600
    assert packed_size(1, 6561) == 2


@given(st.integers(2, 1 << 23))
def test_a_group_is_the_best_of_its_kind(base: int) -> None:
    count, size = group_shape(base)
    assert base**count <= 256**size
    best = max(math.floor(8 * m / math.log2(base) + 1e-9) / m for m in range(1, 9))
    assert count / size == pytest.approx(best)


@given(tokens_and_base(), st.data())
def test_bytes_that_no_tokens_give_are_refused(
    case: tuple[np.ndarray, int], data: st.DataObject
) -> None:
    """Any bytes either unpack to tokens that pack to them again, or are an error."""
    tokens, base = case
    raw = data.draw(st.binary(min_size=packed_size(len(tokens), base), max_size=400))
    try:
        found = unpack(raw, len(tokens), base)
    except CorruptedError:
        return
    assert pack(found, base) == raw


@given(st.integers(0, (1 << 63) - 1), st.binary(max_size=3))
def test_varints(value: int, rest: bytes) -> None:
    data = encode_varint(value)
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert decode_varint(data + rest) == (value, len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 10])
def test_malformed_varints(data: bytes) -> None:
    with pytest.raises(CorruptedError):
        decode_varint(data)
