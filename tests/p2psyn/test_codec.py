"""The codec's contracts: lengths, padding, decode modes, files, exchangeable pseudo VQs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from secousti import SecoustiError, load_codec
from secousti.p2psyn import codec as codec_module
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.modes import STAGE_MODES
from secousti.p2psyn.rvq import lookup
from tests.p2psyn.toy import half_causal_codec, tiny_causal_config, toy_codec


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("samples", [1, 39, 40, 41, 279, 280, 281, 16000])
def test_length_in_is_length_out(causal: bool, samples: int) -> None:
    codec = toy_codec(causal)
    encoded = codec.encode(torch.randn(samples) * 0.1, codec.sample_rate)
    assert codec.decode(encoded).shape == (1, 1, samples)
    # every sample needs its MDCT frame and the one after: 1 s is 401 frames, 51 tokens, 510 bits
    assert int(encoded.lengths) == -(-(-(-samples // 40) + 1) // 8)
    assert encoded.bits.total == 10 / 2 * int(encoded.lengths)  # 32 entries: 5 bits


def test_bits_of_the_real_size() -> None:
    from secousti.p2psyn.config import BackboneConfig, P2PSynConfig, PseudoConfig

    small = BackboneConfig(channels=8, hidden=8, encoder_blocks=1, decoder_blocks=1)
    codec = P2PSynCodec(P2PSynConfig(backbone=small, pseudo=PseudoConfig(channels=8, heads=2)))
    assert codec.encode(0.1 * torch.randn(16000), codec.sample_rate).bits.total == 510
    assert codec.encode(0.1 * torch.randn(16000), codec.sample_rate).codes.shape == (1, 1, 51)
    assert codec.encode(0.1 * torch.randn(16000), codec.sample_rate, stages="all").codes.shape == (
        1,
        4,
        51,
    )


@pytest.mark.parametrize(("causal", "lookahead"), [(False, 0), (True, 0), (True, 2)])
@pytest.mark.parametrize("mode", ["all", "plain", "oracle", "expected"])
def test_batch_is_single(causal: bool, lookahead: int, mode: str, speech: torch.Tensor) -> None:
    codec = toy_codec(causal, lookahead)
    rows = [speech[:9000], speech[5000:8210], speech[:41]]
    together = codec.encode(rows, codec.sample_rate, stages="all")
    sound = codec.decode(together, mode=mode)
    for i, row in enumerate(rows):
        alone = codec.encode(row, codec.sample_rate, stages="all")
        assert torch.equal(together[i].codes, alone.codes)
        heard = codec.decode(alone, mode=mode)[0, 0]
        torch.testing.assert_close(sound[i, 0, : len(row)], heard, atol=1e-5, rtol=1e-4)
        assert not sound[i, 0, len(row) :].any()


def test_every_mode_is_repeatable_and_different(speech: torch.Tensor) -> None:
    codec = toy_codec()
    encoded = codec.encode(speech, codec.sample_rate, stages="all")
    sounds = {}
    for mode in STAGE_MODES:
        sounds[mode] = codec.decode(encoded, mode=mode)
        torch.manual_seed(len(sounds))  # the global generator plays no part
        assert torch.equal(sounds[mode], codec.decode(encoded, mode=mode))
    names = list(sounds)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert not torch.allclose(sounds[a], sounds[b], atol=1e-6), (a, b)
    assert torch.equal(sounds["argmax"], codec.decode(encoded, mode="all"))
    assert torch.equal(sounds["drop"], codec.decode(encoded, mode="plain"))
    mixed = codec.decode(encoded, mode=["oracle", "drop"])
    assert not torch.allclose(mixed, sounds["oracle"], atol=1e-6)


def test_what_all_stands_for_is_the_models_choice(speech: torch.Tensor) -> None:
    codec = toy_codec()
    encoded = codec.encode(speech, codec.sample_rate)
    expected = codec.decode(encoded, mode="expected")
    assert not torch.equal(codec.decode(encoded), expected)
    codec.pseudo.config = replace(codec.pseudo.config, estimate="expected")
    assert torch.equal(codec.decode(encoded), expected)


def test_plain_and_oracle_are_sums_of_code_vectors(speech: torch.Tensor) -> None:
    codec = toy_codec()
    vectors = codec.teacher.quantizer.vectors()
    codes = codec.encode(speech, codec.sample_rate, stages="all").codes
    plain = codec.pseudo(codes[:, :1], vectors, "plain")[0]
    torch.testing.assert_close(plain, lookup(vectors[:1], codes[:, :1]))
    oracle = codec.pseudo(codes, vectors, "oracle")[0]
    torch.testing.assert_close(oracle, lookup(vectors, codes))
    predicted = codec.pseudo.predict(codes[:, :1], vectors)
    chained = codec.pseudo(codes[:, :1], vectors, "all")[0]
    torch.testing.assert_close(chained, lookup(vectors, predicted), atol=1e-5, rtol=1e-4)


def test_cold_sampling_is_argmax(speech: torch.Tensor) -> None:
    codec = toy_codec()
    encoded = codec.encode(speech, codec.sample_rate)
    cold = codec.decode(encoded, mode="sample", temperature=1e-4)
    torch.testing.assert_close(cold, codec.decode(encoded), atol=1e-5, rtol=1e-4)


def test_mistakes_are_named(speech: torch.Tensor) -> None:
    codec = toy_codec()
    encoded = codec.encode(speech, codec.sample_rate)
    with pytest.raises(SecoustiError, match="unknown decode mode 'best'"):
        codec.decode(encoded, mode="best")
    with pytest.raises(SecoustiError, match="oracle"):
        codec.decode(encoded, mode="oracle")
    with pytest.raises(SecoustiError, match="2 pseudo stages"):
        codec.decode(encoded, mode=["all"])
    with pytest.raises(SecoustiError, match=r"0\.\.31"):
        codec.check_codes(torch.tensor([[[32]]]))


def test_training_mode_changes_nothing(speech: torch.Tensor) -> None:
    codec = toy_codec()
    want = codec.decode(codec.encode(speech, 16000))
    codec.train()
    assert torch.equal(codec.decode(codec.encode(speech, 16000)), want)
    assert codec.training
    assert all(m.training for m in codec.modules())


def test_save_load_and_dispatch(tmp_path: Path, speech: torch.Tensor) -> None:
    codec = toy_codec(causal=True)
    codec.save_pretrained(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["codec"] == "p2psyn"
    again = load_codec(tmp_path / "model")
    assert isinstance(again, P2PSynCodec)
    assert again.weight_hash == codec.weight_hash
    encoded = again.encode(speech, again.sample_rate)
    assert torch.equal(encoded.codes, codec.encode(speech, codec.sample_rate).codes)
    assert torch.equal(again.decode(encoded), codec.decode(encoded))


def test_a_receiver_may_use_other_pseudo_vqs(speech: torch.Tensor) -> None:
    """A causal sender; the receiver predicts with a bidirectional network on the same tokens."""
    from dataclasses import replace

    sender, other = toy_codec(causal=True), toy_codec(causal=True, seed=5)
    receiver = P2PSynCodec(replace(tiny_causal_config(), pseudo=toy_codec().config.pseudo)).eval()
    receiver.teacher.load_state_dict(sender.teacher.state_dict())
    encoded = sender.encode(speech, sender.sample_rate)
    before = sender.decode(encoded)
    sender.use_pseudo(receiver)
    assert not sender.streams()
    assert sender.latency() is None
    assert torch.equal(sender.decode(encoded), receiver.decode(encoded))
    assert not torch.allclose(before, sender.decode(encoded), atol=1e-6)
    with pytest.raises(SecoustiError, match="do not fit"):
        sender.use_pseudo(other)


def test_long_recordings_go_through_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = toy_codec()
    audio = torch.randn(40 * 320) * 0.1
    monkeypatch.setattr(codec_module, "_PIECE", 20)
    monkeypatch.setattr(codec_module, "_CONTEXT", 6)
    alone = codec.encode(audio, codec.sample_rate)
    pair = codec.encode([audio[:4000], audio], codec.sample_rate)
    assert torch.equal(pair[1].codes, alone.codes)
    assert torch.equal(pair[0].codes, codec.encode(audio[:4000], codec.sample_rate).codes)
    assert codec.decode(alone).shape[-1] == len(audio)
    torch.testing.assert_close(codec.decode(pair)[1], codec.decode(alone)[0])


@pytest.mark.parametrize("mode", ["all", "plain", "oracle", "expected"])
def test_causal_pseudo_vqs_work_in_chunks(
    mode: str, monkeypatch: pytest.MonkeyPatch, speech: torch.Tensor
) -> None:
    codec = toy_codec(causal=True, lookahead=3)
    encoded = codec.encode([speech[:16000], speech[:9000]], codec.sample_rate, stages="all")
    want = codec.decode(encoded, mode=mode)
    monkeypatch.setattr(codec_module, "_CHUNK", 13)
    torch.testing.assert_close(codec.decode(encoded, mode=mode), want, atol=1e-5, rtol=1e-4)


def test_causal_work_is_not_cut_whatever_the_pseudo_vqs_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codec = half_causal_codec()
    audio = torch.randn(40 * 320) * 0.1
    want = codec.encode(audio, codec.sample_rate)
    plain = codec.decode(want, mode="plain")
    monkeypatch.setattr(codec_module, "_PIECE", 20)
    monkeypatch.setattr(codec_module, "_CONTEXT", 0)  # a cut would be heard
    assert torch.equal(codec.encode(audio, 16000).codes, want.codes)
    assert torch.equal(codec.decode(want, mode="plain"), plain)


def test_other_rates_and_shapes(speech: torch.Tensor) -> None:
    codec = toy_codec()
    encoded = codec.encode(speech[None, None].expand(2, 2, -1), sample_rate=8000)
    assert encoded.num_samples.tolist() == [64000, 64000]
    assert codec.decode(encoded, sample_rate=8000).shape == (2, 1, 32000)
