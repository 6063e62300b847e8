"""Training on what disks and people leave behind: damaged checkpoints, replaced recordings, NaN."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from secousti.errors import SecoustiError
from tests.toy import toy_speech
from tests.train.corpus import RATE, losses, toy_document, write_corpus
from train.codec import task as codec
from train.codec.config import Config
from train.data.packed import PackedAudio
from train.engine.checkpoint import CheckpointFolder, find_fault

pytest.importorskip("accelerate")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    """A run that stopped at step 6 of both stages, saved every two steps."""
    folder = tmp_path_factory.mktemp("corpus")
    document = toy_document(folder, write_corpus(folder, utterances=8))
    document["codec"]["mel"] = {"mode": "causal"}  # which a bundled vocoder speaks
    document["training"]["schedule"] |= {"stage1_end": 4, "total_steps": 6}
    for kl in ("kl_semantic", "kl_para"):
        document["training"]["schedule"][kl] = {"start": 6, "end": 8}
    document["training"]["run"] |= {"save_every": 2, "keep_last": 5}
    _train(document)
    return document, folder / "run"


def _train(document: dict, **changes: object) -> None:
    from secousti.config import from_dict, merge

    part = {"run": {k: v for k, v in changes.items() if k == "output"}}
    part |= {"schedule": {k: v for k, v in changes.items() if k != "output"}}
    codec.train(from_dict(Config, merge(document, {"training": part})))


def _truncate(folder: Path) -> None:
    os.truncate(folder / "objective.safetensors", 1000)


def _empty(folder: Path) -> None:
    (folder / "state.json").write_text("")


def _flip(folder: Path) -> None:
    path = folder / "objective.optimizer.safetensors"
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def _remove(folder: Path) -> None:
    (folder / "codec" / "model.safetensors").unlink()


def _copied(trained: tuple[dict, Path], folder: Path, symlinks: bool = True) -> tuple[dict, Path]:
    """The run again in a place of its own, and what it was made from."""
    document, run = trained
    copy = folder / "run"
    shutil.copytree(run, copy, symlinks=symlinks)
    return document, copy


# Users saw: after a power cut or a full disk, a traceback though an older checkpoint was whole.
# RVC WebUI #953, hifi-gan #117, transformers PR #40790
@pytest.mark.parametrize("damage", [_truncate, _empty, _flip, _remove])
def test_a_damaged_checkpoint_falls_back_and_names_both(
    trained: tuple[dict, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], damage
) -> None:
    document, copy = _copied(trained, tmp_path)
    last = copy / "checkpoints" / "step_00000006"
    damage(last)
    _train(document, output=str(copy), total_steps=7)
    printed = capsys.readouterr().out
    assert str(last) in printed
    assert f"going on from {copy / 'checkpoints' / 'step_00000004'}" in printed
    assert last.with_name("step_00000006.damaged").is_dir(), "nothing is lost"
    events = (copy / "events.jsonl").read_text()
    assert json.loads(events.splitlines()[-1])["event"] == "damaged checkpoint"
    assert {step for step, _ in losses(copy)} == set(range(1, 8))
    assert CheckpointFolder(copy / "checkpoints", 5).last().name == "step_00000007"


def test_when_none_is_whole_nothing_is_overwritten(
    trained: tuple[dict, Path], tmp_path: Path
) -> None:
    document, copy = _copied(trained, tmp_path)
    for path in CheckpointFolder(copy / "checkpoints", 5).all():
        _truncate(path)
    before = sorted(path.name for path in (copy / "checkpoints").iterdir())
    with pytest.raises(SecoustiError, match=r"no checkpoint in .* is whole"):
        _train(document, output=str(copy), total_steps=7)
    assert sorted(path.name for path in (copy / "checkpoints").iterdir()) == before


def test_a_run_copied_without_its_links_continues(
    trained: tuple[dict, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, copy = _copied(trained, tmp_path)
    for name in ("last", "best"):
        (copy / "checkpoints" / name).unlink()
    _train(document, output=str(copy), total_steps=7)
    assert "step_00000006" in capsys.readouterr().out
    assert (copy / "checkpoints" / "last").resolve().name == "step_00000007"


def test_a_run_copied_with_its_links_resolved_continues(
    trained: tuple[dict, Path], tmp_path: Path
) -> None:
    document, copy = _copied(trained, tmp_path, symlinks=False)
    _train(document, output=str(copy), total_steps=7)
    assert (copy / "checkpoints" / "last").is_symlink()


def test_a_run_holds_no_pickle_and_every_file_is_as_it_was_written(
    trained: tuple[dict, Path],
) -> None:
    _, run = trained
    suffixes = {path.suffix for path in run.rglob("*") if path.is_file()}
    assert suffixes <= {".safetensors", ".json", ".jsonl", ".csv", ".txt", ".md"}
    assert all(find_fault(path) is None for path in CheckpointFolder(run / "checkpoints", 5).all())


def test_a_trained_codec_speaks_and_a_finished_run_says_so(
    trained: tuple[dict, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from secousti import SecoustiCodec

    document, run = trained
    spoken = SecoustiCodec.from_pretrained(run / "codec")
    silent = SecoustiCodec.from_pretrained(run / "checkpoints" / "last" / "codec")
    assert silent.vocoder is None
    assert spoken.vocoder is not None
    speech = toy_speech(0.5)
    assert torch.equal(spoken.encode(speech, 22050).codes, silent.encode(speech, 22050).codes)
    encoded = spoken.encode(speech, 22050)
    assert spoken.decode(encoded).shape[-1] == speech.shape[-1]
    _train(document)
    assert f"{run} is finished: 6 of 6 steps" in capsys.readouterr().out


# Users saw: recordings replaced under the same names (denoised), and the old sound trained on.
# magenta/ddsp #203
def test_a_replaced_recording_is_read_anew(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, utterances=4)
    before = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
    old = [before.crop(n) for n in range(4)]
    path = tmp_path / "u01.wav"
    audio, rate = soundfile.read(path)
    stat = path.stat()
    soundfile.write(path, 0.5 * audio, rate)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))  # the same size, later
    after = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
    assert np.abs(after.crop(1) - 0.5 * old[1]).max() < 1e-4
    assert all(np.array_equal(after.crop(n), old[n]) for n in (0, 2, 3))


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, utterances=4)
    whole = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache").crop(2)
    (samples,) = (tmp_path / "cache").glob("*.i16")
    os.truncate(samples, 100)
    assert np.array_equal(
        PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache").crop(2), whole
    )


# Users saw: a recording with NaN packed without a word, and silence where a file was cut off.
def test_unfit_recordings_are_left_out_named_and_counted(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, utterances=8)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    audio, _ = soundfile.read(tmp_path / "u00.wav", dtype="float32")
    audio[100:200] = np.nan
    soundfile.write(tmp_path / "u00.wav", audio, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "u01.wav", np.zeros(RATE, np.float32), RATE)
    rows[2]["duration"] *= 2  # half of it is missing
    rows[2]["duration"] += 1
    (tmp_path / "u03.wav").write_bytes(b"RIFF")
    (tmp_path / "u04.wav").unlink()
    lines = [json.dumps(row) for row in rows]
    lines[5] = '{"audio": null}'
    manifest.write_text("\n".join(lines))
    corpus = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
    assert [row.audio for row in corpus.rows] == ["u06.wav", "u07.wav"]
    reasons = {name.split("/")[-1]: reason for name, reason in corpus.faults}
    for name, reason in {
        "u00.wav": "not finite", "u01.wav": "silent", "u02.wav": "cut short",
        "u03.wav": "cannot be read", "u04.wav": "cannot be read", "manifest.jsonl": "no recording",
    }.items():  # fmt: skip
        assert reason in reasons[name]
    assert corpus.fault_summary().startswith("6 of 8 recordings are left out")
    again = PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
    assert again.faults == corpus.faults, "a later run says so too"


def test_a_corpus_without_one_usable_recording_is_refused(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, utterances=2)
    for path in tmp_path.glob("*.wav"):
        path.unlink()
    with pytest.raises(SecoustiError, match=r"no recording is usable; the first: u00\.wav cannot"):
        PackedAudio([manifest], tmp_path, RATE, tmp_path / "cache")
