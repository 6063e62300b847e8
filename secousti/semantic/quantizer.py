"""What every quantizer of S offers: vectors in, int64 tokens and vectors out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class Quantized:
    """``vectors`` [B, D, L] with gradients, ``indices`` int64 [B, L], ``loss`` scalar or 0."""

    vectors: Tensor
    indices: Tensor
    loss: Tensor | float


class Quantizer(nn.Module, ABC):
    """A single-codebook quantizer with ``codebook_size`` entries."""

    codebook_size: int

    @abstractmethod
    def forward(self, z: Tensor) -> Quantized:
        """Quantize [B, D, L] for training."""

    @abstractmethod
    def encode(self, z: Tensor) -> Tensor:
        """[B, D, L] -> int64 [B, L]."""

    @abstractmethod
    def decode(self, indices: Tensor) -> Tensor:
        """int64 [B, L] -> [B, D, L]."""
