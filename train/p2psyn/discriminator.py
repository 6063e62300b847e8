"""The multi-resolution MDCT discriminator of the teacher."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from secousti.p2psyn.mdct import MDCT, spectrum

_LAYERS = (((7, 5), (2, 2)), ((5, 3), (2, 1)), ((5, 3), (2, 2)), ((3, 3), (2, 1)), ((3, 3), (2, 2)))


class Branch(nn.Module):
    """Five strided 2-D convolutions on the MDCT of one resolution, and a map of logits."""

    def __init__(self, size: int, channels: int, exponent: float) -> None:
        super().__init__()
        self.mdct, self.exponent = MDCT(size), exponent
        sizes = [1] + [channels] * len(_LAYERS)
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(sizes[i], sizes[i + 1], kernel, stride, (kernel[0] // 2, kernel[1] // 2))
            )
            for i, (kernel, stride) in enumerate(_LAYERS)
        )
        self.head = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """[B, 1, T] -> (logits, features: every activation and the logits)."""
        x = compressed(spectrum(self.mdct, audio), self.exponent)[:, None]  # [B, 1, bins, frames]
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        logits = self.head(x)
        return logits, [*features, logits]


class Discriminators(nn.Module):
    """One branch for each MDCT size."""

    def __init__(self, sizes: Sequence[int], channels: int, exponent: float = 1.0) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(size, channels, exponent) for size in sizes)

    def forward(self, audio: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Audio [B, 1, T] -> logits and features of every branch."""
        results = [branch(audio) for branch in self.branches]
        return [logits for logits, _ in results], [features for _, features in results]


def compressed(x: Tensor, exponent: float) -> Tensor:
    """``x`` with its magnitude raised to ``exponent``, so that quiet parts are heard too."""
    return x if exponent == 1 else x * (x.abs() + 1e-2) ** (exponent - 1)
