"""Every kind of session gives what the codec gives offline."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
import torch

from secousti.container.encoded import read_encoded
from secousti.files.decode import decode
from secousti.serve import client
from secousti.serve.client import Audio, Mel, Stream, Tokens, Voice, pcm
from secousti.sessions.concealment import LOST
from secousti.voice import dequantize, quantize
from tests.serve.conftest import Served
from tests.toy import AUDIO_TOLERANCE, ragged, toy_speech

OTHER = np.random.default_rng(3).integers(-90, 90, 64).astype(np.int8)
OTHER_TEXT = base64.b64encode(OTHER.tobytes()).decode()


def converse(url: str, sound: np.ndarray | None = None, **start) -> list[client.Event]:
    """A whole session in ragged portions; what came of it."""
    with Stream(url, **start) as stream:
        for part in [] if sound is None else ragged(len(sound), 1700):
            stream.send(sound[part])
        stream.end()
        return list(stream)


def joined(parts: list[tuple[int, np.ndarray]], dtype: type) -> np.ndarray:
    """The values of parts that follow one another without a gap."""
    at = 0
    for position, values in parts:
        assert position == at
        at += len(values)
    return np.concatenate([np.zeros(0, dtype), *(values for _, values in parts)])


def sound_of(events: list[client.Event]) -> np.ndarray:
    parts = [(e.position, e.samples) for e in events if isinstance(e, Audio)]
    return joined(parts, np.float32)


def tokens_of(events: list[client.Event]) -> np.ndarray:
    parts = [(e.position, e.codes) for e in events if isinstance(e, Tokens)]
    return joined(parts, np.int64)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 11111])
@pytest.mark.parametrize("fmt", ["s16le", "f32le"])
def test_tokens_are_those_of_offline_encoding(server: Served, rate: int, fmt: str) -> None:
    sound = toy_speech(1.3, rate, seed=rate)[0].numpy()
    if fmt == "s16le":
        sound = (np.round(np.clip(sound, -1, 1) * 32767) / 32768).astype(np.float32)
    expected = server.codec.encode(torch.from_numpy(sound)[None], rate)
    fed = sound * np.float32(32768 / 32767) if fmt == "s16le" else sound
    events = converse(server.url, fed, kind="roundtrip", input=pcm(rate, fmt), output=pcm(rate))
    assert tokens_of(events).tolist() == expected.codes[0, 0].tolist()
    assert len(sound_of(events)) == len(sound)


def test_conversion_sounds_as_offline(server: Served) -> None:
    sound = toy_speech(3.0)
    encoded = server.codec.encode(sound, server.codec.sample_rate)
    voice = dequantize(torch.from_numpy(OTHER.copy()))[None]
    offline = server.codec.decode(type(encoded)(**{**vars(encoded), "paralinguistic": voice}))
    start = {"kind": "convert", "input": pcm(22050, "f32le"), "voice": OTHER_TEXT}
    heard = sound_of(converse(server.url, sound[0].numpy(), **start, output=pcm(22050, "f32le")))
    np.testing.assert_allclose(heard, offline[0, 0].numpy(), atol=AUDIO_TOLERANCE)


def test_packets_of_one_session_are_another_sessions_input(server: Served) -> None:
    sound = toy_speech(2.0)[0].numpy()
    sent = converse(server.url, sound, kind="encode", input=pcm(22050, "f32le"))
    assert not any(isinstance(e, Audio) for e in sent)
    with Stream(server.url, kind="decode", samples=len(sound)) as stream:
        for event in sent:
            if isinstance(event, Voice):
                stream.send_voice(event.codes)
            elif isinstance(event, Tokens):
                stream.send_tokens(event.codes)
        stream.end()
        there = list(stream)
    whole = converse(
        server.url, sound, kind="roundtrip", input=pcm(22050, "f32le"), output=pcm(22050, "f32le")
    )
    np.testing.assert_allclose(sound_of(there), sound_of(whole), atol=AUDIO_TOLERANCE)
    voices = [(e.position, e.codes.tolist()) for e in sent if isinstance(e, Voice)]
    assert voices == [(e.position, e.codes.tolist()) for e in there if isinstance(e, Voice)]
    assert [position for position, _ in voices] == [0, 5, 21]


def test_missing_tokens_are_concealed_and_take_their_time(server: Served) -> None:
    codes = server.codec.encode(toy_speech(2.0), server.codec.sample_rate).codes[0, 0].numpy()
    gone = np.isin(np.arange(len(codes)), [4, 5, 6, 20])

    def spoken(marked: bool) -> np.ndarray:
        with Stream(server.url, kind="decode", concealment="fade") as stream:
            if marked:
                stream.send_tokens(codes, gone)
            else:  # left out: the position of what follows tells
                for i, code in enumerate(codes):
                    stream._format.position = i
                    if not gone[i]:
                        stream.send_tokens([code])
            stream.end()
            events = list(stream)
        assert events[-1]["lost"] == 4
        return sound_of(events)

    from secousti import StreamDecoder

    decoder = StreamDecoder(server.codec, concealment="fade")
    lossy = torch.from_numpy(np.where(gone, LOST, codes))
    expected = torch.cat([decoder.push(lossy), decoder.flush()], -1)[0, 0].numpy()
    np.testing.assert_allclose(spoken(True), expected, atol=AUDIO_TOLERANCE)
    np.testing.assert_allclose(spoken(False), expected, atol=AUDIO_TOLERANCE)


def test_simulated_losses_are_those_of_secousti_live(server: Served) -> None:
    from secousti.live import run
    from secousti.sessions.channel import Channel

    sound = toy_speech(2.0)[0].numpy()
    own = server.codec.encode(
        torch.from_numpy(sound)[None], server.codec.sample_rate
    ).paralinguistic
    voice = base64.b64encode(quantize(own[0]).numpy().tobytes()).decode()
    # "repeat" never looks ahead: what others conceal depends on which tokens came together.
    start = {"kind": "convert", "voice": voice, "loss": 0.3, "burst": 2, "seed": 5}
    start["concealment"] = "repeat"
    events = converse(server.url, sound, **start, input=pcm(22050, "f32le"))
    chunks = np.split(sound, range(1024, len(sound), 1024))
    channel = Channel(0.3, 2.0, 5, "repeat")
    vector = dequantize(quantize(own))
    frames = list(run(server.codec, chunks, 22050, voice=vector, channel=channel))
    lost = np.concatenate([e.lost for e in events if isinstance(e, Tokens)])
    assert 4 < lost.sum() == sum(f.lost for f in frames) == events[-1]["lost"]
    live = np.concatenate([f.audio for f in frames])[: len(sound)]
    np.testing.assert_allclose(sound_of(events), live, atol=AUDIO_TOLERANCE)


def test_results_can_be_fetched_and_decode_to_the_same_sound(server: Served, tmp_path) -> None:
    sound = toy_speech(2.0, 16000)[0].numpy()
    start = {"kind": "roundtrip", "input": pcm(16000), "output": pcm(16000), "result": True}
    events = converse(server.url, sound, **start)
    result = events[-1]["result"]
    sct, wav = (client.download(server.url, result[kind]) for kind in ("sct", "wav"))
    encoded, header = read_encoded(io.BytesIO(sct))
    assert encoded.codes[0, 0].tolist() == tokens_of(events).tolist()
    assert header.token_hash
    assert server.codec.token_hash.startswith(header.token_hash)
    (tmp_path / "s.sct").write_bytes(sct)
    decode(
        [str(tmp_path / "s.sct")],
        str(tmp_path / "s.wav"),
        model=server.hub.options.models[0],
        sample_rate=16000,
    )
    again, _ = soundfile.read(tmp_path / "s.wav", dtype="float32")
    heard, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    assert (rate, len(heard)) == (16000, len(sound))
    np.testing.assert_allclose(again, heard, atol=AUDIO_TOLERANCE)
    np.testing.assert_allclose(heard, sound_of(events), atol=AUDIO_TOLERANCE)


def test_mel_columns_show_both_sides_of_the_same_moments(server: Served) -> None:
    sound = toy_speech(1.0, 48000)[0].numpy()
    start = {"kind": "roundtrip", "input": pcm(48000, "f32le"), "mel": True}
    events = converse(server.url, sound, **start)
    for output in (False, True):
        packets = [e for e in events if isinstance(e, Mel) and e.output == output]
        columns = np.concatenate([e.columns for e in packets])
        assert columns.shape == (88, 80)  # 22 tokens of 4 columns
        assert columns.std() > 5
    mel, _ = server.codec.log_mel(_batch(server, sound, 48000))
    columns = np.concatenate([e.columns for e in events if isinstance(e, Mel) and not e.output])
    expected = np.clip((mel[0].T.numpy() + 11.5) * 255 / 13.5, 0, 255)
    assert np.abs(columns - expected).max() < 0.6


def _batch(server: Served, sound: np.ndarray, rate: int):
    from secousti.audio.batch import as_batch

    return as_batch(torch.from_numpy(sound)[None], server.codec.sample_rate, rate)


def test_stats_and_done_count_what_was_sent(server: Served) -> None:
    sound = toy_speech(2.0)[0].numpy()
    events = converse(server.url, sound, kind="roundtrip", input=pcm(22050), loss=0.2, seed=1)
    stats, done = events[-2], events[-1]
    tokens = [e for e in events if isinstance(e, Tokens)]
    assert done["tokens"] == stats["tokens"] == sum(len(e.codes) for e in tokens) == 44
    assert done["lost"] == sum(int(e.lost.sum()) for e in tokens)
    assert done["token_bits"] == pytest.approx(44 * server.codec.bits_per_frame, abs=0.1)
    assert done["side_bits"] == 512 * sum(isinstance(e, Voice) for e in events)
    assert done["samples_in"] == done["samples_out"] == len(sound)
    assert stats["token_bit_rate"] == pytest.approx(done["token_bits"] / 2.0, rel=0.01)
    assert 0 < stats["encode_ms"] + stats["decode_ms"] <= stats["server_ms"] + 1
    assert stats["server_ms"] <= stats["server_p95_ms"]
    assert stats["algorithmic_latency_ms"] == pytest.approx(58.05, abs=0.01)


def test_changes_hold_from_the_next_token_on(server: Served) -> None:
    sound = toy_speech(3.0)[0].numpy()
    with Stream(server.url, kind="roundtrip", input=pcm(22050, "f32le")) as stream:
        stream.send(sound[:22528])  # 22 tokens
        stream.set(voice=OTHER_TEXT, loss=1.0)
        stream.send(sound[22528:45056])
        stream.set(voice=None, loss=0.0)
        stream.send(sound[45056:])
        stream.end()
        events = list(stream)
    lost = np.concatenate([e.lost for e in events if isinstance(e, Tokens)])
    assert np.flatnonzero(lost).tolist() == list(range(22, 44))
    voices = {e.position: e.codes.tolist() for e in events if isinstance(e, Voice)}
    assert voices[22] == OTHER.tolist()
    assert voices[44] != OTHER.tolist()


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_hardly_any_sound(server: Served, samples: int) -> None:
    sound = toy_speech(1.0)[0].numpy()[:samples]
    start = {"kind": "roundtrip", "input": pcm(22050), "output": pcm(22050), "result": True}
    events = converse(server.url, sound, **start)
    assert len(sound_of(events)) == samples
    assert len(tokens_of(events)) == (samples > 0)
    result = events[-1]["result"]
    assert sum(result["bits"].values()) == 8 * result["sct_bytes"] > 0


def test_a_voice_from_a_recording(server: Served, tmp_path) -> None:
    sound = toy_speech(2.0, 16000, seed=4)
    soundfile.write(tmp_path / "friend.wav", sound[0].numpy(), 16000, subtype="FLOAT")
    told = client.voice_vector(client.voice(server.url, tmp_path / "friend.wav"))
    expected = server.codec.encode(sound, 16000).paralinguistic
    assert told.tolist() == quantize(expected[0]).tolist()
    (tmp_path / "no.wav").write_bytes(b"RIFF....")
    with pytest.raises(client.ServerError, match="cut short"):
        client.voice(server.url, tmp_path / "no.wav")
