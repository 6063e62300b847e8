"""Do the exported graphs say what PyTorch says? Step by step, on one signal of every loudness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from secousti.base import Codec
from secousti.errors import SecoustiError
from secousti.streaming.state import State

if TYPE_CHECKING:
    from secousti.export.graphs import StepGraph
    from secousti.export.runtime import Step

AUDIO_TOLERANCE = 1e-3
VOICE_TOLERANCE = 1e-4  # of numbers in -1..1
_TOKENS = 80


@dataclass(frozen=True)
class Agreement:
    """Tokens compared, how many are equal, and the largest differences.

    ``None`` where there is nothing to compare: a codec without log-mel or voice, or no vocoder.
    """

    tokens: int
    equal: int
    mel: float | None
    audio: float | None
    voice: float | None = None

    def insist(self) -> None:
        """Raises SecoustiError unless ids are equal, and sound and voice within the tolerances."""
        sound, voice = self.audio or 0.0, self.voice or 0.0
        if self.equal == self.tokens and sound <= AUDIO_TOLERANCE and voice <= VOICE_TOLERANCE:
            return
        raise SecoustiError(
            f"the exported graphs disagree with PyTorch: {self.equal} of {self.tokens} ids are "
            f"equal, audio differs by {self.audio}, the voice by {self.voice}; nothing was written."
            " If it is the audio, encoder and decoder alone can be exported with --no-vocoder"
        )


def compare(
    codec: Codec, graphs: Sequence[StepGraph], steps: dict[str, Step], seed: int = 0
) -> Agreement:
    """Run both on the same audio, then on the same tokens and voice, for ``_TOKENS`` tokens."""
    reference = {graph.name: _Reference(graph) for graph in graphs}
    names = {graph.name: graph.output_name for graph in graphs}
    generator = torch.Generator().manual_seed(seed)
    voice = torch.tanh(torch.randn(1, codec.voice_size, generator=generator))
    equal, total = 0, 0
    gaps: dict[str, float] = {}
    step = graphs[0].tokens
    signal = _signal(codec, -(-_TOKENS // step) * step, seed)
    for chunk in signal.split(step * codec.frame_size, dim=1):
        codes = reference["encoder"](chunk)
        equal += int((steps["encoder"](chunk.numpy()) == codes.numpy()).sum())
        total += codes.numel()
        inputs = (codes, voice)[: len(reference["decoder"].graph.input_names)]
        for name in ("decoder", "vocoder"):
            if name in steps:
                outputs = reference[name](*inputs)
                gap = _gap(steps[name](*(t.numpy() for t in inputs)), outputs)
                gaps[names[name]] = max(gaps.get(names[name], 0.0), gap)
                inputs = (outputs,)
    if "voice" in steps:
        inputs = reference["voice"].graph.example(1)
        found = steps["voice"](*(t.numpy() for t in inputs))
        gaps["voice"] = _gap(found, reference["voice"](*inputs))
    return Agreement(total, equal, gaps.get("mel"), gaps.get("audio"), gaps.get("voice"))


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


def _signal(codec: Codec, tokens: int, seed: int) -> Tensor:
    """[1, N] for so many tokens: harmonics and noise that swell and fall silent."""
    generator = torch.Generator().manual_seed(seed)
    n = tokens * codec.frame_size
    t = torch.arange(n) / codec.sample_rate
    pitch = torch.cumsum(120 + 40 * torch.sin(2 * torch.pi * 0.7 * t), 0) / codec.sample_rate
    voiced = sum(torch.sin(2 * torch.pi * k * pitch) / k for k in range(1, 20))
    noise = torch.randn(n, generator=generator)
    level = torch.sin(2 * torch.pi * 0.9 * t).clamp(min=0.0)
    return (0.1 * level * (voiced + 0.3 * noise))[None]


def _gap(a: np.ndarray, b: Tensor) -> float:
    gap = float(np.abs(a - b.numpy()).max())
    return gap if gap == gap else float("inf")  # NaN would slip through every comparison
