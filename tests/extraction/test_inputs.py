"""Every kind of input gives the tokens that ``encode`` gives for the same recordings."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.dataset import TokenDataset
from secousti.extraction.settings import Settings
from secousti.voice import dequantize, quantize


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in TokenDataset(out)}


def check(rows: dict[str, dict[str, Any]], corpus: Path, model: str, ids: dict[str, str]) -> None:
    """``ids``: recording of the corpus -> id expected in the output."""
    codec = SecoustiCodec.from_pretrained(model)
    for path in sorted(corpus.glob("s*/u*.wav")):
        name = str(path.relative_to(corpus).with_suffix(""))
        row = rows.pop(ids[name])
        encoded = codec.encode(path)
        assert torch.equal(row["codes"], encoded.codes[0])
        assert row["num_samples"] == int(encoded.num_samples[0])
        assert len(set(row["codes"].flatten().tolist())) > 1
        expected = dequantize(quantize(encoded.paralinguistic[0]))
        assert (row["paralinguistic"] - expected).abs().max() <= 1.01 / 127
    assert not rows


def names(corpus: Path) -> list[str]:
    return [str(p.relative_to(corpus).with_suffix("")) for p in sorted(corpus.glob("s*/u*.wav"))]


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_folder_and_url(
    corpus: Path, settings: Settings, model: str, tmp_path: Path, prefix: str
) -> None:
    pytest.importorskip("pyarrow")
    extract(f"{prefix}{corpus}", tmp_path / "out", settings, processes=1)
    check(rows_of(tmp_path / "out"), corpus, model, {n: n for n in names(corpus)})


def test_a_remote_file_system(corpus: Path, settings: Settings, model: str, tmp_path: Path) -> None:
    """fsspec's memory:// stands for s3://, gs:// and the like."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.put(str(corpus), "/bucket", recursive=True)
    root = memory.ls("/bucket")[0]["name"]
    base = "/bucket" if memory.exists("/bucket/all.jsonl") else root
    extract(f"memory://{base}/all.jsonl", tmp_path / "out", settings, processes=1)
    check(rows_of(tmp_path / "out"), corpus, model, {n: n for n in names(corpus)})
    extract(f"memory://{base}", tmp_path / "folder", settings, processes=1)
    check(rows_of(tmp_path / "folder"), corpus, model, {n: n for n in names(corpus)})


def test_manifest_carries_what_is_known(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    extract(corpus / "all.jsonl", tmp_path / "out", settings, processes=1)
    row = rows_of(tmp_path / "out")["s1/u01"]
    known = {key: row[key] for key in ("text", "phonemes", "speaker", "language")}
    assert known == {
        "text": "sentence 1", "phonemes": "AH T", "speaker": "s1", "language": "en",
    }  # fmt: skip


def test_bad_manifest_lines_are_faults(corpus: Path, settings: Settings, tmp_path: Path) -> None:
    manifest = corpus / "broken.jsonl"
    manifest.write_text('not json\n{"text": "no audio"}\n{"audio": "s0/u00.wav"}\n{"audio": "x"}\n')
    try:
        summary = extract(manifest, tmp_path / "out", settings, processes=1)
    finally:
        manifest.unlink()
    assert summary.totals["items"] == 1
    assert [fault["id"] for fault in summary.faults] == [
        "broken.jsonl, line 1",
        "broken.jsonl, line 2",
        "x",
    ]


def webdataset(corpus: Path, folder: Path) -> dict[str, str]:
    folder.mkdir()
    ids = {}
    for part in range(2):
        with tarfile.open(folder / f"part{part}.tar", "w") as tar:
            for i, name in enumerate(names(corpus)):
                if i % 2 == part:
                    key = name.replace("/", "_")
                    tar.add(corpus / f"{name}.wav", f"{key}.wav")
                    data = json.dumps({"text": name}).encode()
                    info = tarfile.TarInfo(f"{key}.json")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
                    ids[name] = key
    return ids


def test_webdataset(corpus: Path, settings: Settings, model: str, tmp_path: Path) -> None:
    ids = webdataset(corpus, tmp_path / "in")
    extract(tmp_path / "in", tmp_path / "out", settings, processes=1)
    rows = rows_of(tmp_path / "out")
    assert rows["s1_u01"]["text"] == "s1/u01"
    check(rows, corpus, model, ids)


def test_a_torn_tar_gives_its_whole_samples(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    webdataset(corpus, tmp_path / "in")
    tar = tmp_path / "in" / "part0.tar"
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    summary = extract(tmp_path / "in", tmp_path / "out", settings, processes=1)
    assert 7 < summary.totals["items"] < 14
    assert "breaks off" in summary.faults[0]["reason"]


def test_shar(corpus: Path, settings: Settings, model: str, tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse")
    cuts = []
    for name in names(corpus):
        recording = lhotse.Recording.from_file(corpus / f"{name}.wav", recording_id=name)
        cut = recording.to_cut()
        cut.id = name.replace("/", "-")
        segment = lhotse.SupervisionSegment(cut.id, name, 0, cut.duration, text=f"says {name}")
        cut.supervisions = [segment]
        cuts.append(cut)
    (tmp_path / "in").mkdir()
    shar = lhotse.CutSet.from_cuts(cuts)
    shar.to_shar(tmp_path / "in", fields={"recording": "wav"}, shard_size=5)
    summary = extract(tmp_path / "in", tmp_path / "out", settings, processes=1)
    assert summary.shards_made == 3
    rows = rows_of(tmp_path / "out")
    assert rows["s0-u00"]["text"] == "says s0/u00"
    check(rows, corpus, model, {n: n.replace("/", "-") for n in names(corpus)})


@pytest.mark.parametrize("column", ["bytes", "struct", "path"])
def test_parquet(corpus: Path, settings: Settings, model: str, tmp_path: Path, column: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    make = {
        "bytes": lambda path: path.read_bytes(),
        "struct": lambda path: {"bytes": path.read_bytes(), "path": path.name},
        "path": str,
    }[column]
    rows = [{"id": n, "audio": make(corpus / f"{n}.wav"), "text": n} for n in names(corpus)]
    (tmp_path / "in").mkdir()
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "in" / "a.parquet", row_group_size=6)
    summary = extract(tmp_path / "in", tmp_path / "out", settings, processes=1)
    assert summary.shards_made == 3
    check(rows_of(tmp_path / "out"), corpus, model, {n: n for n in names(corpus)})


def test_nothing_there(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(SecoustiError, match="does not exist: the input may be a folder"):
        extract(tmp_path / "missing", tmp_path / "out", settings, processes=1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SecoustiError, match="holds no recordings"):
        extract(tmp_path / "empty", tmp_path / "out2", settings, processes=1)
    (tmp_path / "p").mkdir()
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"sound": [b""]}), tmp_path / "p" / "a.parquet")
    with pytest.raises(SecoustiError, match="no column 'audio'"):
        extract(tmp_path / "p", tmp_path / "out3", settings, processes=1)


def test_files_that_differ_in_their_suffix_keep_it(
    corpus: Path, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for suffix in (".wav", ".flac"):
        shutil.copy(corpus / "s0" / "u00.wav", tmp_path / "in" / f"a{suffix}")
    summary = extract(tmp_path / "in", tmp_path / "out", replace(settings), processes=1)
    assert not summary.faults
    assert sorted(rows_of(tmp_path / "out")) == ["a.flac", "a.wav"]
