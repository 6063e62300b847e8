"""Mel losses that weigh an error as a listener does (not in the paper).

The mean squared error of a log-mel counts the noise floor like a vowel. A short token cannot hold
both, so what it keeps is decided by the loss. Two terms say what matters: ``LoudnessLoss``
compares the loudness of every band (after PESQ, ITU-T P.862), ``IntelligibilityLoss`` how the
envelope of every third of an octave rises and falls (after STOI, Taal et al. 2011). Both are
computed on mel frames, so that neither a vocoder nor a waveform is needed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from secousti.audio.mel import slaney_filterbank
from secousti.config import MelConfig
from train.codec.losses import masked_mean

_EXPONENT = 0.23  # Zwicker's law: loudness grows with this power of the sound's power
_THRESHOLD_DB = 50.0  # of hearing, below the mean power of a band where somebody speaks
_DEAD_ZONE = 0.25  # of the quieter loudness: differences below it are masked
_ADDED = 0.3  # weight of the asymmetric disturbance beside the symmetric one, as in P.862
_ACTIVE = 4.6  # nats of amplitude below the loudest frame (40 dB) at which speech counts
_SEGMENT = 0.384  # s over which envelopes are correlated
_BANDS, _LOWEST = 15, 150.0  # thirds of an octave, Hz


class LoudnessLoss(nn.Module):
    """Disturbance of loudness between two log-mels, mean over the frames that count.

    What is added weighs more than what is missing, and what is masked by the louder sound
    nothing. Levels are those of the target: it is as loud as a listener turns it.
    """

    widths: Tensor

    def __init__(self, mel: MelConfig) -> None:
        super().__init__()
        edges = _bark(_edges(mel))
        self.register_buffer("widths", torch.from_numpy(np.diff(edges)).float(), persistent=False)

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Log-mels (natural, of amplitude) [B, n_mels, T] and bool [B, T] -> float32 scalar."""
        prediction, target = prediction.float(), target.float()
        level = _speech_level(target, mask)[:, None, None]
        ours, wanted = _power(prediction - level), _power(target - level)
        loud, wanted_loud = _loudness(ours), _loudness(wanted)
        difference = loud - wanted_loud
        dead = _DEAD_ZONE * torch.minimum(loud, wanted_loud).clamp(min=0)
        audible = torch.sign(difference) * torch.relu(difference.abs() - dead)
        widths = (self.widths / self.widths.sum())[:, None]
        symmetric = ((audible.square() * widths).sum(1) + 1e-6).sqrt()
        added = ((ours + 1e-5) / (wanted + 1e-5)).detach().pow(1.2)
        added = torch.where(added < 3, 0, added.clamp(max=12))
        asymmetric = (audible.abs() * added * widths).sum(1)
        return masked_mean(symmetric + _ADDED * asymmetric, mask)


class IntelligibilityLoss(nn.Module):
    """1 - mean correlation of third-octave envelopes over 384 ms, where somebody speaks."""

    bands: Tensor

    def __init__(self, mel: MelConfig) -> None:
        super().__init__()
        self.register_buffer("bands", third_octaves(mel), persistent=False)
        self.frames = round(_SEGMENT * mel.sample_rate / mel.hop_length)
        self.step = max(self.frames // 8, 1)

    def forward(self, prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Log-mels (natural, of amplitude) [B, n_mels, T] and bool [B, T] -> float32 scalar."""
        if target.shape[-1] < self.frames:
            return prediction.new_zeros((), dtype=torch.float32)
        active = _active(target.float(), mask)
        level = _speech_level(target.float(), mask)[:, None, None]
        ours, wanted = (self._envelopes(x.float() - level) for x in (prediction, target))
        weight = active.float().unfold(-1, self.frames, self.step).mean(-1)  # [B, segments]
        correlation = (_normalised(ours) * _normalised(wanted)).sum(-1).mean(1)
        return 1 - (correlation * weight).sum() / weight.sum().clamp(min=1e-6)

    def _envelopes(self, mel: Tensor) -> Tensor:
        """Amplitude of each band, in segments: [B, bands, segments, frames]."""
        amplitude = (self.bands @ _power(mel) + 1e-8).sqrt()
        return amplitude.unfold(-1, self.frames, self.step)


def third_octaves(mel: MelConfig) -> Tensor:
    """float32 [15, n_mels]: power of mel bands -> power of thirds of an octave from 150 Hz on."""
    frequencies = np.linspace(0, mel.sample_rate / 2, mel.n_fft // 2 + 1)
    filters = slaney_filterbank(mel).double().numpy()
    centres = (filters * frequencies).sum(1) / filters.sum(1)
    spread = np.stack([np.interp(frequencies, centres, row) for row in np.eye(mel.n_mels)], 1)
    middles = _LOWEST * 2 ** (np.arange(_BANDS) / 3)
    inside = [(frequencies >= m / 2 ** (1 / 6)) & (frequencies < m * 2 ** (1 / 6)) for m in middles]
    # A low band narrower than a bin still has the bin nearest to its middle.
    nearest = np.abs(frequencies[None] - middles[:, None]).argmin(1)
    rows = np.stack(inside).astype(float)
    rows[np.arange(_BANDS), nearest] = 1
    return torch.from_numpy(rows @ spread).float()


def _power(mel: Tensor) -> Tensor:
    return torch.exp(2 * mel.clamp(max=6.0))


def _loudness(power: Tensor) -> Tensor:
    """Zwicker's law above the threshold; 1 is one doubling of the threshold's sensation."""
    threshold = 10 ** (-_THRESHOLD_DB / 10)
    return (0.5 + 0.5 * power / threshold).pow(_EXPONENT) - 1


def _frame_level(mel: Tensor) -> Tensor:
    """[B, n_mels, T] -> log of the root mean power of a frame [B, T]."""
    return 0.5 * (torch.logsumexp(2 * mel, dim=1) - np.log(mel.shape[1]))


def _active(target: Tensor, mask: Tensor) -> Tensor:
    """bool [B, T]: frames within 40 dB of the loudest one that counts."""
    level = _frame_level(target).masked_fill(~mask, -torch.inf)
    return mask & (level > level.amax(1, keepdim=True) - _ACTIVE)


def _speech_level(target: Tensor, mask: Tensor) -> Tensor:
    """Log of the root mean power of a band in active frames, [B]."""
    active = _active(target, mask)
    level = (2 * _frame_level(target)).masked_fill(~active, -torch.inf)
    total = torch.logsumexp(level, dim=1) - active.sum(1).clamp(min=1).log()
    return 0.5 * torch.nan_to_num(total, neginf=0.0)


def _normalised(envelopes: Tensor) -> Tensor:
    """Zero mean and unit length over the last dimension."""
    centred = envelopes - envelopes.mean(-1, keepdim=True)
    return centred / (centred.square().sum(-1, keepdim=True) + 1e-6).sqrt()


def _edges(mel: MelConfig) -> np.ndarray:
    """Hz [n_mels + 1]: where the middles of neighbouring mel bands meet."""
    filters = slaney_filterbank(mel).double().numpy()
    frequencies = np.linspace(0, mel.sample_rate / 2, mel.n_fft // 2 + 1)
    centres = (filters * frequencies).sum(1) / filters.sum(1)
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def _bark(hz: np.ndarray) -> np.ndarray:
    """Traunmueller's formula."""
    return np.asarray(26.81 * hz / (1960 + hz) - 0.53)
