"""Which quantizer a configuration names, and the learnt codebooks of Table II."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.config import QuantizerConfig
from secousti.errors import require
from secousti.semantic.fsq import FSQ
from secousti.semantic.quantizer import Quantized, Quantizer


def build_quantizer(dim: int, config: QuantizerConfig) -> Quantizer:
    """The quantizer ``config.kind`` for vectors of ``dim`` numbers, freshly initialised."""
    return FSQ(dim, config) if config.kind == "fsq" else VectorQuantizer(dim, config)


class VectorQuantizer(Quantizer):
    """VQ-VAE and SimVQ, through vector-quantize-pytorch (the [train] extra).

    The nearest of ``codebook_size`` vectors of ``codebook_dim`` numbers, between two projections.

    ``vq`` (van den Oord et al. 2017) moves its codebook by exponential averages and restarts from
    k-means; ``simvq`` (Zhu et al. 2024) learns one linear map of a fixed random codebook. Both
    work in float32 whatever the model's dtype, as FSQ does.

    Raises:
        SecoustiError: vector-quantize-pytorch is missing.
    """

    def __init__(self, dim: int, config: QuantizerConfig) -> None:
        super().__init__()
        library = require("vector_quantize_pytorch", "train")
        self.kind = config.kind
        self.codebook_size = config.codebook_size
        self.project_in = nn.Linear(dim, config.codebook_dim)
        self.project_out = nn.Linear(config.codebook_dim, dim)
        if config.kind == "vq":
            self.codebook = library.VectorQuantize(
                config.codebook_dim, config.codebook_size, kmeans_init=True, rotation_trick=False
            )
        else:
            self.codebook = library.SimVQ(config.codebook_dim, config.codebook_size)

    def forward(self, z: Tensor) -> Quantized:
        with torch.autocast(z.device.type, enabled=False):
            vectors, indices, loss = self.codebook(self._project(z))
        # VectorQuantize gives its loss as [1]; in eval mode it is 0.
        return Quantized(self.project_out(vectors).mT, indices, loss.sum())

    def encode(self, z: Tensor) -> Tensor:
        was_training = self.codebook.training
        self.codebook.eval()  # encoding never moves the codebook
        try:
            with torch.autocast(z.device.type, enabled=False):
                indices: Tensor = self.codebook(self._project(z))[1]
        finally:
            self.codebook.train(was_training)
        return indices

    def decode(self, indices: Tensor) -> Tensor:
        if self.kind == "vq":
            codes = self.codebook.get_output_from_indices(indices)
        else:
            codes = self.codebook.indices_to_codes(indices)
        return self.project_out(codes.to(self.project_out.weight.dtype)).mT

    def _project(self, z: Tensor) -> Tensor:
        """[B, D, L] -> float32 [B, L, codebook_dim]."""
        weight, bias = self.project_in.weight.float(), self.project_in.bias.float()
        return nn.functional.linear(z.float().mT, weight, bias)
