"""Ten thousand messages of every kind of nonsense: nobody else notices, nothing is left behind."""

from __future__ import annotations

import json
import random
import threading

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from secousti.serve import Limits
from secousti.serve.client import Stream, Tokens, pcm
from secousti.serve.packets import Packet, audio_packet, tokens_packet
from tests.serve.conftest import Served
from tests.serve.raw import connect
from tests.serve.test_limits import wait_for
from tests.toy import toy_speech

MESSAGES, SEED = 10_000, 20
KINDS = ("encode", "decode", "roundtrip", "convert")


def test_ten_thousand_messages(serving) -> None:
    limits = Limits(start_seconds=20.0, idle_seconds=20.0, message_bytes=20_000)
    with serving(limits) as server:
        threads = [threading.Thread(target=attack, args=(server, i)) for i in range(4)]
        for thread in threads:
            thread.start()
        sound = toy_speech(2.0)
        expected = server.codec.encode(sound, server.codec.sample_rate).codes[0, 0].tolist()
        while any(thread.is_alive() for thread in threads):
            assert speak(server, sound[0].numpy()) == expected
        for thread in threads:
            thread.join()
        assert speak(server, sound[0].numpy()) == expected
        wait_for(lambda: server.metric("connections") == 0)
        assert server.metric("sessions") == 0
        assert server.hub._sessions == {}
        assert all(len(worker) == 0 for worker in server.hub._workers)
        text = server.hub.metrics.text().decode()
        assert 'refused_total{code="internal"}' not in text
        assert 'refused_total{code="bad_message"}' in text


def speak(server: Served, sound: np.ndarray) -> list[int]:
    """An honest session meanwhile."""
    with Stream(server.url, kind="encode", input=pcm(22050, "f32le")) as stream:
        stream.send(sound)
        stream.end()
        return [code for e in stream if isinstance(e, Tokens) for code in e.codes.tolist()]


def attack(server: Served, number: int) -> None:
    dice = random.Random(SEED + number)
    left = MESSAGES // 4
    while left > 0:
        with connect(server.url.replace("http", "ws") + "/v1/stream", close_timeout=1) as socket:
            left -= one_connection(socket, dice, min(left, dice.randrange(1, 60)))


def one_connection(socket: ClientConnection, dice: random.Random, most: int) -> int:
    """Messages until the server has had enough, or ``most``; some are even right."""
    sent, position = 0, 0
    fmt = dice.choice(["s16le", "f32le"])
    try:
        while sent < most:
            message = start(dice, fmt) if not sent else nonsense(dice, position, fmt)
            if isinstance(message, tuple):
                message, position = message
            socket.send(message)
            sent += 1
        if dice.random() < 0.3:
            socket.recv(timeout=0.05)
    except (ConnectionClosed, TimeoutError):
        pass
    return max(sent, 1)


def start(dice: random.Random, fmt: str) -> str | bytes:
    fields = {
        "type": "start",
        "kind": dice.choice(KINDS),
        "input": pcm(dice.choice([8000, 16000, 22050, 48000]), fmt),
        "mel": dice.random() < 0.3,
        "result": dice.random() < 0.3,
        "loss": dice.random(),
        "voice": "AAAA" * 21 + "AA==" if dice.random() < 0.5 else None,
    }
    return spoilt(dice, json.dumps(fields)) if dice.random() < 0.2 else json.dumps(fields)


def nonsense(dice: random.Random, position: int, fmt: str) -> str | bytes | tuple[bytes, int]:
    what = dice.random()
    if what < 0.55:  # sound that may be right
        samples = np.random.default_rng(dice.randrange(1000)).normal(0, 0.1, dice.randrange(900))
        packet = audio_packet(samples.astype(np.float32), position, fmt)
        return packet, position + len(samples)
    if what < 0.65:
        codes = np.array([dice.randrange(6561) for _ in range(dice.randrange(1, 12))])
        return tokens_packet(codes, position, 6561), position + len(codes)
    if what < 0.75:
        head = [dice.randrange(7), dice.randrange(256), dice.randrange(65536)]
        return Packet(*head, dice.randrange(2**32), dice.randbytes(dice.randrange(200))).to_bytes()
    if what < 0.8:
        return dice.randbytes(dice.choice([0, 3, 9, 500, 19_000, 22_000]))
    changes = [
        {"type": "set", "loss": dice.choice([0.5, -1, "x", None, 1e309])},
        {"type": "set", "concealment": dice.choice(["fade", "hope", 3])},
        {"type": "set", "voice": dice.choice(["AAAA" * 21 + "AA==", "", None, "///"])},
        {"type": "ping", "id": dice.choice([1, "a", [], None])},
        {"type": dice.choice(["end", "start", "stop", 1, None])},
    ]
    text = json.dumps(dice.choice(changes))
    return spoilt(dice, text) if dice.random() < 0.3 else text


def spoilt(dice: random.Random, text: str) -> str:
    """One character changed, or the end cut off."""
    at = dice.randrange(len(text))
    if dice.random() < 0.5:
        return text[:at]
    return text[:at] + chr(dice.randrange(32, 0x2FF)) + text[at + 1 :]
