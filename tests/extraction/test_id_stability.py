"""In float32 on a CPU no id depends on batch, padding, chunking, threads or decoding threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from secousti import SecoustiCodec
from secousti.extraction import extract
from secousti.extraction.dataset import TokenDataset
from secousti.extraction.settings import Settings
from secousti.extraction.tokenizer import Tokenizer, length_batches
from secousti.sessions.encoder import StreamEncoder
from tests.toy import ragged, toy_speech

LENGTHS = [30_000, 4_000, 22_050, 17_777, 1, 29_999, 60_000, 900]


@pytest.fixture(scope="module")
def recordings() -> list[torch.Tensor]:
    return [toy_speech(n / 22050 + 1, seed=n)[0, :n] for n in LENGTHS]


def single(codec: SecoustiCodec, recordings: list[torch.Tensor]) -> list[list[int]]:
    return [codec.encode(wav, codec.sample_rate).codes[0, 0].tolist() for wav in recordings]


@pytest.mark.parametrize("seconds", [0.1, 3.0, 1000.0])
def test_batch_size_and_padding(
    codec: SecoustiCodec, recordings: list[torch.Tensor], seconds: float
) -> None:
    found = dict(Tokenizer(codec, seconds)(recordings))
    expected = single(codec, recordings)
    assert [found[i].codes.tolist() for i in range(len(recordings))] == expected
    assert len({token for row in expected for token in row}) > 20


def test_chunking(codec: SecoustiCodec, recordings: list[torch.Tensor]) -> None:
    for wav, expected in zip(recordings, single(codec, recordings), strict=True):
        stream = StreamEncoder(codec)
        pieces = [stream.push(wav[part]) for part in ragged(len(wav), 3000, seed=len(wav))]
        tokens = torch.cat([*pieces, stream.flush()], dim=-1)[0, 0]
        assert tokens.tolist() == expected


def test_threads(codec: SecoustiCodec, recordings: list[torch.Tensor]) -> None:
    expected = single(codec, recordings)
    torch.set_num_threads(2)
    try:
        found = dict(Tokenizer(codec, 5.0)(recordings))
    finally:
        torch.set_num_threads(1)
    assert [found[i].codes.tolist() for i in range(len(recordings))] == expected


def test_settings_of_speed_change_no_id(corpus: Path, model: str, tmp_path: Path) -> None:
    base = Settings(model, shard_size=4)
    variants = [
        base,
        replace(base, batch_seconds=1.0, window_seconds=1.0),
        replace(base, loaders=3),
        replace(base, shard_size=100, voice=False),
    ]
    outputs = []
    for i, settings in enumerate(variants):
        extract(corpus, tmp_path / str(i), settings, processes=1)
        rows = TokenDataset(tmp_path / str(i))
        outputs.append({row["id"]: row["codes"].tolist() for row in rows})
    assert all(output == outputs[0] for output in outputs)


def test_length_batches_are_a_partition_of_like_lengths() -> None:
    lengths = [5, 3, 9, 9, 1, 7, 20, 2]
    batches = list(length_batches(lengths, 20))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(b) == 1 or max(lengths[i] for i in b) * len(b) <= 20 for b in batches)
    assert batches[0] == [6]
