"""The examples of docs/serving.md do what they say."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import torch

from secousti.container import MAGIC
from tests.serve.conftest import Served
from tests.toy import toy_speech

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def example(server: Served, starts: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (block,) = (block for block in blocks if block.startswith(starts))
    return block.replace("http://127.0.0.1:8765", server.url)


def test_the_client_without_asyncio(server: Served, tmp_path) -> None:
    sound = toy_speech(1.0, 16000)[0].numpy()
    friend = tmp_path / "friend.wav"
    soundfile.write(friend, toy_speech(1.0, 16000, seed=5)[0].numpy(), 16000)
    heard: list[np.ndarray] = []
    names = {"microphone": np.split(sound, 10), "more": sound, "play": heard.append}
    code = example(server, "from secousti.serve.client")
    code = code.replace('"examples/voice.wav"', repr(str(friend)))
    exec(code, names)
    assert len(np.concatenate(heard)) == 2 * len(sound)
    assert names["sct"].startswith(MAGIC)


def test_the_client_with_asyncio(server: Served) -> None:
    sound = toy_speech(1.0, 16000)
    names: dict = {}
    exec(example(server, "import asyncio"), names)
    sent = (np.round(sound.numpy() * 32767) / 32768).astype(np.float32)
    expected = server.codec.encode(torch.from_numpy(sent), 16000).codes[0, 0].tolist()
    # In a thread of its own: a browser test before this one may have left a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        ids = pool.submit(asyncio.run, names["tokens_of"](sound[0].numpy(), 16000)).result()
    assert ids == expected
