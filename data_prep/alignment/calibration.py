"""What the score of a path says about the transcript: a logistic fit to right and wrong ones."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch

from data_prep.alignment.builtin import path_score
from data_prep.alignment.classes import ClassMap
from data_prep.alignment.corpus import Example
from data_prep.alignment.frames import PRIOR_WEIGHT
from data_prep.alignment.graph import best_path, build_graph
from data_prep.alignment.network import AcousticNetwork, fine_logits
from data_prep.alignment.transcript import Word
from secousti.errors import SecoustiError

EXAMPLES = 200


def fit_confidence(
    network: AcousticNetwork, examples: Sequence[Example], classes: ClassMap, seed: int
) -> tuple[float, float]:
    """Scale and offset of ``logistic(scale * path_score + offset)``.

    Each example is aligned with its own words and with the same words of which every second is
    replaced by one of another utterance.
    """
    rng = random.Random(seed)
    chosen = rng.sample(list(examples), min(EXAMPLES, len(examples)))
    pool = [word for example in chosen for word in example.words]
    right: list[float] = []
    wrong: list[float] = []
    for example in chosen:
        other = half_wrong(example.words, pool, rng)
        for words, scores in ((example.words, right), (other, wrong)):
            score = _score(network, example, words, classes)
            if score is not None:
                scores.append(score)
    return fit_logistic(right, wrong)


def half_wrong(words: Sequence[Word], pool: Sequence[Word], rng: random.Random) -> list[Word]:
    """``words`` with every second one (of a single word: that one) drawn from ``pool`` instead."""
    first = 0 if len(words) == 1 else rng.randrange(2)
    return [rng.choice(pool) if i % 2 == first else word for i, word in enumerate(words)]


def fit_logistic(right: Sequence[float], wrong: Sequence[float]) -> tuple[float, float]:
    """Scale and offset by Newton's method, with a weak pull of the scale towards zero.

    The two kinds weigh the same, however many there are of each.
    """
    if not right or not wrong:
        return 1.0, 0.0
    x = np.concatenate([right, wrong])
    target = np.concatenate([np.ones(len(right)), np.zeros(len(wrong))])
    weight = np.where(target > 0, 0.5 / len(right), 0.5 / len(wrong))
    design = np.stack([x, np.ones_like(x)], axis=1)
    penalty = np.diag([1e-4, 1e-6])
    solution = np.zeros(2)
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weight * (probability - target)) + penalty @ solution
        curvature = (design.T * (weight * probability * (1 - probability))) @ design + penalty
        solution = solution - np.clip(np.linalg.solve(curvature, gradient), -5, 5)
    return float(solution[0]), float(solution[1])


@torch.inference_mode()
def _score(
    network: AcousticNetwork, example: Example, words: Sequence[Word], classes: ClassMap
) -> float | None:
    log_posteriors = fine_logits(network, example.features.float()).log_softmax(dim=-1)
    scores = log_posteriors - PRIOR_WEIGHT * network.log_prior
    try:
        _, states = best_path(build_graph(words, classes), scores.numpy())
    except SecoustiError:
        return None
    return path_score(log_posteriors.numpy(), states)
