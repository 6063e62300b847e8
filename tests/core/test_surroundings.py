"""Tokens and sound are a property of what goes in, not of the caller's autocast, dtype or mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from secousti import Codec, SecoustiError, StreamDecoder, StreamEncoder
from secousti.voice import quantize
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import toy_codec, toy_speech


@contextmanager
def default(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
        assert torch.get_default_dtype() == dtype  # the caller's own is as it was
    finally:
        torch.set_default_dtype(torch.float32)


SURROUNDINGS = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "bfloat16 by default": lambda: default(torch.bfloat16),
    "float64 by default": lambda: default(torch.float64),
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
}


@pytest.fixture(scope="module", params=["secousti", "p2psyn"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return toy_codec() if request.param == "secousti" else toy_p2psyn(causal=True)


def through(codec: Codec, wav: torch.Tensor, around) -> list[torch.Tensor]:
    """Codes and sound, at once and as streams that are pushed inside and outside of ``around``."""
    with around():
        encoded = codec.encode(wav, 16000)
        sound = codec.decode(encoded)
        encoder = StreamEncoder(codec, sample_rate=16000)
        decoder = StreamDecoder(codec, encoded.paralinguistic)
        parts = [encoder.push(wav[:9000])]
        heard = [decoder.push(parts[0])]
    parts += [encoder.push(wav[9000:]), encoder.flush()]
    if codec.voice_size:
        decoder.set_voice(encoded.paralinguistic)
    heard += [decoder.push(part) for part in parts[1:]]
    return [encoded.codes, torch.cat(parts, dim=-1), sound, torch.cat(heard, dim=-1)]


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_nothing_around_changes_anything(codec: Codec, name: str) -> None:
    wav = toy_speech(1.5, 16000)[0]
    for want, found in zip(
        through(codec, wav, nullcontext), through(codec, wav, SURROUNDINGS[name]), strict=True
    ):
        assert found.dtype == want.dtype
        assert not found.requires_grad
        assert torch.equal(found, want)


def test_codes_of_any_integer_type(codec: Codec) -> None:
    encoded = codec.encode(toy_speech(0.5, 16000)[0], 16000)
    want = codec.decode(encoded)
    codes = encoded.codes
    for given in (codes.int(), codes.short(), codes.numpy().astype(np.uint16)):
        assert torch.equal(codec.decode(replace(encoded, codes=given)), want)
        stream = StreamDecoder(codec, encoded.paralinguistic)
        assert torch.equal(
            stream.push(given), StreamDecoder(codec, encoded.paralinguistic).push(codes)
        )
    for wrong in (codes.float(), codes > 3, codes - 10**6):
        with pytest.raises(SecoustiError, match=r"must be integers|must lie in"):
            codec.decode(replace(encoded, codes=wrong))
        with pytest.raises(SecoustiError, match=r"must be integers|must lie in"):
            StreamDecoder(codec).push(wrong)
    assert codec.decode(codes[:, 0]).shape[-1] == codes.shape[-1] * codec.frame_size


def test_a_voice_in_its_wire_form() -> None:
    """int8 columns and .sct files hold 8-bit integers; taken unscaled they gave another sound."""
    codec = toy_codec()
    encoded = codec.encode(toy_speech(0.5, 16000)[0], 16000)
    voice, want = encoded.paralinguistic, codec.decode(encoded)
    wire = quantize(voice)
    for given in (wire, wire.long(), wire.numpy(), wire[0], voice.double()):
        assert torch.equal(codec.decode(replace(encoded, paralinguistic=given)), want)
        assert torch.equal(codec.decode(encoded, voice=given), want)
        stream = StreamDecoder(codec, given)
        assert torch.equal(
            stream.push(encoded.codes), StreamDecoder(codec, voice).push(encoded.codes)
        )
    wrongs = (voice * float("nan"), wire.float(), wire.long() + 200, voice[:, :63], "me", 16000)
    for wrong in wrongs:
        with pytest.raises(SecoustiError, match="a voice must"):
            codec.decode(encoded, voice=wrong)
        with pytest.raises(SecoustiError, match="a voice must"):
            StreamDecoder(codec, wrong)


def test_integer_chunks_are_scaled_or_refused(codec: Codec) -> None:
    """int16 from a microphone gave 44 of 44 wrong tokens, without a word."""
    wav = (toy_speech(0.5, 16000)[0] * 20000).to(torch.int16)
    want = codec.encode(wav, 16000).codes
    for given in (wav, wav.numpy(), wav.int() * 65536):
        stream = StreamEncoder(codec, sample_rate=16000)
        assert torch.equal(torch.cat([stream.push(given), stream.flush()], dim=-1), want)
    for wrong in (wav.to(torch.uint8), wav.long(), wav.float()):
        with pytest.raises(SecoustiError, match=r"8-bit|or int16|full scale"):
            StreamEncoder(codec, sample_rate=16000).push(wrong)


def test_options_are_named() -> None:
    """StreamEncoder(codec, 16000) opened 16,000 streams."""
    with pytest.raises(TypeError):
        StreamEncoder(toy_codec(), 16000)  # type: ignore[misc]
