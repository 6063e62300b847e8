"""The voice in every layer of a transformer (adaptive layer norm; not in the paper).

The paper adds G to S once, before the connector. Here a gain and a bias of both norms of every
layer are linear in G as well (FiLM, Perez et al. 2018, in the place where DiT, Peebles and Xie
2023, has it). They start at nothing, so that a codec trained without them goes on as it was.
"""

from __future__ import annotations

from torch import Tensor, nn

from secousti.acoustic.linear import Linear


class VoiceInjection(nn.Module):
    """G [B, d_model] -> [B, layers, 4, d_model]: gain and bias of the first and second norm."""

    def __init__(self, d_model: int, layers: int) -> None:
        super().__init__()
        self.sizes = (layers, 4, d_model)
        self.linear = Linear(d_model, layers * 4 * d_model)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, voice: Tensor) -> Tensor:
        modulation: Tensor = self.linear(voice)
        return modulation.unflatten(-1, self.sizes)


def injected(injection: VoiceInjection | None, voice: Tensor | None) -> Tensor | None:
    """What ``injection`` makes of G; None without the one or the other."""
    return None if injection is None or voice is None else injection(voice)


def modulated(x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """``x`` [B, T, d_model] times 1 + gain, plus bias, both [B, d_model]."""
    return x * (1 + gain[:, None]) + bias[:, None]
