"""Stage 3: the receiver is tuned on what arrives, and every token means what it meant."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from secousti import SecoustiError, load_codec
from secousti.p2psyn.codec import P2PSynCodec
from tests.p2psyn.conftest import Make
from tests.p2psyn.toy import toy_codec
from train.p2psyn.receiver import train_receiver

TOKENS = ("teacher.encoder.", "teacher.quantizer.")


def saved(folder: Path, estimate: str) -> tuple[P2PSynCodec, str]:
    codec = toy_codec(causal=True)
    pseudo = replace(codec.config.pseudo, estimate=estimate)
    other = P2PSynCodec(replace(codec.config, pseudo=pseudo)).eval()
    other.load_state_dict(codec.state_dict())
    other.save_pretrained(folder)
    return load_codec(folder), str(folder)


@pytest.mark.parametrize("estimate", ["expected", "argmax"])
def test_only_what_comes_after_the_tokens_changes(
    make_config: Make, tmp_path: Path, estimate: str
) -> None:
    """A mean passes gradients to the pseudo VQs, a choice of one token does not."""
    before, folder = saved(tmp_path / "codec", estimate)
    after = load_codec(train_receiver(make_config(causal=True), folder))
    assert (after.weight_hash, after.token_hash) == (before.weight_hash, before.token_hash)
    old, new = before.state_dict(), after.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert not [name for name in changed if name.startswith(TOKENS)]
    assert any(name.startswith("teacher.decoder.") for name in changed)
    assert any(name.startswith("pseudo.") for name in changed) == (estimate == "expected")


def test_it_resumes_exactly(make_config: Make, tmp_path: Path) -> None:
    _, folder = saved(tmp_path / "codec", "expected")
    config = make_config(causal=True)
    train_receiver(config, folder, "once")
    optim = replace(config.receiver.optim, steps=2)
    half = replace(config, receiver=replace(config.receiver, optim=optim))
    train_receiver(half, folder, "parts")
    torch.manual_seed(7)
    train_receiver(config, folder, "parts")
    last = [Path(config.run.output) / name / "checkpoints" / "last" for name in ("once", "parts")]
    whole, resumed = (load_file(path / "receiver.safetensors") for path in last)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_the_command_and_an_old_file(
    make_config: Make, tmp_path: Path, speech: torch.Tensor
) -> None:
    _, folder = saved(tmp_path / "codec", "expected")
    make_config("tuned", causal=True)
    soundfile.write(tmp_path / "speech.wav", speech.numpy(), 16000)
    old, wav = tmp_path / "old.sct", tmp_path / "speech.wav"
    run("secousti", "encode", wav, "-m", folder, "-o", old)
    told = run("train.p2psyn", "receiver", tmp_path / "tuned.yaml", "--codec", folder)
    run("secousti", "decode", old, "-m", told.splitlines()[-1], "-o", tmp_path / "back.wav")
    assert len(soundfile.read(tmp_path / "back.wav")[0]) == len(speech)


def run(*command: object) -> str:
    words = [sys.executable, "-m", *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_codec_of_another_rate(make_config: Make, tmp_path: Path) -> None:
    _, folder = saved(tmp_path / "codec", "expected")
    config = make_config(causal=True, **{"codec.sample_rate": 48000})
    with pytest.raises(SecoustiError, match="16000 Hz, the file of 48000 Hz"):
        train_receiver(config, folder)
