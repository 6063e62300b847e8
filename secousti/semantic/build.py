"""From a configuration to a quantizer."""

from __future__ import annotations

from secousti.config import QuantizerConfig
from secousti.semantic.fsq import FSQ
from secousti.semantic.quantizer import Quantizer


def build_quantizer(dim: int, config: QuantizerConfig) -> Quantizer:
    """The quantizer ``config.kind`` for vectors of ``dim`` numbers, freshly initialised."""
    if config.kind == "fsq":
        return FSQ(dim, config)
    from secousti.semantic.quantizers import VectorQuantizer  # needs the [train] extra

    return VectorQuantizer(dim, config)
