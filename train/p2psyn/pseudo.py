"""Stage 2: the pseudo VQs learn the teacher's tokens by cross-entropy (eq. 6 and 7).

Each stage's network has its own loss, its own gradients and its own clipping, so training them
together is training them one by one.
"""

from __future__ import annotations

from pathlib import Path

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
from train.p2psyn.config import Config
from train.p2psyn.loop import (
    build_optimizer,
    fit,
    learning_rate,
    make_accelerator,
    set_learning_rate,
)
from train.p2psyn.tokens import TokenBatches, TokenCache, extract, padded
from train.packed import PackedAudio


class TeacherForced(nn.Module):
    """Logits of every stage from one forward call, as data-parallel training wants it."""

    def __init__(self, pseudo: PseudoQuantizer) -> None:
        super().__init__()
        self.pseudo = pseudo

    def forward(self, inputs: Tensor, vectors: Tensor, lengths: Tensor) -> list[Tensor]:
        stages = range(len(self.pseudo.stages))
        return [self.pseudo.logits(n, inputs, vectors, lengths) for n in stages]


class PseudoStage:
    """Model, optimizer and one training step of stage 2."""

    objective = "latent_error"

    def __init__(
        self,
        config: Config,
        accelerator: Accelerator,
        pseudo: PseudoQuantizer,
        vectors: Tensor,
        valid: list[tuple[Tensor, Tensor]],
        codec: P2PSynCodec | None = None,
        guide: PseudoQuantizer | None = None,
    ) -> None:
        """``codec`` is what ``export`` saves; ``guide`` is distilled from if given."""
        self.config, self.accelerator, self.valid, self.codec = (
            config.pseudo, accelerator, valid, codec,
        )  # fmt: skip
        self.vectors = vectors.detach().to(accelerator.device)
        self.given = len(vectors) - len(pseudo.stages)
        self.guide = guide if guide is None else guide.eval().to(accelerator.device)
        optimizer = build_optimizer(pseudo, self.config.optim)
        self.model, self.optimizer = accelerator.prepare(TeacherForced(pseudo), optimizer)

    @property
    def pseudo(self) -> PseudoQuantizer:
        """The model itself, without what data parallelism wraps around it."""
        unwrapped: PseudoQuantizer = self.accelerator.unwrap_model(self.model).pseudo
        return unwrapped

    def step(self, batch: tuple[Tensor, Tensor], step: int) -> dict[str, Tensor]:
        """One update of every pseudo VQ."""
        codes, lengths = batch
        set_learning_rate(self.optimizer, learning_rate(self.config.optim, step))
        inputs = self._with_own_predictions(codes, lengths)
        self.model.train()
        with self.accelerator.autocast():
            logits = self.model(inputs, self.vectors, lengths)
        losses = [
            self._loss(n, out.float(), inputs, codes, lengths) for n, out in enumerate(logits)
        ]
        self.optimizer.zero_grad()
        self.accelerator.backward(torch.stack(losses).sum())
        if self.config.optim.clip is not None:
            for network in self.pseudo.stages:
                self.accelerator.clip_grad_norm_(network.parameters(), self.config.optim.clip)
        self.optimizer.step()
        return {f"loss{n + 1}": loss.detach() for n, loss in enumerate(losses)}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Cross-entropy and accuracy with the teacher's tokens, and the free-running latents.

        ``latent_error``: mean squared distance of the chained prediction to the teacher's
        quantized latent; ``dropped_error``: the same with the plain stage alone.
        """
        pseudo = self.pseudo.eval()
        sums: dict[str, float] = {}
        count = 0
        for codes, lengths in self.valid:
            codes, lengths = codes.to(self.vectors.device), lengths.to(self.vectors.device)
            mask = length_mask(lengths, codes.shape[-1])
            tokens = int(lengths.sum())
            count += tokens
            figures = self._errors(pseudo, codes, lengths, mask)
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value * tokens
        return {name: value / count for name, value in sums.items()}

    def export(self, folder: Path) -> None:
        """The whole codec, or (for another codec's tokens) the pseudo quantizer's weights."""
        if self.codec is None:
            save_pseudo(self.pseudo, folder)
            return
        self.codec.pseudo.load_state_dict(self.pseudo.state_dict())
        self.codec.save_pretrained(folder)

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
        smoothing = self.config.label_smoothing
        loss = F.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing)
        if self.guide is not None:
            with torch.no_grad():
                wanted = self.guide.logits(stage, inputs, self.vectors, lengths).softmax(dim=1)
            divergence = F.kl_div(logits.log_softmax(dim=1), wanted, reduction="none").sum(1)
            loss = loss + self.config.distill_weight * divergence
        return (loss * mask).sum() / mask.sum()

    @torch.no_grad()
    def _with_own_predictions(self, codes: Tensor, lengths: Tensor) -> Tensor:
        """In ``free_running`` of the rows, the stages after the given ones as predicted now."""
        if not self.config.free_running:
            return codes
        free = self.pseudo.eval().predict(codes, self.vectors, lengths)
        chosen = torch.rand(len(codes), device=codes.device) < self.config.free_running
        return torch.where(chosen[:, None, None], free, codes)


def save_pseudo(pseudo: PseudoQuantizer, folder: Path) -> None:
    """``pseudo.safetensors`` of a pseudo quantizer for another codec."""
    from safetensors.torch import save_file

    from secousti.atomic import replacing

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in pseudo.state_dict().items()}
    with replacing(folder / "pseudo.safetensors") as path:
        save_file(tensors, path)


def extract_tokens(config: Config, teacher: str | None = None) -> list[Path]:
    """The token caches of the training and validation manifests, with ``teacher`` (a folder)."""
    codec = _codec(config, teacher).to(Accelerator(cpu=config.run.device == "cpu").device)
    out = []
    for name, manifests in (("train", config.data.train), ("valid", config.data.valid)):
        if manifests:
            corpus = PackedAudio(
                manifests, config.data.root, codec.sample_rate, config.data.cache,
                max(1, config.data.workers),
            )  # fmt: skip
            out.append(extract(codec, corpus, _cache_path(config, name), config.data.level_db))
    return out


def train_pseudo(config: Config, teacher: str | None = None, name: str = "pseudo") -> Path:
    """Train or resume stage 2 on the token caches; returns the folder of the best codec.

    ``name`` keeps several pseudo quantizers of one teacher apart.

    Raises:
        SecoustiError: the caches were made with another teacher.
    """
    torch.manual_seed(config.run.seed)
    output = Path(config.run.output) / name
    accelerator = make_accelerator(config.run, output)
    codec = _codec(config, teacher)
    train = TokenCache(_cache_path(config, "train"))
    if train.token_hash != codec.weight_hash:
        raise SecoustiError("the token cache is of another teacher: run the command tokens again")
    valid = TokenCache(_cache_path(config, "valid")) if config.data.valid else train
    codec.pseudo.prior.copy_(unigram(train, len(codec.pseudo.stages)))
    stage = PseudoStage(
        config, accelerator, codec.pseudo, train.vectors, _valid_batches(valid, config),
        P2PSynCodec(codec.config), _guide(config, codec),
    )  # fmt: skip
    assert stage.codec is not None
    stage.codec.load_state_dict(codec.state_dict())
    batches = TokenBatches(
        train, config.pseudo.batch_size, config.pseudo.tokens, config.run.seed,
        accelerator.process_index,
    )  # fmt: skip
    steps, workers = config.pseudo.optim.steps, config.data.workers
    return fit(stage, batches, steps, config.run, accelerator, output, workers)


def unigram(cache: TokenCache, stages: int) -> Tensor:
    """Token frequencies of the last ``stages`` stages, float32 [stages, M], none of them zero."""
    size = cache.vectors.shape[1]
    packed = torch.cat(cache.codes, dim=1)[-stages:] if stages else torch.zeros(0, 1).long()
    counts = [torch.bincount(row, minlength=size) + 1.0 for row in packed]
    return torch.stack([c / c.sum() for c in counts]) if counts else torch.zeros(0, size)


def _codec(config: Config, teacher: str | None) -> P2PSynCodec:
    folder = teacher or str(Path(config.run.output) / "teacher" / "best")
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
