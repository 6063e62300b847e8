"""What a kind of training is: the one thing that the loop does not know."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import Dataset

from train.data.packed import PackedCorpus
from train.engine.checkpoint import replace_folder
from train.engine.learner import Learner
from train.engine.settings import BaseRunConfig
from train.engine.sound import Sample


@dataclass(frozen=True)
class Stretch:
    """Steps (counted from 1) during which the same modules train."""

    name: str
    first_step: int
    last_step: int

    @property
    def steps(self) -> int:
        return self.last_step - self.first_step + 1


class Task(ABC):
    """Models, data and losses of one kind of training; ``Run`` does the rest.

    Attributes:
        accelerator: of ``make_accelerator``. run: where results go and how often.
        config: the whole configuration as plain values, for people and trackers.
        identity: the part of it that a checkpoint must have been made with.
        stages: of the training, in order. dataset: ``dataset[position]`` is one micro-batch.
        corpora: what is read, for its faults.
        learners: what trains, by name; modules: what else has a state to be saved.
        accumulate: micro-batches a step. workers: that read them. sample_rate: of the audio.
    """

    least: ClassVar[frozenset[str]] = frozenset()  # metrics of which less is better
    late_looks: ClassVar[bool] = False  # whether a bad step may be seen late (``look_every``)
    accelerator: Accelerator
    run: BaseRunConfig
    config: dict[str, Any]
    identity: dict[str, Any]
    stages: Sequence[Stretch]
    dataset: Dataset[Any]
    corpora: Sequence[PackedCorpus]
    learners: dict[str, Learner]
    modules: dict[str, nn.Module]
    accumulate: int = 1
    workers: int = 0
    sample_rate: int

    def stage(self, step: int) -> Stretch:
        """The stage that ``step`` belongs to."""
        return next(s for s in self.stages if s.first_step <= step <= s.last_step)

    @property
    def total_steps(self) -> int:
        return self.stages[-1].last_step

    @abstractmethod
    def open(self, stage: Stretch) -> None:
        """Make the learners of ``stage``, in training mode."""

    def close(self) -> dict[str, dict[str, Any]]:
        """End a stage that another follows: its learners' whole weights, by name."""
        raise NotImplementedError("this training has one stage")

    def restore_closed(self, folder: Path) -> None:
        """Weights of a checkpoint between two stages."""
        raise NotImplementedError("this training has one stage")

    @abstractmethod
    def learn(self, batches: Sequence[Any], step: int) -> dict[str, Tensor]:
        """Gradients of one step on its micro-batches, clipped but not yet applied.

        Returns:
            Float32 scalars to log, among them ``gradient_norm``, by which the guard judges.
        """

    @abstractmethod
    def update(self, step: int) -> None:
        """Apply what ``learn`` found; called when the guard agrees."""

    @abstractmethod
    def learning_rate(self, step: int) -> float:
        """Of ``step``."""

    @abstractmethod
    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        """Metrics of the averaged weights on held-out data, and utterances to listen to.

        Called on every process; no metrics where there is nothing to validate on.
        """

    @abstractmethod
    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """Save the model as users load it into a checkpoint's ``folder``."""

    def improved(self, checkpoint: Path, folder: Path) -> None:  # noqa: B027 - most do nothing
        """Called when ``checkpoint`` of the run in ``folder`` is the best so far."""

    @abstractmethod
    def publish(self, folder: Path) -> str:
        """At the end of the run in ``folder``: its model, ready for use; a line about it."""

    def names(self, batch: Any) -> list[str]:
        """Of the utterances in a micro-batch, for people."""
        return list(batch.names)

    def seconds(self, batch: Any) -> float:
        """Audio in a micro-batch."""
        return float(batch.seconds(self.sample_rate))


def publish_copy(source: Path, target: Path) -> Path:
    """A copy of a folder that appears whole."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    replace_folder(partial, target)
    return target
