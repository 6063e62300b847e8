"""Audio for the tests of P2PSynCodec."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(scope="session")
def speech() -> torch.Tensor:
    """Two seconds of amplitude-modulated noise and tones, float32 [32000]."""
    generator = torch.Generator().manual_seed(3)
    t = torch.arange(32000) / 16000
    tone = torch.sin(2 * torch.pi * 170 * t) + 0.5 * torch.sin(2 * torch.pi * 510 * t)
    noise = torch.randn(32000, generator=generator)
    return 0.1 * torch.sin(2 * torch.pi * 3 * t).square() * (tone + 0.5 * noise)
