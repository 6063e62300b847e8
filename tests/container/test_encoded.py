"""Codec results to files and back."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from secousti import Encoded, SecoustiCodec, SecoustiError
from secousti.atomic import replacing
from secousti.container import ContainerError
from secousti.container.encoded import check_codec, codec_header, read_encoded, write_encoded
from tests.toy import toy_codec, toy_speech


@pytest.fixture(scope="module")
def codec() -> SecoustiCodec:
    return toy_codec()


@pytest.fixture(scope="module")
def encoded(codec: SecoustiCodec) -> Encoded:
    return codec.encode(toy_speech(1.3), codec.sample_rate)


@pytest.mark.parametrize("payload", ["packed", "entropy"])
def test_a_recording_comes_back(codec: SecoustiCodec, encoded: Encoded, payload: str) -> None:
    file = io.BytesIO()
    header = codec_header(codec, payload=payload, num_samples=int(encoded.num_samples[0]))
    bits = write_encoded(file, encoded, header)
    size = file.tell()
    file.seek(0)
    again, found = read_encoded(file)
    assert found == header
    assert torch.equal(again.codes, encoded.codes)
    assert torch.equal(again.num_samples, encoded.num_samples)
    assert again.paralinguistic is not None
    assert encoded.paralinguistic is not None
    assert (again.paralinguistic - encoded.paralinguistic).abs().max() <= 0.5 / 127 + 1e-6
    assert bits.total == 8 * size
    assert bits.side_information == encoded.bits.side_information
    assert bits.tokens >= encoded.bits.tokens * 0.8
    torch.testing.assert_close(codec.decode(again).shape, codec.decode(encoded).shape)


def test_writing_again_gives_the_same_bytes(codec: SecoustiCodec, encoded: Encoded) -> None:
    """What has been through a file once is exactly what a file holds."""
    first, second = io.BytesIO(), io.BytesIO()
    write_encoded(first, encoded, codec_header(codec))
    again, header = read_encoded(io.BytesIO(first.getvalue()))
    write_encoded(second, again, header)
    assert first.getvalue() == second.getvalue()


def test_other_weights_are_refused(codec: SecoustiCodec) -> None:
    header = codec_header(codec)
    check_codec(header, codec, "a.sct")
    with pytest.raises(ContainerError, match=r"a\.sct was made by .* --model"):
        check_codec(header, toy_codec(seed=1), "a.sct")
    with pytest.raises(ContainerError, match="frame_size 512"):
        check_codec(replace(header, frame_size=512), codec, "a.sct")


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
