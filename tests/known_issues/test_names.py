"""Names of models, files and streams that are not what a program expects."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

from secousti.errors import Note, SecoustiError, printable
from secousti.hub.resolve import DEFAULT_MODEL, bundled_folder, resolve
from tests.cli.conftest import speech
from tests.cli.test_pipes import ENVIRONMENT, SECOUSTI
from tests.known_issues.test_wav_headers import RATE, SOUND

Run = Callable[..., Any]
__all__ = ["speech"]


@pytest.fixture
def sct(secousti: Run, speech: Path, model: str) -> Path:
    path = speech.with_suffix(".sct")
    assert secousti("encode", speech, "-o", path, "-m", model).code == 0
    return path


# Users saw: after `mkdir mini-21hz` every command without -m fails.
def test_a_bundled_name_is_the_bundled_model(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT_MODEL).mkdir()
    assert resolve(DEFAULT_MODEL) == bundled_folder(DEFAULT_MODEL)
    shutil.copytree(model, DEFAULT_MODEL, dirs_exist_ok=True)
    with pytest.warns(Note, match=f"write ./{DEFAULT_MODEL} for the one in the folder"):
        assert resolve(DEFAULT_MODEL) == bundled_folder(DEFAULT_MODEL)
    assert resolve(f"./{DEFAULT_MODEL}").resolve() == tmp_path / DEFAULT_MODEL
    shutil.move(DEFAULT_MODEL, "mine")
    assert resolve("mine").resolve() == tmp_path / "mine"


def test_what_is_read_is_never_an_output(
    secousti: Run, speech: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with --force: the reference voice, another input, a link to one, a disk."""
    folder = speech.parent
    voice, other = folder / "voice.wav", folder / "deep" / "speech.wav"
    other.parent.mkdir()
    for path in (voice, other):
        soundfile.write(path, SOUND, RATE)
    (folder / "link.wav").symlink_to(voice)
    before = {path: path.read_bytes() for path in (speech, voice, other)}
    forced = ("-m", model, "--force")
    for output in (voice, folder / "link.wav", speech):
        ran = secousti("convert", speech, "--voice", voice, "-o", output, *forced)
        assert (ran.code, "name another output" in ran.err) == (1, True), ran.err
        ran = secousti("live", speech, "--voice", voice, "-o", output, *forced)
        assert (ran.code, "name another output" in ran.err) == (1, True), ran.err
    ran = secousti("roundtrip", other, speech, "-o", folder, *forced)
    assert ran.code == 1
    assert "name another output" in ran.err  # deep/speech.wav would replace the other input
    assert {path: path.read_bytes() for path in before} == before
    monkeypatch.setattr("secousti.files.jobs.is_disk", lambda path: path.endswith("sda"))
    (folder / "sda").touch()
    ran = secousti("roundtrip", speech, "-o", folder / "sda", *forced)
    assert (ran.code, "is a disk: give a file on it" in ran.err) == (1, True)


def test_names_are_shown_without_what_a_terminal_obeys(
    secousti: Run, sct: Path, model: str, tmp_path: Path
) -> None:
    strange = os.fsencode(tmp_path) + b"/caf\xe9\x1b[2J\x07[red].sct"
    shutil.copy(sct, strange)
    name = os.fsdecode(strange)
    told = secousti("info", name)
    assert told.code == 0, told.err
    assert json.loads(secousti("info", "--json", name).out)["name"] == name
    done = secousti("decode", name, "-o", tmp_path / "a.wav", "-m", model)
    assert done.code == 0, done.err
    missing = secousti("decode", name + "\x1b]0;x\x07", "-o", tmp_path / "b.wav", "-m", model)
    assert (missing.code, "no such file" in missing.err) == (1, True)
    broken = Path(name).with_name("\x1b[31m.sct")
    broken.write_bytes(b"\x89SCT\x01" + bytes(30))
    refused = secousti("info", broken)
    assert refused.code == 1
    for text in (told.out.decode(), told.err, done.err, missing.err, refused.err):
        assert printable(text) == text


@pytest.mark.parametrize("stretch", [("--start", "inf"), ("--start", "nan"), ("--end", "nan")])
def test_times_that_are_no_times(
    secousti: Run, sct: Path, model: str, stretch: tuple[str, str]
) -> None:
    out = sct.with_suffix(".out.wav")
    ran = secousti("decode", sct, "-o", out, "-m", model, *stretch)
    assert ran.code in (1, 2)
    assert "Traceback" not in ran.err
    assert not out.exists()


def test_until_infinity_is_until_the_end(secousti: Run, sct: Path, model: str) -> None:
    out = sct.with_suffix(".out.wav")
    assert secousti("decode", sct, "-o", out, "-m", model, "--end", "inf").code == 0
    assert soundfile.info(out).frames > 1.6 * 22050


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# Users saw: "cannot be written at 22050 Hz: choose --sample-rate 48000", on a full disk.
def test_a_full_disk_is_called_one(secousti: Run, sct: Path, speech: Path, model: str) -> None:
    there = sorted(sct.parent.iterdir())
    for name in ("a.wav", "a.flac", "a.mp3", "a.sct"):
        command, source = ("encode", speech) if name.endswith("sct") else ("decode", sct)
        with small_disk(0 if command == "encode" else 1000):
            ran = secousti(command, source, "-o", sct.parent / name, "-m", model)
        assert ran.code == 1
        assert "cannot be written" in ran.err
        assert "Hz" not in ran.err
    assert sorted(sct.parent.iterdir()) == there
    ran = secousti("decode", sct, "-o", "/dev/full", "-m", model)
    assert (ran.code, "/dev/full cannot be written: No space left" in ran.err) == (1, True)


def test_streams_that_are_closed_or_full(sct: Path, tmp_path: Path) -> None:
    """Real processes: what a shell starts with <&-, >&-, 2>&- or on a full disk."""
    cases = {
        "encode - -o a.sct <&-": (1, "standard input is closed"),
        f"info {sct} >&-": (1, "standard output is closed"),
        f"info {sct} > /dev/full": (1, "No space left on device"),
        f"info --json {sct} > told 2>&-": (0, ""),
    }
    command = " ".join(SECOUSTI)
    running = [
        subprocess.Popen(
            ["bash", "-c", f"{command} {line}"],
            env=ENVIRONMENT,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in cases
    ]
    for process, (code, says) in zip(running, cases.values(), strict=True):
        _, said = process.communicate(timeout=900)
        assert process.returncode == code, said
        assert says in said
        assert "Traceback" not in said
        assert len(said.splitlines()) <= 1
    assert json.loads((tmp_path / "told").read_text())["name"] == str(sct)
    assert not (tmp_path / "a.sct").exists()


def test_two_writers_of_one_file(speech: Path, model: str) -> None:
    """Whichever is last wins, whole."""
    out = speech.with_name("two.sct")
    code = (
        "import sys; from secousti.files import encode, decode\n"
        "for _ in range(8): encode([sys.argv[1]], sys.argv[2], model=sys.argv[3], force=True)"
    )
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen([*command, str(speech), str(out), model], env=ENVIRONMENT)
        for _ in range(2)
    ]
    assert [process.wait(240) for process in running] == [0, 0]
    assert sorted(path.name for path in out.parent.iterdir()) == ["speech.wav", "two.sct"]
    from secousti.container.encoded import load_encoded

    assert load_encoded(out).codes.shape[-1] > 30


def test_disk_errors_name_the_disk_in_the_library(tmp_path: Path) -> None:
    import torch

    from secousti.audio.io import save_audio

    with small_disk(100), pytest.raises(SecoustiError, match="cannot be written"):
        save_audio(tmp_path / "a.wav", torch.zeros(5000), 22050)
    assert list(tmp_path.iterdir()) == []
