"""Our vocoder: causal backbone, inverse STFT, and phase continued rather than guessed.

Step t receives mel frame t and adds one synthesis frame of ``n_fft`` samples that starts
``lookahead`` hops before the hop frame t ends with; one hop of audio is final after each step.
Vocos (Siuzdak 2023) has the backbone and the inverse STFT; the harmonic head filters pulses and
noise as in neural source-filter vocoders (Wang et al. 2019), in the STFT domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.acoustic.linear import Linear
from secousti.config import CausalIstftConfig
from secousti.errors import SecoustiError
from secousti.streaming.state import State, StreamingModule, substate, tensor
from secousti.vocoder.backbone import ConvNeXt
from secousti.vocoder.base import Vocoder
from secousti.vocoder.overlap import MagnitudeProjection, OverlapAdd, synthesis_window
from secousti.vocoder.pitch import PitchNet, fundamental
from secousti.vocoder.source import NoiseFrames, PulseTrain

if TYPE_CHECKING:
    from secousti.config import MelConfig

_MAX_LOG = 6.0  # of a predicted log magnitude: a wrong step must not blow up


class PhaseHead(nn.Module):
    """Magnitude and phase of every bin, straight from the features."""

    def __init__(self, channels: int, bins: int) -> None:
        super().__init__()
        self.out = nn.Linear(channels, 2 * bins)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] -> complex [B, T, F]."""
        log_magnitude, phase = self.out(x).float().chunk(2, dim=-1)
        return torch.polar(log_magnitude.clamp(max=_MAX_LOG).exp(), phase)


class HarmonicHead(StreamingModule):
    """Pulses and noise, each filtered: Y = E exp(a + i p) + N exp(b)  (per frame and bin).

    a and b start at the envelope that the mel frame itself gives (``envelope_matrix``), so that
    training begins with intelligible speech and only learns what is missing.
    """

    window: Tensor

    def __init__(self, config: CausalIstftConfig, mel: MelConfig, window: Tensor) -> None:
        super().__init__()
        bins = config.n_fft // 2 + 1
        self.overlap = config.n_fft - mel.hop_length
        self.n_fft, self.hop_length = config.n_fft, mel.hop_length
        self.pitch = PitchNet(mel.n_mels, config.pitch_channels)
        self.filters = Linear(config.channels, 3 * bins)
        self.envelope = nn.Linear(mel.n_mels, 2 * bins)
        self.pulses = PulseTrain(mel.sample_rate, mel.hop_length)
        self.noise = NoiseFrames(window, mel.hop_length, config.seed)
        self.register_buffer("window", window, persistent=False)
        with torch.no_grad():
            self.filters.weight.mul_(0.1)
            matrix = envelope_matrix(mel, bins)
            self.envelope.weight.copy_(torch.cat([matrix, matrix]))
            self.envelope.bias.zero_()

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        return {
            "pitch": self.pitch.init_state(batch_size, device, dtype),
            "pulses": self.pulses.init_state(batch_size, device, dtype),
            "noise": self.noise.init_state(batch_size, device, dtype),
            "excitation": torch.zeros(batch_size, self.overlap, device=device),
        }

    def forward(  # type: ignore[override]
        self, x: Tensor, state: State | None = None, *, mel: Tensor
    ) -> tuple[tuple[Tensor, Tensor], State | None]:
        """Features [B, T, C] and mel [B, T, n_mels] -> (complex [B, T, F], pitch scores)."""
        scores, pitch_state = self.pitch(mel, substate(state, "pitch"))
        f0 = fundamental(scores.detach())  # the spectral losses say nothing useful about it
        excitation, pulse_state = self.pulses(f0, substate(state, "pulses"))
        noise, noise_state = self.noise(x, substate(state, "noise"))
        past = tensor(state, "excitation") if state else F.pad(excitation[:, :0], (self.overlap, 0))
        excitation = torch.cat([past, excitation.float()], dim=1)
        harmonic = torch.fft.rfft(excitation.unfold(1, self.n_fft, self.hop_length) * self.window)
        a, p, b = self.filters(x).float().chunk(3, dim=-1)
        base_a, base_b = self.envelope(mel).float().chunk(2, dim=-1)
        harmonic = harmonic * torch.polar((a + base_a).clamp(max=_MAX_LOG).exp(), p)
        spectrum = harmonic + noise * (b + base_b).clamp(max=_MAX_LOG).exp()
        if pitch_state is None or pulse_state is None or noise_state is None:
            return (spectrum, scores), None
        kept = excitation[:, excitation.shape[1] - self.overlap :]
        return (spectrum, scores), {
            "pitch": pitch_state,
            "pulses": pulse_state,
            "noise": noise_state,
            "excitation": kept,
        }


def envelope_matrix(mel: MelConfig, bins: int) -> Tensor:
    """[bins, n_mels]: log-mel frame -> log magnitude at each bin, by linear interpolation."""
    from secousti.audio.mel import slaney_filterbank

    frequencies = np.linspace(0.0, mel.sample_rate / 2, mel.n_fft // 2 + 1)
    filters = slaney_filterbank(mel).double().numpy()
    centres = (filters * frequencies).sum(1) / filters.sum(1)
    wanted = np.linspace(0.0, mel.sample_rate / 2, bins)
    columns = [np.interp(wanted, centres, row) for row in np.eye(mel.n_mels)]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


class CausalIstftVocoder(Vocoder):
    """Log-mel frames -> audio with ``config.lookahead`` frames of look-ahead (see the module)."""

    def __init__(self, config: CausalIstftConfig, mel: MelConfig) -> None:
        super().__init__(mel, config.lookahead)
        if config.n_fft < mel.hop_length or config.n_fft % 2:
            raise SecoustiError(
                f"vocoder n_fft {config.n_fft} must be even and at least the hop {mel.hop_length}"
            )
        window = synthesis_window(config.n_fft, mel.hop_length)
        self.config = config
        self.backbone = ConvNeXt(
            mel.n_mels, config.channels, config.layers, config.kernel_size, config.expansion
        )
        self.head: HarmonicHead | PhaseHead
        if config.source == "harmonic":
            self.head = HarmonicHead(config, mel, window)
        else:
            self.head = PhaseHead(config.channels, config.n_fft // 2 + 1)
        self.overlap_add = OverlapAdd(window, mel.hop_length)
        self.projection = MagnitudeProjection(mel, config.lookahead) if config.project else None

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        state: State = {
            "backbone": self.backbone.init_state(batch_size, device, dtype),
            "overlap_add": self.overlap_add.init_state(batch_size, device, dtype),
        }
        if isinstance(self.head, HarmonicHead):
            state["head"] = self.head.init_state(batch_size, device, dtype)
        if self.projection is not None:
            state["projection"] = self.projection.init_state(batch_size, device, dtype)
        return state

    def delayed(self, mel: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        audio, _, state = self.with_pitch(mel, state)
        return audio, state

    def with_pitch(
        self, mel: Tensor, state: State | None
    ) -> tuple[Tensor, Tensor | None, State | None]:
        """``delayed``, and the pitch scores [B, T, bins] (``None`` without a source).

        The pitch of step t is that of the last sample its synthesis frame covers, sample
        ``hop * (t - lookahead) + n_fft - 1`` of the aligned audio.
        """
        new: State = {}
        x = (mel - self.silence) / 4  # silence is 0, as are the states at the start of a stream
        x, backbone_state = self.backbone(x, substate(state, "backbone"))
        scores: Tensor | None = None
        if isinstance(self.head, HarmonicHead):
            head_state = substate(state, "head")
            (spectrum, scores), head_state = self.head(x.mT, head_state, mel=mel.mT)
            if head_state is not None:
                new["head"] = head_state
        else:
            spectrum = self.head(x.mT)
        sums, frames = self.overlap_add(spectrum, substate(state, "overlap_add"))
        audio = sums[..., : self.hop_length]
        if self.projection is not None:
            past = substate(state, "projection")
            audio, projected = self.projection(sums, past, mel=mel.mT)
            if projected is not None:
                new["projection"] = projected
        audio = audio.flatten(1)[:, None].to(mel.dtype)
        if backbone_state is None or frames is None:
            return audio, scores, None
        return audio, scores, {**new, "backbone": backbone_state, "overlap_add": frames}
