"""Muon: momentum whose matrices are made orthogonal before they are added to the weights.

The momentum of a matrix is dominated by few directions; Newton and Schulz's iteration brings all
its singular values near 1, so that rare directions are learnt too (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon). The update is scaled to the size of AdamW's (Liu et
al. 2025, arXiv 2502.16982, equation 4), so learning rates keep their meaning.

``torch.optim.Muon`` takes matrices only. Half of this codec is convolutions, which are flattened
here to (output, input x kernel). Matrices of like shape go through the iteration together, and
everything else is one call for all parameters (``torch._foreach_*``): on a GPU a step is bound by
the number of its calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
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
        self.benches: dict[tuple[int, ...], _Bench] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._silence(getattr(self, "found_inf", None))
        for group in self.param_groups:
            update = self._orthogonal_step if group["orthogonal"] else self._adam_step
            update(group, [p for p in group["params"] if p.grad is not None])
        return loss

    def _silence(self, bad: Tensor | None) -> None:
        """Zeros for gradients if ``bad`` is 1, without asking the device (``refuse_if``)."""
        if bad is None:
            return
        gradients = [p.grad for g in self.param_groups for p in g["params"] if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = flat.where(bad == 0, 0)
        sizes = [gradient.numel() for gradient in gradients]
        parts = [p.view_as(g) for p, g in zip(flat.split(sizes), gradients, strict=True)]
        torch._foreach_copy_(gradients, parts)

    def _orthogonal_step(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        momenta = [self._state(p, "momentum") for p in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        directions = torch._foreach_lerp(gradients, momenta, group["momentum"])  # Nesterov's
        key = tuple(map(id, parameters))
        if key not in self.benches:
            self.benches[key] = _Bench(parameters)
        updates = self.benches[key].orthogonalised(directions)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        by_side: dict[int, list[int]] = defaultdict(list)
        for n, p in enumerate(parameters):
            by_side[max(len(p), p[0].numel())].append(n)
        for side, members in by_side.items():
            ours, theirs = ([x[n] for n in members] for x in (parameters, updates))
            torch._foreach_add_(ours, theirs, alpha=-group["lr"] * 0.2 * side**0.5)

    def _adam_step(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        for count, members in self._by_count(parameters).items():
            self._adam(group, members, count)

    def _adam(self, group: dict[str, Any], parameters: list[Tensor], count: float) -> None:
        """Of parameters that all take their ``count``-th step."""
        fast, slow = group["betas"]
        gradients = [p.grad for p in parameters if p.grad is not None]
        means, squares = ([self._state(p, n) for p in parameters] for n in ("mean", "square"))
        torch._foreach_lerp_(means, gradients, 1 - fast)
        torch._foreach_lerp_(squares, torch._foreach_mul(gradients, gradients), 1 - slow)
        deviations = torch._foreach_div(squares, 1 - slow**count)
        torch._foreach_sqrt_(deviations)
        torch._foreach_add_(deviations, group["eps"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        scale = -group["lr"] / (1 - fast**count)
        torch._foreach_addcdiv_(parameters, means, deviations, value=scale)

    def _by_count(self, parameters: list[Tensor]) -> dict[float, list[Tensor]]:
        """Parameters by the number of their step, which they take now."""
        if not parameters:
            return {}
        for p in parameters:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros(())
        steps = [self.state[p]["step"] for p in parameters]
        torch._foreach_add_(steps, 1)
        found: dict[float, list[Tensor]] = defaultdict(list)
        for p, count in zip(parameters, torch.stack(steps).tolist(), strict=True):
            found[count].append(p)
        return found

    def _state(self, parameter: Tensor, name: str) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        value: Tensor = state[name]
        return value


class _Bench:
    """Where matrices of like shape lie side by side, padded with zeros, for one iteration.

    Zeros beside a matrix stay zeros through the iteration and change nothing else.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        sides = [tuple(sorted((len(p), p[0].numel()))) for p in parameters]
        places = merge_shapes(sides)
        counts = {place: places.count(place) for place in places}
        device = parameters[0].device
        self.stacks = {
            place: torch.zeros(count, *place, device=device, dtype=torch.bfloat16)
            for place, count in counts.items()
        }
        taken = dict.fromkeys(counts, 0)
        self.views: list[Tensor] = []
        for p, (short, long), place in zip(parameters, sides, places, strict=True):
            lying = self.stacks[place][taken[place], :short, :long]
            taken[place] += 1
            upright = lying.mT if len(p) > short else lying
            self.views.append(upright.unflatten(1, p.shape[1:]))

    def orthogonalised(self, directions: Sequence[Tensor]) -> list[Tensor]:
        """Each direction with its singular values near 1; overwritten by the next call."""
        torch._foreach_copy_(self.views, list(directions))
        for stack in self.stacks.values():
            stack.copy_(orthogonalise(stack))
        return self.views


def merge_shapes(shapes: Sequence[tuple[int, ...]], waste: float = 0.1) -> list[tuple[int, int]]:
    """For each (short, long) shape the one it is padded to: few, for little more arithmetic.

    Pairs are merged as long as all products together grow by no more than ``waste``.
    """
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for short, long in shapes:
        counts[short, long] += 1
    place = {shape: shape for shape in counts}
    budget = waste * sum(n * a * a * b for (a, b), n in counts.items())
    while len(counts) > 1:
        pairs = [(_added(x, y, counts), x, y) for x in counts for y in counts if x < y]
        price, x, y = min(pairs)
        if price > budget:
            break
        budget -= price
        both = (max(x[0], y[0]), max(x[1], y[1]))
        merged = counts.pop(x) + counts.pop(y)
        counts[both] = counts.get(both, 0) + merged
        place = {shape: both if at in (x, y) else at for shape, at in place.items()}
    return [place[short, long] for short, long in shapes]


def _added(x: tuple[int, int], y: tuple[int, int], counts: dict[tuple[int, int], int]) -> int:
    """Multiplications that padding both shapes to one adds."""
    a, b = max(x[0], y[0]), max(x[1], y[1])
    return sum(counts[s] * (a * a * b - s[0] * s[0] * s[1]) for s in (x, y))


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
        polynomial = torch.baddbmm(square, square, square, beta=_B, alpha=_C)
        x = torch.baddbmm(x, polynomial, x, beta=_A)
    return x.mT if tall else x


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim > 1 and min(len(parameter), parameter[0].numel()) > _MATRIX_SIDE
