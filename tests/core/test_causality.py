"""Latency is what the architecture says: found again by perturbing the future."""

from __future__ import annotations

import pytest
import torch

from secousti import SecoustiCodec, StreamDecoder, StreamEncoder
from tests.toy import toy_codec, toy_speech


def test_tokens_need_no_later_sample(codec: SecoustiCodec) -> None:
    wav = toy_speech(1.5)
    size, token = codec.frame_size, 12
    lookahead = codec.mel.overlap // 2 if codec.config.mel.mode == "centered" else 0
    needed = (token + 1) * size + lookahead
    mel, _frames = codec.log_mel(codec_batch(codec, wav))
    changed = wav.clone()
    changed[:, needed:] = 0.3 * torch.randn(1, wav.shape[1] - needed)
    other, _ = codec.log_mel(codec_batch(codec, changed))
    a = semantic(codec, mel)[..., : token + 1]
    b = semantic(codec, other)[..., : token + 1]
    assert torch.equal(a, b) or (a - b).abs().max() < 1e-5
    # and the sample before the boundary does matter
    touched = wav.clone()
    touched[:, needed - 60 : needed] += 0.5  # the window fades out: touch more than one
    other, _ = codec.log_mel(codec_batch(codec, touched))
    assert (semantic(codec, other)[..., token] - a[..., token]).abs().max() > 1e-4


def codec_batch(codec: SecoustiCodec, wav: torch.Tensor):  # type: ignore[no-untyped-def]
    from secousti.audio.batch import as_batch

    return as_batch(wav, codec.sample_rate, codec.sample_rate)


def semantic(codec: SecoustiCodec, mel: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return codec.semantic_projection(codec.encoder(mel)[0])[0]


@pytest.mark.parametrize("ratios", [(2, 2), (1, 1)])
def test_decoded_mel_of_a_token_is_final(ratios: tuple[int, ...]) -> None:
    codec = toy_codec(ratios)
    encoded = codec.encode(toy_speech(1.5), codec.sample_rate)
    mel = codec.decode_mel(encoded)
    changed = encoded.codes.clone()
    changed[..., 10:] = (changed[..., 10:] + 1234) % codec.codebook_size
    from dataclasses import replace

    other = codec.decode_mel(replace(encoded, codes=changed))
    edge = 10 * codec.frames_per_token
    torch.testing.assert_close(mel[..., :edge], other[..., :edge], atol=1e-5, rtol=0)
    assert (mel[..., edge:] - other[..., edge:]).abs().max() > 1e-3


def test_latency_of_the_whole_path(codec: SecoustiCodec) -> None:
    """Push sample by sample hop: sound for time t exists once t + latency has been pushed."""
    wav = toy_speech(1.5)
    encoder, decoder = StreamEncoder(codec), StreamDecoder(codec)
    pushed = spoken = 0
    step = 64
    worst = 0
    for start in range(0, wav.shape[1] - step, step):
        pushed = start + step
        spoken += decoder.push(encoder.push(wav[:, start:pushed])).shape[-1]
        worst = max(worst, pushed - spoken)
    assert codec.latency() - step <= worst <= codec.latency() + step
