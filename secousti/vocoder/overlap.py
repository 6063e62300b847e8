"""Overlap-add of synthesis frames, and the correction of its magnitudes by what the mel says.

A network that predicts spectra at a short window gets the fine structure only roughly right,
although a mel frame tells most of it. ``MagnitudeProjection`` is one step of Griffin and Lim
(1984) with what is known at that moment: the spectra of the mel's own windows keep the phase of
the network's audio and take the magnitudes that fit the mel. It is differentiable, so the
network learns what it is to prepare; a single step, and from the network's audio rather than its
own, so that rounding does not grow along a stream (repeated steps are chaotic).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import slaney_filterbank
from secousti.streaming.state import State, StreamingModule, tensor

if TYPE_CHECKING:
    from secousti.config import MelConfig

_FIT_STEPS = 20
_LOUDEST = 4.0  # nats: a full-scale sine has about 2.3, more is no sound
_KEEP = 0.3  # weight of the uncorrected audio: of 0.01 to 1 the best PESQ


def synthesis_window(n_fft: int, hop: int) -> Tensor:
    """[n_fft], sine slopes and a flat middle; its squares at all shifts by ``hop`` sum to 1."""
    slope = min(n_fft - hop, n_fft // 2)
    rise = torch.sin(torch.pi / 2 * (torch.arange(slope) + 0.5) / slope) if slope else torch.ones(0)
    window = torch.cat([rise, torch.ones(n_fft - 2 * slope), rise.flip(0)])
    squares = F.pad(window.square(), (0, -n_fft % hop)).view(-1, hop).sum(0)
    return window / squares.sqrt().repeat(-(-n_fft // hop))[:n_fft]


class OverlapAdd(StreamingModule):
    """Complex spectra [B, T, F] -> the sum of all frames so far after each of them [B, T, n_fft].

    The first hop of a sum is final; the rest is what the next frames add to.
    """

    window: Tensor

    def __init__(self, window: Tensor, hop_length: int) -> None:
        super().__init__()
        self.n_fft = len(window)
        self.hop_length = hop_length
        self.memory = -(-self.n_fft // hop_length) - 1  # earlier frames still sounding
        self.register_buffer("window", window, persistent=False)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {"frames": torch.zeros(batch_size, self.memory, self.n_fft, device=device)}

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State | None]:
        frames = torch.fft.irfft(x, n=self.n_fft) * self.window.float()
        if state is None:
            frames = F.pad(frames, (0, 0, self.memory, 0))
        else:
            frames = torch.cat([tensor(state, "frames"), frames], dim=1)
        count = x.shape[1]
        sums = frames[:, self.memory :]
        for age in range(1, self.memory + 1):
            older = frames[:, self.memory - age : self.memory - age + count]
            gone = age * self.hop_length
            sums = sums + F.pad(older[..., gone:], (0, gone))
        return sums, None if state is None else {"frames": frames[:, count:]}


class MagnitudeProjection(StreamingModule):
    """Running sums [B, T, n_fft] and mel [B, T, n_mels] -> corrected audio [B, T, hop].

    At step t the audio is known up to the end of mel frame t, ``lookahead`` hops after the hop
    that is due; the ``lookahead + 1`` mel frames that cover that hop correct it.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, mel: MelConfig, lookahead: int) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.lookahead = mel.n_fft, mel.hop_length, lookahead
        self.past = mel.n_fft - mel.hop_length
        window = torch.hann_window(mel.n_fft)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", slaney_filterbank(mel).T.contiguous(), persistent=False)

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        bins = self.n_fft // 2 + 1
        return {
            "audio": torch.zeros(batch_size, self.past, device=device),
            "magnitudes": torch.zeros(batch_size, self.lookahead, bins, device=device),
        }

    def forward(  # type: ignore[override]
        self, x: Tensor, state: State | None = None, *, mel: Tensor
    ) -> tuple[Tensor, State | None]:
        start = state or self.init_state(x.shape[0], x.device)
        final = x[..., : self.hop_length].flatten(1)
        audio = torch.cat([tensor(start, "audio"), final], dim=1)
        magnitudes = torch.cat([tensor(start, "magnitudes"), self.magnitudes(mel.float())], dim=1)
        known = audio.unfold(1, self.n_fft, self.hop_length)  # [B, T, n_fft]: up to the due hop
        ahead = self.lookahead * self.hop_length
        coming = F.pad(x, (0, max(self.hop_length + ahead - x.shape[-1], 0)))
        coming = coming[..., self.hop_length : self.hop_length + ahead]
        wanted = magnitudes.unfold(1, self.lookahead + 1, 1).mT  # [B, T, lookahead + 1, F]
        out = self._project(torch.cat([known, coming], dim=-1), wanted)
        if state is None:
            return out, None
        kept = magnitudes[:, magnitudes.shape[1] - self.lookahead :]
        return out, {"audio": audio[:, audio.shape[1] - self.past :], "magnitudes": kept}

    @torch.no_grad()
    def magnitudes(self, mel: Tensor) -> Tensor:
        """Log-mel [B, T, n_mels] -> non-negative magnitudes [B, T, F] that fit it.

        Multiplicative updates (Lee and Seung 2000) from the spread-out mel.
        """
        filters = self.filters.float()
        with torch.autocast(mel.device.type, enabled=False):
            spread = mel.clamp(max=_LOUDEST).exp() @ filters.T
            out = spread + 1e-6
            for _ in range(_FIT_STEPS):
                found = (out @ filters) @ filters.T + 1e-9
                out = out.mul_(spread).div_(found)
        return out

    def _project(self, audio: Tensor, magnitudes: Tensor) -> Tensor:
        """Audio [B, T, n_fft + ahead] to the due hop [B, T, hop] with the wanted magnitudes."""
        window = self.window.float()
        spectra = torch.fft.rfft(audio.unfold(-1, self.n_fft, self.hop_length) * window)
        size = (spectra.real.square() + spectra.imag.square() + 1e-12).sqrt()
        frames = torch.fft.irfft(spectra * (magnitudes / size)) * window  # [B, T, L + 1, n_fft]
        due = slice(self.past, self.n_fft)
        total, weight = _KEEP * audio[..., due], torch.full_like(window[due], _KEEP)
        for i in range(self.lookahead + 1):
            first = self.past - i * self.hop_length  # of the due hop in frame i
            if first >= 0:
                total = total + frames[..., i, first : first + self.hop_length]
                weight = weight + window[first : first + self.hop_length].square()
        return total / weight
