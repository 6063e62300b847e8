"""``python -m data_prep prepare``: what goes in comes out once, whatever happens in between."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from .conftest import (
    CORPORA,
    RATE,
    make_manifest,
    prepare,
    run_command,
    tone,
    write_audio,
    write_rows,
    write_text,
)

pytest.importorskip("lhotse")
pytest.importorskip("matplotlib")
REPOSITORY = Path(__file__).parents[2]


def cuts_of(folder: Path, split: str) -> list[dict[str, Any]]:
    """Every cut of a split, shard by shard."""
    lines: list[dict[str, Any]] = []
    for path in sorted((folder / split).glob("cuts.*.jsonl.gz")):
        lines += [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return lines


def audio_of(folder: Path, split: str) -> dict[str, bytes]:
    """Compressed audio of a split by cut id."""
    audio = {}
    for path in sorted((folder / split).glob("recording.*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                if not member.name.endswith(".json"):
                    audio[member.name.partition(".")[0]] = tar.extractfile(member).read()  # type: ignore[union-attr]
    return audio


def content(folder: Path) -> dict[str, Any]:
    """Everything a loader can see, for comparing two folders."""
    splits = {s: (cuts_of(folder, s), audio_of(folder, s)) for s in ("train", "valid")}
    return splits | {"index": json.loads((folder / "index.json").read_text())}


def faults_of(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "faults.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("kind", CORPORA)
def test_one_command_prepares_each_corpus(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = CORPORA[kind](tmp_path)
    assert prepare(corpus, "-o", tmp_path / "out", "--valid-fraction", "0") == 0
    cuts = cuts_of(tmp_path / "out", "train")
    assert set(audio_of(tmp_path / "out", "train")) == {cut["id"] for cut in cuts}
    for cut in cuts:
        segment = cut["supervisions"][0]
        assert bool(segment["custom"].get("phonemes")) == (segment.get("text") is not None)
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"| train | {cuts[0]['supervisions'][0]['custom']['corpus']} |" in report
    assert (tmp_path / "out" / "durations.png").read_bytes()[:4] == b"\x89PNG"
    assert "prepared" in capsys.readouterr().out


def test_several_corpora_go_into_one_folder(tmp_path: Path) -> None:
    folders = [make(tmp_path) for make in CORPORA.values()]
    assert prepare(*folders, "-o", tmp_path / "out", "--valid-fraction", "0") == 0
    corpora = {
        cut["supervisions"][0]["custom"]["corpus"] for cut in cuts_of(tmp_path / "out", "train")
    }
    assert corpora == {"libritts", "librispeech", "aishell3", "vctk", "ljspeech", "mine"}


def test_audio_text_phonemes_alignment_and_speaker_arrive(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=2, each=2)
    assert prepare(manifest, "-o", tmp_path / "out", "--valid-fraction", "0",
                   "--sample-rate", str(RATE)) == 0  # fmt: skip
    cuts = {cut["id"]: cut for cut in cuts_of(tmp_path / "out", "train")}
    audio = audio_of(tmp_path / "out", "train")
    for index in range(4):
        cut = cuts[f"audio_{index:03d}"]
        segment = cut["supervisions"][0]
        assert segment["speaker"] == f"s{index // 2}"
        assert segment["custom"]["phonemes"] == "HH AH0 L OW1 ."
        assert [item[0] for item in segment["alignment"]["phone"]] == ["sil", "HH", "OW1"]
        samples, rate = soundfile.read(io.BytesIO(audio[cut["id"]]), dtype="float32")
        assert rate == RATE
        np.testing.assert_allclose(samples, tone(0.4 + 0.02 * index, index), atol=2**-14)


def test_mandarin_takes_the_pinyin_of_the_corpus(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav")
    row = {"audio": "a.wav", "speaker": "s", "language": "zh", "duration": 0.5}
    manifest = write_rows(tmp_path / "m.jsonl", [row | {"text": "行", "phones": "hang2"}])
    prepare(manifest, "-o", tmp_path / "out", "--valid-fraction", "0")
    (cut,) = cuts_of(tmp_path / "out", "train")
    assert cut["supervisions"][0]["custom"]["phonemes"] == "h ang2"


def test_opus_shards_are_smaller_and_decode(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=1, each=2)
    assert prepare(manifest, "-o", tmp_path / "o", "--format", "opus", "--valid-fraction", "0") == 0
    cuts, audio = cuts_of(tmp_path / "o", "train"), audio_of(tmp_path / "o", "train")
    samples, rate = soundfile.read(io.BytesIO(audio[cuts[0]["id"]]))
    assert rate == cuts[0]["recording"]["sampling_rate"] == 24000
    assert abs(len(samples) - cuts[0]["recording"]["num_samples"]) <= 24
    assert sum(map(len, audio.values())) < 20_000


def test_splits_share_no_speaker_and_do_not_depend_on_the_rest(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=12, each=2)
    few = write_text(tmp_path / "few.jsonl", "\n".join(manifest.read_text().splitlines()[:14]))
    speakers = {}
    for name, source in (("all", manifest), ("few", few)):
        assert prepare(source, "-o", tmp_path / name, "--valid-fraction", "0.4") == 0
        speakers[name] = {
            split: {cut["supervisions"][0]["speaker"] for cut in cuts_of(tmp_path / name, split)}
            for split in ("train", "valid")
        }
    assert speakers["all"]["valid"]
    assert not speakers["all"]["train"] & speakers["all"]["valid"]
    assert speakers["few"]["valid"] <= speakers["all"]["valid"]
    assert speakers["few"]["train"] <= speakers["all"]["train"]


def test_a_given_validation_manifest_decides_and_shared_speakers_are_named(tmp_path: Path) -> None:
    lines = make_manifest(tmp_path, speakers=3, each=2).read_text().splitlines()
    valid = write_text(tmp_path / "valid.jsonl", "\n".join(lines[:3]))
    train = write_text(tmp_path / "train.jsonl", "\n".join(lines[3:]))
    assert prepare(train, "--valid", valid, "-o", tmp_path / "a") == 0
    assert prepare(tmp_path, "-o", tmp_path / "b") == 0  # train.jsonl and valid.jsonl are found
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert len(cuts_of(tmp_path / "a", "valid")) == len(cuts_of(tmp_path / "a", "train")) == 3
    assert [(f["kind"], f["name"]) for f in faults_of(tmp_path / "a")] == [
        ("speaker in both splits", "s1")
    ]


def faulty_corpus(root: Path) -> tuple[Path, dict[str, str]]:
    """A manifest with one of every fault, and the name of the row that has it."""
    good = tone(0.5)
    write_audio(root / "good.wav")
    write_text(root / "corrupt.wav", b"RIFF nonsense that is no audio at all")
    write_text(root / "no_bytes.wav", b"")
    write_text(root / "truncated.wav", write_audio(root / "t.wav").read_bytes()[:9000])
    flac = write_audio(root / "f.flac").read_bytes()
    write_text(root / "truncated_flac.flac", flac[: len(flac) // 2])
    soundfile.write(root / "silent.wav", np.zeros(RATE // 2), RATE)
    soundfile.write(root / "no_samples.wav", np.zeros(0), RATE)
    soundfile.write(root / "clipped.wav", np.clip(8 * good, -1, 1), RATE)
    soundfile.write(root / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    write_audio(root / "short.wav", 0.1)
    write_audio(root / "long.wav", 31.0, rate=16000)
    write_audio(root / "low_rate.wav", rate=8000)
    for name in ("wrong_duration", "mute", "strange_text", "strange_label"):
        write_audio(root / f"{name}.wav")
    kinds = {
        "corrupt": "unreadable audio", "truncated": "unreadable audio",
        "truncated_flac": "unreadable audio", "nan": "unreadable audio",
        "no_bytes": "empty audio", "silent": "empty audio", "no_samples": "empty audio",
        "clipped": "clipped", "short": "too short", "long": "too long",
        "low_rate": "low sample rate", "missing": "missing audio",
        "wrong_duration": "wrong duration", "mute": "missing transcript",
        "strange_text": "unknown characters", "strange_label": "bad alignment",
    }  # fmt: skip
    rows = []
    for name in ["good", *kinds]:
        path = next(root.glob(f"{name}.*"), root / f"{name}.wav")
        seconds = soundfile.info(path).duration if name in ("long", "short", "good") else 0.5
        row = {"audio": path.name, "speaker": "s", "language": "en", "duration": seconds}
        rows.append(row | ({} if name == "mute" else {"text": "Hi."}))
    rows[-4]["duration"] = 2.5
    rows[-2]["text"] = "Hi ☃"
    rows[-1]["phones"] = [[0, 0.4, "QQ"]]
    manifest = write_rows(root / "m.jsonl", [*rows, rows[0]])
    manifest.write_bytes(manifest.read_bytes() + b'{"audio": 1}\n\xff\xfe\n{\n')
    return manifest, kinds


def test_every_fault_is_named_and_costs_nothing_else(tmp_path: Path) -> None:
    manifest, kinds = faulty_corpus(tmp_path)
    out = tmp_path / "out"
    assert prepare(manifest, "-o", out, "--valid-fraction", "0") == 0
    found = faults_of(out)
    named = {fault["name"]: fault["kind"] for fault in found}
    assert {name: named.get(name) for name in kinds} == kinds
    rest = [fault["kind"] for fault in found if fault["name"] not in kinds]
    assert sorted(rest) == ["bad manifest line"] * 3 + ["duplicate id"]
    kept = {cut["id"] for cut in cuts_of(out, "train")}
    assert kept == {"good", "wrong_duration", "mute", "strange_text", "strange_label"}
    report = (out / "report.md").read_text("utf-8")
    assert all(f"**{kind}**" in report for kind in set(kinds.values()))


def test_strict_turns_faults_into_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, _ = faulty_corpus(tmp_path)
    assert prepare(manifest, "-o", tmp_path / "out", "--strict") == 1
    assert "1 x clipped" in capsys.readouterr().err
    clean = make_manifest(tmp_path / "clean", speakers=1, each=2)
    assert prepare(clean, "-o", tmp_path / "ok", "--strict", "--valid-fraction", "0") == 0


def test_nothing_usable_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_text(tmp_path / "c" / "a.wav", b"x")
    assert prepare(tmp_path / "c", "-o", tmp_path / "out") == 1
    assert "no utterance was usable" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--format", "mp3"], ["--min-seconds", "40"]])
def test_bad_options_are_one_sentence(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = make_manifest(tmp_path, 1, 1)
    assert prepare(manifest, "-o", tmp_path / "out", *arguments) == 1
    assert capsys.readouterr().err.startswith("error: --")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "data_prep", "prepare", *map(str, arguments)]


def test_a_killed_run_goes_on_without_loss_or_duplicate(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=24, each=4)
    options = ["--shard-size", "4", "--valid-fraction", "0.2"]
    assert prepare(manifest, "-o", tmp_path / "whole", *options) == 0
    out = tmp_path / "killed"
    run = subprocess.Popen(
        command(manifest, "-o", out, "--workers", "2", *options),
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300  # a busy machine starts slowly
    while not list((out / ".work").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = {p.name: p.stat().st_mtime_ns for p in (out / ".work").glob("*.json")}
    assert len(done) > 0
    assert not (out / "index.json").exists()
    assert prepare(manifest, "-o", out, *options) == 0
    assert content(out) == content(tmp_path / "whole")
    kept = {name: (out / ".work" / name).stat().st_mtime_ns for name in done}
    assert kept == done  # finished shards were not made again
    assert not list(out.rglob("*.tmp")) + list(out.rglob("*.part"))


def test_other_settings_or_changed_audio_make_the_shard_again(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=1, each=2)
    out = tmp_path / "out"
    prepare(manifest, "-o", out, "--valid-fraction", "0")
    write_audio(tmp_path / "audio" / "000.wav", 0.9, seed=5)
    prepare(manifest, "-o", out, "--valid-fraction", "0", "--sample-rate", "16000")
    cuts = {cut["id"]: cut for cut in cuts_of(out, "train")}
    assert cuts["audio_000"]["duration"] == pytest.approx(0.9)
    assert {cut["recording"]["sampling_rate"] for cut in cuts.values()} == {16000}


def test_shards_that_a_smaller_corpus_no_longer_needs_disappear(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=2, each=4)
    out, options = tmp_path / "out", ["--shard-size", "2", "--valid-fraction", "0"]
    prepare(manifest, "-o", out, *options)
    write_text(manifest, "\n".join(manifest.read_text().splitlines()[:3]))
    prepare(manifest, "-o", out, *options)
    assert len(cuts_of(out, "train")) == 3
    assert len(list((out / "train").iterdir())) == 4


def test_a_manifest_can_come_through_a_pipe(tmp_path: Path) -> None:
    manifest = make_manifest(tmp_path, speakers=2, each=2)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines = "".join(
        json.dumps(row | {"audio": str(tmp_path / row["audio"])}) + "\n" for row in rows
    )
    done = subprocess.run(
        command("-", "-o", tmp_path / "out", "--valid-fraction", "0", "--workers", "1"),
        cwd=REPOSITORY,
        input=lines.encode(),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(cuts_of(tmp_path / "out", "train")) == 4


def test_two_runs_do_not_write_to_one_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    manifest = make_manifest(tmp_path, 1, 1)
    (tmp_path / "out" / ".work").mkdir(parents=True)
    with (tmp_path / "out" / ".work" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert prepare(manifest, "-o", tmp_path / "out") == 1
    assert "another prepare" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["libritts", "aishell3"])
def test_a_manifest_of_a_corpus_leads_to_the_same_shards(tmp_path: Path, kind: str) -> None:
    corpus, manifest = CORPORA[kind](tmp_path), tmp_path / "m.jsonl"
    assert run_command("manifest", corpus, "-o", manifest) == 0
    assert prepare(manifest, "-o", tmp_path / "a", "--valid-fraction", "0") == 0
    assert prepare(corpus, "-o", tmp_path / "b", "--valid-fraction", "0") == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_manifest_leaves_out_what_is_no_audio(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = CORPORA["libritts"](tmp_path)
    next(corpus.rglob("[0-9]*.wav")).write_bytes(b"x")
    assert run_command("manifest", corpus, "-o", tmp_path / "m.jsonl", "--strict") == 1
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 3
    assert "unreadable audio: 1" in capsys.readouterr().out


def test_real_speech_in_two_languages(tmp_path: Path, speech: Path) -> None:
    lines = (speech / "valid.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in (*lines[:12], *lines[-12:])]
    rows = [row | {"audio": str(speech / row["audio"])} for row in rows]
    manifest = write_rows(tmp_path / "real.jsonl", rows)
    assert prepare(manifest, "-o", tmp_path / "out", "--valid-fraction", "0") == 0
    cuts = cuts_of(tmp_path / "out", "train")
    assert len(cuts) == len(rows)
    assert {fault["kind"] for fault in faults_of(tmp_path / "out")} <= {"missing transcript"}
    by_text = {cut["supervisions"][0].get("text"): cut for cut in cuts}
    for row in rows:
        cut = by_text[row.get("text")]
        if "text" in row:
            assert abs(cut["duration"] - row["duration"]) < 0.1
            assert "<unk>" not in cut["supervisions"][0]["custom"]["phonemes"]
