"""Small vocoders of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from secousti.config import MelConfig
from secousti.vocoder import (
    CausalIstftConfig,
    HifiganConfig,
    HiftConfig,
    VocoderConfig,
    build_vocoder,
)
from secousti.vocoder.base import Vocoder
from secousti.vocoder.hift import HiftVocoder

PARITY = Path(__file__).parents[1] / "fixtures" / "parity"

CONFIGS = {
    "harmonic": VocoderConfig(
        causal_istft=CausalIstftConfig(channels=24, layers=2, pitch_channels=8)
    ),
    "harmonic_wide": VocoderConfig(
        causal_istft=CausalIstftConfig(
            channels=24, layers=2, n_fft=1024, lookahead=3, pitch_channels=8
        )
    ),
    "harmonic_now": VocoderConfig(
        causal_istft=CausalIstftConfig(
            channels=24, layers=2, n_fft=384, lookahead=0, pitch_channels=8
        )
    ),
    "phase": VocoderConfig(
        causal_istft=CausalIstftConfig(channels=24, layers=2, n_fft=1024, source="none")
    ),
    "hifigan": VocoderConfig("hifigan", hifigan=HifiganConfig(channels=32)),
    "hifigan_causal": VocoderConfig("hifigan", hifigan=HifiganConfig(channels=32, causal=True)),
    "hift": VocoderConfig("hift", hift=HiftConfig(channels=32, f0_channels=32)),
}
MEL = MelConfig(n_mels=20)


def toy_vocoder(name: str) -> Vocoder:
    """A small vocoder with random weights (HiFT: those of the parity fixture)."""
    torch.manual_seed(0)
    vocoder = build_vocoder(CONFIGS[name], MEL)
    if isinstance(vocoder, HiftVocoder):
        vocoder.load_release_state(load_file(PARITY / "hift.safetensors"))
    return vocoder.eval().requires_grad_(False)


@pytest.fixture(params=list(CONFIGS))
def vocoder(request: pytest.FixtureRequest) -> Vocoder:
    return toy_vocoder(request.param)


@pytest.fixture
def hift() -> HiftVocoder:
    vocoder = toy_vocoder("hift")
    assert isinstance(vocoder, HiftVocoder)
    return vocoder


@pytest.fixture(scope="session")
def hift_io() -> dict[str, Tensor]:
    return load_file(PARITY / "io_hift.safetensors")


@pytest.fixture(scope="session")
def hift_params() -> dict[str, object]:
    return dict(json.loads((PARITY / "hift_params.json").read_text()))


def toy_mel(batch: int, frames: int) -> Tensor:
    """Log-mel like numbers, [B, 20, T]."""
    generator = torch.Generator().manual_seed(frames)
    return torch.randn(batch, MEL.n_mels, frames, generator=generator) * 1.5 - 4
