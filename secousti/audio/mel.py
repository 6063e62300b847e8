"""Log-mel spectrogram, whole or as a stream (release, section 1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.config import MelConfig

LOG_FLOOR = 1e-5
MIDDLE, SPREAD = -5.0, 2.5  # of log-mels of speech, roughly
_BLOCK = 8192  # frames transformed at once, so that an hour of audio needs no gigabytes


def slaney_filterbank(config: MelConfig) -> Tensor:
    """Slaney-scale, area-normalised triangular filters, float32 [n_mels, n_fft // 2 + 1].

    The same matrix as ``librosa.filters.mel`` with its defaults (tests compare them), without
    librosa's import time.
    """
    freqs = np.linspace(0.0, config.sample_rate / 2, config.n_fft // 2 + 1)
    low, high = _hz_to_mel(np.array([config.fmin, config.fmax]))
    edges = _mel_to_hz(np.linspace(low, high, config.n_mels + 2))
    ramps = edges[:, None] - freqs[None, :]
    widths = np.diff(edges)[:, None]
    rising = -ramps[:-2] / widths[:-1]
    falling = ramps[2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges[2:] - edges[:-2])
    return torch.from_numpy(triangles * area[:, None]).float()


# Slaney's scale: linear up to 1000 Hz (15 mel), then 27 mel per factor of 6.4.
_LINEAR_STEP = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_STEP
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    log = _LOG_START_MEL + np.log(np.maximum(hz, _LOG_START_HZ) / _LOG_START_HZ) / _LOG_STEP
    return np.where(hz >= _LOG_START_HZ, log, hz / _LINEAR_STEP)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    log = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel >= _LOG_START_MEL, log, mel * _LINEAR_STEP)


class LogMel(nn.Module):
    """``ln(max(mel(|STFT|), 1e-5))`` of audio [B, N] -> [B, n_mels, T].

    Computed in float32, or as ``compute_in`` says.

    Causal frame t ends with sample ``hop * (t + 1)``; centered frame t spans
    ``hop * t - (n_fft - hop) / 2`` on, with reflected ends, and there are ``N // hop`` of them.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        # Derived from the configuration, so never part of the weights.
        self.register_buffer("filters", slaney_filterbank(config), persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    @property
    def channels(self) -> int:
        """Rows of its output."""
        return self.config.n_mels

    def compute_in(self, dtype: torch.dtype) -> None:
        """Compute in float32 or float64 from now on, with the same filters.

        float32 rounds quiet bands by up to 1e-4, in a chunk not as in a whole recording.
        """
        self.filters, self.window = self.filters.to(dtype), self.window.to(dtype)

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> LogMel:
        """Moves to devices, but keeps its precision: a model cast to bfloat16 has the same mel."""
        filters, window = self.filters, self.window
        super()._apply(fn, recurse)
        self.filters = filters.to(self.filters.device)
        self.window = window.to(self.window.device)
        return self

    @property
    def overlap(self) -> int:
        """Samples a frame shares with the next one."""
        return self.config.n_fft - self.config.hop_length

    def num_frames(self, num_samples: int, multiple: int = 1) -> int:
        """Frames of a recording; causal audio is padded to a ``multiple`` of frames."""
        hop = self.config.hop_length
        if self.config.mode == "centered":
            return max(num_samples // hop, 1)
        return -(-num_samples // (hop * multiple)) * multiple

    def forward(self, wav: Tensor, multiple: int = 1) -> Tensor:
        """[B, N] (N >= 1, no padding inside) -> [B, n_mels, ``num_frames(N, multiple)``]."""
        return self.frames(self.pad(wav, multiple))

    def pad(self, wav: Tensor, multiple: int = 1) -> Tensor:
        """The signal with the padding of both ends, ready for ``frames``."""
        if self.config.mode == "causal":
            total = self.num_frames(wav.shape[-1], multiple) * self.config.hop_length
            return F.pad(wav, (self.overlap, total - wav.shape[-1]))
        half = self.overlap // 2
        wav = F.pad(wav, (0, max(0, half + 1 - wav.shape[-1])))  # reflection needs half + 1
        return F.pad(wav[:, None], (half, half), mode="reflect")[:, 0]

    def frames(self, padded: Tensor) -> Tensor:
        """Whole frames of an already padded signal [B, N] -> [B, n_mels, T]."""
        hop, size = self.config.hop_length, self.config.n_fft
        count = (padded.shape[-1] - size) // hop + 1
        blocks = [
            self._transform(padded[:, hop * t : hop * (min(t + _BLOCK, count) - 1) + size])
            for t in range(0, count, _BLOCK)
        ]
        return torch.cat(blocks, dim=-1) if len(blocks) > 1 else blocks[0]

    def _transform(self, padded: Tensor) -> Tensor:
        spectrum = torch.stft(
            padded.to(self.window.dtype),
            self.config.n_fft,
            self.config.hop_length,
            window=self.window,
            center=False,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        magnitude = torch.sqrt(power + 1e-9)
        return torch.log(torch.clamp(self.filters @ magnitude, min=LOG_FLOOR))


class MelStream:
    """Log-mel frames of one stream, from chunks of any size; equal to the offline result."""

    def __init__(self, mel: LogMel, multiple: int = 1) -> None:
        self.mel = mel
        self.multiple = multiple
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        self._samples = 0
        self._started = self.mel.config.mode == "causal"
        start = self.mel.overlap if self._started else 0
        self._buffer = self.mel.filters.new_zeros(start)

    def push(self, samples: Tensor) -> Tensor:
        """Samples [N] (N >= 0) -> the frames they complete, [channels, T] (T >= 0)."""
        self._samples += samples.shape[-1]
        self._buffer = torch.cat([self._buffer, samples.to(self._buffer)])
        half = self.mel.overlap // 2
        if not self._started:
            if self._samples <= half:
                return self._no_frames()
            mirrored = self._buffer[1 : half + 1].flip(0)
            self._buffer = torch.cat([mirrored, self._buffer])
            self._started = True
        return self._emit()

    def flush(self) -> Tensor:
        """The frames that only the end of the stream completes; then the stream starts anew."""
        if self._samples == 0:
            self.reset()
            return self._no_frames()
        if self.mel.config.mode == "causal":
            total = self.mel.num_frames(self._samples, self.multiple)
            missing = total * self.mel.config.hop_length - self._samples
            self._buffer = F.pad(self._buffer, (0, missing))
        elif not self._started:
            self._buffer = self.mel.pad(self._buffer[None])[0]
        else:
            half = self.mel.overlap // 2
            mirrored = self._buffer[-half - 1 : -1].flip(0)
            self._buffer = torch.cat([self._buffer, mirrored])
        frames = self._emit()
        self.reset()
        return frames

    def _emit(self) -> Tensor:
        hop, size = self.mel.config.hop_length, self.mel.config.n_fft
        count = (self._buffer.shape[-1] - size) // hop + 1
        if count <= 0:
            return self._no_frames()
        frames = self.mel.frames(self._buffer[None, : hop * (count - 1) + size])[0]
        self._buffer = self._buffer[hop * count :]
        return frames

    def _no_frames(self) -> Tensor:
        return self._buffer.new_zeros(self.mel.channels, 0)
