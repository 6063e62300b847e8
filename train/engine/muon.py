"""Muon: momentum whose matrices are made orthogonal before they are added to the weights.

The momentum of a matrix is dominated by few directions; Newton and Schulz's iteration brings all
its singular values near 1, so that rare directions are learnt too (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon). The update is scaled to the size of AdamW's (Liu et
al. 2025, arXiv 2502.16982, equation 4), so learning rates keep their meaning.

``torch.optim.Muon`` takes matrices only. Half of this codec is convolutions, which are flattened
here to (output, input x kernel), and matrices of one shape go through the iteration together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic iteration (Jordan et al.): steepest at 0, singular values end in
# about 0.7 .. 1.2, which is near enough.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5
_MATRIX_SIDE = 8  # what is narrower is as good as a vector


class Muon(torch.optim.Optimizer):
    """Muon for matrices and convolutions, AdamW for vectors and very narrow matrices.

    Args:
        parameters: of any shape; the first dimension of a tensor is its output.
        lr: for both kinds. betas: momentum of Muon is ``momentum``; ``betas`` are AdamW's.
        weight_decay: decoupled, of everything that is no vector.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.98),
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        eps: float = 1e-8,
    ) -> None:
        parameters = list(parameters)
        defaults = {"lr": lr, "betas": betas, "momentum": momentum, "eps": eps}
        matrices = [p for p in parameters if _is_matrix(p)]
        narrow = [p for p in parameters if not _is_matrix(p) and p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": weight_decay, "orthogonal": True},
            {"params": narrow, "weight_decay": weight_decay, "orthogonal": False},
            {"params": vectors, "weight_decay": 0.0, "orthogonal": False},
        ]
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            update = self._orthogonal_step if group["orthogonal"] else self._adam_step
            update(group, [p for p in group["params"] if p.grad is not None])
        return loss

    def _orthogonal_step(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        by_shape: dict[tuple[int, ...], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for p in parameters:
            assert p.grad is not None
            momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
            momentum.lerp_(p.grad, 1 - group["momentum"])
            matrix = p.grad.lerp(momentum, group["momentum"]).flatten(1)  # Nesterov's
            by_shape[tuple(matrix.shape)].append((p, matrix))
        for shape, pairs in by_shape.items():
            updates = orthogonalise(torch.stack([matrix for _, matrix in pairs]))
            scale = 0.2 * max(shape) ** 0.5
            for (p, _), update in zip(pairs, updates, strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view_as(p).to(p.dtype), alpha=-group["lr"] * scale)

    def _adam_step(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        fast, slow = group["betas"]
        for p in parameters:
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state["step"] = torch.zeros(())
                state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
            state["step"] += 1
            count = float(state["step"])
            state["mean"].lerp_(p.grad, 1 - fast)
            state["square"].lerp_(p.grad.square(), 1 - slow)
            deviation = (state["square"] / (1 - slow**count)).sqrt_().add_(group["eps"])
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.addcdiv_(state["mean"], deviation, value=-group["lr"] / (1 - fast**count))


def orthogonalise(matrices: Tensor) -> Tensor:
    """[N, rows, columns] -> the same with all singular values near 1 (Newton and Schulz).

    In bfloat16, which the iteration bears: it converges from wherever rounding leaves it.
    """
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_STEPS):
        square = x @ x.mT
        x = _A * x + (_B * square + _C * square @ square) @ x
    return x.mT if tall else x


def _is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and min(len(parameter), parameter[0].numel()) > _MATRIX_SIDE
