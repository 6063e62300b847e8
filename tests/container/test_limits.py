"""What a few hostile bytes can cost: every crafted file is a correct result or one sentence.

Real command lines in processes that may not have more than ``MEMORY`` of address space.
"""

from __future__ import annotations

import io
import json
import re
import resource
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from secousti import SecoustiCodec, load_codec
from secousti.container import ContainerError, Reader, Tokens, read_range
from secousti.container.events import PORTION
from secousti.container.varint import encode_varint
from tests.container.files import make_header
from tests.container.test_damage import record
from tests.toy import toy_codec

MEMORY = 6 << 30  # bytes of address space; PyTorch's libraries alone map half of it
SECONDS = 900


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    toy_codec().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def codec(model: str) -> SecoustiCodec:
    loaded = load_codec(model)
    assert isinstance(loaded, SecoustiCodec)
    return loaded


def craft(codec: SecoustiCodec, records: list[tuple[bytes, bytes]], **changes: object) -> bytes:
    """A version 1 file of any header fields (``extra`` may be text) and any records."""
    extra = changes.pop("extra", None)
    values = {
        "model": codec.model_id,
        "weights": codec.weight_hash,
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "codebook_size": codec.codebook_size,
        "payload": "entropy",
        "levels": [3] * 8,
        "paralinguistic": 64,
        **changes,
    }
    text = json.dumps({name: value for name, value in values.items() if value is not None})
    if extra is not None:
        text = f'{text[:-1]},"extra":{extra}}}'
    body = text.encode()
    head = b"\x89SCT\x01" + len(body).to_bytes(2, "little") + body
    head += zlib.crc32(head).to_bytes(4, "little")
    return head + b"".join(record(kind, body) for kind, body in records)


def numbers(*values: int) -> bytes:
    return b"".join(map(encode_varint, values))


VOICE = (b"P", b"\0" + bytes(64))
TOKENS = (b"T", numbers(0, 40) + bytes(64))
HOUR = (b"R", numbers(0, 1 << 16) + b"\2" + bytes(4))
END = numbers(40, 40 * 1024, 0)
SOUND: list[tuple[bytes, bytes]] = [VOICE, TOKENS, (b"E", END)]


def source(count: int) -> list[tuple[bytes, bytes]]:
    return [VOICE, TOKENS, (b"E", numbers(40, 40 * 1024, count))]


# name -> records, header fields, what decode says (None: it decodes), the same for info
CRAFTED: dict[str, tuple[list[tuple[bytes, bytes]], dict, str | None, str | None]] = {
    "sound": (SOUND, {}, None, None),
    "source 2^62": (source(1 << 62), {"source_sample_rate": 22050}, "not as long", "not as long"),
    "source 2^36": (source(1 << 36), {"source_sample_rate": 48000}, "not as long", "not as long"),
    "source rate 1": (SOUND, {"source_sample_rate": 1}, "source_sample_rate", "source_sample_rate"),
    "source rate 2^31": (SOUND, {"source_sample_rate": 1 << 31}, "from 1000", "from 1000"),
    "rate 1": (SOUND, {"sample_rate": 1}, "sample_rate", "sample_rate"),
    "one digit of 2^19": (
        [VOICE, (b"R", numbers(0, 1 << 16) + b"\1" + bytes(4)), (b"E", END)],
        {"codebook_size": 1 << 19, "levels": None},
        "1024|codebook_size|digits of at most",
        "digits of at most 4096",
    ),
    "voice of 4096": (
        [(b"P", b"\0" + bytes(4096)), *SOUND[1:]],
        {"paralinguistic": 4096},
        "a voice is 4096 numbers, its model 64",
        None,
    ),
    "voice of nothing": (
        [(b"P", b"\0"), *SOUND[1:]],
        {"paralinguistic": None},
        "says it has none",
        "says it has none",
    ),
    "deep": (SOUND, {"extra": '{"x":' + "[" * 900 + "]" * 900 + "}"}, "nested", "nested"),
    "deeper": (SOUND, {"extra": '{"x":' + "[" * 30000 + "]" * 30000 + "}"}, "nested", "nested"),
    "NaN": (SOUND, {"extra": '{"a": NaN}'}, "NaN is not JSON", "NaN is not JSON"),
    "surrogate": (SOUND, {"extra": r'{"a": "\ud800"}'}, "surrogate", "surrogate"),
    "surrogate in the name": (SOUND, {"model": "\ud800"}, "surrogate|printable", "surrogate"),
    "escapes": (SOUND, {"model": "\x1b]0;owned\x07\x1b[2J"}, "printable", "printable"),
    "a URL": (SOUND, {"model": "https://example.org/x"}, "neither bundled nor cached", None),
    "2^60 frames": ([VOICE, TOKENS, (b"E", numbers(1 << 60, 1, 0))], {}, "2", "missing"),
    "2^60 samples": (SOUND, {"num_samples": 1 << 60}, "samples", "samples"),
    "no voice": (SOUND[1:], {}, None, None),
    "no tokens": ([VOICE, (b"E", numbers(0, 0, 0))], {}, None, None),
}

WORK = """
import json, sys
from secousti.cli import main
for line in json.load(open(sys.argv[1])):
    try:
        code = main(line) or 0
    except SystemExit as error:
        code = error.code or 0
    except BaseException as error:
        code = repr(error)[:200]
    print("done", code, file=sys.stderr, flush=True)
"""


def run_all(lines: list[list[str]], folder: Path) -> list[tuple[str, str]]:
    """Command lines one after the other in one bounded process: (exit code, stderr) of each."""
    (folder / "lines.json").write_text(json.dumps(lines))
    ran = subprocess.run(
        [sys.executable, "-c", WORK, str(folder / "lines.json")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    parts = ran.stderr.split("done ")
    codes = [part.split("\n", 1) for part in parts[1:]]
    assert len(codes) == len(lines), ran.stderr[-2000:]
    said = [parts[0], *(rest for _, rest in codes)]
    return [(code, text) for (code, _), text in zip(codes, said, strict=False)]


def test_crafted_files_cost_one_sentence(codec: SecoustiCodec, model: str, tmp_path: Path) -> None:
    lines, wanted = [], []
    for number, (name, (records, fields, decoding, telling)) in enumerate(CRAFTED.items()):
        path = tmp_path / f"{number}.sct"
        path.write_bytes(craft(codec, records, **fields))
        chosen = [] if "URL" in name else ["-m", model]
        lines.append(["decode", str(path), "-o", str(tmp_path / f"{number}.wav"), *chosen])
        lines.append(["info", "--json", str(path)])
        wanted += [(f"decode {name}", decoding), (f"info {name}", telling)]
    for (name, says), (code, text) in zip(wanted, run_all(lines, tmp_path), strict=True):
        if says is None:
            assert code == "0", (name, text)
            continue
        assert code not in ("0",), name
        assert text.count("secousti: error:") == 1, (name, code, text)
        assert re.search(says, text), (name, text)
        assert "\x1b" not in text, name


def test_an_hour_in_25_bytes_streams_and_may_be_refused(
    codec: SecoustiCodec, model: str, tmp_path: Path
) -> None:
    """Four records of 25 bytes are more than three hours; what is decoded comes in pieces."""
    hours = [(b"R", numbers(i << 16, 1 << 16) + b"\0" + bytes(4)) for i in range(4)]
    records = [VOICE, *hours, (b"E", numbers(4 << 16, 4 << 26, 0))]
    data = craft(codec, records)
    events = [event for event in Reader(io.BytesIO(data)) if isinstance(event, Tokens)]
    assert max(event.codes.shape[1] for event in events) <= PORTION
    assert sum(event.codes.shape[1] for event in events) == 4 << 16
    with pytest.raises(ContainerError, match=r"more than 3600 s of speech.*--max-seconds"):
        list(Reader(io.BytesIO(data), max_seconds=3600))
    path = tmp_path / "hours.sct"
    path.write_bytes(data)
    limit = ["--max-seconds", "60"]
    ((code, text), (told, said)) = run_all(
        [
            ["decode", str(path), "-o", str(tmp_path / "a.wav"), "-m", model, *limit],
            ["info", str(path), *limit],
        ],
        tmp_path,
    )
    assert code != "0"
    assert told != "0"
    assert "more than 60 s of speech" in text
    assert "more than 60 s of speech" in said
    assert not (tmp_path / "a.wav").exists()


def test_seeking_into_a_long_run_comes_in_pieces(codec: SecoustiCodec) -> None:
    data = craft(codec, [VOICE, HOUR, (b"E", numbers(1 << 16, 1 << 26, 0))])
    runs = [e for e in read_range(io.BytesIO(data), 1000, 2000) if isinstance(e, Tokens)]
    assert max(run.codes.shape[1] for run in runs) <= PORTION
    assert sum(run.codes.shape[1] for run in runs) == 1000


def test_a_writer_makes_no_file_that_readers_refuse() -> None:
    with pytest.raises(ContainerError, match="printable"):
        make_header(model="\x1b[2J")
    with pytest.raises(ContainerError, match="sample_rate"):
        make_header(sample_rate=1)
    assert np.isfinite(make_header().frame_rate)
