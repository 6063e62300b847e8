"""Folders of config.json and model.safetensors: what they may claim, and half a codec."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from secousti import SecoustiCodec, load_codec
from secousti.config import (
    CausalIstftConfig,
    HifiganConfig,
    MelConfig,
    VocoderConfig,
    from_dict,
    to_dict,
)
from secousti.errors import SecoustiError
from secousti.hub.resolve import BUNDLED, resolve
from secousti.p2psyn.config import P2PSynConfig
from secousti.pretrained import build
from secousti.vocoder import build_vocoder, load_vocoder
from tests.toy import toy_codec, toy_config, toy_speech


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_codec().save_pretrained(tmp_path_factory.mktemp("models") / "toy")


def changed(saved: Path, target: Path, *keys: str, value: Any) -> Path:
    """A copy of the saved codec with one value of its configuration changed."""
    target.mkdir()
    document = json.loads((saved / "config.json").read_text())
    part = document["config"]
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (target / "config.json").write_text(json.dumps(document))
    (target / "model.safetensors").symlink_to(saved / "model.safetensors")
    return target


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("transformer.d_model", 40_000, "transformer.d_model must be 1 to 16384, found 40000"),
        ("transformer.context", 0, "transformer.context must be 1 to"),
        ("transformer.num_heads", 0, "transformer.num_heads must be 1 to"),
        ("transformer.num_heads", 32, "is not a multiple of num_heads 32 and of 2"),
        ("depth.semantic", 10**6, "depth.semantic must be 0 to 256, found 1000000"),
        ("mel.hop_length", 0, "mel.hop_length must be 1 to"),
        ("mel.hop_length", 2000, "leaves samples out"),
        ("mel.sample_rate", 1, "mel.sample_rate must be 1000 to"),
        ("mel.fmin", 9000.0, "must lie in 0 to mel.fmax"),
        ("mel.fmax", "nan", "expected a number, found 'nan'"),
        ("seanet.ratios", [2, 0], "seanet.ratios must be 1 to 64"),
        ("seanet.ratios", [1] * 1000, "must be 0 to 8 numbers, found 1000"),
        ("quantizer.levels", [3] * 32, "more than 2.31 tokens"),
        ("paralinguistic.window_frames", 10**9, "paralinguistic.window_frames must be"),
        ("vocoder.causal_istft.n_fft", 0, "vocoder.causal_istft.n_fft must be 2 to"),
        ("vocoder.causal_istft.layers", -1, "vocoder.causal_istft.layers must be 0 to"),
        # within the limits, but far larger than the weights
        ("transformer.dim_feedforward", 100_000, "its configuration builds a larger model"),
        ("acoustic_dim", 16_384, "does not fit the model|builds a larger model"),
        ("depth.decoder", 2, "missing decoder.transformer.layers.1"),
    ],
)
def test_absurd_configurations_are_refused_by_name(
    saved: Path, tmp_path: Path, keys: str, value: Any, message: str
) -> None:
    folder = changed(saved, tmp_path / "absurd", *keys.split("."), value=value)
    with pytest.raises(SecoustiError, match=message):
        SecoustiCodec.from_pretrained(folder)


def test_nothing_is_allocated_on_the_word_of_a_configuration(saved: Path, tmp_path: Path) -> None:
    """d_model 16384 asks for 3 GB a layer, in a process that may have 3 GB of addresses in all."""
    folder = changed(saved, tmp_path / "large", "transformer", "d_model", value=16_384)
    code = (
        "import resource, sys\n"
        "from secousti import load_codec, SecoustiError\n"
        "import secousti.codec\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))\n"
        "try:\n    load_codec(sys.argv[1])\n"
        "except SecoustiError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=900
    )
    assert "its configuration builds a larger model" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-4], "is damaged"),
        (lambda data: (2**63).to_bytes(8, "little") + data[8:], "is damaged"),
        (lambda data: data.replace(b'"shape":[', b'"shape":[9', 1), "is damaged"),
        (lambda data: b"", "is damaged"),
    ],
)
def test_headers_are_checked_against_the_file(
    saved: Path, tmp_path: Path, change: Any, message: str
) -> None:
    data = (saved / "model.safetensors").read_bytes()
    (tmp_path / "config.json").write_bytes((saved / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(change(data))
    with pytest.raises(SecoustiError, match=message):
        load_codec(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000, "not valid JSON"),
        ("[]", "is not a model's configuration"),
        ("{}", "not a secousti model configuration"),
        (" " * (2**20 + 1), "larger than any configuration"),
        ('{"config": {}, "format": "2"}', "format must be a number"),
        ('{"config": {}, "codec": []}', "which this version does not know"),
    ],
)
def test_config_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(SecoustiError, match=message):
        load_codec(tmp_path)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("backbone", "coefficients", 0),
        ("backbone", "stride", 0),
        ("backbone", "decoder_blocks", 10**6),
        ("quantizer", "codebook_size", 2**40),
        ("pseudo", "heads", 0),
        ("pseudo", "context", 0),
        ("pseudo", "blocks", 10**6),
    ],
)
def test_p2psyn_has_the_same_limits(part: str, key: str, value: int) -> None:
    data = to_dict(P2PSynConfig())
    data[part][key] = value
    with pytest.raises(SecoustiError, match=f"{part}.{key} must be"):
        from_dict(P2PSynConfig, data)


def test_vocoders_have_the_same_limits(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="2 upsample_rates and 1 upsample_kernel_sizes"):
        HifiganConfig(upsample_rates=(8, 32), upsample_kernel_sizes=(16,))
    for text, message in (("{}", "has no 'vocoder'"), ("{", "not valid JSON")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(SecoustiError, match=message):
            load_vocoder(tmp_path)


def test_saved_models_can_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = toy_codec().save_pretrained(tmp_path / "toy")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"config.json": 0o644, "model.safetensors": 0o644}


def test_saving_follows_the_vocoder_that_was_set(tmp_path: Path) -> None:
    codec = toy_codec(vocoder=False)
    own = CausalIstftConfig(channels=16, layers=1, n_fft=512, source="none", project=False)
    mel = codec.config.mel
    codec.vocoder = build_vocoder(VocoderConfig(causal_istft=own), mel).eval()
    again = SecoustiCodec.from_pretrained(codec.save_pretrained(tmp_path / "with"))
    encoded = codec.encode(toy_speech(0.5), 22050)
    assert torch.equal(again.decode(encoded), codec.decode(encoded))
    codec.vocoder = None
    assert SecoustiCodec.from_pretrained(codec.save_pretrained(tmp_path / "none")).vocoder is None
    codec.vocoder = build_vocoder(VocoderConfig(causal_istft=own), replace(mel, fmax=7600.0))
    with pytest.raises(SecoustiError, match="the vocoder speaks mel frames of"):
        codec.save_pretrained(tmp_path / "other")
    codec.vocoder = torch.nn.Identity()  # type: ignore[assignment]
    codec.vocoder.mel = mel  # type: ignore[attr-defined]
    with pytest.raises(SecoustiError, match="a Identity cannot be saved"):
        codec.save_pretrained(tmp_path / "unknown")


@pytest.mark.parametrize("name", ["toy", "p2psyn-mini-16k"])
def test_half_a_codec_does_its_half(saved: Path, name: str) -> None:
    where = saved if name == "toy" else name
    whole = load_codec(where)
    encoder, decoder = load_codec(where, parts="encoder"), load_codec(where, parts="decoder")
    wav = toy_speech(0.5, whole.sample_rate)
    encoded = whole.encode(wav, whole.sample_rate)
    half = encoder.encode(wav, whole.sample_rate)
    assert torch.equal(half.codes, encoded.codes)
    if encoded.paralinguistic is not None:
        assert torch.equal(half.paralinguistic, encoded.paralinguistic)
    assert torch.equal(decoder.decode(encoded), whole.decode(encoded))
    for codec in (encoder, decoder):
        held = sum(parameter.numel() for parameter in codec.parameters())
        assert held < 0.9 * sum(parameter.numel() for parameter in whole.parameters())
        assert codec.weight_hash == whole.weight_hash
        assert codec.token_hash == whole.token_hash
        assert codec.bitrate == whole.bitrate
        assert codec.latency() == whole.latency()
    with pytest.raises(SecoustiError, match="loaded with parts='encoder', without its"):
        encoder.decode(encoded)
    with pytest.raises(SecoustiError, match="loaded with parts='decoder', without its"):
        decoder.encode(wav, whole.sample_rate)
    with pytest.raises(SecoustiError, match="load it whole to save it"):
        encoder.save_pretrained(saved.parent / "half")
    with pytest.raises(SecoustiError, match="parts must be one of"):
        load_codec(where, parts="both")  # type: ignore[arg-type]


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    load_codec(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_initialisation_that_draws_until_it_fits_comes_to_an_end() -> None:
    """``trunc_normal_`` of PyTorch 2.14 draws again while a number lies outside its bounds."""

    def make() -> torch.nn.Linear:
        layer = torch.nn.Linear(2, 2)
        layer.weight.data.fill_(9.0)
        with torch.no_grad():
            while bool((layer.weight.normal_().abs() > 2).any()):
                pass
        return layer

    assert build(make, {"weight": (2, 2)}, "x").weight.abs().max() <= 2


def test_bundled_names_win_over_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mini-21hz").mkdir()
    assert resolve("mini-21hz") == BUNDLED / "mini-21hz"
    assert resolve("./mini-21hz") == Path("mini-21hz")
    assert resolve(Path("mini-21hz")) == Path("mini-21hz")


def test_default_configurations_are_within_their_limits() -> None:
    for config in (toy_config(), P2PSynConfig(), MelConfig()):
        assert from_dict(type(config), to_dict(config)) == config
