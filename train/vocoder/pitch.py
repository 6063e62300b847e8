"""The fundamental of real speech as a training target: YIN (de Cheveigne and Kawahara 2002)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.vocoder.pitch import F0_RANGE

SPAN = 1024  # samples one estimate looks at
_DIP = 0.15  # the first dip this deep is the period
_VOICED = 0.25  # a shallower best dip is no voice
_FLOOR = 1e-6  # mean square below which everything is silence


def yin(audio: Tensor, starts: range, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Fundamental of the ``SPAN`` samples from each of ``starts``.

    Arguments:
        audio: float32 [B, N]; every span lies inside.

    Returns:
        log2 of the fundamental in Hz [B, T], and whether there is one, bool [B, T].
    """
    spans = audio[:, starts.start :].unfold(1, SPAN, starts.step)[:, : len(starts)]
    shortest, longest = (int(sample_rate / hz) for hz in reversed(F0_RANGE))
    dips = _normalised_difference(spans, longest + 2)  # [B, T, lags]
    inner = dips[..., 1:-1]
    is_dip = (inner < dips[..., :-2]) & (inner <= dips[..., 2:])
    is_dip[..., : shortest - 1] = False
    deep = is_dip & (inner < _DIP)
    best = torch.where(is_dip, inner, torch.inf).argmin(-1)
    lag = torch.where(deep.any(-1), deep.float().argmax(-1), best) + 1
    depth = dips.gather(-1, lag[..., None])[..., 0]
    voiced = (depth < _VOICED) & (spans.square().mean(-1) > _FLOOR)
    return torch.log2(sample_rate / _refine(dips, lag)), voiced


def _normalised_difference(spans: Tensor, lags: int) -> Tensor:
    """YIN's cumulative mean normalised difference for lags 0..lags-1, [B, T, lags]."""
    length = SPAN - lags
    head = F.pad(spans[..., :length], (0, lags))
    product = torch.fft.rfft(head).conj() * torch.fft.rfft(spans)
    correlation = torch.fft.irfft(product, n=SPAN)[..., :lags]
    energy = F.pad(spans.double().square().cumsum(-1), (1, 0))
    energies = (energy[..., length : length + lags] - energy[..., :lags]).float()
    difference = (energies[..., :1] + energies - 2 * correlation).clamp(min=0)
    mean = difference.cumsum(-1) / torch.arange(lags, device=spans.device).clamp(min=1)
    return torch.cat(
        [torch.ones_like(mean[..., :1]), difference[..., 1:] / (mean[..., 1:] + 1e-9)], -1
    )


def _refine(dips: Tensor, lag: Tensor) -> Tensor:
    """Lag with the fraction of a sample at which a parabola through the dip is lowest."""
    left, middle, right = (dips.gather(-1, (lag + i)[..., None])[..., 0] for i in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = 0.5 * (left - right) / torch.where(curvature > 1e-9, curvature, torch.inf)
    return lag + shift.clamp(-0.5, 0.5)
