"""Live sessions: the same tokens and audio as whole files, to the sample."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from secousti import SecoustiCodec
from secousti.container import End, Reader, Tokens, TruncatedError, Voice
from secousti.container.encoded import codec_header, encoded_events, read_encoded
from secousti.errors import SecoustiError
from secousti.files.sessions import listen, speak
from secousti.files.sinks import write_tokens
from secousti.files.wav import WavReader
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.ending import Trimmer
from secousti.sessions.voice_clock import VoiceClock
from tests.p2psyn.toy import toy_codec as toy_p2psyn
from tests.toy import toy_codec, toy_speech


def recording(seconds: float, rate: int) -> tuple[bytes, torch.Tensor]:
    """A WAV file of floats, and its samples [N]."""
    wav = toy_speech(seconds, rate)[0]
    file = io.BytesIO()
    soundfile.write(file, wav.numpy(), rate, format="WAV", subtype="FLOAT")
    return file.getvalue(), wav


@pytest.mark.parametrize("rate", [22050, 16000, 48000])
@pytest.mark.parametrize("latency", [0.01, 0.13, 10.0])
def test_listening_gives_the_tokens_of_encode(
    codec: SecoustiCodec, rate: int, latency: float
) -> None:
    data, wav = recording(1.31, rate)
    events = list(listen(codec, WavReader(io.BytesIO(data)), latency))
    codes = np.concatenate([event.codes for event in events if isinstance(event, Tokens)], axis=1)
    whole = codec.encode(wav, rate)
    np.testing.assert_array_equal(codes, whole.codes[0].numpy())
    end = events[-1]
    assert end == End(codes.shape[1], int(whole.num_samples[0]), len(wav))
    assert isinstance(events[0], Voice)  # somebody speaks from the first token on


def test_a_centered_codec_listens_too() -> None:
    """The released front end looks ahead, and its last token may have fewer frames."""
    codec = toy_codec(mode="centered")
    data, wav = recording(0.83, 16000)
    events = list(listen(codec, WavReader(io.BytesIO(data)), 0.1))
    codes = np.concatenate([event.codes for event in events if isinstance(event, Tokens)], axis=1)
    np.testing.assert_array_equal(codes, codec.encode(wav, 16000).codes[0].numpy())
    audio = np.concatenate(list(speak(codec, events, codec_header(codec), 22050)))
    assert len(audio) == int(codec.encode(wav, 16000).num_samples[0])


def test_a_codec_without_a_vocoder_cannot_speak() -> None:
    codec = toy_codec(vocoder=False)
    events = encoded_events(codec.encode(toy_speech(0.2), 22050))
    with pytest.raises(SecoustiError, match="no vocoder"):
        list(speak(codec, events, codec_header(codec), 22050))


def test_p2psyn_listens_too() -> None:
    codec = toy_p2psyn(causal=True)
    data, wav = recording(0.7, 16000)
    events = list(listen(codec, WavReader(io.BytesIO(data)), 0.1))
    codes = np.concatenate([event.codes for event in events if isinstance(event, Tokens)], axis=1)
    np.testing.assert_array_equal(codes, codec.encode(wav, codec.sample_rate).codes[0].numpy())
    assert not any(isinstance(event, Voice) for event in events)
    header = codec_header(codec)
    portions = list(speak(codec, events, header, 16000))
    audio = torch.from_numpy(np.concatenate(portions))
    assert len(audio) == len(wav)
    whole = codec.decode(codec.encode(wav, 16000))[0, 0]
    torch.testing.assert_close(audio, whole, atol=1e-4, rtol=0)


@pytest.mark.parametrize("rate", [22050, 16000, 48000])
def test_speaking_gives_the_audio_of_decode(
    codec: SecoustiCodec, rate: int, tmp_path: Path
) -> None:
    encoded = codec.encode(toy_speech(1.31, 22050), codec.sample_rate)
    header = codec_header(codec)
    path = tmp_path / "a.sct"
    write_tokens(str(path), header, encoded_events(encoded))
    with open(path, "rb") as file:
        again, _ = read_encoded(file)
    with open(path, "rb") as file:
        audio = np.concatenate(list(speak(codec, Reader(file), header, rate)))
    whole = codec.decode(again, rate)[0, 0]
    torch.testing.assert_close(torch.from_numpy(audio), whole, atol=1e-4, rtol=0)


def test_a_codec_that_needs_whole_files() -> None:
    from dataclasses import replace

    from tests.toy import toy_config

    config = toy_config()
    config = replace(
        config,
        seanet=replace(config.seanet, causal=False),
        transformer=replace(config.transformer, causal=False),
    )
    codec = SecoustiCodec(config).eval()
    data, wav = recording(0.4, 22050)
    with pytest.raises(SecoustiError, match="whole files instead of pipes"):
        list(listen(codec, WavReader(io.BytesIO(data))))
    encoded = codec.encode(wav, codec.sample_rate)
    portions = speak(codec, encoded_events(encoded), codec_header(codec), 22050)
    audio = np.concatenate(list(portions))
    assert len(audio) == len(wav)


def test_the_rate_of_the_source_gives_its_length(codec: SecoustiCodec) -> None:
    data, wav = recording(0.61234, 16000)
    header = codec_header(codec, source_sample_rate=16000)
    events = listen(codec, WavReader(io.BytesIO(data)))
    assert sum(len(portion) for portion in speak(codec, events, header, 16000)) == len(wav)


def test_a_cut_stream_is_spoken_as_far_as_it_goes(codec: SecoustiCodec, tmp_path: Path) -> None:
    data, _ = recording(2.0, 22050)
    path = tmp_path / "a.sct"
    header = codec_header(codec)
    events = list(listen(codec, WavReader(io.BytesIO(data)), 0.2))
    write_tokens(str(path), header, events, live=True)
    cut = path.read_bytes()[:-40]
    reader = Reader(io.BytesIO(cut))
    with pytest.raises(TruncatedError):
        list(reader)
    assert reader.frames is not None
    assert 0 < reader.frames * codec.frame_size < 2 * 22050
    heard: list[np.ndarray] = []
    with pytest.raises(TruncatedError):
        heard.extend(speak(codec, Reader(io.BytesIO(cut)), header, 22050))
    assert sum(map(len, heard)) == reader.frames * codec.frame_size


def test_the_voice_is_sent_as_it_settles_and_then_as_asked(codec: SecoustiCodec) -> None:
    data, _ = recording(6.0, 22050)
    events = list(listen(codec, WavReader(io.BytesIO(data)), 0.1))
    times = [e.start / codec.frame_rate for e in events if isinstance(e, Voice)]
    np.testing.assert_allclose(times, [0, 0.25, 1.0, 3.5], atol=0.12)
    clock = VoiceClock(StreamEncoder(codec), 2.0)
    due = []
    for seconds in np.arange(100) / 10:
        if clock.due(seconds):
            due.append(seconds)
            clock.sent(seconds)
    assert due == pytest.approx([0, 0.3, 1.0, 3.5, 5.5, 7.5, 9.5])


def test_silence_and_nothing(codec: SecoustiCodec) -> None:
    empty = io.BytesIO()
    soundfile.write(empty, np.zeros(0, np.float32), 22050, format="WAV")
    with pytest.raises(SecoustiError, match="no samples"):
        list(listen(codec, WavReader(io.BytesIO(empty.getvalue()))))
    one = io.BytesIO()
    soundfile.write(one, np.zeros(1, np.float32), 22050, format="WAV")
    events = list(listen(codec, WavReader(io.BytesIO(one.getvalue()))))
    header = codec_header(codec)
    assert sum(map(len, speak(codec, events, header, 22050))) == 1


def test_a_trimmer_holds_little_and_gives_exactly() -> None:
    trimmer = Trimmer(10)
    given = [trimmer.push(np.full(7, i, np.float32)) for i in range(20)]
    assert all(len(trimmer._held) <= 10 for _ in given)
    trimmer.total = 135
    assert sum(map(len, given)) + len(trimmer.finish(np.zeros(3, np.float32))) == 135


def test_toys_have_distinct_tokens() -> None:
    """The tests above would prove little with one token throughout."""
    assert len(toy_codec().encode(toy_speech(1.31), 22050).codes.unique()) > 5
