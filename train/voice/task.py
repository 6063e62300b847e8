"""Teach a listener the training speakers; score it on unseen speakers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.config import to_dict
from train.codec.batches import Batch, CropDataset
from train.data.alignment import Alignments
from train.data.augment import AugmentConfig
from train.data.corpus import open_corpus
from train.data.packed import PackedCorpus
from train.engine.checkpoint import CheckpointFolder
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer, rate
from train.engine.processes import make_accelerator
from train.engine.run import Run
from train.engine.sound import Sample
from train.engine.task import Stretch, Task, publish_copy
from train.voice.config import Config, DataConfig
from train.voice.listener import VoiceListener, save_listener

_VALID_BATCHES = 16


class SpeakerScores(nn.Module):
    """Scaled cosines of voices [B, dim] to every speaker's, less a margin at the right one."""

    def __init__(self, dim: int, speakers: int, margin: float, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(speakers, dim) / math.sqrt(dim))
        self.margin, self.scale = margin, scale

    def forward(self, voices: Tensor, speakers: Tensor) -> Tensor:
        """int64 [B] right answers -> logits [B, speakers]."""
        cosines = F.linear(voices, F.normalize(self.weight, dim=-1)).clamp(-1 + 1e-6, 1 - 1e-6)
        right = F.one_hot(speakers, len(self.weight)).bool()
        harder = torch.cos((cosines.acos() + self.margin).clamp(max=math.pi))
        return self.scale * torch.where(right, harder, cosines)


class Recognition(nn.Module):
    """The listener and what it is asked in training."""

    def __init__(self, listener: VoiceListener, scores: SpeakerScores) -> None:
        super().__init__()
        self.listener, self.scores = listener, scores

    def forward(self, mel: Tensor, mask: Tensor, speakers: Tensor) -> Tensor:
        """Logits [B, speakers] of log-mels [B, n_mels, T]."""
        logits: Tensor = self.scores(self.listener(mel, mask), speakers)
        return logits


class VoiceTask(Task):
    """A listener, and scores of the speakers it is to tell apart."""

    least = frozenset({"equal_error_rate", "other"})
    late_looks = True
    dataset: CropDataset

    def __init__(self, config: Config) -> None:
        self.settings, self.optim, self.run = config, config.training.optim, config.training.run
        self.accelerator = make_accelerator(self.run, broadcast_buffers=False)
        torch.manual_seed(self.run.seed)
        self.config = to_dict(config)
        self.identity = {name: self.config[name] for name in ("mel", "listener")}
        self.stages = [Stretch("listener", 1, self.optim.steps)]
        data = config.training.data
        self.dataset = self._dataset(data, "train")
        assert isinstance(self.dataset.corpus, PackedCorpus)
        self.corpora, self.sample_rate = [self.dataset.corpus], config.mel.sample_rate
        self.workers, self.learners, self.modules = data.workers, {}, {}
        known = sorted({row.speaker for row in self.dataset.corpus.rows})
        self.number = {speaker: n for n, speaker in enumerate(known)}
        self.speaker = {row.audio: row.speaker for row in self.dataset.corpus.rows}
        still = replace(data, gain_db=0.0, augment=AugmentConfig(), pool=1)
        self.valid = self._dataset(still, "valid") if data.valid else None
        self.mel = LogMel(config.mel).to(self.accelerator.device)
        scores = SpeakerScores(config.listener.dim, len(known), self.optim.margin, self.optim.scale)
        self.model = Recognition(VoiceListener(config.mel, config.listener), scores)

    @property
    def listener(self) -> VoiceListener:
        return self.model.listener

    def open(self, stage: Stretch) -> None:
        optimizer = build_optimizer(self.model.parameters(), self.optim)
        learner = Learner(self.accelerator, self.model, optimizer, self.optim.clip, self.optim.ema)
        self.learners = {"listener": learner}
        learner.model.train()

    def learn(self, batches: Sequence[Batch], step: int) -> dict[str, Tensor]:
        (batch,) = batches
        learner = self.learners["listener"]
        numbers = [self.number[self.speaker[name]] for name in batch.names]
        speakers = torch.tensor(numbers, device=self.accelerator.device)
        loss = F.cross_entropy(learner.model(*self._mel(batch), speakers), speakers)
        learner.backward(loss)
        return {"loss": loss.detach(), "gradient_norm": learner.gradient_norm()}

    def update(self, step: int) -> None:
        self.learners["listener"].update(self.learning_rate(step))

    def learning_rate(self, step: int) -> float:
        return rate(self.optim, step - 1, self.optim.steps)

    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        """``score``; a listener makes no sound."""
        with self.learners["listener"].averaged():
            scores = self.score()
        self.learners["listener"].model.train()
        return scores, []

    def score(self) -> dict[str, float]:
        """Equal error rate of pairs of new speakers' recordings, and how alike they are.

        Nothing where no two recordings of one new speaker were drawn.
        """
        voices, recordings, speakers = self._new_voices()
        one, two = np.triu_indices(len(speakers), 1)
        alike = (voices @ voices.T)[one, two]
        # Two crops of one recording are alike for other reasons too.
        same = (speakers[one] == speakers[two]) & (recordings[one] != recordings[two])
        other = speakers[one] != speakers[two]
        if not same.any() or not other.any():
            return {}
        return {
            "equal_error_rate": equal_error_rate(alike[same], alike[other]),
            "same": float(alike[same].mean()),
            "other": float(alike[other].mean()),
        }

    @torch.no_grad()
    def voices(self, batch: Batch) -> Tensor:
        """Of the items of a batch, [B, dim]."""
        voices: Tensor = self.listener.eval()(*self._mel(batch.to(self.accelerator.device)))
        return voices

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """``listener``, without the training speakers' scores."""
        listener = VoiceListener(self.settings.mel, self.settings.listener)
        weights = published_weights(collected["listener"])
        own = {n: t for n, t in weights.items() if n.startswith("listener.")}
        listener.load_state_dict({n.removeprefix("listener."): t for n, t in own.items()})
        save_listener(listener, folder / "listener")

    def publish(self, folder: Path) -> str:
        """``listener``, the last one."""
        last, _ = CheckpointFolder(folder / "checkpoints", 1).last_good()
        assert last is not None
        out = publish_copy(last / "listener", folder / "listener")
        return f"the listener is in {out}; name it in a codec's training.objective.listener"

    @torch.no_grad()
    def _mel(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-mel [B, n_mels, T], and what is no padding."""
        mel = self.mel(batch.audio)
        frames = torch.arange(mel.shape[-1], device=mel.device) * self.settings.mel.hop_length
        return mel, frames < batch.lengths[:, None]

    def _new_voices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Voices [N, dim] of validation crops of new speakers, their recordings and speakers."""
        if self.valid is None:
            return np.zeros((0, 1)), np.zeros(0), np.zeros(0)
        batches = [self.valid[position] for position in range(_VALID_BATCHES)]
        voices = torch.cat([self.voices(batch) for batch in batches]).cpu().numpy()
        of = {row.audio: row.speaker for row in self.valid.corpus.rows}
        recordings = np.array([name for batch in batches for name in batch.names])
        speakers = np.array([of[name] for name in recordings])
        new = ~np.isin(speakers, list(self.number))
        return voices[new], recordings[new], speakers[new]

    def _dataset(self, data: DataConfig, split: str) -> CropDataset:
        mel, accelerator = self.settings.mel, self.accelerator
        sources = data.train if split == "train" else data.valid
        corpus = open_corpus(sources, split, data.root, mel.sample_rate, data.cache)
        silent = Alignments(data.root, (), mel.sample_rate, mel.hop_length, 0)
        hop = mel.hop_length
        processes = (0, 1)
        if split == "train":
            processes = (accelerator.process_index, accelerator.num_processes)
        return CropDataset(corpus, silent, data, hop, hop, self.run.seed, *processes)


def equal_error_rate(same: np.ndarray, other: np.ndarray) -> float:
    """Where as many pairs of one speaker are told apart as pairs of two are taken for one."""
    thresholds = np.sort(np.concatenate([same, other]))
    missed = np.searchsorted(np.sort(same), thresholds) / len(same)
    taken = 1 - np.searchsorted(np.sort(other), thresholds) / len(other)
    best = np.abs(missed - taken).argmin()
    return float((missed[best] + taken[best]) / 2)


def train(config: Config, resume: bool = True) -> VoiceTask:
    """Train what ``config`` describes; see ``Run``."""
    task = VoiceTask(config)
    Run(task, resume).run()
    return task
