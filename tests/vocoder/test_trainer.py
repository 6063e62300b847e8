"""The trainer as people run it: a real corpus folder, the real command, kill -9 and continue."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from secousti.vocoder.files import load_vocoder
from tests.toy import toy_codec

pytest.importorskip("accelerate")
from train.engine.run import Run
from train.vocoder.config import load
from train.vocoder.task import VocoderTask

CONFIG = """
mel: {n_mels: 20}
vocoder:
  kind: causal_istft
  causal_istft: {channels: 8, layers: 1, pitch_channels: 8, n_fft: 512, lookahead: 1}
training:
  data: {root: ., train: [train.jsonl], valid: [valid.jsonl], frames: 16, batch_size: 2,
         valid_utterances: 1}
  loss:
    adversarial_from: 0.5
    adversarial_frames: 8
    n_ffts: [256, 128]
    discriminators: {periods: [2], n_ffts: [128], channels: 2, layers: 2}
  optim: {steps: 12}
  run: {output: run, device: cpu, log_every: 1, validate_every: 100, save_every: 2}
"""


def speechlike(seed: int, seconds: float) -> np.ndarray:
    """A gliding buzz with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(22050 * seconds)) / 22050
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(2 * np.pi * t * (1 + seed % 3))) / 22050
    buzz = sum(np.sin(k * phase) / k for k in range(1, 15))
    pauses = (np.sin(2 * np.pi * 1.5 * t) > -0.5).astype(float)
    return 0.1 * buzz * pauses + 0.003 * rng.standard_normal(len(t))


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, seeds in (("train", (0, 1, 2)), ("valid", (7,))):
        rows = []
        for seed in seeds:
            soundfile.write(tmp_path / f"{seed}.wav", speechlike(seed, 2.5), 22050)
            row = {"audio": f"{seed}.wav", "speaker": f"s{seed}", "corpus": "c", "language": "en"}
            rows.append(json.dumps(row))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows))
    (tmp_path / "toy.yaml").write_text(CONFIG)
    return tmp_path


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    repository = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "train.vocoder", "toy.yaml", *overrides]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def finish(folder: Path, *overrides: str) -> str:
    process = start(folder, *overrides)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def train(folder: Path, *overrides: str) -> None:
    """The same in this process (``corpus`` is the working directory)."""
    Run(VocoderTask(load(folder / "toy.yaml", overrides))).run()


def metrics(run: Path) -> dict[tuple[int, str], str]:
    """(step, name) -> value, without what depends on the clock."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    timed = {"train/audio_per_second", "train/data_wait"}
    values = {(int(r["step"]), r["name"]): r["value"] for r in rows if r["name"] not in timed}
    assert len(values) == len([r for r in rows if r["name"] not in timed]), "a step logged twice"
    return values


def test_a_killed_run_continues_exactly(corpus: Path) -> None:
    train(corpus, "training.run.output=whole")
    process = start(corpus, "training.run.output=killed")
    deadline = time.monotonic() + 900
    while not (corpus / "killed" / "checkpoints" / "step_00000008").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)  # after discriminators have begun
    process.communicate()
    assert "continuing from" in finish(corpus, "training.run.output=killed")
    whole = metrics(corpus / "whole")
    assert metrics(corpus / "killed") == whole
    assert {step for step, _ in whole} == set(range(1, 13))
    assert math.isfinite(float(whole[12, "train/discriminators"]))
    last = [corpus / name / "checkpoints" / "step_00000012" for name in ("killed", "whole")]
    for file in sorted(last[1].glob("*.safetensors")):
        theirs, ours = load_file(file), load_file(last[0] / file.name)
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(theirs[k], ours[k]) for k in theirs), file.name
    vocoder, _ = load_vocoder(corpus / "whole" / "vocoder")
    audio, _ = vocoder(torch.full((1, 20, 9), -5.0))
    assert audio.shape == (1, 1, 9 * 256)
    published = corpus / "whole" / "vocoder" / "discriminators.safetensors"
    assert load_file(published).keys() == load_file(last[1] / "discriminators.safetensors").keys()
    assert {name for step, name in whole if step == 12} >= {"valid/stoi", "valid/mel_l1"}


def test_second_phase_hears_decoded_mels(corpus: Path) -> None:
    train(corpus, "mel.n_mels=80", "training.optim.steps=2", "training.run.output=first")
    toy_codec().save_pretrained(corpus / "codec")
    second = (
        "mel.n_mels=80",
        "training.data.codec=codec",
        "training.run.init=first/vocoder",
        "training.run.output=second",
    )
    task = VocoderTask(load(corpus / "toy.yaml", second))
    published = load_file(corpus / "first" / "vocoder" / "model.safetensors")
    assert all(torch.equal(v, published[k]) for k, v in task.vocoder.state_dict().items())
    given: list[torch.Tensor] = []
    task.speaker.register_forward_pre_hook(lambda _m, inputs: given.append(inputs[0]))
    Run(task).run()
    real = VocoderTask(load(corpus / "toy.yaml", ("mel.n_mels=80",)))
    real.speaker.register_forward_pre_hook(lambda _m, inputs: given.append(inputs[0]))
    real.open(real.stage(1))
    real.learn([real.dataset[0]], 1)
    assert given[0].shape == given[-1].shape
    assert not torch.allclose(given[0], given[-1], atol=0.1)  # the same crops, other mels


def test_mistakes_are_one_sentence(corpus: Path) -> None:
    process = start(corpus, "training.data.train=[missing.jsonl]")
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 1
    assert (
        output.strip()
        .splitlines()[-1]
        .startswith("error: the manifest missing.jsonl does not exist")
    )
