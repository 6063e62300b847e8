"""Frame-level token-acoustic contrastive loss (section III-D, equation 7) in tiles.

All frames of a batch, [B, L, d], are rows of two matrices S and P. The loss needs the softmax of
``C = tau * S P^T`` along both axes, and C of 32,000 pairs takes 4 GB, several times over in
backward. Here C exists one tile at a time: the two log-sum-exps are accumulated online, and
backward computes each tile again, so memory grows with the number of pairs, not its square.
On NVIDIA GPUs a tile is one kernel (``contrastive_kernels.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from secousti.errors import SecoustiError


class FrameContrastiveLoss(nn.Module):
    """Symmetric cross-entropy between the frames of two modalities.

    What the paper leaves open: S and P are L2-normalised (as in CLIP, so that ``tau`` alone sets
    the range of the logits), and ``tau`` is learnt as ``exp(log_scale)``, from ``1 / temperature``
    up to ``max_scale``.

    Args:
        temperature: start value of 1 / tau.
        max_scale: upper limit of tau.
        tile: rows and columns of C that exist at a time.
        gather: take negatives from every process of the default group (off in the paper).
    """

    def __init__(
        self,
        temperature: float = 0.07,
        max_scale: float = 100.0,
        tile: int = 1024,
        gather: bool = False,
    ) -> None:
        super().__init__()
        if temperature <= 0 or tile < 1:
            raise SecoustiError(f"temperature {temperature} and tile {tile} must be positive")
        # A vector of one: FSDP cannot shard scalars.
        self.log_scale = nn.Parameter(torch.tensor([-math.log(temperature)]))
        self.max_log_scale = math.log(max_scale)
        self.tile = tile
        self.gather = gather

    def forward(self, speech: Tensor, phonemes: Tensor, mask: Tensor) -> Tensor:
        """The loss, a float32 scalar; 0 (with zero gradients) when ``mask`` is empty.

        Args:
            speech: S, [B, L, d]. phonemes: P, [B, L, d].
            mask: bool [B, L], True where a pair counts: padding and utterances without text do
                not, neither as pairs nor as negatives.
        """
        scale = self.log_scale[0].clamp(max=self.max_log_scale).exp()
        gather = self.gather and dist.is_initialized() and dist.get_world_size() > 1
        if not gather and _has_kernels(speech.device):
            from secousti.semantic.contrastive_kernels import FusedLoss

            # All pairs, counted or not: choosing them here would wait for the device.
            s, p = (F.normalize(x.flatten(0, 1).float(), dim=-1) for x in (speech, phonemes))
            return FusedLoss.apply(s, p, mask.flatten(), scale)
        s = F.normalize(speech[mask].float(), dim=-1)  # [N, d]
        p = F.normalize(phonemes[mask].float(), dim=-1)
        loss: Tensor = _TiledLoss.apply(s, p, scale, self.tile, gather)
        return loss


def contrastive_loss(speech: Tensor, phonemes: Tensor, scale: Tensor, tile: int = 1024) -> Tensor:
    """Equation 7 for S and P, both [N, d], and tau ``scale``; differentiable in all three."""
    loss: Tensor = _TiledLoss.apply(speech, phonemes, scale, tile, False)
    return loss


class _TiledLoss(torch.autograd.Function):
    """Rows are this process's speech frames, columns the phoneme frames of all processes.

    With ``gather``, the value is scaled so that its mean over processes (what DDP makes of the
    gradients) is the loss of one process that holds the whole batch.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, p: Tensor, scale: Tensor, tile: int, gather: bool) -> Tensor:
        columns, counts, rank = _gather_rows(p) if gather else (p, [len(p)], 0)
        offset = sum(counts[:rank])
        row_lse, column_lse = _log_sum_exps(s, columns, scale, tile)
        if gather:
            column_lse = _logsumexp_over_processes(column_lse)
        share = len(counts) / max(sum(counts), 1)  # 1/N, or 1/(mean N) when gathered
        ctx.save_for_backward(s, columns, scale, row_lse, column_lse)
        ctx.place = (tile, gather, offset, share)
        own = slice(offset, offset + len(s))
        diagonal = scale * (s * columns[own]).sum(-1)
        return share * (0.5 * (row_lse + column_lse[own]) - diagonal).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        s, columns, scale, row_lse, column_lse = ctx.saved_tensors
        tile, gather, offset, share = ctx.place
        d_s, d_p = torch.zeros_like(s), torch.zeros_like(columns)
        d_scale = torch.zeros_like(scale)
        for r, c in _tiles(len(s), len(columns), tile):
            similarity = s[r] @ columns[c].T
            logits = scale * similarity
            g = (logits - row_lse[r, None]).exp_() + (logits - column_lse[None, c]).exp_()
            g *= 0.5  # dL/dC of this tile without its diagonal
            d_s[r] += g @ columns[c]
            d_p[c] += g.T @ s[r]
            d_scale += (g * similarity).sum()
        own = slice(offset, offset + len(s))
        d_s -= columns[own]
        d_p[own] -= s
        d_scale -= (s * columns[own]).sum()
        if gather:
            dist.all_reduce(d_p)
        factor = grad * share
        return d_s * (factor * scale), d_p[own] * (factor * scale), d_scale * factor, None, None


@lru_cache(maxsize=8)
def _has_kernels(device: torch.device) -> bool:
    """Whether tiles are computed by Triton: on NVIDIA's GPUs that multiply in TF32."""
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    return find_spec("triton") is not None and torch.cuda.get_device_capability(device) >= (8, 0)


def _tiles(rows: int, columns: int, tile: int) -> Iterator[tuple[slice, slice]]:
    for i in range(0, rows, tile):
        for j in range(0, columns, tile):
            yield slice(i, i + tile), slice(j, j + tile)


def _log_sum_exps(s: Tensor, p: Tensor, scale: Tensor, tile: int) -> tuple[Tensor, Tensor]:
    """Log-sum-exp of ``scale * s @ p.T`` over columns, [N], and over rows, [M]."""
    row = s.new_full((len(s),), -torch.inf)
    column = s.new_full((len(p),), -torch.inf)
    for r, c in _tiles(len(s), len(p), tile):
        logits = scale * (s[r] @ p[c].T)
        row[r] = torch.logaddexp(row[r], logits.logsumexp(1))
        column[c] = torch.logaddexp(column[c], logits.logsumexp(0))
    return row, column


def _gather_rows(p: Tensor) -> tuple[Tensor, list[int], int]:
    """The rows of all processes one after the other, how many each has, and who we are."""
    world = dist.get_world_size()
    own = torch.tensor([len(p)], device=p.device)
    sizes = [torch.zeros_like(own) for _ in range(world)]
    dist.all_gather(sizes, own)
    counts = [int(size) for size in sizes]
    padded = F.pad(p, (0, 0, 0, max(counts) - len(p)))  # processes may hold different numbers
    parts = [torch.zeros_like(padded) for _ in range(world)]
    dist.all_gather(parts, padded.contiguous())
    rows = torch.cat([part[:n] for part, n in zip(parts, counts, strict=True)])
    return rows, counts, dist.get_rank()


def _logsumexp_over_processes(x: Tensor) -> Tensor:
    parts = [torch.zeros_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, x.contiguous())
    return torch.stack(parts).logsumexp(0)
