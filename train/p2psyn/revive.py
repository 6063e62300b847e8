"""Codebook entries that nothing uses are set to latents (an option, not the paper's)."""

from __future__ import annotations

import torch
from accelerate.utils import broadcast, reduce
from torch import Tensor, nn

from secousti.p2psyn.rvq import ResidualVQ


class CodebookCare(nn.Module):
    """Counts which entries are used; a module, so that checkpoints hold the counts.

    Args:
        every: entries unused for so many steps are replaced (0: never).
        init: the step at which every entry is drawn from the batch (-1: never).
    """

    used: Tensor

    def __init__(self, stages: int, size: int, every: int, init: int) -> None:
        super().__init__()
        self.every, self.init = every, init
        self.register_buffer("used", torch.zeros(stages, size))

    def due(self, step: int) -> bool:
        """Whether entries are replaced after this step."""
        return step == self.init or bool(self.every and (step + 1) % self.every == 0)

    @torch.no_grad()
    def count(self, codes: Tensor) -> None:
        """Note the entries used by codes int64 [B, S, L]."""
        size = self.used.shape[1]
        counts = [torch.bincount(c, minlength=size) for c in codes.transpose(0, 1).flatten(1)]
        self.used += reduce(torch.stack(counts).to(self.used))

    @torch.no_grad()
    def replace(self, quantizer: ResidualVQ, latents: Tensor, step: int) -> int:
        """Set unused entries (at step ``init`` all) to latents [B, K, L]: how many were set."""
        if step == self.init:
            self.used.zero_()
        residual = latents.float().transpose(1, 2).flatten(0, 1)  # [B * L, K]
        replaced = 0
        for stage in range(quantizer.num_stages):
            inner = quantizer.inner(residual, stage)
            dead = (self.used[stage] == 0).nonzero()[:, 0]
            pick = torch.randint(len(inner), (len(dead),), device=inner.device)
            noise = 0.01 * inner.std() * torch.randn(len(dead), inner.shape[1], device=inner.device)
            fresh = broadcast(inner[pick] + noise)  # every process keeps the same codebooks
            quantizer.codebooks.data[stage, dead] = fresh.to(quantizer.codebooks)
            replaced += len(dead)
            tokens = quantizer.nearest(inner, stage)
            residual = residual - quantizer.vectors()[stage][tokens]
        self.used.zero_()
        return replaced
