"""What hostile inputs cost: every command ends in one sentence, soon, in bounded memory.

The commands run in forks of one process that has loaded PyTorch, each under a limit of its
address space; what is measured is the peak of resident memory beyond that of the process.
"""

from __future__ import annotations

import io
import json
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile

from tests.container.test_limits import CRAFTED, END, MEMORY, VOICE, craft, numbers
from tests.known_issues.test_wav_headers import wav
from tests.toy import toy_codec

SECONDS = 900
GROWTH = 200  # MB that a command may take beside PyTorch and a model, on any of these inputs

# Command lines from standard input; for each: exit code, MB of growth, what it said.
SERVER = """
import json, os, resource, sys, tempfile
import numpy, soundfile, torch
import secousti.files, secousti.live, secousti.extraction.run
from secousti.cli import main
torch.set_num_threads(1)
def own():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20
for line in map(json.loads, sys.stdin):
    said, before = tempfile.TemporaryFile(), own()
    child = os.fork()
    if not child:
        os.dup2(said.fileno(), 2)
        os.dup2(os.open(line.get("stdin") or os.devnull, os.O_RDONLY), 0)
        sys.stdin = open(0)
        try:
            code = main(line["args"]) or 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException as error:
            print("RAISED", repr(error)[:300], file=sys.stderr)
            code = 99
        sys.stderr.flush()
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    said.seek(0)
    text = said.read().decode(errors="replace")
    growth = used.ru_maxrss / 1024 - before
    told = {"code": os.waitstatus_to_exitcode(status), "growth": growth, "said": text[-3000:]}
    print(json.dumps(told), flush=True)
"""


class Told(NamedTuple):
    """What came of a command line: exit code, MB beyond the process, standard error."""

    code: int
    growth: float
    said: str


class Server:
    """Runs command lines in forks of one process."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )

    def __call__(self, *args: object, stdin: str | None = None) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({"args": [str(arg) for arg in args], "stdin": stdin})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return Told(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bounded")
    toy_codec().save_pretrained(made / "toy")
    sound = np.sin(np.arange(8000) / 9) * 0.4
    soundfile.write(made / "voice.wav", sound, 16000)
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    server.close()


def refused(told: Told) -> None:
    """One sentence, little memory."""
    assert told.code in (1, 2), told
    assert "Traceback" not in told.said, told
    assert "RAISED" not in told.said, told
    assert told.said.count("error") == 1, told
    assert told.growth < GROWTH, told


def flac_of_2_36_samples() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(5000) / 9) * 0.4, 16000, format="FLAC")
    data = bytearray(file.getvalue())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    return bytes(data)


SIZES = struct.pack("<IQQQI", 28, 1 << 60, 1 << 60, 1 << 58, 0)
AUDIO: dict[str, bytes] = {
    "flac.flac": flac_of_2_36_samples(),
    "long.wav": wav(size=0xFFFF0000 - 1000 - (1 << 16)),
    "rf64.wav": wav(size=0xFFFFFFFF, riff=b"RF64", before=b"ds64" + SIZES),
    "slow.wav": wav(layout=(1, 1, 1, 2, 2, 16)),
    "fast.wav": wav(layout=(1, 1, 0x7FFFFFFF, 0xFFFFFFFE, 2, 16)),
    "wide.wav": wav(layout=(1, 65535, 16000, 0xFFFFFFFF, 65535, 8)),
    "format.wav": b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff" + bytes(64),
    "ogg.ogg": b"OggS" + b"\xff" * 300,
    "zeros.wav": bytes(1 << 16),
}  # fmt: skip


@pytest.mark.parametrize("name", AUDIO)
def test_recordings(run: Server, folder: Path, name: str) -> None:
    """encode, roundtrip, convert (both ways) and live, from files and pipes."""
    (folder / name).write_bytes(AUDIO[name])
    model = ("-m", "./toy", "-f")
    refused(run("encode", name, "-o", "a.sct", *model))
    refused(run("encode", "-", "-o", "a.sct", *model, stdin=name))
    refused(run("convert", "voice.wav", "--voice", name, "-o", "a.wav", *model))
    assert not (folder / "a.sct").exists()
    assert not (folder / "a.wav").exists()


def test_a_pipe_that_never_ends(run: Server) -> None:
    for command in ("encode", "roundtrip", "live"):
        refused(run(command, "-", "-o", "b.wav" if command != "encode" else "b.sct",
                    "-m", "./toy", stdin="/dev/zero"))  # fmt: skip
    refused(run("info", "-", stdin="/dev/zero"))
    refused(run("decode", "-", "-o", "b.wav", "-m", "./toy", stdin="/dev/zero"))


def test_tokens(run: Server, folder: Path) -> None:
    """The crafted files of tests/container/test_limits.py, by what they cost."""
    codec = toy_codec()
    for number, (records, fields, _, _) in enumerate(CRAFTED.values()):
        (folder / f"{number}.sct").write_bytes(craft(codec, records, **fields))
    hour = [VOICE, (b"R", numbers(0, 1 << 16) + b"\2" + bytes(4)), (b"E", END)]
    (folder / "hour.sct").write_bytes(craft(codec, hour))
    for number in range(len(CRAFTED)):
        told = run("decode", f"{number}.sct", "-o", "c.wav", "-m", "./toy", "-f")
        assert told.growth < GROWTH, (list(CRAFTED)[number], told)
    refused(run("decode", "hour.sct", "-o", "d.wav", "-m", "./toy", "--max-seconds", 60))
    refused(run("convert", "hour.sct", "--voice", "voice.wav", "-o", "d.sct", "-m", "./toy"))


CONFIGS: dict[str, dict[str, Any]] = {
    "wide": {"transformer": {"d_model": 40_000}},
    "deep": {"depth": {"decoder": 10**6}},
    "no heads": {"transformer": {"num_heads": 0}},
    "no context": {"transformer": {"context": 0}},
    "long context": {"transformer": {"context": 10**12}},
    "no hop": {"mel": {"hop_length": 0}},
    "long hop": {"mel": {"hop_length": 10**9}},
    "no rate": {"mel": {"sample_rate": 0}},
    "long window": {"mel": {"n_fft": 2**40}},
    "many mels": {"mel": {"n_mels": 10**9}},
    "no ratio": {"seanet": {"ratios": [0, 2]}},
    "great ratio": {"seanet": {"ratios": [10**9, 2]}},
    "many ratios": {"seanet": {"ratios": [2] * 10**4}},
    "no filters": {"seanet": {"n_filters": 0}},
    "many levels": {"quantizer": {"levels": [3] * 10**4}},
    "long voice window": {"paralinguistic": {"window_frames": 10**12}},
    "infinite": {"mel": {"f_max": float("inf")}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations(run: Server, folder: Path, name: str) -> None:
    """A model's folder whose config.json is absurd, beside sound weights."""
    document = json.loads((folder / "toy" / "config.json").read_text())
    for section, values in CONFIGS[name].items():
        document["config"].setdefault(section, {}).update(values)
    absurd = folder / "absurd"
    absurd.mkdir(exist_ok=True)
    (absurd / "config.json").write_text(json.dumps(document))
    (absurd / "model.safetensors").write_bytes((folder / "toy" / "model.safetensors").read_bytes())
    refused(run("encode", "voice.wav", "-o", "e.sct", "-m", "./absurd"))


@pytest.mark.parametrize(
    "text",
    ["[" * 10**5, '{"a":' * 10**5, "1" * 5000, '{"config": NaN}', '{"config": 1e999}', "{" * 2**21],
    ids=["nested", "objects", "digits", "NaN", "infinite", "2 MB"],
)
def test_documents(run: Server, folder: Path, text: str) -> None:
    """A config.json that is none."""
    (folder / "none").mkdir(exist_ok=True)
    (folder / "none" / "config.json").write_text(text)
    refused(run("encode", "voice.wav", "-o", "f.sct", "-m", "./none"))


def test_weights_that_claim_more_than_there_is(run: Server, folder: Path) -> None:
    """safetensors headers: of 2^60 bytes, of tensors of 2^40 numbers, damaged."""
    made = folder / "weights"
    made.mkdir()
    (made / "config.json").write_bytes((folder / "toy" / "config.json").read_bytes())
    tensor = {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}
    header = json.dumps({"encoder.a": tensor}).encode()
    for data in (
        struct.pack("<Q", 1 << 60) + header,
        struct.pack("<Q", len(header)) + header,
        bytes(4),
    ):
        (made / "model.safetensors").write_bytes(data)
        refused(run("encode", "voice.wav", "-o", "g.sct", "-m", "./weights"))


def test_manifests(run: Server, folder: Path) -> None:
    """Lines that are nested, long, or no lines cost themselves only."""
    lines = [b"[" * 10**5, b'{"audio": "' + b"a" * 10**6 + b'"}', b"\xff" * 10**5]
    lines += [b'{"audio": "voice.wav", "duration": 1e999}', b'{"audio": "voice.wav"}']
    (folder / "all.jsonl").write_bytes(b"\n".join(lines))
    told = run("extract", "all.jsonl", "-o", "tokens", "-m", "./toy", "-j", "1")
    assert "Traceback" not in told.said, told
    assert told.growth < 2 * GROWTH, told
