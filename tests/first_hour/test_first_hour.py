"""The first hour in four roles, with the commands that the pages give, on what the package brings.

What takes long in life is shortened: a second of speech, three recordings, two steps of training.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from tests.train.corpus import toy_document, write_config, write_corpus

REPO = Path(__file__).parents[2]
MODEL = "mini-21hz"


def secousti(*args: object) -> subprocess.CompletedProcess[str]:
    """The command as a user starts it; it must succeed."""
    return _succeed([sys.executable, "-m", "secousti", *map(str, args)])


def _succeed(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings of a second, cut from the one that the repository brings."""
    folder = tmp_path_factory.mktemp("corpus")
    samples, rate = soundfile.read(REPO / "examples" / "speech.wav")
    for number, name in enumerate(["one", "two", "three"]):
        start = number * rate // 2
        soundfile.write(folder / f"{name}.wav", samples[start : start + rate], rate)
    return folder


def test_hear_it(speech: Path, tmp_path: Path) -> None:
    """Somebody who wants to hear it."""
    heard = tmp_path / "back.wav"
    said = secousti("roundtrip", speech / "one.wav", "-o", heard).stderr
    assert "bits of tokens" in said
    rate = soundfile.info(speech / "one.wav").samplerate
    assert abs(soundfile.info(heard).duration - 1) < 1 / rate


def test_tokens_of_my_corpus(speech: Path, tmp_path: Path) -> None:
    """A language model's engineer: a corpus to tokens, and one of them back to sound."""
    tokens, heard = tmp_path / "tokens", tmp_path / "two.wav"
    secousti("extract", speech, "-o", tokens, "--format", "webdataset", "-j", 1)
    secousti("decode", tokens, "--id", "two", "-o", heard)
    assert soundfile.info(heard).duration == pytest.approx(1, abs=1e-3)


def test_live_on_one_core(speech: Path, tmp_path: Path) -> None:
    """A real-time engineer, without a sound device."""
    heard = tmp_path / "heard.wav"
    said = secousti("live", speech / "three.wav", "-o", heard, "-m", MODEL, "--loss", 0.1).stderr
    assert "latency" in said
    assert soundfile.info(heard).duration == pytest.approx(1, abs=0.1)


def test_train_a_codec(tmp_path: Path) -> None:
    """A researcher: two steps of a toy, whose model then speaks on the command line."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    document = toy_document(corpus, write_corpus(corpus, utterances=8))
    document["training"]["schedule"] |= {"stage1_end": 1, "total_steps": 2}
    document["training"]["schedule"] |= {"kl_semantic": {"start": 1, "end": 2}}
    document["training"]["schedule"] |= {"kl_para": {"start": 1, "end": 2}}
    config = write_config(tmp_path, document)
    _succeed([sys.executable, "-m", "train", str(config)])
    models = [path.parent for path in (corpus / "run").rglob("config.json")]
    assert models
    tokens = tmp_path / "a.sct"
    secousti("encode", corpus / "u00.wav", "-o", tokens, "-m", models[0])
    assert "bits" in secousti("info", tokens).stdout
