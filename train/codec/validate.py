"""Validation: mel errors, token use, phonemes, and with a vocoder PESQ and STOI."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.text.inventory import IGNORE
from secousti.vocoder.base import Vocoder
from train.codec.batches import Batch
from train.codec.losses import masked_mse
from train.codec.objective import Inspection
from train.engine.sound import Sample, score


@torch.no_grad()
def validate(
    model: Callable[[Batch, None], Inspection],
    batches: Sequence[Batch],
    codebook_size: int,
    semantic: bool,
    vocoder: Vocoder | None,
    samples: int,
    rate: int,
    probe: Callable[[Sequence[Inspection]], dict[str, float]] | None = None,
) -> tuple[dict[str, float], list[Sample]]:
    """Metrics over ``batches`` and the first ``samples`` utterances.

    Args:
        model: the objective in eval mode. semantic: judge the token path too (after stage 1).
        probe: more metrics of the token path.

    Returns:
        ``mel``: MSE of A's path; ``token_mel``: of the tokens' path; ``residual``: MSE of A_hat
        over the variance of A; ``token_use``: share of the codebook seen; ``token_perplexity``;
        ``token_top``: share of the commonest token; ``phoneme_accuracy``: tokens whose S is
        nearest to the centre of P of their own phoneme; ``pesq`` and ``stoi`` of the sound.
    """
    inspections = [model(batch, None) for batch in batches]
    metrics = {"mel": _mean(inspections, lambda i: _mel_error(i, i.mel_from_acoustic))}
    if semantic:
        metrics |= _token_metrics(inspections, codebook_size)
        metrics |= probe(inspections) if probe is not None else {}
    sounds = _samples(inspections, batches, semantic, vocoder, samples, rate)
    if vocoder is not None:
        metrics |= score(sounds, "original", "tokens" if semantic else "acoustic")
    return metrics, sounds


def nearest_phoneme_accuracy(
    semantic: Tensor, phonemes: Tensor, labels: Tensor
) -> tuple[float, float]:
    """Share of frames whose S is nearest (cosine) to the mean P of their own phoneme; chance.

    Args:
        semantic, phonemes: [N, D]. labels: int64 [N].

    Returns:
        The accuracy, and the share of the commonest phoneme (always guessing it).
    """
    classes, index, counts = labels.unique(return_inverse=True, return_counts=True)
    # Two modalities of one space keep a gap between their means: it is no phoneme's.
    p = _centred(F.normalize(phonemes.float(), dim=-1))
    s = _centred(F.normalize(semantic.float(), dim=-1))
    centres = torch.zeros(len(classes), p.shape[1], device=p.device).index_add_(0, index, p)
    similarity = F.normalize(s, dim=-1) @ F.normalize(centres, dim=-1).T
    accuracy = (similarity.argmax(1) == index).float().mean().item()
    return accuracy, (counts.max() / counts.sum()).item()


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(0)


def _token_metrics(inspections: list[Inspection], codebook_size: int) -> dict[str, float]:
    indices = torch.cat([i.semantics.indices[i.mask] for i in inspections])
    counts = torch.bincount(indices, minlength=codebook_size).float()
    shares = counts / counts.sum()
    entropy = -(shares * shares.clamp(min=1e-12).log()).sum()
    metrics = {
        "token_mel": _mean(inspections, lambda i: _mel_error(i, i.mel_from_tokens)),
        "residual": _mean(inspections, _residual),
        "token_use": (counts > 0).float().mean().item(),
        "token_perplexity": entropy.exp().item(),
        "token_top": shares.max().item(),
    }
    accuracy = _phoneme_accuracy(inspections)
    return metrics if accuracy is None else metrics | {"phoneme_accuracy": accuracy}


def _phoneme_accuracy(inspections: list[Inspection]) -> float | None:
    known = [(i, i.mask & (i.labels != IGNORE)) for i in inspections if i.phonemes is not None]
    known = [(i, mask) for i, mask in known if mask.any()]
    if not known:
        return None
    s = torch.cat([i.semantics.vectors.mT[mask] for i, mask in known])
    p = torch.cat([i.phonemes[mask] for i, mask in known if i.phonemes is not None])
    labels = torch.cat([i.labels[mask] for i, mask in known])
    return nearest_phoneme_accuracy(s, p, labels)[0]


def _mel_error(inspection: Inspection, mel: Tensor) -> float:
    return masked_mse(mel, inspection.mel, inspection.mel_mask).item()


def _residual(inspection: Inspection) -> float:
    target = inspection.acoustic.mT[inspection.mask]  # [N, D]
    error = inspection.semantics.a_hat.mT[inspection.mask] - target
    return (error.square().mean() / target.var(0).mean().clamp(min=1e-12)).item()


def _mean(inspections: list[Inspection], value: Callable[[Inspection], float]) -> float:
    return float(np.mean([value(inspection) for inspection in inspections]))


def _samples(
    inspections: list[Inspection],
    batches: Sequence[Batch],
    semantic: bool,
    vocoder: Vocoder | None,
    count: int,
    rate: int,
) -> list[Sample]:
    samples: list[Sample] = []
    for inspection, batch in zip(inspections, batches, strict=True):
        for b in range(len(batch.names)):
            if len(samples) == count:
                return samples
            samples.append(_sample(inspection, batch, b, semantic, vocoder, rate))
    return samples


def _sample(
    inspection: Inspection, batch: Batch, b: int, semantic: bool, vocoder: Vocoder | None, rate: int
) -> Sample:
    frames = int(inspection.mel_mask[b].sum())
    mels = {"original": inspection.mel, "acoustic": inspection.mel_from_acoustic}
    if semantic:
        mels["tokens"] = inspection.mel_from_tokens
    cut = {name: mel[b : b + 1, :, :frames].float() for name, mel in mels.items()}
    shown = {name: mel[0].cpu().numpy() for name, mel in cut.items()}
    sample = Sample(batch.names[b], mels=shown, rate=rate)
    length = int(batch.lengths[b])
    sample.sounds["original"] = batch.audio[b, :length].cpu().numpy()
    if vocoder is not None:
        for name, mel in cut.items():
            key = "vocoder" if name == "original" else name
            sample.sounds[key] = vocoder(mel)[0][0, 0, :length].float().cpu().numpy()
    return sample
