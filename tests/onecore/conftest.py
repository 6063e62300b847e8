"""Toys are small, so their tokens would be made in float32 at every precision."""

from __future__ import annotations

import pytest

from secousti.onecore import linear


@pytest.fixture
def all_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every network were large: int8 wherever there is int8."""
    monkeypatch.setattr(linear, "EXACT_BYTES", 0)
