"""``python -m train.finetune``: another speaker, the same tokens; interrupted, it goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from secousti.cli.app import run
from secousti.container.encoded import load_encoded
from tests.toy import toy_codec, toy_speech
from tests.train.corpus import REPO, environment, finish

SMALL = (
    "training.data.batch_size=2",
    "codec:training.data.crop_seconds=0.4",
    "codec:training.data.window_seconds=0.3",
    "codec:training.run.valid_items=2",
    "vocoder:training.data.frames=6",
    "vocoder:training.data.warm=8",
    "vocoder:training.data.valid_utterances=1",
    "training.run.device=cpu",
)
TOKENS = ("mel.", "encoder.", "semantic_projection.", "quantizer.", "acoustic_projection.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A codec in half precision, and a recording of 20 s beside one that is no sound."""
    folder = tmp_path_factory.mktemp("finetune")
    toy_codec().save_pretrained(folder / "old", dtype=torch.float16)
    (folder / "me").mkdir()
    soundfile.write(folder / "me" / "long.wav", toy_speech(20.0)[0].numpy(), 22050)
    (folder / "me" / "broken.wav").write_bytes(b"RIFF")
    return folder


def _finetune(folder: Path, minutes: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "train.finetune", str(folder / "me"), "-m"]
    command += [str(folder / "old"), "-o", str(folder / "new"), "--minutes", str(minutes), *SMALL]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=REPO, env=environment(), stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def _secousti(*arguments: object) -> None:
    with pytest.raises(SystemExit) as end:
        run([str(argument) for argument in arguments])
    assert not end.value.code


def _notes(printed: tuple[str, str]) -> list[str]:
    lines = "".join(printed).splitlines()
    return [line for line in lines if line.startswith(("secousti:", "note", "warning"))]


def test_tuned_codec_reads_old_tokens(folder, capsys):
    first = _finetune(folder, 60.0)
    plan = folder / "new" / "phases" / "codec.json"
    metrics = folder / "new" / "runs" / "codec" / "metrics.csv"
    while not metrics.is_file() and first.poll() is None:
        time.sleep(0.2)
    planned = json.loads(plan.read_text())["steps"]["synthesis"]
    first.send_signal(signal.SIGTERM)
    assert "the same command goes on" in finish(first, 1)
    spent = json.loads((folder / "new" / "job.json").read_text())["spent"]
    assert spent["codec"] > 0

    out = finish(_finetune(folder, 0.01))  # no time left: every phase takes its two steps
    assert json.loads(plan.read_text())["steps"]["synthesis"] < planned
    assert "| before |" in out
    assert "| after |" in out
    assert "1 left out (unreadable audio)" in out
    sounds = [path.name for path in (folder / "new" / "report" / "sounds").iterdir()]
    assert any(name.endswith("__after.wav") for name in sounds)

    old, new = (load_file(folder / name / "model.safetensors") for name in ("old", "new/codec"))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert {name.split(".")[0] for name in changed} == {
        "connector",
        "decoder",
        "paralinguistic",
        "vocoder",
    }
    assert all(old[name].dtype == new[name].dtype for name in old)
    assert not any(name.startswith(TOKENS) for name in changed)
    configs = [json.loads((folder / n / "config.json").read_text()) for n in ("old", "new/codec")]
    assert configs[0]["token_hash"] == configs[1]["token_hash"]

    sct, wav = folder / "old.sct", folder / "old.wav"
    recording = folder / "me" / "long.wav"
    _secousti("encode", recording, "-m", folder / "old", "-o", sct)
    capsys.readouterr()
    _secousti("decode", sct, "-m", folder / "new" / "codec", "-o", wav)
    (note,) = _notes(capsys.readouterr())
    assert "voice" in note  # its numbers are another encoder's; of the tokens nothing is said
    assert "token" not in note
    assert soundfile.info(wav).frames == soundfile.info(recording).frames
    again = folder / "new.sct"
    _secousti("encode", recording, "-m", folder / "new" / "codec", "-o", again)
    ours, theirs = (load_encoded(path).codes for path in (sct, again))
    assert torch.equal(ours, theirs)


def test_another_job_in_the_folder_is_refused(folder):
    (folder / "new").mkdir(exist_ok=True)
    (folder / "new" / "job.json").write_text(json.dumps({"job": {}, "spent": {}, "done": {}}))
    assert "holds another job" in finish(_finetune(folder, 1.0), 1)
