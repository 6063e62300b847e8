"""Do the exported graphs say what PyTorch says? Step by step, on one signal of every loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.streaming.state import State

if TYPE_CHECKING:
    from secousti.export.graphs import StepGraph
    from secousti.export.runtime import Step

AUDIO_TOLERANCE = 1e-3
_STEPS = 80


@dataclass(frozen=True)
class Agreement:
    """Tokens compared, how many are equal, and the largest differences (``None``: no vocoder)."""

    tokens: int
    equal: int
    mel: float
    audio: float | None

    def insist(self) -> None:
        """Raises SecoustiError unless ids are equal and audio is within ``AUDIO_TOLERANCE``."""
        if self.equal < self.tokens or (self.audio or 0.0) > AUDIO_TOLERANCE:
            raise SecoustiError(
                f"the exported graphs disagree with PyTorch: {self.equal} of {self.tokens} ids "
                f"are equal, audio differs by {self.audio}; nothing was written. If it is the "
                "audio, encoder and decoder alone can be exported with --no-vocoder"
            )


def compare(
    codec: SecoustiCodec, graphs: Sequence[StepGraph], steps: dict[str, Step], seed: int = 0
) -> Agreement:
    """Run both on the same audio, then on the same tokens and voice, for ``_STEPS`` tokens."""
    reference = {graph.name: _Reference(graph) for graph in graphs}
    audio = _signal(codec, seed)
    equal, mel_error, audio_error = 0, 0.0, 0.0
    generator = torch.Generator().manual_seed(seed)
    size = codec.config.paralinguistic.hidden_size
    voice = torch.tanh(torch.randn(1, size, generator=generator))
    for chunk in audio.split(codec.frame_size, dim=1):
        codes = reference["encoder"](chunk)
        equal += int((steps["encoder"](chunk.numpy()) == codes.numpy()).sum())
        mel = reference["decoder"](codes, voice)
        found = steps["decoder"](codes.numpy(), voice.numpy())
        mel_error = max(mel_error, _gap(found, mel))
        if "vocoder" in steps:
            wav = reference["vocoder"](mel)
            audio_error = max(audio_error, _gap(steps["vocoder"](mel.numpy()), wav))
    return Agreement(_STEPS, equal, mel_error, audio_error if "vocoder" in steps else None)


class _Reference:
    """A step in PyTorch, as the package itself runs it (complex numbers and all)."""

    def __init__(self, graph: StepGraph) -> None:
        self.graph = graph
        self.state: State = graph.start(1)

    @torch.no_grad()
    def __call__(self, *inputs: Tensor) -> Tensor:
        output, state = self.graph.step(inputs, self.state)
        assert state is not None
        self.state = state
        return output


def _signal(codec: SecoustiCodec, seed: int) -> Tensor:
    """[1, N] for ``_STEPS`` tokens: harmonics and noise that swell and fall silent."""
    generator = torch.Generator().manual_seed(seed)
    n = _STEPS * codec.frame_size
    t = torch.arange(n) / codec.sample_rate
    pitch = torch.cumsum(120 + 40 * torch.sin(2 * torch.pi * 0.7 * t), 0) / codec.sample_rate
    voiced = sum(torch.sin(2 * torch.pi * k * pitch) / k for k in range(1, 20))
    noise = torch.randn(n, generator=generator)
    level = torch.sin(2 * torch.pi * 0.9 * t).clamp(min=0.0)
    return (0.1 * level * (voiced + 0.3 * noise))[None]


def _gap(a: np.ndarray, b: Tensor) -> float:
    gap = float(np.abs(a - b.numpy()).max())
    return gap if gap == gap else float("inf")  # NaN would slip through every comparison
