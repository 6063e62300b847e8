"""Mel, resampling and files against the libraries they agree with."""

from __future__ import annotations

import pytest
import torch

from secousti.audio.io import load_audio, save_audio
from secousti.audio.mel import LogMel, MelStream, slaney_filterbank
from secousti.audio.resample import ResampleStream, SincResampler
from secousti.config import MelConfig
from tests.toy import ragged, toy_speech


def test_filterbank_is_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    theirs = librosa.filters.mel(sr=22050, n_fft=1024, n_mels=80, fmin=0, fmax=8000)
    torch.testing.assert_close(slaney_filterbank(MelConfig()), torch.from_numpy(theirs))


@pytest.mark.parametrize("mode", ["causal", "centered"])
@pytest.mark.parametrize("samples", [1, 100, 384, 385, 400, 5000, 12_345])
def test_mel_stream_equals_offline(mode: str, samples: int) -> None:
    mel = LogMel(MelConfig(mode=mode))
    wav = toy_speech(1.0)[:, :samples]
    stream = MelStream(mel, multiple=4)
    for _ in range(2):  # a flushed stream starts anew
        pieces = [stream.push(wav[0, s]) for s in ragged(samples, 900)]
        streamed = torch.cat([*pieces, stream.flush()], dim=-1)
        torch.testing.assert_close(streamed, mel(wav, 4)[0], atol=1e-5, rtol=0)


def test_causal_mel_needs_no_later_sample() -> None:
    mel = LogMel(MelConfig(mode="causal"))
    wav = toy_speech(0.5)
    changed = wav.clone()
    changed[:, 5 * 256 :] = 0.3
    assert torch.equal(mel(wav)[..., :5], mel(changed)[..., :5])


@pytest.mark.parametrize("rates", [(48000, 22050), (44100, 22050), (16000, 22050), (22050, 48000),
                                   (8000, 22050), (11025, 22050), (22050, 16000)])  # fmt: skip
def test_resampling_is_torchaudios_and_streams(rates: tuple[int, int]) -> None:
    transforms = pytest.importorskip("torchaudio.transforms")
    wav = toy_speech(0.7, rates[0], rows=2)
    resampler = SincResampler(*rates)
    ours = resampler(wav)
    torch.testing.assert_close(ours, transforms.Resample(*rates)(wav), atol=1e-6, rtol=0)
    stream = ResampleStream(resampler)
    pieces = [stream.push(wav[0, s]) for s in ragged(wav.shape[1], 600)]
    torch.testing.assert_close(torch.cat([*pieces, stream.flush()]), ours[0], atol=1e-6, rtol=0)


def test_odd_rates_need_no_gigabytes() -> None:
    wav = torch.sin(2 * torch.pi * 440 * torch.arange(22051) / 22051)
    out = SincResampler(22051, 22050)(wav)
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(22050) / 22050)
    torch.testing.assert_close(out[100:-100], expected[100:-100], atol=2e-2, rtol=0)


def test_resampler_waits_for_six_zero_crossings_only() -> None:
    resampler = SincResampler(16000, 22050)
    stream = ResampleStream(resampler)
    out = stream.push(torch.randn(1000))
    assert len(out) >= (1000 - resampler.width) * 22050 // 16000


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_files_round_trip(tmp_path, suffix: str) -> None:
    wav = 0.3 * torch.sin(torch.arange(24000) / 20)
    path = tmp_path / f"x{suffix}"
    save_audio(path, wav, 24000)
    loaded, rate = load_audio(path)
    assert rate in (24000, 48000)
    assert abs(len(loaded) / rate - 1.0) < 0.1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
