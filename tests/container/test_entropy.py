"""Range-coded tokens: exact, never longer than uniform, and decodable from the specification."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.container.entropy import ORDER0, ORDER1, UNIFORM, compress, decompress
from secousti.container.errors import CorruptedError

FSQ = (3,) * 8


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, int, tuple[int, ...]]:
    levels = draw(st.sampled_from([FSQ, (8, 5, 5, 5), (1024,), (2,), (4,) * 5, (7, 3)]))
    size = math.prod(levels)
    few = draw(st.integers(1, size))  # skewed: only the first few tokens occur
    tokens = draw(st.lists(st.integers(0, few - 1), min_size=1, max_size=60))
    return np.array(tokens, np.int64), size, levels


@given(runs())
@settings(deadline=None)
def test_coding_is_undone(run: tuple[np.ndarray, int, tuple[int, ...]]) -> None:
    tokens, size, levels = run
    model, data = compress(tokens, size, levels)
    np.testing.assert_array_equal(decompress(model, data, len(tokens), size, levels), tokens)


def test_uniform_tokens_cost_log2_of_the_codebook() -> None:
    tokens = np.random.default_rng(0).integers(0, 6561, 4096)
    _, data = compress(tokens, 6561, FSQ)
    assert 8 * len(data) <= math.log2(6561) * 4096 + 64
    assert 8 * len(data) / 4096 < 12.8  # what packing takes


def test_speech_like_tokens_cost_less() -> None:
    """Digits that prefer the middle level, and digits that stay: each model finds its own."""
    rng = np.random.default_rng(0)
    middle = rng.choice(3, (2000, 8), p=[0.2, 0.6, 0.2]) @ 3 ** np.arange(8)
    model, data = compress(middle, 6561, FSQ)
    entropy = -8 * (0.6 * math.log2(0.6) + 0.4 * math.log2(0.2))
    assert model == ORDER0
    assert 8 * len(data) / 2000 < entropy + 0.15
    digits = rng.integers(0, 3, (2000, 8))
    for t in range(1, 2000):
        digits[t] = np.where(rng.random(8) < 0.7, digits[t - 1], digits[t])
    model, data = compress(digits @ 3 ** np.arange(8), 6561, FSQ)
    stay = 0.7 + 0.1
    assert model == ORDER1
    assert 8 * len(data) / 2000 < -8 * (stay * math.log2(stay) + 0.2 * math.log2(0.1)) + 0.35


def reference_decode(
    model: int, data: bytes, count: int, size: int, levels: tuple[int, ...]
) -> list[int]:
    """docs/sct-format.md in plain integers, without the library."""
    words = [int(word) for word in np.frombuffer(data, "<u4")]
    mask = (1 << 64) - 1

    def next_word() -> int:
        return words.pop(0) if words else 0

    point = next_word() << 32 | next_word()
    low, span = 0, mask

    def symbol(bounds: list[int]) -> int:
        nonlocal point, low, span
        scale = span >> 24
        quantile = ((point - low) & mask) // scale
        found = max(i for i in range(len(bounds) - 1) if bounds[i] <= quantile)
        low = (low + scale * bounds[found]) & mask
        span = scale * (bounds[found + 1] - bounds[found])
        if span < 1 << 32:
            low, span = low << 32 & mask, span << 32
            point = (point << 32 | next_word()) & mask
        return found

    if model == UNIFORM:
        share = (1 << 24) // size
        return [symbol([i * share for i in range(size)] + [1 << 24]) for _ in range(count)]
    width = max(levels)
    fresh = [[1 if i < level else 0 for i in range(width)] for level in levels]
    counts: dict[tuple[int, int | None], list[int]] = {}
    previous: list[int | None] = [None] * len(levels)
    tokens = []
    for _ in range(count):
        digits = []
        for d in range(len(levels)):
            place = (d, previous[d] if model == ORDER1 else None)
            seen = counts.setdefault(place, list(fresh[d]))
            shares = [c * ((1 << 20) - width) // sum(seen) + 1 if c else 0 for c in seen]
            shares[0] += (1 << 20) - sum(shares)
            before = [sum(shares[:i]) for i in range(width)]
            bounds = [b * ((1 << 24) - width) // (1 << 20) + i for i, b in enumerate(before)]
            digit = symbol([*bounds, 1 << 24])
            seen[digit] += 2
            digits.append(digit)
        previous = list(digits)
        tokens.append(sum(x * math.prod(levels[:i]) for i, x in enumerate(digits)))
    return tokens


@given(runs())
@settings(deadline=None, max_examples=50)
def test_the_specification_decodes_every_model(
    run: tuple[np.ndarray, int, tuple[int, ...]],
) -> None:
    from secousti.container import entropy

    tokens, size, levels = run
    coded = {UNIFORM: entropy._compress_uniform(tokens, size)}
    for model in entropy._adaptive_models(levels):
        digits = entropy._to_digits(tokens, levels)
        coded[model] = entropy._compress_digits(digits, entropy.DigitModel(levels, model - ORDER0))
    for model, data in coded.items():
        assert reference_decode(model, data, len(tokens), size, levels) == tokens.tolist()


@given(
    st.integers(0, 255),
    st.binary(max_size=64),
    st.integers(1, 50),
    st.sampled_from([FSQ, (1024,), (8, 5, 5, 5)]),
)
@settings(deadline=None)
def test_any_bytes_give_tokens_or_an_error(
    model: int, data: bytes, count: int, levels: tuple[int, ...]
) -> None:
    size = math.prod(levels)
    try:
        tokens = decompress(model, data, count, size, levels)
    except CorruptedError:
        return
    assert tokens.shape == (count,)
    assert 0 <= tokens.min() <= tokens.max() < size


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(CorruptedError, match="entropy model 9"):
        decompress(9, b"", 1, 6561, FSQ)
