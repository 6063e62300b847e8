"""HiFT computes what the release computes, and reads its weights strictly."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from secousti.config import MelConfig
from secousti.errors import SecoustiError
from secousti.vocoder import HiftConfig
from secousti.vocoder.hift import HiftVocoder, hift_config
from secousti.vocoder.timed import PartRunner, Timed, add, leaky_relu
from secousti.vocoder.timed_stft import TimedIstft
from tests.vocoder.conftest import MEL, PARITY, toy_mel, toy_vocoder

Tensors = dict[str, Tensor]


def assert_close(ours: Tensor, theirs: Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(ours.float(), theirs, atol=atol, rtol=1e-4)


def test_fundamental(hift: HiftVocoder, hift_io: Tensors) -> None:
    f0, _ = hift.f0_predictor(Timed(hift_io["mel"]), None)
    assert_close(f0.values[:, 0], hift_io["f0"], atol=1e-3)  # Hz


def test_sines_and_source(hift: HiftVocoder, hift_io: Tensors) -> None:
    hift.m_source.phases.copy_(hift_io["phase_vec"].flatten())
    hift.m_source.noise.zero_()
    f0 = hift_io["f0"].double()
    voiced = (f0 > 10).repeat_interleave(256, dim=-1)
    assert torch.equal(voiced, hift_io["uv"][:, 0].bool())
    cycles, _ = hift.m_source._cycles(f0, torch.zeros(1, dtype=torch.float64))
    # The release sums the phase in single precision: 2e-4 after 16 frames.
    sines = hift.m_source.sines(cycles, voiced)[..., :2048]
    assert_close(sines, hift_io["sine_noise_free_first2048"], atol=3e-4)
    source, _ = hift.m_source(Timed(f0[:, None]), None)
    assert_close(source.values, hift_io["source"], atol=3e-4)


def test_taps_given_the_source(hift: HiftVocoder, hift_io: Tensors) -> None:
    run = PartRunner(hift._parts(), None)
    spectra = run("stft", Timed(hift_io["source"]))
    assert_close(spectra.values[..., :64], hift_io["source_stft_first64"])
    x = run("pre", Timed(hift_io["mel"]))
    assert_close(x.values, hift_io["conv_pre_out"])
    x = run("up0", x.map(leaky_relu(0.1)))
    assert_close(x.values, hift_io["ups0_out"])
    down = run("down0", spectra)
    assert_close(down.values, hift_io["source_downs0_out"])
    unit = run("source_unit0", down)
    assert_close(unit.values, hift_io["source_resblocks0_out"])
    first, _ = hift.resblocks[0](add(x, unit), None)
    assert_close(first.values, hift_io["resblocks0_out"])
    posts: list[Tensor] = []
    hift.conv_post.register_forward_hook(lambda _m, _i, out: posts.append(out[0].values))
    wave = hift.generate(hift_io["mel"], hift_io["source"])
    assert_close(posts[0], hift_io["conv_post_out"])
    assert_close(wave[:, 0], hift_io["wave"], atol=2e-5)


def test_inverse_stft_with_limited_magnitudes(hift_io: Tensors) -> None:
    magnitude, phase = hift_io["istft_mag_in"], hift_io["istft_phase_in"]
    assert (magnitude > 100).any()
    istft = TimedIstft(16, 4)
    audio, _ = istft.overlap_add(Timed(magnitude), istft.spectra(magnitude, phase), None)
    assert_close(audio.values[:, 0], hift_io["istft_out"])


def test_seeded(hift: HiftVocoder) -> None:
    mel = toy_mel(1, 12)
    same = toy_vocoder("hift")
    assert torch.equal(hift(mel)[0], same(mel)[0])
    other = HiftVocoder(HiftConfig(channels=32, f0_channels=32, seed=1), MEL).eval()
    other.load_release_state(load_file(PARITY / "hift.safetensors"))
    assert not torch.equal(other(mel)[0], same(mel)[0])


def test_sizes_are_read_from_the_weights(hift_params: dict[str, object]) -> None:
    config = hift_config(load_file(PARITY / "hift.safetensors"))
    assert config.channels == hift_params["base_channels"]
    assert list(config.resblock_kernel_sizes) == hift_params["resblock_kernel_sizes"]
    assert list(config.source_kernel_sizes) == hift_params["source_resblock_kernel_sizes"]
    assert list(config.upsample_rates) == hift_params["upsample_rates"]
    assert config.harmonics == hift_params["nb_harmonics"]
    assert config.f0_channels == 32


def test_lookahead_of_the_release() -> None:
    assert toy_vocoder("hift").lookahead == 19


def test_every_wrong_key_is_named(hift: HiftVocoder) -> None:
    state = load_file(PARITY / "hift.safetensors")
    del state["conv_pre.bias"]
    state["extra.weight"] = torch.zeros(1)
    with pytest.raises(SecoustiError, match=r"a\.pt.*conv_pre\.bias.*extra\.weight"):
        hift.load_release_state(state, "a.pt")
    wide = HiftVocoder(HiftConfig(channels=64, f0_channels=32), MelConfig(n_mels=20))
    with pytest.raises(SecoustiError, match=r"conv_pre\.weight is \[32, 20, 7\]"):
        wide.load_release_state(load_file(PARITY / "hift.safetensors"))
    with pytest.raises(SecoustiError, match="HiFT"):
        hift_config({"a": torch.zeros(1)})
