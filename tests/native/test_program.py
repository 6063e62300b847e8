"""The program ``sct`` beside the Python package: each reads the other's files."""

from __future__ import annotations

import io
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from secousti import files, load_codec
from secousti.container import Reader, Tokens
from secousti.container.encoded import codec_coders
from secousti.export.native import export_native
from secousti.files.wav import wav_header
from tests.native import library
from tests.toy import toy_codec, toy_speech

MODELS = ("mini-21hz", "mini-86hz", "p2psyn-mini-16k")


@pytest.fixture(scope="session")
def sct(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program, compiled."""
    return str(library.program(tmp_path_factory.mktemp("program") / "sct"))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bundled codecs' files of weights."""
    folder = tmp_path_factory.mktemp("weights")
    return {name: str(export_native(load_codec(name), folder / f"{name}.sctm")) for name in MODELS}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A small codec as a folder for Python, and its file of weights."""
    folder = tmp_path_factory.mktemp("small")
    toy_codec((2, 2)).save_pretrained(folder / "model")
    made = export_native(load_codec(str(folder / "model")), folder / "small.sctm")
    return str(folder / "model"), str(made)


@pytest.fixture
def wav(tmp_path: Path) -> str:
    return speech(tmp_path / "speech.wav", 2.6)


def speech(path: Path, seconds: float, rate: int = 16000) -> str:
    soundfile.write(path, toy_speech(seconds, rate, 3)[0].numpy(), rate, subtype="PCM_16")
    return str(path)


def run(*command: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, capture_output=True)


def good(*command: str, given: bytes | None = None) -> bytes:
    done = run(*command, given=given)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def refused(*command: str, given: bytes | None = None) -> str:
    """The one sentence of a run that fails."""
    done = run(*command, given=given)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1, lines
    assert len(lines) == 1
    assert lines[0].startswith("sct: error: ")
    return lines[0]


def ids(path: str, model: str) -> list[int]:
    codec = load_codec(model)
    with open(path, "rb") as file:
        events = list(Reader(file, coders=codec_coders(codec)))
    return [int(t) for e in events if isinstance(e, Tokens) for t in e.codes[0]]


def sound(data: bytes) -> NDArray[np.float32]:
    return soundfile.read(io.BytesIO(data), dtype="float32")[0]


@pytest.mark.parametrize("model", MODELS)
def test_each_reads_what_the_other_writes(
    sct: str, weights: dict[str, str], tmp_path: Path, wav: str, model: str
) -> None:
    ours, theirs = str(tmp_path / "ours.sct"), str(tmp_path / "theirs.sct")
    good(sct, "encode", weights[model], wav, ours)
    files.encode([wav], theirs, model=model)
    assert len(ids(ours, model)) > 40
    assert ids(ours, model) == ids(theirs, model)
    assert Path(ours).read_bytes() == Path(theirs).read_bytes()
    files.decode([ours], str(tmp_path / "theirs.wav"), model=model)
    heard = sound(good(sct, "decode", weights[model], theirs, "-"))
    expected = sound((tmp_path / "theirs.wav").read_bytes())
    assert heard.shape == expected.shape
    np.testing.assert_allclose(heard, expected, atol=1e-4)


@pytest.mark.parametrize("entropy", ["packed", "adaptive"])
def test_tokens_coded_otherwise(
    sct: str, weights: dict[str, str], tmp_path: Path, wav: str, entropy: str
) -> None:
    theirs = tmp_path / "theirs.sct"
    ours = good(sct, "encode", "--entropy", entropy, weights["mini-86hz"], wav, "-")
    files.encode([wav], str(theirs), model="mini-86hz", entropy=entropy)
    assert ours == theirs.read_bytes()
    assert len(good(sct, "decode", weights["mini-86hz"], "-", "-", given=ours)) > 1000


def test_a_pipe_makes_the_stream_that_python_makes(
    sct: str, small: tuple[str, str], tmp_path: Path
) -> None:
    given = Path(speech(tmp_path / "a.wav", 5.0, 44100)).read_bytes()
    ours = good(sct, "encode", "--latency", "0.3", small[1], "-", "-", given=given)
    python = (sys.executable, "-m", "secousti", "encode", "-", "-o", "-", "-m", small[0])
    assert ours == good(*python, "--latency", "0.3", given=given)
    heard = good(sct, "decode", small[1], "-", "-", given=ours)
    assert len(sound(heard)) == math.ceil(5.0 * load_codec(small[0]).sample_rate)


def test_a_long_recording_is_read_twice_and_whole(
    sct: str, small: tuple[str, str], tmp_path: Path
) -> None:
    """More tokens than are held: the voice of the middle still comes first, as in Python."""
    codec = load_codec(small[0])
    seconds = 9000 * codec.frame_size / codec.sample_rate
    path, theirs = speech(tmp_path / "long.wav", seconds, codec.sample_rate), tmp_path / "t.sct"
    files.encode([path], str(theirs), model=small[0])
    ours = good(sct, "encode", small[1], path, "-")
    assert ours == theirs.read_bytes()
    unknown = wav_header(codec.sample_rate, None) + Path(path).read_bytes()[44:]
    (tmp_path / "unknown.wav").write_bytes(unknown)
    assert good(sct, "encode", small[1], str(tmp_path / "unknown.wav"), "-") == ours


def test_memory_does_not_grow_with_the_length(
    sct: str, small: tuple[str, str], tmp_path: Path
) -> None:
    def most(*command: str, given: bytes) -> tuple[int, bytes]:
        code = (
            "import resource, subprocess, sys\n"
            "done = subprocess.run(sys.argv[1:], stdin=0)\n"
            "used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
            "print(used, file=sys.stderr); sys.exit(done.returncode)\n"
        )
        done = run(sys.executable, "-c", code, *command, given=given)
        assert done.returncode == 0, done.stderr
        return int(done.stderr.split()[-1]), done.stdout

    rate = load_codec(small[0]).sample_rate
    kilobytes = {}
    for minutes in (0.1, 5):
        path = speech(tmp_path / f"{minutes}.wav", 60 * minutes, rate)
        used, stream = most(sct, "encode", small[1], "-", "-", given=Path(path).read_bytes())
        heard, back = most(sct, "decode", small[1], "-", "-", given=stream)
        assert len(back) == 44 + 2 * round(60 * minutes * rate)
        kilobytes[minutes] = (used, heard)
    for short, long in zip(kilobytes[0.1], kilobytes[5], strict=True):
        assert long < short + 2000


def test_what_is_cut_short(sct: str, small: tuple[str, str], tmp_path: Path, wav: str) -> None:
    stream = good(sct, "encode", small[1], "-", "-", given=Path(wav).read_bytes())
    cut, out = tmp_path / "cut.sct", tmp_path / "out.wav"
    cut.write_bytes(stream[:-30])
    says = refused(sct, "decode", small[1], str(cut), str(out))
    assert "record" in says
    assert str(cut) in says
    assert not out.exists()
    good(sct, "decode", "--partial", small[1], str(cut), str(out))
    files.decode([str(cut)], str(tmp_path / "theirs.wav"), model=small[0], partial=True)
    expected = sound((tmp_path / "theirs.wav").read_bytes())
    heard = sound(out.read_bytes())
    assert heard.shape == expected.shape
    assert 0 < len(heard) < len(sound(good(sct, "decode", small[1], "-", "-", given=stream)))


def test_what_stands_before_it_in_a_file_stays(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    stream, out = tmp_path / "a.sct", tmp_path / "out"
    good(sct, "encode", small[1], wav, str(stream))
    with out.open("wb") as file:
        file.write(b"before: ")
        file.flush()
        subprocess.run((sct, "decode", small[1], str(stream), "-"), stdout=file, check=True)
    found = out.read_bytes()
    assert found[:8] == b"before: "
    assert found[8:] == good(sct, "decode", small[1], str(stream), "-")


def test_no_note_is_written_into_a_file(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    """Without a standard error a file that is opened could take its number."""
    stream = good(sct, "encode", small[1], "-", "-", given=Path(wav).read_bytes())
    (tmp_path / "cut.sct").write_bytes(stream[:-30])
    command = f'"{sct}" decode --partial "{small[1]}" cut.sct'
    for out, closed in (("open.wav", ""), ("closed.wav", "1>&- 2>&-")):
        subprocess.run(f"{command} {out} {closed}", shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "closed.wav").read_bytes() == (tmp_path / "open.wav").read_bytes()


def test_info(sct: str, weights: dict[str, str], tmp_path: Path, wav: str) -> None:
    path = str(tmp_path / "a.sct")
    good(sct, "encode", weights["mini-21hz"], wav, path)
    plain = good(sct, "info", path).decode()
    assert "22050 Hz" in plain
    assert "duration         2.600 s" in plain
    assert f"whole file       {8 * os.path.getsize(path)} bits" in plain
    assert "not checked" in plain
    checked = good(sct, "info", path, "--model", weights["mini-21hz"]).decode()
    assert "not checked" not in checked
    assert "another codec" in refused(sct, "info", "--model", weights["mini-86hz"], path)


def test_help_teaches(sct: str) -> None:
    for command in ((sct, "--help"), (sct, "encode", "-h"), (sct,)):
        text = good(*command).decode()
        assert "secousti export --format c" in text
        for word in ("encode MODEL.sctm", "decode MODEL.sctm", "info", "--partial", "--entropy"):
            assert word in text


def test_faults_are_one_sentence_and_nothing_is_written(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    model, out = small[1], tmp_path / "out"
    stream = tmp_path / "a.sct"
    good(sct, "encode", model, wav, str(stream))
    broken = bytearray(stream.read_bytes())
    broken[-3] ^= 1
    for name, data in {
        "broken.sct": bytes(broken),
        "empty.wav": b"",
        "silent.wav": wav_header(16000, 0),
        "text.wav": b"hello, I am no sound at all",
        "cut.wav": Path(wav).read_bytes()[:-100],
        "bad.sctm": Path(model).read_bytes()[:5000],
    }.items():
        (tmp_path / name).write_bytes(data)
    there = {path.name for path in tmp_path.iterdir()}
    at = lambda name: str(tmp_path / name)  # noqa: E731
    for says, *command in (
        ("no command", "listen"),
        ("a file is missing", "encode", model, wav),
        ("one file too many", "encode", model, wav, str(out), "more"),
        ("no option --loud", "encode", "--loud", model, wav, str(out)),
        ("not 'much'", "encode", "--entropy", "much", model, wav, str(out)),
        ("takes a value", "encode", model, wav, str(out), "--latency"),
        ("0.001 to 60 seconds, not 'x'", "encode", "--latency", "x", model, wav, str(out)),
        ("no learned entropy coder", "encode", "--entropy", "learned", model, wav, str(out)),
        ("none.wav cannot be read", "encode", model, at("none.wav"), str(out)),
        ("is a folder", "encode", model, str(tmp_path), str(out)),
        ("it is empty", "encode", model, at("empty.wav"), str(out)),
        ("no samples", "encode", model, at("silent.wav"), str(out)),
        ("not WAV", "encode", model, at("text.wav"), str(out)),
        ("cut short", "encode", model, at("cut.wav"), str(out)),
        ("not WAV", "encode", model, str(stream), str(out)),
        ("bad.sctm", "encode", at("bad.sctm"), wav, str(out)),
        ("no file of weights", "decode", wav, str(stream), str(out)),
        ("damaged", "decode", model, at("broken.sct"), str(out)),
        ("not a .sct file", "decode", model, wav, str(out)),
        ("exists already", "decode", model, str(stream), wav),
        ("written over while it is read", "encode", "-f", model, wav, wav),
        ("more than 1 s", "decode", "--max-seconds", "1", model, str(stream), str(out)),
        ("cannot be written", "decode", model, str(stream), at("no/such/folder.wav")),
        ("damaged", "info", at("broken.sct")),
        ("not a .sct file", "info", wav),
    ):
        assert says in refused(sct, *command), command
        assert {path.name for path in tmp_path.iterdir()} == there
    if os.path.exists("/dev/full"):
        assert "cannot be written" in refused(sct, "decode", model, str(stream), "/dev/full")


def test_a_link_stays_and_what_it_names_is_replaced(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    real, link = tmp_path / "real.sct", tmp_path / "link.sct"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    good(sct, "encode", "-f", small[1], wav, str(link))
    assert link.is_symlink()
    assert real.read_bytes()[:4] == b"\x89SCT"
    assert real.stat().st_mode & 0o777 == 0o640


def test_the_reader_of_the_page(small: tuple[str, str], tmp_path: Path, wav: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "embed.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- compiled: tokens -->\n```c\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    source = tmp_path / "program.c"
    source.write_text(found[1], encoding="utf-8")
    parts = [*library.parts(), library.SOURCE / "brought.c", library.SOURCE / "weights.c"]
    program = library.build(tmp_path / "program", sources=[*parts, source])
    files.encode([wav], str(tmp_path / "a.sct"), model=small[0])
    data = (tmp_path / "a.sct").read_bytes()
    printed = good(str(program), small[1], given=data).split()
    assert [int(token) for token in printed] == ids(str(tmp_path / "a.sct"), small[0])
    assert b"record" in run(str(program), small[1], given=data[:-6]).stderr


def test_headers_are_for_cplusplus_too(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    parts = [*library.parts(), library.SOURCE / "brought.c", library.SOURCE / "weights.c"]
    built = library.build(tmp_path / "files.so", "-shared", "-fPIC", sources=parts)
    source = tmp_path / "program.cpp"
    source.write_text(
        '#include "sct.h"\n'
        "static ptrdiff_t none(void *, void *, size_t) { return 0; }\n"
        "int main() {\n"
        "    sct_reader *reader = nullptr;\n"
        "    sct_brought codec;\n"
        "    sct_fault fault = {};\n"
        "    unsigned char header[SCT_WAV_HEADER];\n"
        "    sct_wav_header(8000, 1, header);\n"
        "    bool cut = sct_reader_open(sct_source{none, nullptr}, &reader) == SCT_CUT_SHORT;\n"
        "    sct_reader_close(reader);\n"
        "    if (!cut) sct_bring(nullptr, &codec, &fault);\n"
        "    return cut ? 0 : 1;\n"
        "}\n"
    )
    program = str(tmp_path / "program")
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-I", str(library.SOURCE)]
    good(compiler, *flags, "-o", program, str(source), str(built))
    good(program)


def begun(sct: str, *command: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen((sct, *command), stdin=pipe, stdout=pipe, stderr=pipe)


def test_the_first_interruption_of_a_pipe_waits_for_its_end(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    data = Path(wav).read_bytes()
    expected = good(sct, "encode", small[1], "-", "-", given=data)
    out = tmp_path / "out.sct"
    with begun(sct, "encode", small[1], "-", str(out)) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(data[: len(data) // 2])
        process.stdin.flush()
        while not list(tmp_path.glob(".out.sct.*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert b"waiting for the input" in process.stderr.readline()
        process.stdin.write(data[len(data) // 2 :])
        process.stdin.close()
        assert process.wait() == 0
    assert out.read_bytes() == expected


def test_an_interruption_leaves_nothing(
    sct: str, small: tuple[str, str], tmp_path: Path, wav: str
) -> None:
    there = {path.name for path in tmp_path.iterdir()}
    with begun(sct, "encode", small[1], "-", str(tmp_path / "out.sct")) as process:
        assert process.stdin is not None
        process.stdin.write(Path(wav).read_bytes()[:1000])
        process.stdin.flush()
        while not list(tmp_path.glob(".out.sct.*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM
    assert {path.name for path in tmp_path.iterdir()} == there
