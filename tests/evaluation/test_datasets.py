"""Recordings found in every layout, chosen evenly and always the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from secousti.errors import Note, SecoustiError
from secousti.evaluation.datasets import DataConfig, Utterance, choose, load_dataset


def touch(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_folder_knows_speakers_and_texts(tmp_path: Path) -> None:
    touch(tmp_path / "ann/one.wav")
    touch(tmp_path / "ann/one.txt", "hello\n")
    touch(tmp_path / "bob/two.flac")
    touch(tmp_path / "notes.md")
    found = load_dataset(DataConfig(str(tmp_path), language="zh"))
    assert [(u.id, u.speaker, u.text, u.language) for u in found] == [
        ("ann/one", "ann", "hello", "zh"),
        ("bob/two", "bob", None, "zh"),
    ]


def test_libritts_is_recognised(tmp_path: Path) -> None:
    touch(tmp_path / "61/70968/61_70968_000000_000000.wav")
    touch(tmp_path / "61/70968/61_70968_000000_000000.normalized.txt", "He began.")
    (found,) = load_dataset(DataConfig(str(tmp_path)))
    assert (found.speaker, found.text, found.language) == ("61", "He began.", "en")


def test_aishell3_is_recognised_and_loses_its_pinyin(tmp_path: Path) -> None:
    touch(tmp_path / "content.txt", "SSB00050001.wav\t广 guang3 州 zhou1\n")
    touch(tmp_path / "wav/SSB0005/SSB00050001.wav")
    (found,) = load_dataset(DataConfig(str(tmp_path)))
    assert (found.speaker, found.text, found.language) == ("SSB0005", "广州", "zh")
    assert found.path.is_file()


def test_vctk_is_its_test_speakers_and_one_microphone(tmp_path: Path) -> None:
    folder = tmp_path / "wav48_silence_trimmed"
    for name in (
        "p225/p225_001_mic1",
        "p360/p360_001_mic1",
        "p360/p360_001_mic2",
        "s5/s5_001_mic1",
    ):
        touch(folder / f"{name}.flac")
    touch(tmp_path / "txt/p360/p360_001.txt", "Please call Stella.\n")
    first, second = load_dataset(DataConfig(str(tmp_path), kind="vctk"))
    assert (first.id, first.speaker, first.text) == ("p360_001", "p360", "Please call Stella.")
    assert first.path.stem == "p360_001_mic2"
    assert (second.id, second.text) == ("s5_001", None)
    with pytest.raises(SecoustiError, match="wav48"):
        load_dataset(DataConfig(str(tmp_path / "txt"), kind="vctk"))


def test_a_manifest_carries_labels_and_can_be_filtered(tmp_path: Path) -> None:
    rows = (
        '{"audio": "a.wav", "speaker": "s", "language": "en", "phones": [[0, 0.1, "AH0"]]}\n\n'
        '{"audio": "b.wav", "speaker": "s", "language": "zh", "phones": "AH B"}\n'
    )
    touch(tmp_path / "m.jsonl", rows)
    (found,) = load_dataset(DataConfig(str(tmp_path / "m.jsonl"), keep={"language": "en"}))
    assert found.path == tmp_path / "a.wav"
    assert found.phones == ((0, 0.1, "AH0"),)


def test_the_choice_is_even_over_speakers_and_fixed() -> None:
    many = [Utterance(f"{k:03d}", Path(), "rare" if k < 3 else "often") for k in range(50)]
    chosen = choose(many, 10, seed=1)
    assert Counter(u.speaker for u in chosen) == {"rare": 3, "often": 7}
    assert chosen == choose(many, 10, seed=1)
    assert chosen != choose(many, 10, seed=2)
    assert set(choose(many, 9, seed=1)) < set(chosen)  # a larger run repeats a smaller one


def test_the_choice_is_even_over_corpora_where_asked() -> None:
    """One corpus has many speakers, another one with most of the recordings."""
    crowd = [Utterance(f"c{k:02d}", Path(), f"c{k}", corpus="crowd") for k in range(16)]
    one = [Utterance(f"o{k:02d}", Path(), "o", corpus="one") for k in range(40)]
    chosen = choose([*crowd, *one], 20, seed=0, by_corpus=True)
    assert Counter(u.corpus for u in chosen) == {"crowd": 10, "one": 10}
    assert len({u.speaker for u in chosen if u.corpus == "crowd"}) == 10
    few = choose([*crowd, *one], 50, seed=0, by_corpus=True)
    assert Counter(u.corpus for u in few) == {"crowd": 16, "one": 34}


def test_what_is_missing_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIBRITTS", raising=False)
    with pytest.raises(SecoustiError, match=r"set LIBRITTS, or name .* with --data"):
        load_dataset(DataConfig("$LIBRITTS/test-clean"))
    with pytest.raises(SecoustiError, match="there are no recordings at"):
        load_dataset(DataConfig(str(tmp_path / "nothing")))
    with pytest.raises(SecoustiError, match=r"no recordings were found .*read as folder"):
        load_dataset(DataConfig(str(tmp_path)))
    touch(tmp_path / "bad.jsonl", '{"audio": "a.wav"}\n{"text": 1}\n')
    with pytest.warns(Note, match=r"bad\.jsonl, line 2: it has no 'audio'"):
        load_dataset(DataConfig(str(tmp_path / "bad.jsonl")))
    (tmp_path / "sound.wav").write_bytes(b"RIFF\xa2\xd4")
    with pytest.raises(SecoustiError, match=r"sound\.wav is no manifest"):
        load_dataset(DataConfig(str(tmp_path / "sound.wav")))
