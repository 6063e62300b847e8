"""Stage 3, which the paper does not have: the receiver learns to speak from what it predicts.

Stage 1 trains the decoder on the tokens of every stage, yet only the plain ones arrive. Here the
decoder, and the pseudo VQs where the mean of the code vectors stands for a prediction, train on
plain tokens with the losses of stage 1. Encoder and codebooks stay as they are, to the last bit:
tokens, files and learned coders remain valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from secousti.errors import SecoustiError
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.modes import stage_modes
from secousti.p2psyn.rvq import lookup
from train.data.crops import Crops
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer
from train.engine.run import Run
from train.engine.sound import Sample, score
from train.engine.task import Stretch
from train.p2psyn.adversary import Adversary
from train.p2psyn.config import Config
from train.p2psyn.crops import CropBatches
from train.p2psyn.losses import Distances
from train.p2psyn.task import EXPORT, P2PSynTask, best_model, corpus_of


class Receiver(nn.Module):
    """Plain tokens int64 [B, 1, L] -> coefficients [B, N, F] and audio [B, 1, T].

    Args:
        codec: its decoder and pseudo VQs are used, not copied. mode: of decoding.
        plain_share: of rows that hear no pseudo VQ, drawn at random while it trains.
    """

    vectors: Tensor

    def __init__(self, codec: P2PSynCodec, mode: str, plain_share: float = 0.0) -> None:
        super().__init__()
        self.plain_share = plain_share
        self.decoder, self.pseudo, self.mode = codec.teacher.decoder, codec.pseudo, mode
        self.imdct = codec.teacher.imdct
        self.register_buffer("vectors", codec.teacher.quantizer.vectors().detach())

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        latents, _ = self.pseudo(codes, self.vectors, self.mode)
        latents = latents[..., self.pseudo.lookahead :]
        if self.training and self.plain_share:
            plain = lookup(self.vectors[:1], codes)
            alone = torch.rand(len(codes), 1, 1, device=codes.device) < self.plain_share
            latents = torch.where(alone, plain, latents)
        spectrum, _ = self.decoder(latents)
        audio: Tensor = self.imdct(spectrum)[0]
        return spectrum, audio[..., self.imdct.size :]


class ReceiverTask(P2PSynTask):
    """Models, optimizers and one training step."""

    best, model = "mel", "receiver"
    least = frozenset({"mel", "mdct"})

    def __init__(self, config: Config, codec: P2PSynCodec, name: str = "receiver") -> None:
        super().__init__(config, name, config.receiver.optim)
        torch.manual_seed(self.run.seed)
        self.training, self.weights, self.codec = config.receiver, config.teacher, codec
        self.identity |= {"tokens": codec.weight_hash, "mode": self.training.mode}
        train, valid = corpus_of(config, "train"), corpus_of(config, "valid")
        self.corpora = [train, valid]
        hop, level_db = codec.config.backbone.coefficients, config.data.level_db
        segment = self.training.tokens * codec.frame_size - hop
        self.dataset = CropBatches(
            train,
            self.training.batch_size,
            segment,
            self.run.seed,
            level_db,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )
        crops = CropBatches(valid, 8, segment, seed=1, level_db=level_db)
        self.valid = [crops[i] for i in range(max(1, config.run.valid_items // 8))]
        self.distances = Distances(config).to(self.accelerator.device)
        self.mel = self.distances.mel
        # In single precision: one token in thousands differs, for a fifth of a step's time.
        self.encoder = _own(codec).to(self.accelerator.device)
        self.adversary: Adversary | None = None

    def open(self, stage: Stretch) -> None:
        own, training = _own(self.codec, dropout=0.0), self.training
        receiver = Receiver(own, training.mode, training.plain_share)
        receiver.pseudo.requires_grad_(trains_pseudo(self.codec, self.training.mode))
        wanted = [p for p in receiver.parameters() if p.requires_grad]
        optimizer, optim = build_optimizer(wanted, self.optim), self.optim
        self.learners = {
            "receiver": Learner(self.accelerator, receiver, optimizer, optim.clip, optim.ema)
        }
        if self.training.adversarial_from is not None:
            self.adversary = Adversary(self.weights, optim, self.accelerator)
            self.learners["discriminators"] = self.adversary.learner

    def learn(self, batches: Sequence[Crops], step: int) -> dict[str, Tensor]:
        """The discriminators' update (once they have started) and the receiver's gradient."""
        (crops,) = batches
        audio, learner = crops.audio[:, None], self.learner
        target, codes = self._sent(audio)
        learner.model.train()
        with self.accelerator.autocast():
            spectrum, decoded = learner.model(codes)
        terms = self.distances(spectrum.float(), target, decoded.float(), audio)
        figures: dict[str, Tensor] = {}
        start = self.training.adversarial_from
        if self.adversary is not None and start is not None and step > start:
            rate = self.learning_rate(step)
            figures["discriminator"] = self.adversary.learn(audio, decoded.detach(), rate)
            share = min((step - start) / max(self.training.adversarial_ramp, 1), 1.0)
            terms |= {n: share * term for n, term in self.adversary.terms(audio, decoded).items()}
        loss = torch.stack(list(terms.values())).sum()
        learner.backward(loss)
        figures |= {"loss": loss, **terms, "gradient_norm": learner.gradient_norm()}
        return {name: value.detach().float() for name, value in figures.items()}

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        """Errors of log-mels and coefficients, decoded from plain tokens; sound."""
        sums, samples = dict.fromkeys(("mel", "mdct"), 0.0), list[Sample]()
        with self.learner.averaged() as receiver:
            for crops in self.valid:
                audio = crops.audio[:, None].to(self.accelerator.device)
                target, codes = self._sent(audio)
                spectrum, decoded = receiver(codes)
                sums["mel"] += float(self.mel(decoded, audio)) / len(self.valid)
                sums["mdct"] += float((spectrum - target).square().mean()) / len(self.valid)
                pairs = zip(audio[:, 0].cpu(), decoded[:, 0].cpu(), strict=True)
                for original, heard in list(pairs)[: max(self.run.samples - len(samples), 0)]:
                    kinds = {"original": original.numpy(), "decoded": heard.numpy()}
                    samples.append(Sample("crop", kinds, {}, self.sample_rate))
        return sums | score(samples, "original", "decoded"), samples

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """The whole codec, of the same tokens."""
        weights = published_weights(collected["receiver"])
        whole = _own(self.codec)
        for name, module in (("decoder", whole.teacher.decoder), ("pseudo", whole.pseudo)):
            start = f"{name}."
            own = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
            module.load_state_dict({**module.state_dict(), **own})
        whole.save_pretrained(folder / EXPORT)

    @torch.no_grad()
    def _sent(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Audio [B, 1, T] -> its coefficients float32 [B, N, F], plain codes int64 [B, 1, L]."""
        spectrum, latents = self.encoder.teacher.analyse(audio)
        return spectrum, self.encoder.teacher.quantizer.encode(latents, 1)


def trains_pseudo(codec: P2PSynCodec, mode: str) -> bool:
    """Whether gradients of the sound reach every pseudo VQ: a mean has them, a choice has none."""
    modes = stage_modes(mode, codec.config.quantizer.pseudo_stages, codec.config.pseudo.estimate)
    return bool(modes) and set(modes) == {"expected"}


def train_receiver(
    config: Config, codec: str | None = None, name: str = "receiver", resume: bool = True
) -> Path:
    """Train or resume stage 3 for ``codec`` (a folder or name; by default the run's best).

    Returns:
        The folder of the best codec.

    Raises:
        SecoustiError: a codec of another rate than the file's, or what the data raise.
    """
    found = P2PSynCodec.from_pretrained(
        codec or str(best_model(Path(config.run.output) / "pseudo"))
    )
    if found.sample_rate != config.codec.sample_rate:
        raise SecoustiError(
            f"{found.model_id!r} is of {found.sample_rate} Hz, the file of "
            f"{config.codec.sample_rate} Hz: name the file that it was trained with"
        )
    task = ReceiverTask(config, _own(found), name)
    Run(task, resume).run()
    return Path(config.run.output) / name / "best"


def _own(codec: P2PSynCodec, dropout: float | None = None) -> P2PSynCodec:
    """A copy in float32 that nothing else touches.

    Args:
        dropout: in the pseudo VQs instead of the codec's. The decoder is to hear what they predict
            in use, where nothing is dropped; and a GPU's LSTM has no gradients in evaluation mode.
    """
    config = codec.config
    if dropout is not None:
        config = replace(config, pseudo=replace(config.pseudo, dropout=dropout))
    copy = P2PSynCodec(config).eval()
    copy.load_state_dict(codec.state_dict())
    return copy
