"""Names that nobody gave, several processes, and how much of a long file is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile
import torch

from secousti import files
from secousti.devices import chosen
from tests.cli.conftest import Ran
from tests.toy import toy_speech

Run = Callable[..., Ran]


def test_an_output_has_a_name_beside_its_input(secousti: Run, speech: Path, model: str) -> None:
    before = speech.read_bytes()
    assert secousti("encode", speech, "-m", model).code == 0
    tokens = speech.with_suffix(".sct")
    assert tokens.is_file()
    for command in (("encode", speech, "-m", model), ("decode", tokens, "-m", model)):
        again = secousti(*command, "--force")  # the recording would be lost
        assert again.code == 1
        assert "exists already; name another output with -o" in again.err
    assert speech.read_bytes() == before
    speech.unlink()
    assert secousti("decode", tokens, "-m", model).code == 0
    assert soundfile.info(speech).samplerate == 22050
    for source in ("-", speech.parent):
        nameless = secousti("encode", source, "-m", model)
        assert nameless.code == 1
        assert "without -o" in nameless.err


def test_several_processes_make_the_same_files(
    secousti: Run, tree: Path, model: str, tmp_path: Path
) -> None:
    (tree / "broken.wav").write_bytes(b"no sound")
    one, two = tmp_path / "one", tmp_path / "two"
    assert secousti("encode", tree, "-o", one, "-m", model).code == 1
    ran = secousti("encode", tree, "-o", two, "-m", model, "-j", 2)
    assert ran.code == 1
    assert "2 done, 1 failed" in ran.err
    assert "broken.wav" in ran.err
    names = sorted(path.relative_to(one) for path in one.rglob("*.sct"))
    assert len(names) == 2
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_long_file_tells_how_much_is_done(model: str, tmp_path: Path) -> None:
    wav, sct = tmp_path / "long.wav", tmp_path / "long.sct"
    soundfile.write(wav, toy_speech(75.0, 8000)[0].numpy(), 8000)
    told: list[float] = []

    @contextmanager
    def track(jobs: int) -> Iterator[Callable[[float], None]]:
        assert jobs == 1
        yield told.append

    def check() -> None:
        assert len(told) > 4
        assert min(told) > 0
        assert sum(told) == pytest.approx(1)
        told.clear()

    files.encode([str(wav)], str(sct), model=model, track=track)
    check()
    files.decode([str(sct)], str(tmp_path / "heard.wav"), model=model, track=track)
    check()
    files.roundtrip([str(wav)], str(tmp_path / "again.wav"), model=model, track=track)
    check()
    new = str(tmp_path / "new.wav")
    files.convert([str(sct)], new, voice=str(sct), model=model, track=track)
    check()


def test_the_device_of_its_own_accord(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen("auto") == "cuda"
