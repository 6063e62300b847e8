"""Stage 2: the pseudo VQs learn the teacher's tokens by cross-entropy (eq. 6 and 7).

Each stage's network has its own loss, its own gradients and its own clipping, so training them
together is training them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.errors import SecoustiError
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.config import P2PSynConfig
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer
from secousti.p2psyn.pseudo_vq import length_mask
from secousti.p2psyn.rvq import lookup
from secousti.p2psyn.teacher import Teacher
from secousti.pretrained import save_tensors
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer
from train.engine.run import Run
from train.engine.sound import Sample, score
from train.engine.task import Stretch
from train.p2psyn.config import Config
from train.p2psyn.task import EXPORT, P2PSynTask, best_model, corpus_of
from train.p2psyn.tokens import TokenBatches, TokenCache, Tokens, extract, padded


class TeacherForced(nn.Module):
    """Logits of every stage from one forward call, as data-parallel training wants it."""

    def __init__(self, pseudo: PseudoQuantizer) -> None:
        super().__init__()
        self.pseudo = pseudo

    def forward(self, inputs: Tensor, vectors: Tensor, lengths: Tensor) -> list[Tensor]:
        stages = range(len(self.pseudo.stages))
        return [self.pseudo.logits(n, inputs, vectors, lengths) for n in stages]


class PseudoTask(P2PSynTask):
    """Model, optimizer and one training step of stage 2.

    Args:
        vectors, valid: of the token cache; ``cache``: what is trained on.
        codec: what is exported, or None: the pseudo quantizer's weights alone.
        guide: distilled from if given.
    """

    best, model = "latent_error", "pseudo"
    least = frozenset({"latent_error", "dropped_error"})
    late_looks = True

    def __init__(
        self,
        config: Config,
        pseudo: PseudoQuantizer,
        cache: TokenCache,
        valid: list[tuple[Tensor, Tensor]],
        codec: P2PSynCodec | None = None,
        guide: PseudoQuantizer | None = None,
        name: str = "pseudo",
    ) -> None:
        super().__init__(config, name, config.pseudo.optim)
        self.training, self.valid, self.codec, self.pseudo = config.pseudo, valid, codec, pseudo
        device = self.accelerator.device
        self.identity |= {"tokens": cache.token_hash}
        self.vectors = cache.vectors.detach().to(device)
        self.given = len(cache.vectors) - len(pseudo.stages)
        self.guide = guide if guide is None else guide.eval().to(device)
        self.dataset = TokenBatches(
            cache,
            config.pseudo.batch_size,
            config.pseudo.tokens,
            config.run.seed,
            self.accelerator.process_index,
            self.accelerator.num_processes,
        )

    def open(self, stage: Stretch) -> None:
        optim = self.optim
        optimizer = build_optimizer(self.pseudo.parameters(), optim)
        apart = [list(network.parameters()) for network in self.pseudo.stages]
        forced = TeacherForced(self.pseudo)
        self.learners = {
            "pseudo": Learner(self.accelerator, forced, optimizer, optim.clip, optim.ema, apart)
        }

    def learn(self, batches: Sequence[Tokens], step: int) -> dict[str, Tensor]:
        """The gradient of every pseudo VQ."""
        (batch,) = batches
        codes, lengths = batch.codes, batch.lengths
        inputs = self._with_own_predictions(codes, lengths)
        self.learner.model.train()
        with self.accelerator.autocast():
            logits = self.learner.model(inputs, self.vectors, lengths)
        losses = [
            self._loss(n, out.float(), inputs, codes, lengths) for n, out in enumerate(logits)
        ]
        self.learner.backward(torch.stack(losses).sum())
        figures = {f"loss{n + 1}": loss.detach() for n, loss in enumerate(losses)}
        return figures | {"gradient_norm": self.learner.gradient_norm()}

    def seconds(self, batch: Tokens) -> float:
        return float(batch.lengths.sum()) * self.settings.codec.frame_size / self.sample_rate

    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        """Cross-entropy and accuracy with the teacher's tokens, the free-running latents, sound.

        ``latent_error``: mean squared distance of the chained prediction to the teacher's
        quantized latent; ``dropped_error``: the same with the plain stage alone. PESQ and STOI
        are against what the teacher decodes from its own tokens.
        """
        with self.learner.averaged():
            return self._figures()

    @torch.no_grad()
    def _figures(self) -> tuple[dict[str, float], list[Sample]]:
        pseudo = self.pseudo.eval()
        sums: dict[str, float] = {}
        count, samples = 0, list[Sample]()
        for codes, lengths in self.valid:
            codes, lengths = codes.to(self.vectors.device), lengths.to(self.vectors.device)
            mask = length_mask(lengths, codes.shape[-1])
            tokens = int(lengths.sum())
            count += tokens
            figures = self._errors(pseudo, codes, lengths, mask)
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value * tokens
            samples += self._samples(codes, lengths, self.run.samples - len(samples))
        figures = {name: value / count for name, value in sums.items()}
        return figures | score(samples, "teacher", "predicted"), samples

    def _samples(self, codes: Tensor, lengths: Tensor, count: int) -> list[Sample]:
        """The first ``count`` rows, decoded from the teacher's tokens and from predicted ones."""
        if self.codec is None:
            return []
        teacher = self.codec.teacher.to(codes.device)
        found = []
        for row, length in list(zip(codes, lengths.tolist(), strict=True))[: max(count, 0)]:
            own = row[None, :, :length]
            guess = self.pseudo(own[:, : self.given], self.vectors)[0][..., self.pseudo.lookahead :]
            kinds = {"teacher": lookup(self.vectors, own), "predicted": guess}
            sounds = {
                name: teacher.to_audio(teacher.decoder(x)[0])[0, 0].float().cpu().numpy()
                for name, x in kinds.items()
            }
            found.append(Sample("tokens", sounds, {}, self.sample_rate))
        return found

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """The whole codec, or (for another codec's tokens) the pseudo quantizer's weights."""
        weights = published_weights(collected["pseudo"])
        own = {name.removeprefix("pseudo."): tensor for name, tensor in weights.items()}
        if self.codec is None:
            save_pseudo(own, folder / EXPORT)
            return
        self.codec.pseudo.load_state_dict(own)
        self.codec.save_pretrained(folder / EXPORT)

    def _errors(
        self, pseudo: PseudoQuantizer, codes: Tensor, lengths: Tensor, mask: Tensor
    ) -> dict[str, float]:
        figures, tokens = {}, float(mask.sum())
        for n in range(len(pseudo.stages)):
            logits = pseudo.logits(n, codes, self.vectors, lengths)
            target = codes[:, self.given + n]
            loss = F.cross_entropy(logits, target, reduction="none") * mask[:, 0]
            hits = (logits.argmax(dim=1) == target) * mask[:, 0]
            figures[f"ce{n + 1}"] = float(loss.sum()) / tokens
            figures[f"accuracy{n + 1}"] = float(hits.sum()) / tokens
        target = lookup(self.vectors, codes)
        given = codes[:, : self.given]
        predicted = pseudo(given, self.vectors, lengths=lengths)[0][..., pseudo.lookahead :]
        plain = lookup(self.vectors[: self.given], given)
        for name, guess in (("latent_error", predicted), ("dropped_error", plain)):
            figures[name] = float(((guess - target).square().mean(1, keepdim=True) * mask).sum())
            figures[name] /= tokens
        return figures

    def _loss(
        self, stage: int, logits: Tensor, inputs: Tensor, codes: Tensor, lengths: Tensor
    ) -> Tensor:
        mask = length_mask(lengths, codes.shape[-1])[:, 0]
        target = codes[:, self.given + stage]
        smoothing = self.training.label_smoothing
        loss = F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        if self.guide is not None:
            with torch.no_grad():
                wanted = self.guide.logits(stage, inputs, self.vectors, lengths).softmax(dim=1)
            divergence = F.kl_div(logits.log_softmax(dim=1), wanted, reduction="none").sum(1)
            loss = loss + self.training.distill_weight * divergence
        return (loss * mask).sum() / mask.sum()

    @torch.no_grad()
    def _with_own_predictions(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """In ``free_running`` of the rows, the stages after the given ones as predicted now."""
        if not self.training.free_running:
            return codes
        free = self.pseudo.eval().predict(codes, self.vectors, lengths)
        chosen = torch.rand(len(codes), device=codes.device) < self.training.free_running
        return torch.where(chosen[:, None, None], free, codes)


def save_pseudo(weights: dict[str, Tensor], folder: Path) -> None:
    """``pseudo.safetensors`` of a pseudo quantizer for another codec."""
    save_tensors(folder / "pseudo.safetensors", weights)


def extract_tokens(config: Config, teacher: str | None = None) -> list[Path]:
    """The token caches of the training and validation manifests, with ``teacher`` (a folder)."""
    codec = _codec(config, teacher).to(Accelerator(cpu=config.run.device == "cpu").device)
    out = []
    for name in ("train", "valid") if config.data.valid else ("train",):
        corpus = corpus_of(config, name)
        out.append(extract(codec, corpus, _cache_path(config, name), config.data.level_db))
    return out


def train_pseudo(
    config: Config, teacher: str | None = None, name: str = "pseudo", resume: bool = True
) -> Path:
    """Train or resume stage 2 on the token caches; returns the folder of the best codec.

    ``name`` keeps several pseudo quantizers of one teacher apart.

    Raises:
        SecoustiError: the caches were made with another teacher.
    """
    torch.manual_seed(config.run.seed)
    codec = _codec(config, teacher)
    best = Path(config.run.output) / name / "best"
    if not codec.pseudo.stages:  # N = 0: nothing is left to predict
        return codec.save_pretrained(best)
    train = TokenCache(_cache_path(config, "train"))
    if train.token_hash != codec.weight_hash:
        raise SecoustiError("the token cache is of another teacher: run the command tokens again")
    valid = TokenCache(_cache_path(config, "valid")) if config.data.valid else train
    codec.pseudo.prior.copy_(unigram(train, len(codec.pseudo.stages)))
    whole = P2PSynCodec(codec.config).eval()
    whole.load_state_dict(codec.state_dict())
    task = PseudoTask(
        config, codec.pseudo, train, _valid_batches(valid, config), whole,
        _guide(config, codec), name,
    )  # fmt: skip
    Run(task, resume).run()
    return best


def unigram(cache: TokenCache, stages: int) -> Tensor:
    """Token frequencies of the last ``stages`` stages, float32 [stages, M], none of them zero."""
    size = cache.vectors.shape[1]
    packed = torch.cat(cache.codes, dim=1)[-stages:] if stages else torch.zeros(0, 1).long()
    counts = [torch.bincount(row, minlength=size) + 1.0 for row in packed]
    return torch.stack([c / c.sum() for c in counts]) if counts else torch.zeros(0, size)


def _codec(config: Config, teacher: str | None) -> P2PSynCodec:
    folder = teacher or str(best_model(Path(config.run.output) / "teacher"))
    trained = Teacher.from_pretrained(folder)
    codec_config = P2PSynConfig(
        config.codec.sample_rate, trained.config.backbone, trained.config.quantizer,
        config.codec.pseudo,
    )  # fmt: skip
    codec = P2PSynCodec(codec_config).eval()
    codec.teacher.load_state_dict(trained.state_dict())
    return codec


def _guide(config: Config, codec: P2PSynCodec) -> PseudoQuantizer | None:
    if config.pseudo.distill_from is None:
        return None
    guide = P2PSynCodec.from_pretrained(config.pseudo.distill_from)
    if guide.weight_hash != codec.weight_hash:
        raise SecoustiError(f"{config.pseudo.distill_from} has other tokens: it cannot be a guide")
    return guide.pseudo


def _cache_path(config: Config, subset: str) -> Path:
    return Path(config.run.output) / "tokens" / f"{subset}.safetensors"


def _valid_batches(cache: TokenCache, config: Config) -> list[tuple[Tensor, Tensor]]:
    rows = [codes[:, :500] for codes in cache.codes[: config.run.valid_items]]
    return [padded(rows[i : i + 8]) for i in range(0, len(rows), 8)]
