"""Pitch beside the mel spectrogram: the input of the "w/ F0" rows of Table II.

The fundamental is found by YIN (de Cheveigne and Kawahara 2002) in the very samples that a mel
frame sees, so a causal mel stays causal and a stream has the values of the whole recording.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.config import MelConfig, PitchConfig
from secousti.devices import wide_dtype
from secousti.errors import SecoustiError

_DIP = 0.15  # the first dip this deep is the period
_VOICED = 0.25  # a shallower best dip is no voice
_FLOOR = 1e-6  # mean square below which everything is silence
_BLOCK = 512  # frames worked on at once: each takes some 40 KB


class PitchedMel(LogMel):
    """Log-mel with two rows more, [B, n_mels + 2, T]: how high the voice is, and if there is one.

    The height is log2 of the fundamental, -1 at ``fmin`` and 1 at ``fmax``, and 0 without voice;
    the last row is 1 where a frame is voiced and 0 elsewhere.

    Raises:
        SecoustiError: two periods of ``fmin`` do not fit the window of a mel frame.
    """

    def __init__(self, config: MelConfig, pitch: PitchConfig) -> None:
        super().__init__(config)
        lowest = 2 * config.sample_rate / config.n_fft
        if pitch.fmin < lowest:
            raise SecoustiError(
                f"pitch.fmin is {pitch.fmin:g} Hz; a window of {config.n_fft} samples holds two "
                f"periods of {lowest:.0f} Hz or more"
            )
        self.range = (pitch.fmin, pitch.fmax)

    @property
    def channels(self) -> int:
        return self.config.n_mels + 2

    def _transform(self, padded: Tensor) -> Tensor:
        # What is voiced is a decision: in double precision it does not depend on the batch.
        wide = wide_dtype(padded.device)
        frames = padded.unfold(1, self.config.n_fft, self.config.hop_length)  # [B, T, n_fft]
        rows = [self._rows(block.to(wide)) for block in frames.split(_BLOCK, dim=1)]
        mel = super()._transform(padded)
        return torch.cat([mel, torch.cat(rows, dim=-1).to(mel.dtype)], dim=1)

    def _rows(self, frames: Tensor) -> Tensor:
        """[B, T, n_fft] -> [B, 2, T]."""
        octaves, voiced = yin(frames, self.config.sample_rate, self.range)
        low, high = (log2(hz) for hz in self.range)
        height = (2 * (octaves - low) / (high - low) - 1).clamp(-1, 1)
        return torch.stack([torch.where(voiced, height, 0.0), voiced.to(height.dtype)], dim=1)


def yin(spans: Tensor, sample_rate: int, hertz: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Fundamental of stretches of sound, each by itself.

    Args:
        spans: [..., N]; N holds two periods of the lowest fundamental.
        hertz: lowest and highest fundamental that is looked for.

    Returns:
        log2 of the fundamental in Hz [...], and whether there is one, bool [...].
    """
    shortest, longest = (int(sample_rate / hz) for hz in reversed(hertz))
    dips = _normalised_difference(spans, longest + 2)  # [..., lags]
    inner = dips[..., 1:-1]
    is_dip = (inner < dips[..., :-2]) & (inner <= dips[..., 2:])
    is_dip[..., : shortest - 1] = False
    deep = is_dip & (inner < _DIP)
    best = torch.where(is_dip, inner, torch.inf).argmin(-1)
    lag = torch.where(deep.any(-1), deep.to(torch.uint8).argmax(-1), best) + 1
    depth = dips.gather(-1, lag[..., None])[..., 0]
    voiced = (depth < _VOICED) & (spans.square().mean(-1) > _FLOOR)
    return torch.log2(sample_rate / _refine(dips, lag)), voiced


def _normalised_difference(spans: Tensor, lags: int) -> Tensor:
    """YIN's cumulative mean normalised difference for lags 0..lags-1, [..., lags]."""
    size = spans.shape[-1]
    length = size - lags
    head = F.pad(spans[..., :length], (0, lags))
    product = torch.fft.rfft(head).conj() * torch.fft.rfft(spans)
    correlation = torch.fft.irfft(product, n=size)[..., :lags]
    energy = F.pad(spans.double().square().cumsum(-1), (1, 0))
    energies = (energy[..., length : length + lags] - energy[..., :lags]).to(spans.dtype)
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
