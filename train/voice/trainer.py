"""Teach a listener the training speakers; score it on speakers that it never heard."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from train.alignment import Alignments
from train.augment import AugmentConfig
from train.data import Batch, CropDataset
from train.packed import PackedAudio
from train.vocoder.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from train.vocoder.metrics import MetricsFile, progress_bar
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


class Trainer:
    """Everything a run consists of; ``run()`` continues from the last checkpoint, if any.

    One process: a listener takes minutes.
    """

    def __init__(self, config: Config) -> None:
        self.config, self.optim, self.settings = config, config.training.optim, config.training.run
        cuda = self.settings.device == "auto" and torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        torch.manual_seed(self.settings.seed)
        data = config.training.data
        self.train = self._dataset(data, data.train)
        known = sorted({row.speaker for row in self.train.corpus.rows})
        self.number = {speaker: n for n, speaker in enumerate(known)}
        self.speaker = {row.audio: row.speaker for row in self.train.corpus.rows}
        still = replace(data, gain_db=0.0, augment=AugmentConfig(), pool=1)
        self.valid = self._dataset(still, data.valid) if data.valid else None
        self.mel = LogMel(config.mel).to(self.device)
        self.listener = VoiceListener(config.mel, config.listener).to(self.device)
        margin, scale = self.optim.margin, self.optim.scale
        self.scores = SpeakerScores(config.listener.dim, len(known), margin, scale).to(self.device)
        self.parameters = [*self.listener.parameters(), *self.scores.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            self.optim.lr,
            self.optim.betas,
            weight_decay=self.optim.weight_decay,
        )
        self.folder, self.step = Path(self.settings.output), 0

    def run(self) -> None:
        """Train to the last step, then publish the listener in ``<output>/listener``."""
        self._start()
        losses: list[float] = []
        with progress_bar(True, "listener") as bar:
            task = bar.add_task("", total=self.optim.steps, completed=self.step)
            while self.step < self.optim.steps:
                losses.append(self._one_step())
                bar.update(task, completed=self.step, description=f"loss {losses[-1]:.3f}")
                if self._due(self.settings.validate_every):
                    row = {"step": self.step, "loss": float(np.mean(losses)), **self.score()}
                    self.metrics.write({k: round(v, 4) for k, v in row.items()})
                    bar.console.print(" ".join(f"{k} {v:.4g}" for k, v in row.items()))
                    losses = []
                if self._due(self.settings.save_every):
                    self._save()
        save_listener(self.listener, self.folder / "listener")

    def score(self) -> dict[str, float]:
        """Equal error rate of pairs of new speakers' recordings, and how alike they are.

        Nothing where no two recordings of one new speaker were drawn.
        """
        voices, recordings, speakers = self._heard()
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
    def _heard(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Voices [N, dim] of validation crops of new speakers, their recordings and speakers."""
        if self.valid is None:
            return np.zeros((0, 1)), np.zeros(0), np.zeros(0)
        batches = [self.valid[position] for position in range(_VALID_BATCHES)]
        self.listener.eval()
        voices = torch.cat([self._voices(batch) for batch in batches]).cpu().numpy()
        self.listener.train()
        of = {row.audio: row.speaker for row in self.valid.corpus.rows}
        recordings = np.array([name for batch in batches for name in batch.names])
        speakers = np.array([of[name] for name in recordings])
        new = ~np.isin(speakers, list(self.number))
        return voices[new], recordings[new], speakers[new]

    def _dataset(self, data: DataConfig, manifests: tuple[str, ...]) -> CropDataset:
        mel = self.config.mel
        corpus = PackedAudio(manifests, data.root, mel.sample_rate, data.cache)
        silent = Alignments(data.root, (), mel.sample_rate, mel.hop_length, 0)
        hop = mel.hop_length
        return CropDataset(corpus, silent, data, hop, hop, self.settings.seed)

    def _voices(self, batch: Batch) -> Tensor:
        batch = batch.to(self.device)
        with torch.no_grad():
            mel = self.mel(batch.audio)
        frames = torch.arange(mel.shape[-1], device=self.device) * self.config.mel.hop_length
        voices: Tensor = self.listener(mel, frames < batch.lengths[:, None])
        return voices

    def _one_step(self) -> float:
        batch = self.train[self.step]
        numbers = [self.number[self.speaker[name]] for name in batch.names]
        speakers = torch.tensor(numbers, device=self.device)
        loss = F.cross_entropy(self.scores(self._voices(batch), speakers), speakers)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.optim.clip)
        warm = min(1.0, (self.step + 1) / max(self.optim.warmup_steps, 1))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.optim.steps))
        final = self.optim.final_lr
        for group in self.optimizer.param_groups:
            group["lr"] = self.optim.lr * warm * (final + (1 - final) * cosine)
        self.optimizer.step()
        self.step += 1
        return loss.item()

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.optim.steps

    def _start(self) -> None:
        found = checkpoints(self.folder)
        if found:
            meta = load_checkpoint(found[-1], self._modules(), {"optimizer": self.optimizer})
            self.step = meta["step"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.metrics = MetricsFile(self.folder / "metrics.csv", self.step)
        self.listener.train()

    def _save(self) -> None:
        optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": self.optimizer}
        keep = self.settings.keep_last
        save_checkpoint(self.folder, self.step, self._modules(), optimizers, {}, keep)

    def _modules(self) -> dict[str, nn.Module]:
        return {"listener": self.listener, "scores": self.scores}


def equal_error_rate(same: np.ndarray, other: np.ndarray) -> float:
    """Where as many pairs of one speaker are told apart as pairs of two are taken for one."""
    thresholds = np.sort(np.concatenate([same, other]))
    missed = np.searchsorted(np.sort(same), thresholds) / len(same)
    taken = 1 - np.searchsorted(np.sort(other), thresholds) / len(other)
    best = np.abs(missed - taken).argmin()
    return float((missed[best] + taken[best]) / 2)
