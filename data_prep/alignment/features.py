"""Log-mel features of the built-in aligner: centred frames, level and channel taken out.

The aligner may look ahead, so frame ``t`` is centred on sample ``t * HOP``: an event in the sound
and its trace in the features lie at the same time.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torchaudio.functional
from torch import Tensor

from data_prep.alignment.base import SAMPLE_RATE

HOP = 80  # samples: 5 ms
FRAME = HOP / SAMPLE_RATE  # seconds
WINDOW = 400  # samples: 25 ms
N_FFT = 512
N_MELS = 40
F_MIN, F_MAX = 50.0, 7600.0
DYNAMIC_RANGE = 7.5  # nepers of power below the loudest band: 65 dB


def log_mel(audio: Tensor) -> Tensor:
    """float32 ``[N]`` at 16 kHz -> natural log of mel power ``[N // HOP + 1, N_MELS]``."""
    window, banks = _analysis()
    spectrum = torch.stft(
        audio, N_FFT, HOP, WINDOW, window, center=True, pad_mode="constant", return_complex=True
    )
    power = spectrum.real.square() + spectrum.imag.square()  # [F, T]
    return torch.log(banks @ power + 1e-10).T


def normalise(mel: Tensor) -> Tensor:
    """Log-mel ``[T, M]`` with the mean of its louder frames at 0 and a bounded range below.

    Only the louder half of the range counts, so the share of silence in a file does not matter.
    """
    mel = torch.maximum(mel, mel.max() - 2 * DYNAMIC_RANGE)
    energy = mel.mean(dim=1)
    low, high = torch.quantile(energy, torch.tensor([0.05, 0.95]))
    loud = energy >= 0.5 * (low + high)
    return ((mel - mel[loud].mean(dim=0)) / 3.0).clamp(-DYNAMIC_RANGE / 1.5, 3.0)


@lru_cache(maxsize=1)
def _analysis() -> tuple[Tensor, Tensor]:
    window = torch.hann_window(WINDOW)
    banks = torchaudio.functional.melscale_fbanks(
        N_FFT // 2 + 1, F_MIN, F_MAX, N_MELS, SAMPLE_RATE, norm=None, mel_scale="htk"
    )
    return window, banks.T.contiguous()
