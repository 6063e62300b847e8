"""Batches of a codec's training: crops, windows of the same voice, phonemes of each frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from secousti.text.inventory import IGNORE
from train.codec.config import DataConfig
from train.data.alignment import Alignments
from train.data.augment import AS_IS, Augment, Take
from train.data.crops import Drawer
from train.data.packed import Corpus
from train.data.perturb import Perturbation, draw


class Item(NamedTuple):
    """One draw: utterance, position of the crop, and of the window in (maybe) another one.

    Positions and lengths are samples of the utterances as ``take`` plays them.
    """

    utterance: int
    start: int
    length: int
    window_utterance: int
    window_start: int
    window_length: int
    gain: float
    take: Take
    perturbation: Perturbation | None = None


@dataclass(frozen=True)
class Batch:
    """Tensors of a micro-batch; audio is float32 [B, N] and padded with zeros.

    ``lengths`` and ``window_lengths`` int64 [B] are samples; ``phonemes`` int64 [B, T] is the
    label of each mel frame or ``IGNORE``; ``speakers`` int64 [B] counts those of the training data;
    ``names`` are for people. ``encoder_audio`` float32 [B, N] is what the encoder is given instead,
    in another voice in the items of ``perturbed`` bool [B]; None where there is none.
    """

    audio: Tensor
    lengths: Tensor
    window: Tensor
    window_lengths: Tensor
    phonemes: Tensor
    speakers: Tensor
    perturbed: Tensor
    encoder_audio: Tensor | None
    names: list[str]

    def to(self, device: torch.device) -> Batch:
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """This batch with every tensor changed."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            values[name] = change(value) if isinstance(value, Tensor) else value
        return Batch(**values)

    def seconds(self, sample_rate: int) -> float:
        """Encoded speech in it."""
        return float(self.lengths.sum()) / sample_rate


class CropDataset(Dataset[Batch]):
    """Micro-batch ``position`` of process ``rank``; crops are whole numbers of tokens.

    Args:
        corpus, alignments: audio and phonemes.
        config: sizes. hop: samples of a mel frame. frame_size: samples of a token.
        whole: every batch is padded to a whole crop and a whole window, so that all have one shape;
            else to the longest it holds.
    """

    def __init__(
        self,
        corpus: Corpus,
        alignments: Alignments,
        config: DataConfig,
        hop: int,
        frame_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        whole: bool = False,
    ) -> None:
        self.corpus, self.alignments, self.config, self.whole = corpus, alignments, config, whole
        self.augment = Augment(config.augment, corpus)
        self.hop, self.frame_size = hop, frame_size
        tokens = max(round(config.crop_seconds * corpus.sample_rate / frame_size), 1)
        self.crop_samples = tokens * frame_size
        self.window_samples = int(config.window_seconds * corpus.sample_rate)
        lengths = [row.length for row in corpus.rows]
        sizes = (config.batch_size, seed, rank, world_size, config.pool, self.crop_samples)
        self.drawer = Drawer(lengths, *sizes)
        self.by_speaker: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(corpus.rows):
            self.by_speaker[row.speaker].append(i)
        self.speakers = {name: n for n, name in enumerate(sorted(self.by_speaker))}

    def __getitem__(self, position: int) -> Batch:
        items = [
            self._place(i, np.random.default_rng(key), self.augment.draw(key))._replace(
                perturbation=draw(self.config.perturb, key)
            )
            for i, key in self.drawer.mine(position)
        ]
        return self._collate(items)

    def _place(self, index: int, rng: np.random.Generator, take: Take = AS_IS) -> Item:
        whole = take.length(self.corpus.rows[index].length)
        spare = max(whole - self.crop_samples, 0) // self.hop
        start = int(rng.integers(spare + 1)) * self.hop  # labels are per hop
        length = min(whole - start, self.crop_samples)
        window = self._window(index, start, length, rng, take)
        gain = 10 ** (rng.uniform(-1, 1) * self.config.gain_db / 20)
        return Item(index, start, length, *window, gain, take)

    def _window(
        self, index: int, start: int, length: int, rng: np.random.Generator, take: Take
    ) -> tuple[int, int, int]:
        """A window apart from the crop: the rest of the utterance, or the speaker's others.

        Of a speaker with one utterance, too short for it, it is the utterance itself.
        """
        row = self.corpus.rows[index]
        before, after = (0, start), (start + length, take.length(row.length))
        low, high = max(before, after, key=lambda part: part[1] - part[0])
        others = self.by_speaker[row.speaker]
        if high - low < self.window_samples // 2:
            if len(others) > 1:
                step = int(rng.integers(1, len(others)))
                index = others[(others.index(index) + step) % len(others)]
            low, high = 0, take.length(self.corpus.rows[index].length)
        size = min(high - low, self.window_samples)
        return index, low + int(rng.integers(high - low - size + 1)), size

    def _collate(self, items: Sequence[Item]) -> Batch:
        tokens = -(-max(item.length for item in items) // self.frame_size)
        longest = self.crop_samples if self.whole else tokens * self.frame_size
        widest = max(item.window_length for item in items)
        widest = self.window_samples if self.whole else widest
        # PyTorch's own memory: sums over numpy's depend on where it happens to begin.
        audio = torch.zeros(len(items), longest)
        window = torch.zeros(len(items), widest)
        phonemes = torch.full((len(items), longest // self.hop), IGNORE)
        speakers = torch.zeros(len(items), dtype=torch.int64)
        for b, item in enumerate(items):
            take = item.take
            crop = self.augment.read(take, item.utterance, item.start, item.length)
            audio[b, : item.length] = torch.from_numpy(crop) * item.gain
            window_crop = self.augment.read(
                take, item.window_utterance, item.window_start, item.window_length
            )
            window[b, : item.window_length] = torch.from_numpy(window_crop) * item.gain
            row = self.corpus.rows[item.utterance]
            speakers[b] = self.speakers[row.speaker]
            first = item.start // self.hop
            labels = self.alignments.labels(row, first, phonemes.shape[1], take.speed)
            phonemes[b, : len(labels)] = torch.from_numpy(labels)
        return Batch(
            audio,
            torch.tensor([item.length for item in items]),
            window,
            torch.tensor([item.window_length for item in items]),
            phonemes,
            speakers,
            torch.tensor([item.perturbation is not None for item in items]),
            self._encoder_audio(audio, items),
            [self.corpus.rows[item.utterance].audio for item in items],
        )

    def _encoder_audio(self, audio: Tensor, items: Sequence[Item]) -> Tensor | None:
        """``audio`` [B, N] with other voices in the items that have a perturbation."""
        if all(item.perturbation is None for item in items):
            return None
        perturbed = audio.clone()
        for b, item in enumerate(items):
            if item.perturbation is not None:
                crop = item.perturbation(audio[b, : item.length].numpy(), self.corpus.sample_rate)
                perturbed[b, : item.length] = torch.from_numpy(crop)
        return perturbed
