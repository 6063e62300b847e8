"""The live path, headless: from a file or a pipe to a file or a pipe."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from secousti import SecoustiError
from secousti.live import run
from secousti.live.session import live
from secousti.sessions.channel import Channel
from tests.p2psyn.toy import half_causal_codec
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import AUDIO_TOLERANCE, toy_codec, toy_speech


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    return toy_codec().save_pretrained(tmp_path_factory.mktemp("models") / "toy")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("audio") / "speech.wav"
    soundfile.write(path, toy_speech(2.0, 16000)[0].numpy(), 16000)
    return path


def test_no_clicks_at_chunk_boundaries() -> None:
    """The frames' sound, end to end, is what decoding everything at once gives."""
    codec = toy_codec()
    wav = toy_speech(3.0)
    encoded = codec.encode(wav, codec.sample_rate)
    voice = encoded.paralinguistic
    frames = list(run(codec, [c.numpy() for c in wav[0].split(777)], 22050, voice=voice))
    assert torch.equal(torch.cat([f.codes for f in frames]), encoded.codes[0, 0])
    sound = torch.from_numpy(np.concatenate([f.audio for f in frames]))
    offline = codec.decode(encoded)[0, 0]
    torch.testing.assert_close(sound[: len(offline)], offline, atol=AUDIO_TOLERANCE, rtol=0)


def test_losses_are_the_same_for_the_same_seed() -> None:
    codec = toy_codec()
    wav = toy_speech(3.0)[0].numpy()

    def lost(seed: int) -> list[int]:
        chunks = np.array_split(wav, 60)
        return [f.lost for f in run(codec, chunks, 22050, channel=Channel(0.3, seed=seed))]

    assert lost(1) == lost(1) != lost(2)
    assert sum(lost(1)) > 5


def test_file_to_file(model, recording, tmp_path) -> None:
    out = tmp_path / "heard.wav"
    summary = live(str(recording), str(out), model=str(model), sample_rate=16000)
    info = soundfile.info(out)
    assert info.samplerate == 16000
    assert abs(info.duration - 2.0) < 2 * 1024 / 22050
    assert summary.tokens == 44
    assert summary.voice_bits >= 512
    assert summary.algorithmic_latency == pytest.approx((1024 + 256) / 22050)
    assert 0 < summary.step(0.5) <= summary.step(0.95)
    with pytest.raises(SecoustiError, match="exists already; --force overwrites it"):
        live(str(recording), str(out), model=str(model))


def test_another_voice_changes_the_sound(model, recording, tmp_path) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, 0.5 * toy_speech(2.0, seed=9)[0].numpy(), 22050)
    live(str(recording), str(tmp_path / "own.wav"), model=str(model))
    live(str(recording), str(tmp_path / "new.wav"), model=str(model), voice=str(other))
    own, _ = soundfile.read(tmp_path / "own.wav")
    new, _ = soundfile.read(tmp_path / "new.wav")
    assert own.shape == new.shape
    assert np.abs(own - new).max() > 2e-4


def test_pipe_to_pipe(model, recording) -> None:
    command = [sys.executable, "-m", "secousti", "live", "-", "-o", "-", "-m", str(model)]
    done = subprocess.run(command, input=recording.read_bytes(), capture_output=True, check=True)
    sound, rate = soundfile.read(io.BytesIO(done.stdout))
    assert rate == 22050
    assert len(sound) >= 2 * 22050 - 1024
    assert b"bit/s" in done.stderr


@pytest.mark.parametrize("mode", ["all", "plain"])
def test_p2psyn_works_live(mode: str, recording, tmp_path) -> None:
    """Its tokens, its sound and its latency; no voice is sent."""
    codec = toy_p2psyn(True, lookahead=1) if mode == "all" else half_causal_codec()
    model, out = codec.save_pretrained(tmp_path / "p2p"), tmp_path / "heard.wav"
    summary = live(str(recording), str(out), model=str(model), mode=mode)
    encoded = codec.encode(str(recording))
    want = codec.decode(encoded, mode=mode)[0, 0].numpy()
    heard, rate = soundfile.read(out, dtype="float32")
    assert rate == 16000
    np.testing.assert_allclose(heard[: len(want)], want, atol=1e-4)
    assert summary.tokens == encoded.codes.shape[-1]
    assert summary.voice_bits == 0
    ahead = codec.config.pseudo.lookahead
    assert summary.algorithmic_latency == pytest.approx(0.02 + 0.0025 + 0.02 * ahead)
    lossy = live(
        str(recording), str(out), model=str(model), mode=mode, channel=Channel(0.2), force=True
    )
    assert 5 < lossy.lost < 40


def test_what_p2psyn_cannot_do_live_is_one_sentence(recording, tmp_path) -> None:
    folders = {
        "causal": toy_p2psyn(True).save_pretrained(tmp_path / "causal"),
        "half": half_causal_codec().save_pretrained(tmp_path / "half"),
        "whole": toy_p2psyn().save_pretrained(tmp_path / "whole"),
    }
    for name, options, message in (
        ("causal", {"voice": str(recording)}, "--voice needs a SecoustiCodec"),
        ("causal", {"channel": Channel(concealment="fade")}, "use 'repeat'"),
        ("causal", {"mode": "best"}, "unknown decode mode 'best'"),
        ("half", {}, "use --mode plain, or secousti roundtrip"),
        ("whole", {"mode": "plain"}, "does not work live: use secousti roundtrip"),
    ):
        with pytest.raises(SecoustiError, match=message):
            live(str(recording), str(tmp_path / "x.wav"), model=str(folders[name]), **options)


def test_no_microphone_is_one_sentence(model) -> None:
    command = [sys.executable, "-m", "secousti", "live", "mic", "-o", "-", "-m", str(model)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "sound device" in done.stderr or "[live]" in done.stderr
    assert "Traceback" not in done.stderr
