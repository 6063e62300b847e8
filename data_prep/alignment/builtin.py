"""The built-in aligner: a small network that was trained here, and a Viterbi search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data_prep.alignment.base import (
    Aligner,
    Alignment,
    Utterance,
    fill_silences,
    logistic,
)
from data_prep.alignment.classes import STATES, ClassMap
from data_prep.alignment.features import FRAME, log_mel, normalise
from data_prep.alignment.frames import PRIOR_WEIGHT
from data_prep.alignment.graph import Segment, best_path, build_graph, segments
from data_prep.alignment.network import AcousticNetwork, NetworkConfig, fine_logits
from data_prep.alignment.transcript import Word
from secousti.config import from_dict, to_dict
from secousti.errors import SecoustiError
from secousti.pretrained import WEIGHTS_NAME, build, read_document, read_tensors, save_folder

BUNDLED = Path(__file__).parent / "bundled"


class BuiltinAligner(Aligner):
    """English and Mandarin, and sentences that mix them.

    Args:
        folder: a model that ``train-aligner`` wrote; None loads the one in the repository.

    Raises:
        SecoustiError: the folder has no readable model.
    """

    def __init__(self, folder: Path | None = None) -> None:
        folder = BUNDLED if folder is None else folder
        self.network, self.calibration = load_aligner(folder)
        self.classes = ClassMap(self.network.config.classes)

    @torch.inference_mode()
    def log_posteriors(self, audio: Tensor) -> Tensor:
        """Audio ``[N]`` at 16 kHz -> log posteriors of the states every 5 ms, ``[T, states]``."""
        return fine_logits(self.network, normalise(log_mel(audio))).log_softmax(dim=-1)

    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of an utterance.

        Raises:
            SecoustiError: a phoneme the model does not know, or too little audio for the words.
        """
        words = utterance.words
        log_posteriors = self.log_posteriors(utterance.audio)
        found, states = self.search(log_posteriors, words)
        score = path_score(log_posteriors.numpy(), states)
        return to_alignment(found, words, utterance.duration, logistic(score, *self.calibration))

    def search(
        self, log_posteriors: Tensor, words: Sequence[Word]
    ) -> tuple[list[Segment], NDArray[np.int64]]:
        """Best segments of the words, and the state of every frame."""
        scores = log_posteriors - PRIOR_WEIGHT * self.network.log_prior
        graph = build_graph(words, self.classes)
        path, states = best_path(graph, scores.numpy())
        return segments(graph, path), states


def path_score(log_posteriors: NDArray[np.float32], states: NDArray[np.int64]) -> float:
    """Mean over the spoken frames of log posterior of the path's phoneme minus that of the best.

    Zero when the network would have said the same phonemes unasked, more negative the more it
    disagrees (the "goodness of pronunciation" of Witt & Young 2000, averaged).
    """
    phones = np.logaddexp.reduce(log_posteriors.reshape(len(states), -1, STATES), axis=2)
    frames = np.flatnonzero(states >= STATES)  # class 0 is silence
    chosen = phones[frames, states[frames] // STATES]
    return float(np.mean(np.maximum(chosen - phones[frames].max(axis=1), -12.0)))


def to_alignment(
    found: Sequence[Segment], words: Sequence[Word], duration: float, confidence: float
) -> Alignment:
    """Segments in frames as intervals in seconds.

    Frame ``t`` is centred on ``t * FRAME``, so the boundary before it lies half a frame earlier.
    """
    phones: list[tuple[float, float, str]] = []
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for segment in found:
        start = min(max((segment.start - 0.5) * FRAME, 0.0), duration)
        end = min((segment.end - 0.5) * FRAME, duration)
        phones.append((round(start, 4), round(end, 4), segment.symbol))
        if segment.word >= 0:
            starts.setdefault(segment.word, round(start, 4))
            ends[segment.word] = round(end, 4)
    timed = [(starts[i], ends[i], word.label) for i, word in enumerate(words)]
    return Alignment(fill_silences(phones, duration), timed, confidence)


def save_aligner(folder: Path, network: AcousticNetwork, info: dict[str, Any]) -> None:
    """Write ``model.safetensors`` in half precision, without the CTC head, and ``config.json``."""
    weights = {
        name: tensor.half()
        for name, tensor in network.state_dict().items()
        if not name.startswith("ctc.")
    }
    save_folder(folder, {"network": to_dict(network.config), **info}, weights)


def load_aligner(folder: Path) -> tuple[AcousticNetwork, tuple[float, float]]:
    """Network in evaluation mode, and scale and offset of its confidence.

    Raises:
        SecoustiError: files are missing or do not fit together.
    """
    try:
        document = read_document(folder, "aligner")
        weights = read_tensors(folder / WEIGHTS_NAME)
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        config = from_dict(NetworkConfig, document["network"], "network")
        network = build(lambda: AcousticNetwork(config), shapes, str(folder / WEIGHTS_NAME))
        missing, unexpected = network.load_state_dict(weights, strict=False)
        scale, offset = document["confidence"]
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise SecoustiError(f"{folder} holds no aligner that can be loaded: {error}") from None
    wrong = [name for name in missing if not name.startswith("ctc.")] + unexpected
    if wrong:
        raise SecoustiError(f"{folder} holds no aligner that can be loaded: {wrong[0]} is wrong")
    return network.eval(), (float(scale), float(offset))
