"""Every vocoder: a stream is the offline result, and looks exactly as far ahead as it says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from secousti.streaming.state import put_rows, reset_rows, take_rows
from secousti.vocoder.base import Vocoder
from tests.vocoder.conftest import toy_mel, toy_vocoder

CHUNKS = ([1] * 70, [70], [1, 0, 2, 1, 30, 1, 1, 7, 27], [23, 23, 24])


def stream(vocoder: Vocoder, mel: Tensor, chunks: list[int]) -> Tensor:
    state = vocoder.init_state(mel.shape[0])
    pieces = []
    for part in mel.split(chunks, dim=-1):
        audio, new = vocoder(part, state)
        assert audio.shape == (mel.shape[0], 1, part.shape[-1] * vocoder.hop_length)
        assert new is not None
        state = new
        pieces.append(audio)
    pieces.append(vocoder.flush(state))
    return torch.cat(pieces, dim=-1)[..., vocoder.delay :]


@pytest.mark.parametrize("chunks", CHUNKS, ids=["frames", "whole", "ragged", "even"])
def test_stream_equals_offline(vocoder: Vocoder, chunks: list[int]) -> None:
    mel = toy_mel(2, 70)
    offline, state = vocoder(mel)
    assert state is None
    assert offline.shape == (2, 1, 70 * vocoder.hop_length)
    assert offline.std() > 1e-3
    torch.testing.assert_close(stream(vocoder, mel, chunks), offline, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["harmonic", "hift"])
def test_phase_does_not_drift(name: str) -> None:
    vocoder = toy_vocoder(name)
    mel = toy_mel(1, 1000)  # 12 s
    offline, _ = vocoder(mel)
    streamed = stream(vocoder, mel, [37] * 27 + [1])
    torch.testing.assert_close(streamed, offline, atol=1e-4, rtol=1e-3)


def test_rows_are_streams_of_their_own(vocoder: Vocoder) -> None:
    mel = toy_mel(3, 40)
    first = stream(vocoder, mel[:1], [40])
    state = vocoder.init_state(3)
    _, state = vocoder(toy_mel(3, 11), state)
    assert state is not None
    state = reset_rows(state, torch.tensor([0, 2]))
    begun, after = vocoder(mel[[0]], take_rows(state, torch.tensor([0])))
    assert after is not None
    tail = vocoder.flush(after)
    whole = torch.cat([begun, tail], dim=-1)[..., vocoder.delay :]
    torch.testing.assert_close(whole, first, atol=2e-5, rtol=1e-4)
    merged = put_rows(state, torch.tensor([0]), after)
    kept = take_rows(merged, torch.tensor([1]))
    expected, _ = vocoder(mel[[1]], take_rows(state, torch.tensor([1])))
    again, _ = vocoder(mel[[1]], kept)
    assert torch.equal(again, expected)


def test_lookahead_is_what_it_says(vocoder: Vocoder) -> None:
    mel = toy_mel(1, 60)
    audio, _ = vocoder(mel)
    touched = mel.clone()
    touched[..., 40:] += 1.0
    changed, _ = vocoder(touched)
    difference = (audio - changed).abs()[0, 0]
    first_that_may = (40 - vocoder.lookahead) * vocoder.hop_length
    assert difference[: max(first_that_may, 0)].max() < 1e-6
    assert difference[40 * vocoder.hop_length :].max() > 1e-3
    if vocoder.lookahead:  # ... and is needed: the last of it is used
        window = difference[first_that_may : first_that_may + 2 * vocoder.hop_length]
        assert window.max() > 0


def test_offline_does_not_depend_on_history_or_batch(vocoder: Vocoder) -> None:
    mel = toy_mel(3, 12)
    batch, _ = vocoder(mel)
    vocoder(toy_mel(1, 30))
    alone, _ = vocoder(mel[1:2])
    torch.testing.assert_close(alone[0], batch[1], atol=2e-5, rtol=1e-4)
    assert torch.equal(batch, vocoder(mel)[0])


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_input(vocoder: Vocoder, frames: int) -> None:
    audio, _ = vocoder(toy_mel(1, frames))
    assert audio.shape == (1, 1, frames * vocoder.hop_length)
    assert torch.isfinite(audio).all()
