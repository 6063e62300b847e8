"""One stage's model, optimizer and weight average, wrapped for the hardware at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from secousti.codec import SecoustiCodec
from train.checkpoint import read_tree, write_tree
from train.config import TrainingConfig
from train.data import Batch
from train.ema import WeightAverage
from train.objective import OWN, Inspection, Objective, trainable_names
from train.optim import build_optimizer, set_learning_rate
from train.schedule import Stage

_WEIGHTS, _AVERAGE, _OPTIMIZER = (
    f"{name}.safetensors" for name in ("objective", "average", "optimizer")
)
# One layout on disk, whatever the model is spread over.
_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


class Session:
    """``objective`` during ``stage``: what does not train is frozen and in eval mode."""

    def __init__(
        self, objective: Objective, stage: Stage, config: TrainingConfig, accelerator: Accelerator
    ) -> None:
        self.objective, self.stage, self.accelerator = objective, stage, accelerator
        parts = {n for n, _ in objective.codec.named_children()}
        parts |= {n for n, _ in objective.named_children() if n in OWN}
        self.frozen = [
            objective.part(name)
            for name in parts | {*config.freeze}
            if name not in stage.trains or name in config.freeze
        ]
        names = trainable_names(objective, stage.trains, config.freeze)
        for name, parameter in objective.named_parameters():
            parameter.requires_grad_(name in names)
        trained = [(n, p) for n, p in objective.named_parameters() if p.requires_grad]
        optimizer = build_optimizer(trained, config.optim)
        # The wrapper is new in every stage: it holds the parameters that trained at its birth.
        self.model, self.optimizer = accelerator.prepare(objective, optimizer)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.clip = config.optim.clip
        self.compiled = config.run.compile
        self.decay = config.optim.ema
        self.average = self._new_average()

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def train_mode(self) -> None:
        """Training mode for what trains; frozen parts (their batch norms!) stay in eval mode."""
        self.model.train()
        for module in self.frozen:
            module.eval()

    def backward(
        self, batch: Batch, weights: dict[str, float], share: float, last: bool
    ) -> dict[str, Tensor]:
        """Losses of a micro-batch, after adding its ``share`` of the gradient.

        ``last``: whether processes exchange gradients now (the step's last micro-batch).
        """
        with nullcontext() if last else self.accelerator.no_sync(self.model):
            losses = self.model(batch, weights)
            self.accelerator.backward(losses["loss"] * share)
        return {name: value.detach().float() for name, value in losses.items()}

    def gradient_norm(self) -> Tensor:
        """The norm over all processes, after which gradients are clipped to the limit."""
        limit = self.clip if self.clip > 0 else torch.inf
        norm: Tensor = self.accelerator.clip_grad_norm_(self.parameters, limit)
        return norm.full_tensor() if isinstance(norm, DTensor) else norm

    def update(self, learning_rate: float) -> None:
        """One step of the optimizer and of the average."""
        set_learning_rate(self.optimizer, learning_rate)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()

    def drop_gradients(self) -> None:
        self.optimizer.zero_grad()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the weights are the averaged ones, in eval mode."""
        with nullcontext() if self.average is None else self.average.in_place():
            self.model.eval()
            yield
        self.train_mode()

    def inspect(self, batch: Batch, weights: None) -> Inspection:
        """Everything validation looks at."""
        inspection: Inspection = self.model(batch.to(self.device), weights)
        if isinstance(self.model, FSDPModule):
            self.model.reshard()  # without a backward pass it keeps whole weights, soon outdated
        return inspection

    def finish(self) -> Objective:
        """The plain objective with the averaged weights, ready for the next stage."""
        if self.average is not None:
            self.average.write()
        objective: Objective = self.accelerator.unwrap_model(self.model)
        if isinstance(self.model, FSDPModule):
            objective = self._whole(objective)
        self.accelerator.free_memory()
        return objective

    def _whole(self, sharded: Objective) -> Objective:
        """A copy that no longer is spread over the processes."""
        weights = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True))
        objective = Objective(SecoustiCodec(sharded.codec.config), sharded.config)
        objective.load_state_dict(weights)
        if self.compiled:
            objective.compile()
        return objective

    # ---------------------------------------------------------------- to and from the disk
    def collect(self) -> dict[str, Any]:
        """Everything ``write_session`` needs, whole, on every process (all must call it)."""
        with self.averaged():  # a copy: on a CPU the state dict is the weights themselves
            average = _plain(get_model_state_dict(self.model, options=_WHOLE))
        return {
            "weights": get_model_state_dict(self.model, options=_WHOLE),
            "average": average if self.average is not None else None,
            "optimizer": get_optimizer_state_dict(
                self.model, self.optimizer.optimizer, options=_WHOLE
            ),
        }

    def load(self, folder: Path, updates: int) -> None:
        """Continue in mid-stage from a checkpoint."""
        weights = read_weights(folder / _WEIGHTS)
        if self.average is not None:
            average = read_weights(folder / _AVERAGE)
            set_model_state_dict(self.model, weights | average, options=_WHOLE)
            self.average = self._new_average()
            assert self.average is not None
            self.average.updates = updates
        set_model_state_dict(self.model, weights, options=_WHOLE)
        state = read_tree(folder / _OPTIMIZER)
        state["state"] = {n: _vectors(n, own) for n, own in state["state"].items()}
        set_optimizer_state_dict(
            self.model, self.optimizer.optimizer, optim_state_dict=state, options=_WHOLE
        )

    def _new_average(self) -> WeightAverage | None:
        if self.decay <= 0:
            return None
        named = self.accelerator.unwrap_model(self.model).named_parameters()
        return WeightAverage({n: p for n, p in named if p.requires_grad}, self.decay)


def write_session(folder: Path, collected: dict[str, Any]) -> None:
    """``Session.collect`` on the disk."""
    save_file(_plain(collected["weights"]), folder / _WEIGHTS)
    if collected["average"] is not None:
        save_file(_plain(collected["average"]), folder / _AVERAGE)
    if collected["optimizer"] is not None:
        write_tree(folder / _OPTIMIZER, collected["optimizer"])


def load_weights(objective: Objective, folder: Path) -> None:
    """Weights of a checkpoint between two stages."""
    objective.load_state_dict(read_weights(folder / _WEIGHTS))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights, or their average, of a checkpoint."""
    return {name: _vectors(name, {"": t})[""] for name, t in load_file(path).items()}


def _vectors(name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What belongs to the parameter ``name``; older files hold the temperature as a scalar."""
    if not name.endswith("contrastive.log_scale"):
        return tensors
    return {key: t if key == "step" else t.reshape(1) for key, t in tensors.items()}


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
