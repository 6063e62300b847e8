"""What stands before a codec's network in a live stream: resampling, framing, whole tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.audio.mel import LogMel, MelStream
from secousti.audio.resample import ResampleStream, resampler
from secousti.devices import wide_dtype


class Frontend(ABC):
    """One stream: samples at ``rate`` Hz in, inputs of a codec's encoder out.

    Args:
        rate: Hz of the samples pushed. codec_rate: Hz of the codec.
        unit: inputs (mel frames, samples) of a token.
        empty: [C, 0], for the inputs' channels, dtype and device.
    """

    def __init__(self, rate: int, codec_rate: int, unit: int, empty: Tensor) -> None:
        self.unit = unit
        self._empty = empty
        # The CPU resamples, in double precision as for a whole recording (``AudioBatch``).
        self._resample = ResampleStream(resampler(rate, codec_rate), torch.float64)
        self.pending = empty  # [C, T] inputs that no token was made of yet

    @property
    def ready(self) -> int:
        """Tokens whose inputs are all there."""
        return self.pending.shape[-1] // self.unit

    def take(self, tokens: int) -> Tensor:
        """The inputs [C, tokens * unit] of the next tokens."""
        count = tokens * self.unit
        taken, self.pending = self.pending[:, :count], self.pending[:, count:]
        return taken

    def push(self, samples: Tensor) -> None:
        """Take in samples float32 [N] (N >= 0)."""
        self._receive(self._resample.push(samples))

    def flush(self) -> None:
        """The end of the stream: everything owed is in ``pending``.

        Its last token may have fewer inputs than ``unit``, if the codec's offline encoder gives it
        fewer. Call ``reset`` when they are taken.
        """
        self._receive(self._resample.flush())
        self._end()

    def reset(self) -> None:
        """A new stream; what was not taken is dropped."""
        self._resample.reset()
        self.pending = self._empty

    @property
    def window(self) -> int:
        """How many inputs ``recent`` keeps at most."""
        return 0

    @property
    def overlap(self) -> int:
        """Samples before its own that an input is computed from."""
        return 0

    @property
    def exportable(self) -> bool:
        """Whether ``analyse`` can be a graph for other runtimes."""
        return True

    @abstractmethod
    def analyse(self, audio: Tensor) -> Tensor:
        """``overlap`` samples and those of whole inputs [B, N] -> the inputs [B, C, T]."""

    @property
    def recent(self) -> Tensor:
        """[C, T] the inputs that tell who speaks; T is 0 if there are none.

        The last seconds, or those that ``expect`` chose.
        """
        return self._empty

    def expect(self, num_samples: int) -> None:  # noqa: B027
        """The stream will have so many samples at the codec's rate.

        From then on ``recent`` is the window from which ``encode`` takes the voice of all of it.
        """

    def _add(self, inputs: Tensor) -> None:
        self.pending = torch.cat([self.pending, inputs.to(self.pending)], dim=-1)

    @abstractmethod
    def _receive(self, samples: Tensor) -> None:
        """Samples [N] at the codec's rate."""

    @abstractmethod
    def _end(self) -> None:
        """Complete the last token."""


class SampleFrontend(Frontend):
    """The samples themselves, [1, T], with silence after the end to whole tokens."""

    def __init__(self, rate: int, codec_rate: int, unit: int, device: torch.device) -> None:
        empty = torch.zeros(1, 0, device=device, dtype=wide_dtype(device))
        super().__init__(rate, codec_rate, unit, empty)
        self._received = 0

    def reset(self) -> None:
        super().reset()
        self._received = 0

    def analyse(self, audio: Tensor) -> Tensor:
        return audio[:, None]

    def tokens(self, num_samples: int) -> int:
        """Tokens of a recording of ``num_samples`` at the codec's rate."""
        return -(-num_samples // self.unit)

    def _receive(self, samples: Tensor) -> None:
        self._received += samples.shape[-1]
        self._add(samples[None])

    def _end(self) -> None:
        if self._received:
            missing = self.tokens(self._received) * self.unit - self._received
            self.pending = F.pad(self.pending, (0, missing))


class MelFrontend(Frontend):
    """Log-mel frames [channels, T].

    Args:
        window: frames that are kept for the voice, the last ones.
        central: which frames of so many a whole recording's voice is taken from.
    """

    def __init__(
        self, rate: int, mel: LogMel, unit: int, window: int, central: Callable[[int], slice]
    ) -> None:
        self._mel = MelStream(mel, unit)
        self._window, self._central = window, central
        self._chosen: slice | None = None
        self._count = 0  # frames so far
        empty = mel.filters.new_zeros(mel.channels, 0)
        super().__init__(rate, mel.config.sample_rate, unit, empty)
        self._recent = empty

    @property
    def window(self) -> int:
        return self._window

    @property
    def overlap(self) -> int:
        return self._mel.mel.overlap

    @property
    def exportable(self) -> bool:
        """Rows beside the mel (the pitch) have no graph."""
        return self._mel.mel.channels == self._mel.mel.config.n_mels

    def analyse(self, audio: Tensor) -> Tensor:
        return self._mel.mel.frames(audio)

    @property
    def recent(self) -> Tensor:
        return self._recent

    def reset(self) -> None:
        super().reset()
        self._mel.reset()
        self._recent, self._chosen, self._count = self._empty, None, 0

    def expect(self, num_samples: int) -> None:
        mel = self._mel.mel
        self._chosen = self._central(mel.num_frames(num_samples, self._mel.multiple))

    def _receive(self, samples: Tensor) -> None:
        self._keep(self._mel.push(samples))

    def _end(self) -> None:
        self._keep(self._mel.flush())

    def _keep(self, frames: Tensor) -> None:
        self._add(frames)
        start, self._count = self._count, self._count + frames.shape[-1]
        if self._chosen is None:
            self._recent = torch.cat([self._recent, frames], dim=-1)[:, -self._window :]
            return
        first, last = (max(at - start, 0) for at in (self._chosen.start, self._chosen.stop))
        self._recent = torch.cat([self._recent, frames[:, first:last]], dim=-1)
