"""The expander: loud bands stay, quiet ones fall by the slope, and levels do not matter."""

from __future__ import annotations

import math

import pytest
import torch

from secousti.config import MelConfig
from train.expander import Expander

MEL = MelConfig(mode="causal")


def tone(hz: float, db: float) -> torch.Tensor:
    time = torch.arange(MEL.sample_rate) / MEL.sample_rate
    return 10 ** (db / 20) * torch.sin(2 * math.pi * hz * time)


def level(audio: torch.Tensor, hz: float) -> float:
    """dB of the tone of that frequency in the middle of the audio."""
    turns = torch.arange(5000, 15000) / MEL.sample_rate * hz
    wave = torch.polar(torch.hann_window(10000), 2 * math.pi * turns)
    return 20 * math.log10(abs((audio[5000:15000] * wave).sum()))


def test_loud_bands_stay_and_quiet_ones_fall_by_the_slope():
    audio = tone(500, -20) + tone(3000, -75) + tone(2000, -30)
    quiet = Expander(MEL, 0.5, 30.0)(audio[None])[0]
    assert level(quiet, 500) == pytest.approx(level(audio, 500), abs=0.1)
    assert level(quiet, 2000) == pytest.approx(level(audio, 2000), abs=0.1)
    assert -20 < level(quiet, 3000) - level(audio, 3000) < -5


def test_the_level_of_a_recording_does_not_matter():
    torch.manual_seed(0)
    audio = tone(500, -20)[None] + 1e-3 * torch.randn(1, MEL.sample_rate)
    expander = Expander(MEL, 0.5, 30.0)
    torch.testing.assert_close(expander(audio / 4), expander(audio) / 4, rtol=1e-3, atol=1e-6)


def test_without_a_slope_nothing_changes():
    audio = torch.randn(2, 5000)
    assert Expander(MEL, 0.0, 30.0)(audio) is audio


def test_silence_stays_silence():
    silence = torch.zeros(1, 5000)
    assert torch.equal(Expander(MEL, 0.5, 30.0)(silence), silence)
