"""Pieces with a truth of their own: fundamental, pulses, windows, losses, files, configurations."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from secousti.config import MelConfig
from secousti.errors import SecoustiError
from secousti.vocoder import CausalIstftConfig, VocoderConfig, build_vocoder
from secousti.vocoder.files import load_vocoder, save_vocoder
from secousti.vocoder.overlap import MagnitudeProjection, synthesis_window
from secousti.vocoder.source import PulseTrain
from tests.vocoder.conftest import CONFIGS, toy_mel, toy_vocoder
from train.tools.curves import draw_runs
from train.vocoder.config import load
from train.vocoder.losses import SpectralLoss
from train.vocoder.pitch import SPAN, yin

CONFIG_FILES = sorted((Path(__file__).parents[2] / "configs" / "vocoder").glob("*.yaml"))


@pytest.mark.parametrize("hz", [70.0, 123.4, 250.0, 441.0])
def test_yin_finds_pulses(hz: float) -> None:
    pulses, _ = PulseTrain(22050, 256)(torch.full((1, 30), hz, dtype=torch.float64))
    octaves, voiced = yin(pulses, range(256, 256 * 20, 256), 22050)
    assert voiced.all()
    assert (octaves - math.log2(hz)).abs().max() < 0.02
    assert not yin(torch.zeros(1, 8000), range(0, 8000 - SPAN, 256), 22050)[1].any()


def test_pulses_are_the_sum_of_harmonics() -> None:
    pulses, _ = PulseTrain(22050, 256)(torch.full((1, 8), 200.0, dtype=torch.float64))
    t = torch.arange(1, 8 * 256 + 1, dtype=torch.float64) / 22050
    count = int(0.475 * 22050 / 200)
    expected = sum(torch.cos(2 * math.pi * 200 * k * t) for k in range(1, count + 1)) * 200 / 512
    torch.testing.assert_close(pulses[0].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("n_fft", [256, 320, 384, 512, 768, 1024])
def test_windows_add_up(n_fft: int) -> None:
    total = torch.zeros(4096)
    for start in range(0, 4096 - n_fft, 256):
        total[start : start + n_fft] += synthesis_window(n_fft, 256).square()
    torch.testing.assert_close(total[1024:2560], torch.ones(1536))


def test_projection_keeps_what_is_right() -> None:
    """Audio whose spectra already fit the mel passes; wrong levels are corrected."""
    torch.manual_seed(0)
    from secousti.audio.mel import LogMel

    mel = LogMel(MelConfig())
    t = torch.arange(256 * 40) / 22050
    wav = 0.1 * sum(torch.sin(2 * math.pi * 150 * k * t) for k in range(1, 20))[None]
    frames = mel(wav).mT
    blocks = torch.cat([wav.view(1, -1, 256), torch.zeros(1, 1, 256)], dim=1)
    running = torch.cat([blocks[:, :-1], blocks[:, 1:]], dim=-1)  # the due hop and the next one
    late = torch.cat([torch.zeros(1, 1, 512), running[:, :-1]], dim=1)
    project = MagnitudeProjection(MelConfig(), lookahead=1)
    same, _ = project(late, mel=frames)
    quiet, _ = project(0.25 * late, mel=frames)
    wanted = late[..., :256]
    assert (same - wanted)[:, 8:].std() < 0.25 * wanted.std()
    assert quiet[:, 8:].std() > 0.6 * wanted.std()


def test_spectral_loss_orders_copies() -> None:
    torch.manual_seed(0)
    wav = torch.randn(1, 8000) * 0.1
    loss = SpectralLoss((512, 128))
    assert loss(wav, wav) < 1e-6
    assert loss(-wav, wav) < 1e-6
    assert loss(0.8 * wav, wav) < loss(0.2 * wav, wav)


@pytest.mark.parametrize("name", ["harmonic", "hifigan_causal", "hift"])
def test_saved_and_loaded(name: str, tmp_path: Path) -> None:
    vocoder = toy_vocoder(name)
    save_vocoder(vocoder, CONFIGS[name], tmp_path)
    again, config = load_vocoder(tmp_path)
    assert config == CONFIGS[name]
    mel = toy_mel(1, 5)
    assert torch.equal(vocoder(mel)[0], again(mel)[0])
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SecoustiError, match=r"model\.safetensors is missing"):
        load_vocoder(tmp_path)


def test_odd_sizes_are_refused() -> None:
    for n_fft in (255, 128):
        config = VocoderConfig(causal_istft=CausalIstftConfig(n_fft=n_fft))
        with pytest.raises(SecoustiError, match=f"n_fft {n_fft}"):
            build_vocoder(config, MelConfig())


@pytest.mark.parametrize("path", CONFIG_FILES, ids=lambda path: path.stem)
def test_configurations_load(path: Path) -> None:
    config = load(path, ("training.optim.steps=7",))
    assert config.training.optim.steps == 7
    assert config.training.run.output == f"runs/vocoder/{path.stem}"


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [(5, "valid/pesq", 1.5), (10, "valid/pesq", 1.7), (5, "train/mel", 0.6)]
    text = "".join(f"{step},{name},{value}\n" for step, name, value in rows)
    (tmp_path / "metrics.csv").write_text(f"step,name,value\n{text}10,train/mel,nan\n")
    draw_runs([tmp_path], ["run"], tmp_path / "a" / "curves.png")
    assert (tmp_path / "a" / "curves.png").stat().st_size > 5000
    with pytest.raises(SecoustiError, match=r"metrics\.csv does not exist"):
        draw_runs([tmp_path / "a"], ["run"], tmp_path / "b.png")
