"""Real processes: pipes that are read while they are still being written, and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch

from secousti import SecoustiCodec
from secousti.container import Reader, Tokens
from secousti.container.encoded import load_encoded
from tests.cli.conftest import read_wav
from tests.toy import toy_speech

SECOUSTI = [sys.executable, "-m", "secousti"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_a_pipeline_gives_what_files_give(tmp_path: Path, model: str, codec: SecoustiCodec) -> None:
    """cat a.wav | secousti encode - -o - | secousti decode - -o - > b.wav"""
    source, tokens, heard = tmp_path / "a.wav", tmp_path / "a.sct", tmp_path / "b.wav"
    soundfile.write(source, toy_speech(2.3, 16000)[0].numpy(), 16000)
    secousti = " ".join(SECOUSTI)
    line = (
        f"cat {source} | {secousti} encode - -o - -m {model} --latency 0.2 | tee {tokens} "
        f"| {secousti} decode - -o - -m {model} --sample-rate 16000 > {heard}"
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=ENVIRONMENT, capture_output=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert torch.equal(load_encoded(tokens).codes, codec.encode(source).codes)
    audio, rate = read_wav(heard)
    assert (len(audio), rate) == (int(2.3 * 16000), 16000)
    with open(tokens, "rb") as file:
        runs = [event for event in Reader(file) if isinstance(event, Tokens)]
    assert max(run.codes.shape[1] for run in runs) <= 5  # 0.2 s at 21.5 a second
    _, stdout, stderr = done.returncode, done.stdout, done.stderr
    assert stdout == b""
    assert b"encoded 2.30 s" in stderr


def test_tokens_come_while_the_speaker_is_still_talking(tmp_path: Path, model: str) -> None:
    """And Ctrl-C, which reaches every program of a pipeline, does not lose the last words."""
    path = tmp_path / "a.wav"
    soundfile.write(path, toy_speech(2.0)[0].numpy(), 22050)
    data = path.read_bytes()
    process = subprocess.Popen(
        [*SECOUSTI, "encode", "-", "-o", "-", "-m", model, "--latency", "0.2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(data[: len(data) // 2])  # one second, and no end
    frames = 0
    reader = Reader(process.stdout)  # type: ignore[arg-type]
    for event in reader:
        if isinstance(event, Tokens):
            frames = event.end
        if frames >= 14:
            break
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.stdin.write(data[len(data) // 2 :])
    process.stdin.close()
    assert list(reader)
    assert reader.end is not None
    assert reader.end.num_samples == 44100
    assert process.wait(60) == 0
    process.stdout.close()
    assert process.stderr is not None
    assert b"waiting for the input to end" in process.stderr.read()
    process.stderr.close()


def test_a_sender_that_dies_is_an_error_at_the_other_end(
    tmp_path: Path, model: str, codec: SecoustiCodec
) -> None:
    """What arrived is spoken, the exit code says that it was not all."""
    import io

    from secousti.container.encoded import codec_header, encoded_events
    from secousti.container.writer import Writer

    file = io.BytesIO()
    writer = Writer(file, codec_header(codec))
    for event in list(encoded_events(codec.encode(toy_speech(1.0), 22050)))[:-1]:
        writer.put(event)
    writer.flush()
    done = subprocess.run(
        [*SECOUSTI, "decode", "-", "-o", "-", "-m", model],
        input=file.getvalue(),
        env=ENVIRONMENT,
        capture_output=True,
        timeout=900,
    )
    assert done.returncode == 1
    assert b"standard input: record 2" in done.stderr
    assert b"without an end record, after 22 whole frames" in done.stderr
    assert len(done.stdout) == 44 + 2 * 22 * 1024


def test_help_does_not_import_torch() -> None:
    """``secousti --help`` is instant: no command needs torch to say what it does."""
    code = (
        "import sys, secousti.container.info; from secousti.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=900
    )
    assert done.stderr.split()[-1] == "False"
    assert "roundtrip" in done.stdout


def test_the_reader_of_our_output_may_leave(tmp_path: Path, model: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(22050 * 30, np.float32), 22050)
    secousti = " ".join(SECOUSTI)
    line = f"{secousti} roundtrip {path} -o - -m {model} | head -c 10 > /dev/null"
    done = subprocess.run(["bash", "-c", line], env=ENVIRONMENT, capture_output=True, timeout=900)
    assert b"Traceback" not in done.stderr
