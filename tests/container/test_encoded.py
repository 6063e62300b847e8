"""Codec results to files and back."""

from __future__ import annotations

import copy
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from secousti import Encoded, SecoustiCodec, SecoustiError
from secousti.atomic import replacing
from secousti.container import ContainerError, Writer
from secousti.container.encoded import (
    check_codec,
    codec_coders,
    codec_header,
    encoded_events,
    read_encoded,
    reads_tokens,
    reads_voices,
    write_encoded,
)
from secousti.entropy import LearnedCoder
from tests.entropy.toy import likely_tokens, toy_coder
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    return toy_codec()


@pytest.fixture(scope="module")
def encoded(codec: SecoustiCodec) -> Encoded:
    return codec.encode(toy_speech(1.3), codec.sample_rate)


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> LearnedCoder:
    return toy_coder(tmp_path_factory.mktemp("coder") / "coder")


def with_coder(codec: SecoustiCodec, coder: LearnedCoder | None) -> SecoustiCodec:
    """The same codec that brought ``coder`` along."""
    copied = copy.copy(codec)
    for name in ("token_hash", "voice_hash"):
        copied.__dict__.pop(name, None)
    copied.coder = coder
    return copied


def likely(encoded: Encoded, coder: LearnedCoder) -> Encoded:
    """The same with tokens that the coder expects."""
    tokens = likely_tokens(coder, encoded.codes.numel())
    return replace(encoded, codes=torch.from_numpy(tokens)[None, None])


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("payload", ["packed", "adaptive", "learned"])
def test_a_recording_comes_back(
    codec: SecoustiCodec, coder: LearnedCoder, encoded: Encoded, payload: str, live: bool
) -> None:
    codec = with_coder(codec, coder if payload == "learned" else None)
    encoded = likely(encoded, coder)
    file = io.BytesIO()
    header = codec_header(codec, payload=payload, num_samples=int(encoded.num_samples[0]))
    writer = Writer(file, header, run_frames=5 if live else None, coder=codec.coder)
    for event in encoded_events(encoded):
        writer.put(event)
    bits, size = writer.bits, file.tell()
    file.seek(0)
    again, found = read_encoded(file, coders=codec_coders(codec))
    assert reads_tokens(found, codec)
    assert reads_voices(found, codec)
    assert torch.equal(again.codes, encoded.codes)
    assert torch.equal(again.num_samples, encoded.num_samples)
    assert again.paralinguistic is not None
    assert encoded.paralinguistic is not None
    if payload == "learned":
        assert bits.side_information == (64 if live else 192)
        assert bits.tokens < 12 * encoded.codes.numel()
    else:
        assert (again.paralinguistic - encoded.paralinguistic).abs().max() <= 0.5 / 127 + 1e-6
        assert bits.side_information == encoded.bits.side_information
    assert bits.total == 8 * size
    torch.testing.assert_close(codec.decode(again).shape, codec.decode(encoded).shape)


def test_writing_again_gives_the_same_bytes(codec: SecoustiCodec, encoded: Encoded) -> None:
    """What has been through a file once is exactly what a file holds."""
    first, second = io.BytesIO(), io.BytesIO()
    write_encoded(first, encoded, codec_header(codec))
    again, _ = read_encoded(io.BytesIO(first.getvalue()))
    write_encoded(second, again, codec_header(codec))
    assert first.getvalue() == second.getvalue()


@pytest.mark.parametrize("live", [False, True])
def test_another_coder_or_none_is_refused(
    codec: SecoustiCodec, coder: LearnedCoder, encoded: Encoded, tmp_path: Path, live: bool
) -> None:
    """Tables that are not those of the writer decode nothing, they are named."""
    own, encoded = with_coder(codec, coder), likely(encoded, coder)
    file = io.BytesIO()
    writer = Writer(file, codec_header(own), run_frames=5 if live else None, coder=coder)
    for event in encoded_events(encoded):
        writer.put(event)
    data = file.getvalue()
    other = with_coder(codec, toy_coder(tmp_path / "other", seed=1).without_voice())
    for reader in (other, with_coder(codec, None)):
        with pytest.raises(ContainerError, match="entropy coder"):
            read_encoded(io.BytesIO(data), coders=codec_coders(reader))
    both = [toy_coder(tmp_path / "other", seed=1), coder]
    again, _ = read_encoded(io.BytesIO(data), coders=lambda header: both)
    assert torch.equal(again.codes, encoded.codes)


def test_other_tokens_are_refused(codec: SecoustiCodec) -> None:
    header = codec_header(codec)
    check_codec(header, codec, "a.sct")
    with pytest.raises(ContainerError, match=r"a\.sct holds tokens of another codec .* --model"):
        check_codec(header, toy_codec(seed=1), "a.sct")
    with pytest.raises(ContainerError, match="frame_size 512"):
        check_codec(replace(header, frame_size=512), codec, "a.sct")


def test_version_1_knows_the_weights(codec: SecoustiCodec) -> None:
    header = replace(codec_header(codec), token_hash="", voice_hash="", weights=codec.weight_hash)
    check_codec(header, codec, "a.sct")
    with pytest.raises(ContainerError, match="another codec"):
        check_codec(replace(header, weights="0" * 16), codec, "a.sct")


@pytest.mark.parametrize(
    ("part", "tokens", "voices"),
    [
        ("vocoder", True, True),
        ("decoder", True, True),
        ("connector", True, True),
        ("acoustic_projection", True, True),
        ("paralinguistic", True, False),
        ("encoder", False, True),
        ("semantic_projection.mu", False, True),
    ],
)
def test_what_tokens_and_voices_depend_on(
    codec: SecoustiCodec, part: str, tokens: bool, voices: bool
) -> None:
    """A codec with a better decoder, vocoder or voice reads the old tokens."""
    changed = toy_codec()
    with torch.no_grad():
        next(changed.get_submodule(part).parameters()).add_(0.01)
    assert (changed.token_hash == codec.token_hash) == tokens
    assert (changed.voice_hash == codec.voice_hash) == voices
    assert changed.weight_hash != codec.weight_hash
    header = codec_header(codec)
    assert reads_tokens(header, changed) == tokens
    assert reads_voices(header, changed) == voices


def test_a_file_holds_one_recording(codec: SecoustiCodec) -> None:
    batch = codec.encode(toy_speech(0.3, rows=2), codec.sample_rate)
    with pytest.raises(ContainerError, match="batch of 2"):
        write_encoded(io.BytesIO(), batch, codec_header(codec))


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with replacing(path) as partial:
        partial.write_bytes(b"old")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        _half_written(partial)
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]
    with pytest.raises(SecoustiError, match="cannot be written"), replacing(path / "x"):
        pass


def _half_written(path: Path) -> None:
    path.write_bytes(b"half")
    raise ZeroDivisionError
