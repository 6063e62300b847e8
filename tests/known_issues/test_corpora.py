"""Corpora as people have them: tables, languages, TextGrids, telephony, names, pieces."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from data_prep.__main__ import main
from data_prep.alignment.base import Utterance
from data_prep.alignment.pinyin_labels import mandarin_symbols
from data_prep.alignment.textgrid import TextGridAligner
from data_prep.corpora.folder import read_folder
from data_prep.faults import Fault
from data_prep.languages import guess_language, language_of
from data_prep.manifest import Row, read_manifest
from secousti.errors import SecoustiError
from secousti.tables import read_table

RATE = 16000


def sound(path: Path, seconds: float = 1.0, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * RATE))
    soundfile.write(path, samples, RATE, **options)
    return path


def rows_of(root: Path) -> tuple[list[Row], list[Fault]]:
    faults: list[Fault] = []
    return list(read_folder(root, faults.append)), faults


# Users saw (common-voice#5189): a sentence with a quotation mark swallows the rows after it.
@pytest.mark.parametrize(("name", "mark"), [("validated.tsv", "\t"), ("m.csv", "|")])
def test_tabs_and_pipes_know_no_quotation(name: str, mark: str, tmp_path: Path) -> None:
    texts = ["one", '"Stop, he said', '"Stop," he said', 'said "yes" twice', "five"]
    lines = [mark.join(("path", "sentence", "locale"))]
    lines += [mark.join((f"c{i}.wav", text, "en")) for i, text in enumerate(texts)]
    for i in range(len(texts)):
        sound(tmp_path / "clips" / f"c{i}.wav", 0.1)
    (tmp_path / name).write_text("\n".join(lines))
    rows, faults = rows_of(tmp_path)
    assert [row.text for row in rows] == texts
    assert faults == []


def test_rows_of_the_wrong_width_are_faults_and_take_no_other_with_them(tmp_path: Path) -> None:
    table = 'path,text\na,"one, two"\nb,x,y\nc\nd,"never shut\ne,"two\nlines"\nf,"a ""b"" c"\ng,z\n'
    (tmp_path / "t.csv").write_text(table)
    faults: list[tuple[int, str]] = []
    rows = list(read_table(tmp_path / "t.csv", lambda *fault: faults.append(fault)))
    told = {row["path"]: row["text"] for _, row in rows}
    assert told == {"a": "one, two", "e": "two lines", "f": 'a "b" c', "g": "z"}
    assert [number for number, _ in faults] == [3, 4, 5]
    (tmp_path / "t.tsv").write_bytes("path\ttext\na\tgöod\n".encode("utf-16"))
    assert [row["text"] for _, row in read_table(tmp_path / "t.tsv", lambda *_: None)] == ["göod"]


# Users saw: Japanese read as Mandarin, Cantonese too.
@pytest.mark.parametrize(
    ("name", "language"),
    [("en-US", "en"), ("English", "en"), ("zh-CN", "zh"), ("cmn", "zh"), ("zh_TW", "zh"),
     ("ja", "ja"), ("zh-HK", "zh-HK"), ("yue", "yue"), ("fr", "fr"), ("mixed", "mixed")],
)  # fmt: skip
def test_languages_outside_the_inventory_stay_what_they_are(name: str, language: str) -> None:
    assert language_of(name) == language
    assert Row("a.wav", "s", name, 1.0).language == language


def test_the_language_of_a_text() -> None:
    texts = {"ja": "日本語です", "zh": "你好", "ko": "안녕", "en": "hello", "und": "привет"}
    assert {guess_language(text) for text in texts.values()} == set(texts)
    assert guess_language("12") == "en"


def test_other_languages_are_kept_without_phonemes(tmp_path: Path) -> None:
    sound(tmp_path / "c" / "a" / "1.wav")
    (tmp_path / "c" / "t.tsv").write_text("path\ttext\tlanguage\na/1\t日本\tja\n")
    assert main(["prepare", str(tmp_path / "c"), "-o", str(tmp_path / "o"), "--workers", "1"]) == 0
    (fault,) = map(json.loads, (tmp_path / "o" / "faults.jsonl").read_text().splitlines())
    assert (fault["kind"], fault["reason"]) == ("unknown language", "ja")


# Users saw (python-soundfile#164): one GSM file ends the run; a file name, too.
def test_telephony_names_and_pieces_go_through_prepare(tmp_path: Path) -> None:
    root = tmp_path / "c"
    sound(root / "a" / "1.wav", subtype="GSM610")
    sound(root / "a" / "2.wav", 6.0)
    (root / "a" / "bad.wav").write_bytes(b"RIFFxxxxWAVEjunk")
    shutil.copy(root / "a" / "2.wav", os.fsencode(root / "a") + b"/caf\xe9.wav")
    manifest = tmp_path / "m.jsonl"
    assert main(["manifest", str(root), "-o", str(manifest)]) == 0
    rows = list(read_manifest(manifest))
    assert {row.id for row in rows} >= {"c-a/2", "c-a/caf\\xe9"}
    piece = {"audio_filepath": "c/a/2.wav", "speaker": "a", "language": "en", "offset": 2.0}
    lines = [piece | {"duration": 1.0}, piece | {"duration": 0.5}, piece | {"duration": 9.0}]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = tmp_path / "o"
    assert main(["prepare", str(manifest), "-o", str(folder), "--workers", "1"]) == 0
    faults = [json.loads(line) for line in (folder / "faults.jsonl").read_text().splitlines()]
    assert [f["kind"] for f in faults if f["kind"] != "missing transcript"] == ["unreadable audio"]
    lhotse = pytest.importorskip("lhotse")
    from data_prep.loading import open_shards

    assert isinstance(lhotse.__version__, str)
    cuts = [*open_shards(folder, "train")] if (folder / "train").exists() else []
    cuts += [*open_shards(folder, "valid")] if (folder / "valid").exists() else []
    assert sorted(round(cut.duration, 3) for cut in cuts) == [0.5, 1.0]


def textgrid(phones: list[Any], words: list[Any], names: tuple[str, str], head: str) -> str:
    text = f"{head}0\n2\n<exists>\n2\n"
    for name, intervals in zip(names, (phones, words), strict=True):
        text += f'"IntervalTier"\n"{name}"\n0\n2\n{len(intervals)}\n'
        text += "".join(f'{start}\n{end}\n"{label}"\n' for start, end, label in intervals)
    return text


NEW = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
OLD = 'File type = "ooTextFile short"\n"TextGrid"\n\n'
WORDS = [(0, 0.5, "sp"), (0.5, 1, "HI"), (1, 2, "sp")]
PHONES = [(0, 0.5, "sp"), (0.5, 0.7, "HH"), (0.7, 1, "AY1"), (1, 2, "sp")]


def aligned(folder: Path, content: str, **options: Any) -> Any:
    (folder / "u.TextGrid").write_text(content)
    row = Row("u.wav", "s", options.get("language", "en"), 2.0, text="hi")
    return TextGridAligner().align(Utterance(row, folder))


# Users saw (TextGridTools#11): the files of Penn's aligner are refused.
@pytest.mark.parametrize("head", [NEW, OLD])
@pytest.mark.parametrize(
    "names", [("phones", "words"), ("phone", "word"), ("s - phones", "s - words")]
)
def test_textgrids_of_several_aligners(head: str, names: tuple[str, str], tmp_path: Path) -> None:
    found = aligned(tmp_path, textgrid(PHONES, WORDS, names, head))
    assert [phone[2] for phone in found.phones] == ["sil", "HH", "AY1", "sil"]
    assert found.words == [(0.5, 1.0, "HI")]


# Users saw: a phoneme lost without a word, for its times run backwards.
@pytest.mark.parametrize(
    "phones",
    [
        [(0, 0.5, "sp"), (0.7, 1, "AY1"), (0.5, 0.7, "HH"), (1, 2, "sp")],
        [(0, 0.5, "sp"), (0.7, 0.5, "HH"), (0.7, 1, "AY1")],
        [(0, 0.5, "sp"), (0.5, 0.5, "HH"), (0.5, 1, "AY1")],
        [(0, 1, "HH"), (1, 2.5, "AY1")],
    ],
)
def test_intervals_out_of_order_are_named(phones: list[Any], tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match=r"does not come after|but the recording lasts"):
        aligned(tmp_path, textgrid(phones, WORDS, ("phones", "words"), NEW))


# Users saw: the labels of MFA's Mandarin dictionary refused, or the i of zhi taken for that of di.
@pytest.mark.parametrize(
    ("labels", "symbols"),
    [
        ("iou3 uen2 ong1", "iou3 uen2 ong1"),
        ("zh ong1 g uo2", "zh ong1 g uo2"),
        ("l iu2 d un4 d ui4", "l iou2 d uen4 d uei4"),
        ("zh i1 z i5 d i4", "zh iii1 z ii5 d i4"),
        ("j u4 x ue2 l ü4", "j v4 x ve2 l v4"),
        ("zh ua1 ng a1 n sil", "zh uang1 an1 sil"),
        ("a1 n i3", "a1 n i3"),
        ("HH AY1", "HH AY1"),
    ],
)
def test_mandarin_labels_in_any_spelling(labels: str, symbols: str) -> None:
    phones = [(i / 10, (i + 1) / 10, label) for i, label in enumerate(labels.split())]
    assert " ".join(label for _, _, label in mandarin_symbols(phones)) == symbols


# Users saw (MFA#105, FastSpeech2#47): MFA's own tree is not found; one file for two speakers.
def test_the_tree_that_mfa_writes(tmp_path: Path) -> None:
    for speaker in ("ann", "bob"):
        sound(tmp_path / "c" / speaker / "u1.wav", 2.0)
        (tmp_path / "c" / speaker / "u1.txt").write_text("hi")
        for place in (tmp_path / "out" / speaker, tmp_path / "flat"):
            place.mkdir(parents=True, exist_ok=True)
            content = textgrid(PHONES, WORDS, ("phones", "words"), NEW)
            (place / "u1.TextGrid").write_text(content)
    (tmp_path / "x").mkdir()
    manifest = tmp_path / "m.jsonl"
    rows = [Row(f"c/{s}/u1.wav", s, "en", 2.0, text="hi").to_dict() for s in ("ann", "bob")]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for folder, count in (("out", 2), ("flat", 0)):
        target = tmp_path / "x" / f"{folder}.jsonl"
        arguments = [str(manifest), "-o", str(target), "--source", "textgrid"]
        code = main(["align", *arguments, "--textgrids", str(tmp_path / folder)])
        assert code == (0 if count else 1)  # nothing aligned is an error, with the reason
        found = list(read_manifest(target))
        assert sum(row.phones is not None for row in found) == count
        # and paths are relative to the new manifest, so that both can be moved together
        assert [row.audio for row in found] == ["../c/ann/u1.wav", "../c/bob/u1.wav"]
        assert all(os.path.isfile(row.audio_path(target.parent)) for row in found)
