"""From a configuration to data and objective."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from secousti.acoustic.transformer import TransformerLayer
from secousti.codec import SecoustiCodec
from secousti.errors import note
from train.codec.batches import Batch, CropDataset
from train.codec.calibrate import calibrate, set_initial_logvar
from train.codec.config import Config
from train.codec.objective import Objective
from train.codec.warm_start import warm_start
from train.data.alignment import Alignments
from train.data.augment import AugmentConfig
from train.data.corpus import open_corpus
from train.data.packed import Corpus
from train.data.perturb import PerturbConfig
from train.data.shards import PackedShards

_VALID_BATCH = 8


def training_data(config: Config, rank: int, world_size: int) -> CropDataset:
    """Micro-batches of process ``rank``."""
    data = _dataset(config, "train", rank, world_size)
    if rank == 0 and config.training.schedule.strategy in ("stages", "joint"):
        _note_missing_phonemes(data)
    return data


def _note_missing_phonemes(data: CropDataset) -> None:
    """Say it where losses on text will be 0, as of a file of alignments for other recordings."""
    alignments = data.alignments
    if any(alignments.has(row) for row in data.corpus.rows):
        return
    others = f", and {len(alignments)} others have: do paths begin at data.root?"
    note(
        "no recording of training.data.train has timed phonemes (phones), so that losses on text "
        f"learn nothing{others if len(alignments) else ' (python -m data_prep align)'}"
    )


def validation_batches(config: Config) -> list[Batch]:
    """The same few for the whole run, and the same on every process."""
    training = config.training
    if not training.data.valid:
        return []
    data = validation_data(config)
    return [data[n] for n in range(-(-training.run.valid_items // _VALID_BATCH))]


def validation_data(config: Config) -> CropDataset:
    """Crops of the validation split as they are, the same for every batch size."""
    data = replace(
        config.training.data,
        pool=1,
        gain_db=0.0,
        augment=AugmentConfig(),
        perturb=PerturbConfig(),
        batch_size=_VALID_BATCH,
    )
    still = replace(config, training=replace(config.training, data=data))
    return _dataset(still, "valid", 0, 1, seed=0)


def build_objective(config: Config, data: CropDataset) -> Objective:
    """A fresh model, or one warm-started as the configuration says; the same on every process."""
    training = config.training
    torch.manual_seed(training.run.seed)
    codec = SecoustiCodec(config.codec)
    objective = Objective(codec, training.objective, len(data.speakers))
    if training.warm_start is not None:
        warm_start(codec, training.warm_start)
        return _compiled(objective, training.run.compile)
    set_initial_logvar(codec, training.initial_logvar)
    if training.calibrate:
        first = _dataset(config, "train", 0, 1, corpus=data.corpus)[0]
        features, mask, _ = objective.features(first)
        calibrate(codec, features, mask)
    return _compiled(objective, training.run.compile)


def _compiled(objective: Objective, wanted: bool) -> Objective:
    """Layer by layer: layers of one shape share their code, so a first step takes seconds.

    The module is compiled in place: its weights keep their names.
    """
    if wanted:
        for module in objective.modules():
            if isinstance(module, TransformerLayer):
                module.compile()
    return objective


def _dataset(
    config: Config,
    split: str,
    rank: int,
    world_size: int,
    seed: int | None = None,
    corpus: Corpus | None = None,
) -> CropDataset:
    data, codec = config.training.data, config.codec
    rate, hop = codec.mel.sample_rate, codec.mel.hop_length
    sources = data.valid if split == "valid" else data.train
    corpus = corpus or open_corpus(sources, split, data.root, rate, data.cache)
    manifests = [source for source in sources if source.endswith(".jsonl")]
    aligned = (*manifests, *data.alignments)
    alignments = Alignments(data.root, aligned, rate, hop, data.label_delay)
    if isinstance(corpus, PackedShards):
        for row, phones in zip(corpus.rows, corpus.phones, strict=True):
            alignments.add(row.audio, phones, row.language)
    return CropDataset(
        corpus,
        alignments,
        data,
        hop,
        hop * math.prod(codec.seanet.ratios),
        config.training.run.seed if seed is None else seed,
        rank,
        world_size,
        whole=config.training.run.compile,
    )
