"""``python -m data_prep align`` on manifests, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_prep.__main__ import main
from data_prep.alignment import command
from data_prep.manifest import read_manifest
from secousti.audio.io import save_audio
from tests.alignment.toy import RATE, say


def _entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _align(manifest: Path, output: Path, model: Path, *more: str) -> int:
    arguments = [str(manifest), "-o", str(output), "--source", "builtin", "--model", str(model)]
    return main(["align", *arguments, *more])


def test_every_row_gets_phones_words_and_confidence(
    toy_manifest: Path, toy_model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    assert _align(toy_manifest, output, toy_model) == 0
    rows, before = list(read_manifest(output)), list(read_manifest(toy_manifest))
    assert [row.id for row in rows] == [row.id for row in before]
    for row in rows:
        assert [word[2] for word in row.words] == row.text.split()
        assert row.phones[-1][1] == pytest.approx(row.duration, abs=1e-3)
        assert 0 <= row.confidence <= 1
        assert Path(row.audio_path(output.parent)).is_file()
    assert {p.name for p in tmp_path.iterdir()} == {"out.jsonl"}


def test_two_processes_give_the_same_file(
    toy_manifest: Path, toy_model: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert _align(toy_manifest, one, toy_model) == 0
    assert _align(toy_manifest, two, toy_model, "--workers", "2") == 0
    assert one.read_bytes() == two.read_bytes()


def test_an_interrupted_run_continues(
    toy_manifest: Path, toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert _align(toy_manifest, whole, toy_model) == 0
    align_one, calls = command._align_one, []

    def count(task):
        calls.append(task)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return align_one(task)

    monkeypatch.setattr(command, "_align_one", count)
    assert _align(toy_manifest, output, toy_model) != 0
    assert not output.exists()
    part = next(tmp_path.glob(".out.jsonl.*.part"))
    part.write_bytes(part.read_bytes()[:-5])  # as when the machine died in the middle of a line
    assert _align(toy_manifest, output, toy_model) == 0
    assert len(calls) == 20 + 48 - 18
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_when_its_time_is_over_only_the_first_rows_are_there(
    toy_manifest: Path, toy_model: Path, tmp_path: Path, workers: int
) -> None:
    output = tmp_path / "out.jsonl"
    options = command.Options("builtin", str(toy_model), None, 0.0)
    late = time.monotonic() - 1
    report = command.align_manifest(toy_manifest, output, options, workers, until=late, least=5)
    assert report.rows == report.aligned == 5
    wanted = [row.id for row in read_manifest(toy_manifest)][:5]
    assert [row.id for row in read_manifest(output)] == wanted


def test_bad_rows_are_kept_without_times_counted_and_named(
    toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wav, _ = say(["sam", "me"], 1)
    save_audio(tmp_path / "good.wav", wav, RATE)
    save_audio(tmp_path / "short.wav", wav[:1000], RATE)
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    base = {"speaker": "s", "language": "en", "duration": 1.0}
    spoken = {"text": "sam me", "pronunciation": "S AA1 M | M IY1"}
    rows = [
        {"audio": "good.wav", **base, "duration": len(wav) / RATE, **spoken},
        {"audio": "short.wav", **base, **spoken},
        {"audio": "broken.wav", **base, **spoken},
        {"audio": "missing.wav", **base, **spoken},
        {"audio": "untold.wav", **base},
        {"audio": "strange.wav", **base, "pronunciation": "S QX"},
    ]
    manifest, output = tmp_path / "m.jsonl", tmp_path / "out.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)) + "\nno json\n")
    assert _align(manifest, output, toy_model) == 0
    entries = _entries(output)
    assert [e["audio"] for e in entries] == [r["audio"] for r in rows]
    assert ["phones" in e for e in entries] == [True] + 5 * [False]
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 of 6 rows aligned" in printed
    for reason in ("too short", "no such audio file", "neither a text", "'QX'", "faulty line"):
        assert reason in printed
    assert _align(manifest, output, toy_model, "--strict") == 1


def test_min_confidence_leaves_doubtful_rows_without_times(toy_model: Path, tmp_path: Path) -> None:
    wav, _ = say(["sam", "me", "sue"], 1)
    save_audio(tmp_path / "a.wav", wav, RATE)
    base = {"audio": "a.wav", "speaker": "s", "language": "en", "duration": len(wav) / RATE}
    rows = [
        {**base, "id": "right", "pronunciation": "S AA1 M | M IY1 | S UW1"},
        {**base, "id": "wrong", "pronunciation": "M AA1 | M AA1 | M IY1 M"},
    ]
    manifest, output = tmp_path / "m.jsonl", tmp_path / "out.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert _align(manifest, output, toy_model, "--min-confidence", "0.5") == 0
    right, wrong = _entries(output)
    assert "phones" in right
    assert right["confidence"] >= 0.5 > wrong["confidence"]
    assert "phones" not in wrong


def test_own_times_are_brought_into_the_inventory(tmp_path: Path) -> None:
    row = {
        "audio": "a.wav",
        "speaker": "s",
        "language": "en",
        "duration": 1.0,
        "phones": [[0.1, 0.3, "s"], [0.3, 0.5, "iy"]],
        "words": [[0.1, 0.5, "see"]],
    }
    manifest, output = tmp_path / "m.jsonl", tmp_path / "out.jsonl"
    bad = {**row, "audio": "b.wav", "phones": [[0.1, 0.3, "iː"]]}
    manifest.write_text(json.dumps(row) + "\n" + json.dumps(bad) + "\n")
    assert main(["align", str(manifest), "-o", str(output), "--source", "own"]) == 0
    good, faulty = _entries(output)
    assert good["phones"] == [[0, 0.1, "sil"], [0.1, 0.3, "S"], [0.3, 0.5, "IY1"], [0.5, 1, "sil"]]
    assert good["words"] == [[0.1, 0.5, "see"]]
    assert "phones" not in faulty


def test_usage_errors_are_one_sentence(tmp_path: Path, toy_manifest: Path) -> None:
    run = [sys.executable, "-m", "data_prep"]
    unknown = subprocess.run([*run, "aling"], capture_output=True, text=True)
    assert unknown.returncode == 2
    assert "align" in unknown.stderr
    output = tmp_path / "o.jsonl"
    missing = [*run, "align", str(tmp_path / "no.jsonl"), "-o", str(output), "--source", "own"]
    result = subprocess.run(missing, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    assert main(["align", str(toy_manifest), "-o", str(output), "--source", "praat"]) == 2
