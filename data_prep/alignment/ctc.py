"""First stage of training: where the phonemes roughly lie, learned from transcripts alone.

Connectionist temporal classification (Graves et al. 2006) with label priors (Huang et al. 2024):
dividing by how often a token is emitted keeps the blank from swallowing all frames, so the paths
are less peaky. ``torchaudio.functional.forced_align`` turns them into a first segmentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torchaudio.functional
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from data_prep.alignment.augment import Augmenter
from data_prep.alignment.classes import STATES, ClassMap
from data_prep.alignment.corpus import Example
from data_prep.alignment.network import AcousticNetwork
from secousti.text.inventory import SILENCE

FRAMES_A_BATCH = 3000  # of 10 ms
BATCHES = 8  # of a corpus, at least
STEPS = 100  # of an epoch, at least: a small corpus is passed more than once
PRIOR_WEIGHT = 0.3
UNKNOWN_STATE = -100  # what cross-entropy ignores
LONG_GAP = 10  # frames of 10 ms without a token that are taken for a pause
MARGIN = 3  # frames of such a gap left to the phoneme on either side


def ctc_batches(examples: Sequence[Example], generator: torch.Generator) -> Iterator[list[Example]]:
    """One epoch: batches of similar length in random order, ``FRAMES_A_BATCH`` frames each."""
    total = sum(len(example.features) for example in examples) // 2
    limit = min(FRAMES_A_BATCH, total // BATCHES)
    order = sorted(range(len(examples)), key=lambda index: len(examples[index].features))
    batches: list[list[int]] = [[]]
    for index in order:
        longest = math.ceil(len(examples[index].features) / 2)
        if batches[-1] and longest * (len(batches[-1]) + 1) > limit:
            batches.append([])
        batches[-1].append(index)
    for _ in range(passes(len(batches))):
        for batch in torch.randperm(len(batches), generator=generator).tolist():
            yield [examples[index] for index in batches[batch]]


def passes(batches: int) -> int:
    """How often a corpus of so many batches is passed in one epoch."""
    return math.ceil(STEPS / batches)


def ctc_loss(
    network: AcousticNetwork,
    batch: Sequence[Example],
    classes: ClassMap,
    prior: Tensor,
    augment: Augmenter,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Loss a token, and the mean posterior of the batch (for the next prior), ``[1 + classes]``."""
    phase = int(torch.randint(2, (), generator=generator))
    features = [example.features[phase::2].float() for example in batch]
    lengths = torch.tensor([len(f) for f in features])
    padded = augment(pad_sequence(features, batch_first=True, padding_value=-5.0), generator)
    log_probs = network.tokens(padded).log_softmax(dim=-1)
    targets = [torch.tensor(example.tokens(classes)) + 1 for example in batch]
    counts = torch.tensor([len(target) for target in targets])
    loss = F.ctc_loss(
        (log_probs - PRIOR_WEIGHT * prior).transpose(0, 1),
        torch.cat(targets),
        lengths,
        counts,
        reduction="sum",
        zero_infinity=True,
    )
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    posterior = log_probs.detach()[mask].exp().mean(dim=0)
    return loss / counts.sum(), posterior


@torch.inference_mode()
def first_labels(
    network: AcousticNetwork, example: Example, classes: ClassMap, prior: Tensor
) -> Tensor | None:
    """State of every 5 ms frame, int64 ``[T]``; None when the tokens do not fit the frames."""
    features = example.features[::2].float()
    tokens = example.tokens(classes)
    log_probs = network.tokens(features[None]).log_softmax(dim=-1) - PRIOR_WEIGHT * prior
    targets = torch.tensor([tokens]) + 1
    try:
        path, _ = torchaudio.functional.forced_align(log_probs, targets, blank=0)
    except RuntimeError:  # more tokens (and blanks between equal ones) than frames
        return None
    labels = _spread(path[0].tolist(), tokens, classes)
    return between_frames(torch.tensor(labels), 2)[: len(example.features)]


def between_frames(states: Tensor, step: int) -> Tensor:
    """States of every ``step``-th frame -> of every frame; unknown where the state changes."""
    spread = states.repeat_interleave(step)
    following = torch.cat([states[1:], states[-1:]]).repeat_interleave(step)
    inner = torch.arange(len(spread)) % step != 0
    return torch.where(inner & (spread != following), UNKNOWN_STATE, spread)


def _spread(path: list[int], tokens: Sequence[int], classes: ClassMap) -> list[int]:
    """Token spans of a CTC path grown until they meet, pauses left as silence, cut in three."""
    silence = STATES * (classes.class_of(SILENCE) or 0)
    labels = [silence] * len(path)
    spans = _spans(path)
    for index, ((start, end), token) in enumerate(zip(spans, tokens, strict=True)):
        start = _meet(spans[index - 1][1] if index else -LONG_GAP, start)[1]
        following = spans[index + 1][0] if index + 1 < len(spans) else len(path) + LONG_GAP
        end = min(_meet(end, following)[0], len(path))
        start = max(start, 0)
        for frame in range(start, end):
            labels[frame] = STATES * token + STATES * (frame - start) // (end - start)
    return labels


def _spans(path: Sequence[int]) -> list[tuple[int, int]]:
    spans, previous = [], 0
    for frame, token in enumerate(path):
        if token and token != previous:
            spans.append((frame, frame + 1))
        elif token:
            spans[-1] = (spans[-1][0], frame + 1)
        previous = token
    return spans


def _meet(end: int, start: int) -> tuple[int, int]:
    """Where the token before a gap ends and the one after it begins."""
    if start - end >= LONG_GAP:
        return end + MARGIN, start - MARGIN
    middle = (end + start + 1) // 2
    return middle, middle
