"""The training loop: spectral losses from the start, discriminators for the last part."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.audio.mel import LogMel
from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.vocoder import build_vocoder
from secousti.vocoder.base import Vocoder
from secousti.vocoder.causal_istft import CausalIstftVocoder
from secousti.vocoder.discriminators import Discriminators
from secousti.vocoder.files import save_vocoder
from train.muon import Muon
from train.packed import PackedAudio
from train.perceptual import IntelligibilityLoss, LoudnessLoss
from train.vocoder.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from train.vocoder.config import Config
from train.vocoder.data import CropLayout, draw_crops
from train.vocoder.losses import (
    SpectralLoss,
    discriminator_loss,
    feature_loss,
    generator_loss,
    pitch_loss,
)
from train.vocoder.metrics import MetricsFile, progress_bar
from train.vocoder.pitch import yin
from train.vocoder.validate import held_out, score_copies
from train.warm_start import borrow_vocoder


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


class Trainer:
    """Everything a run consists of; ``run()`` continues from the last checkpoint, if any."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.settings = settings = config.training
        torch.manual_seed(settings.run.seed)
        self.accelerator = Accelerator(
            cpu=settings.run.device == "cpu", mixed_precision=settings.run.mixed_precision
        )
        self.folder = Path(settings.run.output)
        with self.accelerator.main_process_first():
            self.train, self.valid = (
                PackedAudio(paths, settings.data.root, config.mel.sample_rate, settings.data.cache)
                for paths in (settings.data.train, settings.data.valid)
            )
        seen = {row.speaker for row in self.train.rows}
        self.rows = held_out(self.valid, seen, settings.data.valid_utterances)
        self.mel = LogMel(config.mel).to(self.accelerator.device)
        self.decode = self._codec_mel()
        self.spectral = SpectralLoss(settings.loss.n_ffts)
        self.loudness = LoudnessLoss(config.mel).to(self.accelerator.device)
        self.intelligibility = IntelligibilityLoss(config.mel).to(self.accelerator.device)
        self._build_models()
        lookahead = self.vocoder.lookahead
        data = settings.data
        self.layout = CropLayout(config.mel, data.frames, lookahead, data.warm)
        if self.layout.warm < 2 * self.layout.lead:
            raise SecoustiError(f"training.data.warm must be at least {2 * self.layout.lead}")
        self.step = 0

    @property
    def vocoder(self) -> Vocoder:
        """The vocoder that is trained (the averaged one is ``ema.vocoder``)."""
        return self.accelerator.unwrap_model(self.speaker).vocoder

    def run(self) -> None:
        """Train to the last step, then publish the averaged vocoder in ``<output>/vocoder``."""
        self._start()
        steps = self.settings.optim.steps
        main = self.accelerator.is_main_process
        with progress_bar(main) as bar:
            task = bar.add_task("", total=steps, completed=self.step)
            while self.step < steps:
                losses = self._train_step()
                self.step += 1
                bar.update(task, completed=self.step)
                if self.step % self.settings.run.log_every == 0 or self.step == steps:
                    bar.update(task, description=self._log(losses))
                if self.step % self.settings.run.validate_every == 0 or self.step == steps:
                    self._validate()
                if self.step % self.settings.run.save_every == 0 or self.step == steps:
                    self._save()
        self._publish()

    def _build_models(self) -> None:
        settings = self.settings
        speaker = Speaker(build_vocoder(self.config.vocoder, self.config.mel))
        judges = Discriminators(settings.loss.discriminators)
        if settings.run.init is not None:
            _initialise(speaker.vocoder, judges, settings.run.init)
        self.ema = copy.deepcopy(speaker).requires_grad_(False).to(self.accelerator.device)
        optim = settings.optim
        kwargs: dict[str, Any] = {"betas": optim.betas, "weight_decay": optim.weight_decay}
        kind = Muon if optim.name == "muon" else torch.optim.AdamW
        optimizer = kind(speaker.parameters(), lr=optim.lr, **kwargs)
        judge_optimizer = torch.optim.AdamW(judges.parameters(), optim.discriminator_lr, **kwargs)
        self.speaker, self.judges, self.optimizer, self.judge_optimizer = self.accelerator.prepare(
            speaker, judges, optimizer, judge_optimizer
        )

    def _codec_mel(self) -> Callable[[Tensor], Tensor] | None:
        """Audio [B, N] -> the mel that a codec's tokens decode to, if one is configured."""
        if self.settings.data.codec is None:
            return None
        from secousti import SecoustiCodec

        codec = SecoustiCodec.from_pretrained(self.settings.data.codec)
        # Single precision throughout: doubles only serve streams that equal the offline result.
        codec = codec.to(self.accelerator.device).float().eval().requires_grad_(False)
        if to_dict(codec.config.mel) != to_dict(self.config.mel):
            raise SecoustiError(f"{self.settings.data.codec} makes other mel frames than 'mel'")

        def decode(wav: Tensor) -> Tensor:
            with torch.no_grad():
                return codec.decode_mel(codec.encode(wav[:, None], self.config.mel.sample_rate))

        return decode

    def _train_step(self) -> dict[str, Tensor]:
        data, process = self.settings.data, self.accelerator.process_index
        seed = (self.settings.run.seed, self.step, process)
        length = self.layout.total
        crops = draw_crops(self.train, data.batch_size, length, data.gain_db, seed, data.speed)
        crops = crops.to(self.accelerator.device)
        mel = self.layout.heard((self.decode or self.mel)(crops))
        target = self.layout.spoken(crops)
        self._set_rates()
        with self.accelerator.autocast():
            output, scores = self.speaker(mel)
        output = self.layout.judged(output.float())
        losses = self._spectral_losses(output, target)
        if scores is not None:
            losses["pitch"] = self._pitch_loss(scores, crops)
        if self._adversarial:
            losses |= self._adversarial_losses(output, target)
        weights = self.settings.loss
        total = sum(getattr(weights, name) * losses[name] for name in losses if name != "judges")
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        self.accelerator.clip_grad_norm_(self.speaker.parameters(), self.settings.optim.clip)
        self.optimizer.step()
        self._average()
        return {name: loss.detach() for name, loss in losses.items()}

    @property
    def _adversarial(self) -> bool:
        return self.step >= self.settings.loss.adversarial_from * self.settings.optim.steps

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

    def _adversarial_losses(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Train the judges on a random stretch, then hear what they say of the output."""
        loss = self.settings.loss
        length = min(loss.judged_frames * self.config.mel.hop_length, output.shape[-1])
        rng = np.random.default_rng((self.settings.run.seed, self.step, 1 << 20))
        start = int(rng.integers(0, output.shape[-1] - length + 1))
        ours, real = (x[:, None, start : start + length] for x in (output, target))
        judges = discriminator_loss(self.judges(real), self.judges(ours.detach()), loss.kind)
        self.judge_optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(judges)
        self.accelerator.clip_grad_norm_(self.judges.parameters(), self.settings.optim.clip)
        self.judge_optimizer.step()
        frozen = self.accelerator.unwrap_model(self.judges).requires_grad_(False)
        with torch.no_grad():
            wanted = frozen(real)
        heard = frozen(ours)
        frozen.requires_grad_(True)
        return {
            "judges": judges,
            "adversarial": generator_loss(heard, loss.kind),
            "features": feature_loss(wanted, heard),
        }

    def _set_rates(self) -> None:
        optim = self.settings.optim
        warm = min(1.0, (self.step + 1) / max(optim.warmup_steps, 1))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / optim.steps))
        factor = warm * (optim.final_lr + (1 - optim.final_lr) * cosine)
        for optimizer, rate in (
            (self.optimizer, optim.lr),
            (self.judge_optimizer, optim.discriminator_lr),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.settings.optim.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.ema.parameters(), self.vocoder.parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, 1 - decay)

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "vocoder": self.vocoder,
            "ema": self.ema.vocoder,
            "discriminators": self.accelerator.unwrap_model(self.judges),
        }

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"optimizer": self.optimizer, "discriminator_optimizer": self.judge_optimizer}

    def _start(self) -> None:
        self.seconds = 0.0
        found = checkpoints(self.folder)
        if found:
            meta = load_checkpoint(found[-1], self._modules(), self._optimizers())
            self.step, self.seconds = meta["step"], meta["seconds"]
            self.accelerator.print(f"continuing from {found[-1]}")
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(to_dict(self.config), indent=2)
            (self.folder / "config.json").write_text(text, "utf-8")
            self.losses_file = MetricsFile(self.folder / "losses.csv", self.step)
            self.scores_file = MetricsFile(self.folder / "scores.csv", self.step)
        self.clock = time.monotonic() - self.seconds

    def _log(self, losses: dict[str, Tensor]) -> str:
        names = (
            "mel",
            "spectral",
            "loudness",
            "intelligibility",
            "pitch",
            "judges",
            "adversarial",
            "features",
        )
        values = {name: float(losses[name]) if name in losses else math.nan for name in names}
        if not all(math.isfinite(float(value)) for value in losses.values()):
            raise SecoustiError(f"step {self.step}: the losses are not finite: {values}")
        if self.accelerator.is_main_process:
            self.seconds = time.monotonic() - self.clock
            rate = self.optimizer.param_groups[0]["lr"]
            row = {"step": self.step, "seconds": round(self.seconds, 1), "lr": rate, **values}
            self.losses_file.write(row)
        return " ".join(f"{name} {float(value):.3f}" for name, value in losses.items())

    def _validate(self) -> None:
        if not self.accelerator.is_main_process or not self.rows:
            return
        self.ema.eval()
        quality = score_copies(self.ema.vocoder, self.mel, self.valid, self.rows, self.decode)
        self.seconds = time.monotonic() - self.clock
        row = {"step": self.step, "seconds": round(self.seconds, 1)}
        self.scores_file.write({**row, **{k: round(v, 4) for k, v in quality.items()}})
        self.accelerator.print(f"step {self.step}: {quality}")

    def _save(self) -> None:
        if self.accelerator.is_main_process:
            extra = {"seconds": time.monotonic() - self.clock}
            keep = self.settings.run.keep_last
            modules, optimizers = self._modules(), self._optimizers()
            save_checkpoint(self.folder, self.step, modules, optimizers, extra, keep)
        self.accelerator.wait_for_everyone()

    def _publish(self) -> None:
        if self.accelerator.is_main_process:
            out = self.folder / "vocoder"
            save_vocoder(self.ema.vocoder, self.config.vocoder, out)
            if self.settings.loss.adversarial_from < 1:  # untrained ones are of no use to anyone
                judges = self._modules()["discriminators"].state_dict()
                judges = {name: tensor.cpu() for name, tensor in judges.items()}
                save_file(judges, out / "discriminators.safetensors")


def _initialise(vocoder: Vocoder, judges: Discriminators, name: str) -> None:
    """Weights of a vocoder or of a codec's, and of discriminators where they are beside it."""
    given = borrow_vocoder(name, vocoder.mel, torch.device("cpu"))
    assert given is not None
    vocoder.load_state_dict(given.state_dict())
    path = Path(name) / "discriminators.safetensors"
    if path.exists():
        judges.load_state_dict(load_file(path))
