"""Shards to batches: every utterance once, audio and labels right, from disk or through a pipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.loading import Batch, Collate, batches, open_shards, read_index
from secousti.errors import SecoustiError
from secousti.text.inventory import IGNORE, symbol_ids

from .conftest import RATE, make_manifest, prepare, tone

pytest.importorskip("lhotse")
SPEAKERS, EACH = 10, 4


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    manifest = make_manifest(root, SPEAKERS, EACH)
    options = ["--shard-size", "8", "--valid-fraction", "0", "--sample-rate", str(RATE)]
    assert prepare(manifest, "-o", root / "out", *options) == 0
    return root / "out"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_holds_every_utterance_once(shards: Path, workers: int, shuffle: bool) -> None:
    loader = batches(
        shards, max_seconds=3, buckets=3, buffer_size=20, workers=workers, shuffle=shuffle
    )
    ids = [name for batch in loader for name in batch.ids]
    assert sorted(ids) == [f"audio_{index:03d}" for index in range(SPEAKERS * EACH)]


def test_batches_hold_like_lengths_and_no_more_than_asked(shards: Path) -> None:
    for batch in batches(shards, max_seconds=3, buckets=3, buffer_size=40, workers=0):
        assert batch.audio.shape[0] * batch.audio.shape[2] / RATE <= 3.5
        assert batch.lengths.min() > 0.4 * batch.lengths.max()


def test_audio_and_labels_are_what_was_put_in(shards: Path) -> None:
    collate = Collate(sample_rate=RATE, frame_size=256)
    loader = batches(shards, max_seconds=3, buckets=2, buffer_size=40, workers=0, collate=collate)
    seen = 0
    for batch in loader:
        for row in range(len(batch.ids)):
            check_row(batch, row)
            seen += 1
    assert seen == SPEAKERS * EACH


def check_row(batch: Batch, row: int) -> None:
    """Compare one utterance of a batch with the tone and the alignment it was made from."""
    sil, hh, ow = symbol_ids(["sil", "HH", "OW1"])
    index, length = int(batch.ids[row][-3:]), int(batch.lengths[row])
    wav, labels = batch.audio[row, 0], batch.labels[row]
    np.testing.assert_allclose(wav[:length].numpy(), tone(0.4 + 0.02 * index, index), atol=2**-14)
    assert not wav[length:].any()
    frames = -(-length // 256)
    assert (labels[frames:] == IGNORE).all()
    centres = (torch.arange(frames) + 0.5) * 256 / RATE
    expected = torch.where(centres < 0.1, sil, torch.where(centres < 0.3, hh, ow))
    aligned = centres < length / RATE  # the centre of the last frame may lie after the end
    assert torch.equal(labels[:frames][aligned], expected[aligned])
    assert batch.speakers[row] == f"s{index // EACH}"
    assert batch.phonemes[row] == ["HH", "AH0", "L", "OW1", "."]


def test_another_rate_is_resampled(shards: Path) -> None:
    loader = batches(shards, max_seconds=1000, buckets=2, buffer_size=100, workers=0,
                     collate=Collate(sample_rate=16000))  # fmt: skip
    batch = next(iter(loader))
    seconds = {name: 0.4 + 0.02 * int(name[-3:]) for name in batch.ids}
    for name, length in zip(batch.ids, batch.lengths.tolist(), strict=True):
        assert abs(length - 16000 * seconds[name]) <= 1


@pytest.mark.parametrize("scheme", ["pipe:cat {}/{{}}", "file://{}"])
def test_shards_stream_through_commands_and_urls(shards: Path, scheme: str) -> None:
    if scheme.startswith("file"):
        pytest.importorskip("fsspec")
    remote = open_shards(scheme.format(shards))
    local = open_shards(shards)
    pairs = list(zip(remote, local, strict=True))
    assert len(pairs) == SPEAKERS * EACH
    for ours, theirs in pairs[:3]:
        np.testing.assert_array_equal(ours.load_audio(), theirs.load_audio())


def test_shuffling_depends_on_the_seed_alone(shards: Path) -> None:
    def order(seed: int) -> list[str]:
        loader = batches(shards, max_seconds=3, buckets=3, buffer_size=20, workers=0, seed=seed)
        return [name for batch in loader for name in batch.ids]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_what_is_not_there_is_one_sentence(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="no split 'valid'; it has train"):
        open_shards(shards, "valid")
    with pytest.raises(SecoustiError, match=r"no readable index\.json"):
        read_index(tmp_path)
    (tmp_path / "index.json").write_text('{"version": 99}')
    with pytest.raises(SecoustiError, match="prepare it again"):
        read_index(tmp_path)
