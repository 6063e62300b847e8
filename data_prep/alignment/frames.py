"""Second stage of training: state labels frame by frame, from the model's own best paths."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from data_prep.alignment.augment import Augmenter
from data_prep.alignment.classes import STATES, ClassMap
from data_prep.alignment.corpus import Example
from data_prep.alignment.ctc import BATCHES, between_frames, passes
from data_prep.alignment.features import FRAME
from data_prep.alignment.graph import best_path, build_graph
from data_prep.alignment.network import AcousticNetwork, fine_logits
from secousti.errors import SecoustiError

CROP = 512  # frames of 5 ms
CROPS_A_BATCH = 12
KEPT_SILENCE = 50  # frames of silence kept at either end of an utterance
PRIOR_WEIGHT = 0.8


def frame_batches(
    examples: Sequence[Example], labels: Sequence[Tensor], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops ``[B, CROP, N_MELS]`` and states ``[B, CROP]`` of all utterances laid end to end.

    The order of the utterances, and so every cut, is drawn anew in each pass of an epoch.
    """
    for _ in range(passes(_batches_of(labels))):
        yield from _one_pass(examples, labels, generator)


def count_batches(labels: Sequence[Tensor]) -> int:
    """How many batches ``frame_batches`` gives."""
    batches = _batches_of(labels)
    return batches * passes(batches)


def _one_pass(
    examples: Sequence[Example], labels: Sequence[Tensor], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    order = torch.randperm(len(examples), generator=generator).tolist()
    spans = [_speech_span(labels[index]) for index in order]
    stream = torch.cat([examples[i].features[a:b] for i, (a, b) in zip(order, spans, strict=True)])
    states = torch.cat([labels[i][a:b] for i, (a, b) in zip(order, spans, strict=True)])
    crops = max(len(states) // CROP, 1)
    stream = stream[: crops * CROP].reshape(crops, -1, stream.shape[1])
    states = states[: crops * CROP].reshape(crops, -1)
    for chosen in torch.randperm(crops, generator=generator).split(_batch_size(crops)):
        yield stream[chosen].float(), states[chosen]


def _batches_of(labels: Sequence[Tensor]) -> int:
    frames = sum(end - start for start, end in map(_speech_span, labels))
    crops = max(frames // CROP, 1)
    return math.ceil(crops / _batch_size(crops))


def frame_loss(
    network: AcousticNetwork,
    features: Tensor,
    states: Tensor,
    augment: Augmenter,
    generator: torch.Generator,
) -> Tensor:
    """Cross-entropy of the states, every second frame from a random first one."""
    phase = int(torch.randint(2, (), generator=generator))
    logits = network(augment(features[:, phase::2], generator))
    return F.cross_entropy(
        logits.flatten(0, 1), states[:, phase::2].flatten(), label_smoothing=0.02
    )


def log_prior(labels: Sequence[Tensor], classes: ClassMap) -> Tensor:
    """Log share of every state among the labels, ``[states]``; at least that of ten frames."""
    counts = torch.zeros(classes.num_states)
    for states in labels:
        start, end = _speech_span(states)
        known = states[start:end][states[start:end] >= 0]
        counts += torch.bincount(known, minlength=classes.num_states)
    return torch.log(counts.clamp(min=10.0) / counts.sum())


@torch.inference_mode()
def realign(
    network: AcousticNetwork, example: Example, classes: ClassMap, labels: Tensor | None, step: int
) -> Tensor | None:
    """States of the best path, int64 ``[T]``; None when the transcript does not fit.

    ``step`` 1 searches every frame of 5 ms, 2 every second one at a quarter of the cost. Silence
    that ``labels``, the states found before, leave at the ends is only searched near the speech.
    """
    start, end = (0, len(example.features)) if labels is None else _speech_span(labels)
    start -= start % 2
    features = example.features[start:end].float()
    logits = fine_logits(network, features) if step == 1 else network(features[None, ::2])[0]
    scores = logits.log_softmax(dim=-1) - PRIOR_WEIGHT * network.log_prior
    try:
        _, found = best_path(build_graph(example.words, classes), scores.numpy())
    except SecoustiError:
        return None
    states = torch.zeros(len(example.features), dtype=torch.int64)  # silence
    states[start:end] = between_frames(torch.from_numpy(found), step)[: end - start]
    return states


def timed_labels(example: Example, classes: ClassMap) -> Tensor:
    """States from times that the corpus brought, int64 ``[T]``; every phoneme is cut in three."""
    frames = len(example.features)
    labels = torch.zeros(frames, dtype=torch.int64)
    for start, end, symbol in example.times or ():
        index = classes.class_of(symbol)
        first, last = math.ceil(start / FRAME), min(math.ceil(end / FRAME), frames)
        if index and last > first:
            part = torch.arange(last - first) * STATES // (last - first)
            labels[first:last] = STATES * index + part
    return labels


def _batch_size(crops: int) -> int:
    return min(CROPS_A_BATCH, max(crops // BATCHES, 1))


def _speech_span(states: Tensor) -> tuple[int, int]:
    """First and one-past-last frame of the utterance with little silence at its ends."""
    speech = (states >= STATES).nonzero()  # silence is class 0
    if not len(speech):
        return 0, len(states)
    end = min(int(speech[-1]) + 1 + KEPT_SILENCE, len(states))
    return max(int(speech[0]) - KEPT_SILENCE, 0), end
