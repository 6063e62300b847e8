"""What may come in, what is refused, and what is written to disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from secousti import Encoded, SecoustiCodec, SecoustiError, load_codec
from secousti.config import CodecConfig, from_dict, to_dict
from tests.toy import toy_codec, toy_config, toy_speech


@pytest.fixture(scope="module")
def toy() -> SecoustiCodec:
    return toy_codec()


def test_all_forms_of_audio_give_the_same_tokens(toy: SecoustiCodec, tmp_path) -> None:
    wav = (toy_speech(1.0)[0] * 20000).to(torch.int16)
    as_float = wav.float() / 32768
    path = tmp_path / "a.wav"
    soundfile.write(path, wav.numpy(), 22050)
    expected = toy.encode(as_float, toy.sample_rate).codes
    stereo = torch.stack([as_float, as_float])
    forms = [
        path, str(path), wav, wav.numpy(), as_float[None], as_float[None, None].numpy(),
        stereo[None], [path], [stereo], [as_float.numpy()], as_float.double(),
    ]  # fmt: skip
    for form in forms:
        assert torch.equal(toy.encode(form, 22050).codes, expected)
    batch = toy.encode([path, as_float[:5000]], toy.sample_rate)
    assert batch.lengths.tolist() == [expected.shape[-1], 5]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ("missing.wav", "no such audio file"),
        (torch.zeros(0), "has no samples"),
        (torch.tensor([0.0, float("nan")]), "NaN or infinite sample"),
        (torch.zeros(1, 1, 1, 5), r"must be \[N\]"),
        (torch.zeros(5, dtype=torch.int64), "or int16, int32 or uint8, found int64"),
        ([], "no audio in an empty list"),
    ],
)
def test_bad_audio_is_one_sentence(toy: SecoustiCodec, audio, message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        toy.encode(audio, 22050)


def test_not_audio(toy: SecoustiCodec, tmp_path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("these are not samples")
    with pytest.raises(SecoustiError, match="not audio that can be read"):
        toy.encode(path)


def test_attributes(toy: SecoustiCodec) -> None:
    assert (toy.sample_rate, toy.frame_size, toy.num_codebooks, toy.codebook_size) == (
        22050, 1024, 1, 6561,
    )  # fmt: skip
    assert toy.frame_rate == pytest.approx(21.533, abs=1e-3)
    assert toy.bits_per_frame == pytest.approx(12.680, abs=1e-3)
    assert toy.bitrate == pytest.approx(273.0, abs=0.1)
    assert toy_codec((1, 1)).bitrate == pytest.approx(1092.2, abs=0.1)


def test_bits_are_counted_apart(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(2.0, rows=2), toy.sample_rate)
    tokens = 2 * -(-44100 // 1024)
    assert encoded.bits.tokens == pytest.approx(tokens * np.log2(6561))
    assert encoded.bits.side_information == 2 * 512


def test_codes_go_to_a_language_model_and_back(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(1.0), toy.sample_rate)
    ids = encoded.codes.squeeze(1).tolist()
    again = Encoded(
        codes=torch.tensor(ids)[:, None],
        lengths=encoded.lengths,
        num_samples=encoded.num_samples,
        sample_rate=22050,
        codebook_size=6561,
        paralinguistic=encoded.paralinguistic,
    )
    assert torch.equal(toy.decode(again), toy.decode(encoded))


@pytest.mark.parametrize("bad", [-1, 6561])
def test_codes_outside_the_codebook(toy: SecoustiCodec, bad: int) -> None:
    encoded = toy.encode(toy_speech(0.5), toy.sample_rate)
    codes = encoded.codes.clone()
    codes[0, 0, 3] = bad
    with pytest.raises(SecoustiError, match=r"must lie in 0..6560"):
        toy.decode(replace(encoded, codes=codes))


def test_convert_takes_tokens_of_one_and_voice_of_the_other(toy: SecoustiCodec) -> None:
    a, b = toy_speech(1.0, seed=1), toy_speech(2.0, seed=2)
    out = toy.convert(a, b, 22050)
    mixed = replace(
        toy.encode(a, 22050),
        paralinguistic=toy.encode(b, 22050).paralinguistic,
    )
    assert out.shape == (1, 1, 22050)
    assert torch.equal(out, toy.decode(mixed))
    assert not torch.equal(out, toy.decode(toy.encode(a, 22050)))


def test_acoustic_embedding(toy: SecoustiCodec) -> None:
    acoustic = toy.acoustic(toy_speech(1.0), 22050)
    assert acoustic.shape == (1, 24, 22)
    assert toy.decode_acoustic(acoustic).shape == (1, 80, 88)


def test_decode_at_another_rate(toy: SecoustiCodec) -> None:
    encoded = toy.encode(toy_speech(1.0, 48000), 48000)
    assert toy.decode(encoded, 48000).shape == (1, 1, 48000)


def test_without_a_vocoder_mels_still_come(tmp_path) -> None:
    codec = toy_codec(vocoder=False)
    encoded = codec.encode(toy_speech(0.5), codec.sample_rate)
    assert codec.decode_mel(encoded).shape == (1, 80, 44)
    with pytest.raises(SecoustiError, match="has no vocoder"):
        codec.decode(encoded)


def test_save_and_load(toy: SecoustiCodec, tmp_path) -> None:
    toy.save_pretrained(tmp_path / "toy")
    loaded = load_codec(tmp_path / "toy")
    wav = toy_speech(1.0)
    assert torch.equal(loaded.encode(wav, 22050).codes, toy.encode(wav, toy.sample_rate).codes)
    assert torch.equal(loaded.decode(loaded.encode(wav, 22050)), toy.decode(toy.encode(wav, 22050)))
    assert loaded.weight_hash == toy.weight_hash
    assert loaded.model_id == "toy"
    assert not loaded.training
    assert sorted(p.name for p in (tmp_path / "toy").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]


def test_half_precision_files_have_a_hash_that_survives(toy: SecoustiCodec, tmp_path) -> None:
    toy.save_pretrained(tmp_path / "half", dtype=torch.float16)
    once = load_codec(tmp_path / "half")
    once.save_pretrained(tmp_path / "again", dtype=torch.float16)
    assert load_codec(tmp_path / "again").weight_hash == once.weight_hash


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: (d / "config.json").unlink(), "not a model"),
        (lambda d: (d / "config.json").write_text("{"), "not valid JSON"),
        (lambda d: (d / "model.safetensors").unlink(), "no weights"),
        (lambda d: (d / "model.safetensors").write_bytes(b"\x00" * 99), "is damaged"),
        (lambda d: edit(d, "format", 99), "update secousti"),
        (lambda d: edit(d, "codec", "other"), "does not know"),
    ],
)
def test_damaged_models_are_one_sentence(toy: SecoustiCodec, tmp_path, damage, message) -> None:
    toy.save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(SecoustiError, match=message):
        load_codec(tmp_path)


def edit(folder, key: str, value: object) -> None:
    path = folder / "config.json"
    document = json.loads(path.read_text())
    document[key] = value
    path.write_text(json.dumps(document))


def test_unknown_model() -> None:
    with pytest.raises(SecoustiError, match="unknown model 'mini-99hz'"):
        load_codec("mini-99hz")


def test_config_round_trip() -> None:
    config = toy_config()
    assert from_dict(CodecConfig, to_dict(config)) == config


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mell": {}}, "unknown key 'mell'"),
        ({"mel": {"hop_length": "big"}}, r"mel.hop_length: expected of type int"),
        ({"mel": {"mode": "sideways"}}, r"mel.mode: expected one of"),
        ({"transformer": {"d_model": 500, "num_heads": 8}}, "not a multiple"),
        ({"quantizer": {"levels": [2, 2]}}, "3 or more"),
    ],
)
def test_config_errors_name_the_place(data: dict, message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        from_dict(CodecConfig, data)


def test_import_is_quiet_and_needs_no_torchaudio(tmp_path) -> None:
    (tmp_path / "torchaudio.py").write_text("raise OSError('broken binary')")
    code = (
        "import os; before = dict(os.environ); import secousti; "
        "assert dict(os.environ) == before; "
        "import sys; assert 'librosa' not in sys.modules and 'wandb' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PYTHONPATH": f"{tmp_path}:.", "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"},
    )
