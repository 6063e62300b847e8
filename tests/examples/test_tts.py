"""The text-to-speech example says what its tokens lack, instead of looking for it for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

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
