"""A model that trains: wrapped for the hardware at hand, with its optimizer and weight average."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from train.engine.ema import WeightAverage
from train.engine.optim import refuse_if, set_rate
from train.engine.tree import plain, read_tree, write_tree

M = TypeVar("M", bound=nn.Module)
# One layout on disk, whatever the model is spread over.
_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)
# A parameter that no loss has reached yet has no state to be saved.
_KNOWN = StateDictOptions(full_state_dict=True, cpu_offload=True, strict=False)


class Learner:
    """``model`` (what is called) around ``module`` (what was given), and its optimizer.

    Args:
        clip: limit of the gradient norm (0: none). ema: decay of the average (0: none).
        clipped_apart: parameters whose gradients are clipped by themselves, group by group;
            by default all together.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        clip: float = 0.0,
        ema: float = 0.0,
        clipped_apart: Sequence[Sequence[nn.Parameter]] | None = None,
    ) -> None:
        self.accelerator, self.clip, self.decay = accelerator, clip, ema
        self.model, self.optimizer = accelerator.prepare(module, optimizer)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.groups = clipped_apart or [self.parameters]
        self.average = self._new_average()
        # Bool, on the device: whether the next update must change nothing.
        self.unless: Tensor | None = None

    @property
    def module(self) -> nn.Module:
        """The model without what distributed training wraps around it."""
        module: nn.Module = self.accelerator.unwrap_model(self.model)
        return module

    def exchanging(self, now: bool) -> AbstractContextManager[Any]:
        """Around forward and backward: whether processes exchange gradients (last micro-batch)."""
        return nullcontext() if now else self.accelerator.no_sync(self.model)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of ``loss``."""
        self.accelerator.backward(loss)

    def gradient_norm(self) -> Tensor:
        """The norm over all processes, after which gradients are clipped to the limit."""
        limit = self.clip if self.clip > 0 else torch.inf
        clip = self.accelerator.clip_grad_norm_ if self._is_sharded() else clip_gradients
        norms = [clip(group, limit) for group in self.groups]
        whole = [n.full_tensor() if isinstance(n, DTensor) else n for n in norms]
        return whole[0] if len(whole) == 1 else torch.linalg.vector_norm(torch.stack(whole))

    def update(self, learning_rate: float) -> None:
        """One step of the optimizer and of the average."""
        set_rate(self.optimizer, learning_rate)
        refuse_if(getattr(self.optimizer, "optimizer", self.optimizer), self.unless)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()

    def descend(self, loss: Tensor, learning_rate: float, wait: bool = True) -> Tensor:
        """Gradient and update at once; a norm that is not finite changes nothing. The norm.

        Args:
            wait: look at the norm before the update. Else the device decides (``refuse_if``),
                and nobody waits for it.
        """
        self.drop_gradients()
        self.backward(loss)
        norm = self.gradient_norm()
        if not wait:
            self.unless = ~norm.isfinite()
            self.update(learning_rate)
        elif norm.isfinite():
            self.update(learning_rate)
        else:
            self.drop_gradients()
        return norm.detach()

    def drop_gradients(self) -> None:
        self.optimizer.zero_grad()

    @contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """Inside, the weights are the averaged ones, in eval mode."""
        with nullcontext() if self.average is None else self.average.in_place():
            self.model.eval()
            yield self.module

    def finish(self, rebuild: Callable[[], M]) -> M | nn.Module:
        """The plain module with the averaged weights, ready for another stage.

        Of a model that is spread over processes, a whole copy made by ``rebuild``.
        """
        if self.average is not None:
            self.average.write()
        module = self.module
        if isinstance(self.model, FSDPModule):
            whole = StateDictOptions(full_state_dict=True)
            weights = get_model_state_dict(module, options=whole)
            module = rebuild()
            module.load_state_dict(weights)
        self.accelerator.free_memory()
        return module

    def _is_sharded(self) -> bool:
        return any(isinstance(p, DTensor) for p in self.parameters)

    # ---------------------------------------------------------------- to and from the disk
    def collect(self) -> dict[str, Any]:
        """Everything ``write`` needs, whole, on every process (all must call it)."""
        average = None
        if self.average is not None:
            with self.average.in_place():  # a copy: on a CPU the state dict is the weights
                average = plain(self._weights())
        optimizer = getattr(self.optimizer, "optimizer", self.optimizer)
        state = None
        if optimizer.state:  # asked for one it has not yet, PyTorch would count a step
            state = get_optimizer_state_dict(self.model, optimizer, options=_WHOLE)
        return {
            "weights": self._weights(),
            "average": average,
            "optimizer": state,
            "updates": 0 if self.average is None else self.average.updates,
        }

    def load(self, folder: Path, name: str, updates: int) -> None:
        """Continue from a checkpoint."""
        weights: dict[str, Any] = load_file(folder / f"{name}.safetensors")
        if self.average is not None:
            average: dict[str, Any] = load_file(folder / f"{name}.average.safetensors")
            set_model_state_dict(self.model, average, options=_WHOLE)
            self.average = self._new_average()
            assert self.average is not None
            self.average.updates = updates
        set_model_state_dict(self.model, weights, options=_WHOLE)
        saved = folder / f"{name}.optimizer.safetensors"
        if saved.exists():
            optimizer = getattr(self.optimizer, "optimizer", self.optimizer)
            state = read_tree(saved)
            set_optimizer_state_dict(self.model, optimizer, optim_state_dict=state, options=_KNOWN)

    def _weights(self) -> dict[str, Any]:
        weights: dict[str, Any] = get_model_state_dict(self.model, options=_WHOLE)
        return weights

    def _new_average(self) -> WeightAverage | None:
        if self.decay <= 0:
            return None
        named: dict[str, Tensor] = {
            n: p for n, p in self.module.named_parameters() if p.requires_grad
        }
        return WeightAverage(named, self.decay)


@torch.no_grad()
def clip_gradients(parameters: Sequence[nn.Parameter], limit: float) -> Tensor:
    """What ``torch.nn.utils.clip_grad_norm_`` does on one device, in calls that no number of
    parameters adds to: the norm of all gradients, which are scaled down to ``limit``."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm


def write_learner(folder: Path, name: str, collected: dict[str, Any]) -> None:
    """``Learner.collect`` on the disk."""
    save_file(plain(collected["weights"]), folder / f"{name}.safetensors")
    if collected.get("average") is not None:
        save_file(collected["average"], folder / f"{name}.average.safetensors")
    if collected.get("optimizer") is not None:
        write_tree(folder / f"{name}.optimizer.safetensors", collected["optimizer"])


def published_weights(collected: dict[str, Any]) -> dict[str, Tensor]:
    """What users get of a collected learner: the average where there is one."""
    weights: dict[str, Tensor] = collected.get("average") or collected["weights"]
    return weights
