"""Prediction error against quantization error, stage by stage and sound by sound (review, 2).

All errors are squared distances in the latent space, summed over its dimensions, mean over
tokens. For pseudo stage n, with e the latent, q_j the teacher's code vectors and p_n the
predicted one:

- ``quantization``: what all stages up to n leave, ||e - q_0 - ... - q_n||^2;
- ``dropped``: what remains without the stage, ||e - q_0 - ... - q_{n-1}||^2;
- ``predicted``: with the predicted vector in its place, ||e - q_0 - ... - q_{n-1} - p_n||^2;
- ``prediction``: ||q_n - p_n||^2, and ``energy``: ||q_n||^2, the same for p_n = 0.

These are teacher-forced; names ending in ``_free`` have p_1 ... p_n chained as in decoding.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.evaluation.metrics.base import Score
from secousti.evaluation.p2psyn.classes import CLASSES, classify
from secousti.evaluation.statistics import Estimate, estimate
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.rvq import lookup

Scores = dict[tuple[str, int, str], Score]  # (class, pseudo stage from 1, figure)


@torch.no_grad()
def stage_scores(codec: P2PSynCodec, audio: Tensor) -> Scores:
    """Every figure of one recording [N] at the codec's rate, by class and stage."""
    codes, latents = _teacher_view(codec, audio)
    kinds = classify(audio.cpu(), codec.sample_rate, codec.frame_size, codes.shape[-1])
    scores: Scores = {}
    for stage, figures in enumerate(_per_token(codec, codes, latents), start=1):
        for kind in CLASSES:
            mask = kinds[kind]
            if not mask.any():
                continue
            for name, values in figures.items():
                mean = float(values[mask].mean())
                scores[kind, stage, name] = Score(mean, float(mask.sum()))
    return scores


def summarise(rows: Iterable[tuple[str, Scores]]) -> dict[tuple[str, int, str], Estimate]:
    """Token-weighted means with bootstrap intervals over speakers; rows are (speaker, scores)."""
    gathered: dict[tuple[str, int, str], tuple[list[Score], list[str]]] = {}
    for speaker, scores in rows:
        for key, score in scores.items():
            values, groups = gathered.setdefault(key, ([], []))
            values.append(score)
            groups.append(speaker)
    return {key: estimate(values, groups) for key, (values, groups) in gathered.items()}


def _teacher_view(codec: P2PSynCodec, audio: Tensor) -> tuple[Tensor, Tensor]:
    """All stages' codes int64 [1, S, L] and the latents before quantization [1, K, L]."""
    encoded = codec.encode(audio, codec.sample_rate, stages="all")
    total = encoded.codes.shape[-1] * codec.frame_size - codec.hop_length
    padded = F.pad(audio, (0, total - len(audio)))[None, None]
    latents = codec.teacher.analyse(padded.to(codec.device, codec.encode_dtype))[1]
    return encoded.codes, latents.float()


def _per_token(
    codec: P2PSynCodec, codes: Tensor, latents: Tensor
) -> Iterable[dict[str, np.ndarray]]:
    """The figures of each pseudo stage, each [L]."""
    vectors = codec.teacher.quantizer.vectors()
    free = codec.pseudo.predict(codes, vectors)
    for n in range(1, len(vectors)):
        target = codes[:, n]
        logits = codec.pseudo.logits(n - 1, codes, vectors).float()
        guess = logits.argmax(dim=1)
        kept = lookup(vectors[:n], codes[:, :n])  # q_0 + ... + q_{n-1}
        truth, predicted = _vector(vectors, n, target), _vector(vectors, n, guess)
        expected = torch.einsum("bml,mk->bkl", logits.softmax(dim=1), vectors[n])
        chained = lookup(vectors[: n + 1], free[:, : n + 1])
        top5 = (logits.topk(min(5, logits.shape[1]), dim=1).indices == target[:, None]).any(1)
        figures = {
            "quantization": _energy(latents - kept - truth),
            "dropped": _energy(latents - kept),
            "predicted": _energy(latents - kept - predicted),
            "expected": _energy(latents - kept - expected),
            "predicted_free": _energy(latents - chained),
            "prediction": _energy(truth - predicted),
            "prediction_free": _energy(truth - _vector(vectors, n, free[:, n])),
            "energy": _energy(truth),
            "bits": F.cross_entropy(logits, target, reduction="none") / np.log(2),
            "accuracy": (guess == target).float(),
            "accuracy_free": (free[:, n] == target).float(),
            "top5": top5.float(),
        }
        yield {name: value[0].cpu().numpy() for name, value in figures.items()}


def _vector(vectors: Tensor, stage: int, tokens: Tensor) -> Tensor:
    return F.embedding(tokens, vectors[stage]).transpose(1, 2)  # [B, K, L]


def _energy(x: Tensor) -> Tensor:
    return x.square().sum(dim=1)  # [B, L]
