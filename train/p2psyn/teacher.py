"""Stage 1: the teacher (paper 2.4.1), an MDCT codec with all stages of its quantizer."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from secousti.p2psyn.convnext import add_weight_norm
from secousti.p2psyn.teacher import Teacher
from train.p2psyn.config import Config
from train.p2psyn.crops import CropBatches
from train.p2psyn.discriminator import Discriminators
from train.p2psyn.loop import (
    build_optimizer,
    fit,
    learning_rate,
    make_accelerator,
    set_learning_rate,
)
from train.p2psyn.losses import (
    LogMelDistance,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from train.p2psyn.revive import CodebookCare
from train.packed import PackedAudio


class TeacherStage:
    """Models, optimizers and one training step of stage 1."""

    objective = "mel"

    def __init__(self, config: Config, accelerator: Accelerator, valid: list[Tensor]) -> None:
        self.config, self.accelerator, self.valid = config.teacher, accelerator, valid
        teacher = Teacher(config.codec)
        add_weight_norm(teacher.encoder, teacher.decoder)
        self.optimizer = build_optimizer(teacher, config.teacher.optim)
        self.teacher, self.optimizer = accelerator.prepare(teacher, self.optimizer)
        self.mel = _mel(config).to(accelerator.device)
        quantizer = config.codec.quantizer
        self.care = CodebookCare(
            quantizer.pseudo_stages + 1,
            quantizer.codebook_size,
            config.teacher.revive_every,
            config.teacher.codebook_init,
        ).to(accelerator.device)
        accelerator.register_for_checkpointing(self.care)
        self.discriminators: nn.Module | None = None
        if config.teacher.adversarial_from is not None:
            discriminators = Discriminators(
                config.teacher.discriminator_sizes, config.teacher.discriminator_channels
            )
            d_optimizer = build_optimizer(discriminators, config.teacher.optim)
            self.discriminators, self.d_optimizer = accelerator.prepare(discriminators, d_optimizer)

    def step(self, batch: Tensor, step: int) -> dict[str, Tensor]:
        """One update of the discriminators (once they have started), then of the codec."""
        self.teacher.train()
        rate = learning_rate(self.config.optim, step)
        with self.accelerator.autocast():
            spectrum, decoded, audio, quantized = self.teacher(batch)
        terms = {
            "mdct": self.config.mdct_weight * (decoded.float() - spectrum.float()).square().mean(),
            "mel": self.config.mel_weight * self.mel(audio, batch),
            "codebook": self.config.codebook_weight * quantized.codebook_loss,
            "commit": self.config.commit_weight * quantized.commit_loss,
        }
        figures: dict[str, Tensor] = {}
        start = self.config.adversarial_from
        if self.discriminators is not None and start is not None and step >= start:
            figures["discriminator"] = self._step_discriminators(batch, audio.detach(), rate)
            terms.update(self._adversarial(batch, audio))
        loss = torch.stack(list(terms.values())).sum()
        self._update(self.optimizer, self.teacher, loss, rate)
        replaced = self._care(batch, quantized.codes, step)
        figures.update({name: term.detach() for name, term in terms.items()})
        return {"loss": loss.detach(), **figures, "replaced": torch.tensor(float(replaced))}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Log-mel and MDCT errors with all stages and with the plain one, and codebook usage."""
        teacher = self.accelerator.unwrap_model(self.teacher).eval()
        size, stages = self.care.used.shape[1], self.care.used.shape[0]
        sums = dict.fromkeys(("mel", "mel_plain", "mdct"), 0.0)
        used = torch.zeros(stages, size)
        for audio in self.valid:
            audio = audio.to(self.accelerator.device)
            spectrum, decoded, out, quantized = teacher(audio)
            vectors, plain = teacher.quantizer.vectors(), quantized.codes[:, 0]
            only = teacher.decoder(vectors[0][plain].transpose(1, 2))[0]
            sums["mel"] += float(self.mel(out, audio))
            sums["mel_plain"] += float(self.mel(teacher.to_audio(only), audio))
            sums["mdct"] += float((decoded - spectrum).square().mean())
            for stage, codes in enumerate(quantized.codes.transpose(0, 1).flatten(1).cpu()):
                used[stage] += torch.bincount(codes, minlength=size)
        figures = {name: value / len(self.valid) for name, value in sums.items()}
        for stage, counts in enumerate(used):
            p = counts / counts.sum()
            figures[f"perplexity{stage}"] = float(torch.exp(-torch.xlogy(p, p).sum()))
        return figures

    def export(self, folder: Path) -> None:
        """The teacher without weight normalisation."""
        self.accelerator.unwrap_model(self.teacher).folded().save_pretrained(folder)

    def _step_discriminators(self, real: Tensor, fake: Tensor, rate: float) -> Tensor:
        assert self.discriminators is not None
        with self.accelerator.autocast():
            logits, _ = self.discriminators(torch.cat([real, fake]))
            pairs = [branch.chunk(2) for branch in logits]
            loss = discriminator_loss([r for r, _ in pairs], [f for _, f in pairs])
        self._update(self.d_optimizer, self.discriminators, loss, rate)
        return loss.detach()

    def _adversarial(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        assert self.discriminators is not None
        with self.accelerator.autocast():
            logits, fake_features = self.discriminators(fake)
            with torch.no_grad():
                _, real_features = self.discriminators(real)
        return {
            "adversarial": self.config.adversarial_weight * adversarial_loss(logits),
            "feature": self.config.feature_weight * feature_loss(real_features, fake_features),
        }

    def _update(
        self, optimizer: torch.optim.Optimizer, model: nn.Module, loss: Tensor, rate: float
    ) -> None:
        set_learning_rate(optimizer, rate)
        optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.config.optim.clip is not None:
            self.accelerator.clip_grad_norm_(model.parameters(), self.config.optim.clip)
        optimizer.step()

    def _care(self, batch: Tensor, codes: Tensor, step: int) -> int:
        self.care.count(codes)
        if not self.care.due(step):
            return 0
        teacher = self.accelerator.unwrap_model(self.teacher)
        with torch.no_grad():
            _, latents = teacher.analyse(batch)
        return self.care.replace(teacher.quantizer, latents, step)


def train_teacher(config: Config) -> Path:
    """Train or resume stage 1; returns the folder of the best teacher."""
    torch.manual_seed(config.run.seed)
    output = Path(config.run.output) / "teacher"
    accelerator = make_accelerator(config.run, output)
    train, valid = _corpora(config)
    stage = TeacherStage(config, accelerator, _valid_batches(valid, config))
    batches = CropBatches(
        train,
        config.teacher.batch_size,
        config.teacher.segment,
        config.run.seed,
        config.data.level_db,
        accelerator.process_index,
    )
    steps, workers = config.teacher.optim.steps, config.data.workers
    return fit(stage, batches, steps, config.run, accelerator, output, workers)


def _corpora(config: Config) -> tuple[PackedAudio, PackedAudio]:
    data, rate = config.data, config.codec.sample_rate
    train = PackedAudio(data.train, data.root, rate, data.cache, max(1, data.workers))
    if not data.valid:
        return train, train
    return train, PackedAudio(data.valid, data.root, rate, data.cache, max(1, data.workers))


def _valid_batches(corpus: PackedAudio, config: Config) -> list[Tensor]:
    """``valid_items`` crops in batches of 8, always the same ones."""
    segment = 4 * (config.teacher.segment + config.codec.backbone.coefficients)
    segment -= config.codec.backbone.coefficients
    crops = CropBatches(corpus, 8, segment, seed=1, level_db=config.data.level_db)
    return [crops[i] for i in range(max(1, config.run.valid_items // 8))]


def _mel(config: Config) -> LogMelDistance:
    t = config.teacher
    return LogMelDistance(config.codec.sample_rate, t.mel_fft, t.mel_hop, t.mel_window, t.mel_bands)
