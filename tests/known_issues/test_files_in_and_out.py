"""Files, pipes, devices and folders as people name them on a command line."""

from __future__ import annotations

import io
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from secousti.audio.io import load_audio, save_audio
from secousti.audio.opening import open_audio
from secousti.errors import SecoustiError
from secousti.files.jobs import plan
from secousti.paths import walk_files
from tests.known_issues.test_wav_headers import RATE, SOUND, wav
from tests.pipe import Pipe

Run = Callable[..., Any]


def encoded(kind: str, samples: np.ndarray, rate: int = 48000) -> bytes:
    file = io.BytesIO()
    layout, subtype = {"opus": ("OGG", "OPUS"), "ogg": ("OGG", "VORBIS")}.get(kind, (kind, None))
    soundfile.write(file, samples, rate, format=layout.upper(), subtype=subtype)
    return file.getvalue()


# Users saw (libsndfile#277, #1001): the first of several recordings, and nothing of the rest.
@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3", "flac", "wav"])
def test_recordings_one_after_another_are_read_to_the_end(kind: str) -> None:
    parts = [encoded(kind, np.roll(np.tile(SOUND, 6), k)) for k in (0, 500, 900)]
    expected = [soundfile.read(io.BytesIO(part), dtype="float32")[0] for part in parts]
    for source in (b"".join(parts), Pipe(b"".join(parts))):
        with open_audio(source) as reader:  # type: ignore[arg-type]
            np.testing.assert_array_equal(reader.read_all()[:, 0], np.concatenate(expected))


def test_recordings_of_different_rates_one_after_another_are_refused() -> None:
    with pytest.raises(SecoustiError, match="different sample rates"):
        load_audio(encoded("flac", SOUND, 16000) + encoded("flac", SOUND, 24000))


# Users saw: a FLAC of a few bytes that claims 2^36 samples takes all memory.
def test_a_claim_of_many_samples_costs_nothing() -> None:
    data = bytearray(encoded("flac", SOUND))
    assert data[:4] == b"fLaC"
    data[21] |= 0x0F  # the high bits of STREAMINFO's count
    data[22:26] = b"\xff" * 4
    with pytest.raises(SecoustiError, match=r"cut short|is damaged"):
        load_audio(bytes(data))


# Users saw: /dev/zero through a pipe fills the disk.
def test_what_is_no_audio_is_not_gathered_from_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Endless(Pipe):
        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    with pytest.raises(SecoustiError, match="is not audio that can be read"):
        open_audio(Endless(b""))  # type: ignore[arg-type]
    monkeypatch.setattr("secousti.audio.opening._MOST_GATHERED", 1 << 16)
    with pytest.raises(SecoustiError, match="through a pipe"):
        open_audio(Pipe(encoded("flac", np.random.default_rng(0).normal(0, 0.1, 90000))))  # type: ignore[arg-type]


# Users saw (chevron#26, pip-audit#537): "no such file" for a named pipe or <(...).
def test_named_pipes_and_standard_input_by_name(secousti: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(wav())
    assert secousti("encode", tmp_path / "s.wav", "-o", tmp_path / "s.sct", "-m", model).code == 0
    for command, name, target in (("encode", "s.wav", "a.sct"), ("decode", "s.sct", "a.wav")):
        fifo = tmp_path / f"{command}.fifo"
        os.mkfifo(fifo)
        data = (tmp_path / name).read_bytes()
        writer = threading.Thread(target=fifo.write_bytes, args=(data,))
        writer.start()
        ran = secousti(command, fifo, "-o", tmp_path / target, "-m", model)
        writer.join(30)
        assert ran.code == 0, ran.err
    assert len(soundfile.read(tmp_path / "a.wav")[0]) > 4000


# Users saw (rmlint#763, OCRmyPDF#1068): /dev/null became a plain file.
def test_pipes_and_devices_are_written_into(secousti: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(wav())
    fifo = tmp_path / "out"
    os.mkfifo(fifo)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    ran = secousti("roundtrip", tmp_path / "s.wav", "-o", fifo, "-m", model, "--force")
    reader.join(30)
    assert ran.code == 0, ran.err
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert got[0][:4] == b"RIFF"
    ran = secousti("encode", tmp_path / "s.wav", "-o", "/dev/null", "-m", model, "--force")
    assert ran.code == 0, ran.err
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


# Users saw: a WAV file named x.m4a.
@pytest.mark.parametrize("name", ["x.m4a", "x.webm", "x.foo"])
def test_suffixes_that_cannot_be_written_are_refused(name: str, tmp_path: Path) -> None:
    import torch

    with pytest.raises(SecoustiError, match=r"cannot be written as \.\w+; choose"):
        save_audio(tmp_path / name, torch.zeros(10), RATE)
    for inputs, suffix in (("a.sct", ".wav"), ("a.wav", ".sct")):
        (tmp_path / inputs).touch()
        (job,) = plan([str(tmp_path / inputs)], str(tmp_path / name), {".wav"}, suffix, False)
        assert "this is not written as" in str(job.problem)
    assert not (tmp_path / name).exists()


FFMPEG = """#!{python}
import sys
source = sys.argv[sys.argv.index("-i") + 1].removeprefix("file:")
data = open(source, "rb").read()
if b"broken" in data:
    sys.exit("moov atom not found")
sys.stdout.buffer.write(open({wav!r}, "rb").read())
"""


# Users saw: what phones and browsers record is "not audio".
@pytest.mark.parametrize("begun", [b"\0\0\0\x20ftypM4A ", b"\x1a\x45\xdf\xa3\x9fB\x86\x81"])
def test_m4a_and_webm_through_ffmpeg(
    begun: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SecoustiError, match="only the program ffmpeg reads, and it is not"):
        load_audio(begun + bytes(100))
    (tmp_path / "out.wav").write_bytes(wav(size=0xFFFFFFFF))
    program = tmp_path / "ffmpeg"
    program.write_text(FFMPEG.format(python=sys.executable, wav=str(tmp_path / "out.wav")))
    program.chmod(0o755)
    (tmp_path / "a.m4a").write_bytes(begun + bytes(100))
    for source in (tmp_path / "a.m4a", begun + bytes(100), Pipe(begun + bytes(100))):
        np.testing.assert_allclose(load_audio(source)[0], SOUND, atol=1e-4)  # type: ignore[arg-type]
    with pytest.raises(SecoustiError, match="ffmpeg says: moov atom not found"):
        load_audio(begun + b"broken" + bytes(100))


# Users asked for headerless samples, in and out.
def test_samples_without_a_header(secousti: Run, model: str, tmp_path: Path) -> None:
    pcm = np.round(SOUND * 32767).astype("<i2").tobytes()
    (tmp_path / "s.wav").write_bytes(wav())
    ways = {
        "raw": ("-", "--raw", "s16le:16000"),
        "file": (tmp_path / "s.pcm", "--raw", "s16le:16000"),
        "two": (tmp_path / "two.pcm", "--raw", "s16le:16000:2"),
        "wav": (tmp_path / "s.wav",),
    }
    (tmp_path / "s.pcm").write_bytes(pcm)
    (tmp_path / "two.pcm").write_bytes(np.repeat(np.frombuffer(pcm, "<i2"), 2).tobytes())
    found = {}
    for name, arguments in ways.items():
        target = tmp_path / f"{name}.sct"
        assert secousti("encode", *arguments, "-o", target, "-m", model, stdin=pcm).code == 0
        found[name] = secousti("decode", target, "-o", "-", "--raw", "s16le:22050", "-m", model).out
    assert len(found["wav"]) == 2 * round(4001 * 22050 / 16000 + 0.5)
    assert found["wav"] == found["file"] == found["two"]
    assert len(found["raw"]) == len(found["wav"])  # a live stream, whose voice settles
    wrong = secousti("encode", "-", "-o", "-", "--raw", "s17le:16000", "-m", model, stdin=pcm)
    assert "should be FORMAT:RATE" in wrong.err


# Users saw (EveryVoiceTTS#67): folders linked into a corpus are left out without a word.
def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    for name in ("c/ann/1.wav", "disk2/bob/2.wav", "c/.hidden/3.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "c" / "bob").symlink_to(tmp_path / "disk2" / "bob")
    (tmp_path / "c" / "bob2").symlink_to(tmp_path / "disk2" / "bob")
    (tmp_path / "c" / "ann" / "loop").symlink_to(tmp_path / "c")
    (tmp_path / "disk2" / "bob" / "up").symlink_to(tmp_path)
    said: list[str] = []
    found = [
        path.relative_to(tmp_path / "c").as_posix()
        for path in walk_files(tmp_path / "c", said.append)
    ]
    assert sorted(found) == ["ann/1.wav", "bob/2.wav"]
    assert len(said) == 3
    assert sum("leads back" in line for line in said) == 2


# Users saw: a folder that was interrupted reports every finished file as an error.
def test_a_folder_again_continues(secousti: Run, model: str, tmp_path: Path) -> None:
    from tests.toy import toy_codec

    toy_codec(seed=1).save_pretrained(tmp_path / "other")
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.wav").write_bytes(wav())
    assert secousti("encode", folder, "-o", out, "-m", model).code == 0
    before = (out / "a.sct").stat().st_mtime_ns
    (out / "b.sct").unlink()  # as if killed before it
    os.utime(folder / "c.wav", ns=(before + 10**12, before + 10**12))  # replaced since
    ran = secousti("encode", folder, "-o", out, "-m", model)
    assert (out / "b.sct").exists()
    assert "1 file(s) were finished by an earlier run" in ran.err
    assert "c.sct exists already" in ran.err
    assert ran.code == 1
    os.utime(folder / "c.wav", ns=(before - 10**9, before - 10**9))
    ran = secousti("encode", folder, "-o", out, "-m", model)
    assert (ran.code, (out / "a.sct").stat().st_mtime_ns) == (0, before)
    assert "3 file(s) were finished" in ran.err
    other = secousti("encode", folder, "-o", out, "-m", tmp_path / "other")
    assert other.code == 1
    assert "a.sct exists already" in other.err


# Users saw: of a.wav and a.flac in a folder, one is refused.
def test_files_of_one_stem_do_not_collide(secousti: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").write_bytes(wav())
    (tmp_path / "in" / "a.flac").write_bytes(encoded("flac", SOUND, RATE))
    (tmp_path / "in" / "notes.doc").touch()
    ran = secousti("encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    assert ran.code == 0
    assert "note:" in ran.err
    assert "1 other files were left out (1 .doc)" in ran.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.flac.sct", "a.wav.sct"]


# Users saw (mutagen#648): one file name that is not UTF-8 ends the run.
def test_a_name_that_is_not_utf8(secousti: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "z.flac").write_bytes(encoded("flac", SOUND, RATE))
    shutil.copy(tmp_path / "in" / "z.flac", os.fsencode(tmp_path / "in") + b"/caf\xe9.flac")
    ran = secousti("encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    assert ran.code == 0, ran.err
    assert sorted(os.listdir(os.fsencode(tmp_path / "out"))) == [b"caf\xe9.sct", b"z.sct"]


def test_one_broken_file_of_a_folder_costs_nothing_else(
    secousti: Run, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.wav").write_bytes(wav())
    real = open_audio

    def scarce(source: Any, name: str, path: Any = None) -> Any:
        if name.endswith("a.wav"):
            raise MemoryError
        return real(source, name, path)

    monkeypatch.setattr("secousti.files.sources.open_audio", scarce)
    ran = secousti("encode", tmp_path / "in", "-o", tmp_path / "out", "-m", model)
    assert ran.code == 1
    assert "a.wav: there is not enough memory" in ran.err
    assert (tmp_path / "out" / "b.sct").exists()
