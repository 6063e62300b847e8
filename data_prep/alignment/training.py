"""Training of the built-in aligner from a manifest alone: no times are needed.

1. CTC on the transcripts gives a first, coarse segmentation (``ctc``).
2. In rounds: a frame-level model learns the current segmentation, then cuts every utterance anew
   by its own best paths (``frames``). Utterances that came with times keep them: a better
   aligner's times are worth more than the model's own.

Every random draw depends on the seed and the epoch only, and every epoch is saved, so a run that
was killed continues where it stopped and ends with the same weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from data_prep.alignment.augment import Augmenter
from data_prep.alignment.classes import ClassMap
from data_prep.alignment.corpus import Example
from data_prep.alignment.ctc import ctc_batches, ctc_loss, first_labels
from data_prep.alignment.frames import (
    count_batches,
    frame_batches,
    frame_loss,
    log_prior,
    realign,
    timed_labels,
)
from data_prep.alignment.network import AcousticNetwork, NetworkConfig
from secousti.errors import SecoustiError
from train.engine.checkpoint import STATE, CheckpointFolder, read_state
from train.engine.optim import rate, set_rate
from train.engine.settings import BaseOptimConfig
from train.engine.tree import Tree, read_tree, write_tree

_TRAINING = "training.safetensors"


@dataclass(frozen=True)
class TrainingConfig:
    """Schedule of a training run. ``warm_start`` leaves the CTC stage out."""

    ctc_epochs: int = 4
    rounds: int = 4
    epochs_a_round: int = 1
    learning_rate: float = 2e-3
    seed: int = 0
    warm_start: bool = False


class Trainer:
    """Network, optimizer, labels and place in the schedule; ``run`` goes on from there."""

    def __init__(
        self,
        examples: Sequence[Example],
        folder: Path,
        network_config: NetworkConfig,
        config: TrainingConfig,
        log: Callable[[str], object] = print,
    ) -> None:
        torch.manual_seed(config.seed)
        self.examples, self.folder, self.config, self.log = examples, folder, config, log
        self.network = AcousticNetwork(network_config)
        self.classes = ClassMap(network_config.classes)
        self.augment = Augmenter()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), config.learning_rate)
        self.ctc_prior = torch.zeros(1 + len(network_config.classes))
        self.checkpoints = CheckpointFolder(folder / "checkpoints", keep_last=2)
        self.labels: list[Tensor | None] = [None] * len(examples)
        self.epoch = config.ctc_epochs if config.warm_start else 0

    @property
    def total_epochs(self) -> int:
        return self.config.ctc_epochs + self.config.rounds * self.config.epochs_a_round

    def run(self) -> AcousticNetwork:
        """Train to the end of the schedule and return the network in evaluation mode."""
        while self.epoch < self.total_epochs:
            frame_epoch = self.epoch - self.config.ctc_epochs
            if frame_epoch >= 0 and frame_epoch % self.config.epochs_a_round == 0:
                self._relabel(frame_epoch // self.config.epochs_a_round)
            loss = self._ctc_epoch() if frame_epoch < 0 else self._frame_epoch()
            self.epoch += 1
            self.save()
            stage = "ctc" if frame_epoch < 0 else "frames"
            self.log(f"epoch {self.epoch}/{self.total_epochs} ({stage}): loss {loss:.3f}")
        return self.network.eval()

    def _ctc_epoch(self) -> float:
        generator, losses = self._generator(), []
        posterior = torch.zeros_like(self.ctc_prior)
        batches = list(ctc_batches(self.examples, generator))
        for step, batch in enumerate(batches):
            self._set_rate(self.epoch + step / len(batches), 0, self.config.ctc_epochs)
            loss, mean = ctc_loss(
                self.network, batch, self.classes, self.ctc_prior, self.augment, generator
            )
            self._step(loss)
            posterior += mean / len(batches)
            losses.append(loss.item())
        # The prior of a model that has not found the tokens yet would lead it astray.
        if 2 * (self.epoch + 1) >= self.config.ctc_epochs:
            self.ctc_prior = torch.log(posterior.clamp(min=1e-6))
        return sum(losses) / len(losses)

    def _frame_epoch(self) -> float:
        generator, losses = self._generator(), []
        examples, labels = list[Example](), list[Tensor]()
        for example, known in zip(self.examples, self.labels, strict=True):
            if known is not None:
                examples.append(example)
                labels.append(known)
        steps = count_batches(labels)
        for step, (features, states) in enumerate(frame_batches(examples, labels, generator)):
            position = self.epoch + step / steps
            self._set_rate(position, self.config.ctc_epochs, self.total_epochs)
            loss = frame_loss(self.network, features, states, self.augment, generator)
            self._step(loss)
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def _relabel(self, done: int) -> None:
        """Cut the corpus anew before round ``done``: coarsely, but finely before the last."""
        self.network.eval()
        step = 1 if done == self.config.rounds - 1 else 2
        for index, example in enumerate(self.examples):
            old = self.labels[index]
            new: Tensor | None
            if example.times is not None:
                new = timed_labels(example, self.classes)
            elif done == 0 and not self.config.warm_start:
                new = first_labels(self.network, example, self.classes, self.ctc_prior)
            else:
                new = realign(self.network, example, self.classes, old, step)
            self.labels[index] = old if new is None else new
        known = [states for states in self.labels if states is not None]
        if not known:
            raise SecoustiError("no utterance could be aligned; are the transcripts right?")
        self.network.log_prior.copy_(log_prior(known, self.classes))
        self.network.train()

    def _step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()

    def _set_rate(self, position: float, start: int, end: int) -> None:
        """Half an epoch of warm-up, then a cosine down to a fiftieth, within one stage."""
        units = 100  # of an epoch, in which the rate's steps are counted
        lr = self.config.learning_rate
        optim = BaseOptimConfig(lr=lr, warmup_steps=units // 2, final_lr=0.02)
        set_rate(self.optimizer, rate(optim, units * (position - start), units * (end - start)))

    def _generator(self) -> torch.Generator:
        torch.manual_seed(1000 * self.config.seed + self.epoch)  # dropout
        return torch.Generator().manual_seed(1000 * self.config.seed + self.epoch)

    def save(self) -> None:
        """A checkpoint with everything that ``load`` needs; the last two stay."""
        known = {str(i): s.short() for i, s in enumerate(self.labels) if s is not None}
        tree = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "labels": known,
            "ctc_prior": self.ctc_prior,
        }
        state = {"epoch": self.epoch, "config": self._fingerprint()}

        def write(folder: Path) -> None:
            write_tree(folder / _TRAINING, tree)
            (folder / STATE).write_text(json.dumps(state), "utf-8")

        self.checkpoints.save(self.epoch, write, best=False)

    def load(self) -> bool:
        """Continue from the last whole checkpoint of the folder, if there is one.

        Raises:
            SecoustiError: it was made with other settings or another corpus, or none is whole.
        """
        path, damaged = self.checkpoints.last_good()
        for other, fault in damaged.items():
            self.log(f"warning: {other} is damaged ({fault}); going on from {path}")
            self.checkpoints.set_aside(other)
        if path is None:
            return False
        state = read_state(path)
        if state["config"] != self._fingerprint():
            raise SecoustiError(
                f"{path} was made with other settings or another corpus; give another folder, or "
                f"delete {self.checkpoints.root} to start anew"
            )
        self._restore(read_tree(path / _TRAINING))
        self.epoch = state["epoch"]
        return True

    def _restore(self, tree: Tree) -> None:
        self.network.load_state_dict(tree["network"])
        optimizer = tree["optimizer"]
        optimizer["state"] = {int(index): own for index, own in optimizer["state"].items()}
        self.optimizer.load_state_dict(optimizer)
        self.ctc_prior = tree["ctc_prior"]
        for index, states in tree["labels"].items():
            self.labels[int(index)] = states.long()

    def _fingerprint(self) -> str:
        names = [(example.name, len(example.features)) for example in self.examples]
        settings = [dataclasses.asdict(self.config), dataclasses.asdict(self.network.config)]
        return hashlib.sha256(json.dumps([names, settings]).encode()).hexdigest()
