"""Readers on miniature trees: every utterance once, its text, speaker and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.corpora.source import READERS, find_sources, guess_kind
from data_prep.faults import Fault
from data_prep.manifest import Row
from secousti.errors import SecoustiError

from .conftest import (
    CORPORA,
    make_aishell3,
    make_folder,
    make_librispeech,
    make_libritts,
    make_ljspeech,
    make_vctk,
    write_audio,
    write_rows,
    write_text,
)


def read(root: Path, kind: str) -> tuple[list[Row], list[Fault]]:
    faults: list[Fault] = []
    return list(READERS[kind](root, faults.append)), faults


@pytest.mark.parametrize("kind", CORPORA)
def test_the_layout_tells_the_kind(tmp_path: Path, kind: str) -> None:
    assert guess_kind(CORPORA[kind](tmp_path)) == kind


@pytest.mark.parametrize("kind", CORPORA)
def test_rows_are_complete_unique_and_in_a_fixed_order(tmp_path: Path, kind: str) -> None:
    root = CORPORA[kind](tmp_path)
    rows, _ = read(root, kind)
    assert len({row.id for row in rows}) == len(rows) >= 3
    assert all(Path(row.audio).is_file() and row.corpus for row in rows)
    assert read(root, kind)[0] == rows


def test_libritts_takes_the_normalised_text_and_skips_leftovers(tmp_path: Path) -> None:
    root = make_libritts(tmp_path)
    rows, faults = read(root, "libritts")
    assert [row.speaker for row in rows].count("libritts_84") == 2
    assert {row.text for row in rows} == {"Mister Smith has 0 dogs.", "Mister Smith has 1 dogs."}
    assert faults == []
    subset, _ = read(root / "train-clean-100" / "84", "libritts")
    assert len(subset) == 2


def test_libritts_names_what_is_missing(tmp_path: Path) -> None:
    root = make_libritts(tmp_path)
    wavs = sorted(root.rglob("[0-9]*.wav"))
    wavs[0].unlink()
    wavs[1].with_suffix(".normalized.txt").unlink()
    wavs[2].with_suffix(".normalized.txt").write_bytes(b"caf\xe9")
    rows, faults = read(root, "libritts")
    assert len(rows) == 3
    assert sorted(fault.kind for fault in faults) == [
        "missing audio",
        "missing transcript",
        "transcript not UTF-8",
    ]
    assert [row.text is None for row in rows].count(True) == 2


def test_librispeech_reads_the_texts_of_a_chapter(tmp_path: Path) -> None:
    root = make_librispeech(tmp_path)
    chapter = root / "dev-clean-2" / "84" / "121123"
    (chapter / "84-121123-0000.flac").unlink()
    write_audio(chapter / "84-121123-0009.flac")
    rows, faults = read(root, "librispeech")
    texts = {(row.speaker, row.text) for row in rows}
    assert ("librispeech_84", "MISTER SMITH HAS 1 DOGS") in texts
    assert ("librispeech_84", None) in texts
    assert len(texts) == len(rows) == 4
    assert [fault.kind for fault in faults] == ["missing transcript", "missing audio"]


def test_aishell3_keeps_the_pinyin_of_both_parts(tmp_path: Path) -> None:
    root = make_aishell3(tmp_path)
    rows, faults = read(root, "aishell3")
    assert len(rows) == 6
    assert {(row.text, row.pronunciation) for row in rows} == {("广州女", "guang3 zhou1 nv3")}
    assert {row.speaker for row in rows} == {"SSB0005", "SSB0009", "SSB0011"}
    assert len(read(root / "train", "aishell3")[0]) == 4
    assert faults == []


def test_vctk_prefers_the_second_microphone_and_keeps_p315(tmp_path: Path) -> None:
    rows, faults = read(make_vctk(tmp_path), "vctk")
    chosen = {row.speaker: (Path(row.audio).stem[-4:], row.text) for row in rows}
    assert chosen == {
        "vctk_p225": ("mic2", "Please call Stella."),
        "vctk_p280": ("mic1", "Please call Stella."),
        "vctk_p315": ("mic2", None),
    }
    assert [fault.kind for fault in faults] == ["missing transcript"]


def test_ljspeech_reads_the_spelled_out_column(tmp_path: Path) -> None:
    root = make_ljspeech(tmp_path)
    (root / "wavs" / "LJ001-0000.wav").unlink()
    rows, faults = read(root, "ljspeech")
    assert [row.text for row in rows] == ["Chapter number 1.", "Chapter number 2."]
    assert [fault.kind for fault in faults] == ["missing audio"]


def test_a_folder_with_text_files_tells_speakers_and_languages(tmp_path: Path) -> None:
    rows, faults = read(make_folder(tmp_path), "folder")
    assert {(row.speaker, row.language) for row in rows} == {("mine_ann", "en"), ("mine_bo", "zh")}
    assert faults == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "index.csv",
            "File,Sentence,Speaker,Language\na.wav,Good day,x,en\nsub/b.wav,你好,y,zh-CN\n",
        ),
        ("index.tsv", "path\ttext\tspeaker\tlanguage\na\tGood day\tx\ten\nsub/b\t你好\ty\tcmn\n"),
    ],
)
def test_a_folder_with_a_table(tmp_path: Path, name: str, content: str) -> None:
    write_audio(tmp_path / "c" / "a.wav")
    write_audio(tmp_path / "c" / "sub" / "b.wav")
    write_audio(tmp_path / "c" / "untold.wav")
    write_text(tmp_path / "c" / name, content)
    rows, faults = read(tmp_path / "c", "folder")
    told = {Path(row.audio).stem: (row.text, row.speaker, row.language) for row in rows}
    assert told["a"] == ("Good day", "c_x", "en")
    assert told["b"] == ("你好", "c_y", "zh")
    assert told["untold"][0] is None
    assert [fault.kind for fault in faults] == ["missing transcript"]


def test_a_folder_with_jsonl(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav")
    path = write_rows(tmp_path / "t.jsonl", [{"audio": "a.wav", "text": "Hi"}, {"audio": "b.wav"}])
    path.write_bytes(path.read_bytes() + b"{\n[1]\n\xff\n")
    rows, faults = read(tmp_path, "folder")
    assert [row.text for row in rows] == ["Hi"]
    assert sorted(fault.kind for fault in faults) == [
        "bad manifest line",
        "bad manifest line",
        "missing audio",
        "transcript not UTF-8",
    ]


@pytest.mark.parametrize(
    ("location", "kind", "message"),
    [
        ("none", None, "does not exist"),
        ("none.jsonl", None, "does not exist"),
        (".", "timit", "must be one of"),
        (".", "vctk", "as VCTK does"),
        (".", "ljspeech", "as LJSpeech does"),
        (".", "manifest", "holds no train.jsonl"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, location: str, kind: str | None, message: str
) -> None:
    with pytest.raises(SecoustiError, match=message):
        find_sources([str(tmp_path / location)], kind, None)
