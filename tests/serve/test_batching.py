"""Sessions that come and go at random are stepped together, and none of them can tell."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import torch

from secousti import StreamDecoder, StreamEncoder
from secousti.serve.client import Audio, Stream, Tokens, pcm
from secousti.sessions.together import decode_together, encode_together
from tests.serve.conftest import Served
from tests.toy import AUDIO_TOLERANCE, ragged, toy_codec, toy_speech

CLIENTS, ROUNDS = 6, 3


def test_ids_do_not_depend_on_who_else_is_connected(serving) -> None:
    with serving() as server:
        failures: list[str] = []
        clients = [
            threading.Thread(target=come_and_go, args=(server, number, failures))
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert failures == []
        rows = server.metric("batch_sessions_sum") / server.metric("batch_sessions_count")
        assert rows > 1.5, "hardly anything was batched"
        assert server.metric("sessions") == 0
        assert server.metric("sessions_finished_total") >= CLIENTS


def come_and_go(server: Served, number: int, failures: list[str]) -> None:
    """Sessions of random lengths and rates, some of them left without a word."""
    dice = random.Random(number)
    for turn in range(ROUNDS):
        rate = dice.choice([8000, 16000, 22050])
        sound = toy_speech(dice.uniform(0.5, 2.0), rate, seed=10 * number + turn)[0].numpy()
        leaves = dice.random() < 0.3 and turn < ROUNDS - 1
        expected = server.codec.encode(torch.from_numpy(sound)[None], rate).codes[0, 0].tolist()
        got: list[int] = []
        with Stream(
            server.url,
            kind=dice.choice(["encode", "roundtrip"]),
            input=pcm(rate, "f32le"),
            output=pcm(rate),
        ) as stream:
            for part in ragged(len(sound), 3000, seed=turn):
                stream.send(sound[part])
                time.sleep(dice.uniform(0, 0.004))
            if not leaves:
                stream.end()
                for event in stream:
                    got += event.codes.tolist() if isinstance(event, Tokens) else []
        if not leaves and got != expected:
            failures.append(f"client {number}, session {turn}: {len(got)} of {len(expected)}")


def test_sound_does_not_depend_on_who_else_is_connected(server: Served) -> None:
    sounds = [toy_speech(1.5, seed=seed)[0].numpy() for seed in range(4)]
    alone = [spoken(server, sound) for sound in sounds]
    together: dict[int, np.ndarray] = {}

    def run(i: int) -> None:
        together[i] = spoken(server, sounds[i])

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, expected in enumerate(alone):
        np.testing.assert_allclose(together[i], expected, atol=AUDIO_TOLERANCE)


def spoken(server: Served, sound: np.ndarray) -> np.ndarray:
    with Stream(server.url, kind="roundtrip", input=pcm(22050, "f32le")) as stream:
        stream.send(sound)
        stream.end()
        return np.concatenate([e.samples for e in stream if isinstance(e, Audio)])


def test_streams_of_different_ages_step_together() -> None:
    codec = toy_codec()
    sounds = [toy_speech(2.0, seed=seed) for seed in range(3)]
    encoded = [codec.encode(sound, codec.sample_rate) for sound in sounds]
    encoders = [StreamEncoder(codec) for _ in sounds]
    decoders = [StreamDecoder(codec, e.paralinguistic) for e in encoded]
    for encoder, sound in zip(encoders, sounds, strict=True):
        encoder.receive(sound[0])
        assert encoder.ready() == 43
    rows: list[list[int]] = [[], [], []]
    audio: list[list[torch.Tensor]] = [[], [], []]
    for present, count in [([0], 5), ([0, 1], 2), ([2], 11), ([0, 1, 2], 3), ([1, 2], 4)]:
        codes = encode_together([encoders[i] for i in present], count)
        sound = decode_together([decoders[i] for i in present], codes)
        for i, row, heard in zip(present, codes, sound, strict=True):
            rows[i] += row.tolist()
            audio[i].append(heard)
    for row, parts, expected in zip(rows, audio, encoded, strict=True):
        assert row == expected.codes[0, 0, : len(row)].tolist()
        heard = torch.cat(parts)
        offline = codec.decode(expected)[0, 0, : len(heard)]
        torch.testing.assert_close(heard, offline, atol=AUDIO_TOLERANCE, rtol=0)
