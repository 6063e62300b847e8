"""Batches are a function of seed and position; windows, labels and padding are what they say."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from secousti.errors import Note, SecoustiError
from secousti.text.inventory import IGNORE, symbols_of
from tests.train.corpus import RATE, toy_document, write_config, write_corpus
from train.codec.batches import CropDataset
from train.codec.config import load
from train.codec.setup import training_data
from train.data.alignment import Alignments
from train.data.packed import PackedAudio

HOP, FRAME = 256, 1024


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    manifest = write_corpus(folder)
    config = load(write_config(folder, toy_document(folder, manifest))).training.data
    corpus = PackedAudio([manifest], folder, RATE, folder / "cache")
    return corpus, Alignments(folder, [manifest], RATE, HOP), config


def dataset(setup, rank=0, world_size=1, seed=0, **changes):
    corpus, alignments, config = setup
    config = replace(config, **changes)
    return CropDataset(corpus, alignments, config, HOP, FRAME, seed, rank, world_size)


def test_a_position_always_gives_the_same_batch(setup):
    first, again, other = dataset(setup)[7], dataset(setup)[7], dataset(setup, seed=1)[7]
    assert torch.equal(first.audio, again.audio)
    assert torch.equal(first.window, again.window)
    assert torch.equal(first.phonemes, again.phonemes)
    assert first.names == again.names != other.names


def test_processes_share_one_global_batch(setup):
    whole = dataset(setup, batch_size=6)
    for position in range(5):
        parts = [dataset(setup, rank, 3, batch_size=2)[position] for rank in range(3)]
        together = whole[position]
        assert together.names == [name for part in parts for name in part.names]
        for part, rows in zip(parts, together.audio.split(2), strict=True):
            assert torch.equal(part.audio, rows[:, : part.audio.shape[1]])


def test_utterances_are_drawn_in_proportion_to_their_duration(setup):
    data = dataset(setup, batch_size=64)
    counts = np.zeros(len(data.corpus.rows))
    for position in range(60):
        for index, _ in data.drawer.draws(position):
            counts[index] += 1
    lengths = np.array([row.length for row in data.corpus.rows])
    np.testing.assert_allclose(counts / counts.sum(), lengths / lengths.sum(), atol=0.015)


def test_bucketing_saves_padding_and_loses_nothing(setup):
    mixed, bucketed = (dataset(setup, pool=pool, batch_size=4) for pool in (1, 12))
    padding = [
        np.mean([1 - (b := data[n]).lengths.sum().item() / b.audio.numel() for n in range(24)])
        for data in (mixed, bucketed)
    ]
    assert padding[1] < padding[0]
    keys = [tuple(key) for position in range(12) for _, key in bucketed.drawer.draws(position)]
    assert len(set(keys)) == 48


def test_crops_lie_in_their_utterance_and_are_padded_with_zeros(setup):
    data = dataset(setup, gain_db=0.0)
    for position in range(8):
        batch = data[position]
        assert batch.audio.shape[1] % FRAME == 0
        assert batch.audio.shape[1] <= data.crop_samples
        for row, length in zip(batch.audio, batch.lengths, strict=True):
            assert row[length:].abs().sum() == 0
            assert row[:length].abs().sum() > 0


def test_the_window_is_apart_from_the_encoded_speech(setup):
    data = dataset(setup)
    rng = np.random.default_rng(0)
    apart = 0
    for index, row in enumerate(data.corpus.rows):
        item = data._place(index, rng)
        other = data.corpus.rows[item.window_utterance]
        assert other.speaker == row.speaker
        assert 0 <= item.window_start <= other.length - item.window_length
        assert 0 < item.window_length <= data.window_samples
        overlap = min(item.start + item.length, item.window_start + item.window_length) - max(
            item.start, item.window_start
        )
        apart += item.window_utterance != index or overlap <= 0
    assert apart == len(data.corpus.rows)


def test_a_speaker_of_one_utterance_is_his_own_window(tmp_path):
    manifest = write_corpus(tmp_path, utterances=3, speakers=3)
    corpus = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
    config = load(write_config(tmp_path, toy_document(tmp_path, manifest))).training.data
    config = replace(config, crop_seconds=10.0, window_seconds=3.0)
    data = CropDataset(corpus, Alignments(tmp_path, [], RATE, HOP), config, HOP, FRAME, 0)
    item = data._place(0, np.random.default_rng(0))
    assert item.window_utterance == 0
    assert item.window_length == corpus.rows[0].length


def test_levels_are_augmented_alike_in_crop_and_window(setup):
    plain, louder = dataset(setup, gain_db=0.0)[3], dataset(setup, gain_db=12.0)[3]
    for b in range(len(plain.names)):
        gain = louder.audio[b].norm() / plain.audio[b].norm()
        torch.testing.assert_close(louder.audio[b], gain * plain.audio[b])
        torch.testing.assert_close(louder.window[b], gain * plain.window[b])


def test_labels_are_those_of_the_crop(setup):
    data = dataset(setup)
    seen = 0
    for position in range(6):
        batch = data[position]
        assert batch.phonemes.shape == (4, batch.audio.shape[1] // HOP)
        for b, name in enumerate(batch.names):
            frames = -(-int(batch.lengths[b]) // HOP)
            labels = batch.phonemes[b]
            if int(name[1:3]) % 4 == 0:  # written without an alignment
                assert (labels == IGNORE).all()
                continue
            assert (labels[frames:] == IGNORE).all()
            seen += 1
            level = batch.audio[b, : frames * HOP - HOP].unfold(0, HOP, HOP).square().mean(1)
            symbols = symbols_of(labels[: frames - 1].tolist())
            inner = [i for i in range(1, len(symbols) - 1) if len({*symbols[i - 1 : i + 2]}) == 1]
            loud = [level[i].item() for i in inner if symbols[i] != "sil"]
            soft = [level[i].item() for i in inner if symbols[i] == "sil"]
            if loud and soft:
                assert min(loud) > max(soft)
    assert seen


def test_a_delay_moves_labels_later(setup, tmp_path):
    corpus, alignments, _ = setup
    later = Alignments(alignments.root, [alignments.root / "manifest.jsonl"], RATE, HOP, 2 * HOP)
    row = corpus.rows[1]
    a, b = (x.labels(row, 0, 40) for x in (alignments, later))
    assert a[: len(a) - 2].tolist() == b[2:].tolist()


def test_faulty_alignment_files_are_named(tmp_path):
    with pytest.raises(SecoustiError, match="does not exist"):
        Alignments(tmp_path, [tmp_path / "none.jsonl"], RATE, HOP)
    (tmp_path / "bad.jsonl").write_text('{"audio": "a.wav"}\nnot json\n')
    with pytest.raises(SecoustiError, match="line 2"):
        Alignments(tmp_path, [tmp_path / "bad.jsonl"], RATE, HOP)


def test_a_corpus_without_phonemes_is_told(tmp_path):
    manifest = write_corpus(tmp_path, 2)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    plain, moved = tmp_path / "plain.jsonl", tmp_path / "moved.jsonl"
    plain.write_text("".join(json.dumps(row | {"phones": None}) + "\n" for row in rows))
    moved.write_text("".join(json.dumps(r | {"audio": f"else/{r['audio']}"}) + "\n" for r in rows))
    document = toy_document(tmp_path, plain)
    config = load(write_config(tmp_path, document), ("training.data.alignments=[]",))
    with pytest.warns(Note, match=r"learn nothing \(python -m data_prep align\)"):
        training_data(config, 0, 1)
    for given, says in ((moved, ["and 1 others have"]), (manifest, [])):
        config = load(tmp_path / "toy.yaml", (f"training.data.alignments=[{given}]",))
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            training_data(config, 0, 1)
        notes = [str(warning.message) for warning in found if warning.category is Note]
        assert [text in one for one, text in zip(notes, says, strict=True)] == [True] * len(says)
