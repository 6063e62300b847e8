"""Training of a vocoder: spectral losses from the start, discriminators for the last part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.pretrained import save_tensors
from secousti.vocoder import build_vocoder
from secousti.vocoder.base import Vocoder
from secousti.vocoder.causal_istft import CausalIstftVocoder
from secousti.vocoder.discriminators import DiscriminatorOutput, Discriminators
from secousti.vocoder.files import save_vocoder
from train.codec.perceptual import IntelligibilityLoss, LoudnessLoss
from train.codec.warm_start import borrow_vocoder
from train.data.corpus import open_corpus
from train.data.crops import Crops
from train.data.packed import PackedCorpus
from train.engine.checkpoint import CheckpointFolder
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer, rate
from train.engine.processes import make_accelerator
from train.engine.run import Run
from train.engine.sound import Sample
from train.engine.task import Stretch, Task, publish_copy
from train.vocoder.config import Config
from train.vocoder.crops import CropLayout, VocoderCrops
from train.vocoder.losses import (
    SpectralLoss,
    discriminator_loss,
    feature_loss,
    generator_loss,
    pitch_loss,
)
from train.vocoder.pitch import yin
from train.vocoder.validate import held_out, score_copies


class Speaker(nn.Module):
    """A vocoder as the trainer calls it: mel [B, n_mels, T + lookahead] -> audio [B, hop * T]."""

    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        self.vocoder = vocoder

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor | None]:
        """Also the pitch scores of every step, of a vocoder that has them."""
        scores = None
        if isinstance(self.vocoder, CausalIstftVocoder):
            audio, scores, _ = self.vocoder.with_pitch(mel, None)
        else:
            audio, _ = self.vocoder.delayed(mel, None)
        return audio[:, 0, self.vocoder.delay :], scores


class VocoderTask(Task):
    """Two learners: the vocoder, and the discriminators it is to please in the last part.

    Raises:
        SecoustiError: data or a codec that is missing or does not fit.
    """

    least = frozenset({"mel_l1"})
    late_looks = True

    def __init__(self, config: Config) -> None:
        self.settings, self.training = config, config.training
        self.run, data = config.training.run, config.training.data
        torch.manual_seed(self.run.seed)
        self.accelerator = make_accelerator(self.run, broadcast_buffers=False)
        self.config = to_dict(config)
        self.identity = {name: self.config[name] for name in ("vocoder", "mel")}
        self.stages = [Stretch("vocoder", 1, config.training.optim.steps)]
        self.train, self.valid = self._corpus("train"), self._corpus("valid")
        self.corpora, self.sample_rate = [self.train, self.valid], config.mel.sample_rate
        seen = {row.speaker for row in self.train.rows} if data.unseen_speakers else set()
        self.rows = held_out(self.valid, seen, data.valid_utterances)
        device = self.accelerator.device
        self.mel = LogMel(config.mel).to(device)
        self.decode = self._codec_mel()
        self.spectral = SpectralLoss(self.training.loss.n_ffts)
        self.loudness = LoudnessLoss(config.mel).to(device)
        self.intelligibility = IntelligibilityLoss(config.mel).to(device)
        vocoder = build_vocoder(config.vocoder, config.mel)
        self.layout = CropLayout(config.mel, data.frames, vocoder.lookahead, data.warm)
        if self.layout.warm < 2 * self.layout.lead:
            raise SecoustiError(f"training.data.warm must be at least {2 * self.layout.lead}")
        self.dataset = self._crops()
        self.workers, self.learners, self.modules = data.workers, {}, {}
        self.speaker = Speaker(vocoder)
        self.discriminators = Discriminators(self.training.loss.discriminators)
        if self.run.init is not None:
            _initialise(vocoder, self.discriminators, self.run.init)

    @property
    def vocoder(self) -> Vocoder:
        """The vocoder that is trained."""
        return self.speaker.vocoder

    def open(self, stage: Stretch) -> None:
        optim, accelerator = self.training.optim, self.accelerator
        theirs = replace(optim, name="adamw")
        optimizer = build_optimizer(self.speaker.parameters(), optim)
        opposed = build_optimizer(self.discriminators.parameters(), theirs, optim.discriminator_lr)
        self.learners = {
            "vocoder": Learner(accelerator, self.speaker, optimizer, optim.clip, optim.ema),
            "discriminators": Learner(accelerator, self.discriminators, opposed, optim.clip),
        }

    def learn(self, batches: Sequence[Crops], step: int) -> dict[str, Tensor]:
        (batch,) = batches
        learner = self.learners["vocoder"]
        target = self.layout.spoken(batch.audio)
        mel = self.layout.received((self.decode or self.mel)(batch.audio))
        with self.accelerator.autocast():
            output, scores = learner.model(mel)
        output = self.layout.scored(output.float())
        losses = self._spectral_losses(output, target)
        if scores is not None:
            losses["pitch"] = self._pitch_loss(scores, batch.audio)
        weights = self.training.loss
        if step > weights.adversarial_from * self.training.optim.steps:
            losses |= self._adversarial_losses(output, target, step)
        total = sum(getattr(weights, n) * losses[n] for n in losses if n != "discriminators")
        assert isinstance(total, Tensor)
        learner.backward(total)
        norm = learner.gradient_norm()
        return {n: loss.detach() for n, loss in losses.items()} | {"gradient_norm": norm}

    def update(self, step: int) -> None:
        self.learners["vocoder"].update(self.learning_rate(step))

    def learning_rate(self, step: int) -> float:
        return rate(self.training.optim, step - 1, self.total_steps)

    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        learner = self.learners["vocoder"]
        with learner.averaged():
            found = score_copies(self.vocoder, self.mel, self.valid, self.rows, self.decode)
        learner.model.train()
        return found

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """``vocoder``, the averaged one, and the discriminators beside it if they were used."""
        speaker = Speaker(build_vocoder(self.settings.vocoder, self.settings.mel))
        speaker.load_state_dict(published_weights(collected["vocoder"]))
        save_vocoder(speaker.vocoder, self.settings.vocoder, folder / "vocoder")
        if self.training.loss.adversarial_from < 1:  # untrained ones are of no use to anyone
            weights = collected["discriminators"]["weights"]
            save_tensors(folder / "vocoder" / "discriminators.safetensors", weights)

    def publish(self, folder: Path) -> str:
        """``vocoder``, the last one."""
        last, _ = CheckpointFolder(folder / "checkpoints", 1).last_good()
        assert last is not None
        out = publish_copy(last / "vocoder", folder / "vocoder")
        return f"the vocoder is in {out}; name it in a codec's training.run.vocoder or train.pack"

    def _corpus(self, split: str) -> PackedCorpus:
        data = self.training.data
        sources = data.train if split == "train" else data.valid
        return open_corpus(sources, split, data.root, self.settings.mel.sample_rate, data.cache)

    def _crops(self) -> VocoderCrops:
        data, length = self.training.data, self.layout.total
        processes = (self.accelerator.process_index, self.accelerator.num_processes)
        sizes = (data.batch_size, length, data.gain_db, self.run.seed, data.speed)
        return VocoderCrops(self.train, *sizes, *processes)

    def _codec_mel(self) -> Callable[[Tensor], Tensor] | None:
        """Audio [B, N] -> the mel that a codec's tokens decode to, if one is configured."""
        if self.training.data.codec is None:
            return None
        from secousti import SecoustiCodec

        codec = SecoustiCodec.from_pretrained(self.training.data.codec)
        # Single precision throughout: doubles only serve streams that equal the offline result.
        codec = codec.to(self.accelerator.device).float().eval().requires_grad_(False)
        if to_dict(codec.config.mel) != to_dict(self.settings.mel):
            raise SecoustiError(f"{self.training.data.codec} makes other mel frames than 'mel'")

        def decode(wav: Tensor) -> Tensor:
            with torch.no_grad():
                return codec.decode_mel(codec.encode(wav[:, None], self.settings.mel.sample_rate))

        return decode

    def _spectral_losses(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        ours, wanted = self.mel(output), self.mel(target)
        everything = torch.ones_like(wanted[:, 0], dtype=torch.bool)
        return {
            "mel": F.l1_loss(ours, wanted),
            "spectral": self.spectral(output, target),
            "loudness": self.loudness(ours, wanted, everything),
            "intelligibility": self.intelligibility(ours, wanted, everything),
        }

    def _pitch_loss(self, scores: Tensor, crops: Tensor) -> Tensor:
        vocoder = self.vocoder
        assert isinstance(vocoder, CausalIstftVocoder)
        starts = self.layout.pitch_starts(vocoder.config.n_fft - 1 - vocoder.delay)
        wanted, voiced = yin(crops, starts, vocoder.sample_rate)
        return pitch_loss(scores, wanted, voiced)

    def _adversarial_losses(self, output: Tensor, target: Tensor, step: int) -> dict[str, Tensor]:
        """Train the discriminators on a random stretch, then ask them about the output."""
        loss, learner = self.training.loss, self.learners["discriminators"]
        length = min(loss.adversarial_frames * self.settings.mel.hop_length, output.shape[-1])
        rng = np.random.default_rng((self.run.seed, step, 1 << 20))
        start = int(rng.integers(0, output.shape[-1] - length + 1))
        ours, real = (x[:, None, start : start + length] for x in (output, target))
        both = learner.model(torch.cat([real, ours.detach()]))
        told = discriminator_loss(*_halves(both, len(real)), loss.kind)
        optim = self.training.optim
        learning_rate = self.learning_rate(step) * optim.discriminator_lr / optim.lr
        learner.descend(told, learning_rate, wait=False)
        frozen = learner.module.requires_grad_(False)
        with torch.no_grad():
            wanted = frozen(real)
        scored = frozen(ours)
        frozen.requires_grad_(True)
        return {
            "discriminators": told,
            "adversarial": generator_loss(scored, loss.kind),
            "features": feature_loss(wanted, scored),
        }


def _halves(
    scored: list[DiscriminatorOutput], items: int
) -> tuple[list[DiscriminatorOutput], list[DiscriminatorOutput]]:
    """What was said of the first ``items`` of a batch, and of the others."""
    first = [(score[:items], [f[:items] for f in features]) for score, features in scored]
    others = [(score[items:], [f[items:] for f in features]) for score, features in scored]
    return first, others


def _initialise(vocoder: Vocoder, discriminators: Discriminators, name: str) -> None:
    """Weights of a vocoder or of a codec's, and of discriminators where they are beside it."""
    given = borrow_vocoder(name, vocoder.mel, torch.device("cpu"))
    assert given is not None
    vocoder.load_state_dict(given.state_dict())
    path = Path(name) / "discriminators.safetensors"
    if path.exists():
        discriminators.load_state_dict(load_file(path))


def train(config: Config, resume: bool = True) -> VocoderTask:
    """Train what ``config`` describes; see ``Run``."""
    task = VocoderTask(config)
    Run(task, resume).run()
    return task
