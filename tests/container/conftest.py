"""Tokens to put into files."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def codes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 6561, 203)
