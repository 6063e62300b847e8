"""What people give to ``extract`` and ``eval``."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from secousti.errors import Note, SecoustiError
from secousti.evaluation.datasets import DataConfig, load_dataset
from secousti.evaluation.worker import Work, Worker
from secousti.extraction.inputs import open_source
from secousti.extraction.inputs.base import Source
from secousti.extraction.windows import windows

RATE = 16000


def sound(path: Path, seconds: float = 1.0) -> bytes:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * RATE))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)
    return path.read_bytes()


def read(location: Path | str, tmp_path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """id -> (seconds, what is known), and faults."""
    (tmp_path / "work").mkdir(exist_ok=True)
    source: Source = open_source(str(location), tmp_path / "work", 3)
    found: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for task in source.tasks():
        for window in windows(source.items(task), RATE, 5.0, 0, task.location):
            faults |= {fault.id: fault.reason for fault in window.faults}
            for item, seconds in zip(window.items, window.durations, strict=True):
                assert item.id not in found
                found[item.id] = (round(seconds, 3), item.about)
    return found, faults


# Users saw (NeMo#15080): the tokens of the whole recording under the text of every piece.
def test_a_manifest_of_pieces(tmp_path: Path) -> None:
    sound(tmp_path / "long.wav", 6)
    lines = [
        {"audio_filepath": "long.wav", "offset": 0.5, "duration": 1.0, "text": "one"},
        {"audio_filepath": "long.wav", "offset": 2.0, "duration": 1.5, "text": "two"},
        {"audio": "long.wav", "start": 4.0, "end": 5.0, "text": "three"},
        {"audio": "long.wav", "duration": 1.0, "id": "ambiguous"},
        {"audio": "long.wav", "offset": 5.0, "duration": 3.0, "id": "outside"},
        {"audio": "long.wav", "duration": 6.0, "id": "whole"},
    ]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found, faults = read(tmp_path / "m.jsonl", tmp_path)
    assert {name: seconds for name, (seconds, _) in found.items()} == {
        "long@0.500-1.500": 1.0, "long@2.000-3.500": 1.5, "long@4.000-5.000": 1.0, "whole": 6.0,
    }  # fmt: skip
    assert "offset" in faults["ambiguous"]
    assert "not within the recording" in faults["outside"]


# Users saw: one malformed line ends the whole extraction with a traceback.
def test_one_bad_line_costs_itself(tmp_path: Path) -> None:
    sound(tmp_path / "s.wav")
    bad = [
        {"audio": None}, {"audio": ["s.wav"]}, {"audio": 5}, {"audio": {"path": "s.wav"}},
        {"audio": "s.wav", "phones": [[0, 0.1]]}, {"audio": "s.wav", "text": {"a": 1}},
    ]  # fmt: skip
    good = [{"audio": "s.wav", "id": f"ok{i}"} for i in range(2)] + [
        {"audio": "s.wav", "id": "ok0"}
    ]
    content = "\n".join(map(json.dumps, [*bad, *good])).encode() + b'\n{"audio": "\xff"}\n'
    (tmp_path / "m.jsonl").write_bytes(content)
    found, faults = read(tmp_path / "m.jsonl", tmp_path)
    assert set(found) == {"ok0", "ok1"}
    assert set(faults) == {f"m.jsonl, line {i}" for i in (1, 2, 3, 4, 5, 6, 10)} | {"ok0"}
    assert faults["ok0"] == "m.jsonl, line 9: its id was given before, in line 7"


def test_whatever_loading_raises_is_that_items_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        sound(tmp_path / "c" / f"{name}.wav")
    from secousti.extraction.inputs import listing

    def load(location: str, *_: Any) -> Any:
        raise MemoryError if location.endswith("a.wav") else RuntimeError("bad luck")

    monkeypatch.setattr(listing, "load_anywhere", load)
    assert read(tmp_path / "c", tmp_path)[1] == {
        "a": "MemoryError: ",
        "b": "RuntimeError: bad luck",
    }


# Users saw (webdataset#237): of utt.001.wav and utt.002.wav only the first.
def test_webdataset_keys_with_dots_and_several_recordings(tmp_path: Path) -> None:
    data = sound(tmp_path / "s.wav")
    members = {
        "utt.001.wav": data, "utt.001.txt": b"one",
        "utt.002.wav": data, "utt.002.json": b'{"text": "two"}',
        "two.mic1.wav": data, "two.mic2.flac": data, "two.json": b'{"text": "both"}',
        "one.audio.wav": data, "one.txt": b"plain",
        "bad.wav": data, "bad.json": b'["x"]', "none.txt": b"no sound", "last.wav": data,
    }  # fmt: skip
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    found, faults = read(tmp_path / "a.tar", tmp_path)
    assert {name: known.get("text") for name, (_, known) in found.items()} == {
        "utt.001": "one", "utt.002": "two", "two.mic1": "both", "two.mic2": "both",
        "one": "plain", "last": None,
    }  # fmt: skip
    assert set(faults) == {"bad", "none"}
    assert "must be a JSON object, not a list" in faults["bad"]


# Users asked for the inputs that they have: Kaldi, lhotse, LJSpeech, Common Voice, one file.
def test_inputs_of_other_toolkits(tmp_path: Path) -> None:
    for name in ("wavs/a.wav", "wavs/b.wav"):
        sound(tmp_path / name, 2.0)
    kaldi = tmp_path / "kaldi"
    kaldi.mkdir()
    wavs = tmp_path / "wavs"
    (kaldi / "wav.scp").write_text(f"r1 {wavs}/a.wav\nr2 sox {wavs}/b.wav -t wav - |\n")
    (kaldi / "segments").write_text("u1 r1 0.5 1.0\nu2 r1 1.0 -1\nu3 r2 0 1\nu4 r9 0 1\nu5 r1\n")
    (kaldi / "text").write_text("u1 hello there\n")
    (kaldi / "utt2spk").write_text("u1\tann\n")
    for location in (kaldi, kaldi / "wav.scp"):
        found, faults = read(location, tmp_path)
        assert found == {"u1": (0.5, {"text": "hello there", "speaker": "ann"}), "u2": (1.0, {})}
        assert set(faults) == {"u3", "u4", "u5"}
        assert "is a command" in faults["u3"]
    (tmp_path / "metadata.csv").write_text('a|"Dr. A|"Doctor A\nb|two\nc\n')
    found, faults = read(tmp_path / "metadata.csv", tmp_path)
    assert {k: known["text"] for k, (_, known) in found.items()} == {"a": '"Doctor A', "b": "two"}
    assert list(faults) == ["metadata.csv, line 3"]
    (tmp_path / "t.tsv").write_text('path\tsentence\tlocale\na.wav\t"one\ten\nb.wav\ttwo\n')
    found, faults = read(tmp_path / "t.tsv", tmp_path)
    assert found == {"a": (2.0, {"text": '"one', "language": "en"})}
    assert list(faults) == ["t.tsv, line 3"]
    assert list(read(wavs / "a.wav", tmp_path)[0]) == ["a"]
    with pytest.raises(SecoustiError, match=r"is not known: the input may be .*wav\.scp"):
        read(Path(__file__), tmp_path)


def test_cuts_of_lhotse_and_several_supervisions(tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse")
    sound(tmp_path / "a.wav", 3.0)
    recording = lhotse.Recording.from_file(tmp_path / "a.wav")
    say = lhotse.SupervisionSegment
    cut = recording.to_cut()
    cut.supervisions = [
        say("y", "a", 1.5, 1.0, text="world", speaker="ann", language="en"),
        say("x", "a", 0.0, 1.0, text="hello", speaker="bob", language="en"),
    ]
    cuts = lhotse.CutSet.from_cuts([cut, cut.truncate(offset=1.0, duration=0.5).with_id("p")])
    cuts.to_file(tmp_path / "mine.jsonl.gz")
    found, faults = read(tmp_path / "mine.jsonl.gz", tmp_path)
    assert faults == {}
    assert found[cut.id] == (3.0, {"text": "hello world", "language": "en"})
    assert found["p"][0] == 0.5
    (tmp_path / "shar").mkdir()
    lhotse.CutSet.from_cuts([cut]).to_shar(tmp_path / "shar", fields={"recording": "wav"})
    found, _ = read(tmp_path / "shar", tmp_path)
    assert [known["text"] for _, known in found.values()] == ["hello world"]


def test_a_hugging_face_folder(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data = sound(tmp_path / "s.wav")
    (tmp_path / "hf" / "data").mkdir(parents=True)
    (tmp_path / "hf" / "README.md").touch()
    table = pa.table({"audio": [{"bytes": data, "path": "x.wav"}], "text": ["hi"]})
    pq.write_table(table, tmp_path / "hf" / "data" / "train-0.parquet")
    assert read(tmp_path / "hf", tmp_path)[0] == {"x": (1.0, {"text": "hi"})}


# Users saw: one core at work on a corpus of hundreds of recordings, for it was one shard.
@pytest.mark.parametrize(("lines", "shards"), [(5, 1), (300, 38), (1000, 63), (200_000, 100)])
def test_shards_fit_the_number_of_recordings(lines: int, shards: int, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text("".join(f'{{"audio": "{i}.wav"}}\n' for i in range(lines)))
    assert len(open_source(str(tmp_path / "m.jsonl"), tmp_path, 0).tasks()) == shards


# Users saw (torchmetrics#2752): one unreadable recording ends the evaluation.
def test_an_evaluation_goes_on_without_what_it_cannot_read(tmp_path: Path) -> None:
    sound(tmp_path / "e" / "a.wav")
    (tmp_path / "e" / "b.wav").write_bytes(b"RIFFxxxxWAVEjunk")
    (tmp_path / "e" / "a.txt").write_bytes(b"caf\xe9")
    with pytest.warns(Note, match=r"a\.txt is not read"):
        good, bad = load_dataset(DataConfig(str(tmp_path / "e")))
    worker = Worker.__new__(Worker)

    class Named:
        name = "reference"

    worker.codecs = [Named()]  # type: ignore[list-item]
    (record,) = worker.run(Work(bad))
    assert "is not audio" in record.error or "cut short" in record.error
    lines = '{"audio": "e/a.wav", "offset": 0.25, "duration": 0.5}\n{"audio": 3}\n'
    (tmp_path / "m.jsonl").write_text(lines)
    with pytest.warns(Note, match=r"m\.jsonl, line 2: 'audio' must be a path"):
        (piece,) = load_dataset(DataConfig(str(tmp_path / "m.jsonl")))
    from secousti.evaluation.audio import read_utterance

    assert read_utterance(piece).duration == 0.5
    assert read_utterance(good).duration == 1.0
