"""Run with ``TRITON_INTERPRET=1``: the Triton kernels of the contrastive loss on a CPU."""

import json

import torch
from torch.nn import functional as F

from secousti.semantic import contrastive_kernels
from secousti.semantic.contrastive import contrastive_loss


def tf32(x):
    """Rounded to the 10 bits of mantissa that TF32 multiplies."""
    whole = x.detach().view(torch.int32)
    return ((whole + 0x1000) & ~0x1FFF).view(torch.float32)


def errors(n, d, scale, share, block, rounded=False, likeness=1.0):
    """Of loss and gradients against float64, the latter relative to the largest gradient."""
    generator = torch.Generator().manual_seed(n)
    s, p = (F.normalize(torch.randn(n, d, generator=generator), dim=-1) for _ in range(2))
    p = F.normalize(p + likeness * s, dim=-1)
    counts = torch.rand(n, generator=generator) < share
    ours = [tf32(x) if rounded else x.clone() for x in (s, p)]
    ours = [x.requires_grad_() for x in (*ours, torch.tensor(scale))]
    loss = contrastive_kernels.FusedLoss.apply(*ours[:2], counts, ours[2], block)
    (3 * loss).backward()
    theirs = [x.double().requires_grad_() for x in (s, p, torch.tensor(scale))]
    exact = contrastive_loss(theirs[0][counts], theirs[1][counts], theirs[2])
    (3 * exact).backward()
    found = [abs(loss.item() - exact.item()) / max(abs(exact.item()), 1)]
    for x, y in zip(ours, theirs, strict=True):
        worst = (x.grad - y.grad).abs().max() / y.grad.abs().max().clamp(min=1e-9)
        found.append(worst.item())
    return found


contrastive_kernels._STRIPE = 64  # so that gradients come from several
print(
    json.dumps(
        {
            "float32": errors(150, 40, 14.0, 0.8, 32),
            "one pair": errors(40, 16, 14.0, 0.0001, 32),
            "tf32": errors(300, 64, 14.0, 1.0, 64, rounded=True),
            "tf32, sharpest": errors(300, 64, 100.0, 1.0, 64, rounded=True, likeness=0.2),
        }
    )
)
