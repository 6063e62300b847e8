"""Token statistics of streams with known entropy."""

from __future__ import annotations

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.evaluation.tokens import codebook_statistics, entropy, token_statistics


def test_an_even_codebook_is_used_in_full() -> None:
    found = token_statistics([np.tile(np.arange(8), 50)], 8)
    assert found.utilisation == 1.0
    assert found.entropy == pytest.approx(3.0)
    assert found.perplexity == pytest.approx(8.0)
    assert found.top_share == pytest.approx(1 / 8)
    assert found.conditional_entropy == pytest.approx(0.0, abs=0.02)  # the next is certain


def test_one_token_says_nothing() -> None:
    found = token_statistics([np.zeros(100, np.int64)], 16)
    assert (found.entropy, found.conditional_entropy, found.perplexity) == (0.0, 0.0, 1.0)
    assert (found.utilisation, found.top_share) == (1 / 16, 1.0)


def test_independent_tokens_stay_unknown_after_the_one_before() -> None:
    stream = np.random.default_rng(0).integers(0, 4, 40000)
    found = token_statistics([stream], 4)
    assert found.conditional_entropy == pytest.approx(2.0, abs=0.01)
    assert found.entropy == pytest.approx(2.0, abs=0.01)


def test_pairs_do_not_reach_across_utterances() -> None:
    apart = token_statistics([np.array([0]), np.array([1])], 2)
    assert apart.conditional_entropy == 0.0
    assert apart.tokens == 2


def test_every_codebook_has_its_own_size_and_rate() -> None:
    utterances = [[np.array([0, 1, 2, 3]), np.array([9, 9])]]
    first, second = codebook_statistics(utterances, (4, 10))
    assert (first.tokens, first.utilisation) == (4, 1.0)
    assert (second.tokens, second.utilisation) == (2, 0.1)


def test_ids_outside_the_codebook_are_an_error() -> None:
    with pytest.raises(SecoustiError, match="do not fit a codebook of 4"):
        token_statistics([np.array([0, 4])], 4)


def test_no_tokens_are_no_crash() -> None:
    assert entropy(np.zeros(4, np.int64)) == 0.0
    assert token_statistics([], 4).tokens == 0
