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
from train.p2psyn.discriminator import compressed
from train.p2psyn.losses import feature_loss
from train.p2psyn.receiver import Receiver, ReceiverTask, train_receiver

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


def test_a_share_hears_the_plain_token_alone() -> None:
    """Row by row while it trains; in use all rows hear every pseudo VQ."""
    codec = toy_codec(causal=True)
    codes = torch.randint(32, (1, 1, 12)).expand(40, 1, 12)
    always, never, half = (Receiver(codec, "all", share) for share in (1.0, 0.0, 0.5))
    plain = Receiver(codec, "plain")(codes)[0]
    assert torch.equal(always.train()(codes)[0], plain)
    assert torch.equal(always.eval()(codes)[0], never(codes)[0])
    alone = (half.train()(codes)[0] == plain).flatten(1).all(1)
    assert 5 < int(alone.sum()) < 35


def test_the_losses_of_a_listener_and_the_discriminators_own_rate(
    make_config: Make, tmp_path: Path
) -> None:
    _, folder = saved(tmp_path / "codec", "expected")
    changes = {
        "teacher.loudness_weight": 1.0,
        "teacher.intelligibility_weight": 1.0,
        "teacher.discriminator_lr": 0.0,
        "teacher.discriminator_exponent": 0.5,
        "teacher.feature_relative": True,
        "receiver.tokens": 16,
    }
    config = make_config(causal=True, **changes)
    run, found = Path(config.run.output) / "receiver", []
    for steps in (2, 4):
        optim = replace(config.receiver.optim, steps=steps)
        train_receiver(replace(config, receiver=replace(config.receiver, optim=optim)), folder)
        found.append(load_file(run / "checkpoints" / "last" / "discriminators.safetensors"))
    rows = (run / "metrics.csv").read_text()
    assert ",train/loudness," in rows
    assert ",train/intelligibility," in rows
    assert all(torch.equal(found[0][name], tensor) for name, tensor in found[1].items())


def test_compression_keeps_signs_and_order() -> None:
    x = torch.tensor([-4.0, -0.25, 0.0, 0.25, 4.0])
    assert torch.equal(compressed(x, 1.0), x)
    expected = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
    torch.testing.assert_close(compressed(x, 0.5), expected, atol=0.02, rtol=0)


def test_relative_features_do_not_depend_on_their_size() -> None:
    real, fake = torch.tensor([1.0, -3.0]), torch.tensor([2.0, -3.0])
    for size in (1.0, 100.0):
        found = feature_loss([[size * real]], [[size * fake]], relative=True)
        assert float(found) == pytest.approx(0.25)


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


def test_crops_have_the_codecs_own_tokens(make_config: Make, tmp_path: Path) -> None:
    """Not those of the file's codec, which another one may be tuned with."""
    codec, _ = saved(tmp_path / "codec", "expected")
    config = make_config(causal=True, **{"codec.backbone.stride": 4})
    task = ReceiverTask(config, codec)
    tokens = (task.dataset.segment + codec.config.backbone.coefficients) / codec.frame_size
    assert tokens == config.receiver.tokens
