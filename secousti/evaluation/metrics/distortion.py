"""Distances between waveforms and spectra: SI-SDR, LSD, log-mel L1, MCD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.evaluation.metrics.base import Metric, Requirement, Sample, Score, Undefined

RATE = 16000
# power relative to full scale: -100 dB, near the noise of 16-bit samples
FLOOR = 1e-10


def power_spectrogram(samples: NDArray[np.float32], size: int, hop: int) -> NDArray[np.float64]:
    """Hann power spectrogram ``[frames, size // 2 + 1]``; frames lie wholly inside the signal.

    Divided by the window's energy: white noise of power p has p in every bin.
    """
    padded = np.pad(samples.astype(np.float64), (0, max(0, size - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    return np.abs(np.fft.rfft(frames * window)) ** 2 / (window**2).sum()


@dataclass
class SiSdr(Metric):
    """Scale-invariant signal-to-distortion ratio of the mean-free waveforms, in dB.

    Limited to +-100 dB, so that identical and unrelated signals have finite values.
    """

    name = "si_sdr"
    label = "SI-SDR"
    direction = "higher"
    unit = "dB"
    source = "Le Roux et al. 2019, equation 3"

    def compute(self, sample: Sample) -> Score:
        reference, degraded = (signal.astype(np.float64) for signal in sample.pair(RATE))
        reference, degraded = reference - reference.mean(), degraded - degraded.mean()
        if not reference.any() or not degraded.any():
            raise Undefined("SI-SDR is undefined: one of the recordings is silent")
        target = (degraded @ reference) / (reference @ reference) * reference
        noise = degraded - target
        ratio = (target @ target + 1e-30) / (noise @ noise + 1e-30)
        return Score(float(np.clip(10 * np.log10(ratio), -100, 100)))


@dataclass
class LogSpectralDistance(Metric):
    """Root mean square difference of log10 power spectra over bins, then the mean over frames.

    16 kHz, Hann 1024, hop 256, power floored at -100 dB of full scale. The unit is bel (log10
    of power): times ten it is decibel. No level correction: a wrong level is an error.
    """

    name = "lsd"
    label = "LSD"
    direction = "lower"
    unit = "B"
    source = "Gray and Markel 1976, in log10 power"

    def compute(self, sample: Sample) -> Score:
        logs = [
            np.log10(np.maximum(power_spectrogram(signal, 1024, 256), FLOOR))
            for signal in sample.pair(RATE)
        ]
        return Score(float(np.sqrt(((logs[0] - logs[1]) ** 2).mean(axis=1)).mean()))


@dataclass
class LogMelDistance(Metric):
    """Mean absolute difference of log-mel spectrograms, in nats.

    80 bands of magnitudes to 8 kHz as the codecs' mels are: 22.05 kHz, Hann 1024, hop 256, the
    logarithm floored at 1e-5.
    """

    name = "mel_l1"
    label = "Mel L1"
    direction = "lower"
    unit = "nat"
    source = "Kong et al. 2020 (HiFi-GAN), the mel-spectrogram loss"

    def compute(self, sample: Sample) -> Score:
        import torch

        from secousti.audio.mel import LogMel
        from secousti.config import MelConfig

        config = MelConfig(mode="causal")
        mel = LogMel(config)
        ours, wanted = (mel(torch.from_numpy(x)[None]) for x in sample.pair(config.sample_rate))
        return Score(float((ours - wanted).abs().mean()))


@dataclass
class MelCepstralDistortion(Metric):
    """Mel-cepstral distortion in dB: Kubichek's 10 sqrt(2) / ln 10 times the distance.

    Cepstra 1 to 13 (the level, c0, is left out) of 80 log mel bands at 16 kHz, Hann 1024, hop
    256, orthonormal DCT-II; frames are compared in place, without time warping.
    """

    name = "mcd"
    label = "MCD"
    direction = "lower"
    unit = "dB"
    requires = (Requirement("scipy"), Requirement("librosa"))
    source = "Kubichek 1993"

    def compute(self, sample: Sample) -> Score:
        reference, degraded = (self._cepstra(signal) for signal in sample.pair(RATE))
        distances = np.sqrt(((reference - degraded) ** 2).sum(axis=1))
        return Score(float(10 * np.sqrt(2) / np.log(10) * distances.mean()))

    def _cepstra(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        from librosa.filters import mel
        from scipy.fft import dct

        bank = mel(sr=RATE, n_fft=1024, n_mels=80)  # [80, bins]
        energies = np.maximum(power_spectrogram(samples, 1024, 256) @ bank.T, FLOOR)
        return dct(0.5 * np.log(energies), norm="ortho")[:, 1:14] * np.sqrt(2 / 80)
