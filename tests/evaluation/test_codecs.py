"""Codecs under test: aligned, as long as the input, bits counted apart; missing ones are told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio
from secousti.evaluation.codecs import CODECS, Codec, codec_class, make_codec
from secousti.evaluation.codecs.checkouts import load_weights
from secousti.evaluation.codecs.classic import ogg_bits
from secousti.evaluation.codecs.hugging_face import TransformersCodec
from secousti.evaluation.external import import_from
from tests.evaluation.conftest import checked, voice
from tests.toy import toy_codec

CLASSIC = {
    "codec2-700c": 700,
    "codec2-1200": 1200,
    "codec2-3200": 3200,
    "opus": 6000,
    "speex": 2150,
}


def usable(name: str, **options: Any) -> Codec:
    return checked(make_codec(name, **options))


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_codecs_keep_their_rate_and_the_length(name: str) -> None:
    spoken = voice(3.0, 22050)
    coded = usable(name).code(spoken)
    assert coded.audio.duration == pytest.approx(spoken.duration, abs=1e-3)
    assert coded.bits.tokens / spoken.duration == pytest.approx(CLASSIC[name], rel=0.06)
    assert coded.bits.side_information == 0
    assert (coded.bits.container > 0) == (name not in ("codec2-1200", "codec2-3200"))


@pytest.mark.parametrize("name", CLASSIC)
def test_classic_codecs_come_back_aligned(name: str) -> None:
    spoken = voice(3.0, 16000)
    coded = usable(name).code(spoken)
    levels = [envelope(audio.at(8000)) for audio in (spoken, coded.audio)]
    lags = range(-40, 41)
    likeness = [
        np.corrcoef(levels[0][60:-60], np.roll(levels[1], -lag)[60:-60])[0, 1] for lag in lags
    ]
    assert abs(lags[int(np.argmax(likeness))]) <= 15  # ms


def envelope(samples: np.ndarray) -> np.ndarray:
    frames = samples[: len(samples) // 8 * 8].reshape(-1, 8)
    smooth = np.convolve((frames**2).mean(axis=1), np.hanning(21), "same")
    return np.log(smooth + 1e-4)


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SecoustiError, match=r"needs the program 'c2enc'.*apt-get install codec2"):
        make_codec("codec2-1200").check()


def test_ogg_packets_are_counted_without_their_headers() -> None:
    def page(*packets: int) -> bytes:
        lacing = b"".join(bytes([255] * (n // 255) + [n % 255]) for n in packets)
        return b"OggS" + bytes(22) + bytes([len(lacing)]) + lacing + bytes(sum(packets))

    content = page(19) + page(300) + page(10, 255, 20)
    bits = ogg_bits(content)
    assert bits.tokens == 8 * (10 + 255 + 20)
    assert bits.tokens + bits.container == 8 * len(content)
    with pytest.raises(SecoustiError, match="no Ogg page at byte"):
        ogg_bits(content + b"garbage")


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "toy"
    toy_codec().save_pretrained(folder)
    return folder


def test_our_codec_is_heard_through_its_file(toy_folder: Path) -> None:
    spoken = voice(1.5, 16000)
    codec = make_codec(str(toy_folder), label="toy")
    codec.check()
    info, coded = codec.info(), codec.code(spoken)
    assert info.label == "toy"
    assert coded.audio.duration == pytest.approx(spoken.duration, abs=1e-3)
    (stream,) = coded.codes
    assert coded.bits.tokens == pytest.approx(len(stream) * math.log2(6561))
    assert coded.bits.side_information == 512
    assert coded.bits.container > 0
    again = codec.code(spoken)
    assert np.array_equal(coded.audio.samples, again.audio.samples)


def test_conversion_keeps_tokens_and_takes_the_voice(toy_folder: Path) -> None:
    codec: Any = make_codec("secousti", model=str(toy_folder))
    source, other = voice(1.0, pitch=100), voice(1.5, pitch=200, seed=3)
    converted, plain = codec.convert(source, other), codec.code(source)
    assert np.array_equal(converted.codes[0], plain.codes[0])
    assert not np.array_equal(converted.audio.samples, plain.audio.samples)
    itself = codec.convert(source, source)
    assert np.array_equal(itself.audio.samples, plain.audio.samples)


def test_copies_are_as_long_as_the_input(toy_folder: Path) -> None:
    spoken = voice(1.0, 16000)
    pytest.importorskip("librosa")
    for codec in (make_codec("vocoder-copy", model=str(toy_folder)), make_codec("griffin-lim")):
        coded = codec.code(spoken)
        assert coded.bits.tokens == 0
        assert coded.audio.duration == pytest.approx(spoken.duration, abs=1e-3)


SMALL = {
    "encodec": (
        "EncodecConfig",
        {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "num_lstm_layers": 1},
        2,
        10,
    ),
    "dac": (
        "DacConfig",
        {
            "encoder_hidden_size": 8,
            "decoder_hidden_size": 32,
            "hidden_size": 64,
            "sampling_rate": 16000,
            "n_codebooks": 4,
        },
        2,
        10,
    ),
    "mimi": (
        "MimiConfig",
        {
            "num_filters": 4,
            "hidden_size": 16,
            "codebook_dim": 16,
            "vector_quantization_hidden_dimension": 16,
            "upsample_groups": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "intermediate_size": 16,
            "num_quantizers": 8,
        },
        4,
        11,
    ),
    "xcodec2": (
        "Xcodec2Config",
        {
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "encoder_hidden_size": 4,
            "quantization_dim": 64,
            "semantic_model_config": {
                "model_type": "wav2vec2-bert",
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 32,
                "conv_depthwise_kernel_size": 7,
                "output_hidden_size": 32,
            },
        },
        1,
        16,
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_transformers_codecs_with_random_weights(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    config, sizes, books, bits = SMALL[name]

    def load(self: TransformersCodec, kind: Any) -> Any:
        torch.manual_seed(0)
        return kind(getattr(transformers, config)(**sizes))

    monkeypatch.setattr(TransformersCodec, "_load", load)
    spoken = voice(1.0, 16000)
    codec = make_codec(name)
    info, coded = codec.info(), codec.code(spoken)
    assert len(coded.codes) == len(info.codebook_sizes) == books
    assert coded.bits.tokens == bits * sum(len(stream) for stream in coded.codes)
    assert coded.audio.duration == pytest.approx(1.0, abs=1e-3)
    expected = math.ceil(info.frame_rate or 0)
    assert abs(len(coded.codes[0]) - expected) <= 1


def test_weights_that_are_not_here_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SecoustiError, match="hf download kyutai/mimi"):
        make_codec("mimi").check()


def test_snac_with_random_weights(tmp_path: Path) -> None:
    snac = pytest.importorskip("snac")
    sizes = {
        "sampling_rate": 24000,
        "encoder_dim": 8,
        "encoder_rates": [2, 4],
        "decoder_dim": 32,
        "decoder_rates": [4, 2],
        "attn_window_size": None,
        "codebook_size": 64,
        "codebook_dim": 4,
        "vq_strides": [4, 2, 1],
        "noise": True,
        "depthwise": True,
    }
    (tmp_path / "config.json").write_text(json.dumps(sizes))
    torch.manual_seed(0)
    torch.save(snac.SNAC(**sizes).state_dict(), tmp_path / "pytorch_model.bin")
    coded = make_codec("snac", model=str(tmp_path)).code(voice(0.5, 24000))
    lengths = [len(stream) for stream in coded.codes]
    assert lengths[1] == 2 * lengths[0]
    assert lengths[2] == 4 * lengths[0]
    assert coded.bits.tokens == 6 * sum(lengths)


def test_speechtokenizer_with_random_weights(tmp_path: Path) -> None:
    speechtokenizer = pytest.importorskip("speechtokenizer")
    sizes = {
        "sample_rate": 16000,
        "n_filters": 4,
        "dimension": 16,
        "semantic_dimension": 24,
        "strides": [8, 5, 4, 2],
        "lstm_layers": 1,
        "bidirectional": True,
        "dilation_base": 2,
        "residual_kernel_size": 3,
        "n_residual_layers": 1,
        "activation": "ELU",
        "n_q": 4,
        "codebook_size": 64,
    }
    config, weights = tmp_path / "config.json", tmp_path / "SpeechTokenizer.pt"
    config.write_text(json.dumps(sizes))
    torch.manual_seed(0)
    torch.save(speechtokenizer.SpeechTokenizer(sizes).state_dict(), weights)
    codec = make_codec("speechtokenizer", config=str(config), weights=str(weights), quantizers=2)
    info, coded = codec.info(), codec.code(voice(1.01, 16000))
    assert (info.frame_rate, info.codebook_sizes) == (50.0, (64, 64))
    assert [len(stream) for stream in coded.codes] == [51, 51]
    assert coded.bits.tokens == 6 * 102
    assert coded.audio.duration == pytest.approx(1.01, abs=1e-3)


NEEDS_NOTHING = {*CLASSIC, "reference", "griffin-lim", "secousti", "vocoder-copy"}


@pytest.mark.parametrize("name", sorted(set(CODECS) - NEEDS_NOTHING))
def test_every_adapter_without_weights_says_what_it_needs(name: str) -> None:
    assert codec_class(name).__doc__
    with pytest.raises(SecoustiError, match=r"needs|could not be imported"):
        make_codec(name).check()


def test_two_checkouts_with_one_package_name_stay_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "vq").mkdir(parents=True)
        (tmp_path / name / "vq" / "__init__.py").write_text("")
        (tmp_path / name / "vq" / "net.py").write_text(f"NAME = {name!r}")
    found = [import_from(tmp_path / name, "vq.net", "test").NAME for name in ("one", "two")]
    assert found == ["one", "two"]
    with pytest.raises(SecoustiError, match=r"cannot import vq\.other"):
        import_from(tmp_path / "one", "vq.other", "test")


def test_weights_with_other_objects_are_refused(tmp_path: Path) -> None:
    torch.save({"hook": Path("x")}, tmp_path / "w.pt")
    with pytest.raises(SecoustiError, match="cannot read tensors"):
        load_weights(tmp_path / "w.pt")


def test_unknown_options_are_sentences() -> None:
    with pytest.raises(SecoustiError, match=r"'opus' has no option 'bitrate'"):
        make_codec("opus", bitrate=6)
    with pytest.raises(SecoustiError, match=r"no codec and no model is called so"):
        make_codec("nosuch").check()


def test_audio_of_two_channels_is_refused() -> None:
    with pytest.raises(SecoustiError, match="one channel"):
        Audio(np.zeros((2, 10), np.float32), 16000)
