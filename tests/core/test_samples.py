"""What callers hand over: types, scales, shapes and rates, taken right or refused in a sentence."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from secousti.audio.batch import as_batch
from secousti.errors import SecoustiError
from secousti.samples import as_samples, check_rate, one_recording
from tests.toy import toy_speech

RATE = 16000
# on the grid of 8 bits, so that every type holds the very same samples
EIGHT_BITS = (toy_speech(0.1, RATE)[0].clamp(-0.99, 0.99) * 128).round().numpy()
WAV = (EIGHT_BITS / 128).astype(np.float32)


@pytest.mark.parametrize(
    "value",
    [
        WAV.astype(np.float64), WAV.astype(np.float16), WAV.astype(">f4"), WAV[::-1][::-1],
        (EIGHT_BITS * 2**8).astype(np.int16), (EIGHT_BITS * 2**8).astype(">i2"),
        (EIGHT_BITS * 2**24).astype(np.int32), (EIGHT_BITS + 128).astype(np.uint8),
        torch.from_numpy(EIGHT_BITS * 2**8).to(torch.int16), WAV.tolist(),
        torch.from_numpy(WAV).to(torch.bfloat16), torch.from_numpy(WAV).requires_grad_(),
        np.frombuffer(WAV.tobytes(), dtype=np.float32),
    ],
)  # fmt: skip
def test_every_type_gives_the_same_samples(value: Any) -> None:
    samples = as_samples(value, what="a chunk")
    assert samples.dtype == torch.float32
    assert not samples.requires_grad
    assert torch.equal(samples, torch.from_numpy(WAV))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(4, np.int64), "found int64"),
        (np.zeros(4, np.int8), "found int8"),
        (np.zeros(4, np.uint16), "found uint16"),
        (np.zeros(4, bool), "found bool"),
        (np.zeros(4, complex), "found complex128"),
        (torch.zeros(4, dtype=torch.int64), "found int64"),
        ("speech.wav", "found <U10"),
        (object(), "found object"),
        ([[0.0, 0.1], [0.2]], "list of arrays"),
        (np.array([0, np.nan]), "a chunk has a NaN or infinite sample .first at index 1"),
        (torch.tensor([0, 0, -torch.inf]), "first at index 2"),
        (WAV * 32767, "beyond full scale.*32768 for 16-bit"),
        (-3 * WAV / WAV.max(), "beyond full scale"),
    ],
)
def test_what_is_no_audio_is_named(value: Any, message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        as_samples(value, what="a chunk")


def test_an_overshoot_of_a_decoder_is_taken_as_it_is() -> None:
    assert float(as_samples([0.0, -1.4], what="x").min()) == pytest.approx(-1.4)


def test_a_chunk_may_be_empty_but_no_recording() -> None:
    assert as_samples(np.zeros(0, np.float32), what="x").shape == (0,)
    with pytest.raises(SecoustiError, match="x has no samples"):
        one_recording(np.zeros((2, 0), np.float32), what="x")


LEFT, RIGHT = 0.5 * WAV, 0.25 * WAV
ENCODED = io.BytesIO()
soundfile.write(ENCODED, np.stack([LEFT, RIGHT], 1), RATE, format="WAV", subtype="FLOAT")
LAST, FIRST = np.stack([LEFT, RIGHT], 1), np.stack([LEFT, RIGHT])


def decoder() -> SimpleNamespace:
    """As torchcodec's AudioDecoder."""
    decoded = SimpleNamespace(data=torch.from_numpy(FIRST), sample_rate=RATE)
    return SimpleNamespace(get_all_samples=lambda: decoded)


@pytest.mark.parametrize(
    "audio",
    [
        (LAST, RATE), (FIRST, RATE), (RATE, LAST), (torch.from_numpy(FIRST)[None], RATE),
        {"array": FIRST, "sampling_rate": RATE, "path": None},
        {"array": LAST.mean(1).tolist(), "sampling_rate": RATE},
        {"bytes": ENCODED.getvalue(), "path": "gone.wav"},
        ENCODED.getvalue(), io.BytesIO(ENCODED.getvalue()), decoder(),
        decoder().get_all_samples(),
    ],
)  # fmt: skip
def test_recordings_that_know_their_rate(audio: Any) -> None:
    want = as_batch(np.mean(FIRST, axis=0), 22050, RATE)
    for form in (audio, [audio]):
        if isinstance(form, io.BytesIO):
            form.seek(0)
        found = as_batch(form, 22050)
        torch.testing.assert_close(found.wav, want.wav, atol=1e-7, rtol=0)
        if isinstance(audio, io.BytesIO):
            audio.seek(0)


def test_pipes_and_lists_of_many_kinds(tmp_path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(ENCODED.getvalue())
    pipe = SimpleNamespace(read=lambda: ENCODED.getvalue(), seekable=lambda: False)
    with path.open("rb") as opened:
        batch = as_batch([path, str(path), opened, pipe, (LAST, RATE), LAST[:5000]], RATE, RATE)
    assert all(torch.equal(row, batch.wav[0]) for row in batch.wav)
    assert batch.lengths.tolist() == [len(WAV)] * 6


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (LAST, r"1600 recordings of 2 sample.*passed as \(array, rate\)"),
        (LAST[:, :1], "1600 recordings of 1 sample"),
        (np.stack([WAV] * 6, 1), "1600 recordings of 6 sample"),
        (torch.from_numpy(LAST)[None], "1600 channels of 2 sample"),
        ([np.zeros((3, 2))], r"could be \[C, N\] or \[N, C\]"),
        ([np.zeros((100, 100))], "no recording of up to 32 channels"),
        (np.float32(0.5), r"must be \[N\], \[B, N\] or \[B, C, N\], found shape \(\)"),
        ([0.0, 0.5], "a list is a list of recordings"),
        ({"audio": WAV}, "mapping with the fields audio"),
        (b"RIFF of something else", "not audio that can be read"),
        (io.StringIO("text"), "binary mode"),
        (17, "int is no audio"),
        (None, "NoneType is no audio"),
        ((WAV, 8000), "comes with 8000 Hz, but sample_rate says 16000"),
        ([], "no audio in an empty list"),
    ],
)
def test_what_cannot_be_meant_is_refused(audio: Any, message: str) -> None:
    with pytest.raises(SecoustiError, match=message):
        as_batch(audio, 22050, RATE)


@pytest.mark.parametrize("audio", [WAV, WAV[None], torch.from_numpy(WAV), [WAV, WAV]])
def test_arrays_need_their_rate(audio: Any) -> None:
    with pytest.raises(SecoustiError, match="does not know its rate: pass sample_rate"):
        as_batch(audio, 22050)


def test_lengths_say_that_rows_are_meant() -> None:
    batch = as_batch(np.zeros((40, 2), np.float32), RATE, RATE, lengths=[2] * 39 + [1])
    assert batch.lengths.tolist() == [2] * 39 + [1]
    for lengths in ([2], [3] * 40, [0] * 40):
        with pytest.raises(SecoustiError, match="do not fit the audio of 40 row"):
            as_batch(np.zeros((40, 2), np.float32), RATE, RATE, lengths=lengths)


@pytest.mark.parametrize("rate", [0, -8000, 999, 2**31, 22050.5, "16000", True, float("nan")])
def test_rates_that_are_none(rate: Any) -> None:
    with pytest.raises(SecoustiError, match="must be 1000 to 768000 Hz"):
        check_rate(rate)


def test_whole_floats_are_rates() -> None:
    assert check_rate(44100.0) == 44100
    assert check_rate(np.int64(48000)) == 48000
