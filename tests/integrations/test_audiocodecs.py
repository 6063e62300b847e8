"""audiocodecs' calls on our codecs: relative lengths, its order of axes, its modes."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.integrations.audiocodecs import Secousti
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import toy_speech


def test_ragged_rows_are_those_alone(codec: SecoustiCodec, model: str) -> None:
    sig = toy_speech(1.0, 16000, rows=3)
    length = torch.tensor([1.0, 0.4, 0.73])
    sig[1, 6400:] = 0.9  # what is beyond the length does not count
    toks = Secousti(16000, mode="encode", model=model)(sig, length)
    assert toks.shape[-1] == codec.num_codebooks
    for i, count in enumerate((16000, 6400, 11680)):
        alone = codec.encode(sig[i, :count], 16000, voice=False).codes.transpose(1, 2)
        assert torch.equal(toks[i : i + 1, : alone.shape[1]], alone)


def test_tokens_to_sound_and_through(codec: SecoustiCodec) -> None:
    sig = toy_speech(0.7, 16000, rows=2)
    through = Secousti(16000, orig_sample_rate=22050, model=codec)
    torch.testing.assert_close(through(sig), codec.decode(codec.encode(sig, 16000), 16000)[:, 0])
    toks = through.sig_to_toks(sig)
    voice = codec.voice(sig[:1], 16000)
    speaker = Secousti(16000, mode="decode", model=codec, voice=voice)
    heard = speaker(toks)
    want = codec.decode(toks.transpose(1, 2), 16000, voice=voice)
    torch.testing.assert_close(heard, want[:, 0])
    short = speaker(toks, torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(short[0], heard[0])
    assert not short[1, heard.shape[1] // 2 + 2000 :].any()


def test_vectors_of_tokens(codec: SecoustiCodec) -> None:
    adapter = Secousti(22050, model=codec)
    sig = toy_speech(0.5)
    vectors = adapter.embs()
    assert vectors.shape[:2] == (codec.num_codebooks, codec.codebook_size)
    want = codec.quantizer.decode(adapter.sig_to_toks(sig)[..., 0]).mT
    torch.testing.assert_close(adapter.sig_to_feats(sig), want)
    other = toy_p2psyn()
    assert Secousti(16000, model=other).embs().shape[:2] == (1, other.codebook_size)


def test_what_cannot_be_meant(codec: SecoustiCodec) -> None:
    with pytest.raises(SecoustiError, match="leave orig_sample_rate out"):
        Secousti(16000, orig_sample_rate=24000, model=codec)
    with pytest.raises(SecoustiError, match="mode must be one of"):
        Secousti(16000, mode="both", model=codec)  # type: ignore[arg-type]
    with pytest.raises(SecoustiError, match="above 0 and at most 1"):
        Secousti(16000, model=codec).sig_to_toks(toy_speech(0.3), torch.tensor([4800.0]))
