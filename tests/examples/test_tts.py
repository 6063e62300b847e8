"""The text-to-speech example says what its tokens lack, instead of looking for it for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import save_file

from secousti.errors import SecoustiError
from secousti.extraction.run import extract
from secousti.extraction.settings import Settings
from tests.toy import toy_codec, toy_speech

EXAMPLE = Path(__file__).parents[2] / "examples" / "tts"


def run(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE / script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900)


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are not in the wheel")
def test_tokens_without_text(tmp_path: Path) -> None:
    model, corpus, tokens = tmp_path / "toy", tmp_path / "corpus", tmp_path / "tokens"
    toy_codec().save_pretrained(model)
    corpus.mkdir()
    soundfile.write(corpus / "a.wav", toy_speech(0.5)[0].numpy(), 22050)
    extract(corpus, tokens, Settings(model=str(model), format="webdataset"), processes=1)
    done = run("train.py", tokens, "--output", tmp_path / "tts.safetensors", "--steps", 1)
    assert done.returncode == 1
    assert "none has a text: extract from a .jsonl manifest" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are not in the wheel")
def test_a_token_shares_what_its_digits_have_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from model import SPECIAL, Vocabulary

    quantizer = toy_codec().quantizer
    tokens = torch.arange(quantizer.codebook_size)
    found = Vocabulary(quantizer.codebook_size, quantizer.sizes).digits()
    columns = zip(quantizer.digits(tokens).T, quantizer.sizes, strict=True)
    wanted = [torch.nn.functional.one_hot(c.long() + base // 2, base) for c, base in columns]
    assert torch.equal(found[-len(tokens) :], torch.cat(wanted, dim=1).float())
    assert not found[:SPECIAL].any()
    assert Vocabulary(1024).digits().shape[1] == 0


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="examples are not in the wheel")
def test_what_it_is_given_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From recordings with texts to a model; then texts, files and tokens that are of no use."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from evaluate import with_text
    from model import SPECIAL, load

    corpus, tokens, trained = tmp_path / "a.jsonl", tmp_path / "tokens", tmp_path / "new" / "tts"
    toy_codec().save_pretrained(tmp_path / "toy")
    lines = []
    for n, text in enumerate(("good morning", "你好", "")):
        soundfile.write(tmp_path / f"{n}.wav", toy_speech(0.5, seed=n)[0].numpy(), 22050)
        lines.append(json.dumps({"audio": f"{n}.wav", "text": text}))
    corpus.write_text("\n".join(lines), "utf-8")
    settings = Settings(model=str(tmp_path / "toy"), format="webdataset")
    extract(corpus, tokens, settings, processes=1)
    done = run("train.py", tokens, "--output", trained, "--steps", 1, "--batch-size", 1)
    assert done.returncode == 0, done.stderr
    model, codec = load(trained)

    assert [text for text, _ in with_text(str(tokens), model, codec)] == ["good morning"]
    with pytest.raises(SecoustiError, match="tokens of another codec"):
        with_text(str(tokens), model, {**codec, "token_hash": "0"})
    with pytest.raises(SecoustiError, match="no letter from a to z"):
        next(model.speak("你好", 1.0, 5, 9))
    with pytest.raises(SecoustiError, match="the text has 800 characters"):
        next(model.speak("a" * 800, 1.0, 5, 9))
    likeliest = [list(model.speak("hello", 0.0, 5, 4)) for _ in range(2)]
    assert likeliest[0] == likeliest[1]
    assert list(model.speak("hello", 1.0, 10**6, 2))

    with pytest.raises(SecoustiError, match="cannot be read"):
        load(tmp_path / "nothing")
    save_file({"a": torch.zeros(SPECIAL)}, tmp_path / "other")
    with pytest.raises(SecoustiError, match="was not written by train"):
        load(tmp_path / "other")
    done = run("train.py", tokens, "--steps", 0)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
