"""Stage 1: the teacher (paper 2.4.1), an MDCT codec with all stages of its quantizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from secousti.p2psyn.convnext import add_weight_norm
from secousti.p2psyn.teacher import Teacher
from train.data.crops import Crops
from train.data.packed import PackedCorpus
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer
from train.engine.run import Run
from train.engine.sound import Sample, score
from train.engine.task import Stretch
from train.p2psyn.adversary import Adversary
from train.p2psyn.config import Config
from train.p2psyn.crops import CropBatches
from train.p2psyn.losses import Distances
from train.p2psyn.revive import CodebookCare
from train.p2psyn.task import EXPORT, P2PSynTask, corpus_of


class TeacherTask(P2PSynTask):
    """Models, optimizers and one training step of stage 1."""

    best, model = "mel", "teacher"
    least = frozenset({"mel", "mel_plain", "mdct"})

    def __init__(self, config: Config) -> None:
        super().__init__(config, "teacher", config.teacher.optim)
        torch.manual_seed(self.run.seed)
        self.training, accelerator = config.teacher, self.accelerator
        train, valid = corpus_of(config, "train"), corpus_of(config, "valid")
        self.corpora = [train, valid]
        self.dataset = CropBatches(
            train,
            self.training.batch_size,
            self.training.segment,
            self.run.seed,
            config.data.level_db,
            accelerator.process_index,
            accelerator.num_processes,
        )
        self.valid = _valid_batches(valid, config)
        self.teacher = Teacher(config.codec)
        add_weight_norm(self.teacher.encoder, self.teacher.decoder)
        self.distances = Distances(config).to(accelerator.device)
        self.mel = self.distances.mel
        quantizer = config.codec.quantizer
        self.care = CodebookCare(
            quantizer.pseudo_stages + 1,
            quantizer.codebook_size,
            self.training.revive_every,
            self.training.codebook_init,
        ).to(accelerator.device)
        self.modules = {"codebook_care": self.care}
        self.replaced = 0  # codebook entries, in the step before
        self.adversary: Adversary | None = None

    def open(self, stage: Stretch) -> None:
        optim, accelerator = self.optim, self.accelerator
        optimizer = build_optimizer(self.teacher.parameters(), optim)
        self.learners = {
            "teacher": Learner(accelerator, self.teacher, optimizer, optim.clip, optim.ema)
        }
        if self.training.adversarial_from is not None:
            self.adversary = Adversary(self.training, optim, accelerator)
            self.learners["discriminators"] = self.adversary.learner

    def learn(self, batches: Sequence[Crops], step: int) -> dict[str, Tensor]:
        """The discriminators' update (once they have started) and the codec's gradient."""
        (crops,) = batches
        batch, learner = crops.audio[:, None], self.learner
        learner.model.train()
        with self.accelerator.autocast():
            spectrum, decoded, audio, quantized = learner.model(batch)
        weights = self.training
        terms = self.distances(decoded.float(), spectrum.float(), audio, batch) | {
            "codebook": weights.codebook_weight * quantized.codebook_loss,
            "commit": weights.commit_weight * quantized.commit_loss,
        }
        figures: dict[str, Tensor] = {}
        start = weights.adversarial_from
        if self.adversary is not None and start is not None and step > start:
            rate = self.learning_rate(step)
            figures["discriminator"] = self.adversary.learn(batch, audio.detach(), rate)
            terms.update(self.adversary.terms(batch, audio))
        loss = torch.stack(list(terms.values())).sum()
        learner.backward(loss)
        self._last = (batch, quantized.codes)
        figures |= {"loss": loss, **terms, "replaced": loss.new_tensor(float(self.replaced))}
        figures["gradient_norm"] = learner.gradient_norm()
        return {name: value.detach().float() for name, value in figures.items()}

    def update(self, step: int) -> None:
        super().update(step)
        self.replaced = self._care(*self._last, step - 1)

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        """Log-mel and MDCT errors with all stages and with the plain one, codebooks, sound."""
        with self.learner.averaged() as teacher:
            assert isinstance(teacher, Teacher)
            return self._figures(teacher)

    def _figures(self, teacher: Teacher) -> tuple[dict[str, float], list[Sample]]:
        size, stages = self.care.used.shape[1], self.care.used.shape[0]
        sums = dict.fromkeys(("mel", "mel_plain", "mdct"), 0.0)
        used, samples = torch.zeros(stages, size), list[Sample]()
        for audio in self.valid:
            audio = audio.to(self.accelerator.device)
            spectrum, decoded, out, quantized = teacher(audio)
            vectors, plain = teacher.quantizer.vectors(), quantized.codes[:, 0]
            only = teacher.decoder(vectors[0][plain].transpose(1, 2))[0]
            sums["mel"] += float(self.mel(out, audio))
            sums["mdct"] += float((decoded - spectrum).square().mean())
            plain_audio = teacher.to_audio(only)
            sums["mel_plain"] += float(self.mel(plain_audio, audio))
            samples += self._samples(audio, out, plain_audio, self.run.samples - len(samples))
            for stage, codes in enumerate(quantized.codes.transpose(0, 1).flatten(1).cpu()):
                used[stage] += torch.bincount(codes, minlength=size)
        figures = {name: value / len(self.valid) for name, value in sums.items()}
        for stage, counts in enumerate(used):
            p = counts / counts.sum()
            figures[f"perplexity{stage}"] = float(torch.exp(-torch.xlogy(p, p).sum()))
        return figures | score(samples, "original", "decoded"), samples

    def _samples(self, audio: Tensor, decoded: Tensor, plain: Tensor, count: int) -> list[Sample]:
        """The first ``count`` crops of a batch [B, 1, T], as they were and as they came back."""
        kinds = {"original": audio, "decoded": decoded, "plain": plain}
        sounds = {name: x[:, 0].float().cpu().numpy() for name, x in kinds.items()}
        return [
            Sample(f"crop {b}", {name: x[b] for name, x in sounds.items()}, {}, self.sample_rate)
            for b in range(min(max(count, 0), len(audio)))
        ]

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """The teacher without weight normalisation."""
        teacher = Teacher(self.settings.codec)
        add_weight_norm(teacher.encoder, teacher.decoder)
        teacher.load_state_dict(published_weights(collected["teacher"]))
        teacher.folded().save_pretrained(folder / EXPORT)

    def _care(self, batch: Tensor, codes: Tensor, done: int) -> int:
        """Count used codebook entries; how many unused ones were replaced."""
        self.care.count(codes)
        if not self.care.due(done):
            return 0
        with torch.no_grad():
            _, latents = self.teacher.analyse(batch)
        return self.care.replace(self.teacher.quantizer, latents, done)


def train_teacher(config: Config, resume: bool = True) -> Path:
    """Train or resume stage 1; returns the folder of the best teacher."""
    Run(TeacherTask(config), resume).run()
    return Path(config.run.output) / "teacher" / "best"


def _valid_batches(corpus: PackedCorpus, config: Config) -> list[Tensor]:
    """``valid_items`` crops in batches of 8, always the same ones: [8, 1, T]."""
    segment = 4 * (config.teacher.segment + config.codec.backbone.coefficients)
    segment -= config.codec.backbone.coefficients
    crops = CropBatches(corpus, 8, segment, seed=1, level_db=config.data.level_db)
    return [crops[i].audio[:, None] for i in range(max(1, config.run.valid_items // 8))]
