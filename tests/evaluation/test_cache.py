"""The store: made once, whole or absent, told apart by content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from secousti.evaluation.audio import Audio
from secousti.evaluation.cache import Cache


def test_a_value_is_made_once_and_found_by_another_process(tmp_path: Path) -> None:
    assert Cache(tmp_path).remember("k", ["a", 1], lambda: [1, 2]) == [1, 2]
    assert Cache(tmp_path).remember("k", ["a", 1], lambda: pytest.fail("again")) == [1, 2]
    assert Cache(tmp_path).remember("k", ["a", 2], lambda: 3) == 3


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    Cache(tmp_path).remember("k", ["a"], lambda: 1)
    (path,) = tmp_path.rglob("*.json")
    path.write_text('{"half')
    assert Cache(tmp_path).remember("k", ["a"], lambda: 2) == 2
    assert Cache(tmp_path).remember("k", ["a"], lambda: pytest.fail("again")) == 2


def test_equal_audio_has_an_equal_key_and_other_audio_another() -> None:
    x = np.zeros(10, np.float32)
    assert Audio(x, 8000).key == Audio(x.copy(), 8000).key
    assert len({Audio(x, 8000).key, Audio(x, 16000).key, Audio(x + 1, 8000).key}) == 3
