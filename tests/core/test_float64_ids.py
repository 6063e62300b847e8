"""What becomes a token is the same number, to far below float32, however the sound came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from secousti import StreamEncoder, load_codec
from secousti.audio.io import load_audio
from secousti.base import Codec
from secousti.hub.resolve import bundled_models
from tests.toy import ragged

SPEECH = Path(__file__).parents[2] / "examples" / "speech.wav"
# float32 differed by up to 1e-4 and changed an id of 24,883.
NOISE = 1e-10


@pytest.fixture(scope="module")
def sound() -> tuple[Tensor, int]:
    """Hasty speech at a rate that every codec resamples."""
    return load_audio(SPEECH)[0][:60_000], 24_000


def values(codec: Codec, work: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """What the quantizer decides on in ``work``, [L, D], and the codes [L] that come of it."""
    source = getattr(codec, "source", codec)
    fsq = hasattr(source, "quantizer")
    owner = source.quantizer if fsq else source.teacher.quantizer
    name = "bound" if fsq else "nearest"
    real, kept = getattr(owner, name), []

    def watched(x: Tensor, *stage: int) -> Tensor:
        found = real(x, *stage)
        kept.append((found if fsq else x)[0])
        return found

    setattr(owner, name, watched)
    try:
        codes = work()
    finally:
        delattr(owner, name)
    return torch.cat(kept), codes[0, 0]


def streamed(codec: Codec, wav: Tensor, rate: int, most: int) -> Tensor:
    stream = StreamEncoder(codec, sample_rate=rate)
    pieces = [stream.push(wav[part]) for part in ragged(len(wav), most)]
    return torch.cat([*pieces, stream.flush()], dim=-1)


@pytest.mark.parametrize("name", bundled_models())
def test_values_before_rounding_are_those_of_the_whole_recording(name: str, sound) -> None:
    codec = load_codec(name)
    wav, rate = sound
    packed = codec.for_streaming()
    expected, codes = values(codec, lambda: codec.encode(wav, rate).codes)
    assert expected.dtype == torch.float64
    longer = torch.cat([wav, wav.flip(0)])
    ways = {
        "in a batch": lambda: codec.encode([(wav, rate), (longer, rate)]).codes[:, :, : len(codes)],
        "in small chunks": lambda: streamed(codec, wav, rate, 700),
        "in large chunks": lambda: streamed(codec, wav, rate, 20_000),
        "packed": lambda: streamed(packed, wav, rate, 3000),
        "packed, whole": lambda: packed.encode(wav, rate).codes,
    }
    for way, work in ways.items():
        found, ids = values(codec, work)
        assert torch.equal(ids, codes), way
        assert (found[: len(expected)] - expected).abs().max() < NOISE, way


def test_a_codec_may_ask_for_float32(tmp_path: Path) -> None:
    """``encode_precision`` of its configuration; a cast by the caller is obeyed, too."""
    import json

    folder = load_codec("mini-21hz").save_pretrained(tmp_path / "fast")
    document = json.loads((folder / "config.json").read_text())
    assert document["config"]["encode_precision"] == "float64"
    document["config"]["encode_precision"] = "float32"
    (folder / "config.json").write_text(json.dumps(document))
    fast = load_codec(folder)
    noise = 0.1 * torch.randn(1, 22050)
    found, _ = values(fast, lambda: fast.encode(noise, 22050).codes)
    assert found.dtype == torch.float32
    assert fast.token_hash == load_codec("mini-21hz").token_hash
