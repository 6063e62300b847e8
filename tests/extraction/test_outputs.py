"""The three output formats hold the same, and the libraries they are named after read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.dataset import (
    PAD,
    TokenDataset,
    collate,
    load_hugging_face,
    same_tokens,
    to_encoded,
    together,
)
from secousti.extraction.settings import Settings
from tests.toy import toy_codec


@pytest.fixture(scope="module")
def outputs(corpus: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("pyarrow")
    pytest.importorskip("lhotse")
    root = tmp_path_factory.mktemp("outputs")
    made = {}
    for kind in ("parquet", "webdataset", "shar"):
        settings = Settings(model, shard_size=4, format=kind)  # type: ignore[arg-type]
        extract(corpus / "all.jsonl", root / kind, settings, processes=1)
        made[kind] = root / kind
    return made


def test_formats_hold_the_same(outputs: dict[str, Path]) -> None:
    reference = list(TokenDataset(outputs["parquet"]))
    assert len(reference) == len(TokenDataset(outputs["parquet"])) == 14
    for kind in ("webdataset", "shar"):
        for a, b in zip(reference, TokenDataset(outputs[kind]), strict=True):
            assert torch.equal(a["codes"], b["codes"])
            assert torch.equal(a["paralinguistic"], b["paralinguistic"])
            rest = set(a) - {"codes", "paralinguistic"}
            assert {key: a[key] for key in rest} == {key: b[key] for key in rest}


def test_index_adds_up(outputs: dict[str, Path]) -> None:
    index = json.loads((outputs["parquet"] / "index.json").read_text())
    rows = list(TokenDataset(outputs["parquet"]))
    assert index["totals"]["tokens"] == sum(row["codes"].numel() for row in rows)
    assert index["totals"]["hours"] == pytest.approx(sum(row["duration"] for row in rows) / 3600)
    assert sum(shard["items"] for shard in index["shards"]) == 14
    assert index["codec"]["codebook_size"] == 6561
    assert index["codec"]["levels"] == [3] * 8


def test_tokens_of_different_codecs_do_not_mix(
    outputs: dict[str, Path], corpus: Path, tmp_path: Path
) -> None:
    """Another decoder makes the same tokens, another encoder does not."""
    both = together([outputs["parquet"], outputs["shar"]])
    assert len(list(both)) == 28
    made_by = TokenDataset(outputs["parquet"]).codec
    for part, same in (("decoder", True), ("encoder", False)):
        codec = toy_codec()
        with torch.no_grad():
            next(codec.get_submodule(part).parameters()).add_(0.1)
        assert same_tokens(made_by, codec) == same
        settings = Settings(str(codec.save_pretrained(tmp_path / part)), shard_size=4)
        extract(corpus / "all.jsonl", tmp_path / f"{part}-tokens", settings, processes=1)
    assert len(list(together([outputs["parquet"], tmp_path / "decoder-tokens"]))) == 28
    with pytest.raises(SecoustiError, match="do not mix"):
        together([outputs["parquet"], tmp_path / "encoder-tokens"])
    old = {name: value for name, value in made_by.items() if name != "token_hash"}
    assert same_tokens(old, toy_codec())
    assert not same_tokens(old, codec)


def test_webdataset_library_reads_ours(outputs: dict[str, Path]) -> None:
    wds = pytest.importorskip("webdataset")
    files = [str(path) for path in sorted((outputs["webdataset"] / "shards").glob("*.tar"))]
    samples = list(wds.WebDataset(files, shardshuffle=False).decode())
    expected = list(TokenDataset(outputs["webdataset"]))
    assert [s["json"]["id"] for s in samples] == [row["id"] for row in expected]
    np.testing.assert_array_equal(samples[3]["codes.npy"], expected[3]["codes"][0].numpy())


def test_lhotse_reads_ours(outputs: dict[str, Path]) -> None:
    lhotse = pytest.importorskip("lhotse")
    cuts = list(lhotse.CutSet.from_shar(in_dir=outputs["shar"] / "shards"))
    expected = list(TokenDataset(outputs["shar"]))
    assert [cut.id for cut in cuts] == [row["id"] for row in expected]
    np.testing.assert_array_equal(cuts[2].load_codes().T, expected[2]["codes"].numpy())
    assert cuts[2].supervisions[0].text == expected[2]["text"]


def test_hugging_face_datasets(outputs: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    rows = list(TokenDataset(outputs["parquet"]))
    dataset = load_hugging_face(outputs["parquet"], cache_dir=str(tmp_path))
    assert dataset["id"][:] == [row["id"] for row in rows]
    assert dataset[1]["codes"] == rows[1]["codes"][0].tolist()
    with pytest.raises(SecoustiError, match="reads Parquet"):
        load_hugging_face(outputs["shar"])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 3, 9])
def test_every_row_is_read_by_one_worker(
    outputs: dict[str, Path], workers: int, world_size: int
) -> None:
    if workers and world_size == 3:
        pytest.skip("one multi-process case with few shards and one with many is enough")
    seen: list[str] = []
    for rank in range(world_size):
        dataset = TokenDataset(
            outputs["parquet"], shuffle=True, buffer=3, rank=rank, world_size=world_size
        )
        loader = torch.utils.data.DataLoader(dataset, None, num_workers=workers if rank < 2 else 0)
        seen += [row["id"] for row in loader]
    if workers == 0 or world_size == 1:
        assert sorted(seen) == sorted(row["id"] for row in TokenDataset(outputs["parquet"]))


def test_shuffling_depends_on_seed_and_epoch(outputs: dict[str, Path]) -> None:
    def order(seed: int, epoch: int) -> list[str]:
        dataset = TokenDataset(outputs["parquet"], shuffle=True, seed=seed)
        dataset.set_epoch(epoch)
        return [row["id"] for row in dataset]

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(0, 0)), tuple(order(0, 1)), tuple(order(1, 0))}) == 3


def test_tokens_decode_to_what_encode_decodes_to(
    outputs: dict[str, Path], corpus: Path, model: str
) -> None:
    codec = SecoustiCodec.from_pretrained(model)
    dataset = TokenDataset(outputs["parquet"])
    row = next(iter(dataset))
    audio = codec.decode(to_encoded(row, dataset.codec))
    whole = codec.decode(codec.encode(corpus / "s0" / "u00.wav"))
    assert audio.shape == whole.shape
    assert (audio - whole).abs().max() < 0.1  # the voice was rounded to 8 bits a number


def test_collate_pads(outputs: dict[str, Path]) -> None:
    rows = list(TokenDataset(outputs["parquet"]))[:3]
    batch = collate(rows)
    assert batch["codes"].shape == (3, 1, max(row["codes"].shape[-1] for row in rows))
    for i, row in enumerate(rows):
        n = int(batch["lengths"][i])
        assert torch.equal(batch["codes"][i, :, :n], row["codes"])
        assert (batch["codes"][i, :, n:] == PAD).all()
    assert batch["paralinguistic"].shape == (3, 64)


def test_without_voice(corpus: Path, model: str, tmp_path: Path) -> None:
    for kind in ("parquet", "webdataset", "shar"):
        settings = replace(Settings(model, voice=False), format=kind)  # type: ignore[arg-type]
        extract(corpus, tmp_path / kind, settings, processes=1)
        assert {row["paralinguistic"] for row in TokenDataset(tmp_path / kind)} == {None}


def test_an_unfinished_extraction_says_so(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="no finished extraction"):
        TokenDataset(tmp_path)
