"""What S, its digits, G and A know: linear probes for speaker, emotion and phoneme.

A representation is as disentangled as a linear classifier is helpless on it. Beside accuracy the
probes give bits: the entropy of the labels less the probe's cross-entropy on unseen recordings,
a lower bound of the mutual information (Alain and Bengio 2016 for linear probes; Pimentel et al.
2020 for the bound).
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError, require
from secousti.evaluation.audio import Audio
from secousti.evaluation.datasets import Utterance

Array = NDArray[np.float64]
SILENCES = {"", "sil", "sp", "spn", "<eps>"}
MOST_FRAMES = 8000


@dataclass(frozen=True)
class Representation:
    """One utterance as the codec sees it.

    Attributes:
        semantic: S after quantization, ``[L, D]``; of a codec without S its tokens' code vectors.
        acoustic: A, ``[L, D]``; None for a codec without A.
        paralinguistic: G, the 64 numbers; None for a codec without G.
        frame_rate: frames of S and A a second.
        digits: the level of each digit of each token, one-hot side by side, ``[L, levels]``;
            None for a quantizer without digits.
    """

    semantic: Array
    acoustic: Array | None
    paralinguistic: Array | None
    frame_rate: float
    digits: Array | None = None


@dataclass(frozen=True)
class Probe:
    """How well one representation tells one kind of label.

    Attributes:
        accuracy: on recordings the probe has not seen.
        chance: accuracy of always saying the commonest label.
        bits: lower bound of what the representation says about the label, at least 0.
        entropy: of the labels, the most that could be said.
        classes: how many labels there are.
        tested: labels that were guessed.
    """

    accuracy: float
    chance: float
    bits: float
    entropy: float
    classes: int
    tested: int


def represent(codec: Any, audio: Audio) -> Representation:
    """S, A and G of a recording by one of our codecs, or what stands for its tokens."""
    import torch

    if not codec.embeddings:
        return _of_tokens(codec, audio)
    wav = torch.from_numpy(audio.samples)[None, None]
    encoded = codec.encode(wav, sample_rate=audio.rate)
    acoustic = codec.acoustic(wav, sample_rate=audio.rate)[0].T  # [L, D]
    with torch.inference_mode():
        semantic = codec.quantizer.decode(encoded.codes[:, 0])[0].T  # [L, D]
    return Representation(
        semantic.double().cpu().numpy(),
        acoustic[: len(semantic)].double().cpu().numpy(),
        encoded.paralinguistic[0].double().cpu().numpy(),
        codec.frame_rate,
        one_hot_digits(encoded.codes[0, 0].cpu().numpy(), levels_of(codec)),
    )


def _of_tokens(codec: Any, audio: Audio) -> Representation:
    """The sum of the code vectors of every token that is sent, and nothing else."""
    import torch

    encoded = codec.encode(torch.from_numpy(audio.samples)[None, None], sample_rate=audio.rate)
    pairs = zip(codec.code_vectors(), encoded.codes[0], strict=True)
    with torch.inference_mode():
        vectors = torch.stack([book[tokens] for book, tokens in pairs]).sum(0)  # [L, D]
    return Representation(vectors.detach().double().cpu().numpy(), None, None, codec.frame_rate)


def levels_of(codec: Any) -> tuple[int, ...]:
    """Of the digits of a token, the least significant first; () for a quantizer without digits."""
    quantizer = codec.config.quantizer
    return tuple(quantizer.levels) if quantizer.kind == "fsq" else ()


def digits_of(ids: NDArray[np.int64], levels: tuple[int, ...]) -> NDArray[np.int64]:
    """Ids ``[L]`` -> the level of each digit, ``[L, digits]``.

    Digits are in mixed radix, the least significant first.
    """
    basis = np.cumprod([1, *levels[:-1]])
    return ids[:, None] // basis % np.array(levels)


def one_hot_digits(ids: NDArray[np.int64], levels: tuple[int, ...]) -> Array | None:
    """Ids ``[L]`` -> the digits' levels side by side, ``[L, sum(levels)]``; None without digits."""
    if not levels:
        return None
    columns = zip(digits_of(ids, levels).T, levels, strict=True)
    return np.concatenate([np.eye(n)[column] for column, n in columns], axis=1)


def paired(digits: Array) -> Array:
    """How often each level of a digit, and each pair of levels of two digits, occurs, ``[P]``."""
    together = digits.T @ digits / len(digits)
    return together[np.triu_indices(len(together))]


def pooled(frames: Array) -> Array:
    """Mean and deviation over time, ``[2 D]``."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def utterance_features(representations: list[Representation]) -> dict[str, Array]:
    """One vector an utterance of S, and of digits, G and A where there are, ``[utterances, D]``."""
    digits = [r.digits for r in representations if r.digits is not None]
    voices = [r.paralinguistic for r in representations if r.paralinguistic is not None]
    acoustic = [r.acoustic for r in representations if r.acoustic is not None]
    return {
        "S": np.stack([pooled(r.semantic) for r in representations]),
        **({"digits": np.stack([paired(d) for d in digits])} if digits else {}),
        **({"G": np.stack(voices)} if voices else {}),
        **({"A": np.stack([pooled(a) for a in acoustic])} if acoustic else {}),
    }


def frame_features(representations: list[Representation]) -> dict[str, Array]:
    """One vector a frame of S, digits, G and A, ``[frames, D]``; G is the same on all frames."""
    digits = [r.digits for r in representations if r.digits is not None]
    voices = [
        np.tile(r.paralinguistic, (len(r.semantic), 1))
        for r in representations
        if r.paralinguistic is not None
    ]
    acoustic = [r.acoustic for r in representations if r.acoustic is not None]
    return {
        "S": np.concatenate([r.semantic for r in representations]),
        **({"digits": np.concatenate(digits)} if digits else {}),
        **({"G": np.concatenate(voices)} if voices else {}),
        **({"A": np.concatenate(acoustic)} if acoustic else {}),
    }


def frame_labels(utterance: Utterance, representation: Representation) -> list[str]:
    """The phoneme at the middle of every frame, without stress and tone; "" where none is."""
    labels = [""] * len(representation.semantic)
    for start, end, phone in utterance.phones:
        first = int(np.ceil(start * representation.frame_rate - 0.5))
        last = int(np.ceil(end * representation.frame_rate - 0.5))
        for index in range(max(0, first), min(last, len(labels))):
            labels[index] = str(phone).rstrip("0123456789")
    return labels


def split_utterances(labels: list[str], seed: int = 0) -> NDArray[np.bool_]:
    """True for training: half of every label's utterances, drawn with ``seed``."""
    rng = np.random.default_rng(seed)
    train = np.zeros(len(labels), bool)
    by_label: dict[str, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        by_label[label].append(index)
    for own in by_label.values():
        chosen = rng.permutation(own)[: (len(own) + 1) // 2]
        train[chosen] = True
    return train


def most_recorded(speakers: list[str], count: int, least: int = 2) -> list[int]:
    """Indices of recordings of the ``count`` speakers with the most, equally many of each.

    Speakers of fewer than ``least`` recordings are left out.
    """
    amounts = Counter(speakers)
    chosen = [name for name, amount in sorted(amounts.items(), key=lambda i: (-i[1], i[0]))]
    chosen = [name for name in chosen if amounts[name] >= least][:count]
    each = min((amounts[name] for name in chosen), default=0)
    return sorted(i for name in chosen for i in np.flatnonzero(np.array(speakers) == name)[:each])


def repeated_probe(features: Array, labels: list[str], splits: int = 5) -> Probe:
    """The mean of ``linear_probe`` over several halvings of each label's recordings."""
    found = [linear_probe(features, labels, split_utterances(labels, s)) for s in range(splits)]
    accuracy = float(np.mean([probe.accuracy for probe in found]))
    bits = float(np.mean([probe.bits for probe in found]))
    return replace(found[0], accuracy=accuracy, bits=bits)


def linear_probe(features: Array, labels: list[str], train: NDArray[np.bool_]) -> Probe:
    """Logistic regression on standardised features; labels the training half lacks are left out.

    Raises:
        SecoustiError: fewer than two labels on either side of the split.
    """
    require("sklearn", "eval")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = np.array(labels)
    test = ~train & np.isin(names, names[train])
    if len(set(names[train])) < 2 or len(set(names[test])) < 2:
        raise SecoustiError("a probe needs at least two labels with two recordings each")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=400))
    with warnings.catch_warnings():  # 400 iterations are the probe, converged or not
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features[train], names[train])
    told = model.predict_proba(features[test])
    place = {label: index for index, label in enumerate(model.classes_)}
    truth = np.array([place[label] for label in names[test]])
    surprise = -np.log2(np.maximum(told[np.arange(len(truth)), truth], 1e-12)).mean()
    shares = np.array(list(Counter(truth.tolist()).values())) / len(truth)
    entropy = float(-(shares * np.log2(shares)).sum())
    return Probe(
        accuracy=float((told.argmax(axis=1) == truth).mean()),
        chance=float(shares.max()),
        bits=max(0.0, entropy - float(surprise)),
        entropy=entropy,
        classes=len(place),
        tested=len(truth),
    )


def nearest_phoneme(features: Array, labels: list[str], train: NDArray[np.bool_]) -> float:
    """Share of unseen frames whose nearest phoneme centroid (cosine) is the right one."""
    names = np.array(labels)
    mean = features[train].mean(axis=0)
    classes = sorted(set(names[train]))
    centroids = np.stack([(features[train & (names == c)] - mean).mean(axis=0) for c in classes])
    test = ~train & np.isin(names, classes)
    likeness = _unit(features[test] - mean) @ _unit(centroids).T
    found = np.array(classes)[likeness.argmax(axis=1)]
    return float((found == names[test]).mean())


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
