"""The transform is orthonormal, reconstructs perfectly, and streams."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from secousti.p2psyn.mdct import IMDCT, MDCT, spectrum


@pytest.mark.parametrize("size", [20, 40, 50, 200])
def test_perfect_reconstruction_and_energy(size: int) -> None:
    audio = torch.randn(2, 1, 30 * size)
    coefficients = spectrum(MDCT(size), audio)
    assert coefficients.shape == (2, size, 31)
    back = IMDCT(size)(coefficients)[0][..., size:]
    torch.testing.assert_close(back, audio, atol=1e-5, rtol=0)
    torch.testing.assert_close(coefficients.square().sum(), audio.square().sum(), rtol=1e-5, atol=0)


def test_spectrum_of_any_length() -> None:
    audio = torch.randn(1, 1, 101)
    coefficients = spectrum(MDCT(40), audio)
    assert coefficients.shape[-1] == 4
    back = IMDCT(40)(coefficients)[0][..., 40:]
    torch.testing.assert_close(back, F.pad(audio, (0, 19)), atol=1e-5, rtol=0)


def test_formula() -> None:
    """Against the definition, one coefficient at a time."""
    size, audio = 4, torch.randn(1, 1, 16)
    coefficients = MDCT(size)(audio)[0]
    padded = F.pad(audio[0, 0], (size, 0)).double()
    n = torch.arange(2 * size).double()
    window = torch.sin(torch.pi / (2 * size) * (n + 0.5))
    for t in range(4):
        for k in range(size):
            wave = torch.cos(torch.pi / size * (n + 0.5 + size / 2) * (k + 0.5))
            block = padded[t * size : (t + 2) * size]
            want = (2 / size) ** 0.5 * (window * wave * block).sum()
            assert abs(float(coefficients[0, k, t]) - float(want)) < 1e-5


@pytest.mark.parametrize("frames", [1, 3, 7])
def test_streams(frames: int) -> None:
    mdct, imdct = MDCT(40), IMDCT(40)
    audio = torch.randn(2, 1, 40 * 22)
    coefficients, _ = mdct(audio)
    sound, _ = imdct(coefficients)
    forward, inverse = mdct.init_state(2), imdct.init_state(2)
    parts, sounds = [], []
    for piece in audio.split(40 * frames, dim=-1):
        part, forward = mdct(piece, forward)
        heard, inverse = imdct(part, inverse)
        parts.append(part)
        sounds.append(heard)
    torch.testing.assert_close(torch.cat(parts, -1), coefficients, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat(sounds, -1), sound, atol=1e-5, rtol=0)
