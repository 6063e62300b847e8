"""The teacher's residual vector quantizer; its first stage is the plain VQ (paper 2.3.1, 2.4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.p2psyn.config import QuantizerConfig


@dataclass
class Quantized:
    """A training step's quantization.

    ``vectors`` [B, K, L] with straight-through gradients; ``codes`` int64 [B, S, L];
    ``codebook_loss`` moves code vectors to the latents, ``commit_loss`` the latents to them
    (means over elements, summed over stages).
    """

    vectors: Tensor
    codes: Tensor
    codebook_loss: Tensor
    commit_loss: Tensor


class ResidualVQ(nn.Module):
    """``pseudo_stages + 1`` codebooks, each quantizing what the ones before left.

    float32, or float64 for such latents: tokens do not depend on the model's dtype. Padded frames
    are quantized too; the caller knows the lengths.
    """

    def __init__(self, config: QuantizerConfig, dim: int) -> None:
        super().__init__()
        self.config = config
        self.num_stages = config.pseudo_stages + 1
        shape = (self.num_stages, config.codebook_size, dim)
        self.codebooks = nn.Parameter(torch.randn(shape))
        maps = self.num_stages if config.projections else 0
        self.inputs = nn.ModuleList(nn.Linear(dim, dim) for _ in range(maps))
        self.outputs = nn.ModuleList(nn.Linear(dim, dim) for _ in range(maps))

    def vectors(self) -> Tensor:
        """What each token adds to the latent, float32 [S, M, K] (``L(W, d)`` of eq. 3 and 5)."""
        codebooks = self.codebooks.float()
        if not len(self.outputs):
            return codebooks
        rows = zip(self.outputs, codebooks, strict=True)
        return torch.stack([project(codebook) for project, codebook in rows])

    def encode(self, latents: Tensor, stages: int | None = None) -> Tensor:
        """Latents [B, K, L] -> codes int64 [B, stages, L] (all stages by default), eq. 1."""
        wide = torch.promote_types(latents.dtype, torch.float32)
        residual = latents.to(wide).transpose(1, 2)  # [B, L, K]
        vectors = self.vectors().to(wide)
        codes = []
        for stage in range(self.num_stages if stages is None else stages):
            tokens = self.nearest(self.inner(residual, stage), stage)
            residual = residual - F.embedding(tokens, vectors[stage])
            codes.append(tokens)
        return torch.stack(codes, dim=1)

    def forward(self, latents: Tensor) -> Quantized:
        """Latents [B, K, L] -> everything a training step needs."""
        residual = latents.float().transpose(1, 2)
        total = torch.zeros_like(residual)
        codes, codebook_loss, commit_loss = [], residual.new_zeros(()), residual.new_zeros(())
        for stage in range(self.num_stages):
            inner = self.inner(residual, stage)
            tokens = self.nearest(inner, stage)
            chosen = F.embedding(tokens, self.codebooks[stage].float())
            codebook_loss = codebook_loss + F.mse_loss(chosen, inner.detach())
            commit_loss = commit_loss + F.mse_loss(inner, chosen.detach())
            chosen = inner + (chosen - inner).detach()
            if len(self.outputs):
                chosen = self.outputs[stage](chosen)
            total, residual = total + chosen, residual - chosen
            codes.append(tokens)
        vectors = total.transpose(1, 2).to(latents.dtype)
        return Quantized(vectors, torch.stack(codes, dim=1), codebook_loss, commit_loss)

    def inner(self, residual: Tensor, stage: int) -> Tensor:
        """What stage ``stage`` searches for, [B, L, K]: the residual, projected if configured."""
        if not len(self.inputs):
            return residual
        layer = self.inputs[stage]
        assert isinstance(layer, nn.Linear)
        return F.linear(residual, layer.weight.to(residual), layer.bias.to(residual))

    def nearest(self, x: Tensor, stage: int) -> Tensor:
        """Index of the nearest code vector, [B, L, K] -> int64 [B, L]."""
        codebook = self.codebooks[stage].to(x)
        if self.config.metric == "cosine":
            return (x @ F.normalize(codebook, dim=-1).t()).argmax(dim=-1)
        # |x|^2 is the same for every entry: what decides is |w|^2 - 2 x.w
        return (codebook.square().sum(-1) - 2 * (x @ codebook.t())).argmin(dim=-1)


def lookup(vectors: Tensor, codes: Tensor) -> Tensor:
    """Sum of code vectors: [S, M, K], int64 [B, s <= S, L] -> [B, K, L] (eq. 5)."""
    stages = zip(vectors, codes.unbind(1), strict=False)
    total = torch.stack([F.embedding(tokens, book) for book, tokens in stages]).sum(0)
    return total.transpose(1, 2)
