"""What both stages of P2PSynCodec's training share: one learner, one exported folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from secousti.config import to_dict
from train.data.corpus import open_corpus
from train.data.packed import PackedCorpus
from train.engine.checkpoint import CheckpointFolder
from train.engine.learner import Learner
from train.engine.optim import rate
from train.engine.processes import make_accelerator
from train.engine.task import Stretch, Task, publish_copy
from train.p2psyn.config import Config, OptimConfig, RunConfig

EXPORT = "model"  # what a checkpoint's exported model is called


class P2PSynTask(Task):
    """One stage of training below ``OUTPUT/name``; its best model is ``OUTPUT/name/best``."""

    best: ClassVar[str]  # the validation figure that decides
    model: ClassVar[str]  # the learner's name

    def __init__(self, config: Config, name: str, optim: OptimConfig) -> None:
        self.settings, self.optim = config, optim
        self.run = run_below(config, name, self.best)
        # Buffers are constants or running statistics: sending them between two forward passes of
        # one step would overwrite what the backward pass needs.
        self.accelerator = make_accelerator(self.run, broadcast_buffers=False)
        self.config, self.identity = to_dict(config), to_dict(config.codec)
        self.stages = [Stretch(name, 1, optim.steps)]
        self.workers, self.sample_rate = config.data.workers, config.codec.sample_rate
        self.learners, self.modules, self.corpora = {}, {}, []

    @property
    def learner(self) -> Learner:
        return self.learners[self.model]

    def update(self, step: int) -> None:
        self.learner.update(self.learning_rate(step))

    def learning_rate(self, step: int) -> float:
        return rate(self.optim, step - 1, self.optim.steps)

    def improved(self, checkpoint: Path, folder: Path) -> None:
        publish_copy(checkpoint / EXPORT, folder / "best")

    def publish(self, folder: Path) -> str:
        """``best`` is published when it is found."""
        return f"the best model is in {folder / 'best'}"


def run_below(config: Config, name: str, best: str) -> RunConfig:
    """The run of one stage, in a folder of its own."""
    run = config.run
    return replace(run, output=str(Path(run.output) / name), best=run.best or best)


def corpus_of(config: Config, split: str) -> PackedCorpus:
    """The training or validation split; the training one again where there is no other."""
    data, workers = config.data, max(1, config.data.workers)
    sources = data.valid if split == "valid" and data.valid else data.train
    split = "train" if sources == data.train and not data.valid else split
    return open_corpus(sources, split, data.root, config.codec.sample_rate, data.cache, workers)


def best_model(folder: Path) -> Path:
    """The best exported model of the run in ``folder``: published, or in its best checkpoint."""
    best = CheckpointFolder(folder / "checkpoints", 1).best()
    published = folder / "best"
    return best / EXPORT if best is not None and not published.is_dir() else published
