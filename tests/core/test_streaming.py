"""A stream gives the offline result: any chunks, any length, any batch."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiCodec, SecoustiError, StreamDecoder, StreamEncoder
from secousti.streaming.state import named_tensors
from tests.toy import AUDIO_TOLERANCE, ragged, toy_codec, toy_speech

# The toys attend over 12 tokens in up to two layers: 100 tokens are more than 3 times what
# the stack can see.
TOKENS = 100


def audio_for(codec: SecoustiCodec, rows: int = 1) -> torch.Tensor:
    return toy_speech(TOKENS * codec.frame_size / 22050, rows=rows) + 0.01


@pytest.mark.parametrize("most", [1, 700, 5000, 100_000])
def test_codes_do_not_depend_on_chunks(codec: SecoustiCodec, most: int) -> None:
    wav = audio_for(codec)[:, : 9000 if most == 1 else None]
    offline = codec.encode(wav, codec.sample_rate).codes
    assert offline.unique().numel() > offline.shape[-1] // 4
    encoder = StreamEncoder(codec)
    slices = (
        [slice(i, i + 1) for i in range(wav.shape[1])] if most == 1 else ragged(wav.shape[1], most)
    )
    if most == 1:
        slices = [*slices[:3000], slice(3000, None)]
    pieces = [encoder.push(wav[:, s]) for s in slices]
    assert torch.equal(torch.cat([*pieces, encoder.flush()], dim=-1), offline)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_resampled_stream(codec: SecoustiCodec, rate: int) -> None:
    wav = toy_speech(1.5, rate)
    encoder = StreamEncoder(codec, sample_rate=rate)
    pieces = [encoder.push(wav[:, s]) for s in ragged(wav.shape[1], 900)]
    streamed = torch.cat([*pieces, encoder.flush()], dim=-1)
    assert torch.equal(streamed, codec.encode(wav, rate).codes)


@pytest.mark.parametrize("most", [1, 7, 60])
def test_audio_does_not_depend_on_chunks(codec: SecoustiCodec, most: int) -> None:
    encoded = codec.encode(audio_for(codec), codec.sample_rate)
    offline = codec.decode(encoded)
    decoder = StreamDecoder(codec, encoded.paralinguistic)
    pieces = [decoder.push(encoded.codes[..., s]) for s in ragged(encoded.codes.shape[-1], most)]
    streamed = torch.cat([*pieces, decoder.flush()], dim=-1)
    common = min(streamed.shape[-1], offline.shape[-1])
    assert abs(streamed.shape[-1] - offline.shape[-1]) < codec.frame_size
    assert offline.abs().max() > 1e-3
    torch.testing.assert_close(
        streamed[..., :common], offline[..., :common], atol=AUDIO_TOLERANCE, rtol=0
    )


def test_rows_are_independent_and_reset_alone() -> None:
    codec = toy_codec()
    wav = audio_for(codec, rows=3)
    alone = [codec.encode(row[None], codec.sample_rate).codes[0, 0] for row in wav]
    encoder = StreamEncoder(codec, batch_size=3)
    encoder.push_rows([wav[0, :20000], wav[1, :5000], None])
    encoder.reset([1])
    first = encoder.push_rows([wav[0, 20000:], wav[1], wav[2, :777]])
    last = encoder.push_rows([None, None, wav[2, 777:]])
    tails = encoder.flush_rows()
    assert torch.equal(torch.cat([first[1], last[1], tails[1]]), alone[1])
    assert torch.equal(torch.cat([first[2], last[2], tails[2]]), alone[2])


def test_decoder_rows_reset_alone() -> None:
    codec = toy_codec()
    encoded = codec.encode(audio_for(codec, rows=2), codec.sample_rate)
    offline = codec.decode(encoded)
    decoder = StreamDecoder(codec, encoded.paralinguistic, batch_size=2)
    decoder.push_rows([encoded.codes[0, 0, :13], encoded.codes[1, 0, :40]])
    decoder.reset([0])
    audio = decoder.push_rows([encoded.codes[0, 0], encoded.codes[1, 0, 40:]])
    tail = decoder.flush_rows([0])
    streamed = torch.cat([audio[0], tail[0]])[: offline.shape[-1]]
    torch.testing.assert_close(streamed, offline[0, 0], atol=AUDIO_TOLERANCE, rtol=0)


def test_out_of_step_streams_say_so() -> None:
    encoder = StreamEncoder(toy_codec(), batch_size=2)
    encoder.push_rows([torch.zeros(600), None])
    with pytest.raises(SecoustiError, match="push_rows"):
        encoder.push(torch.zeros(2, 600))
    with pytest.raises(SecoustiError, match="for 2 stream"):
        encoder.push(torch.zeros(3, 600))


def test_state_does_not_grow() -> None:
    codec = toy_codec()
    encoder, decoder = StreamEncoder(codec), StreamDecoder(codec)
    wav = toy_speech(1.0)

    def size() -> int:
        tensors = [t for s in (encoder.state, decoder.state) for _, t in named_tensors(s)]
        rows = [encoder._rows[0].pending, encoder._rows[0].recent, encoder._rows[0]._mel._buffer]
        return sum(t.untyped_storage().nbytes() for t in [*tensors, *rows])

    sizes = []
    for _ in range(8):
        decoder.push(encoder.push(wav))
        sizes.append(size())
    assert max(sizes[4:]) <= 1.1 * max(sizes[:4])


def test_rotation_stays_exact_after_hours() -> None:
    """Position 10 million (five days at 21.5 Hz) must attend as position 0 does."""
    codec = toy_codec()
    z = torch.randn(1, 32, 30, generator=torch.Generator().manual_seed(3))
    early = codec.semantic_projection.init_state(1)
    late = {**early, "offset": torch.tensor([10_000_000])}
    with torch.no_grad():
        for t in range(30):
            a, early = codec.semantic_projection(z[..., t : t + 1], early)
            b, late = codec.semantic_projection(z[..., t : t + 1], late)
    # Before the window is full the late stream also sees cached zeros; at the end both are full.
    torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


def test_paralinguistic_of_a_stream_is_the_recent_window() -> None:
    codec = toy_codec()
    wav = audio_for(codec)
    encoder = StreamEncoder(codec)
    with pytest.raises(SecoustiError, match="no audio has come in"):
        encoder.voice()
    encoder.push(wav)
    count = codec.config.paralinguistic.window_frames
    frames = wav.shape[1] // 256
    recent = codec.mel(wav)[..., frames - count : frames]
    expected = codec.voice_from_mel(recent, torch.tensor([count]))
    torch.testing.assert_close(encoder.voice(), expected, atol=1e-5, rtol=0)
