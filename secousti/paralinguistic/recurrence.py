"""A GRU whose backward pass on a CPU does not go through autograd step by step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class GRU(nn.GRU):
    """One layer of ``nn.GRU``, batch first: [B, T, C] -> outputs [B, T, H], from a state of zeros.

    A GPU has one call of cuDNN for all steps, forward and backward. A CPU has one for all steps
    forward, but backward autograd walks through some 28 operators a step. Given all outputs, the
    gates are known for all steps at once, and so is all of the gradient but one product a step.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)

    def outputs(self, x: Tensor) -> Tensor:
        """[B, T, C] -> [B, T, H]."""
        if not torch.is_grad_enabled() or not _walks(x):
            y: Tensor = self(x)[0]
            return y
        dtype = next(self.parameters()).dtype
        weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        # Under autocast too it is float32: bfloat16 would be rounded anew in every step.
        with torch.autocast("cpu", enabled=False):
            outputs: Tensor = _Recurrence.apply(x.to(dtype), *weights, self)
        return outputs


class _Recurrence(torch.autograd.Function):
    """Outputs of ``gru``; gates are found again from them in backward."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, w_in: Tensor, w: Tensor, b_in: Tensor, b: Tensor, gru: nn.GRU
    ) -> Tensor:
        outputs: Tensor = gru(x)[0]
        ctx.save_for_backward(x, w_in, w, b_in, b, outputs)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, w_in, w, b_in, b, outputs = ctx.saved_tensors
        before = torch.cat([torch.zeros_like(outputs[:, :1]), outputs[:, :-1]], dim=1)
        from_input = torch.addmm(b_in, x.flatten(0, 1), w_in.t()).view(*x.shape[:2], 3, -1)
        from_state = torch.addmm(b, before.flatten(0, 1), w.t()).view(*x.shape[:2], 3, -1)
        reset, update = torch.sigmoid(from_input[..., :2, :] + from_state[..., :2, :]).unbind(2)
        new = torch.tanh(from_input[..., 2, :] + reset * from_state[..., 2, :])
        of_new = (1 - update) * (1 - new.square())
        # What a gradient of 1 at a step's output is at its gates, as the state enters them.
        slopes = torch.stack(
            [
                of_new * from_state[..., 2, :] * reset * (1 - reset),
                (before - new) * update * (1 - update),
                of_new * reset,
            ],
            dim=2,
        )  # [B, T, 3, H]
        arriving = _through_time(grad, slopes, update, w)
        at_state = (slopes * arriving[:, :, None]).flatten(2).flatten(0, 1)
        at_input = at_state.clone()
        at_input[:, 2 * w.shape[1] :] = (of_new * arriving).flatten(0, 1)
        return (
            (at_input @ w_in).view_as(x),
            at_input.t() @ x.flatten(0, 1),
            at_state.t() @ before.flatten(0, 1),
            at_input.sum(0),
            at_state.sum(0),
            None,
        )


def _through_time(grad: Tensor, slopes: Tensor, update: Tensor, w: Tensor) -> Tensor:
    """The whole gradient [B, T, H] at every output: its own, and what later steps send back."""
    arriving = torch.empty_like(grad)
    gradients, kept, at_gates = grad.unbind(1), update.unbind(1), slopes.unbind(1)
    places, wide = arriving.unbind(1), arriving[:, :, None].unbind(1)  # [B, H], [B, 1, H]
    gates, later = torch.empty_like(slopes[:, 0]), torch.zeros_like(grad[:, 0])
    side_by_side = gates.flatten(1)  # a view, [B, 3 H]
    for t in range(len(gradients) - 1, -1, -1):
        torch.add(gradients[t], later, out=places[t])
        torch.mul(at_gates[t], wide[t], out=gates)
        torch.mul(places[t], kept[t], out=later)
        later.addmm_(side_by_side, w)
    return arriving


def _walks(x: Tensor) -> bool:
    """Whether PyTorch would go through its backward pass step by step, and nobody records it."""
    return (
        x.device.type == "cpu"
        and x.numel() > 0
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )
